package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// sshKeys makes a key of each kind with ssh-keygen.
func sshKeys(t *testing.T) (dir string) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("no ssh-keygen here")
	}
	dir = t.TempDir()
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", kind+"@test", "-f", filepath.Join(dir, kind)).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return dir
}

func readAll(t *testing.T, dir string, names ...string) (texts [][]byte) {
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		texts = append(texts, text)
	}
	return texts
}

// realAgent starts an ssh-agent with the keys of a directory.
func realAgent(t *testing.T, dir string) (socket string) {
	socket = filepath.Join(t.TempDir(), "s")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	require.NoError(t, agent.Start())
	t.Cleanup(func() { agent.Process.Kill(); agent.Wait() })
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, 5*time.Second, 10*time.Millisecond)
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		add := exec.Command("ssh-add", "-q", filepath.Join(dir, kind))
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		out, err := add.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return socket
}

// agentClient is a program for steps.
var agentClient = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "agentclient")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "./testdata/agentclient")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(program)
})

func TestEngineSSH(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		keys := sshKeys(t)
		socket := realAgent(t, keys)
		own, err := AgentKeys(readAll(t, keys, "ed25519", "ecdsa", "rsa")...)
		require.NoError(t, err)
		tree := files(map[string]string{"Dockerfile": run("COPY client /client",
			"RUN --mount=type=ssh --mount=type=ssh,id=own,target=/own (/client; SSH_AUTH_SOCK=/own /client) >/out",
			"RUN --mount=type=ssh,id=none ls -d ${SSH_AUTH_SOCK:-none} >>/out || true")})
		client, err := agentClient()
		require.NoError(t, err)
		tree["client"] = &fstest.MapFile{Data: client, Mode: 0o755}
		r := &Request{Context: Source{FS: tree}, NoCache: true, SSH: map[string]Agent{"default": AgentSocket(socket), "own": own}}
		var real, ours []string
		for i, line := range strings.Split(strings.TrimSpace(built(t, e, r)["out"]), "\n") {
			if i < 7 {
				real = append(real, line)
			} else {
				ours = append(ours, line)
			}
		}
		require.Len(t, ours, 7)
		for i := range real {
			a, b := strings.Fields(real[i]), strings.Fields(ours[i])
			require.Equal(t, a[:2], b[:2], "comment and public key of line %d", i)
			if i%3 != 1 && i < 6 { // a signature of ECDSA is another one each time
				require.Equal(t, a[2], b[2], "signature of line %d", i)
			}
		}
		failure := errors.New("no agent today")
		r.SSH["default"] = func(context.Context) (io.ReadWriteCloser, error) { return nil, failure }
		_, err = tryBuild(t, e, r)
		require.NoError(t, err, "the step is told by its connection, and goes on")
		tree["Dockerfile"].Data = []byte(run("RUN --mount=type=ssh,id=none,required=true : >/out"))
		_, err = tryBuild(t, e, r)
		require.ErrorIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "none")
	})
}
