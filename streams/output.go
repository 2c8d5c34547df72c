package streams

import (
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/cleat-go/docker/internal/jsonscan/idle"
)

// OutputOptions says what an output consists of, which cannot be seen in it.
type OutputOptions struct {
	TTY           bool // no frames: the container or exec has a TTY
	Timestamps    bool // each record begins with a time, as asked of the engine
	Details       bool // and then with the details, as asked of the engine
	MaxLineLength int  // bytes of text that one Line holds, 0 means 1 MiB
}

// Output is the output of a container, an exec or a service as the engine sends it. It can be
// read once: by Copy, or by one loop over Frames or Lines. Each of them closes it at its end,
// whatever the reason. Only Close may be called at the same time as something else.
type Output struct {
	r      io.ReadCloser
	opts   OutputOptions
	close  func() error
	closed atomic.Bool
}

// NewOutput returns the output in r, which it then owns. nil options mean frames of plain text.
func NewOutput(r io.ReadCloser, opts *OutputOptions) *Output {
	o := &Output{r: r, close: sync.OnceValue(r.Close)}
	if opts != nil {
		o.opts = *opts
	}
	return o
}

// TTY reports whether stdout and stderr are one stream, as a terminal shows them.
func (o *Output) TTY() bool { return o.opts.TTY }

// Copy writes the output as the process wrote it, until it ends. On a TTY all of it goes to
// stdout. A nil writer discards. Errors are those of [Demux].
func (o *Output) Copy(stdout, stderr io.Writer) error {
	defer o.Close()
	if !o.opts.TTY {
		_, err := Demux(stdout, stderr, outputReader{o})
		return err
	}
	for f, err := range o.frames() {
		if err != nil {
			return err
		}
		if _, err := write(stdout, f.Data); err != nil {
			return err
		}
	}
	return nil
}

// Frames is a loop over the output as [Frames] has it. On a TTY what comes is cut anywhere, into
// frames of stdout. Leaving the loop closes the output.
func (o *Output) Frames() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		defer o.Close()
		o.frames()(yield)
	}
}

func (o *Output) frames() iter.Seq2[Frame, error] {
	if !o.opts.TTY {
		return Frames(outputReader{o})
	}
	r := &rawReader{}
	r.buf.Init(outputReader{o}, idle.Size)
	return r.frames
}

// Lines is a loop over the output as [Lines] has it. Leaving the loop closes the output.
func (o *Output) Lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		defer o.Close()
		Lines(outputReader{o}, &LinesOptions{
			TTY:        o.opts.TTY,
			Timestamps: o.opts.Timestamps,
			Details:    o.opts.Details,
			MaxLength:  o.opts.MaxLineLength,
		})(yield)
	}
}

// Close ends the output. A loop that waits in another goroutine ends with an error that
// wraps [net.ErrClosed]. It may be called at any time and more than once.
func (o *Output) Close() error {
	o.closed.Store(true)
	return o.close()
}

// outputReader is the reading side, which tells an end from the caller's own Close.
type outputReader struct{ *Output }

func (r outputReader) Read(p []byte) (int, error) {
	if r.closed.Load() {
		return 0, errClosed
	}
	n, err := r.r.Read(p)
	if err != nil && r.closed.Load() {
		err = errClosed
	}
	return n, err
}
