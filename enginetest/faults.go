package enginetest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Fault is a failure on demand. The zero Fault does nothing; the parts combine, in the
// order in which they stand here.
type Fault struct {
	Skip  int                      // so many matching requests pass before it strikes
	Times int                      // it strikes so many times; 0 is every time
	Match func(*http.Request) bool // of these requests alone; nil is all

	Delay time.Duration // before the request is looked at

	// An answer in place of the engine's own, which never sees the request. Body is sent
	// as it is, Message as the engine words an error. Status 0 leaves the request to the
	// engine.
	Status  int
	Header  http.Header
	Message string
	Body    string

	// What happens to the answer after so many bytes of its body, or of an upgraded
	// connection: with 0 before anything, its head too; with less than 0 after the head.
	// Insert is sent there, then the answer stalls until the client leaves, or its
	// connection is closed, or reset.
	After  int64
	Insert []byte
	Stall  bool
	Cut    bool
	Reset  bool
}

// HTMLError is the answer of a proxy that stands before the engine and fails.
func HTMLError(status int) Fault {
	text := http.StatusText(status)
	return Fault{
		Status: status, Header: http.Header{"Content-Type": {"text/html"}},
		Body: "<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<h1>" + text + "</h1>\r\n</body>\r\n</html>\r\n",
	}
}

// armed is a fault that waits for its requests.
type armed struct {
	Fault
	operation     string
	matched, made int
}

// Fail arranges a fault for an operation, as "POST /containers/{id}/start", named as
// [Request] has it; an empty one stands for all. It panics where there is no such
// operation, since the fault would never strike. Where several match a request, the first
// strikes. The function that it returns takes the fault back.
func (s *Server) Fail(operation string, f Fault) (cancel func()) {
	known := func(r *route) bool { return r.operation == operation }
	if operation != "" && !slices.ContainsFunc(routes, known) {
		panic(fmt.Sprintf("enginetest: Fail: there is no operation %q", operation))
	}
	a := &armed{Fault: f, operation: operation}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, a)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		a.Match = func(*http.Request) bool { return false }
	}
}

// strikes returns the fault of a request, nil for none.
func (s *Server) strikes(operation string, r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.faults {
		if a.operation != "" && a.operation != operation || a.Match != nil && !a.Match(r) {
			continue
		}
		if a.matched++; a.matched <= a.Skip || a.Times > 0 && a.made >= a.Times {
			continue
		}
		a.made++
		return &a.Fault
	}
	return nil
}

var errFault = errors.New("enginetest: the fault that was asked for")

// tap is where the bytes of an answer pass, and where its fault strikes.
type tap struct {
	fault  *Fault // nil when there is none, or it is over
	passed int64  // bytes of the body
	conn   *serverConn
	leave  <-chan struct{} // the client has gone
	down   <-chan struct{} // the engine has
}

// head is called before the first byte of the answer.
func (t *tap) head() error {
	if t.fault == nil || t.fault.After != 0 {
		return nil
	}
	return t.strike(t.conn, func() {})
}

// write passes bytes on to w, up to the fault. flush makes them leave.
func (t *tap) write(p []byte, w io.Writer, flush func()) (int, error) {
	if t.fault == nil || t.fault.After > t.passed+int64(len(p)) {
		n, err := w.Write(p)
		t.passed += int64(n)
		return n, err
	}
	room := min(max(t.fault.After-t.passed, 0), int64(len(p)))
	n, err := w.Write(p[:room])
	if t.passed += int64(n); err != nil {
		return n, err
	}
	flush()
	if err := t.strike(w, flush); err != nil {
		return n, err
	}
	rest, err := t.write(p[room:], w, flush)
	return n + rest, err
}

// strike makes the fault happen. It returns nil where the answer goes on.
func (t *tap) strike(w io.Writer, flush func()) error {
	f := t.fault
	t.fault = nil
	if len(f.Insert) > 0 {
		w.Write(f.Insert) //nolint:errcheck // the answer is to be broken
		flush()
	}
	switch {
	case f.Stall:
		select {
		case <-t.leave:
		case <-t.conn.gone:
		case <-t.down:
		}
		t.conn.Close() //nolint:errcheck // the answer is to be broken
	case f.Reset:
		t.conn.reset()
	case f.Cut:
		t.conn.Close() //nolint:errcheck // the answer is to be broken
	default:
		return nil
	}
	return errFault
}

// delay waits as the fault says.
func (t *tap) delay() {
	if t.fault == nil || t.fault.Delay <= 0 {
		return
	}
	timer := time.NewTimer(t.fault.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.leave:
	case <-t.down:
	}
}
