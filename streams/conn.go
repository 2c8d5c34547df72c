package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/cleat-go/docker/errdefs"
)

// Conn is an upgraded connection: what is written goes to the process, what is read comes
// from it. It is bound to a context, whose end closes it and ends every call that waits in it
// with an error that wraps errdefs.ErrCancelled and the context's cause.
//
// Read and Write may be called at the same time as each other; Close and CloseWrite may
// be called at any time.
type Conn struct {
	ctx   context.Context
	rwc   io.ReadCloser
	close func() error // of rwc, once
	stop  func() bool  // releases the context
	end   atomic.Int32
}

// How a connection came to its end, by what came first.
const (
	endClosed    = 1
	endCancelled = 2
)

// NewConn returns the connection rwc bound to ctx, and owns rwc. For a full connection rwc is
// an [io.Writer] too and has a CloseWrite() error method.
func NewConn(ctx context.Context, rwc io.ReadCloser) *Conn {
	c := &Conn{ctx: ctx, rwc: rwc, close: sync.OnceValue(rwc.Close)}
	c.stop = context.AfterFunc(ctx, func() {
		c.end.CompareAndSwap(0, endCancelled)
		_ = c.close()
	})
	return c
}

// Read reads what the other side has sent. It returns [io.EOF] when that side has ended, an
// error that wraps [net.ErrClosed] after the caller's own Close, errdefs.ErrCancelled
// after the end of the context, and errdefs.ErrTruncated when the connection broke.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.ended(); err != nil {
		return 0, err
	}
	n, err := c.rwc.Read(p)
	if err = c.explain(err); broken(err) {
		err = errdefs.Truncated(err)
	}
	return n, err
}

// Write sends p. It fails with [errors.ErrUnsupported] where the answer was no upgrade.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.ended(); err != nil {
		return 0, err
	}
	w, ok := c.rwc.(io.Writer)
	if !ok {
		return 0, fmt.Errorf("read-only stream: the engine, or a proxy before it, answered without an upgrade: %w",
			errors.ErrUnsupported)
	}
	n, err := w.Write(p)
	return n, c.explain(err)
}

// CloseWrite tells the other side that nothing more will be written; a process then reads
// the end of its standard input. Reading goes on. It fails with
// [errors.ErrUnsupported] where the connection cannot be closed by half.
func (c *Conn) CloseWrite() error {
	if err := c.ended(); err != nil {
		return err
	}
	half, ok := c.rwc.(interface{ CloseWrite() error })
	if !ok {
		return c.cannotCloseWrite()
	}
	done := make(chan error, 1)
	go func() { done <- half.CloseWrite() }()
	select {
	case err := <-done:
		return c.explain(err)
	case <-c.ctx.Done():
		return errdefs.Cancelled(c.ctx)
	}
}

func (c *Conn) cannotCloseWrite() error {
	if _, ok := c.rwc.(io.Writer); !ok {
		_, err := c.Write(nil)
		return err
	}
	return fmt.Errorf("this connection cannot be closed for writing alone: %w", errors.ErrUnsupported)
}

// Close closes the connection and releases the context. Calls after the first return the
// same error.
func (c *Conn) Close() error {
	c.end.CompareAndSwap(0, endClosed)
	c.stop()
	return c.close()
}

// ended returns the error of a connection that was closed or cancelled.
func (c *Conn) ended() error {
	switch {
	case c.end.Load() == endClosed:
		return errClosed
	case c.ctx.Err() != nil:
		return errdefs.Cancelled(c.ctx)
	}
	return nil
}

// explain replaces the error of a call that was ended from this side.
func (c *Conn) explain(err error) error {
	if err == nil {
		return nil
	}
	if ended := c.ended(); ended != nil {
		return ended
	}
	return err
}

// broken tells an error of the connection from an end, from whichever side.
func broken(err error) bool {
	return err != nil && err != io.EOF && !errors.Is(err, errdefs.ErrCancelled) && !errors.Is(err, net.ErrClosed)
}
