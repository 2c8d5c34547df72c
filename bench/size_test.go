package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The programs in size/ each inspect one container and print two fields. The floor does it
// with net/http and encoding/json, over the default socket only and without TLS.
func sizeRow(t *testing.T) row {
	r := row{
		name: "size/program", unit: "KB", values: make(map[string][]float64),
		goal: within(1.06, floor),
	}
	for who, dir := range map[string]string{cleat: "cleat", moby: "moby", fsouza: "fsouza", floor: "bare"} {
		r.values[who] = []float64{float64(built(t, dir)) / 1000}
	}
	return r
}

// built builds a program without its tables for debuggers and returns its size in bytes.
func built(t *testing.T, dir string) int64 {
	program := filepath.Join(t.TempDir(), dir)
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "./size/"+dir)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	info, err := os.Stat(program)
	require.NoError(t, err)
	return info.Size()
}

func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("builds four programs")
	}
	for who, list := range sizeRow(t).values {
		require.Positive(t, list[0], who)
	}
}
