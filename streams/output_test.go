package streams

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// A body counts how often it is closed, and does not like to be read then.
type body struct {
	io.Reader
	closed atomic.Int32
}

func newBody(data []byte) *body { return &body{Reader: bytes.NewReader(data)} }

func (b *body) Read(p []byte) (int, error) {
	if b.closed.Load() > 0 {
		return 0, errors.New("read on a closed body")
	}
	return b.Reader.Read(p)
}

func (b *body) Close() error {
	b.closed.Add(1)
	return errors.New("said by Close")
}

var output = frame(frame(nil, Stdout, "out\n"), Stderr, "err\n")

func TestOutputCopy(t *testing.T) {
	for name, read := range readers {
		b := newBody(output)
		b.Reader = read(b.Reader)
		o := NewOutput(b, nil)
		require.False(t, o.TTY())
		var stdout, stderr strings.Builder
		require.NoError(t, o.Copy(&stdout, &stderr), name)
		require.Equal(t, "out\nerr\n", stdout.String()+stderr.String())
		require.EqualValues(t, 1, b.closed.Load())

		b = newBody(output)
		b.Reader = read(b.Reader)
		o = NewOutput(b, &OutputOptions{TTY: true})
		require.True(t, o.TTY())
		stdout.Reset()
		require.NoError(t, o.Copy(&stdout, nil), name)
		require.Equal(t, string(output), stdout.String())
		require.EqualValues(t, 1, b.closed.Load())
	}
	require.NoError(t, NewOutput(newBody(output), &OutputOptions{TTY: true}).Copy(nil, nil))
}

func TestOutputCopyErrors(t *testing.T) {
	boom := errors.New("boom")
	for _, tty := range []bool{false, true} {
		b := newBody(output)
		require.ErrorIs(t, NewOutput(b, &OutputOptions{TTY: tty}).Copy(&limitedWriter{2, boom, 0}, nil), boom)
		require.EqualValues(t, 1, b.closed.Load())

		cut := &body{Reader: io.MultiReader(bytes.NewReader(output), errReader{io.ErrUnexpectedEOF})}
		var stdout bytes.Buffer
		require.ErrorIs(t, NewOutput(cut, &OutputOptions{TTY: tty}).Copy(&stdout, &stdout), errdefs.ErrTruncated)
		require.Contains(t, stdout.String(), "err\n")
		require.EqualValues(t, 1, cut.closed.Load())
	}
}

type errReader struct{ error }

func (e errReader) Read([]byte) (int, error) { return 0, e.error }

func TestOutputLoops(t *testing.T) {
	for _, tty := range []bool{false, true} {
		var data []byte
		if tty {
			data = []byte(stamp1 + " out\r\n" + stamp2 + " err\r\n")
		} else {
			data = frame(frame(nil, Stdout, stamp1+" out\n"), Stdout, stamp2+" err\n")
		}
		opts := &OutputOptions{TTY: tty, Timestamps: true}
		b := newBody(data)
		lines, err := take(NewOutput(b, opts).Lines())
		require.NoError(t, err)
		require.Equal(t, []Line{{Stream: Stdout, Time: at(1), Text: "out"}, {Stream: Stdout, Time: at(2), Text: "err"}}, lines)
		require.EqualValues(t, 1, b.closed.Load())

		b = newBody(data)
		text := ""
		for f, err := range NewOutput(b, opts).Frames() {
			require.NoError(t, err)
			require.Equal(t, Stdout, f.Stream)
			text += string(f.Data)
		}
		require.Equal(t, 2, strings.Count(text, "Z "))
		require.EqualValues(t, 1, b.closed.Load())
	}
	lines, err := take(NewOutput(newBody(output), &OutputOptions{MaxLineLength: 2}).Lines())
	require.NoError(t, err)
	require.Len(t, lines, 4)
	lines, err = take(NewOutput(newBody(frame(nil, Stdout, "k=v text\n")), &OutputOptions{Details: true}).Lines())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"k": "v"}, lines[0].Details)
}

func TestOutputLeavingCloses(t *testing.T) {
	for _, tty := range []bool{false, true} {
		b := newBody(output)
		o := NewOutput(b, &OutputOptions{TTY: tty})
		for range o.Lines() {
			break
		}
		require.EqualValues(t, 1, b.closed.Load())
		for _, err := range o.Frames() {
			require.ErrorIs(t, err, net.ErrClosed)
		}
		require.ErrorIs(t, o.Copy(nil, nil), os.ErrClosed)

		b = newBody(output)
		for range NewOutput(b, &OutputOptions{TTY: tty}).Frames() {
			break
		}
		require.EqualValues(t, 1, b.closed.Load())
	}
}

func TestOutputClose(t *testing.T) {
	b := newBody(output)
	o := NewOutput(b, nil)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := o.Close(); err == nil || err.Error() != "said by Close" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, b.closed.Load())
}

func TestOutputCloseDuringALoop(t *testing.T) {
	noLeaks(t)
	for _, opts := range []*OutputOptions{nil, {TTY: true}} {
		for _, use := range []func(o *Output) error{
			func(o *Output) error { return o.Copy(nil, nil) },
			func(o *Output) error { _, err := take(o.Lines()); return err },
			func(o *Output) error { _, err := take(o.Frames()); return err },
		} {
			b := newBlockedReader(bytes.NewReader(output))
			o := NewOutput(b, opts)
			end := make(chan error)
			go func() { end <- use(o) }()
			<-b.idle
			require.NoError(t, o.Close())
			require.ErrorIs(t, <-end, net.ErrClosed)
		}
	}
	// In the loop's own goroutine.
	o := NewOutput(newBody(output), nil)
	var last error
	for _, err := range o.Frames() {
		_ = o.Close()
		last = err
	}
	require.ErrorIs(t, last, net.ErrClosed)
}
