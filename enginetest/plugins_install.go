package enginetest

import (
	"net/http"
	"strings"

	"github.com/cleat-go/docker"
)

// Plugin is a plugin that a registry has. Nothing runs behind one that is installed and
// enabled.
type Plugin struct {
	Config docker.PluginConfig // DockerVersion and RootFS are the engine's to set
}

// pushedPlugin is a plugin that a registry has from the start.
type pushedPlugin struct {
	host, name string
	content    *pluginContent
}

// manifestSize is that of a plugin's manifest.
const manifestSize = 419

func (p *pluginContent) descriptor() docker.Descriptor {
	return docker.Descriptor{MediaType: "application/vnd.docker.distribution.manifest.v2+json", Digest: p.digest, Size: manifestSize}
}

// pluginName is a name with a tag, without a digest.
func (c *call) pluginName(name string) (string, error) {
	name, _, _ = strings.Cut(name, "@")
	err := validRepository(name)
	switch {
	case name == "":
		err = errorf(http.StatusInternalServerError, "invalid reference format")
	case err != nil && c.apiVersion() < 42 && name != strings.ToLower(name):
		err = errorf(http.StatusInternalServerError, "invalid reference format: repository name must be lowercase")
	case err != nil:
		err = errorf(http.StatusInternalServerError, "%v", err)
	}
	return withTag(name), err
}

// notAnImage refuses to pull a plugin as an image.
func (c *call) notAnImage() error {
	status := http.StatusInternalServerError
	if c.apiVersion() >= 48 {
		status = http.StatusBadRequest
	}
	return errorf(status, "Encountered remote \"application/vnd.docker.plugin.v1+json\"(plugin) when fetching")
}

// remotePlugin is what a registry has: it is nil for an image.
func (c *call) remotePlugin(ref string) (*pluginContent, error) {
	host, name := split(ref)
	if err := c.reach(host); err != nil {
		return nil, errorf(statusOf(err), "error resolving plugin reference: %v", err)
	}
	content, isImage := c.registry.plugins[host+"/"+name], c.registry.images[host+"/"+name] != nil
	if content != nil || isImage {
		return content, nil
	}
	repo, digest, _ := strings.Cut(name, "@")
	repo, _, _ = strings.Cut(repo, ":")
	for name, content := range c.registry.plugins {
		if content.digest == digest && strings.HasPrefix(name, host+"/"+repo+":") {
			return content, nil
		}
	}
	return nil, notFound("error resolving plugin reference: %s: not found", withTag(ref))
}

// pluginPrivileges tells of none where there is no such plugin, or no such registry.
func pluginPrivileges(c *call) error {
	ref := c.param("remote")
	if _, err := c.pluginName(ref); err != nil {
		return err
	}
	content, err := c.remotePlugin(ref)
	switch {
	case err != nil:
		return c.json(http.StatusOK, []docker.PluginPrivilege{})
	case content == nil:
		return errorf(http.StatusInternalServerError, "did not find plugin config for specified reference %s", withTag(ref))
	}
	return c.json(http.StatusOK, content.privileges())
}

// pluginFetch is a pull or an upgrade.
type pluginFetch struct {
	*call
	ref, name string // the remote's and the plugin's
	granted   []docker.PluginPrivilege
}

func (c *call) pluginFetch(name string) (*pluginFetch, error) {
	f := &pluginFetch{call: c, ref: c.param("remote")}
	remote, err := c.pluginName(f.ref)
	if err != nil {
		return nil, err
	}
	if f.name = remote; name != "" {
		f.name, err = c.pluginName(name)
	}
	if err != nil {
		return nil, err
	}
	c.header.Set("Docker-Plugin-Name", f.name)
	return f, c.optional(&f.granted)
}

func pluginPull(c *call) error {
	f, err := c.pluginFetch(c.param("name"))
	if err != nil {
		return err
	}
	free := func() error {
		if err := c.freePluginName(f.name); err != nil {
			return badRequest("%v", err)
		}
		return nil
	}
	return f.fetch(free, func(content *pluginContent) { c.addPlugin(f.name, withTag(f.ref), content) })
}

// pluginUpgrade keeps the settings as they are.
func pluginUpgrade(c *call) error {
	f, err := c.pluginFetch(c.vars["name"])
	if err != nil {
		return err
	}
	var p *plugin
	disabled := func() (err error) {
		if p, err = c.findPlugin(f.name); err != nil {
			return err
		}
		if err = p.disabled(); err != nil {
			return conflict("plugin must be disabled before upgrading: %v", err)
		}
		return nil
	}
	return f.fetch(disabled, func(content *pluginContent) {
		p.content, p.Config, p.PluginReference = content, content.config, withTag(f.ref)
	})
}

// fetch gets a plugin from its registry and stores it, if it may: before and after.
func (f *pluginFetch) fetch(may func() error, store func(*pluginContent)) error {
	f.mu.Lock()
	err := may()
	var content *pluginContent
	if err == nil {
		content, err = f.remotePlugin(f.ref)
	}
	there := content != nil && f.newPluginLayer(content.layer()) != nil
	f.mu.Unlock()
	if err != nil {
		return err
	}
	p, err := f.tell(content, there)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.emit(docker.EventPlugin, "pull", withTag(f.ref), map[string]string{"name": f.name})
	err = may()
	switch {
	case content == nil:
		err = errorf(http.StatusInternalServerError, "fetched plugin image but plugin config is missing")
	case !content.granted(f.granted):
		err = badRequest("incorrect privileges")
	case err == nil:
		store(content)
	}
	return p.fail(err)
}

// tell sends what a pull tells. An image has nothing to tell of.
func (f *pluginFetch) tell(content *pluginContent, there bool) (*progress, error) {
	host, name := split(f.ref)
	repo, tag, _ := strings.Cut(name, ":")
	if strings.Contains(f.ref, "@") {
		repo, tag = strings.SplitN(name, "@", 2)[0], f.ref
	}
	if host != "docker.io" {
		repo = host + "/" + repo
	}
	p := f.progress()
	err := p.send(message{Status: "Pulling from " + repo, ID: tag})
	if content == nil || err != nil {
		return p, err
	}
	id, detail := short(content.layer()), &messageDetail{Current: content.size, Total: content.size}
	messages := []message{{Status: "Digest: " + content.digest}}
	if there {
		messages = append(messages, message{Status: "Already exists", ID: id, ProgressDetail: &messageDetail{}})
	} else {
		messages = append(messages, message{Status: "Waiting", ID: id, ProgressDetail: &messageDetail{}},
			message{Status: "Downloading", ID: id, ProgressDetail: detail}, message{Status: "Download complete", ID: id, ProgressDetail: &messageDetail{}})
	}
	return p, p.sendAll(append(messages, message{Status: "Extracting", ID: id, ProgressDetail: detail},
		message{Status: "Complete", ID: id, ProgressDetail: &messageDetail{}}))
}

func (p *progress) sendAll(messages []message) error {
	for _, m := range messages {
		if err := p.send(m); err != nil {
			return err
		}
	}
	return nil
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
	p := c.progress()
	repo, tag, _ := strings.Cut(name, ":")
	messages := []message{{Status: "The push refers to repository [" + host + "/" + repo + "]"}}
	blobs := []docker.Descriptor{content.descriptor(), {Digest: content.layer(), Size: content.size}}
	for _, b := range blobs {
		messages = append(messages, message{Status: "Preparing", ID: short(b.Digest), ProgressDetail: &messageDetail{}})
	}
	if sent := p.sendAll(messages); sent != nil || err != nil {
		if sent == nil {
			sent = p.fail(errorf(http.StatusInternalServerError, "error pushing plugin: %v", err))
		}
		return sent
	}
	messages = nil
	for _, b := range blobs {
		messages = append(messages, message{Status: "Upload complete", ID: short(b.Digest), ProgressDetail: &messageDetail{Current: b.Size, Total: b.Size}},
			message{Status: "Upload complete", ID: short(b.Digest), ProgressDetail: &messageDetail{}})
	}
	c.mu.Lock()
	c.registry.plugins[host+"/"+name] = content
	delete(c.registry.images, host+"/"+name)
	c.mu.Unlock()
	return p.sendAll(append(messages, message{ProgressDetail: &messageDetail{}, Aux: map[string]any{"Tag": tag, "Digest": content.digest, "Size": manifestSize}}))
}
