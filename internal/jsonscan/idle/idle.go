// Package idle has a read buffer that costs little while nothing comes.
package idle

import (
	"errors"
	"io"
	"sync"
)

const (
	// Size is the size of a pooled buffer. With all else that a stream needs it stays below 64 KiB.
	Size = 56 << 10

	smallSize = 512
	maxEmpty  = 100 // reads of nothing in a row
)

// ErrFull means that the unread bytes have reached the limit of the buffer.
var ErrFull = errors.New("buffer full")

var pool = sync.Pool{New: func() any { return new([Size]byte) }}

// A Buffer reads ahead. While data flows it holds a buffer from a pool. When the flow stops
// it waits with a few hundred bytes of its own. A Buffer must not be copied.
type Buffer struct {
	r      io.Reader
	buf    []byte
	pos    int // buf[pos:end] is unread
	end    int
	offset int64 // of buf[pos] in the stream
	limit  int
	busy   bool // the last read says that more is waiting
	err    error
	pooled *[Size]byte
	small  [smallSize]byte
}

// Init makes the buffer read from r and hold up to limit unread bytes, at least [Size].
func (b *Buffer) Init(r io.Reader, limit int) {
	b.r, b.limit = r, max(limit, Size)
	b.buf = b.small[:]
}

// Unread returns the bytes that were read and not discarded, valid until Fill or Release.
func (b *Buffer) Unread() []byte { return b.buf[b.pos:b.end] }

// Discard drops n unread bytes.
func (b *Buffer) Discard(n int) {
	b.pos += n
	b.offset += int64(n)
}

// Offset returns how many bytes of the stream were discarded.
func (b *Buffer) Offset() int64 { return b.offset }

// Release gives the buffer back and drops what is unread.
func (b *Buffer) Release() {
	b.pos, b.end = 0, 0
	b.use(b.small[:])
}

// Fill reads once more, so that there are more unread bytes than before. It returns the
// reader's error only when its bytes have been handed out, and then always.
func (b *Buffer) Fill() error {
	if b.err != nil {
		return b.err
	}
	if b.makeRoom(); b.end == len(b.buf) {
		return ErrFull
	}
	for range maxEmpty {
		room := b.buf[b.end:]
		n, err := b.r.Read(room)
		if n < 0 || n > len(room) {
			n, err = 0, errors.New("reader returned an impossible count")
		}
		b.end += n
		b.err = err
		if n > 0 {
			b.busy = n == len(room)
			return nil
		}
		if err != nil {
			return err
		}
	}
	b.err = io.ErrNoProgress
	return b.err
}

// makeRoom picks the buffer for the next read. What is unread moves only if the buffer
// changes or has no fair room left behind it.
func (b *Buffer) makeRoom() {
	unread := b.end - b.pos
	switch {
	case !b.busy && unread <= smallSize/2:
		b.use(b.small[:])
	case unread <= Size/2 && len(b.buf) <= Size:
		b.usePooled()
	case unread > len(b.buf)/2 && len(b.buf) < b.limit:
		b.use(make([]byte, min(2*len(b.buf), b.limit)))
	}
	if b.pos > 0 && (unread == 0 || len(b.buf)-b.end < len(b.buf)/2) {
		b.moveTo(b.buf)
	}
}

func (b *Buffer) usePooled() {
	if b.pooled == nil {
		p := pool.Get().(*[Size]byte)
		b.use(p[:])
		b.pooled = p
	}
}

// use changes to another buffer and gives a pooled one back.
func (b *Buffer) use(buf []byte) {
	if len(buf) == len(b.buf) {
		return
	}
	b.moveTo(buf)
	if b.pooled != nil {
		pool.Put(b.pooled)
		b.pooled = nil
	}
}

func (b *Buffer) moveTo(buf []byte) {
	b.end = copy(buf, b.buf[b.pos:b.end])
	b.buf, b.pos = buf, 0
}
