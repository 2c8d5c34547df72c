package docker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
)

func TestEnginePing(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		ping, err := c.Ping(ctx)
		require.NoError(t, err)
		version, err := c.Version(ctx)
		require.NoError(t, err)
		require.Equal(t, version.APIVersion, ping.APIVersion)
		require.Equal(t, "linux", ping.OSType)
		require.Contains(t, ping.Server, version.Version)
		require.Contains(t, []string{"", "1", "2"}, ping.BuilderVersion)
		require.Equal(t, version.Experimental, ping.Experimental)

		facts, err := c.Facts(ctx)
		require.NoError(t, err)
		require.Equal(t, ping, facts)
		agreed, err := c.APIVersion(ctx)
		require.NoError(t, err)
		require.Equal(t, mustVersion(agreed), min(mustVersion(version.APIVersion), maxAPI))
	})
}

func TestEngineVersion(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		version, err := c.Version(engineContext(t))
		require.NoError(t, err)
		for name, field := range map[string]string{
			"Version": version.Version, "APIVersion": version.APIVersion, "MinAPIVersion": version.MinAPIVersion,
			"GoVersion": version.GoVersion, "OS": version.OS, "Arch": version.Arch, "KernelVersion": version.KernelVersion,
		} {
			require.NotEmpty(t, field, name)
		}
		var names []string
		for _, component := range version.Components {
			names = append(names, component.Name)
		}
		require.Subset(t, names, []string{"Engine", "containerd"})
	})
}

func TestEngineInfo(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := sleeping(t, c)
		var raw json.RawMessage
		info, err := c.Info(ctx, &InfoOptions{Raw: &raw})
		require.NoError(t, err)
		version, err := c.Version(ctx)
		require.NoError(t, err)
		require.Equal(t, version.Version, info.ServerVersion)
		require.Equal(t, version.KernelVersion, info.KernelVersion)
		require.GreaterOrEqual(t, info.ContainersRunning, 1, id)
		require.GreaterOrEqual(t, info.Containers, info.ContainersRunning+info.ContainersPaused)
		require.Positive(t, info.Images)
		require.Positive(t, info.NCPU)
		require.Positive(t, info.MemTotal)
		require.Contains(t, info.Runtimes, info.DefaultRuntime)
		require.NotEmpty(t, info.Driver)
		require.NotEmpty(t, info.DriverStatus)
		require.NotEmpty(t, info.RegistryConfig.InsecureRegistryCIDRs)
		require.False(t, info.SystemTime.IsZero())
		var fields map[string]any
		require.NoError(t, json.Unmarshal(raw, &fields))
		require.Equal(t, info.ID, fields["ID"])
	})
}

func TestEngineDiskUsage(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := ended(t, c, nil, "sh", "-c", "echo text >/root/file")
		usage, err := c.DiskUsage(ctx, nil)
		require.NoError(t, err)
		if atLeast(t, c, 52) {
			require.GreaterOrEqual(t, usage.ContainerUsage.TotalCount, int64(1))
			require.Positive(t, usage.ImageUsage.TotalSize)
			usage, err = c.DiskUsage(ctx, &DiskUsageOptions{Verbose: true})
			require.NoError(t, err)
			require.Empty(t, usage.Containers)
			usage.Containers, usage.LayersSize = usage.ContainerUsage.Items, usage.ImageUsage.TotalSize
		} else {
			require.Nil(t, usage.ContainerUsage)
		}
		require.Positive(t, usage.LayersSize)
		found := false
		for _, container := range usage.Containers {
			if container.ID == id {
				found = true
				require.Positive(t, *container.SizeRw)
			}
		}
		require.True(t, found)
	})
}

func TestEngineDiskUsageOfSomeKinds(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		created(t, c, nil, "true")
		usage, err := c.DiskUsage(engineContext(t), &DiskUsageOptions{Types: []DiskUsageType{DiskUsageContainers, DiskUsageVolumes}})
		if !atLeast(t, c, 42) {
			errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
			return
		}
		require.NoError(t, err)
		if atLeast(t, c, 52) {
			require.NotNil(t, usage.ContainerUsage)
			require.Nil(t, usage.ImageUsage)
			return
		}
		require.NotEmpty(t, usage.Containers)
		require.Empty(t, usage.Images)
		require.Zero(t, usage.LayersSize)
	})
}

func TestEnginePinnedVersion(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		old := sibling(t, c, WithAPIVersion(MinAPIVersion))
		_, err := old.ContainerList(ctx, nil)
		require.NoError(t, err)
		_, err = old.ContainerStatsOnce(ctx, sleeping(t, c), &ContainerStatsOnceOptions{OneShot: true})
		errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)

		future := sibling(t, c, WithAPIVersion("1.999"))
		_, err = future.ContainerList(ctx, nil)
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrRefused)
		require.ErrorContains(t, err, "too new")
	})
}

func TestEngineDo(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		resp, err := c.Do(ctx, "GET", "/version", nil)
		require.NoError(t, err)
		defer resp.Body.Close()
		var version Version
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&version))
		require.NotEmpty(t, version.APIVersion)
		_, err = c.Do(ctx, "GET", "/no/such/path", nil)
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
	})
}

// TestEngineOptionsNewerThanTheEngine asks for everything that has a gate. What is newer
// than the engine is refused before it is sent.
func TestEngineOptionsNewerThanTheEngine(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		var sent atomic.Int32
		c = sibling(t, c, WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripFunc(func(r *http.Request) (*http.Response, error) {
				sent.Add(1)
				return next.RoundTrip(r)
			})
		}))
		ctx := engineContext(t)
		for _, call := range newerCalls(ctx, c, unique("none")) {
			t.Run(call.option, func(t *testing.T) {
				newer := !atLeast(t, c, call.since)
				before := sent.Load()
				err := call.make()
				if !newer {
					require.NotErrorIs(t, err, errors.ErrUnsupported)
					require.Greater(t, sent.Load(), before)
					return
				}
				errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotImplemented, errdefs.ErrNotSent)
				require.ErrorContains(t, err, call.option)
				require.ErrorContains(t, err, call.since.String())
				require.Equal(t, before, sent.Load())
			})
		}
	})
}

// newerCalls have an option each that not every engine knows. They are about a container
// and an image that do not exist.
func newerCalls(ctx context.Context, c *Client, none string) []newerCall {
	create := func(host HostConfig) error {
		_, err := c.ContainerCreate(ctx, none, &ContainerCreateOptions{HostConfig: &host})
		return err
	}
	amd64 := &Platform{OS: "linux", Architecture: "amd64"}
	return []newerCall{
		{"signal", 42, func() error { return c.ContainerStop(ctx, none, &ContainerStopOptions{Signal: "INT"}) }},
		{"signal", 42, func() error { return c.ContainerRestart(ctx, none, &ContainerStopOptions{Signal: "INT"}) }},
		{"filter annotation", 56, func() error {
			return second(c.ContainerList(ctx, &ContainerListOptions{Filters: Filters{"annotation": {"x"}}}))
		}},
		{"stdout", 42, func() error {
			return second(c.ContainerAttachWebsocket(ctx, none, &ContainerAttachOptions{Stdout: true}))
		}},
		{"Annotations", 43, func() error { return create(HostConfig{Annotations: map[string]string{"a": "b"}}) }},
		{"Umask", 56, func() error { return create(HostConfig{Umask: new(uint32(0o22))}) }},
		{"CreateMountpoint", 42, func() error {
			return create(HostConfig{Mounts: []Mount{{Type: MountBind, Source: "/", Target: "/x", BindOptions: &BindOptions{CreateMountpoint: true}}}})
		}},
		{"Subpath", 45, func() error {
			return create(HostConfig{Mounts: []Mount{{Type: MountVolume, Source: none, Target: "/x", VolumeOptions: &VolumeOptions{Subpath: "a"}}}})
		}},
		{"Mount.Type image", 48, func() error {
			return create(HostConfig{Mounts: []Mount{{Type: MountImage, Source: none, Target: "/x"}}})
		}},
		{"ConsoleSize", 42, func() error {
			return second(c.ExecCreate(ctx, none, []string{"true"}, &ExecCreateOptions{ConsoleSize: &TTYSize{1, 1}}))
		}},
		{"shared-size", 42, func() error { return second(c.ImageList(ctx, &ImageListOptions{SharedSize: true})) }},
		{"manifests", 47, func() error { return second(c.ImageList(ctx, &ImageListOptions{Manifests: true})) }},
		{"identity", 54, func() error { return second(c.ImageList(ctx, &ImageListOptions{Identity: true})) }},
		{"filter until", 44, func() error { return second(c.ImageList(ctx, &ImageListOptions{Filters: Filters{"until": {"1h"}}})) }},
		{"manifests", 48, func() error { return second(c.ImageInspect(ctx, none, &ImageInspectOptions{Manifests: true})) }},
		{"platform", 49, func() error { return second(c.ImageInspect(ctx, none, &ImageInspectOptions{Platform: amd64})) }},
		{"platform", 48, func() error { return second(c.ImageHistory(ctx, none, &ImageHistoryOptions{Platform: amd64})) }},
		{"platforms", 50, func() error {
			return second(c.ImageRemove(ctx, none, &ImageRemoveOptions{Platforms: []*Platform{amd64}}))
		}},
		{"platform", 48, func() error {
			return second(c.ImageSave(ctx, []string{none}, &ImageSaveOptions{Platforms: []*Platform{amd64}}))
		}},
		{"platform", 48, func() error {
			return second(c.ImageLoad(ctx, strings.NewReader("no tar"), &ImageLoadOptions{Platforms: []*Platform{amd64}}))
		}},
		{"platform", 46, func() error { return second(c.ImagePush(ctx, none, &ImagePushOptions{Platform: amd64})) }},
		{"type", 42, func() error {
			return second(c.DiskUsage(ctx, &DiskUsageOptions{Types: []DiskUsageType{DiskUsageVolumes}}))
		}},
		{"verbose", 52, func() error { return second(c.DiskUsage(ctx, &DiskUsageOptions{Verbose: true})) }},
	}
}

type newerCall struct {
	option string
	since  apiVersion
	make   func() error
}

func TestEngineRegistryLoginWithoutARegistry(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		const secret = "open-sesame"
		_, err := c.RegistryLogin(engineContext(t), auth.Credentials{Username: "user", Password: secret, ServerAddress: "127.0.0.1:9"}, nil)
		errorsIs(t, err, errdefs.ErrRefused)
		require.NotContains(t, err.Error(), secret)
	})
}
