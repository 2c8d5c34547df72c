package streams

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cleat-go/docker/errdefs"
)

// TestMain fails if the tests leave goroutines behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(code) // the fuzzer has goroutines of its own
	}
	if n := goroutinesAbove(before); n > 0 && code == 0 {
		stacks := make([]byte, 1<<20)
		fmt.Printf("%d goroutines left:\n%s", n, stacks[:runtime.Stack(stacks, true)])
		code = 1
	}
	os.Exit(code)
}

// goroutinesAbove returns how many goroutines there are above a number, after a grace time.
func goroutinesAbove(base int) int {
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > base && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine() - base
}

// noLeaks fails the test if it leaves goroutines behind.
func noLeaks(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		if n := goroutinesAbove(before); n > 0 {
			t.Errorf("%d goroutines left", n)
		}
	})
}

// frame appends one frame to b.
func frame(b []byte, s Stream, payload string) []byte {
	b = append(b, byte(s), 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// kind names what sort of end a stream had.
func kind(err error) string {
	switch {
	case err == nil || err == io.EOF:
		return "end"
	case errors.Is(err, errdefs.ErrTruncated):
		return "truncated"
	}
	if e, ok := errors.AsType[*EngineError](err); ok {
		return fmt.Sprintf("engine: %d %s", e.Code, e.Message)
	}
	if e, ok := errors.AsType[*FrameError](err); ok {
		return e.Error()
	}
	return "error"
}

// readers are the ways in which the same bytes can come. They differ in nothing else.
var readers = map[string]func(io.Reader) io.Reader{
	"plain":   func(r io.Reader) io.Reader { return r },
	"one":     iotest.OneByteReader,
	"half":    iotest.HalfReader,
	"dataerr": iotest.DataErrReader,
	"lazy":    func(r io.Reader) io.Reader { return &lazyReader{r: r} },
	"random":  func(r io.Reader) io.Reader { return &randomReader{r, rand.New(rand.NewPCG(1, 2))} },
}

// A lazyReader returns nothing every other time.
type lazyReader struct {
	r    io.Reader
	lazy bool
}

func (l *lazyReader) Read(p []byte) (int, error) {
	if l.lazy = !l.lazy; l.lazy {
		return 0, nil
	}
	return l.r.Read(p)
}

// A randomReader returns pieces of random sizes.
type randomReader struct {
	r   io.Reader
	rnd *rand.Rand
}

func (r *randomReader) Read(p []byte) (int, error) {
	return r.r.Read(p[:min(len(p), 1+r.rnd.IntN(1<<r.rnd.IntN(18)))])
}

// An emptyReader never returns anything.
type emptyReader struct{ n int }

func (e *emptyReader) Read([]byte) (int, error) { e.n++; return 0, nil }

// A countingReader counts the calls of Read.
type countingReader struct {
	io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) { c.n++; return c.Reader.Read(p) }

// A blockedReader gives its bytes and then waits until it is closed.
type blockedReader struct {
	io.Reader
	idle   chan struct{} // closed when it waits
	closed chan struct{}
	once   sync.Once
}

func newBlockedReader(r io.Reader) *blockedReader {
	return &blockedReader{Reader: r, idle: make(chan struct{}), closed: make(chan struct{})}
}

func (b *blockedReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		close(b.idle)
		<-b.closed
		err = errors.New("read on a closed body")
	}
	return n, err
}

func (b *blockedReader) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
