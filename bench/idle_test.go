package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	godocker "github.com/fsouza/go-dockerclient"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
)

const (
	logsPath = "/containers/web/logs"
	logLines = 1000 // that a log has before it is idle, of 100 bytes

	idleEnv = "BENCH_IDLE_ENGINE" // the socket at which to be an engine
)

// TestMain is an engine of its own where that is asked for, so that its memory is not
// counted as a client's. It ends with its standard input.
func TestMain(m *testing.M) {
	socket := os.Getenv(idleEnv)
	if socket == "" {
		os.Exit(m.Run())
	}
	if err := idleEngine(socket); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func idleEngine(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	text, _ := logFrames(logLines, frameSize)
	frames := slices.Collect(slices.Chunk(text, 8+frameSize)) // an engine flushes each record
	e := &engine{answers: map[string]answer{
		"HEAD /_ping":     sized("text/plain", nil),
		"GET " + logsPath: chunked("application/vnd.docker.multiplexed-stream", true, frames...),
	}}
	go e.accept(listener)
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startIdle starts an engine in a process of its own. It ends with the test.
func startIdle(t *testing.T) *engine {
	dir, err := os.MkdirTemp("", "bench")
	require.NoError(t, err)
	e := &engine{socket: filepath.Join(dir, "s")}
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), idleEnv+"="+e.socket)
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	require.NoError(t, err)
	stdout, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		stdin.Close()
		process.Wait() //nolint:errcheck // it was asked to end
		os.RemoveAll(dir)
	})
	_, err = io.ReadFull(stdout, make([]byte, len("ready\n")))
	require.NoError(t, err)
	return e
}

// follower follows a log until ctx ends, and writes what it reads to w. The floor is the body
// of net/http, read into half a KiB.
type follower struct {
	who   string
	start func(t *testing.T, e *engine) func(ctx context.Context, w io.Writer) error
}

var followers = []follower{
	{cleat, func(t *testing.T, e *engine) func(context.Context, io.Writer) error {
		c := newCleat(t, e)
		return func(ctx context.Context, w io.Writer) error { return cleatFollow(ctx, c, w) }
	}},
	{moby, func(t *testing.T, e *engine) func(context.Context, io.Writer) error {
		c := newMoby(t, e)
		return func(ctx context.Context, w io.Writer) error { return mobyFollow(ctx, c, w) }
	}},
	{fsouza, func(t *testing.T, e *engine) func(context.Context, io.Writer) error {
		c := newFsouza(t, e)
		return func(ctx context.Context, w io.Writer) error { return fsouzaFollow(ctx, c, w) }
	}},
	{floor, func(t *testing.T, e *engine) func(context.Context, io.Writer) error {
		c := newBare(t, e)
		return func(ctx context.Context, w io.Writer) error {
			answer, err := bareCall(ctx, c, "GET", logsPath+"?follow=1&stdout=1&stderr=1")
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			_, err = io.CopyBuffer(w, onlyReader{answer.Body}, make([]byte, 512))
			return err
		}
	}},
}

func cleatFollow(ctx context.Context, c *docker.Client, w io.Writer) error {
	log, err := c.ContainerLogs(ctx, "web", &docker.ContainerLogsOptions{Follow: true})
	if err != nil {
		return err
	}
	return log.Copy(w, w)
}

func mobyFollow(ctx context.Context, c *client.Client, w io.Writer) error {
	log, err := c.ContainerLogs(ctx, "web", client.ContainerLogsOptions{Follow: true, ShowStdout: true, ShowStderr: true})
	if err != nil {
		return err
	}
	defer log.Close()
	_, err = stdcopy.StdCopy(w, w, log)
	return err
}

func fsouzaFollow(ctx context.Context, c *godocker.Client, w io.Writer) error {
	return c.Logs(godocker.LogsOptions{
		Context: ctx, Container: "web", Follow: true, Stdout: true, Stderr: true, OutputStream: w, ErrorStream: w,
	})
}

// arrival is a writer that tells when a log's last line has come.
type arrival struct {
	left int
	done func()
}

func (a *arrival) Write(p []byte) (int, error) {
	a.left -= bytes.Count(p, []byte("\n"))
	if a.left == 0 {
		a.done()
	}
	return len(p), nil
}

// idleRows follows n logs at a time, each in a goroutine of the caller's, waits until all that
// was in them has come, and tells what they then hold.
func idleRows(t *testing.T) []row {
	memory := row{name: "idle/followed log", unit: "KiB/log", values: make(map[string][]float64), goal: within(1.1, floor)}
	routines := row{name: "idle/followed log", unit: "goroutines/log", values: make(map[string][]float64), goal: within(1, floor)}
	for _, f := range followers {
		t.Run("idle/"+f.who, func(t *testing.T) {
			bytes, n := followed(t, f, 1000)
			memory.values[f.who] = []float64{bytes / 1024}
			routines.values[f.who] = []float64{n}
		})
	}
	return []row{memory, routines}
}

// followed tells how many bytes and goroutines each of n idle logs holds, the goroutine
// that reads it included.
func followed(t *testing.T, f follower, n int) (bytes, goroutines float64) {
	follow := f.start(t, startIdle(t))
	ctx, cancel := context.WithCancel(t.Context())
	var running, arrived sync.WaitGroup
	bytesBefore, goroutinesBefore := held()
	for range n {
		arrived.Add(1)
		running.Go(func() {
			err := follow(ctx, &arrival{logLines, arrived.Done})
			if ctx.Err() == nil {
				t.Error("a log ended:", err)
				arrived.Done()
			}
		})
	}
	arrived.Wait()
	time.Sleep(100 * time.Millisecond)
	bytesNow, goroutinesNow := held()
	cancel()
	running.Wait()
	return (bytesNow - bytesBefore) / float64(n), (goroutinesNow - goroutinesBefore) / float64(n)
}

// held is what the process holds, after what nobody uses is gone.
func held() (bytes, goroutines float64) {
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse), float64(runtime.NumGoroutine())
}

func TestIdle(t *testing.T) {
	for _, f := range followers {
		t.Run(f.who, func(t *testing.T) {
			_, n := followed(t, f, 10)
			require.GreaterOrEqual(t, n, 1.0)
		})
	}
}
