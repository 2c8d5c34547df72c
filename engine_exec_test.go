package docker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func TestEngineExecThatWasNeverStartedHasNoExitCode(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		id, err := c.ExecCreate(ctx, container, []string{"false"}, nil)
		require.NoError(t, err)
		exec, err := c.ExecInspect(ctx, id)
		require.NoError(t, err)
		require.Equal(t, id, exec.ID)
		require.Equal(t, container, exec.ContainerID)
		require.False(t, exec.Running)
		require.Nil(t, exec.ExitCode)
		require.Equal(t, "false", exec.ProcessConfig.Entrypoint)

		stream, err := c.ExecStart(ctx, id, nil)
		require.NoError(t, err)
		require.NoError(t, stream.Copy(nil, nil))
		require.EqualValues(t, 1, endOfExec(t, c, id))
	})
}

// endOfExec waits for the exit code of an exec.
func endOfExec(t *testing.T, c *Client, id string) int64 {
	t.Helper()
	var exec *Exec
	poll(t, "the end of the exec", func() bool {
		var err error
		exec, err = c.ExecInspect(engineContext(t), id)
		require.NoError(t, err)
		require.Falsef(t, exec.Running && exec.ExitCode != nil, "it runs, and has ended with %v", exec.ExitCode)
		return !exec.Running
	})
	require.NotNil(t, exec.ExitCode)
	return *exec.ExitCode
}

func TestEngineExecWhileItRunsHasNoExitCode(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		cmd := c.ContainerExec(ctx, container, "sh", "-c", "echo ready; read line; exit 5")
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, len("ready\n")))
		require.NoError(t, err)
		poll(t, "the number of the process", func() bool {
			exec, err := c.ExecInspect(ctx, cmd.ID)
			require.NoError(t, err)
			require.True(t, exec.Running)
			require.Nil(t, exec.ExitCode)
			return exec.Pid > 0
		})
		require.NoError(t, in.Close())
		_, err = io.Copy(io.Discard, out)
		require.NoError(t, err)
		var exit *ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		require.Equal(t, 5, exit.Code)
	})
}

func TestEngineExecStartRefused(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		unknown := strings.Repeat("0123456789abcdef", 4)
		for _, err := range []error{
			second(c.ExecStart(ctx, unknown, nil)),
			c.ExecStartDetached(ctx, unknown),
			second(c.ExecInspect(ctx, unknown)),
			c.ExecResize(ctx, unknown, TTYSize{1, 1}),
		} {
			errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
			require.ErrorContains(t, err, unknown)
		}

		id, err := c.ExecCreate(ctx, container, []string{"true"}, nil)
		require.NoError(t, err)
		require.NoError(t, c.ContainerPause(ctx, container))
		_, err = c.ExecStart(ctx, id, nil)
		errorsIs(t, err, errdefs.ErrConflict, errdefs.ErrRefused)
		require.ErrorContains(t, err, "is paused")

		require.NoError(t, c.ContainerUnpause(ctx, container))
		require.NoError(t, c.ContainerKill(ctx, container, nil))
		exitCodeOf(t, c, container)
		_, err = c.ExecStart(ctx, id, nil) // engines forget the commands of a container that ends
		errorsIs(t, err, errdefs.ErrRefused)
		require.True(t, errors.Is(err, errdefs.ErrNotFound) || errors.Is(err, errdefs.ErrConflict), err)
		require.ErrorContains(t, err, id)
		_, err = c.ExecCreate(ctx, container, []string{"true"}, nil)
		errorsIs(t, err, errdefs.ErrConflict, errdefs.ErrRefused)
		require.ErrorContains(t, err, "is not running")
	})
}

func second[T any](_ T, err error) error { return err }

func TestEngineExecStartedTwice(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		cmd := c.ContainerExec(ctx, container, "true")
		require.NoError(t, cmd.Run())
		stream, err := c.ExecStart(ctx, cmd.ID, nil)
		if err != nil {
			errorsIs(t, err, errdefs.ErrConflict, errdefs.ErrRefused)
			return
		}
		require.Contains(t, strings.Join(texts(t, stream.Output), " "), "has already run", "an engine says it in the stream")
	})
}

func TestEngineExec(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		cmd := c.ContainerExec(ctx, container, "sh", "-c", "cat; echo $A $PWD $(id -un); echo bad >&2; exit 42")
		cmd.Stdin = strings.NewReader("in\n")
		cmd.Env, cmd.Dir, cmd.User = []string{"A=b"}, "/tmp", "nobody"
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		var exit *ExitError
		require.ErrorAs(t, cmd.Run(), &exit)
		require.Equal(t, 42, exit.Code)
		require.Equal(t, "in\nb /tmp nobody\n", stdout.String())
		require.Equal(t, "bad\n", stderr.String())

		out, err := c.ContainerExec(ctx, container, "sh", "-c", "echo out; echo bad >&2; exit 1").Output()
		require.Equal(t, "out\n", string(out))
		require.EqualError(t, err, "docker: exit status 1: bad")
		out, err = c.ContainerExec(ctx, container, "sh", "-c", "echo a; sleep 0.2; echo b >&2").CombinedOutput()
		require.NoError(t, err)
		require.Equal(t, "a\nb\n", string(out))
	})
}

func TestEngineExecExitCodes(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		for _, want := range []int{0, 1, 2, 7, 100, 127, 254, 255} {
			err := c.ContainerExec(ctx, container, "sh", "-c", "exit "+strconv.Itoa(want)).Run()
			got := 0
			var exit *ExitError
			if errors.As(err, &exit) {
				got, err = exit.Code, nil
			}
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		var exit *ExitError
		require.ErrorAs(t, c.ContainerExec(ctx, container, "sh", "-c", "kill -9 $$").Run(), &exit)
		require.Equal(t, 137, exit.Code)
	})
}

func TestEngineExecOfAMissingProgram(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		out, err := c.ContainerExec(ctx, container, "no-such-program").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out)+err.Error(), "no-such-program")
		var exit *ExitError
		if errors.As(err, &exit) { // engines take the command, and then fail
			require.Contains(t, []int{126, 127}, exit.Code)
		} else {
			errorsIs(t, err, errdefs.ErrRefused)
		}
	})
}

func TestEngineExecInput(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		container := sleeping(t, c)
		in := make([]byte, 8<<20)
		seed := rand.Uint64()
		t.Log("seed", seed)
		fill(in, seed)
		cmd := c.ContainerExec(engineContext(t), container, "cat")
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.Output()
		require.NoError(t, err)
		require.True(t, bytes.Equal(in, out), "of %d bytes %d came back, and not as they were", len(in), len(out))
	})
}

func TestEngineExecManyAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		results := make(chan error, 10)
		for i := range cap(results) {
			go func() {
				out, err := c.ContainerExec(ctx, container, "seq", strconv.Itoa(1000+i)).Output()
				if err == nil && bytes.Count(out, []byte("\n")) != 1000+i {
					err = errors.New("lines are missing")
				}
				results <- err
			}()
		}
		for range cap(results) {
			require.NoError(t, <-results)
		}
	})
}

func TestEngineExecTTY(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		cmd := c.ContainerExec(ctx, container, "sh", "-c", "stty size; read line; stty size; echo to stderr >&2")
		cmd.TTY = true
		if atLeast(t, c, 42) {
			cmd.Size = &TTYSize{Height: 12, Width: 34}
		}
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		var out bytes.Buffer
		cmd.Stdout = &out
		require.NoError(t, cmd.Start())
		require.NoError(t, cmd.Resize(TTYSize{Height: 40, Width: 123}))
		_, err = io.WriteString(in, "\n")
		require.NoError(t, err)
		require.NoError(t, cmd.Wait())
		require.NoError(t, in.Close())
		require.Contains(t, out.String(), "40 123\r\nto stderr\r\n")
		exec, err := c.ExecInspect(ctx, cmd.ID)
		require.NoError(t, err)
		require.True(t, exec.ProcessConfig.TTY)
	})
}

func TestEngineExecConsoleSize(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		cmd := c.ContainerExec(ctx, container, "stty", "size")
		cmd.TTY, cmd.Size = true, &TTYSize{Height: 12, Width: 34}
		out, err := cmd.Output()
		if !atLeast(t, c, 42) {
			errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
			require.ErrorContains(t, err, "ConsoleSize")
			return
		}
		require.NoError(t, err)
		require.Equal(t, "12 34\r\n", string(out))
	})
}

func TestEngineExecDetached(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		id, err := c.ExecCreate(ctx, container, []string{"sh", "-c", "sleep 0.2; touch /tmp/done; exit 6"}, nil)
		require.NoError(t, err)
		require.NoError(t, c.ExecStartDetached(ctx, id))
		require.EqualValues(t, 6, endOfExec(t, c, id))
		require.NoError(t, c.ContainerExec(ctx, container, "test", "-e", "/tmp/done").Run())
	})
}

func TestEngineExecDetachKeys(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		id, err := c.ExecCreate(ctx, container, []string{"sh", "-c", "echo ready; sleep 1000"}, &ExecCreateOptions{
			Stdin: true, TTY: true, DetachKeys: "ctrl-x,x",
		})
		require.NoError(t, err)
		stream, err := c.ExecStart(ctx, id, &ExecStartOptions{TTY: true})
		require.NoError(t, err)
		sent := false
		for f, err := range stream.Frames() { // which the keys end
			require.NoError(t, err)
			if strings.Contains(string(f.Data), "ready") && !sent {
				sent = true
				_, err = io.WriteString(stream, "\x18x")
				require.NoError(t, err)
			}
		}
		require.True(t, sent)
		require.True(t, stateOf(t, c, container).Running)
	})
}

func TestEngineExecCancelledRunsOn(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		container, reason := sleeping(t, c), errors.New("enough")
		ctx, cancel := context.WithCancelCause(engineContext(t))
		cmd := c.ContainerExec(ctx, container, "sh", "-c", "echo ready; sleep 1000")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, len("ready\n")))
		require.NoError(t, err)
		cancel(reason)
		within(t, time.Second, func() { err = cmd.Wait() })
		errorsIs(t, err, reason, errdefs.ErrCancelled)
		exec, err := c.ExecInspect(engineContext(t), cmd.ID)
		require.NoError(t, err)
		require.True(t, exec.Running)
	})
}

func TestEngineExecCutByItsContainersEnd(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		cmd := c.ContainerExec(ctx, container, "sh", "-c", "echo ready; sleep 1000")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, len("ready\n")))
		require.NoError(t, err)
		require.NoError(t, c.ContainerKill(ctx, container, nil))
		_, err = io.Copy(io.Discard, out)
		require.NoError(t, err)
		var exit *ExitError
		require.ErrorAs(t, cmd.Wait(), &exit, "it was killed with its container")
		require.Equal(t, 137, exit.Code)
	})
}

func TestEngineExecPrivileged(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, container := engineContext(t), sleeping(t, c)
		capabilities := func(privileged bool) string {
			cmd := c.ContainerExec(ctx, container, "sed", "-n", "s/CapEff://p", "/proc/self/status")
			cmd.Privileged = privileged
			out, err := cmd.Output()
			require.NoError(t, err)
			return strings.TrimSpace(string(out))
		}
		require.Greater(t, capabilities(true), capabilities(false))
	})
}
