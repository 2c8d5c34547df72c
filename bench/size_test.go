package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// sizeRows builds the programs in size/, each of which inspects one container and prints two
// fields of it. The floor does it with net/http and encoding/json, over the default socket
// only and without TLS; contexts, ssh and registry credentials are what New adds to that.
func sizeRows(t *testing.T) []row {
	r := row{name: "size/program", unit: "KB", values: make(map[string][]float64), goal: within(1.09, floor)}
	t.Run(r.name, func(t *testing.T) {
		for who, dir := range map[string]string{cleat: "cleat", moby: "moby", fsouza: "fsouza", floor: "bare"} {
			r.values[who] = []float64{float64(built(t, dir)) / 1000}
		}
	})
	b := row{name: "size/build", unit: "KB", values: make(map[string][]float64), goal: within(1.25, floor)}
	t.Run(b.name, func(t *testing.T) {
		for who, dir := range map[string]string{cleat: "build", floor: "bare"} {
			b.values[who] = []float64{float64(built(t, dir)) / 1000}
		}
	})
	return []row{r, b}
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
	for _, r := range sizeRows(t) {
		for who, list := range r.values {
			require.Positive(t, list[0], r.name+" "+who)
		}
	}
}
