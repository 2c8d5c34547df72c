package enginetest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
	"github.com/cleat-go/docker/errdefs"
)

// The behaviour suite: what a case notes down has to be the same on an engine and on
// enginetest with the engine's API version. The notes of real engines are kept in
// testdata/behaviour, by version, so that enginetest is compared with them where there is
// no engine; go test -run TestBehaviourOfEngines -update writes them.

var update = flag.Bool("update", false, "write the notes of the engines of DOCKER_TEST_HOSTS")

// behaviours are the cases, of all behaviour_*_test.go files.
var behaviours = slices.Concat(lifeBehaviours, refusalBehaviours, streamBehaviours, fileBehaviours, eventBehaviours, pluginBehaviours)

// behaviour is a case.
type behaviour struct {
	name  string
	since int // the API version that it needs, 44 for 1.44
	run   func(b *trial)
}

// recorded are the versions of the real engines whose notes are kept.
var recorded = []string{"1.41", "1.45", "1.51"}

func TestBehaviour(t *testing.T) {
	for _, version := range recorded {
		t.Run(version, func(t *testing.T) {
			want := readNotes(t, version)
			eachBehaviour(t, version, func(t *testing.T, b behaviour) {
				notes, ok := want[b.name]
				require.True(t, ok, "no engine's notes are kept for this case")
				require.Equal(t, notes, inMemory(t, version, b))
			})
		})
	}
	t.Run(docker.MaxAPIVersion, func(t *testing.T) {
		eachBehaviour(t, docker.MaxAPIVersion, func(t *testing.T, b behaviour) {
			require.NotEmpty(t, inMemory(t, docker.MaxAPIVersion, b))
		})
	})
}

func eachBehaviour(t *testing.T, version string, test func(t *testing.T, b behaviour)) {
	for _, b := range behaviours {
		if minorOf(version) >= b.since {
			t.Run(b.name, func(t *testing.T) { test(t, b) })
		}
	}
}

func minorOf(version string) (n int) {
	fmt.Sscanf(version, "1.%d", &n)
	return n
}

// inMemory runs a case on enginetest, in a bubble: its pauses take no time.
func inMemory(t *testing.T, version string, b behaviour) (notes string) {
	synctest.Test(t, func(t *testing.T) {
		s := enginetest.NewServer(t, enginetest.WithAPIVersion(version), enginetest.WithImage("busybox:local", enginetest.Busybox()))
		notes = newTrial(t, s.Client()).notesOf(b)
	})
	return notes
}

func TestBehaviourOfEngines(t *testing.T) {
	hosts := strings.Fields(os.Getenv("DOCKER_TEST_HOSTS"))
	if len(hosts) == 0 {
		t.Skip("DOCKER_TEST_HOSTS is empty: no engine to compare with")
	}
	for _, host := range hosts {
		if !strings.HasPrefix(host, "unix:") && len(hosts) > 1 {
			continue // another way to an engine that has a socket
		}
		c := engineClient(t, host)
		version, err := c.APIVersion(t.Context())
		require.NoError(t, err)
		about, err := c.Version(t.Context())
		require.NoError(t, err)
		t.Run(version+" "+strings.ReplaceAll(host, "/", "_"), func(t *testing.T) {
			if slices.ContainsFunc(about.Components, func(c docker.VersionComponent) bool { return strings.HasPrefix(c.Name, "Podman") }) {
				t.Skip("podman is another engine than the one that enginetest is like")
			}
			found := make(map[string]string)
			eachBehaviour(t, version, func(t *testing.T, b behaviour) {
				found[b.name] = newTrial(t, c).notesOf(b)
				if !*update {
					require.Equal(t, found[b.name], inMemory(t, version, b), "expected is the engine, actual is enginetest")
				}
			})
			if *update && !t.Failed() {
				writeNotes(t, version, found)
			}
		})
	}
}

// engineClient makes a client of a host as DOCKER_TEST_HOSTS names it.
func engineClient(t *testing.T, text string) *docker.Client {
	u, err := url.Parse(text)
	require.NoError(t, err)
	host, _, _ := strings.Cut(text, "?")
	opts := []docker.Option{docker.WithHost(host)}
	if certs := u.Query().Get("certs"); certs != "" {
		var pem [3][]byte
		for i, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
			pem[i], err = os.ReadFile(filepath.Join(certs, name))
			require.NoError(t, err)
		}
		opts = append(opts, docker.WithTLSPEM(pem[0], pem[1], pem[2]))
	}
	c, err := docker.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func notesFile(version string) string { return filepath.Join("testdata", "behaviour", version+".txt") }

// readNotes reads the notes of the engine of a version, by the name of the case.
func readNotes(t *testing.T, version string) map[string]string {
	text, err := os.ReadFile(notesFile(version))
	require.NoError(t, err)
	notes := make(map[string]string)
	for section := range strings.SplitSeq(string(text), "\n== ") {
		name, body, _ := strings.Cut(section, "\n")
		notes[strings.TrimPrefix(name, "== ")] = strings.TrimSuffix(body, "\n")
	}
	return notes
}

// writeNotes adds the notes of an engine to those that are kept.
func writeNotes(t *testing.T, version string, found map[string]string) {
	all := found
	if _, err := os.Stat(notesFile(version)); err == nil {
		all = readNotes(t, version)
		for name, notes := range found {
			all[name] = notes
		}
	}
	var out strings.Builder
	for _, b := range behaviours {
		if notes, ok := all[b.name]; ok {
			fmt.Fprintf(&out, "== %s\n%s\n", b.name, notes)
		}
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(notesFile(version)), 0o755))
	require.NoError(t, os.WriteFile(notesFile(version), []byte(out.String()), 0o644))
}

// trial is a case that runs on some engine, and what it notes down.
type trial struct {
	*testing.T
	*docker.Client
	ctx   context.Context
	mark  string // a label of all that the case makes, and the end of their names
	began time.Time
	shown []string // pairs of what engines make up and what stands for it in the notes
	out   []string
}

const markKey = "enginetest-behaviour"

func newTrial(t *testing.T, c *docker.Client) *trial {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	b := &trial{T: t, Client: c, ctx: ctx, mark: fmt.Sprintf("%08x", rand.Uint32())}
	b.shown = []string{markKey + "=" + b.mark, "<mark>"}
	t.Cleanup(func() {
		cancel()
		b.sweep()
	})
	return b
}

// sweep removes what the case has left.
func (b *trial) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	left, err := b.ContainerList(ctx, &docker.ContainerListOptions{All: true, Filters: docker.Filters{"label": {markKey + "=" + b.mark}}})
	require.NoError(b, err)
	for _, ct := range left {
		err := b.ContainerRemove(ctx, ct.ID, &docker.ContainerRemoveOptions{Force: true, Volumes: true})
		if err != nil && !errors.Is(err, errdefs.ErrNotFound) && !errors.Is(err, errdefs.ErrConflict) {
			b.Errorf("a container stays: %v", err)
		}
	}
}

// notesOf runs a case.
func (b *trial) notesOf(of behaviour) string {
	b.began = b.now()
	time.Sleep(10 * time.Millisecond)
	of.run(b)
	notes := strings.Join(b.out, "\n")
	return strings.NewReplacer(b.shown...).Replace(notes)
}

// now is the engine's time.
func (b *trial) now() time.Time {
	info, err := b.Info(b.ctx, nil)
	require.NoError(b, err)
	return info.SystemTime.Time
}

// note writes a line down.
func (b *trial) note(format string, args ...any) {
	b.out = append(b.out, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}

// show lets something stand for what the engine has made up.
func (b *trial) show(value, as string) {
	b.shown = append(b.shown, value, as)
	if len(value) == 64 {
		b.shown = append(b.shown, value[:12], as)
	}
}

// name is a name of the case's own.
func (b *trial) name(name string) string {
	own := name + "-" + b.mark
	b.show(own, "<"+name+">")
	return own
}

// kinds are the names of the kinds of error.
var kinds = []struct {
	err  error
	name string
}{
	{errdefs.ErrInvalidArgument, "invalid argument"},
	{errdefs.ErrNotFound, "not found"},
	{errdefs.ErrConflict, "conflict"},
	{errdefs.ErrInternal, "internal"},
	{errdefs.ErrNotImplemented, "not implemented"},
	{errdefs.ErrUnavailable, "unavailable"},
	{errdefs.ErrPermissionDenied, "permission denied"},
	{errdefs.ErrUnauthenticated, "unauthenticated"},
	{errdefs.ErrNotModified, "not modified"},
}

// err notes what came of a call: its status, kind and words.
func (b *trial) err(what string, err error) {
	if err == nil {
		b.note("%s: ok", what)
		return
	}
	kind := "error"
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			kind = k.name
		}
	}
	var refused *docker.Error
	if !errors.As(err, &refused) {
		b.note("%s: %s: %v", what, kind, err)
		return
	}
	words := strings.ReplaceAll(refused.Message, ": unknown", "")
	b.note("%s: %d %s: %s", what, refused.Status, kind, words)
}

// create makes a container that has no network, under a name of the case's own.
func (b *trial) create(name string, cmd ...string) string {
	return b.createWith(name, func(*docker.ContainerCreateOptions) {}, cmd...)
}

func (b *trial) createWith(name string, change func(*docker.ContainerCreateOptions), cmd ...string) string {
	b.Helper()
	id, err := b.tryCreate(name, change, cmd...)
	require.NoError(b, err)
	return id
}

func (b *trial) tryCreate(name string, change func(*docker.ContainerCreateOptions), cmd ...string) (string, error) {
	own := name
	if name != "" {
		own = b.name(name)
	}
	opts := &docker.ContainerCreateOptions{
		Name: own, Config: &docker.ContainerConfig{Cmd: cmd, Labels: map[string]string{markKey: b.mark}},
		HostConfig: &docker.HostConfig{NetworkMode: "none"},
	}
	change(opts)
	made, err := b.ContainerCreate(b.ctx, "busybox:local", opts)
	if err != nil {
		return "", err
	}
	b.show(made.ID, "<"+name+" id>")
	return made.ID, nil
}

// start starts a container.
func (b *trial) start(id string) {
	b.Helper()
	require.NoError(b, b.ContainerStart(b.ctx, id, nil))
}

// running makes and starts a container.
func (b *trial) running(name string, cmd ...string) string {
	b.Helper()
	id := b.create(name, cmd...)
	b.start(id)
	return id
}

// sleeper is a container that a signal ends: its process has trapped it.
func (b *trial) sleeper(name string) string {
	b.Helper()
	id := b.running(name, "sh", "-c", "trap 'exit 5' TERM; echo ready; while true; do sleep 0.05; done")
	b.awaitLog(id, "ready")
	return id
}

// ended makes, starts and waits for a container.
func (b *trial) ended(name string, cmd ...string) string {
	b.Helper()
	id := b.running(name, cmd...)
	b.wait(id)
	return id
}

// wait waits until a container does not run.
func (b *trial) wait(id string) int {
	b.Helper()
	exit, err := b.ContainerWait(b.ctx, id, nil)
	require.NoError(b, err)
	code, err := exit.Code()
	require.NoError(b, err)
	return code
}

// awaitLog waits until a container has written a line.
func (b *trial) awaitLog(id, text string) {
	b.Helper()
	logs, err := b.ContainerLogs(b.ctx, id, &docker.ContainerLogsOptions{Follow: true})
	require.NoError(b, err)
	defer logs.Close()
	for line, err := range logs.Lines() {
		require.NoError(b, err)
		if strings.Contains(line.Text, text) {
			return
		}
	}
	b.Fatalf("the container has ended without %q", text)
}

// until polls.
func (b *trial) until(what string, ready func() bool) {
	b.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("waited in vain: %s", what)
		}
	}
}

// state notes the state of a container.
func (b *trial) state(id string) {
	b.Helper()
	ct, err := b.ContainerInspect(b.ctx, id, nil)
	if err != nil {
		b.err("state", err)
		return
	}
	s := ct.State
	b.note("state: %s running=%t paused=%t restarting=%t code=%d pid=%t started=%t finished=%t error=%s restarts=%d", s.Status, s.Running, s.Paused,
		s.Restarting, s.ExitCode, s.Pid > 0, !s.StartedAt.IsZero(), !s.FinishedAt.IsZero(), strings.ReplaceAll(s.Error, ": unknown", ""), ct.RestartCount)
}

// logs notes what a container has written, the standard output first.
func (b *trial) logs(id string, opts *docker.ContainerLogsOptions) {
	b.Helper()
	logs, err := b.ContainerLogs(b.ctx, id, opts)
	if err != nil {
		b.err("logs", err)
		return
	}
	b.output("logs", logs.Copy)
}

// output notes what a copy brings.
func (b *trial) output(what string, copies func(stdout, stderr io.Writer) error) {
	b.Helper()
	var out, errs bytes.Buffer
	err := copies(&out, &errs)
	b.note("%s: out %q err %q", what, out.String(), errs.String())
	if err != nil {
		b.note("%s: error %v", what, err)
	}
}

// events notes what happened to the case's containers, in its order. Engines tell of an
// end somewhat after it.
func (b *trial) events(attributes ...string) {
	b.Helper()
	time.Sleep(500 * time.Millisecond)
	feed, err := b.Events(b.ctx, &docker.EventsOptions{
		Since: b.began, Until: b.now().Add(time.Millisecond), Filters: docker.Filters{"type": {"container"}, "label": {markKey + "=" + b.mark}},
	})
	require.NoError(b, err)
	var lines []string
	for ev, err := range feed.All() {
		require.NoError(b, err)
		line := "event: " + ev.Action
		for _, name := range attributes {
			if value, ok := ev.Actor.Attributes[name]; ok {
				line += " " + name + "=" + value
			}
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "\n")
	// An engine that its runtime tells late of a pause and its end notes both once more.
	const pause = "event: pause\nevent: unpause"
	b.note("%s", strings.ReplaceAll(text, pause+"\n"+pause, pause))
}

// list notes the names of the containers that a list has.
func (b *trial) list(what string, opts docker.ContainerListOptions) {
	b.Helper()
	if opts.Filters == nil {
		opts.Filters = docker.Filters{}
	}
	opts.Filters["label"] = append(opts.Filters["label"], markKey+"="+b.mark)
	found, err := b.ContainerList(b.ctx, &opts)
	if err != nil {
		b.err(what, err)
		return
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = cmp.Or(found[i].Name(), "-") + "=" + string(found[i].State)
	}
	b.note("%s: %s", what, strings.Join(names, " "))
}
