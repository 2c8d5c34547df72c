package enginetest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func pluginSet(c *call) error {
	var settings []string
	if err := c.optional(&settings); err != nil {
		return err
	}
	p, err := c.plugin()
	if err != nil {
		return err
	}
	if p.Enabled {
		return errorf(http.StatusInternalServerError, "cannot set on an active plugin, disable plugin before setting")
	}
	for _, text := range settings {
		if err := p.set(text); err != nil {
			return errorf(http.StatusInternalServerError, "%v", err)
		}
	}
	return c.done(http.StatusNoContent)
}

// pluginSetting is something that a plugin may let be set.
type pluginSetting struct {
	name, field string
	settable    []string // the fields that may be set
	set         func(value string)
}

func (p *plugin) settable() []pluginSetting {
	var all []pluginSetting
	for _, env := range p.Config.Env {
		all = append(all, pluginSetting{env.Name, "value", env.Settable, func(value string) { p.setEnv(env.Name, value) }})
	}
	for _, m := range p.Config.Mounts {
		all = append(all, pluginSetting{m.Name, "source", m.Settable, func(value string) { p.setMount(m.Name, value) }})
	}
	for _, d := range p.Config.Linux.Devices {
		all = append(all, pluginSetting{d.Name, "path", d.Settable, func(value string) { p.setDevice(d.Name, value) }})
	}
	args := p.Config.Args
	return append(all, pluginSetting{args.Name, "value", args.Settable, func(value string) { p.Settings.Args = strings.Split(value, " ") }})
}

func (p *plugin) setEnv(name, value string) {
	for i, have := range p.Settings.Env {
		if strings.HasPrefix(have, name+"=") {
			p.Settings.Env[i] = name + "=" + value
			return
		}
	}
	p.Settings.Env = append(p.Settings.Env, name+"="+value)
}

// setMount and setDevice change nothing where the settings are those of another
// configuration, before an upgrade.
func (p *plugin) setMount(name, source string) {
	for i := range p.Settings.Mounts {
		if p.Settings.Mounts[i].Name == name {
			p.Settings.Mounts[i].Source = source
		}
	}
}

func (p *plugin) setDevice(name, path string) {
	for i := range p.Settings.Devices {
		if p.Settings.Devices[i].Name == name {
			p.Settings.Devices[i].Path = path
		}
	}
}

// set changes a setting: name=value or name.field=value.
func (p *plugin) set(text string) error {
	full, value, _ := strings.Cut(text, "=")
	if strings.HasPrefix(text, "=") {
		return errors.New("invalid format, must be <name>[.<field>][=<value>]")
	}
	name, field := full, ""
	if i := strings.LastIndexByte(full, '.'); i > 0 {
		name, field = full[:i], full[i+1:]
	}
	for _, s := range p.settable() {
		if s.name != name {
			continue
		}
		if field == "" && len(s.settable) == 1 {
			field = s.settable[0]
		}
		switch {
		case field == "" && len(s.settable) > 1:
			return errors.New("multiple fields are settable, one must be specified")
		case field != s.field, !slices.Contains(s.settable, field):
			return fmt.Errorf("%q is not settable", full)
		}
		s.set(value)
		return nil
	}
	return fmt.Errorf("setting %q not found in the plugin configuration", name)
}
