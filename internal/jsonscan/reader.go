package jsonscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/internal/jsonscan/idle"
)

const (
	// DefaultLimit bounds one value of a stream when no other limit is given.
	DefaultLimit = 4 << 20

	maxErrorText = 2 << 10
)

// ErrTooLarge means that a value is longer than the limit.
var ErrTooLarge = errors.New("value over the limit")

// A TextError is a stream that holds something else than JSON, a proxy's page perhaps.
type TextError struct {
	Offset int64  // of Text in the stream
	Text   string // at most 2 KiB of what had come
}

func (e *TextError) Error() string {
	return fmt.Sprintf("not JSON at byte %d: %s", e.Offset, strconv.Quote(e.Text))
}

// A Reader cuts a stream into JSON values. They may follow each other without a gap, or with
// any number of spaces, line ends and record separators between them. It finds only where
// a value ends: whether it is valid is for a [Scanner] to say.
type Reader struct {
	buf   idle.Buffer
	limit int
	done  int // length of the value that was returned last
	err   error

	// The value in progress.
	n       int // bytes looked at
	depth   int
	quoted  bool // inside a string
	suspect bool // a string of the outermost object begins with error
	line    bool // the last value was taken by its line, and not looked at
}

// NewReader returns a Reader. A value of more than limit bytes is an error; 0 means [DefaultLimit].
func NewReader(r io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = DefaultLimit
	}
	jr := &Reader{limit: limit}
	jr.buf.Init(r, limit+1)
	return jr
}

// Close gives the buffer back. It does not close the stream.
func (r *Reader) Close() { r.fail(io.ErrClosedPipe) }

// Offset returns where in the stream the last value began.
func (r *Reader) Offset() int64 { return r.buf.Offset() }

// Next returns the next complete value, valid until the next call. It returns [io.EOF]
// only between values; a stream that ends inside one is [errdefs.ErrTruncated]. Bytes that
// start no value are a [*TextError]. Errors are final.
func (r *Reader) Next() ([]byte, error) {
	r.buf.Discard(r.done)
	r.done, r.n = 0, 0
	for r.err == nil {
		if r.n == 0 {
			r.skipSeparators()
		}
		data := r.buf.Unread()
		complete := r.scan(data)
		switch {
		case r.err != nil:
		case r.n > r.limit:
			r.fail(fmt.Errorf("byte %d: %w of %d bytes", r.Offset(), ErrTooLarge, r.limit))
		case complete:
			r.done = r.n
			return data[:r.n:r.n], nil
		default:
			if err := r.buf.Fill(); err != nil {
				return r.end(err)
			}
		}
	}
	return nil, r.err
}

// MayBeError tells whether value, which is the last, has a field whose name begins with
// error; it may say so of a value that has none.
func (r *Reader) MayBeError(value []byte) bool {
	return r.suspect || r.line && bytes.Contains(value, []byte(`"error`))
}

// NextLine is Next for values that mostly end their lines: an object is taken to end with
// its line. Where that is no JSON, Again returns what Next would have.
func (r *Reader) NextLine() ([]byte, error) {
	r.buf.Discard(r.done)
	r.done, r.n = 0, 0
	if r.err == nil {
		r.skipSeparators()
		data := r.buf.Unread()
		if end := bytes.IndexByte(data, '\n'); end > 0 && end <= r.limit {
			line := bytes.TrimRight(data[:end], " \r\t")
			if line[0] == '{' && line[len(line)-1] == '}' {
				r.done, r.suspect, r.line = len(line), false, true
				return line[:len(line):len(line)], nil
			}
		}
	}
	return r.Next()
}

// Again is Next from where the last value began.
func (r *Reader) Again() ([]byte, error) {
	r.done = 0
	return r.Next()
}

// Reject returns the error for a last value that is JSON by chance only, such as the number
// that a line of plain text begins with.
func (r *Reader) Reject() error { return r.textError() }

// end is what Next returns when there is no more to read.
func (r *Reader) end(err error) ([]byte, error) {
	if data := r.buf.Unread(); err == io.EOF && r.n > 0 {
		if startsNumber(data[0]) {
			r.done = r.n
			return data, nil
		}
		err = errdefs.Truncated(err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errdefs.Truncated(err)
	}
	return nil, r.fail(err)
}

func (r *Reader) fail(err error) error {
	if r.err == nil {
		r.err = err
		r.buf.Release()
		r.done = 0
	}
	return r.err
}

func (r *Reader) textError() error {
	text := r.buf.Unread()
	return &TextError{Offset: r.Offset(), Text: string(text[:min(len(text), maxErrorText)])}
}

func (r *Reader) skipSeparators() {
	data := r.buf.Unread()
	i := 0
	for i < len(data) && (isSpace(data[i]) || data[i] == 0x1e) {
		i++
	}
	r.buf.Discard(i)
}

// scan looks at the bytes of the value that it has not seen and reports whether it is complete.
func (r *Reader) scan(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	switch c := data[0]; {
	case c == '{' || c == '[' || c == '"':
		return r.scanNested(data)
	case startsNumber(c):
		return r.scanNumber(data)
	case c == 't':
		return r.scanWord(data, "true")
	case c == 'f':
		return r.scanWord(data, "false")
	case c == 'n':
		return r.scanWord(data, "null")
	}
	r.fail(r.textError())
	return false
}

// scanNested goes through an object, an array or a string.
func (r *Reader) scanNested(data []byte) bool {
	i, depth := r.n, r.depth
	if i == 0 {
		depth, r.quoted, r.suspect, r.line = 0, false, false, false
	}
	for i < len(data) {
		if r.quoted {
			i = closingQuote(data, i)
			if i < 0 {
				i = len(data)
				break
			}
			i++
			if r.quoted = escaped(data[:i-1]); !r.quoted && depth == 0 {
				r.n = i
				return true
			}
			continue
		}
		c := data[i]
		i++
		switch c {
		case '"':
			r.quoted = true
			if depth == 1 && (len(data)-i < 5 || string(data[i:i+5]) == "error") {
				r.suspect = true
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				r.n = i
				return true
			}
		}
	}
	r.n, r.depth = i, depth
	return false
}

// closingQuote returns the place of the next quote in data from i on, or -1. Most strings
// are short, for which this is faster than a call.
func closingQuote(data []byte, i int) int {
	for range 4 {
		if i+8 > len(data) {
			break
		}
		x := binary.LittleEndian.Uint64(data[i:]) ^ ('"' * lows)
		if found := (x - lows) &^ x & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
		i += 8
	}
	n := bytes.IndexByte(data[i:], '"')
	if n < 0 {
		return -1
	}
	return i + n
}

// escaped reports whether text ends with an odd number of backslashes.
func escaped(text []byte) bool {
	n := len(text)
	for n > 0 && text[n-1] == '\\' {
		n--
	}
	return (len(text)-n)%2 == 1
}

// scanNumber ends at the first byte that cannot be in a number.
func (r *Reader) scanNumber(data []byte) bool {
	for ; r.n < len(data); r.n++ {
		c := data[r.n]
		if !isDigit(c) && c != '-' && c != '+' && c != '.' && c|0x20 != 'e' {
			return true
		}
	}
	return false
}

func (r *Reader) scanWord(data []byte, word string) bool {
	for ; r.n < len(data) && r.n < len(word); r.n++ {
		if data[r.n] != word[r.n] {
			r.fail(r.textError())
			return false
		}
	}
	return r.n == len(word)
}

func startsNumber(c byte) bool { return c == '-' || isDigit(c) }
