package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func TestEngineRun(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "sh", "-c", "cat; echo $A $PWD $(id -un); echo bad >&2; exit 3")
		run.Stdin = strings.NewReader("in\n")
		run.Env, run.Dir, run.User = []string{"A=b"}, "/tmp", "nobody"
		var stdout, stderr bytes.Buffer
		run.Stdout, run.Stderr = &stdout, &stderr
		err := run.Run()
		var exit *ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 3, exit.Code)
		require.Equal(t, "in\nb /tmp nobody\n", stdout.String())
		require.Equal(t, "bad\n", stderr.String())
		require.NotEmpty(t, run.ID)
		leavesNothing(t, c)
	})
}

func TestEngineRunOutput(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		out, err := runOf(t, ctx, c, "echo", "hello").Output()
		require.NoError(t, err)
		require.Equal(t, "hello\n", string(out))

		out, err = runOf(t, ctx, c, "sh", "-c", "echo out; echo first >&2; echo last >&2; exit 4").Output()
		var exit *ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, "out\n", string(out))
		require.Equal(t, "first\nlast\n", string(exit.Stderr))
		require.EqualError(t, err, "docker: exit status 4: last")

		out, err = runOf(t, ctx, c, "sh", "-c", "echo a; sleep 0.2; echo b >&2; sleep 0.2; echo c").CombinedOutput()
		require.NoError(t, err)
		require.Equal(t, "a\nb\nc\n", string(out))
	})
}

func TestEngineRunLosesNoOutput(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		const lines = 100_000
		out, err := runOf(t, engineContext(t), c, "seq", fmt.Sprint(lines)).Output()
		require.NoError(t, err)
		require.Equal(t, lines, bytes.Count(out, []byte("\n")))
		require.True(t, bytes.HasPrefix(out, []byte("1\n2\n")))
		require.True(t, bytes.HasSuffix(out, []byte("\n100000\n")))
	})
}

func TestEngineRunInput(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		in := make([]byte, 8<<20)
		seed := rand.Uint64()
		t.Log("seed", seed)
		fill(in, seed)
		run := runOf(t, engineContext(t), c, "cat")
		run.Stdin = bytes.NewReader(in)
		out, err := run.Output()
		require.NoError(t, err)
		require.True(t, bytes.Equal(in, out), "of %d bytes %d came back, and not as they were", len(in), len(out))
	})
}

// fill makes bytes that look random.
func fill(p []byte, seed uint64) {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	source.Read(p) //nolint:errcheck // it has no errors
}

func TestEngineRunPipes(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "cat")
		in, err := run.StdinPipe()
		require.NoError(t, err)
		out, err := run.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, run.Start())
		for _, text := range []string{"one", "two"} {
			_, err = io.WriteString(in, text)
			require.NoError(t, err)
			echo := make([]byte, len(text))
			_, err = io.ReadFull(out, echo)
			require.NoError(t, err)
			require.Equal(t, text, string(echo))
		}
		require.NoError(t, in.Close())
		rest, err := io.ReadAll(out)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.NoError(t, run.Wait())
	})
}

func TestEngineRunEndsBeforeItsInput(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "true")
		in, err := run.StdinPipe()
		require.NoError(t, err)
		defer in.Close()
		require.NoError(t, run.Run())
		leavesNothing(t, c)
	})
}

func TestEngineRunTTY(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "sh", "-c", "tty; read line; stty size; echo to stderr >&2")
		run.TTY = true
		in, err := run.StdinPipe()
		require.NoError(t, err)
		var out bytes.Buffer
		run.Stdout = &out
		require.NoError(t, run.Start())
		require.NoError(t, run.Resize(TTYSize{Height: 40, Width: 123}))
		_, err = io.WriteString(in, "\n")
		require.NoError(t, err)
		require.NoError(t, run.Wait())
		require.NoError(t, in.Close())
		require.Contains(t, out.String(), "/dev/pts/0\r\n")
		require.Contains(t, out.String(), "40 123\r\nto stderr\r\n")
	})
}

func TestEngineRunKeep(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "sh", "-c", "exit 5")
		run.Keep = true
		var exit *ExitError
		require.ErrorAs(t, run.Run(), &exit)
		require.Equal(t, 5, exit.Code)
		state := stateOf(t, c, run.ID)
		require.Equal(t, ContainerExited, state.Status)
		require.EqualValues(t, 5, state.ExitCode)
	})
}

func TestEngineRunNameIsFreeAfterIt(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		name := unique("again")
		for range 5 {
			run := runOf(t, engineContext(t), c, "true")
			run.Name = name
			require.NoError(t, run.Run())
		}
	})
}

func TestEngineRunOfAMissingImage(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "true")
		run.Image, run.Pull = unique("missing")+":1", PullNever
		errorsIs(t, run.Run(), errdefs.ErrNotFound, errdefs.ErrRefused)
		leavesNothing(t, c)

		// no registry listens there: the pull has to say so, and promptly
		run = runOf(t, engineContext(t), c, "true")
		run.Image = "127.0.0.1:9/missing:1"
		err := run.Run()
		require.ErrorContains(t, err, "refused")
		leavesNothing(t, c)
	})
}

func TestEngineRunOfAMissingProgram(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "no-such-program")
		err := run.Run()
		errorsIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "no-such-program")
		leavesNothing(t, c)
	})
}

func TestEngineRunCancelled(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		reason := errors.New("enough")
		for _, keep := range []bool{false, true} {
			ctx, cancel := context.WithCancelCause(engineContext(t))
			run := runOf(t, ctx, c, "sh", "-c", "echo ready; sleep 1000")
			run.Keep = keep
			out, err := run.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, run.Start())
			_, err = io.ReadFull(out, make([]byte, len("ready\n")))
			require.NoError(t, err)
			cancel(reason)
			within(t, 5*time.Second, func() { err = run.Wait() })
			errorsIs(t, err, reason, errdefs.ErrCancelled)
			if keep {
				require.Equal(t, 137, exitCodeOf(t, c, run.ID))
			} else {
				leavesNothing(t, c)
			}
		}
	})
}

func TestEngineRunKill(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "sh", "-c", "trap 'exit 6' USR1; echo ready; while :; do sleep 0.1; done")
		out, err := run.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, run.Start())
		_, err = io.ReadFull(out, make([]byte, len("ready\n")))
		require.NoError(t, err)
		require.NoError(t, run.Kill("USR1"))
		_, err = io.Copy(io.Discard, out)
		require.NoError(t, err)
		var exit *ExitError
		require.ErrorAs(t, run.Wait(), &exit)
		require.Equal(t, 6, exit.Code)
	})
}

// TestEngineThousandAutoRemovedRuns looks for an exit that was missed, or that of another
// run. With CLEAT_LONG it makes 1,000 runs on every engine, and else 100 on each that has
// a socket: a run takes the engine a third of a second.
func TestEngineThousandAutoRemovedRuns(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		runs := 1000
		if os.Getenv("CLEAT_LONG") == "" {
			if c.host.network != "unix" {
				t.Skip("CLEAT_LONG is empty: on engines with a socket only")
			}
			runs = 100
		}
		seed := rand.Uint64()
		t.Log("seed", seed)
		codes := make([]byte, runs)
		fill(codes, seed)
		begin, next := time.Now(), make(chan int)
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for i := range next {
					want := int(codes[i] % 8)
					if got, err := codeOfRun(t, c, want); got != want || err != nil {
						t.Errorf("run %d: exit code %d in place of %d, %v", i, got, want, err)
					}
				}
			})
		}
		for i := range runs {
			next <- i
		}
		close(next)
		workers.Wait()
		t.Logf("%d runs in %v", runs, time.Since(begin).Round(time.Second))
		leavesNothing(t, c)
	})
}

// codeOfRun runs a container that exits with a code, and returns the code that came.
func codeOfRun(t *testing.T, c *Client, code int) (int, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := runOf(t, ctx, c, "sh", "-c", fmt.Sprint("exit ", code)).Run()
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.Code, nil
	}
	return 0, err
}
