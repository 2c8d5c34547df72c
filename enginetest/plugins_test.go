package enginetest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/enginetest"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

var (
	all   = &docker.PluginInstallOptions{AcceptAll: true}
	known = &auth.Credentials{Username: "me", Password: "secret"}
)

// pluginServer is an engine with an open and a locked registry.
func pluginServer(t *testing.T, opts ...enginetest.Option) (*enginetest.Server, *docker.Client) {
	second := disks
	second.Config.Description = "more disks"
	second.Config.Linux.Capabilities = nil
	s := enginetest.NewServer(t, append(opts,
		enginetest.WithRegistry("docker.io", enginetest.Registry{Plugins: map[string]enginetest.Plugin{"team/disks": disks, "team/disks:2": second}}),
		enginetest.WithRegistry("locked.example", enginetest.Registry{
			Username: "me", Password: "secret", Plugins: map[string]enginetest.Plugin{"disks:1": disks},
		}))...)
	return s, s.Client()
}

func TestPluginInstall(t *testing.T) {
	for _, version := range append(recorded, docker.MaxAPIVersion) {
		t.Run(version, func(t *testing.T) {
			_, c := pluginServer(t, enginetest.WithAPIVersion(version))
			var messages []streams.Message
			var wanted []docker.PluginPrivilege
			p, err := c.PluginInstall(t.Context(), "team/disks", &docker.PluginInstallOptions{
				Settings: []string{"LEVEL=5"}, Progress: func(m streams.Message) { messages = append(messages, m) },
				Grant: func(all []docker.PluginPrivilege) (bool, error) { wanted = all; return true, nil },
			})
			require.NoError(t, err)
			require.Equal(t, "team/disks:latest", p.Name)
			require.True(t, p.Enabled)
			require.Equal(t, []string{"LEVEL=5"}, p.Settings.Env)
			require.Equal(t, "disks", p.Config.Description)
			require.Len(t, p.Config.RootFS.DiffIDs, 1)
			require.Len(t, wanted, 1)
			require.Equal(t, []string{"CAP_SYS_ADMIN"}, wanted[0].Value)
			require.NotEmpty(t, messages)
			_, err = c.PluginInstall(t.Context(), "team/disks", all)
			require.ErrorIs(t, err, errdefs.ErrInvalidArgument)
		})
	}
}

func TestPluginInstallIsRefused(t *testing.T) {
	_, c := pluginServer(t)
	for remote, kind := range map[string]error{
		"team/none": errdefs.ErrNotFound, "nobody.example/disks": errdefs.ErrInternal, "locked.example/disks:1": errdefs.ErrRefused,
	} {
		_, err := c.PluginInstall(t.Context(), remote, all)
		require.ErrorIs(t, err, kind, remote)
	}
	_, err := c.PluginInstall(t.Context(), "team/disks", nil)
	require.ErrorIs(t, err, errdefs.ErrPermissionDenied)
	none, err := c.PluginPrivileges(t.Context(), "locked.example/disks:1", nil)
	require.NoError(t, err)
	require.Empty(t, none)
	left, err := c.PluginList(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, left)
	p, err := c.PluginInstall(t.Context(), "locked.example/disks:1", &docker.PluginInstallOptions{AcceptAll: true, Auth: known, Disabled: true})
	require.NoError(t, err)
	require.False(t, p.Enabled)
}

// pluginPull pulls with privileges as they are given, and returns what was told.
func pluginPull(t *testing.T, c *docker.Client, privileges []docker.PluginPrivilege, remote string) string {
	resp, err := c.Do(t.Context(), http.MethodPost, "/plugins/pull", &docker.DoOptions{JSON: privileges, Query: url.Values{"remote": {remote}}})
	require.NoError(t, err)
	defer resp.Body.Close()
	told, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(told)
}

// A pull with other privileges than the plugin's is refused, whoever granted them.
func TestPluginPrivilegesAreCompared(t *testing.T) {
	_, c := pluginServer(t)
	for _, privileges := range [][]docker.PluginPrivilege{
		{},
		{{Name: "capabilities", Value: []string{"CAP_SYS_TIME"}}},
		{{Name: "capabilities", Value: []string{"CAP_SYS_ADMIN"}}, {Name: "network", Value: []string{"host"}}},
	} {
		require.Contains(t, pluginPull(t, c, privileges, "team/disks"), `"error":"incorrect privileges"`)
	}
}

func TestPluginWantsPrivileges(t *testing.T) {
	config := docker.PluginConfig{
		Network: docker.PluginNetwork{Type: "host"}, IPCHost: true, PIDHost: true, Mounts: []docker.PluginMount{{Name: "m", Source: "/m"}, {Name: "n"}},
		Linux: docker.PluginLinux{Devices: []docker.PluginDevice{{Name: "d", Path: "/dev/d"}, {Name: "e"}}, AllowAllDevices: true, Capabilities: []string{"A", "B"}},
	}
	s := enginetest.NewServer(t, enginetest.WithRegistry("docker.io", enginetest.Registry{Plugins: map[string]enginetest.Plugin{
		"p": {Config: config}, "q": {Config: docker.PluginConfig{Network: docker.PluginNetwork{Type: "bridge"}}},
	}}))
	c := s.Client()
	wanted, err := c.PluginPrivileges(t.Context(), "p", nil)
	require.NoError(t, err)
	var told [][]string
	for _, w := range wanted {
		told = append(told, append([]string{w.Name}, w.Value...))
	}
	require.Equal(t, [][]string{
		{"network", "host"},
		{"host ipc namespace", "true"},
		{"host pid namespace", "true"},
		{"mount", "/m"},
		{"device", "/dev/d"},
		{"allow-all-devices", "true"},
		{"capabilities", "A", "B"},
	}, told)
	slices.Reverse(wanted)
	require.NotContains(t, pluginPull(t, c, wanted, "p"), "error")
	_, err = c.PluginInstall(t.Context(), "q", nil)
	require.NoError(t, err)
}

func TestPluginUpgrade(t *testing.T) {
	_, c := pluginServer(t)
	ctx := t.Context()
	old, err := c.PluginInstall(ctx, "team/disks", &docker.PluginInstallOptions{Name: "mine:1", AcceptAll: true, Settings: []string{"LEVEL=5"}})
	require.NoError(t, err)
	require.Equal(t, "mine:1", old.Name)
	require.ErrorIs(t, c.PluginUpgrade(ctx, "mine:1", "team/disks:2", nil), errdefs.ErrConflict)
	require.NoError(t, c.PluginDisable(ctx, "mine:1", nil))
	require.ErrorIs(t, c.PluginUpgrade(ctx, "mine:1", "team/none", nil), errdefs.ErrNotFound)
	require.NoError(t, c.PluginUpgrade(ctx, "mine:1", "team/disks:2", nil))
	p, err := c.PluginInspect(ctx, "mine:1", nil)
	require.NoError(t, err)
	require.Equal(t, old.ID, p.ID)
	require.Equal(t, "more disks", p.Config.Description)
	require.Equal(t, []string{"LEVEL=5"}, p.Settings.Env)
	require.NotEqual(t, old.PluginReference, p.PluginReference)
	require.NoError(t, c.PluginEnable(ctx, "mine:1", nil))
}

func TestPluginPush(t *testing.T) {
	_, c := pluginServer(t)
	ctx, name := t.Context(), "locked.example/team/made:1"
	content := pluginArchive("config.json", `{"description":"made","env":[{"name":"A","value":"1"},{"name":"B"}]}`, "rootfs/", "", "rootfs/a", "content")
	require.NoError(t, c.PluginCreate(ctx, name, bytes.NewReader(content)))
	_, err := c.PluginPush(ctx, name, nil)
	require.ErrorIs(t, err, errdefs.ErrRefused)
	pushed, err := c.PluginPush(ctx, name, &docker.PluginPushOptions{Auth: known})
	require.NoError(t, err)
	require.Equal(t, "1", pushed.Tag)
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, pushed.Digest)
	require.NoError(t, c.PluginRemove(ctx, name, nil))
	for _, remote := range []string{name, "locked.example/team/made@" + pushed.Digest} {
		p, err := c.PluginInstall(ctx, remote, &docker.PluginInstallOptions{Name: "mine", Auth: known})
		require.NoError(t, err)
		require.Equal(t, "made", p.Config.Description)
		require.Equal(t, []string{"A=1"}, p.Settings.Env)
		require.NoError(t, c.PluginRemove(ctx, "mine", &docker.PluginRemoveOptions{Force: true}))
	}
}

// An enabled plugin may be the driver of volumes and networks, and is then in use.
func TestPluginDrives(t *testing.T) {
	net := enginetest.Plugin{Config: docker.PluginConfig{Interface: docker.PluginInterface{Types: []string{"docker.networkdriver/1.0"}}}}
	s := enginetest.NewServer(t, enginetest.WithRegistry("docker.io", enginetest.Registry{Plugins: map[string]enginetest.Plugin{"net": net}}))
	c, ctx := s.Client(), t.Context()
	_, err := c.PluginInstall(ctx, "net", nil)
	require.NoError(t, err)
	_, err = c.VolumeCreate(ctx, &docker.VolumeCreateOptions{Driver: "net"})
	require.Error(t, err)
	made, err := c.NetworkCreate(ctx, "n", &docker.NetworkCreateOptions{Driver: "net"})
	require.NoError(t, err)
	n, err := c.NetworkInspect(ctx, made.ID, nil)
	require.NoError(t, err)
	require.Equal(t, "net:latest", n.Driver)
	require.ErrorIs(t, c.PluginDisable(ctx, "net", nil), errdefs.ErrConflict)
	require.NoError(t, c.NetworkRemove(ctx, "n"))
	require.NoError(t, c.PluginDisable(ctx, "net", nil))
	_, err = c.NetworkCreate(ctx, "n", &docker.NetworkCreateOptions{Driver: "net"})
	require.Error(t, err)
}

// A registry tells images from plugins.
func TestPluginsAreNoImages(t *testing.T) {
	s := enginetest.NewServer(t, enginetest.WithRegistry("docker.io", enginetest.Registry{
		Images: map[string]enginetest.Image{"image": hello}, Plugins: map[string]enginetest.Plugin{"plugin": disks},
	}))
	c, ctx := s.Client(), t.Context()
	_, err := c.ImagePull(ctx, "plugin", nil)
	require.ErrorContains(t, err, `(plugin) when fetching`)
	_, err = c.PluginPrivileges(ctx, "image", nil)
	require.ErrorContains(t, err, "did not find plugin config")
	require.Contains(t, pluginPull(t, c, nil, "image"), "plugin config is missing")
	left, err := c.PluginList(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, left)
	found, err := c.DistributionInspect(ctx, "plugin", nil)
	require.NoError(t, err)
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, found.Descriptor.Digest)
	_, err = c.PluginInstall(ctx, "plugin@"+found.Descriptor.Digest, &docker.PluginInstallOptions{AcceptAll: true, Name: "mine"})
	require.NoError(t, err)
}

// Events of pulls are of the remote, others under the name of the call.
func TestPluginEvents(t *testing.T) {
	_, c := pluginServer(t)
	ctx, began := t.Context(), time.Now()
	p, err := c.PluginInstall(ctx, "team/disks", &docker.PluginInstallOptions{Name: "mine", AcceptAll: true})
	require.NoError(t, err)
	require.NoError(t, c.PluginRemove(ctx, p.ID, &docker.PluginRemoveOptions{Force: true}))
	feed, err := c.Events(ctx, &docker.EventsOptions{Since: began, Until: time.Now(), Filters: docker.Filters{"type": {"plugin"}}})
	require.NoError(t, err)
	var told [][3]string
	for ev, err := range feed.All() {
		require.NoError(t, err)
		told = append(told, [3]string{ev.Action, ev.Actor.ID, ev.Actor.Attributes["name"]})
	}
	require.Equal(t, [][3]string{{"pull", "team/disks:latest", "mine:latest"}, {"enable", p.ID, "mine:latest"}, {"remove", p.ID, p.ID}}, told)
}

// Plugins are there after a restart, as they were.
func TestPluginsOutliveARestart(t *testing.T) {
	s, c := pluginServer(t)
	p, err := c.PluginInstall(t.Context(), "team/disks", all)
	require.NoError(t, err)
	s.Restart(nil)
	again, err := c.PluginInspect(t.Context(), "team/disks", nil)
	require.NoError(t, err)
	require.Equal(t, p, again)
}
