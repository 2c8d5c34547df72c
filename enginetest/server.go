package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cleat-go/docker"
)

// Server is an engine. All its methods may be called at any time, from any goroutine.
type Server struct {
	engine *engine
	host   string
	certs  *certificates
	listen func() (net.Listener, error) // nil for the connection in memory alone
	dir    string                       // of the socket, removed with the server
	client func() (*docker.Client, error)

	mu       sync.Mutex
	life     *life
	memory   *memListener // of this life
	faults   []*armed
	requests []*Request
	closed   bool
}

// NewServer starts an engine and closes it when the test ends. Without options it is
// reached in memory: with [Server.Client], or with a client of [Server.Options].
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Start starts an engine, for use without a test. The caller closes it.
func Start(opts ...Option) (*Server, error) {
	set := &settings{version: maxVersion, minVersion: minVersion}
	for _, opt := range opts {
		if err := opt(set); err != nil {
			return nil, err
		}
	}
	s := &Server{host: memoryHost}
	if err := s.transport(set); err != nil {
		os.RemoveAll(s.dir) //nolint:errcheck // the other error matters
		return nil, err
	}
	var err error
	if s.engine, err = newEngine(set); err == nil {
		err = s.serve()
	}
	if err != nil {
		os.RemoveAll(s.dir) //nolint:errcheck // the other error matters
		return nil, err
	}
	s.client = sync.OnceValues(func() (*docker.Client, error) { return docker.New(s.Options()...) })
	return s, nil
}

// memoryHost is the host of an engine that is reached in memory. A dialer leads to it;
// that it is a socket keeps the environment's TLS away.
const memoryHost = "unix:///enginetest"

// transport prepares the way that the settings ask for.
func (s *Server) transport(set *settings) error {
	switch set.network {
	case "unix":
		path := set.address
		if path == "" {
			var err error
			if s.dir, err = os.MkdirTemp("", "engine"); err != nil {
				return err
			}
			path = filepath.Join(s.dir, "docker.sock")
		}
		s.host = "unix://" + path
		s.listen = func() (net.Listener, error) { return net.Listen("unix", path) }
	case "tcp", "tls":
		return s.tcp(set)
	}
	return nil
}

// tcp chooses the port now, so that the host is the same after a restart.
func (s *Server) tcp(set *settings) error {
	ln, err := net.Listen("tcp", set.address)
	if err != nil {
		return err
	}
	addr := ln.Addr().String()
	s.host = "tcp://" + addr
	first := ln
	s.listen = func() (net.Listener, error) {
		ln := first
		if first = nil; ln == nil {
			var err error
			if ln, err = net.Listen("tcp", addr); err != nil {
				return nil, err
			}
		}
		if s.certs == nil {
			return ln, nil
		}
		return s.certs.listener(ln)
	}
	if set.network == "tls" {
		if s.certs, err = newCertificates(); err != nil {
			ln.Close() //nolint:errcheck // the other error matters
		}
	}
	return err
}

// Host is where the engine is reached, as DOCKER_HOST names it. In memory it is a name
// that only the dialer of [Server.Options] knows.
func (s *Server) Host() string { return s.host }

// Options make a client of the engine.
func (s *Server) Options() []docker.Option {
	switch {
	case s.certs != nil:
		return []docker.Option{docker.WithHost(s.host), docker.WithTLSPEM(s.certs.ca, s.certs.cert, s.certs.key)}
	case s.listen == nil:
		return []docker.Option{docker.WithHost(s.host), docker.WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return s.Dial(ctx)
		})}
	default:
		return []docker.Option{docker.WithHost(strings.Replace(s.host, "tcp://", "http://", 1))}
	}
}

// Certificates are the authority, the certificate and the key of an engine with TLS, as
// PEM: what a client needs. They are nil without TLS.
func (s *Server) Certificates() (ca, cert, key []byte) {
	if s.certs == nil {
		return nil, nil, nil
	}
	return s.certs.ca, s.certs.cert, s.certs.key
}

// Client is a client of the engine that is closed with it. It is always the same one.
func (s *Server) Client() *docker.Client {
	c, err := s.client()
	if err != nil {
		panic(fmt.Sprintf("enginetest: %v", err)) // the options are our own
	}
	return c
}

// Dial connects to the engine in memory, which every engine allows beside its other
// host. The connection is a net.Conn with deadlines and CloseWrite, and works within
// the bubbles of testing/synctest.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	memory := s.memory
	s.mu.Unlock()
	return memory.dial(ctx)
}

// Close stops the engine with all that runs in it. It may be called more than once. The
// error tells of processes that do not end when their context does.
func (s *Server) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	c, err := s.client()
	if err == nil {
		err = c.Close()
	}
	s.engine.cancel()
	s.stop()
	return errors.Join(err, s.engine.close(), os.RemoveAll(s.dir))
}

// RestartOptions say how an engine comes back.
type RestartOptions struct {
	// Live keeps the containers running, as live-restore does. Otherwise they end, and
	// those whose restart policy says so are started again.
	Live    bool
	Version string        // the API version that it speaks from now on; empty is the same
	Down    time.Duration // how long it is away
}

// Restart stops the engine, which cuts all connections, and starts it again. Nil options
// start it at once, with its containers ended.
func (s *Server) Restart(opts *RestartOptions) error {
	o := RestartOptions{}
	if opts != nil {
		o = *opts
	}
	version, err := parseVersion(o.Version)
	if o.Version != "" && err != nil {
		return err
	}
	s.stop()
	s.engine.restart(o.Live, version)
	if o.Down > 0 {
		time.Sleep(o.Down)
	}
	if err := s.serve(); err != nil {
		return err
	}
	s.engine.resume()
	return nil
}

// life is the engine between two restarts.
type life struct {
	server *http.Server
	down   chan struct{} // closed at its end
	wg     sync.WaitGroup
	mu     sync.Mutex
	conns  map[*serverConn]struct{} // upgraded ones too
	ended  bool
}

type connKey struct{}

// serve begins a life.
func (s *Server) serve() error {
	memory := newMemListener()
	listeners := []net.Listener{memory}
	if s.listen != nil {
		ln, err := s.listen()
		if err != nil {
			return err
		}
		listeners = append(listeners, ln)
	}
	l := &life{down: make(chan struct{}), conns: make(map[*serverConn]struct{})}
	l.server = &http.Server{
		Handler:     &handler{s, l},
		ErrorLog:    discard,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	s.mu.Lock()
	s.life, s.memory = l, memory
	s.mu.Unlock()
	for _, ln := range listeners {
		l.wg.Go(func() { l.server.Serve(trackingListener{ln, l}) }) //nolint:errcheck // it is closed
	}
	return nil
}

// stop ends the life: no connection and no handler is left.
func (s *Server) stop() {
	s.mu.Lock()
	l, memory := s.life, s.memory
	s.mu.Unlock()
	close(l.down)
	memory.Close() //nolint:errcheck // never fails
	l.server.Close()
	l.mu.Lock()
	l.ended = true
	conns := make([]*serverConn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		c.Close() //nolint:errcheck // it is to be cut
	}
	l.wg.Wait()
}

// track keeps a connection until it is closed.
func (l *life) track(conn net.Conn) net.Conn {
	c := &serverConn{Conn: conn, gone: make(chan struct{}), onClose: l.untrack}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		conn.Close() //nolint:errcheck // nobody is there
	} else {
		l.conns[c] = struct{}{}
	}
	return c
}

func (l *life) untrack(c *serverConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}
