package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// hijackTo answers a request with an upgraded connection.
func hijackTo(w http.ResponseWriter) (conn io.ReadWriteCloser) {
	raw, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	io.WriteString(raw, upgraded)
	return struct {
		io.Reader
		io.WriteCloser
	}{buffered, raw}
}

// runner is an engine that runs one container, and notes the order of what is asked.
type runner struct {
	mu    sync.Mutex
	order []string
	code  string // the answer to the wait
	out   string
	start int // the status of the start
	ended chan struct{}
}

func (e *runner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v1.51")
	e.mu.Lock()
	e.order = append(e.order, op)
	e.mu.Unlock()
	switch op {
	case "POST /containers/create":
		w.WriteHeader(201)
		io.WriteString(w, `{"Id":"c1","Warnings":["careful"]}`)
	case "POST /containers/c1/attach":
		conn := hijackTo(w)
		defer conn.Close()
		<-e.ended
		io.WriteString(conn, e.out)
	case "POST /containers/c1/wait":
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		select {
		case <-e.ended:
			io.WriteString(w, e.code)
		case <-r.Context().Done():
		}
	case "POST /containers/c1/start":
		if e.start >= 400 {
			w.WriteHeader(e.start)
			io.WriteString(w, `{"message":"no such program"}`)
			return
		}
		w.WriteHeader(204)
		close(e.ended)
	case "DELETE /containers/c1":
		w.WriteHeader(204)
	default:
		w.WriteHeader(404)
	}
}

func newRunner() *runner {
	return &runner{ended: make(chan struct{}), start: 204, code: `{"StatusCode":0}`, out: frame(1, "out\n") + frame(2, "err\n")}
}

func TestRunAttachesAndRegistersBeforeItStarts(t *testing.T) {
	for range 50 {
		e := newRunner()
		run := serve(t, "unix", e, pinned).ContainerRun(t.Context(), "i", "prog")
		out, err := run.Output()
		require.NoError(t, err)
		require.Equal(t, "out\n", string(out))
		require.Equal(t, []string{"careful"}, run.Warnings)
		require.Equal(t, []string{
			"POST /containers/create", "POST /containers/c1/attach", "POST /containers/c1/wait",
			"POST /containers/c1/start", "DELETE /containers/c1",
		}, e.order)
	}
}

func TestRunExitCodes(t *testing.T) {
	for answer, check := range map[string]func(error){
		`{"StatusCode":0}`: func(err error) { require.NoError(t, err) },
		`{"StatusCode":3}`: func(err error) {
			var exit *ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 3, exit.Code)
			require.Equal(t, "err\n", string(exit.Stderr))
			require.Equal(t, "docker: exit status 3: err", err.Error())
		},
		`{}`: func(err error) { require.ErrorContains(t, err, "no exit code") },
		``:   func(err error) { errorsIs(t, err, errdefs.ErrTruncated) },
		`{"StatusCode":0,"Error":{"Message":"it went wrong"}}`: func(err error) { require.ErrorContains(t, err, "it went wrong") },
		`{"StatusCode":`:      func(err error) { errorsIs(t, err, errdefs.ErrTruncated) },
		`{"StatusCode":null}`: func(err error) { require.ErrorContains(t, err, "no exit code") },
	} {
		e := newRunner()
		e.code = answer
		_, err := serve(t, "unix", e, pinned).ContainerRun(t.Context(), "i").Output()
		check(err)
	}
}

func TestRunThatCannotStartLeavesNothing(t *testing.T) {
	e := newRunner()
	e.start = 404
	c := serve(t, "unix", e, pinned)
	defer close(e.ended)
	err := c.ContainerRun(t.Context(), "i").Run()
	errorsIs(t, err, errdefs.ErrNotFound)
	require.ErrorContains(t, err, "no such program")
	require.Equal(t, "DELETE /containers/c1", e.order[len(e.order)-1])
}

func TestRunThatIsCutIsNoSuccess(t *testing.T) {
	e := newRunner()
	e.out = frame(1, "out\n")[:10]
	err := serve(t, "unix", e, pinned).ContainerRun(t.Context(), "i").Run()
	errorsIs(t, err, errdefs.ErrTruncated)
	require.Equal(t, "DELETE /containers/c1", e.order[len(e.order)-1])
}

// The fate of a run whose context ends is the container's.
func TestRunIsKilledWithItsContext(t *testing.T) {
	for _, keep := range []bool{false, true} {
		e := newRunner()
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/start") {
				w.WriteHeader(204) // and runs for ever
				return
			}
			if strings.HasSuffix(r.URL.Path, "/kill") {
				e.order = append(e.order, "kill")
				w.WriteHeader(204)
				return
			}
			e.ServeHTTP(w, r)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		run := serve(t, "unix", handler, pinned).ContainerRun(ctx, "i")
		run.Keep = keep
		within(t, 2*time.Second, func() {
			errorsIs(t, run.Run(), errdefs.ErrCancelled, context.DeadlineExceeded)
		})
		require.Equal(t, map[bool]string{true: "kill", false: "DELETE /containers/c1"}[keep], e.order[len(e.order)-1])
		close(e.ended)
	}
}

func TestAbandonedWaitsLeaveNoGoroutine(t *testing.T) {
	c := serve(t, "unix", newRunner(), pinned)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 50 {
		exit, err := c.ContainerWait(ctx, "c1", nil)
		require.NoError(t, err)
		if i%2 == 0 {
			require.NoError(t, exit.Close())
			_, err := exit.Code()
			require.Error(t, err)
		}
	}
	cancel() // the test's end looks for what is left
}

func TestAWaitCutByARestartIsNoExitCode(t *testing.T) {
	c := script(t, "unix", func(w *wire) {
		w.drained()
		w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
	}, pinned)
	exit, err := c.ContainerWait(t.Context(), "c1", nil)
	require.NoError(t, err)
	code, err := exit.Code()
	require.NotZero(t, code)
	errorsIs(t, err, errdefs.ErrTruncated, io.ErrUnexpectedEOF)
}

// executor is an engine with one exec, whose states are told in turn.
type executor struct {
	states   []string
	inspects atomic.Int32
	talk     func(conn io.ReadWriteCloser)
	detached atomic.Bool
}

func (e *executor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch op := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v1.51"); op {
	case "POST /containers/c/exec":
		w.WriteHeader(201)
		io.WriteString(w, `{"Id":"e1"}`)
	case "POST /exec/e1/start":
		text, _ := io.ReadAll(r.Body)
		if strings.Contains(string(text), `"Detach":true`) {
			e.detached.Store(true)
			return
		}
		conn := hijackTo(w)
		defer conn.Close()
		e.talk(conn)
	case "GET /exec/e1/json":
		n := int(e.inspects.Add(1)) - 1
		io.WriteString(w, e.states[min(n, len(e.states)-1)])
	default:
		w.WriteHeader(404)
		fmt.Fprintf(w, `{"message":"no such route %s"}`, op)
	}
}

func TestExecCodeIsAskedForUntilItIsThere(t *testing.T) {
	e := &executor{
		states: []string{`{"Running":false,"ExitCode":null}`, `{"Running":true,"ExitCode":null}`, `{"Running":true,"ExitCode":0}`, `{"Running":false,"ExitCode":7}`},
		talk:   func(conn io.ReadWriteCloser) { io.WriteString(conn, frame(1, "o")+frame(2, "first\nlast\n")) },
	}
	out, err := serve(t, "unix", e, pinned).ContainerExec(t.Context(), "c", "prog").Output()
	var exit *ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 7, exit.Code)
	require.Equal(t, "docker: exit status 7: last", err.Error())
	require.Equal(t, "o", string(out))
	require.EqualValues(t, 4, e.inspects.Load())
}

func TestExecThatWasNeverStartedHasNoExitCode(t *testing.T) {
	e := &executor{states: []string{`{"Running":false,"ExitCode":null}`}}
	c := serve(t, "unix", e, pinned)
	state, err := c.ExecInspect(t.Context(), "e1")
	require.NoError(t, err)
	require.Nil(t, state.ExitCode)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	e.talk = func(io.ReadWriteCloser) {}
	err = c.ContainerExec(ctx, "c", "prog").Run()
	errorsIs(t, err, errdefs.ErrCancelled)
	require.NoError(t, c.ExecStartDetached(t.Context(), "e1"))
	require.True(t, e.detached.Load())
}

func TestExecInputAndOutputDoNotBlockEachOther(t *testing.T) {
	e := &executor{
		states: []string{`{"Running":false,"ExitCode":0}`},
		talk: func(conn io.ReadWriteCloser) {
			buf := make([]byte, 16<<10)
			for {
				n, err := conn.Read(buf)
				if n > 0 {
					io.WriteString(conn, frame(1, string(buf[:n])))
				}
				if err != nil {
					return
				}
			}
		},
	}
	c := serve(t, "unix", e, pinned)
	input := strings.Repeat("0123456789abcdef", 1<<19)
	cmd := c.ContainerExec(t.Context(), "c", "cat")
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.True(t, input == string(out))

	cmd = c.ContainerExec(t.Context(), "c", "cat")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	from, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() { io.WriteString(in, input); in.Close() }()
	text, err := io.ReadAll(from)
	require.NoError(t, err)
	require.True(t, input == string(text))
	require.NoError(t, cmd.Wait())
}

// A command that ends does not wait for an input that never comes.
func TestExecDoesNotWaitForItsInput(t *testing.T) {
	e := &executor{states: []string{`{"Running":false,"ExitCode":0}`}, talk: func(io.ReadWriteCloser) {}}
	c := serve(t, "unix", e, pinned)
	never, writer := io.Pipe()
	defer writer.Close()
	cmd := c.ContainerExec(t.Context(), "c", "true")
	cmd.Stdin = never
	within(t, time.Second, func() { require.NoError(t, cmd.Run()) })
}

func TestCommandsAreUsedOnce(t *testing.T) {
	e := &executor{states: []string{`{"Running":false,"ExitCode":0}`}, talk: func(io.ReadWriteCloser) {}}
	c := serve(t, "unix", e, pinned)
	cmd := c.ContainerExec(t.Context(), "c", "true")
	require.Error(t, cmd.Wait())
	require.NoError(t, cmd.Run())
	require.Error(t, cmd.Start())
	require.Error(t, cmd.Wait())
	cmd.Stdout = io.Discard
	_, err := cmd.Output()
	require.Error(t, err)
	_, err = cmd.CombinedOutput()
	require.Error(t, err)
	_, err = cmd.StdoutPipe()
	require.Error(t, err)
	_, err = c.ExecCreate(t.Context(), "c", nil, nil)
	errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
	_, err = c.ContainerCreate(t.Context(), "", nil)
	errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
}

// The errors of the input's reader and of the output's writer are the command's.
func TestExecErrorsOfTheCallersStreams(t *testing.T) {
	e := &executor{states: []string{`{"Running":false,"ExitCode":0}`}, talk: func(conn io.ReadWriteCloser) {
		io.WriteString(conn, frame(1, "x"))
		io.Copy(io.Discard, conn)
	}}
	c := serve(t, "unix", e, pinned)
	full := errors.New("disk is full")
	cmd := c.ContainerExec(t.Context(), "c", "prog")
	cmd.Stdout = writerFunc(func([]byte) (int, error) { return 0, full })
	errorsIs(t, cmd.Run(), full)

	gone := errors.New("the file is gone")
	cmd = c.ContainerExec(t.Context(), "c", "prog") // reads its input to the end
	cmd.Stdin = io.MultiReader(strings.NewReader("some"), iotest.ErrReader(gone))
	within(t, 2*time.Second, func() { errorsIs(t, cmd.Run(), gone) })
}

// A command whose input cannot be sent, or not be ended, may wait for it for ever.
func TestInputThatCannotBeSent(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/start") { // without an upgrade
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		io.WriteString(w, `{"Id":"e1"}`)
	}), pinned)
	for _, input := range []string{"", "in"} {
		cmd := c.ContainerExec(t.Context(), "c", "cat")
		cmd.Stdin = strings.NewReader(input)
		within(t, 2*time.Second, func() { errorsIs(t, cmd.Run(), errors.ErrUnsupported) })
	}
}

// Whoever reads or writes a pipe learns why nothing comes any more.
func TestPipesOfACommandThatFails(t *testing.T) {
	piped := func(cmd *ExecCmd) (io.WriteCloser, io.ReadCloser) {
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		return in, out
	}
	e := &executor{states: []string{`{"Running":false,"ExitCode":0}`}, talk: func(conn io.ReadWriteCloser) {
		io.WriteString(conn, frame(1, "all")[:9])
	}}
	c := serve(t, "unix", e, pinned)
	t.Run("at its start", func(t *testing.T) {
		cmd := c.ContainerExec(t.Context(), "gone", "prog")
		in, out := piped(cmd)
		require.Error(t, cmd.Start())
		within(t, time.Second, func() {
			_, err := io.WriteString(in, "x")
			errorsIs(t, err, errdefs.ErrNotFound)
			_, err = io.ReadAll(out)
			errorsIs(t, err, errdefs.ErrNotFound)
		})
	})
	t.Run("in its output", func(t *testing.T) {
		cmd := c.ContainerExec(t.Context(), "c", "prog")
		_, out := piped(cmd)
		require.NoError(t, cmd.Start())
		within(t, time.Second, func() {
			text, err := io.ReadAll(out)
			require.Equal(t, "a", string(text))
			errorsIs(t, err, errdefs.ErrTruncated)
			errorsIs(t, cmd.Wait(), errdefs.ErrTruncated)
		})
	})
	t.Run("by its context, unread", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		cmd := c.ContainerExec(ctx, "c", "prog")
		_, out := piped(cmd)
		require.NoError(t, cmd.Start())
		within(t, time.Second, func() {
			errorsIs(t, cmd.Wait(), errdefs.ErrCancelled, context.DeadlineExceeded)
			_, err := io.ReadAll(out)
			errorsIs(t, err, errdefs.ErrCancelled)
		})
	})
	t.Run("by its delay, unread", func(t *testing.T) {
		cmd := c.ContainerExec(t.Context(), "c", "prog")
		_, out := piped(cmd)
		cmd.WaitDelay = 10 * time.Millisecond
		require.NoError(t, cmd.Start())
		within(t, time.Second, func() {
			errorsIs(t, cmd.Wait(), ErrWaitDelay)
			_, err := io.ReadAll(out)
			errorsIs(t, err, ErrWaitDelay)
		})
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTailKeepsTheEnd(t *testing.T) {
	var end tail
	var all bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&end, "%d\n", i)
		fmt.Fprintf(&all, "%d\n", i)
	}
	require.Equal(t, all.String()[all.Len()-maxStderr:], string(end.end()))
	require.LessOrEqual(t, cap(end.text), 4*maxStderr)
}

// A process that a command left behind can hold its output open for ever.
func TestWaitDelay(t *testing.T) {
	held := make(chan struct{})
	defer close(held)
	for code, want := range map[string]string{"0": ErrWaitDelay.Error(), "5": "docker: exit status 5"} {
		e := &executor{
			states: []string{`{"Running":true}`, `{"Running":false,"ExitCode":` + code + `}`},
			talk:   func(conn io.ReadWriteCloser) { io.WriteString(conn, frame(1, "x")); <-held },
		}
		cmd := serve(t, "unix", e, pinned).ContainerExec(t.Context(), "c", "prog")
		cmd.WaitDelay, cmd.Stdin = 20*time.Millisecond, strings.NewReader("in")
		within(t, 2*time.Second, func() {
			out, err := cmd.Output()
			require.Equal(t, "x", string(out))
			require.EqualError(t, err, want)
		})
	}
}

// A container whose making was under way when the context ended is removed.
func TestRunCancelledWhileItsContainerIsMade(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var removed atomic.Bool
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/create"):
			cancel()
			time.Sleep(50 * time.Millisecond)
			io.WriteString(w, `{"Id":"c1"}`)
		case r.Method == "DELETE":
			removed.Store(true)
		}
	}), pinned)
	errorsIs(t, c.ContainerRun(ctx, "i").Run(), errdefs.ErrCancelled, context.Canceled)
	require.True(t, removed.Load())
	errorsIs(t, c.ContainerRun(ctx, "i").Run(), errdefs.ErrCancelled, context.Canceled)
}
