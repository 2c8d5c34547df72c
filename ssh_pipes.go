package docker

import (
	"cmp"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// pipes is a connection to the input and output of a process, where the system has no
// pairs of sockets: two pipes in memory, which have deadlines, and what copies between
// them and those of the process.
type pipes struct {
	net.Conn // reads
	w        net.Conn
	closed   atomic.Bool // here, for writing
}

// newPipes is newStdio by pipes. What the process did not read is not known.
func newPipes() (*stdio, error) {
	in, toIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromOut, out, err := os.Pipe()
	if err != nil {
		in.Close()
		toIn.Close()
		return nil, err
	}
	read, filled := net.Pipe()
	drained, write := net.Pipe()
	var copies sync.WaitGroup
	return &stdio{
		conn: &pipes{Conn: read, w: write}, in: in, out: out,
		started: func() {
			in.Close()
			out.Close()
			copies.Go(func() { io.Copy(toIn, drained); toIn.Close(); drained.Close() })
			copies.Go(func() { io.Copy(filled, fromOut); fromOut.Close(); filled.Close() })
		},
		settle: func() int64 { toIn.Close(); drained.Close(); return -1 },
		finish: func() {},
	}, nil
}

func (p *pipes) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if err == io.ErrClosedPipe && !p.closed.Load() {
		err = syscall.EPIPE
	}
	return n, err
}

func (p *pipes) CloseWrite() error {
	p.closed.Store(true)
	return p.w.Close()
}

func (p *pipes) Close() error {
	p.CloseWrite() //nolint:errcheck // it does not fail
	return p.Conn.Close()
}

func (p *pipes) SetDeadline(t time.Time) error {
	return cmp.Or(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

func (p *pipes) SetWriteDeadline(t time.Time) error { return p.w.SetWriteDeadline(t) }
