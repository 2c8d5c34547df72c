package enginetest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cleat-go/docker"
)

var pluginRoutes = table{
	"GET /plugins":                 plainHandler(pluginList),
	"GET /plugins/privileges":      plainHandler(pluginPrivileges),
	"POST /plugins/pull":           streamHandler(pluginPull),
	"POST /plugins/create":         streamHandler(pluginCreate),
	"GET /plugins/{name}/json":     plainHandler(pluginInspect),
	"DELETE /plugins/{name}":       plainHandler(pluginRemove),
	"POST /plugins/{name}/enable":  plainHandler(pluginEnable),
	"POST /plugins/{name}/disable": plainHandler(pluginDisable),
	"POST /plugins/{name}/upgrade": streamHandler(pluginUpgrade),
	"POST /plugins/{name}/push":    streamHandler(pluginPush),
	"POST /plugins/{name}/set":     plainHandler(pluginSet),
}

// plugin is a plugin that the engine has. No process is behind one that is enabled.
type plugin struct {
	docker.Plugin
	content *pluginContent
}

// The capabilities of plugins that are drivers.
const (
	volumeDriver  = "volumedriver"
	networkDriver = "networkdriver"
)

// is tells whether a plugin has a capability: "volumedriver" is that of the type
// "docker.volumedriver/1.0".
func (p *plugin) is(capability string) bool {
	return slices.ContainsFunc(p.Config.Interface.Types, func(kind string) bool {
		kind, _, _ = strings.Cut(kind, "/")
		return kind == "docker."+capability
	})
}

// sortedPlugins are the plugins by name.
func (e *engine) sortedPlugins() []*plugin {
	all := slices.Clone(e.plugins)
	slices.SortFunc(all, func(a, b *plugin) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// pluginNamed is the plugin of a name with a tag, or nil.
func (e *engine) pluginNamed(name string) *plugin {
	for _, p := range e.plugins {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// findPlugin finds a plugin by name, ID or the beginning of an ID.
func (e *engine) findPlugin(name string) (*plugin, error) {
	found := e.pluginNamed(withTag(name))
	if found != nil {
		return found, nil
	}
	for _, p := range e.plugins {
		if !strings.HasPrefix(p.ID, name) {
			continue
		}
		if found != nil {
			return nil, badRequest("multiple plugins found for %q", name)
		}
		found = p
	}
	if found == nil {
		return nil, notFound("plugin %q not found", name)
	}
	return found, nil
}

// plugin is that of the path.
func (c *call) plugin() (*plugin, error) { return c.findPlugin(c.vars["name"]) }

func (e *engine) emitPlugin(p *plugin, action string) {
	e.emit(docker.EventPlugin, action, p.ID, map[string]string{"name": p.Name})
}

// driver is the name of an enabled plugin that is a driver of some kind.
func (e *engine) driver(name, capability string) (string, error) {
	p := e.pluginNamed(withTag(name))
	switch {
	case p == nil:
		return "", notFound("plugin %q not found", name)
	case !p.Enabled:
		return "", notFound("plugin %q found but disabled", name)
	case !p.is(capability):
		return "", notFound("plugin %q does not have the capability %s", name, capability)
	}
	return p.Name, nil
}

// drivers are the names of the enabled plugins that are drivers of some kind.
func (e *engine) drivers(capability string) []string {
	var names []string
	for _, p := range e.sortedPlugins() {
		if p.Enabled && p.is(capability) {
			names = append(names, p.Name)
		}
	}
	return names
}

// unused refuses where volumes or networks have a plugin for their driver.
func (e *engine) unused(p *plugin) error {
	for _, v := range e.volumes.byName {
		if v.Driver == p.Name {
			return conflict("plugin %q is in use", p.Name)
		}
	}
	for _, n := range e.networks.byID {
		if n.Driver == p.Name {
			return conflict("plugin %q is in use", p.Name)
		}
	}
	return nil
}

// disabled refuses where a plugin is enabled.
func (p *plugin) disabled() error {
	if p.Enabled {
		return conflict("plugin %q is enabled", p.Name)
	}
	return nil
}

func pluginList(c *call) error {
	f, err := c.filters("capability", "enabled")
	if err != nil {
		return err
	}
	enabled, err := f.bool("enabled", false)
	if err != nil {
		return err
	}
	list := []docker.Plugin{}
	for _, p := range c.sortedPlugins() {
		if (len(f["enabled"]) == 0 || p.Enabled == enabled) && f.any("capability", p.is) {
			list = append(list, p.Plugin)
		}
	}
	return c.json(http.StatusOK, list, until(51, "Config.DockerVersion"))
}

func pluginInspect(c *call) error {
	p, err := c.plugin()
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, p.Plugin, until(51, "Config.DockerVersion"))
}

func pluginEnable(c *call) error {
	if _, err := c.int("timeout", -1); err != nil || c.param("timeout") == "" {
		return badRequest("strconv.Atoi: parsing %q: invalid syntax", c.param("timeout"))
	}
	p, err := c.plugin()
	if err != nil {
		return err
	}
	if err := p.disabled(); err != nil {
		return conflict("plugin already enabled: %v", err)
	}
	p.Enabled = true
	c.emitPlugin(p, "enable")
	return c.done(http.StatusOK)
}

func pluginDisable(c *call) error {
	p, err := c.plugin()
	if err != nil {
		return err
	}
	if err := c.unused(p); err != nil && !c.bool("force") {
		return err
	}
	if !p.Enabled {
		return conflict("plugin is already disabled: plugin %q found but disabled", p.Name)
	}
	c.disablePlugin(p)
	return c.done(http.StatusOK)
}

func (e *engine) disablePlugin(p *plugin) {
	if p.Enabled {
		p.Enabled = false
		e.emitPlugin(p, "disable")
	}
}

func pluginRemove(c *call) error {
	p, err := c.plugin()
	if err != nil {
		return err
	}
	if !c.bool("force") {
		if err := c.unused(p); err != nil {
			return err
		}
		if err := p.disabled(); err != nil {
			return err
		}
	}
	c.disablePlugin(p)
	c.plugins = slices.DeleteFunc(c.plugins, func(other *plugin) bool { return other == p })
	c.emitPlugin(p, "remove")
	return c.done(http.StatusOK)
}

// addPlugin makes a plugin, which is not enabled.
func (e *engine) addPlugin(name, reference string, content *pluginContent) *plugin {
	p := &plugin{Plugin: docker.Plugin{ID: newID(), Name: name, PluginReference: reference}}
	p.holds(content)
	e.plugins = append(e.plugins, p)
	return p
}

// holds gives a plugin what it is made of, and the settings that come with that.
func (p *plugin) holds(content *pluginContent) {
	p.content, p.Config, p.Settings = content, content.config, content.settings()
}

// freePluginName refuses a name that a plugin has.
func (e *engine) freePluginName(name string) error {
	if e.pluginNamed(name) != nil {
		return fmt.Errorf("plugin %q already exists", name)
	}
	return nil
}
