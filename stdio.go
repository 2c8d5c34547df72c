package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cleat-go/docker/errdefs"
)

// Stdio are the streams of a command. They are set before its start.
type Stdio struct {
	// Stdin is the command's input; nil is none. It is read in a goroutine of its own,
	// which ends with the reader: a command that ends does not wait for it. An error of
	// the reader ends the input too, and is returned by Wait.
	Stdin io.Reader
	// Stdout and Stderr receive the command's output; nil discards it. A terminal has
	// one output, Stdout. Each is written from one goroutine.
	Stdout, Stderr io.Writer
	// WaitDelay bounds how long the output may go on when the command itself has ended,
	// as where a process that it left behind holds it open: then Wait returns
	// [ErrWaitDelay] unless there is another error. 0 is no bound.
	WaitDelay time.Duration

	pipes  []pipeEnd // the command's
	stream *AttachStream
	copied chan error // of the output, once
	fed    chan error // of the input, at most two
	waited bool
}

// pipeEnd is an end of a pipe, whose other end is told the error, or of an end.
type pipeEnd interface{ CloseWithError(error) error }

// closePipes ends the pipes, whoever waits for them.
func (s *Stdio) closePipes(err error) {
	for _, end := range s.pipes {
		end.CloseWithError(err) //nolint:errcheck // it does not fail
	}
}

// StdinPipe returns a pipe to the command's input. The caller closes it to end the input.
func (s *Stdio) StdinPipe() (io.WriteCloser, error) {
	if s.Stdin != nil || s.stream != nil {
		return nil, errors.New("docker: Stdin is already set, or the command started")
	}
	r, w := io.Pipe()
	s.Stdin = r
	s.pipes = append(s.pipes, r)
	return w, nil
}

// StdoutPipe returns a pipe from the command's output, which ends when the command does,
// and with an error where the output was cut. Read it to its end before Wait.
func (s *Stdio) StdoutPipe() (io.ReadCloser, error) { return s.outputPipe(&s.Stdout) }

// StderrPipe returns a pipe from the command's error output, as StdoutPipe does.
func (s *Stdio) StderrPipe() (io.ReadCloser, error) { return s.outputPipe(&s.Stderr) }

func (s *Stdio) outputPipe(to *io.Writer) (io.ReadCloser, error) {
	if *to != nil || s.stream != nil {
		return nil, errors.New("docker: the output is already set, or the command started")
	}
	r, w := io.Pipe()
	*to = w
	s.pipes = append(s.pipes, w)
	return r, nil
}

// begin starts to copy between the streams and the connection.
func (s *Stdio) begin(ctx context.Context, stream *AttachStream) {
	s.stream = stream
	s.copied, s.fed = make(chan error, 1), make(chan error, 2)
	stop := context.AfterFunc(ctx, func() { s.closePipes(errdefs.Cancelled(ctx)) })
	go func() {
		err := stream.Copy(s.Stdout, s.Stderr)
		if stop(); err == io.ErrClosedPipe && ctx.Err() != nil {
			err = errdefs.Cancelled(ctx)
		}
		s.closePipes(err)
		s.copied <- err
	}()
	if s.Stdin != nil {
		go s.feed()
	}
}

// feed copies the input and ends it, also where its reader fails. A command that takes no
// more of it is no error. Where the connection takes none, or cannot end it, the command
// could wait for ever, and is let go of.
func (s *Stdio) feed() {
	in := &inputReader{r: s.Stdin}
	_, err := io.Copy(s.stream, in)
	if in.err != nil {
		s.fed <- in.err // before the command can end
	}
	if err = errors.Join(err, s.stream.CloseWrite()); errors.Is(err, errors.ErrUnsupported) {
		s.fed <- fmt.Errorf("docker: the command's input cannot be sent or ended on this connection: %w", err)
		s.stream.Close()
	}
}

// inputReader tells the errors of a reader from those of the writer it is copied to.
type inputReader struct {
	r   io.Reader
	err error
}

func (i *inputReader) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrClosedPipe) {
		i.err = err
	}
	return n, err
}

// ErrWaitDelay is the error of a command that ended well and whose output went on for
// longer than its WaitDelay.
var ErrWaitDelay = errors.New("docker: the command has ended and its output goes on")

// waitable notes a call of Wait, of which there is one after each start.
func (s *Stdio) waitable() error {
	if s.stream == nil {
		return errors.New("docker: the command has not been started")
	}
	if s.waited {
		return errors.New("docker: the command has been waited for already")
	}
	s.waited = true
	return nil
}

// finish waits for the end of the output, and returns the first thing that went wrong.
// After the command's own end, which ended tells, it waits no longer than WaitDelay.
func (s *Stdio) finish(ended func() bool) error {
	err := s.copiedOrHeld(ended)
	s.stream.Close()
	for {
		select {
		case failed := <-s.fed:
			err = errors.Join(failed, err)
		default:
			return err
		}
	}
}

func (s *Stdio) copiedOrHeld(ended func() bool) error {
	if s.WaitDelay <= 0 {
		return <-s.copied
	}
	for gone := false; ; gone = ended() {
		select {
		case err := <-s.copied:
			return err
		case <-time.After(s.WaitDelay):
		}
		if gone {
			s.stream.Close()
			s.closePipes(ErrWaitDelay)
			<-s.copied
			return ErrWaitDelay
		}
	}
}

// ExitError is the error of a command that ran and ended with another code than 0.
type ExitError struct {
	Code   int
	Stderr []byte // the end of it, at most 64 KiB, where it was collected by Output
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("docker: exit status %d", e.Code)
	if last := bytes.TrimSpace(e.Stderr); len(last) > 0 {
		line := last[bytes.LastIndexByte(last, '\n')+1:]
		text += ": " + bounded(string(line))
	}
	return text
}

const maxStderr = 64 << 10

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	if t.text = append(t.text, p...); len(t.text) > 2*maxStderr {
		t.text = append(t.text[:0], t.end()...)
	}
	return len(p), nil
}

func (t *tail) end() []byte { return t.text[max(0, len(t.text)-maxStderr):] }

// output collects what run writes to Stdout, and the end of Stderr where it has no
// writer of its own.
func (s *Stdio) output(run func() error) ([]byte, error) {
	if s.Stdout != nil {
		return nil, errors.New("docker: Stdout is already set")
	}
	var out bytes.Buffer
	s.Stdout = &out
	var collected tail
	if s.Stderr == nil {
		s.Stderr = &collected
	}
	err := run()
	if exit, ok := errors.AsType[*ExitError](err); ok {
		exit.Stderr = collected.end()
	}
	return out.Bytes(), err
}

// combined collects what run writes to both outputs, in the order in which it came.
func (s *Stdio) combined(run func() error) ([]byte, error) {
	if s.Stdout != nil || s.Stderr != nil {
		return nil, errors.New("docker: Stdout or Stderr is already set")
	}
	var out bytes.Buffer
	s.Stdout, s.Stderr = &out, &out
	err := run()
	return out.Bytes(), err
}

// exitError is nil for 0.
func exitError(code int, err error) error {
	if err != nil || code == 0 {
		return err
	}
	return &ExitError{Code: code}
}
