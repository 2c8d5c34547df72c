package streams

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"strings"

	"github.com/cleat-go/docker/internal/jsonscan/idle"
)

// A Stream names one of the streams that the engine sends over one connection.
type Stream uint8

// The streams.
const (
	Stdin  Stream = 0
	Stdout Stream = 1
	Stderr Stream = 2
	System Stream = 3 // errors of the engine itself
)

// String returns the stream's name: stdin, stdout, stderr or system.
func (s Stream) String() string {
	names := [...]string{"stdin", "stdout", "stderr", "system"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("stream(%d)", uint8(s))
}

// A Frame is what the engine sent of one stream at one time; a record of a log is one frame.
// Data is valid until the next step of the loop.
type Frame struct {
	Stream Stream
	Data   []byte
}

const (
	headerSize     = 8
	maxSystemError = 4 << 10
)

// Frames decodes the engine's multiplexed output. Frames without data are dropped, and a frame
// that is larger than the buffer, which holds 56 KiB, comes in several pieces.
//
// An error comes once and last. A stream that ends inside a frame gives what there is
// of the frame and then [errdefs.ErrTruncated]. A frame of the engine's own errors is
// an [*EngineError], bytes that are no frame are a [*FrameError]. The sequence is for one loop;
// r is read ahead and not closed.
func Frames(r io.Reader) iter.Seq2[Frame, error] {
	return newDecoder(r, true).frames
}

// Demux copies the engine's multiplexed output to two writers until the stream ends. It returns
// how many bytes of payload it delivered. A nil writer discards; stdin, which an
// engine may echo, goes to stdout. Errors are those of [Frames], and a writer's error as it is.
func Demux(stdout, stderr io.Writer, r io.Reader) (int64, error) {
	d := newDecoder(r, false)
	defer d.close()
	to := [4]io.Writer{Stdin: stdout, Stdout: stdout, Stderr: stderr}
	var total int64
	for {
		f, err := d.next()
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := write(to[f.Stream&3], f.Data)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// A decoder cuts a stream into frames. The payloads are parts of its buffer.
type decoder struct {
	buf    idle.Buffer
	data   []byte // unread bytes of buf
	left   uint32 // payload of the current frame that is not in data yet or not handed out
	stream Stream // of the current frame
	fresh  bool   // nothing of the current frame was handed out
	starts bool   // what next returned was the beginning of a frame
	whole  bool   // wait for whole frames, where they fit the buffer
	err    error
}

func newDecoder(r io.Reader, whole bool) *decoder {
	d := &decoder{whole: whole}
	d.buf.Init(r, idle.Size)
	return d
}

func (d *decoder) frames(yield func(Frame, error) bool) {
	defer d.close()
	for {
		f, err := d.next()
		if err == io.EOF || !yield(f, err) || err != nil {
			return
		}
	}
}

// close gives the buffer back.
func (d *decoder) close() {
	if d.err == nil {
		d.err = errLeft
	}
	d.data = nil
	d.buf.Release()
}

// next returns a frame or a piece of one. Errors are final.
func (d *decoder) next() (Frame, error) {
	if d.left == 0 && len(d.data) >= headerSize {
		h := binary.BigEndian.Uint64(d.data)
		end := headerSize + uint64(uint32(h))
		if isOutput(h) && end > headerSize && end <= uint64(len(d.data)) {
			payload := d.data[headerSize:end:end]
			d.data = d.data[end:]
			d.starts = true
			return Frame{Stream(h >> 56), payload}, nil
		}
	}
	return d.nextSlow()
}

// isOutput reports whether a header is one of stdin, stdout and stderr.
func isOutput(h uint64) bool { return bits.RotateLeft32(uint32(h>>32), 8) <= uint32(Stderr) }

// nextSlow is next for a frame that is not wholly in the buffer or not ordinary.
func (d *decoder) nextSlow() (Frame, error) {
	for d.err == nil {
		switch {
		case d.left > 0 && len(d.data) > 0:
			return d.piece(), nil
		case d.left > 0 || len(d.data) < headerSize:
			d.fill()
		default:
			d.begin()
		}
	}
	return Frame{}, d.err
}

// piece hands out what there is of the current frame.
func (d *decoder) piece() Frame {
	n := min(uint64(d.left), uint64(len(d.data)))
	f := Frame{d.stream, d.data[:n:n]}
	d.starts, d.fresh = d.fresh, false
	d.data = d.data[n:]
	d.left -= uint32(n)
	return f
}

// begin goes into the frame whose header is at the front of the data.
func (d *decoder) begin() {
	h := binary.BigEndian.Uint64(d.data)
	size := uint32(h)
	switch {
	case h>>32 == uint64(System)<<24:
		d.take(h)
		d.err = d.systemError()
	case !isOutput(h):
		d.err = &FrameError{Offset: d.offset(), Header: [8]byte(d.data)}
	case d.whole && size <= idle.Size-headerSize && int(size) > len(d.data)-headerSize:
		d.fill()
	default:
		d.take(h)
	}
}

func (d *decoder) take(h uint64) {
	d.data = d.data[headerSize:]
	d.stream, d.left, d.fresh = Stream(h>>56), uint32(h), true
}

// fill reads more, and sets the final error when there is no more.
func (d *decoder) fill() {
	d.buf.Discard(len(d.buf.Unread()) - len(d.data))
	d.data = nil // holds no buffer while it waits
	err := d.buf.Fill()
	d.data = d.buf.Unread()
	switch {
	case err == nil:
	case d.left == 0 && len(d.data) > headerSize:
		d.take(binary.BigEndian.Uint64(d.data)) // the beginning of a frame that was waited for
	case d.left == 0 && len(d.data) == 0 && err == io.EOF:
		d.err = io.EOF
	default:
		d.err = readError(err, d.where())
	}
}

// offset returns the place of data in the stream.
func (d *decoder) offset() int64 {
	return d.buf.Offset() + int64(len(d.buf.Unread())-len(d.data))
}

func (d *decoder) where() string {
	if d.left == 0 && len(d.data) == 0 {
		return fmt.Sprintf("at byte %d, between frames", d.offset())
	}
	return fmt.Sprintf("at byte %d, inside a frame", d.offset()+int64(len(d.data)))
}

// systemError reads the current frame as an error of the engine.
func (d *decoder) systemError() error {
	var text []byte
	for d.left > 0 && len(text) < maxSystemError {
		if len(d.data) == 0 {
			d.fill()
		}
		if d.err != nil {
			return fmt.Errorf("%w; the engine had begun to report: %q", d.err, text)
		}
		text = append(text, d.piece().Data...)
	}
	text = text[:min(len(text), maxSystemError)]
	return &EngineError{Message: strings.TrimSpace(string(text))}
}
