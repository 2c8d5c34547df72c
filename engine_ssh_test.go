//go:build unix

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// overSSH runs a test through a real ssh server, that of DOCKER_TEST_SSH, whose user has
// a docker command there; and straight to the socket DOCKER_TEST_SSH_SOCKET at its end.
// scripts/sshd starts one.
func overSSH(t *testing.T, test func(t *testing.T, c *Client)) {
	t.Helper()
	host := os.Getenv("DOCKER_TEST_SSH")
	if host == "" {
		t.Skip("DOCKER_TEST_SSH is empty: no ssh server to test with")
	}
	hosts := map[string]string{"command": host}
	if socket := os.Getenv("DOCKER_TEST_SSH_SOCKET"); socket != "" {
		hosts["socket"] = host + socket
	}
	for name, host := range hosts {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			before := len(children(t))
			c := client(t, WithHost(host))
			t.Cleanup(func() {
				sweep(t, c)
				c.Close()
				poll(t, "no child is left", func() bool { return len(children(t)) <= before })
			})
			test(t, c)
		})
	}
}

func TestEngineSSHRun(t *testing.T) {
	overSSH(t, func(t *testing.T, c *Client) {
		run := runOf(t, engineContext(t), c, "sh", "-c", "cat; echo bad >&2; exit 3")
		var out, errs bytes.Buffer
		run.Stdin, run.Stdout, run.Stderr = strings.NewReader("to the far end"), &out, &errs
		exit, ok := errors.AsType[*ExitError](run.Run())
		require.True(t, ok)
		require.Equal(t, 3, exit.Code)
		require.Equal(t, []string{"to the far end", "bad\n"}, []string{out.String(), errs.String()})
	})
}

// A conversation: each line is answered before the next one is sent.
func TestEngineSSHInteractiveExec(t *testing.T) {
	overSSH(t, func(t *testing.T, c *Client) {
		cmd := c.ContainerExec(engineContext(t), sleeping(t, c), "sh", "-c", `while read line; do echo "got $line"; done; echo end`)
		in, out := io.Pipe()
		answers, w := io.Pipe()
		cmd.Stdin, cmd.Stdout = in, w
		done := make(chan error, 1)
		go func() { done <- cmd.Run(); w.Close() }()
		for i := range 20 {
			fmt.Fprintln(out, i)
			want := fmt.Sprintf("got %d\n", i)
			got := make([]byte, len(want))
			_, err := io.ReadFull(answers, got)
			require.NoError(t, err)
			require.Equal(t, want, string(got))
		}
		out.Close()
		rest, err := io.ReadAll(answers)
		require.NoError(t, err)
		require.Equal(t, "end\n", string(rest))
		require.NoError(t, <-done)
	})
}

func TestEngineSSHLogsFollow(t *testing.T) {
	overSSH(t, func(t *testing.T, c *Client) {
		id := started(t, c, nil, "sh", "-c", "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.05; done")
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(engineContext(t))
		defer cancel(nil)
		logs, err := c.ContainerLogs(ctx, id, &ContainerLogsOptions{Follow: true})
		require.NoError(t, err)
		n := 0
		for line, err := range logs.Lines() {
			if err != nil {
				errorsIs(t, err, reason)
				break
			}
			n++
			require.Equal(t, fmt.Sprintf("line %d", n), line.Text)
			if n == 10 {
				time.AfterFunc(20*time.Millisecond, func() { cancel(reason) })
			}
		}
		require.GreaterOrEqual(t, n, 10)
	})
}

// random is n bytes that differ, and their sum.
func random(n int64) (io.Reader, func() string) {
	var seed [32]byte
	seed[0] = byte(n)
	sum := md5.New()
	return io.TeeReader(io.LimitReader(rand.NewChaCha8(seed), n), sum), func() string { return hex.EncodeToString(sum.Sum(nil)) }
}

func TestEngineSSHUpload(t *testing.T) {
	overSSH(t, func(t *testing.T, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		id, large := sleeping(t, c), int64(200<<20)
		if strings.HasSuffix(c.Host(), ".sock") {
			large /= 4
		}
		body, sum := random(large)
		r, w := io.Pipe()
		go func() {
			archive := tar.NewWriter(w)
			archive.WriteHeader(&tar.Header{Name: "large", Mode: 0o600, Size: large}) //nolint:errcheck // the copy tells
			io.Copy(archive, body)                                                    //nolint:errcheck // Close tells
			w.CloseWithError(archive.Close())
		}()
		require.NoError(t, c.ContainerCopyTo(ctx, id, "/tmp", r, nil))
		out, err := c.ContainerExec(ctx, id, "md5sum", "/tmp/large").Output()
		require.NoError(t, err)
		require.Contains(t, string(out), sum())

		body, sum = random(large + 1)
		cmd := c.ContainerExec(ctx, id, "md5sum")
		cmd.Stdin = body
		out, err = cmd.Output()
		require.NoError(t, err)
		require.Contains(t, string(out), sum())
	})
}

func TestEngineSSHConnectsAndCancels(t *testing.T) {
	overSSH(t, func(t *testing.T, c *Client) {
		before := len(children(t))
		for i := range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Millisecond)
			if feed, err := c.Events(ctx, nil); err == nil {
				for range feed.All() {
				}
			} else {
				errorsIs(t, err, errdefs.ErrCancelled)
			}
			cancel()
		}
		require.NoError(t, c.Close())
		poll(t, "the children are gone", func() bool { return len(children(t)) <= before })
	})
}

func TestEngineSSHThatIsRefused(t *testing.T) {
	overSSH(t, func(t *testing.T, c *Client) {
		host := c.Host()
		for from, to := range map[string]string{"root@": "nobody@", "/docker.sock": "/no.sock"} {
			if !strings.Contains(host, from) {
				continue
			}
			_, err := client(t, WithHost(strings.Replace(host, from, to, 1))).Info(engineContext(t), nil)
			errorsIs(t, err, errdefs.ErrNotSent, errdefs.ErrUnavailable)
			require.ErrorContains(t, err, "ssh: ")
			t.Log(err)
		}
	})
}

// A context that the docker command has made, by its name.
func TestEngineSSHByContext(t *testing.T) {
	overSSH(t, func(t *testing.T, c *Client) {
		if strings.HasSuffix(c.Host(), ".sock") {
			t.Skip("that is tested once")
		}
		madeContext(t, "far", "host="+c.Host())
		byName := client(t, WithContext("far"))
		require.Equal(t, c.Host(), byName.Host())
		_, err := byName.Info(engineContext(t), nil)
		require.NoError(t, err)
	})
}

// madeContext has the docker command make a context in a configuration of the test's own.
func madeContext(t *testing.T, name, endpoint string) {
	t.Helper()
	program, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("there is no docker command")
	}
	t.Setenv("DOCKER_CONFIG", filepath.Join(t.TempDir(), "config"))
	out, err := exec.Command(program, "context", "create", name, "--docker", endpoint).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestEngineTLSByContext(t *testing.T) {
	for _, text := range strings.Fields(os.Getenv("DOCKER_TEST_HOSTS")) {
		host, certs, ok := strings.Cut(text, "?certs=")
		if !ok {
			continue
		}
		t.Run(host, func(t *testing.T) {
			noLeaks(t)
			madeContext(t, "secure", fmt.Sprintf("host=%s,ca=%s/ca.pem,cert=%s/cert.pem,key=%s/key.pem", host, certs, certs, certs))
			t.Setenv("DOCKER_CONTEXT", "secure")
			c := client(t)
			t.Cleanup(func() { sweep(t, c) })
			run := runOf(t, engineContext(t), c, "cat")
			run.Stdin = strings.NewReader("over TLS")
			out, err := run.Output()
			require.NoError(t, err)
			require.Equal(t, "over TLS", string(out))
		})
		return
	}
	t.Skip("DOCKER_TEST_HOSTS has no engine with TLS")
}
