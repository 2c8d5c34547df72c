package streams

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"

	"github.com/cleat-go/docker/errdefs"
)

// A FrameError is a stream that is not made of frames where a frame should begin.
// The output of a container with a TTY has none.
type FrameError struct {
	Offset int64   // of Header in the stream
	Header [8]byte // its first byte is no known type, or the next three are not 0
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("byte %d: %#x begins no frame (is this the output of a TTY?)", e.Offset, e.Header)
}

// An EngineError is a failure that the engine reports inside a stream, after it had
// answered the request with success. It is [errdefs.ErrRefused]; with a Code of an
// HTTP error status it is of that status's kind too, [errdefs.ErrNotFound] for 404.
type EngineError struct {
	Code    int    // as sent, 0 if there was none; for a build step its exit code
	Message string // as sent, possibly empty
}

func (e *EngineError) Error() string {
	switch {
	case e.Message != "":
		return e.Message
	case e.Code != 0:
		return "the engine reported an error without a message, code " + strconv.Itoa(e.Code)
	}
	return "the engine reported an error without a message"
}

// Is reports whether target is [errdefs.ErrRefused].
func (e *EngineError) Is(target error) bool { return target == errdefs.ErrRefused }

// Unwrap returns the kind of an HTTP error status in Code, or nil.
func (e *EngineError) Unwrap() error {
	if e.Code < 400 || e.Code > 599 {
		return nil
	}
	return errdefs.FromStatus(e.Code)
}

// errClosed is what reading gives after the caller's own Close.
var errClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string { return "stream closed by the caller" }
func (closedError) Is(target error) bool {
	return target == fs.ErrClosed || target == net.ErrClosed
}

var (
	errLeft         = errors.New("the loop over this stream was left, and what it had read ahead is gone")
	errNotObject    = errors.New("want an object")
	errInvalidWrite = errors.New("writer returned an impossible count")
)

// readError gives a reader's error its context. Where the stream may not end, io.EOF is a cut.
func readError(err error, where string) error {
	switch {
	case err == io.EOF:
		return errdefs.Truncated(fmt.Errorf("stream cut %s: %w", where, io.ErrUnexpectedEOF))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errdefs.Truncated(fmt.Errorf("stream cut %s: %w", where, err))
	}
	return fmt.Errorf("reading the stream: %w", err)
}

// write is one Write that checks the count.
func write(w io.Writer, p []byte) (int, error) {
	if w == nil {
		return len(p), nil
	}
	n, err := w.Write(p)
	if n == len(p) || err != nil {
		return max(0, min(n, len(p))), err
	}
	if n < 0 || n > len(p) {
		return 0, errInvalidWrite
	}
	return n, io.ErrShortWrite
}
