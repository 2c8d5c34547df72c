package enginetest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
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

// has tells whether a plugin has a capability: "volumedriver" is that of the type
// "docker.volumedriver/1.0".
func (p *plugin) has(capability string) bool {
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

// emitPlugin tells of a plugin under the name that the call has for it.
func (e *engine) emitPlugin(p *plugin, name, action string) {
	e.emit(docker.EventPlugin, action, p.ID, map[string]string{"name": name})
}

// driver is the name of an enabled plugin that is a driver of some kind.
func (e *engine) driver(name, capability string) (string, error) {
	p := e.pluginNamed(withTag(name))
	switch {
	case p == nil:
		return "", notFound("plugin %q not found", name)
	case !p.Enabled:
		return "", conflict("plugin %s found but disabled", name)
	case !p.has(capability):
		return "", errorf(http.StatusInternalServerError, "plugin does not provide %q capability", capability)
	}
	return p.Name, nil
}

// unused refuses where volumes or networks have a plugin for their driver.
func (e *engine) unused(p *plugin) error {
	for _, v := range e.volumes.byName {
		if v.Driver == p.Name {
			return conflict("plugin %s is in use", p.Name)
		}
	}
	for _, n := range e.networks.byID {
		if n.Driver == p.Name {
			return conflict("plugin %s is in use", p.Name)
		}
	}
	return nil
}

// disabled refuses where a plugin is enabled.
func (p *plugin) disabled() error {
	if p.Enabled {
		return conflict("plugin %s is enabled", p.Name)
	}
	return nil
}

func pluginList(c *call) error {
	f, err := c.filters("capability", "enabled")
	if err != nil {
		return err
	}
	enabled, err := f.bool("enabled", false)
	if err != nil || c.apiVersion() >= 42 && slices.Contains(f["enabled"], "true") && slices.Contains(f["enabled"], "false") {
		return c.badFilter("'enabled=%v'", f["enabled"])
	}
	list := []docker.Plugin{}
	for _, p := range c.sortedPlugins() {
		if (len(f["enabled"]) == 0 || p.Enabled == enabled) && (len(p.Config.Interface.Types) == 0 || f.any("capability", p.has)) {
			list = append(list, p.Plugin)
		}
	}
	return c.json(http.StatusOK, list, pluginFields, until(51, "Config.DockerVersion"))
}

func pluginInspect(c *call) error {
	p, err := c.plugin()
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, p.Plugin, pluginFields, until(51, "Config.DockerVersion"))
}

// pluginFields edits what the types of the client do not tell as engines do: a user that
// is empty, and values that are not there.
func pluginFields(c *call, object map[string]any) {
	config, ok := object["Config"].(map[string]any)
	if !ok {
		return
	}
	if config["User"] == nil {
		config["User"] = map[string]any{}
	}
	variables, _ := config["Env"].([]any)
	for _, p := range c.plugins {
		for i, env := range variables {
			if p.ID == object["Id"] && p.content.unset[p.Config.Env[i].Name] {
				env.(map[string]any)["Value"] = nil //nolint:forcetypeassert // it was made of a struct
			}
		}
	}
}

func pluginEnable(c *call) error {
	if _, err := strconv.Atoi(c.param("timeout")); err != nil {
		return errorf(http.StatusInternalServerError, "strconv.Atoi: parsing %q: invalid syntax", c.param("timeout"))
	}
	p, err := c.plugin()
	if err != nil {
		return err
	}
	if err := p.disabled(); err != nil {
		return conflict("plugin already enabled: %v", err)
	}
	p.Enabled = true
	c.emitPlugin(p, c.vars["name"], "enable")
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
		return conflict("plugin is already disabled: plugin %s found but disabled", p.Name)
	}
	p.Enabled = false
	c.emitPlugin(p, c.vars["name"], "disable")
	return c.done(http.StatusOK)
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
	c.plugins = slices.DeleteFunc(c.plugins, func(other *plugin) bool { return other == p })
	c.emitPlugin(p, c.vars["name"], "remove")
	return c.done(http.StatusOK)
}

// addPlugin makes a plugin, which is not enabled.
func (e *engine) addPlugin(name, reference string, content *pluginContent) *plugin {
	p := &plugin{content: content, Plugin: docker.Plugin{
		ID: newID(), Name: name, PluginReference: reference, Config: content.config, Settings: content.settings(),
	}}
	e.plugins = append(e.plugins, p)
	return p
}

// freePluginName refuses a name that a plugin has.
func (e *engine) freePluginName(name string) error {
	if e.pluginNamed(name) != nil {
		return fmt.Errorf("plugin %s already exists", name)
	}
	return nil
}
