package enginetest

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cleat-go/docker"
)

// pluginContent is what a plugin is made of. It never changes.
type pluginContent struct {
	config docker.PluginConfig
	unset  map[string]bool // the variables that have no value
	size   int64           // of its files
	digest string          // of its manifest
}

// newPluginContent completes a configuration. The files are known by the digest of their layer.
func newPluginContent(config docker.PluginConfig, layer string, size int64) *pluginContent {
	config.RootFS = docker.PluginRootFS{Type: "layers", DiffIDs: []string{layer}}
	h := sha256.New()
	json.NewEncoder(h).Encode(config) //nolint:errcheck // to memory
	return &pluginContent{config: config, unset: make(map[string]bool), size: max(size, 1), digest: "sha256:" + hex.EncodeToString(h.Sum(nil))}
}

// content is what a declared plugin is made of.
func (p Plugin) content() (*pluginContent, error) {
	b, err := json.Marshal(p.Config)
	files := layer{"rootfs/plugin": {mode: 0o755, data: b}}
	return newPluginContent(p.Config, pluginLayer(files), files.size()), err
}

// pluginLayer is the digest of a plugin's files, with their times.
func pluginLayer(files layer) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		n := files[name]
		fmt.Fprintf(h, "%q %v %d %d %d %q %q\n", name, n.mode, n.uid, n.gid, n.modified.UnixNano(), n.link, n.data)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// layer is the digest of its files.
func (p *pluginContent) layer() string { return p.config.RootFS.DiffIDs[0] }

// settings are those that a plugin begins with.
func (p *pluginContent) settings() docker.PluginSettings {
	s := docker.PluginSettings{
		Mounts: append([]docker.PluginMount{}, p.config.Mounts...), Env: []string{},
		Args: append([]string{}, p.config.Args.Value...), Devices: append([]docker.PluginDevice{}, p.config.Linux.Devices...),
	}
	for _, env := range p.config.Env {
		if !p.unset[env.Name] {
			s.Env = append(s.Env, env.Name+"="+env.Value)
		}
	}
	return s
}

// privileges are what a plugin has to be granted.
func (p *pluginContent) privileges() []docker.PluginPrivilege {
	all := []docker.PluginPrivilege{}
	add := func(wanted bool, name, description string, value ...string) {
		if wanted {
			all = append(all, docker.PluginPrivilege{Name: name, Description: description, Value: value})
		}
	}
	config := &p.config
	network := config.Network.Type
	add(network != "" && network != "null" && network != "bridge", "network", "permissions to access a network", network)
	add(config.IPCHost, "host ipc namespace", "allow access to host ipc namespace", "true")
	add(config.PIDHost, "host pid namespace", "allow access to host pid namespace", "true")
	for _, m := range config.Mounts {
		add(m.Source != "", "mount", "host path to mount", m.Source)
	}
	for _, d := range config.Linux.Devices {
		add(d.Path != "", "device", "host device to access", d.Path)
	}
	add(config.Linux.AllowAllDevices, "allow-all-devices", "allow 'rwm' access to all devices", "true")
	add(len(config.Linux.Capabilities) > 0, "capabilities", "list of additional capabilities required", config.Linux.Capabilities...)
	return all
}

// granted tells whether privileges are those that a plugin has to be granted, in any order.
func (p *pluginContent) granted(privileges []docker.PluginPrivilege) bool {
	key := func(all []docker.PluginPrivilege) []string {
		keys := make([]string, len(all))
		for i, one := range all {
			keys[i] = one.Name + " " + strings.Join(slices.Sorted(slices.Values(one.Value)), " ")
		}
		slices.Sort(keys)
		return keys
	}
	return slices.Equal(key(privileges), key(p.privileges()))
}

func pluginCreate(c *call) error {
	name, err := c.pluginName(c.param("name"))
	if strings.Contains(c.param("name"), "@") {
		return errorf(http.StatusInternalServerError, "canonical references are not permitted")
	}
	if err != nil {
		return errorf(http.StatusInternalServerError, "failed to parse reference %s: %v", c.param("name"), err)
	}
	c.mu.Lock()
	taken := c.freePluginName(name)
	c.mu.Unlock()
	if taken != nil {
		return conflict("%v", taken)
	}
	content, err := c.readPlugin()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.freePluginName(name); err != nil {
		return conflict("%v", err)
	}
	if err := c.newPluginLayer(content.layer()); err != nil {
		return err
	}
	c.emitPlugin(c.addPlugin(name, name, content), name, "create")
	c.status = http.StatusNoContent
	return nil
}

// newPluginLayer refuses to make files that a plugin has: engines keep them once, and
// do not expect them.
func (e *engine) newPluginLayer(digest string) error {
	status := http.StatusConflict
	if e.apiVersion() >= 48 {
		status = http.StatusInternalServerError
	}
	if slices.ContainsFunc(e.plugins, func(p *plugin) bool { return p.content.layer() == digest }) {
		return errorf(status, "content %s: already exists", digest)
	}
	return nil
}

// readPlugin reads the tar of a plugin: its config.json, and its files below rootfs.
func (c *call) readPlugin() (*pluginContent, error) {
	body := bufio.NewReader(c.r.Body)
	magic, _ := body.Peek(2) //nolint:errcheck // the next read tells
	files, err := readTar(body)
	if err == nil && string(magic) == "\x1f\x8b" {
		err = tar.ErrHeader // engines take no compressed ones
	}
	if err != nil {
		return nil, errorf(http.StatusInternalServerError, "failed to read from tar: %v", err)
	}
	file := files["config.json"]
	maps.DeleteFunc(files, func(name string, n *node) bool {
		return n == nil || name != "rootfs" && !strings.HasPrefix(name, "rootfs/")
	})
	switch {
	case len(files) == 0 && c.apiVersion() < 48:
		return nil, errorf(http.StatusInternalServerError, "no rootfs found: EOF")
	case file == nil:
		return nil, errorf(http.StatusInternalServerError, "config not found")
	}
	var config docker.PluginConfig
	var values struct{ Env []struct{ Value *string } }
	err = json.Unmarshal(file.data, &config)
	if err == nil {
		err = json.Unmarshal(file.data, &values)
	}
	if err != nil {
		return nil, errorf(http.StatusInternalServerError, "failed to parse config: %v", err)
	}
	config.DockerVersion = c.engineVersion()
	content := newPluginContent(config, pluginLayer(files), files.size())
	for i, env := range values.Env {
		if env.Value == nil {
			content.unset[config.Env[i].Name] = true
		}
	}
	return content, nil
}
