package docker

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// The tests of the engine_*_test.go files run on the engines of DOCKER_TEST_HOSTS: hosts
// with spaces between them; one with TLS as tcp://10.0.0.1:2376?certs=/folder, where
// the folder has ca.pem, cert.pem and key.pem.

// baseImage is what the containers of the tests are made of. It is busybox, and is
// imported where an engine lacks it.
const baseImage = "busybox:local"

// engineHost is an engine to test on.
type engineHost struct {
	name   string // of its subtests
	host   string
	to     []Option
	podman bool
}

var engineHosts = sync.OnceValues(func() ([]*engineHost, error) {
	var hosts []*engineHost
	for _, text := range strings.Fields(os.Getenv("DOCKER_TEST_HOSTS")) {
		h, err := newEngineHost(text)
		if err != nil {
			return nil, fmt.Errorf("the engine at %s: %w", text, err)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
})

func newEngineHost(text string) (*engineHost, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	host, _, _ := strings.Cut(text, "?")
	h := &engineHost{host: host, to: []Option{WithHost(host)}}
	transport := u.Scheme
	if certs := u.Query().Get("certs"); certs != "" {
		transport = "tls"
		var pem [3][]byte
		for i, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
			if pem[i], err = os.ReadFile(filepath.Join(certs, name)); err != nil {
				return nil, err
			}
		}
		h.to = append(h.to, WithTLSPEM(pem[0], pem[1], pem[2]))
	}
	version, err := h.prepare()
	version, _, _ = strings.Cut(version, "+")
	h.name = version + "-" + transport
	return h, err
}

// prepare asks the engine what it is and sees to it that it has the base image.
func (h *engineHost) prepare() (version string, err error) {
	c, err := New(h.to...)
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	v, err := c.Version(ctx)
	if err != nil {
		return "", err
	}
	version = v.Version
	for _, part := range v.Components {
		if strings.HasPrefix(part.Name, "Podman") {
			version, h.podman = "podman-"+version, true
		}
	}
	if _, err := c.ImageInspect(ctx, baseImage, nil); !errors.Is(err, errdefs.ErrNotFound) {
		return version, err
	}
	rootfs, err := busyboxRootfs()
	if err != nil {
		return "", err
	}
	id, err := c.ImageImport(ctx, rootfs, &ImageImportOptions{Changes: []string{`CMD ["sh"]`, "ENV PATH=/bin"}})
	if err != nil {
		return "", err
	}
	return version, c.ImageTag(ctx, id, baseImage)
}

// busyboxRootfs is a tar of the machine's own busybox, which has to be a static one.
func busyboxRootfs() (io.Reader, error) {
	const program = "/bin/busybox"
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("no image %s, and none can be made (Debian: busybox-static): %w", baseImage, err)
	}
	applets, err := exec.Command(program, "--list").Output()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	file := func(name string, mode int64, content string) {
		w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}) //nolint:errcheck // Close tells
		io.WriteString(w, content)                                                    //nolint:errcheck // Close tells
	}
	for _, dir := range []string{"bin/", "dev/", "etc/", "proc/", "root/", "sys/", "tmp/"} {
		w.WriteHeader(&tar.Header{Name: dir, Mode: 0o755, Typeflag: tar.TypeDir}) //nolint:errcheck // Close tells
	}
	file("bin/busybox", 0o755, string(content))
	for _, name := range strings.Fields(string(applets)) {
		if name != "busybox" {
			w.WriteHeader(&tar.Header{Name: "bin/" + name, Linkname: "busybox", Typeflag: tar.TypeSymlink}) //nolint:errcheck // Close tells
		}
	}
	file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
	file("etc/group", 0o644, "root:x:0:\nnobody:x:65534:\n")
	return &out, w.Close()
}

// engines runs a test on every engine, with a client of its own. What the test has made
// there under its label is removed at its end.
func engines(t *testing.T, test func(t *testing.T, c *Client)) {
	t.Helper()
	if os.Getenv("DOCKER_TEST_HOSTS") == "" {
		t.Skip("DOCKER_TEST_HOSTS is empty: no engine to test on")
	}
	hosts, err := engineHosts()
	require.NoError(t, err)
	for _, h := range hosts {
		t.Run(h.name, func(t *testing.T) {
			name, _, _ := strings.Cut(t.Name(), "/")
			if reason := podmanSkips[name]; h.podman && reason != "" {
				t.Skip("podman: " + reason)
			}
			noLeaks(t)
			c := client(t, h.to...)
			t.Cleanup(func() { sweep(t, c) })
			test(t, c)
		})
	}
}

// sibling makes a further client of c's engine.
func sibling(t *testing.T, c *Client, opts ...Option) *Client {
	t.Helper()
	hosts, err := engineHosts()
	require.NoError(t, err)
	for _, h := range hosts {
		if h.host == c.Host() {
			return client(t, append(h.to[:len(h.to):len(h.to)], opts...)...)
		}
	}
	require.FailNow(t, "no such host", c.Host())
	return nil
}

// engineContext bounds what a test does on an engine.
func engineContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// atLeast tells whether c speaks an API version, such as 42 for 1.42.
func atLeast(t *testing.T, c *Client, version apiVersion) bool {
	t.Helper()
	e, err := c.engine(engineContext(t))
	require.NoError(t, err)
	return e.version >= version
}

// mark is the label of what a test makes on an engine: the names of the test and the
// engine, and a number that other runs of the test do not have.
func mark(t *testing.T) string {
	name := strings.Join(strings.SplitN(t.Name(), "/", 3)[:2], "/")
	return fmt.Sprintf("%s/%d", name, os.Getpid())
}

const markKey = "cleat-test"

// marked adds the mark to labels.
func marked(t *testing.T, labels map[string]string) map[string]string {
	all := map[string]string{markKey: mark(t)}
	maps.Copy(all, labels)
	return all
}

// ours filters for what the test has made.
func ours(t *testing.T) Filters { return Filters{"label": {markKey + "=" + mark(t)}} }

// unique makes a name that no other test has.
func unique(name string) string { return fmt.Sprintf("cleat-%s-%08x", name, rand.Uint32()) }

// sweep removes what a test has left.
func sweep(t *testing.T, c *Client) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	containers, err := c.ContainerList(ctx, &ContainerListOptions{All: true, Filters: ours(t)})
	require.NoError(t, err)
	for _, left := range containers {
		err := c.ContainerRemove(ctx, left.ID, &ContainerRemoveOptions{Force: true, Volumes: true})
		if err != nil && !errors.Is(err, errdefs.ErrNotFound) && !errors.Is(err, errdefs.ErrConflict) {
			t.Errorf("a container stays: %v", err)
		}
	}
	images, err := c.ImageList(ctx, &ImageListOptions{Filters: ours(t)})
	require.NoError(t, err)
	for _, left := range images {
		if _, err := c.ImageRemove(ctx, left.ID, &ImageRemoveOptions{Force: true}); err != nil && !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("an image stays: %v", err)
		}
	}
}

// leavesNothing requires that the test has no container on the engine.
func leavesNothing(t *testing.T, c *Client) {
	t.Helper()
	left, err := c.ContainerList(engineContext(t), &ContainerListOptions{All: true, Filters: ours(t)})
	require.NoError(t, err)
	require.Empty(t, left)
}

// cheapNetwork is the engine's own: a namespace for each container would take a quarter of
// the time of all tests.
const cheapNetwork = "host"

// created makes a container of the base image.
func created(t *testing.T, c *Client, opts *ContainerCreateOptions, cmd ...string) string {
	t.Helper()
	o := value(opts)
	config, host := value(o.Config), value(o.HostConfig)
	config.Cmd, config.Labels = cmd, marked(t, config.Labels)
	host.NetworkMode = cmp.Or(host.NetworkMode, cheapNetwork)
	o.Config, o.HostConfig = &config, &host
	made, err := c.ContainerCreate(engineContext(t), baseImage, &o)
	require.NoError(t, err)
	return made.ID
}

// started makes a container and starts it.
func started(t *testing.T, c *Client, opts *ContainerCreateOptions, cmd ...string) string {
	t.Helper()
	id := created(t, c, opts, cmd...)
	require.NoError(t, c.ContainerStart(engineContext(t), id, nil))
	return id
}

// sleeping starts a container that does nothing for longer than any test.
func sleeping(t *testing.T, c *Client) string {
	t.Helper()
	return started(t, c, nil, "sleep", "3600")
}

// ended starts a container and waits for its end, which has to be a good one.
func ended(t *testing.T, c *Client, opts *ContainerCreateOptions, cmd ...string) string {
	t.Helper()
	id := started(t, c, opts, cmd...)
	require.Equal(t, 0, exitCodeOf(t, c, id))
	return id
}

// exitCodeOf waits until a container does not run and returns its exit code.
func exitCodeOf(t *testing.T, c *Client, id string) int {
	t.Helper()
	exit, err := c.ContainerWait(engineContext(t), id, nil)
	require.NoError(t, err)
	code, err := exit.Code()
	require.NoError(t, err)
	return code
}

// runOf is a command in a container of the test's own.
func runOf(t *testing.T, ctx context.Context, c *Client, args ...string) *RunCmd {
	t.Helper()
	run := c.ContainerRun(ctx, baseImage, args...)
	run.Config = &ContainerConfig{Labels: marked(t, nil)}
	run.HostConfig = &HostConfig{NetworkMode: cheapNetwork}
	return run
}

// stateOf is the state of a container.
func stateOf(t *testing.T, c *Client, id string) ContainerState {
	t.Helper()
	container, err := c.ContainerInspect(engineContext(t), id, nil)
	require.NoError(t, err)
	return container.State
}

// poll waits until ready is true, for not much longer than 20 seconds.
func poll(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// seconds is a time for a stop.
func seconds(n int) *time.Duration {
	d := time.Duration(n) * time.Second
	return &d
}
