package buildkit

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cleat-go/docker/errdefs"
)

// session serves what the engine asks of this side during one build.
type session struct {
	id      string
	key     string // under which the engine keeps files for the next build
	methods map[string]method

	server http.Server
	calls  sync.WaitGroup

	mu     sync.Mutex
	cause  error // the first failure on this side
	closed bool
}

// newSession makes a session that serves what a request has. When its connection ends,
// ended is called.
func newSession(r *Request, t trees, c *caches, ended func()) *session {
	s := &session{id: randomID(), key: t.key(), methods: make(map[string]method)}
	s.addAll(r, t, c)
	s.server.Handler = http.HandlerFunc(s.serveHTTP)
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	s.server.Protocols = new(http.Protocols)
	s.server.Protocols.SetUnencryptedHTTP2(true)
	s.server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			ended()
		}
	}
	return s
}

// addAll serves no more than the request names.
func (s *session) addAll(r *Request, t trees, c *caches) {
	s.methods["/grpc.health.v1.Health/Check"] = unary(healthy).serve
	s.methods["/moby.filesync.v1.FileSync/DiffCopy"] = t.serve
	if hasOutput(r.Exports) {
		s.methods["/moby.filesync.v1.FileSend/DiffCopy"] = func(st *stream) error { return receiveExport(st, r.Exports) }
	}
	if r.Context.Stream != nil {
		s.methods["/moby.upload.v1.Upload/Pull"] = func(st *stream) error { return sendUpload(st, r.Context.Stream) }
	}
	for name, m := range newAuthority(r.Auth).methods() {
		s.methods["/moby.filesync.v1.Auth/"+name] = m
	}
	if len(r.Secrets) > 0 {
		s.methods["/moby.buildkit.secrets.v1.Secrets/GetSecret"] = unary(secrets(r.Secrets).serve).serve
	}
	if len(r.SSH) > 0 {
		s.methods["/moby.sshforward.v1.SSH/CheckAgent"] = unary(agents(r.SSH).check).serve
		s.methods["/moby.sshforward.v1.SSH/ForwardAgent"] = agents(r.SSH).forward
	}
	maps.Copy(s.methods, c.methods)
}

// fail takes note of an error of a call if this side has failed.
func (s *session) fail(ctx context.Context, err error) {
	own, ok := errors.AsType[*sourceError](err)
	if !ok || ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = own
	}
}

// failure returns the first failure on this side, or nil.
func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// healthy answers that this side is serving.
func healthy(context.Context, []byte) (message, error) { return message(nil).number(1, 1), nil }

// header is what the engine is told of the session.
func (s *session) header() http.Header {
	h := http.Header{}
	h.Set("X-Docker-Expose-Session-Uuid", s.id)
	h.Set("X-Docker-Expose-Session-Name", "cleat")
	h.Set("X-Docker-Expose-Session-Sharedkey", s.key)
	for name := range s.methods {
		h.Add("X-Docker-Expose-Session-Grpc-Method", name)
	}
	return h
}

// serve serves a connection until either side closes it.
func (s *session) serve(conn io.ReadWriteCloser) {
	l := listenOn(newRawConn(conn))
	s.calls.Go(func() { s.server.Serve(l) }) //nolint:errcheck // it ends with the connection
}

func (s *session) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		return
	}
	defer s.calls.Done()
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), contentType) {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	serveCall(s.methods[r.URL.Path], w, r, s.fail)
}

// enter counts a call in, unless the session is being closed.
func (s *session) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.calls.Add(1)
	}
	return !s.closed
}

// patience is how long the end of a build waits for a reader or writer of the request's
// that is in a call.
const patience = time.Second

// close closes the connection and waits until no call is served any more.
func (s *session) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.server.Close()
	none := make(chan struct{})
	go func() {
		s.calls.Wait()
		close(none)
	}()
	select {
	case <-none:
	case <-time.After(patience):
	}
}

// sourceError is a failure on this side, which the engine is told of in words only.
type sourceError struct {
	what string
	err  error
}

func (e *sourceError) Error() string { return e.what + ": " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// errSessionEnded is the cause of a build that was given up for its lost session.
var errSessionEnded = errdefs.Truncated(errors.New("the engine has ended the build's session"))

// open gives the engine the connection on which it calls.
func (s *session) open(ctx context.Context, e Engine, c *control) error {
	if c.native {
		conn, err := c.session(ctx, s.header())
		if err != nil {
			return err
		}
		s.serve(conn)
		return nil
	}
	conn, err := e.Upgrade(ctx, "/session", s.header())
	if err != nil {
		return err
	}
	s.serve(conn)
	return nil
}
