package streams

import (
	"bytes"
	"io"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/cleat-go/docker/internal/jsonscan/idle"
)

// A Line is one line of output, without its line end.
type Line struct {
	Stream  Stream
	Time    time.Time         // when the engine received it; zero if not asked for, or not sent
	Text    string            // as the process wrote it, be it UTF-8 or not
	Details map[string]string // labels and variables of the log driver; shared between lines, do not change it
	Partial bool              // the rest follows in the next Line of this stream, or was lost to an error
}

// LinesOptions says what the output consists of, which cannot be seen in it.
type LinesOptions struct {
	TTY        bool // no frames: the container or exec has a TTY
	Timestamps bool // each record begins with a time, as asked of the engine
	Details    bool // and then with the details, as asked of the engine
	MaxLength  int  // bytes of text that one Line holds, 0 means 1 MiB
}

const (
	defaultMaxLength = 1 << 20
	recordSize       = 16 << 10 // the engine cuts longer lines into records of this size
	maxTimeLen       = len("2006-01-02T15:04:05.000000000+00:00")
	maxDetailsLen    = 32 << 10
)

// Lines decodes output into lines. nil options mean frames of plain text.
//
// The lines of stdout and of stderr are put together apart from each other, however the
// engine has cut and mixed them, and come in the order of their ends. A longer line than
// MaxLength comes in pieces. Text after the last line end is a line too. A record that should
// begin with a time and does not is a line without Time; one that is cut inside its time is
// no line.
//
// Errors are those of [Frames], and come once and last, after the unfinished lines. On a TTY
// stdout and stderr are one stream, Stdout. The sequence is for one loop; r is read ahead and
// not closed.
func Lines(r io.Reader, opts *LinesOptions) iter.Seq2[Line, error] {
	l := &lines{}
	if opts != nil {
		l.opts = *opts
	}
	if l.opts.MaxLength <= 0 {
		l.opts.MaxLength = defaultMaxLength
	}
	for i := range l.streams {
		l.streams[i] = assembler{lines: l, stream: Stream(i), inHead: l.prefixed()}
	}
	if l.opts.TTY {
		d := &rawReader{}
		d.buf.Init(r, idle.Size)
		return func(yield func(Line, error) bool) { l.raw(d, yield) }
	}
	d := newDecoder(r, true)
	return func(yield func(Line, error) bool) { l.framed(d, yield) }
}

// lines is the state of one loop.
type lines struct {
	opts    LinesOptions
	streams [3]assembler
	cache   detailsCache
	yield   func(Line, error) bool
	left    bool // the loop was left
}

func (l *lines) prefixed() bool { return l.opts.Timestamps || l.opts.Details }

func (l *lines) framed(d *decoder, yield func(Line, error) bool) {
	defer d.close()
	l.yield, l.left = yield, false
	for !l.left {
		f, err := d.next()
		if err != nil {
			l.end(err)
			return
		}
		a := &l.streams[f.Stream]
		if d.starts {
			a.inHead = l.prefixed()
		}
		a.add(f.Data)
		if d.left == 0 {
			a.endHead()
		}
	}
}

func (l *lines) raw(d *rawReader, yield func(Line, error) bool) {
	defer d.close()
	l.yield, l.left = yield, false
	for !l.left {
		data, err := d.next()
		if err != nil {
			l.end(err)
			return
		}
		l.streams[Stdout].add(data)
	}
}

// end yields what is unfinished, and the error.
func (l *lines) end(err error) {
	for i := range l.streams {
		a := &l.streams[i]
		if err != io.EOF {
			a.dropHead()
		}
		a.endHead()
		if a.open && !l.left {
			a.emit(a.text, err != io.EOF)
		}
		a.open = false
	}
	if err != io.EOF && !l.left {
		l.yield(Line{}, err)
	}
}

// An assembler puts the lines of one stream together.
type assembler struct {
	*lines
	stream  Stream
	text    []byte // of the unfinished line
	head    []byte // of the record, while it is too short to tell its prefix
	inHead  bool   // the prefix of a record is still to come
	open    bool   // a line has begun
	time    time.Time
	details []byte // as sent, of the unfinished line; empty if there are none
	record  int    // bytes of text in the record
}

// add takes what came next. It stops where the loop is left.
func (a *assembler) add(data []byte) {
	for len(data) > 0 && !a.left {
		if a.inHead {
			data = a.addHead(data)
		} else {
			data = a.addText(data)
		}
	}
}

// addText takes text up to the end of the line, the record or the data.
func (a *assembler) addText(data []byte) (rest []byte) {
	part := data
	if a.opts.TTY && a.prefixed() && len(part) > recordSize-a.record {
		part = part[:recordSize-a.record]
	}
	if i := bytes.IndexByte(part, '\n'); i >= 0 {
		a.endLine(part[:i])
		return data[i+1:]
	}
	a.open = true
	a.text = append(a.text, part...)
	a.text = a.text[:copy(a.text, a.pieces(a.text))]
	if a.record += len(part); a.record == recordSize && a.opts.TTY && a.prefixed() {
		a.record, a.inHead = 0, true
	}
	return data[len(part):]
}

// endLine yields the line that ends with part, and gets ready for the next.
func (a *assembler) endLine(part []byte) {
	if len(a.text) > 0 {
		a.text = append(a.text, part...)
		part = a.text
	}
	part = a.pieces(part)
	if n := len(part); a.opts.TTY && n > 0 && part[n-1] == '\r' {
		part = part[:n-1]
	}
	if !a.left {
		a.emit(part, false)
	}
	if a.text = a.text[:0]; cap(a.text) > idle.Size {
		a.text = nil
	}
	a.open, a.time, a.details = false, time.Time{}, a.details[:0]
	a.record, a.inHead = 0, a.prefixed()
}

// pieces yields the text up to what fits one Line, and returns that.
func (a *assembler) pieces(text []byte) []byte {
	for len(text) > a.opts.MaxLength && !a.left {
		n := cutAt(text, a.opts.MaxLength)
		a.emit(text[:n], true)
		text = text[n:]
	}
	return text
}

// cutAt returns n, or a little less so that no rune is cut.
func cutAt(text []byte, n int) int {
	for i := n; i > 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return n
}

func (a *assembler) emit(text []byte, partial bool) {
	a.left = !a.yield(Line{
		Stream:  a.stream,
		Time:    a.time,
		Text:    string(text),
		Details: a.cache.parse(a.details),
		Partial: partial,
	}, nil)
}

// A rawReader reads the output of a TTY.
type rawReader struct {
	buf idle.Buffer
	err error
}

// next returns what came next. Errors are final.
func (r *rawReader) next() ([]byte, error) {
	r.buf.Discard(len(r.buf.Unread()))
	if r.err != nil {
		return nil, r.err
	}
	if err := r.buf.Fill(); err == io.EOF {
		r.err = err
	} else if err != nil {
		r.err = readError(err, "before its end")
	}
	return r.buf.Unread(), r.err
}

func (r *rawReader) close() {
	if r.err == nil {
		r.err = errLeft
	}
	r.buf.Release()
}

// frames yields what comes as frames of stdout.
func (r *rawReader) frames(yield func(Frame, error) bool) {
	defer r.close()
	for {
		data, err := r.next()
		if err == io.EOF || !yield(Frame{Stdout, data}, err) || err != nil {
			return
		}
	}
}
