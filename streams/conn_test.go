package streams

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// transports are ways to get two ends of a connection.
var transports = map[string]func(t *testing.T) (client, server net.Conn){
	"pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() },
	"tcp":  func(t *testing.T) (net.Conn, net.Conn) { return dial(t, "tcp", "127.0.0.1:0") },
	"unix": func(t *testing.T) (net.Conn, net.Conn) {
		dir, err := os.MkdirTemp("", "conn")
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dial(t, "unix", filepath.Join(dir, "s"))
	},
}

func dial(t *testing.T, network, address string) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	client, err = net.Dial(network, l.Addr().String())
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	return client, server
}

func eachTransport(t *testing.T, f func(t *testing.T, client, server net.Conn)) {
	for name, open := range transports {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			client, server := open(t)
			defer server.Close()
			defer client.Close()
			f(t, client, server)
		})
	}
}

func TestConnTalks(t *testing.T) {
	eachTransport(t, func(t *testing.T, client, server net.Conn) {
		c := NewConn(t.Context(), client)
		go func() { _, _ = io.CopyN(server, server, 5); server.Close() }()
		_, err := io.WriteString(c, "hello")
		require.NoError(t, err)
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
		require.NoError(t, c.Close())
	})
}

var errGone = errors.New("the user has gone away")

// cancelDuring cancels while f waits, and returns f's error.
func cancelDuring(t *testing.T, rwc io.ReadCloser, f func(c *Conn) error) error {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	c := NewConn(ctx, rwc)
	defer c.Close()
	end := make(chan error, 1)
	go func() { end <- f(c) }()
	select {
	case err := <-end:
		t.Fatal("did not wait:", err)
	case <-time.After(20 * time.Millisecond):
	}
	cancel(errGone)
	select {
	case err := <-end:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("still waiting after the cancel")
		return nil
	}
}

func TestConnCancelRead(t *testing.T) {
	eachTransport(t, func(t *testing.T, client, server net.Conn) {
		err := cancelDuring(t, client, func(c *Conn) error {
			_, err := c.Read(make([]byte, 10))
			return err
		})
		require.ErrorIs(t, err, errdefs.ErrCancelled)
		require.ErrorIs(t, err, errGone)
		// The other side sees the end.
		_, err = server.Read(make([]byte, 10))
		require.Error(t, err)
	})
}

func TestConnCancelWrite(t *testing.T) {
	eachTransport(t, func(t *testing.T, client, server net.Conn) {
		err := cancelDuring(t, client, func(c *Conn) error {
			_, err := c.Write(make([]byte, 64<<20))
			return err
		})
		require.ErrorIs(t, err, errdefs.ErrCancelled)
		require.ErrorIs(t, err, errGone)
	})
}

func TestConnAfterCancel(t *testing.T) {
	eachTransport(t, func(t *testing.T, client, server net.Conn) {
		ctx, cancel := context.WithCancelCause(t.Context())
		c := NewConn(ctx, client)
		cancel(errGone)
		for _, f := range []func() error{
			func() error { _, err := c.Read(make([]byte, 1)); return err },
			func() error { _, err := c.Write([]byte("x")); return err },
			c.CloseWrite,
		} {
			require.ErrorIs(t, f(), errGone)
		}
		_, err := server.Read(make([]byte, 1)) // the connection is closed without our Close
		require.Error(t, err)
		_ = c.Close()
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, errGone, "what came first stays the reason")
	})
}

func TestConnAlreadyCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client, server := net.Pipe()
	defer server.Close()
	c := NewConn(ctx, client)
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
	_ = c.Close()
}

func TestConnDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	client, server := net.Pipe()
	defer server.Close()
	c := NewConn(ctx, client)
	defer c.Close()
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestConnCloseDuringRead(t *testing.T) {
	eachTransport(t, func(t *testing.T, client, server net.Conn) {
		c := NewConn(t.Context(), client)
		end := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			end <- err
		}()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { _ = c.Close() })
		}
		require.ErrorIs(t, <-end, net.ErrClosed)
		wg.Wait()
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = c.Write([]byte("x"))
		require.ErrorIs(t, err, os.ErrClosed)
		require.ErrorIs(t, c.CloseWrite(), net.ErrClosed)
	})
}

// A closeCounter counts what is done to it. It can be a full connection, or less.
type closeCounter struct {
	io.Reader
	closed atomic.Int32
}

func (c *closeCounter) Close() error { c.closed.Add(1); return errGone }

// Close releases the context: its end closes nothing a second time.
func TestConnCloseOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &closeCounter{Reader: strings.NewReader("")}
	c := NewConn(ctx, r)
	require.Equal(t, errGone, c.Close())
	cancel()
	require.Equal(t, errGone, c.Close())
	require.EqualValues(t, 1, r.closed.Load())
	require.False(t, c.stop(), "the context was released by Close")
}

func TestConnCloseWrite(t *testing.T) {
	eachTransport(t, func(t *testing.T, client, server net.Conn) {
		c := NewConn(t.Context(), client)
		defer c.Close()
		err := c.CloseWrite()
		if _, ok := client.(interface{ CloseWrite() error }); !ok {
			require.ErrorIs(t, err, errors.ErrUnsupported)
			return
		}
		require.NoError(t, err)
		rest, err := io.ReadAll(server)
		require.NoError(t, err)
		require.Empty(t, rest)
		go func() { _, _ = io.WriteString(server, "still here"); server.Close() }()
		rest, err = io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "still here", string(rest))
	})
}

// A slowHalf waits in CloseWrite until it is closed.
type slowHalf struct {
	net.Conn
	closed chan struct{}
}

func (s *slowHalf) CloseWrite() error { <-s.closed; return net.ErrClosed }
func (s *slowHalf) Close() error      { close(s.closed); return s.Conn.Close() }

func TestConnCancelCloseWrite(t *testing.T) {
	noLeaks(t)
	client, server := net.Pipe()
	defer server.Close()
	err := cancelDuring(t, &slowHalf{client, make(chan struct{})}, (*Conn).CloseWrite)
	require.ErrorIs(t, err, errGone)
	require.ErrorIs(t, err, errdefs.ErrCancelled)
}

func TestConnReadOnly(t *testing.T) {
	c := NewConn(t.Context(), io.NopCloser(struct{ io.Reader }{strings.NewReader("text")}))
	defer c.Close()
	_, err := c.Write([]byte("x"))
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "without an upgrade")
	err = c.CloseWrite()
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "without an upgrade")
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "text", string(got))
}

// An end that comes with the cancel is no clean end.
func TestConnCancelIsNoEOF(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r := eofOnCancel{ctx, &closeCounter{}}
	c := NewConn(ctx, r)
	defer c.Close()
	cancel(errGone)
	n, err := c.rwc.Read(nil)
	require.Zero(t, n)
	require.Equal(t, io.EOF, err)
	require.ErrorIs(t, c.explain(err), errGone)
	require.NoError(t, c.explain(nil))
}

type eofOnCancel struct {
	ctx context.Context
	*closeCounter
}

func (e eofOnCancel) Read([]byte) (int, error) { <-e.ctx.Done(); return 0, io.EOF }

// Many connections, cancelled while they talk: each call ends, and nothing is left.
func TestConnManyCancels(t *testing.T) {
	noLeaks(t)
	var wg sync.WaitGroup
	for range 50 {
		client, server := dial(t, "tcp", "127.0.0.1:0")
		wg.Go(func() {
			defer server.Close()
			go func() { _, _ = io.Copy(server, server) }()
			ctx, cancel := context.WithCancelCause(t.Context())
			c := NewConn(ctx, client)
			defer c.Close()
			var calls sync.WaitGroup
			var errs [2]error
			calls.Go(func() { _, errs[0] = io.Copy(io.Discard, c) })
			calls.Go(func() {
				for errs[1] == nil {
					_, errs[1] = c.Write(make([]byte, 10<<10))
				}
			})
			cancel(errGone)
			calls.Wait()
			for _, err := range errs {
				if !errors.Is(err, errGone) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
