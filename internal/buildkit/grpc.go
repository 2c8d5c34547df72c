package buildkit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cleat-go/docker/errdefs"
)

// The status codes of gRPC that are used here.
const (
	codeOK               = 0
	codeUnknown          = 2
	codeInvalidArgument  = 3
	codeNotFound         = 5
	codeAlreadyExists    = 6
	codePermissionDenied = 7
	codeUnimplemented    = 12
	codeInternal         = 13
	codeUnavailable      = 14
	codeUnauthenticated  = 16
)

// maxMessage bounds one message: the engines' own bound.
const maxMessage = 16 << 20

const (
	frameHeader = 5 // a flag and the length
	contentType = "application/grpc"
)

// frames reads messages.
type frames struct {
	r   io.Reader
	buf []byte
}

// next returns the next message, which is valid until the next one, or io.EOF.
func (f *frames) next() ([]byte, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return nil, err
	}
	if head[0] != 0 {
		return nil, &Error{Code: codeUnimplemented, Message: "a compressed message"}
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes: %w", n, errMalformed)
	}
	return f.fill(int(n))
}

// fill reads n bytes, with no more memory than twice what comes.
func (f *frames) fill(n int) ([]byte, error) {
	f.buf = f.buf[:0]
	for len(f.buf) < n {
		if len(f.buf) == cap(f.buf) {
			grown := make([]byte, len(f.buf), min(n, max(2*len(f.buf), minBuffer)))
			copy(grown, f.buf)
			f.buf = grown
		}
		chunk := f.buf[len(f.buf):min(n, cap(f.buf))]
		got, err := io.ReadFull(f.r, chunk)
		f.buf = f.buf[:len(f.buf)+got]
		if err != nil {
			return nil, errdefs.Truncated(err)
		}
	}
	return f.buf, nil
}

const minBuffer = 16 << 10

// appendFrame appends a message with its header.
func appendFrame(to []byte, m message) []byte {
	to = append(to, 0)
	to = binary.BigEndian.AppendUint32(to, uint32(len(m)))
	return append(to, m...)
}

// stream is a call that the engine makes, at the side that serves it.
type stream struct {
	ctx    context.Context
	header http.Header
	body   io.ReadCloser
	in     frames
	w      http.ResponseWriter
	flush  *http.ResponseController
	out    []byte                       // the last message sent
	fail   func(context.Context, error) // is told of a failure before the engine is
}

// recv returns the engine's next message, which is valid until the next one, or io.EOF.
func (s *stream) recv() ([]byte, error) { return s.in.next() }

// close ends the receiving; a recv that waits then fails.
func (s *stream) close() { s.body.Close() }

// send sends a message at once.
func (s *stream) send(m message) error {
	s.out = appendFrame(s.out[:0], m)
	if _, err := s.w.Write(s.out); err != nil {
		return err
	}
	return s.flush.Flush()
}

// A method serves one call. Its error is the call's status.
type method func(s *stream) error

// unary answers one message with one.
type unary func(ctx context.Context, request []byte) (message, error)

// serve is the method.
func (answer unary) serve(s *stream) error {
	request, err := s.recv()
	if err != nil {
		return err
	}
	m, err := answer(s.ctx, request)
	if err != nil {
		return err
	}
	return s.send(m)
}

// serveCall runs a method for a request.
func serveCall(m method, w http.ResponseWriter, r *http.Request, fail func(context.Context, error)) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	if m == nil {
		setStatus(h, "", &Error{Code: codeUnimplemented, Message: "not served here"})
		return
	}
	s := &stream{
		ctx: r.Context(), header: r.Header, body: r.Body, in: frames{r: r.Body},
		w: w, flush: http.NewResponseController(w), fail: fail,
	}
	if s.flush.Flush() != nil {
		return
	}
	err := m(s)
	fail(s.ctx, err)
	setStatus(h, http.TrailerPrefix, err)
}

// setStatus puts what became of a call into headers.
func setStatus(h http.Header, prefix string, err error) {
	code, text := codeOK, ""
	if err != nil {
		code, text = codeUnknown, err.Error()
		if e, ok := errors.AsType[*Error](err); ok {
			code = e.Code
		}
	}
	h.Set(prefix+"Grpc-Status", fmt.Sprint(code))
	if text != "" {
		h.Set(prefix+"Grpc-Message", escapeText(text))
	}
}

// escapeText puts a text into the form of a grpc-message.
func escapeText(s string) string {
	const maxText = 2 << 10
	var b strings.Builder
	for i := range len(s[:min(len(s), maxText)]) {
		if c := s[i]; c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// unescapeText is the reverse. What is no escape stands for itself.
func unescapeText(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
