package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// buildx is the docker command's builder, a contestant of builds alone.
const buildx = "buildx"

const (
	buildxEnv   = "BENCH_BUILDX" // the program docker-buildx; builds are on the engine of DOCKER_HOST
	buildFiles  = 10_000
	buildBytes  = 20 << 10 // of each
	buildRounds = 3
)

// buildRows has both builders build contexts of 200 MB: each its own, which the engine has
// never seen, and once more as it is. Each runs as a process of its own.
func buildRows(t *testing.T) []row {
	rows := []row{
		{name: "build/cold", unit: "s", goal: within(1, buildx)},
		{name: "build/repeated", unit: "s", goal: within(1, buildx)},
		{name: "build/memory", unit: "MB", goal: within(0.3, buildx)},
	}
	t.Run("build", func(t *testing.T) {
		program := os.Getenv(buildxEnv)
		if program == "" {
			t.Skip(buildxEnv + " is empty: no builder to compare with")
		}
		ours := filepath.Join(t.TempDir(), "build")
		output, err := exec.Command("go", "build", "-buildvcs=false", "-o", ours, "./size/build").CombinedOutput()
		require.NoError(t, err, "%s", output)
		for i := range rows {
			rows[i].values = make(map[string][]float64)
		}
		for round := range buildRounds {
			for i := range 2 {
				who := []string{cleat, buildx}[(round+i)%2]
				dir := buildContext(t)
				tag := fmt.Sprintf("cleat-bench-%s:%d", who, round)
				args := []string{ours, dir, tag}
				if who == buildx {
					args = []string{program, "build", "-q", "-t", tag, dir}
				}
				cold, memory := timed(t, args)
				repeated, _ := timed(t, args)
				for i, v := range []float64{cold, repeated, memory} {
					rows[i].values[who] = append(rows[i].values[who], v)
				}
				require.NoError(t, os.RemoveAll(dir))
			}
		}
	})
	return rows
}

// buildContext makes a context of files that no other has.
func buildContext(t *testing.T) string {
	dir := t.TempDir()
	content := make([]byte, buildBytes)
	random := rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%032d", time.Now().UnixNano())))
	for i := range buildFiles {
		random.Read(content) //nolint:errcheck // never fails
		path := filepath.Join(dir, fmt.Sprint(i%100), fmt.Sprint(i))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, content, 0o644))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY . /\n"), 0o644))
	return dir
}

// timed runs a program and returns its seconds and the megabytes that it held at most, as
// Linux tells while it runs: what is told of it at its end counts the memory of this test,
// which the child shared before it became the program.
func timed(t *testing.T, args []string) (seconds, memory float64) {
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	begin := time.Now()
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for look := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case err := <-ended:
			require.NoError(t, err, "%s", output.String())
			return time.Since(begin).Seconds(), memory
		case <-look.C:
			memory = max(memory, peak(cmd.Process.Pid))
		}
	}
}

// peak is the most that a process has held, in megabytes; 0 where it is not told.
func peak(pid int) (mb float64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) //nolint:errcheck // of one that has ended is empty
	if _, hwm, ok := strings.Cut(string(status), "VmHWM:"); ok {
		fmt.Sscan(hwm, &mb)
	}
	return mb / 1000
}
