package enginetest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/cleat-go/docker"
)

// Plugin is a plugin that a registry has. No process is behind one that is installed and
// enabled: it serves no volumes.
type Plugin struct {
	Config docker.PluginConfig // without RootFS and DockerVersion, which the engine makes
}

// pushedPlugin is a plugin that a registry has from the start.
type pushedPlugin struct {
	host, name string
	content    *pluginContent
}

// pluginName is the name that a plugin is given.
func pluginName(name string) (string, error) {
	if err := validRepository(name); err != nil {
		return "", err
	}
	if name == "" || strings.Contains(name, "@") {
		return "", badRequest("invalid reference format")
	}
	return withTag(name), nil
}

// remotePlugin finds what a registry has.
func (c *call) remotePlugin(ref string) (*pluginContent, error) {
	host, name := split(ref)
	if err := c.reach(host); err != nil {
		return nil, err
	}
	if content := c.registry.plugins[host+"/"+name]; content != nil {
		return content, nil
	}
	repo, digest, _ := strings.Cut(name, "@")
	repo, _, _ = strings.Cut(repo, ":")
	for name, content := range c.registry.plugins {
		if content.digest == digest && strings.HasPrefix(name, host+"/"+repo+":") {
			return content, nil
		}
	}
	return nil, notFound("%s: not found", ref)
}

// pluginPrivileges tells of nothing where there is no such plugin.
func pluginPrivileges(c *call) error {
	privileges := []docker.PluginPrivilege{}
	if content, err := c.remotePlugin(c.param("remote")); err == nil {
		privileges = content.privileges()
	}
	return c.json(http.StatusOK, privileges)
}

func pluginPull(c *call) error {
	ref := c.param("remote")
	name, err := pluginName(c.param("name"))
	if c.param("name") == "" {
		name, err = pluginName(strings.SplitN(ref, "@", 2)[0])
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	err = c.freePluginName(name)
	c.mu.Unlock()
	if err != nil {
		return badRequest("%v", err)
	}
	return c.fetchPlugin(ref, name, func(content *pluginContent) error {
		if err := c.freePluginName(name); err != nil {
			return badRequest("%v", err)
		}
		c.emitPlugin(c.addPlugin(name, withTag(ref), content), "pull")
		return nil
	})
}

func pluginUpgrade(c *call) error {
	c.mu.Lock()
	p, err := c.plugin()
	if err == nil {
		err = p.disabled()
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	ref := c.param("remote")
	return c.fetchPlugin(ref, p.Name, func(content *pluginContent) error {
		if err := p.disabled(); err != nil {
			return err
		}
		settings := p.Settings
		p.holds(content)
		p.Settings.Env, p.PluginReference = settings.Env, withTag(ref)
		c.emitPlugin(p, "upgrade")
		return nil
	})
}

// fetchPlugin tells of the pull of a plugin. What stores it runs with the lock.
func (c *call) fetchPlugin(ref, name string, store func(*pluginContent) error) error {
	var privileges []docker.PluginPrivilege
	if err := c.decode(&privileges); err != nil {
		return err
	}
	c.header.Set("Docker-Plugin-Name", name)
	c.mu.Lock()
	content, err := c.remotePlugin(ref)
	c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case !content.granted(privileges):
		return badRequest("incorrect privileges")
	}
	p, id, size := c.progress(), short(content.layer()), content.size
	for _, m := range []message{
		{Status: "Pulling from " + name, ID: withTag(ref)},
		{Status: "Downloading", ID: id, ProgressDetail: &messageDetail{Current: size, Total: size}},
		{Status: "Download complete", ID: id, ProgressDetail: &messageDetail{}},
		{Status: "Digest: " + content.digest},
	} {
		if err := p.send(m); err != nil {
			return err
		}
	}
	c.mu.Lock()
	err = store(content)
	c.mu.Unlock()
	return p.fail(err)
}

func pluginPush(c *call) error {
	c.mu.Lock()
	plugin, err := c.plugin()
	if err != nil {
		c.mu.Unlock()
		return err
	}
	host, name := split(plugin.Name)
	content := plugin.content
	err = c.reach(host)
	c.mu.Unlock()
	p, id, size := c.progress(), short(content.layer()), content.size
	repo, tag, _ := strings.Cut(name, ":")
	if err := p.send(message{Status: "The push refers to repository [" + host + "/" + repo + "]"}); err != nil {
		return err
	}
	if err != nil {
		return p.fail(err)
	}
	for _, m := range []message{
		{Status: "Preparing", ID: id, ProgressDetail: &messageDetail{}},
		{Status: "Pushing", ID: id, ProgressDetail: &messageDetail{Current: size, Total: size}},
		{Status: "Pushed", ID: id, ProgressDetail: &messageDetail{}},
	} {
		if err := p.send(m); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.registry.plugins[host+"/"+name] = content
	c.emitPlugin(plugin, "push")
	c.mu.Unlock()
	digest := content.digest
	if err := p.send(message{Status: fmt.Sprintf("%s: digest: %s size: %d", tag, digest, 528)}); err != nil {
		return err
	}
	return p.send(message{ProgressDetail: &messageDetail{}, Aux: map[string]any{"Tag": tag, "Digest": digest, "Size": 528}})
}
