package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
	"github.com/cleat-go/docker/errdefs"
)

// busybox starts an engine with a busybox.
func busybox(t testing.TB, opts ...enginetest.Option) *enginetest.Server {
	return enginetest.NewServer(t, append(opts, enginetest.WithImage("busybox", enginetest.Busybox()))...)
}

// made makes and starts a container.
func made(t *testing.T, s *enginetest.Server, opts *docker.ContainerCreateOptions, cmd ...string) string {
	t.Helper()
	if opts == nil {
		opts = &docker.ContainerCreateOptions{}
	}
	opts.Config = &docker.ContainerConfig{Cmd: cmd}
	ct, err := s.Client().ContainerCreate(t.Context(), "busybox", opts)
	require.NoError(t, err)
	require.NoError(t, s.Client().ContainerStart(t.Context(), ct.ID, nil))
	return ct.ID
}

func TestFaultAnswers(t *testing.T) {
	s := busybox(t)
	c, ctx := s.Client(), t.Context()
	s.Fail("GET /info", enginetest.Fault{Skip: 1, Times: 2, Status: http.StatusServiceUnavailable, Message: "not now"})
	for i, want := range []error{nil, errdefs.ErrUnavailable, errdefs.ErrUnavailable, nil} {
		_, err := c.Info(ctx, nil)
		require.ErrorIs(t, err, want, i)
		if want != nil {
			require.ErrorContains(t, err, "not now")
		}
	}
	cancel := s.Fail("", enginetest.HTMLError(http.StatusBadGateway))
	_, err := c.Version(ctx)
	require.ErrorContains(t, err, "Bad Gateway")
	cancel()
	_, err = c.Version(ctx)
	require.NoError(t, err)
	s.Fail("GET /containers/json", enginetest.Fault{Match: func(r *http.Request) bool { return r.URL.Query().Get("all") != "" }, Status: 500, Message: "no"})
	_, err = c.ContainerList(ctx, nil)
	require.NoError(t, err)
	_, err = c.ContainerList(ctx, &docker.ContainerListOptions{All: true})
	require.ErrorIs(t, err, errdefs.ErrInternal)
}

func TestFaultsOfConnections(t *testing.T) {
	for _, network := range []enginetest.Option{enginetest.WithAPIVersion("1.51"), enginetest.WithTCP(""), enginetest.WithUnix(""), enginetest.WithTLS("")} {
		noLeaks(t)
		s := busybox(t, network)
		c, ctx := s.Client(), t.Context()
		_, err := c.Version(ctx)
		require.NoError(t, err)

		s.Fail("POST /containers/create", enginetest.Fault{Cut: true, Times: 1})
		_, err = c.ContainerCreate(ctx, "busybox", nil)
		require.ErrorIs(t, err, errdefs.ErrOutcomeUnknown)
		s.Fail("POST /containers/create", enginetest.Fault{Reset: true, Times: 1})
		_, err = c.ContainerCreate(ctx, "busybox", nil)
		require.ErrorIs(t, err, errdefs.ErrOutcomeUnknown)

		s.Fail("GET /info", enginetest.Fault{Cut: true, After: 100})
		_, err = c.Info(ctx, nil)
		require.ErrorIs(t, err, errdefs.ErrTruncated)

		s.Fail("GET /version", enginetest.Fault{Cut: true, After: -1})
		_, err = c.Version(ctx)
		require.ErrorIs(t, err, errdefs.ErrTruncated)
	}
}

func TestFaultResetIsSeen(t *testing.T) {
	s := busybox(t, enginetest.WithTCP(""))
	id := made(t, s, nil, "sh", "-c", "echo hello; sleep 100")
	s.Fail("GET /containers/{id}/logs", enginetest.Fault{Reset: true, After: 4})
	logs, err := s.Client().ContainerLogs(t.Context(), id, &docker.ContainerLogsOptions{Follow: true})
	require.NoError(t, err)
	err = logs.Copy(io.Discard, io.Discard)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestFaultsOfStreams(t *testing.T) {
	s := busybox(t)
	c, ctx := s.Client(), t.Context()
	id := made(t, s, nil, "sh", "-c", "echo hello; sleep 100")
	for what, f := range map[string]enginetest.Fault{
		"within a frame": {Cut: true, After: 10}, "within a header": {Cut: true, After: 3}, "a malformed frame": {Insert: []byte{9, 1, 2, 3, 0, 0, 0, 1, 'x'}, Cut: true, After: 14},
	} {
		f.Times = 1
		s.Fail("GET /containers/{id}/logs", f)
		logs, err := c.ContainerLogs(ctx, id, &docker.ContainerLogsOptions{Follow: true})
		require.NoError(t, err, what)
		require.Error(t, logs.Copy(io.Discard, io.Discard), what)
	}
	s.Fail("POST /exec/{id}/start", enginetest.Fault{Cut: true, After: 12})
	_, err := c.ContainerExec(ctx, id, "echo", "a line that is longer").Output()
	require.ErrorIs(t, err, errdefs.ErrTruncated)
}

func TestFaultStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := busybox(t)
		c := s.Client()
		s.Fail("HEAD /_ping", enginetest.Fault{Stall: true, Times: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := c.Info(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(began))

		s.Fail("GET /info", enginetest.Fault{Stall: true, After: 50, Times: 1})
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = c.Info(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = c.Info(t.Context(), nil)
		require.NoError(t, err)
	})
}

func TestRestart(t *testing.T) {
	for _, live := range []bool{true, false} {
		t.Run(fmt.Sprintf("live=%t", live), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := busybox(t)
				c, ctx := s.Client(), t.Context()
				plain := made(t, s, nil, "sleep", "1000")
				policy := made(t, s, &docker.ContainerCreateOptions{HostConfig: &docker.HostConfig{
					RestartPolicy: docker.RestartPolicy{Name: docker.RestartAlways},
				}}, "sleep", "1000")
				logs, err := c.ContainerLogs(ctx, plain, &docker.ContainerLogsOptions{Follow: true})
				require.NoError(t, err)
				require.NoError(t, s.Restart(&enginetest.RestartOptions{Live: live, Version: "1.44", Down: time.Minute}))
				require.Error(t, logs.Copy(io.Discard, io.Discard), "a followed log is cut")
				ping, err := c.Ping(ctx)
				require.NoError(t, err)
				require.Equal(t, "1.44", ping.APIVersion)
				for id, want := range map[string]bool{plain: live, policy: true} {
					ct, err := c.ContainerInspect(ctx, id, nil)
					require.NoError(t, err)
					require.Equal(t, want, ct.State.Running)
				}
			})
		})
	}
}

func TestWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := busybox(t)
		done := make(chan error)
		go func() { done <- s.Restart(&enginetest.RestartOptions{Down: time.Hour}) }()
		time.Sleep(time.Minute)
		_, err := s.Client().Ping(t.Context())
		require.ErrorIs(t, err, errdefs.ErrNotSent)
		require.True(t, errors.Is(err, syscall.ECONNREFUSED), err)
		require.NoError(t, <-done)
		_, err = s.Client().Ping(t.Context())
		require.NoError(t, err)
	})
}

func TestRequests(t *testing.T) {
	s := busybox(t)
	id := made(t, s, &docker.ContainerCreateOptions{Name: "web"}, "sleep", "100")
	_, err := s.Client().ContainerInspect(t.Context(), "nope", nil)
	require.Error(t, err)
	var seen []string
	for _, r := range s.Requests() {
		seen = append(seen, fmt.Sprintf("%s %s %d", r.Operation, r.Path, r.Status))
		if r.Operation == "POST /containers/create" {
			require.Equal(t, "web", r.Query.Get("name"))
			require.Contains(t, string(r.Body), `"sleep"`)
			require.Equal(t, docker.MaxAPIVersion, r.Version)
		}
	}
	require.Equal(t, []string{
		"HEAD /_ping /_ping 200", "POST /containers/create /containers/create 201", "POST /containers/{id}/start /containers/" + id + "/start 204",
		"GET /containers/{id}/json /containers/nope/json 404",
	}, seen)
}

func TestLeftOut(t *testing.T) {
	s := busybox(t)
	err := s.Client().SwarmJoin(t.Context(), &docker.SwarmJoinOptions{RemoteAddrs: []string{"10.0.0.1:2377"}, JoinToken: "token"})
	require.ErrorIs(t, err, errdefs.ErrNotImplemented)
	require.ErrorContains(t, err, "enginetest: joining the swarm of another engine is left out")
}

func TestCloseEndsProcesses(t *testing.T) {
	noLeaks(t)
	ended := make(chan struct{})
	s, err := enginetest.Start(enginetest.WithImage("busybox", enginetest.Image{Run: func(ctx context.Context, _ *enginetest.Process) int {
		<-ctx.Done()
		close(ended)
		return 0
	}}))
	require.NoError(t, err)
	ct, err := s.Client().ContainerCreate(t.Context(), "busybox", &docker.ContainerCreateOptions{Config: &docker.ContainerConfig{Cmd: docker.Command{"x"}}})
	require.NoError(t, err)
	require.NoError(t, s.Client().ContainerStart(t.Context(), ct.ID, nil))
	require.NoError(t, s.Close())
	<-ended
	require.NoError(t, s.Close())
}

// A fault of an operation that is misspelt would never strike, and its test would pass.
func TestFaultOfNoOperation(t *testing.T) {
	engine := enginetest.NewServer(t)
	for _, operation := range []string{"POST /containers/creat", "GET /images/{id}/json", "/info", "GET /v1.44/info"} {
		require.PanicsWithValue(t, fmt.Sprintf("enginetest: Fail: there is no operation %q", operation), func() {
			engine.Fail(operation, enginetest.Fault{Status: 500})
		})
	}
	engine.Fail("GET /images/{name}/json", enginetest.Fault{Status: 500, Message: "boom"})
	_, err := engine.Client().ImageInspect(t.Context(), "a/b", nil)
	require.ErrorContains(t, err, "boom")
}
