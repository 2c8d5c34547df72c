package enginetest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// bufferSize is how much one direction of an in-memory connection holds.
const bufferSize = 64 << 10

// memConn is one end of a connection in memory. It has what a unix socket has: a
// buffer, deadlines, half-close and reset. It blocks on condition variables alone.
type memConn struct {
	in, out *half
	addr    memAddr
}

// newPipe makes the two ends of a connection.
func newPipe() (client, server *memConn) {
	up, down := newHalf(), newHalf()
	return &memConn{in: down, out: up, addr: "client"}, &memConn{in: up, out: down, addr: "server"}
}

func (c *memConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memConn) Write(p []byte) (int, error) { return c.out.write(p) }

// CloseWrite ends this end's output: the peer reads what was written, then io.EOF.
func (c *memConn) CloseWrite() error {
	c.out.set(func(h *half) { h.ended = true })
	return nil
}

// Close ends both directions. The peer still reads what was written.
func (c *memConn) Close() error {
	c.out.set(func(h *half) { h.ended, h.writer = true, net.ErrClosed })
	c.in.set(func(h *half) { h.reader, h.writer = net.ErrClosed, syscall.EPIPE })
	return nil
}

// reset ends both directions at once; what the peer has not read is lost.
func (c *memConn) reset() {
	broken := func(h *half) {
		h.buf, h.reader, h.writer = nil, syscall.ECONNRESET, syscall.ECONNRESET
	}
	c.out.set(broken)
	c.in.set(broken)
}

func (c *memConn) LocalAddr() net.Addr  { return c.addr }
func (c *memConn) RemoteAddr() net.Addr { return memAddr("peer of the " + string(c.addr)) }

func (c *memConn) SetDeadline(t time.Time) error {
	c.in.set(func(h *half) { h.readBy.set(h, t) })
	c.out.set(func(h *half) { h.writeBy.set(h, t) })
	return nil
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.set(func(h *half) { h.readBy.set(h, t) })
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.set(func(h *half) { h.writeBy.set(h, t) })
	return nil
}

// memAddr names an end of a connection in memory.
type memAddr string

func (memAddr) Network() string  { return "memory" }
func (a memAddr) String() string { return string(a) }

// half is one direction of a connection.
type half struct {
	mu      sync.Mutex
	change  *sync.Cond
	buf     []byte // written and not read yet
	ended   bool   // nothing more comes
	reader  error  // what reads fail with
	writer  error  // what writes fail with
	readBy  deadline
	writeBy deadline
}

func newHalf() *half {
	h := &half{}
	h.change = sync.NewCond(&h.mu)
	return h
}

func (h *half) set(f func(*half)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h)
	h.change.Broadcast()
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reader != nil:
			return 0, h.reader
		case h.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			if h.buf = h.buf[n:]; len(h.buf) == 0 {
				h.buf = nil
			}
			h.change.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.change.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.writer != nil:
			return n, h.writer
		case h.ended:
			return n, syscall.EPIPE
		case h.writeBy.passed:
			return n, os.ErrDeadlineExceeded
		case len(p) == n:
			return n, nil
		case len(h.buf) < bufferSize:
			room := min(len(p)-n, bufferSize-len(h.buf))
			h.buf = append(h.buf, p[n:n+room]...)
			n += room
			h.change.Broadcast()
			continue
		}
		h.change.Wait()
	}
}

// deadline is a time that reads or writes of a half must not pass.
type deadline struct {
	passed bool
	timer  *time.Timer
}

// set is called with the half's lock held.
func (d *deadline) set(h *half, t time.Time) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	wait := time.Until(t)
	if d.passed = !t.IsZero() && wait <= 0; t.IsZero() || d.passed {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		h.set(func(*half) { d.passed = d.passed || d.timer == timer })
	})
	d.timer = timer
}
