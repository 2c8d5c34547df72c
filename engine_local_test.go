package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

func init() {
	podmanSkips["TestEngineBuildCache"] = "it has no BuildKit"
	podmanSkips["TestEngineSession"] = "it has no BuildKit"
	podmanSkips["TestEngineCheckpoints"] = "it has another API for them"
	podmanSkips["TestEnginePlugins"] = "it has no plugins"
	podmanSkips["TestEnginePluginInstall"] = "it has no plugins"
	podmanSkips["TestEngineDistribution"] = "it has no such call"
}

// forgotten removes what a test has made, if the test did not.
func forgotten(t *testing.T, remove func(ctx context.Context) error) {
	t.Cleanup(func() {
		err := remove(context.Background())
		require.True(t, err == nil || errors.Is(err, errdefs.ErrNotFound), err)
	})
}

// networked makes a network.
func networked(t *testing.T, c *Client, opts *NetworkCreateOptions) string {
	t.Helper()
	name, o := unique("net"), value(opts)
	o.Labels = marked(t, o.Labels)
	made, err := c.NetworkCreate(engineContext(t), name, &o)
	require.NoError(t, err)
	require.NotEmpty(t, made.ID)
	forgotten(t, func(ctx context.Context) error { return c.NetworkRemove(ctx, made.ID) })
	return name
}

// subnet is one of 256 that no engine chooses by itself.
func subnet() netip.Prefix {
	return netip.MustParsePrefix(fmt.Sprintf("10.250.%d.0/24", rand.N(256)))
}

func TestEngineNetworks(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, within := engineContext(t), subnet()
		gateway := within.Addr().Next()
		fixed := gateway.Next().Next()
		name := networked(t, c, &NetworkCreateOptions{
			Internal: true, IPAM: IPAM{Config: []IPAMConfig{{Subnet: within, Gateway: gateway}}},
		})
		var raw json.RawMessage
		network, err := c.NetworkInspect(ctx, name, &NetworkInspectOptions{Raw: &raw})
		require.NoError(t, err)
		require.Equal(t, name, network.Name)
		require.Equal(t, "bridge", network.Driver)
		require.Equal(t, NetworkLocal, network.Scope)
		require.True(t, network.Internal)
		require.False(t, network.Created.IsZero())
		require.Equal(t, mark(t), network.Labels[markKey])
		require.Equal(t, within, network.IPAM.Config[0].Subnet)
		require.Contains(t, string(raw), network.ID)
		require.Equal(t, atLeast(t, c, 48), network.EnableIPv4 != nil)
		require.Equal(t, atLeast(t, c, 52), network.Status != nil)
		list, err := c.NetworkList(ctx, &NetworkListOptions{Filters: ours(t)})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, network.ID, list[0].ID)
		_, err = c.NetworkCreate(ctx, name, &NetworkCreateOptions{Labels: marked(t, nil)})
		require.Error(t, err)
		errorsIs(t, err, errdefs.ErrRefused)

		other := networked(t, c, nil)
		id := started(t, c, &ContainerCreateOptions{HostConfig: &HostConfig{NetworkMode: other}}, "sleep", "3600")
		require.NoError(t, c.NetworkConnect(ctx, name, id, &NetworkConnectOptions{EndpointConfig: &EndpointSettings{
			Aliases: []string{"friend"}, IPAMConfig: EndpointIPAMConfig{IPv4Address: fixed},
		}}))
		network, err = c.NetworkInspect(ctx, name, nil)
		require.NoError(t, err)
		require.Equal(t, netip.PrefixFrom(fixed, 24), network.Containers[id].IPv4Address.Prefix)
		container, err := c.ContainerInspect(ctx, id, nil)
		require.NoError(t, err)
		require.Equal(t, fixed, container.NetworkSettings.Networks[name].IPAddress.Addr)
		require.Contains(t, container.NetworkSettings.Networks[name].Aliases, "friend")
		require.Error(t, c.NetworkRemove(ctx, name))

		require.NoError(t, c.NetworkDisconnect(ctx, name, id, nil))
		network, err = c.NetworkInspect(ctx, name, nil)
		require.NoError(t, err)
		require.Empty(t, network.Containers)
		pruned, err := c.NetworkPrune(ctx, &NetworkPruneOptions{Filters: ours(t)})
		require.NoError(t, err)
		require.Equal(t, []string{name}, pruned.NetworksDeleted)
		_, err = c.NetworkInspect(ctx, name, nil)
		errorsIs(t, err, errdefs.ErrNotFound)
		errorsIs(t, c.NetworkRemove(ctx, name), errdefs.ErrNotFound)
		require.NoError(t, c.ContainerRemove(ctx, id, &ContainerRemoveOptions{Force: true}))
	})
}

func TestEngineNetworkRefused(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		facts, err := c.Facts(ctx)
		require.NoError(t, err)
		err = c.NetworkConnect(ctx, networked(t, c, nil), unique("none"), nil)
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
		_, err = c.NetworkCreate(ctx, unique("net"), &NetworkCreateOptions{Driver: "nodriver", Labels: marked(t, nil)})
		errorsIs(t, err, errdefs.ErrRefused)
		if strings.HasPrefix(facts.Server, "Libpod") {
			return
		}
		errorsIs(t, err, errdefs.ErrNotFound)
		errorsIs(t, c.NetworkRemove(ctx, "host"), errdefs.ErrPermissionDenied)
		name := networked(t, c, nil)
		_, err = c.NetworkCreate(ctx, name, nil)
		errorsIs(t, err, errdefs.ErrConflict)
	})
}

// volumed makes a volume.
func volumed(t *testing.T, c *Client, name string) *Volume {
	t.Helper()
	made, err := c.VolumeCreate(engineContext(t), &VolumeCreateOptions{Name: name, Labels: marked(t, nil)})
	require.NoError(t, err)
	forgotten(t, func(ctx context.Context) error {
		return c.VolumeRemove(ctx, made.Name, &VolumeRemoveOptions{Force: true})
	})
	return made
}

func TestEngineVolumes(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("vol")
		made := volumed(t, c, name)
		require.Equal(t, name, made.Name)
		require.Equal(t, "local", made.Driver)
		require.Equal(t, VolumeLocal, made.Scope)
		require.NotEmpty(t, made.Mountpoint)
		require.False(t, made.CreatedAt.IsZero())
		var raw json.RawMessage
		volume, err := c.VolumeInspect(ctx, name, &VolumeInspectOptions{Raw: &raw})
		require.NoError(t, err)
		require.Equal(t, mark(t), volume.Labels[markKey])
		require.Contains(t, string(raw), name)
		list, err := c.VolumeList(ctx, &VolumeListOptions{Filters: ours(t)})
		require.NoError(t, err)
		require.Len(t, list.Volumes, 1)
		require.Equal(t, name, list.Volumes[0].Name)

		id := created(t, c, &ContainerCreateOptions{HostConfig: &HostConfig{Binds: []string{name + ":/v"}}}, "true")
		errorsIs(t, c.VolumeRemove(ctx, name, nil), errdefs.ErrConflict)
		require.NoError(t, c.ContainerRemove(ctx, id, nil))
		require.NoError(t, c.VolumeRemove(ctx, name, nil))
		errorsIs(t, c.VolumeRemove(ctx, name, nil), errdefs.ErrNotFound)
		require.NoError(t, c.VolumeRemove(ctx, name, &VolumeRemoveOptions{Force: true}))
		_, err = c.VolumeInspect(ctx, name, nil)
		errorsIs(t, err, errdefs.ErrNotFound)
		err = c.VolumeUpdate(ctx, name, ObjectVersion{Index: 1}, ClusterVolumeSpec{})
		if atLeast(t, c, 42) {
			errorsIs(t, err, errdefs.ErrRefused)
		} else {
			errorsIs(t, err, errors.ErrUnsupported)
		}
	})
}

// Only what is said to be removed is removed.
func TestEngineVolumePrune(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		named, anonymous := volumed(t, c, unique("vol")).Name, volumed(t, c, "").Name
		require.NotEmpty(t, anonymous)
		pruned, err := c.VolumePrune(ctx, &VolumePruneOptions{Filters: ours(t)})
		all := []string{named, anonymous}
		if atLeast(t, c, 42) {
			require.NoError(t, err)
			require.Equal(t, []string{anonymous}, pruned.VolumesDeleted)
			all = []string{named}
		} else {
			errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
		}
		pruned, err = c.VolumePrune(ctx, &VolumePruneOptions{All: true, Filters: ours(t)})
		require.NoError(t, err)
		require.ElementsMatch(t, all, pruned.VolumesDeleted)
	})
}

func TestEngineBuildCache(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		pruned, err := c.BuildPrune(ctx, &BuildPruneOptions{All: true, KeepStorage: 1 << 40, Filters: Filters{"id": {"none"}}})
		require.NoError(t, err)
		require.Empty(t, pruned.CachesDeleted)
		_, err = c.BuildPrune(ctx, &BuildPruneOptions{ReservedSpace: 1 << 40, Filters: Filters{"id": {"none"}}})
		if atLeast(t, c, 48) {
			require.NoError(t, err)
		} else {
			errorsIs(t, err, errors.ErrUnsupported)
		}
		require.NoError(t, c.BuildCancel(ctx, unique("build")))
	})
}

func TestEngineSession(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, header := engineContext(t), sessionHeader()
		header.Set("X-Docker-Expose-Session-Uuid", unique("session"))
		conn, err := c.Session(ctx, header)
		require.NoError(t, err)
		preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		_, err = io.ReadFull(conn, preface)
		require.NoError(t, err)
		require.Equal(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", string(preface))
		require.NoError(t, conn.Close())
	})
}

func TestEngineCheckpoints(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, id := engineContext(t), created(t, c, nil, "true")
		facts, err := c.Facts(ctx)
		require.NoError(t, err)
		checkpoints, err := c.CheckpointList(ctx, id, nil)
		if facts.Experimental {
			require.NoError(t, err)
			require.Empty(t, checkpoints)
			return
		}
		errorsIs(t, err, errdefs.ErrNotImplemented, errdefs.ErrRefused)
		errorsIs(t, c.CheckpointCreate(ctx, id, "cp", nil), errdefs.ErrNotImplemented)
		errorsIs(t, c.CheckpointRemove(ctx, id, "cp", nil), errdefs.ErrNotImplemented)
	})
}

func TestEngineAttestations(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		attestations, err := c.ImageAttestations(engineContext(t), baseImage, nil)
		if !atLeast(t, c, 55) {
			errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
			return
		}
		require.NoError(t, err)
		require.Empty(t, attestations)
	})
}

// pluginConfig is that of the plugin in testdata/plugin.
const pluginConfig = `{"description":"a plugin of a test","documentation":"none","entrypoint":["/plugin"],"workdir":"/",
	"interface":{"types":["docker.volumedriver/1.0"],"socket":"cleat.sock"},"network":{"type":"none"},"propagatedMount":"/data",
	"env":[{"name":"LEVEL","description":"d","settable":["value"],"value":"1"}],"linux":{"capabilities":["CAP_SYS_ADMIN"]}}`

// pluginTar is the plugin that the tests make.
var pluginTar = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "plugin")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "plugin")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "testdata/plugin/main.go")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		err = errors.Join(err, w.WriteHeader(&h))
		_, more := w.Write(content)
		err = errors.Join(err, more)
	}
	add(tar.Header{Name: "config.json", Mode: 0o644}, []byte(pluginConfig))
	for _, folder := range []string{"rootfs/", "rootfs/data/", "rootfs/run/", "rootfs/run/docker/", "rootfs/run/docker/plugins/"} {
		add(tar.Header{Name: folder, Mode: 0o755, Typeflag: tar.TypeDir}, nil)
	}
	add(tar.Header{Name: "rootfs/plugin", Mode: 0o755}, content)
	return out.Bytes(), errors.Join(err, w.Close())
})

// plugged makes a plugin, which is not enabled.
func plugged(t *testing.T, c *Client, name string) {
	t.Helper()
	content, err := pluginTar()
	require.NoError(t, err)
	require.NoError(t, c.PluginCreate(engineContext(t), name, bytes.NewReader(content)))
	unplug(t, c, name)
}

// unplug removes a plugin when the test ends.
func unplug(t *testing.T, c *Client, name string) {
	forgotten(t, func(ctx context.Context) error { return c.PluginRemove(ctx, name, &PluginRemoveOptions{Force: true}) })
}

func TestEnginePlugins(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("plugin")+":v1"
		plugged(t, c, name)
		var raw json.RawMessage
		plugin, err := c.PluginInspect(ctx, name, &PluginInspectOptions{Raw: &raw})
		require.NoError(t, err)
		require.Equal(t, name, plugin.Name)
		require.False(t, plugin.Enabled)
		require.Equal(t, []string{"LEVEL=1"}, plugin.Settings.Env)
		require.Equal(t, []string{"docker.volumedriver/1.0"}, plugin.Config.Interface.Types)
		require.Equal(t, []string{"CAP_SYS_ADMIN"}, plugin.Config.Linux.Capabilities)
		require.Len(t, plugin.Config.RootFS.DiffIDs, 1)
		require.Contains(t, string(raw), plugin.ID)
		content, err := pluginTar()
		require.NoError(t, err)
		errorsIs(t, c.PluginCreate(ctx, name, bytes.NewReader(content)), errdefs.ErrConflict)

		require.NoError(t, c.PluginSet(ctx, name, "LEVEL=2"))
		require.NoError(t, c.PluginEnable(ctx, name, nil))
		plugin, err = c.PluginInspect(ctx, plugin.ID, nil)
		require.NoError(t, err)
		require.True(t, plugin.Enabled)
		require.Equal(t, []string{"LEVEL=2"}, plugin.Settings.Env)
		enabled, err := c.PluginList(ctx, &PluginListOptions{Filters: Filters{"enabled": {"true"}, "capability": {"volumedriver"}}})
		require.NoError(t, err)
		require.Contains(t, namesOf(enabled), name)
		disabled, err := c.PluginList(ctx, &PluginListOptions{Filters: Filters{"enabled": {"false"}}})
		require.NoError(t, err)
		require.NotContains(t, namesOf(disabled), name)
		volume, err := c.VolumeCreate(ctx, &VolumeCreateOptions{Name: unique("vol"), Driver: name})
		require.NoError(t, err)
		require.Equal(t, name, volume.Driver)
		require.NoError(t, c.VolumeRemove(ctx, volume.Name, nil))

		errorsIs(t, c.PluginSet(ctx, name, "LEVEL=3"), errdefs.ErrRefused)
		errorsIs(t, c.PluginRemove(ctx, name, nil), errdefs.ErrConflict)
		require.NoError(t, c.PluginDisable(ctx, name, nil))
		require.NoError(t, c.PluginRemove(ctx, name, nil))
		_, err = c.PluginInspect(ctx, name, nil)
		errorsIs(t, err, errdefs.ErrNotFound)
		errorsIs(t, c.PluginEnable(ctx, name, nil), errdefs.ErrNotFound)
		errorsIs(t, c.PluginDisable(ctx, name, nil), errdefs.ErrNotFound)
		errorsIs(t, c.PluginSet(ctx, name, "LEVEL=3"), errdefs.ErrNotFound)
	})
}

func namesOf(plugins []Plugin) []string {
	names := make([]string, len(plugins))
	for i, p := range plugins {
		names[i] = p.Name
	}
	return names
}

func TestEnginePluginInstall(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, _ string) {
		ctx, remote, local := engineContext(t), open+"/"+unique("plugin")+":v1", unique("plugin")+":latest"
		plugged(t, c, remote)
		pushed, err := c.PluginPush(ctx, remote, nil)
		require.NoError(t, err)
		require.Equal(t, "v1", pushed.Tag)
		require.Contains(t, pushed.Digest, "sha256:")
		_, err = c.PluginInstall(ctx, remote, &PluginInstallOptions{AcceptAll: true})
		errorsIs(t, err, errdefs.ErrInvalidArgument) // it is there
		_, err = c.PluginInspect(ctx, remote, nil)
		require.NoError(t, err)
		require.NoError(t, c.PluginRemove(ctx, remote, nil))

		_, err = c.PluginInstall(ctx, remote, nil)
		errorsIs(t, err, errdefs.ErrPermissionDenied, errdefs.ErrNotSent)
		_, err = c.PluginInstall(ctx, remote, &PluginInstallOptions{AcceptAll: true, Settings: []string{"NONE=1"}})
		require.Error(t, err)
		_, err = c.PluginInspect(ctx, remote, nil)
		errorsIs(t, err, errdefs.ErrNotFound)

		var wanted []PluginPrivilege
		var messages []streams.Message
		plugin, err := c.PluginInstall(ctx, remote, &PluginInstallOptions{
			Name: local[:len(local)-len(":latest")], Settings: []string{"LEVEL=5"},
			Grant:    func(p []PluginPrivilege) (bool, error) { wanted = p; return true, nil },
			Progress: func(m streams.Message) { messages = append(messages, m) },
		})
		require.NoError(t, err)
		unplug(t, c, local)
		require.Equal(t, local, plugin.Name)
		require.Equal(t, remote, plugin.PluginReference)
		require.True(t, plugin.Enabled)
		require.Equal(t, []string{"LEVEL=5"}, plugin.Settings.Env)
		require.Equal(t, []string{"CAP_SYS_ADMIN"}, wanted[len(wanted)-1].Value)
		require.True(t, messages[len(messages)-1].Done)

		accept := &PluginUpgradeOptions{AcceptAll: true}
		errorsIs(t, c.PluginUpgrade(ctx, local, remote, accept), errdefs.ErrConflict)
		require.NoError(t, c.PluginDisable(ctx, local, nil))
		require.NoError(t, c.PluginUpgrade(ctx, local, remote, accept))
		plugin, err = c.PluginInspect(ctx, local, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"LEVEL=5"}, plugin.Settings.Env)
		_, err = c.PluginInstall(ctx, open+"/"+unique("none"), nil)
		errorsIs(t, err, errdefs.ErrRefused)
	})
}

func TestEngineDistribution(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, closed string) {
		ctx, name := engineContext(t), "/"+unique("dist")+":v1"
		id := imported(t, c, open+name)
		require.NoError(t, c.ImageTag(ctx, id, closed+name))
		pushed, err := c.ImagePush(ctx, open+name, nil)
		require.NoError(t, err)
		found, err := c.DistributionInspect(ctx, open+name, nil)
		require.NoError(t, err)
		require.Equal(t, pushed.Digest, found.Descriptor.Digest)
		require.Equal(t, pushed.Size, found.Descriptor.Size)
		require.Len(t, found.Platforms, 1)
		require.Equal(t, "linux", found.Platforms[0].OS)
		_, err = c.DistributionInspect(ctx, open+"/"+unique("none"), nil)
		errorsIs(t, err, errdefs.ErrNotFound)

		_, err = c.ImagePush(ctx, closed+name, &ImagePushOptions{Auth: credentials(closed)})
		require.NoError(t, err)
		_, err = c.DistributionInspect(ctx, closed+name, nil)
		errorsIs(t, err, errdefs.ErrRefused)
		found, err = c.DistributionInspect(ctx, closed+name, &DistributionInspectOptions{Auth: credentials(closed)})
		require.NoError(t, err)
		require.Equal(t, pushed.Digest, found.Descriptor.Digest)
	})
}
