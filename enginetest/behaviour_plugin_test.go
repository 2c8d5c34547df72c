package enginetest_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/errdefs"
)

// pluginConfig is that of a plugin that drives volumes.
const pluginConfig = `{"description":"of a test","documentation":"none","entrypoint":["/plugin"],"workdir":"/",
	"interface":{"types":["docker.volumedriver/1.0"],"socket":"cleat.sock"},"network":{"type":"none"},"propagatedMount":"/data",
	"mounts":[{"name":"m","description":"d","settable":["source"],"source":"/tmp","destination":"/host","type":"bind","options":["rbind"]},
		{"name":"fixed","description":"d","source":"/tmp","destination":"/host2","type":"bind","options":["rbind"]}],
	"args":{"name":"args","description":"d","settable":["value"],"value":["a","b"]},
	"env":[{"name":"LEVEL","description":"d","settable":["value"],"value":"1"},{"name":"FIXED","description":"d","value":"1"},
		{"name":"NONE","description":"d","settable":["value"]},{"name":"EMPTY","description":"d","settable":["value"],"value":""}],
	"linux":{"capabilities":["CAP_SYS_ADMIN"],"devices":[{"name":"dev","description":"d","settable":["path"],"path":"/dev/null"}]}}`

// pluginProgram is what a real engine starts when the plugin is enabled.
var pluginProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "plugin")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "plugin")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, filepath.Join("..", "testdata", "plugin", "main.go"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(program)
})

// pluginArchive is a tar of files by name; a name that ends with a slash is a folder.
func pluginArchive(files ...string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o755, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		if strings.HasSuffix(h.Name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		w.Write([]byte(files[i+1])) //nolint:errcheck // to memory
	}
	w.Close() //nolint:errcheck // to memory
	return out.Bytes()
}

// pluginTar is a plugin that a real engine can start.
func (b *trial) pluginTar() []byte {
	about, err := b.Version(b.ctx)
	require.NoError(b, err)
	var program []byte
	if about.Platform.Name != "enginetest" {
		program, err = pluginProgram()
		require.NoError(b, err)
	}
	return pluginArchive("config.json", pluginConfig, "rootfs/", "", "rootfs/data/", "", "rootfs/host/", "", "rootfs/host2/", "", "rootfs/run/", "",
		"rootfs/run/docker/", "", "rootfs/run/docker/plugins/", "", "rootfs/plugin", string(program), "rootfs/mark", b.mark)
}

// tryPlugin makes a plugin of the case's own, if the engine lets it.
func (b *trial) tryPlugin(name string, content []byte) (string, error) {
	own := b.name(name)
	err := b.PluginCreate(b.ctx, own, bytes.NewReader(content))
	if err != nil {
		return own, err
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.PluginRemove(ctx, own, &docker.PluginRemoveOptions{Force: true}); !errors.Is(err, errdefs.ErrNotFound) {
			require.NoError(b, err)
		}
	})
	made, err := b.PluginInspect(b.ctx, own, nil)
	require.NoError(b, err)
	b.show(made.ID, "<"+name+" id>")
	return own, nil
}

func (b *trial) plugin(name string) string {
	b.Helper()
	own, err := b.tryPlugin(name, b.pluginTar())
	require.NoError(b, err)
	return own
}

// settings notes what a plugin runs with.
func (b *trial) settings(name string) {
	b.Helper()
	p, err := b.PluginInspect(b.ctx, name, nil)
	require.NoError(b, err)
	text, err := json.Marshal(p.Settings)
	require.NoError(b, err)
	b.note("enabled=%t %s", p.Enabled, text)
}

// pluginsOf notes which plugins of the case a filter lets pass.
func (b *trial) pluginsOf(filters docker.Filters) {
	b.Helper()
	found, err := b.PluginList(b.ctx, &docker.PluginListOptions{Filters: filters})
	if err != nil {
		b.err(fmt.Sprint(filters), err)
		return
	}
	var names []string
	for _, p := range found {
		if strings.Contains(p.Name, b.mark) {
			names = append(names, p.Name)
		}
	}
	b.note("%v: %s", filters, cmp.Or(strings.Join(names, " "), "none"))
}

func (b *trial) pluginID(name string) string {
	b.Helper()
	p, err := b.PluginInspect(b.ctx, name, nil)
	require.NoError(b, err)
	return p.ID
}

// pluginEvents notes what happened to a plugin.
func (b *trial) pluginEvents(id string) {
	b.Helper()
	feed, err := b.Events(b.ctx, &docker.EventsOptions{
		Since: b.began, Until: b.now().Add(time.Millisecond), Filters: docker.Filters{"type": {"plugin"}, "plugin": {id}},
	})
	require.NoError(b, err)
	for ev, err := range feed.All() {
		require.NoError(b, err)
		b.note("event: %s %s %s %v", ev.Action, ev.Actor.ID, ev.Scope, ev.Actor.Attributes)
	}
}

var pluginBehaviours = []behaviour{
	{"a plugin's life", 0, func(b *trial) {
		name := b.plugin("a")
		id := b.pluginID(name)
		b.settings(name)
		_, err := b.tryPlugin("a", b.pluginTar())
		b.err("taken", err)
		b.err("disable", b.PluginDisable(b.ctx, name, nil))
		b.err("enable", b.PluginEnable(b.ctx, name, &docker.PluginEnableOptions{Timeout: 5 * time.Second}))
		b.settings(name)
		b.err("again", b.PluginEnable(b.ctx, name, nil))
		b.err("set", b.PluginSet(b.ctx, name, "LEVEL=2"))
		b.err("remove", b.PluginRemove(b.ctx, name, nil))
		b.raw(http.MethodPost, "/plugins/"+name+"/upgrade", []any{}, "remote", "127.0.0.1:1/none")
		b.err("disable", b.PluginDisable(b.ctx, name, nil))
		b.err("disable by force", b.PluginDisable(b.ctx, name, &docker.PluginDisableOptions{Force: true}))
		b.err("set", b.PluginSet(b.ctx, name, "LEVEL=2"))
		b.err("enable", b.PluginEnable(b.ctx, name+":latest", nil))
		b.err("remove by force", b.PluginRemove(b.ctx, id, &docker.PluginRemoveOptions{Force: true}))
		_, err = b.PluginInspect(b.ctx, name, nil)
		b.err("inspect", err)
		b.pluginEvents(id)
	}},
	{"a missing plugin", 0, func(b *trial) {
		for _, path := range []string{"enable", "disable", "set", "upgrade", "push"} {
			b.raw(http.MethodPost, "/plugins/no-such-one/"+path, []any{}, "timeout", "0", "remote", "127.0.0.1:1/none")
		}
		b.raw(http.MethodGet, "/plugins/no-such-one/json", nil)
		b.raw(http.MethodGet, "/plugins/UPPER/json", nil)
		b.raw(http.MethodDelete, "/plugins/no-such-one", nil)
		b.raw(http.MethodDelete, "/plugins/no-such-one", nil, "force", "1")
	}},
	{"what a plugin tells", 0, func(b *trial) {
		name := b.plugin("a")
		var raw json.RawMessage
		p, err := b.PluginInspect(b.ctx, name, &docker.PluginInspectOptions{Raw: &raw})
		require.NoError(b, err)
		var object, config map[string]any
		require.NoError(b, json.Unmarshal(raw, &object))
		config = object["Config"].(map[string]any)
		b.note("%d layers, %s", len(p.Config.RootFS.DiffIDs), p.Config.RootFS.Type)
		b.note("made here: %t", p.Config.DockerVersion != "")
		delete(config, "rootfs")
		delete(config, "DockerVersion")
		text, err := json.Marshal(object)
		require.NoError(b, err)
		b.note("%s", text)
		for _, ref := range []string{name + ":latest", "docker.io/library/" + name, p.ID[:20]} {
			found, err := b.PluginInspect(b.ctx, ref, nil)
			if b.err("by "+strings.ReplaceAll(ref, p.ID[:20], "ID"), err); err == nil {
				b.note("%t", found.ID == p.ID)
			}
		}
	}},
	{"settings of a plugin", 0, func(b *trial) {
		name := b.plugin("a")
		for _, text := range []string{
			"LEVEL=2", "FIXED=2", "NONE=x", "NONE", "NOPE=1", "=x", "LEVEL.value=3", "LEVEL.nope=4", "FIXED.value=4", "m=/x", "m.source=/y",
			"m.type=z", "fixed=/x", "fixed.source=/x", "dev=/dev/zero", "dev.path=/dev/full", "dev.x=1", "args=c", "a.b.c=1", ".value=1", "LEVEL", "EMPTY=",
		} {
			b.err(text, b.PluginSet(b.ctx, name, text))
		}
		b.settings(name)
		b.err("one of two", b.PluginSet(b.ctx, name, "LEVEL=9", "NOPE=1"))
		b.err("args", b.PluginSet(b.ctx, name, "args=c d"))
		b.settings(name)
		b.pluginEvents(b.pluginID(name))
	}},
	{"what is no plugin", 0, func(b *trial) {
		var compressed bytes.Buffer
		zip := gzip.NewWriter(&compressed)
		zip.Write(b.pluginTar()) //nolint:errcheck // to memory
		require.NoError(b, zip.Close())
		for _, p := range []struct {
			name    string
			content []byte
		}{
			{"nothing", nil},
			{"noise", []byte(strings.Repeat("noise", 1000))},
			{"compressed", compressed.Bytes()},
			{"no-config", pluginArchive("rootfs/", "")},
			{"no-files", pluginArchive("config.json", pluginConfig)},
			{"cut-config", pluginArchive("config.json", "{", "rootfs/", "")},
			{"empty-config", pluginArchive("config.json", "{}", "rootfs/", "", "rootfs/mark", b.mark)},
		} {
			_, err := b.tryPlugin(p.name, p.content)
			b.err(p.name, err)
		}
		for _, name := range []string{"", "UPPER", "a b", "a@sha256:" + strings.Repeat("0", 64)} {
			b.raw(http.MethodPost, "/plugins/create", nil, "name", name)
		}
	}},
	{"plugins of the same files", 0, func(b *trial) {
		name, content := b.plugin("a"), b.pluginTar()
		_, err := b.tryPlugin("b", content)
		require.Error(b, err)
		b.show(regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(err.Error()), "<digest>")
		b.err("another", err)
		require.NoError(b, b.PluginRemove(b.ctx, name, nil))
		_, err = b.tryPlugin("b", content)
		b.err("the only one", err)
	}},
	{"calls for a plugin that cannot be", 0, func(b *trial) {
		name := b.plugin("a")
		b.raw(http.MethodPost, "/plugins/"+name+"/enable", nil)
		b.raw(http.MethodPost, "/plugins/"+name+"/enable", nil, "timeout", "x")
		b.raw(http.MethodPost, "/plugins/"+name+"/enable", nil, "timeout", "-1")
		b.raw(http.MethodPost, "/plugins/"+name+"/upgrade", []any{}, "remote", "UPPER")
		b.raw(http.MethodPost, "/plugins/pull", []any{}, "remote", "127.0.0.1:1/none", "name", name)
		b.raw(http.MethodPost, "/plugins/pull", []any{}, "remote", "127.0.0.1:1/none", "name", "UPPER")
		b.raw(http.MethodPost, "/plugins/pull", []any{}, "remote", "UPPER")
		b.raw(http.MethodPost, "/plugins/pull", []any{})
		b.raw(http.MethodGet, "/plugins/privileges", nil, "remote", "UPPER")
		b.raw(http.MethodGet, "/plugins/privileges", nil)
		b.settings(name)
	}},
	{"filters of plugins", 0, func(b *trial) {
		name := b.plugin("a")
		all := func() {
			for _, f := range []docker.Filters{
				nil,
				{"enabled": {"true"}},
				{"enabled": {"false"}},
				{"enabled": {"false"}, "capability": {"volumedriver"}},
				{"capability": {"volumedriver"}},
				{"capability": {"networkdriver"}},
				{"capability": {"networkdriver", "volumedriver"}},
			} {
				b.pluginsOf(f)
			}
		}
		all()
		require.NoError(b, b.PluginEnable(b.ctx, name, nil))
		all()
		b.pluginsOf(docker.Filters{"enabled": {"x"}})
		b.pluginsOf(docker.Filters{"nope": {"x"}})
	}},
	{"a plugin that drives volumes", 0, func(b *trial) {
		name, vol := b.plugin("a"), b.name("vol")
		create := func(what, driver string) {
			v, err := b.VolumeCreate(b.ctx, &docker.VolumeCreateOptions{Name: vol, Driver: driver})
			if b.err(what, err); err == nil {
				b.note("%s %s %s %t %v", v.Name, v.Driver, v.Scope, v.CreatedAt.IsZero(), v.Options)
			}
		}
		create("disabled", name)
		require.NoError(b, b.PluginEnable(b.ctx, name, nil))
		_, err := b.NetworkCreate(b.ctx, b.name("net"), &docker.NetworkCreateOptions{Driver: name})
		b.err("network", err)
		create("enabled", name)
		create("again", name+":latest")
		info, err := b.Info(b.ctx, nil)
		require.NoError(b, err)
		for _, driver := range info.Plugins.Volume {
			if driver == "local" || strings.Contains(driver, b.mark) {
				b.note("driver %s", driver)
			}
		}
		b.err("disable", b.PluginDisable(b.ctx, name, nil))
		b.err("remove", b.PluginRemove(b.ctx, name, nil))
		b.err("remove the volume", b.VolumeRemove(b.ctx, vol, nil))
		b.err("disable", b.PluginDisable(b.ctx, name, nil))
		b.err("enable", b.PluginEnable(b.ctx, name, nil))
		create("once more", name)
		b.err("disable by force", b.PluginDisable(b.ctx, name, &docker.PluginDisableOptions{Force: true}))
		_, err = b.VolumeInspect(b.ctx, vol, nil)
		b.err("the volume", err)
		b.err("enable", b.PluginEnable(b.ctx, name, nil))
		b.err("remove by force", b.PluginRemove(b.ctx, name, &docker.PluginRemoveOptions{Force: true}))
	}},
}
