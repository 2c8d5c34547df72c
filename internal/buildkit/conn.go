package buildkit

import (
	"io"
	"net"
	"sync"
	"time"
)

// rawConn is a connection without addresses or deadlines, as net/http wants it. That it
// hides what it is matters: net/http refuses HTTP/2 on a *tls.Conn that did not agree to it.
type rawConn struct {
	io.ReadWriteCloser
	close func() error
}

func newRawConn(rwc io.ReadWriteCloser) *rawConn {
	return &rawConn{rwc, sync.OnceValue(rwc.Close)}
}

func (c *rawConn) Close() error                     { return c.close() }
func (c *rawConn) LocalAddr() net.Addr              { return noAddr{} }
func (c *rawConn) RemoteAddr() net.Addr             { return noAddr{} }
func (c *rawConn) SetDeadline(time.Time) error      { return nil }
func (c *rawConn) SetReadDeadline(time.Time) error  { return nil }
func (c *rawConn) SetWriteDeadline(time.Time) error { return nil }

type noAddr struct{}

func (noAddr) Network() string { return "buildkit" }
func (noAddr) String() string  { return "buildkit" }

// oneConn is a listener whose only connection is there from the start.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func listenOn(conn net.Conn) *oneConn {
	l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- conn
	return l
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conn:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return noAddr{} }
