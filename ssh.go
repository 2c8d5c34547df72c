package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"
)

// maxSSHWords bounds what is kept of the error output of ssh: its end.
const maxSSHWords = 4 << 10

// sshConn is a connection that a process of its own carries. The process lives as long as
// the connection, whatever becomes of the context that it was opened with.
type sshConn struct {
	net.Conn
	stdio      *stdio // nil where ssh forwards a socket
	process    *os.Process
	words      sshWords
	ended      chan struct{} // is closed when the process has ended and failure is set
	failure    error
	host       *host
	cleanup    func()
	writing    sync.Mutex
	sent       int64
	received   atomic.Bool
	closed     atomic.Bool
	unanswered atomic.Bool // what was written last
}

// stdio is a connection to the input and output of a process.
type stdio struct {
	conn    net.Conn
	in, out *os.File         // the process's
	started func()           // the process has them
	settle  func() (n int64) // it has ended: nothing is written any more; n bytes were never read, -1 if that is not known
	finish  func()           // ends what is read, after settle
}

// openSSH opens a connection to the engine at the far end: to the one that the docker
// command there would call, or straight to the socket that the host names.
func (d *dialer) openSSH(ctx context.Context) (net.Conn, error) {
	program, err := exec.LookPath("ssh")
	if err != nil {
		return nil, fmt.Errorf("there is no ssh program: %w", err)
	}
	if d.host.ssh.path != "" && forwardsSockets {
		return d.openSSHSocket(ctx, program)
	}
	pair, err := newStdio()
	if err != nil {
		return nil, err
	}
	return d.startSSH(program, pair)
}

// startSSH opens a connection to the input and output of ssh.
func (d *dialer) startSSH(program string, pair *stdio) (net.Conn, error) {
	c := &sshConn{Conn: pair.conn, stdio: pair, host: d.host, cleanup: func() {}}
	if err := c.start(program, d.host.ssh.args(d.timeout, ""), pair.in, pair.out); err != nil {
		pair.conn.Close()
		pair.in.Close()
		pair.out.Close()
		return nil, err
	}
	pair.started()
	return c, nil
}

// args are those of ssh. A local socket is forwarded to that of the path, and no command
// is run then.
func (t *sshTarget) args(timeout time.Duration, local string) []string {
	args := []string{"ssh", "-T"}
	if seconds := wholeSeconds(timeout); seconds > 0 {
		args = append(args, "-o", "ConnectTimeout="+strconv.FormatInt(seconds, 10))
	}
	if t.user != "" {
		args = append(args, "-l", t.user)
	}
	if t.port != "" {
		args = append(args, "-p", t.port)
	}
	if local != "" {
		escaped := strings.NewReplacer(`\`, `\\`, ":", `\:`, "%", "%%").Replace(local)
		return append(args, "-N", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none", "-L", escaped+":"+t.path, "--", t.name)
	}
	args = append(args, "--", t.name, "docker")
	if t.path != "" {
		args = append(args, "--host", "unix://"+t.path)
	}
	return append(args, "system", "dial-stdio")
}

// openSSHSocket has ssh forward a local socket, in a folder that only this user may enter,
// and connects to it. The folder goes as soon as it is connected.
func (d *dialer) openSSHSocket(ctx context.Context, program string) (net.Conn, error) {
	dir, err := os.MkdirTemp("", "cleat-ssh-")
	if err != nil {
		return nil, err
	}
	local := filepath.Join(dir, "s")
	c := &sshConn{host: d.host, cleanup: func() { os.Remove(local); os.Remove(dir) }}
	none, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		err = c.start(program, d.host.ssh.args(d.timeout, local), none, none)
		none.Close()
	}
	if err != nil {
		c.cleanup()
		return nil, err
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if c.Conn, err = net.Dial("unix", local); err == nil {
			c.cleanup()
			return c, nil
		}
		select {
		case <-c.ended:
			err = c.failure
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-time.After(wait):
			continue
		}
		c.end()
		return nil, err
	}
}

// start starts ssh, and what watches it.
func (c *sshConn) start(program string, args []string, in, out *os.File) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	c.process, err = os.StartProcess(program, args, &os.ProcAttr{Files: []*os.File{in, out, w}, Sys: apart()})
	w.Close()
	if err != nil {
		r.Close()
		return err
	}
	c.ended = make(chan struct{})
	heard := make(chan struct{})
	go func() { io.Copy(&c.words, r); close(heard) }()
	go c.watch(r, heard)
	return nil
}

// watch waits for the end of the process and says what it means.
func (c *sshConn) watch(r *os.File, heard chan struct{}) {
	state, err := c.process.Wait()
	select {
	case <-heard:
	case <-time.After(50 * time.Millisecond): // a process that ssh has left behind holds it open
	}
	r.Close()
	<-heard
	unread := int64(-1)
	if c.stdio != nil {
		unread = c.stdio.settle()
	}
	c.writing.Lock()
	if failed := c.failed(state, err); failed != nil && !c.closed.Load() {
		c.failure = failed
		if !c.received.Load() && (c.sent == unread || c.sent == 0 || failed.unreached()) {
			c.failure = &dialError{host: c.host, err: failed}
		}
	}
	c.writing.Unlock()
	close(c.ended)
	if c.stdio != nil {
		c.stdio.finish()
	}
}

// failed is the error of a process that ended with another status than 0, or that should
// not have ended.
func (c *sshConn) failed(state *os.ProcessState, err error) *sshError {
	switch {
	case err != nil:
		return &sshError{what: err.Error(), words: c.words.String()}
	case state.Success() && c.stdio != nil:
		return nil
	default:
		return &sshError{status: state.ExitCode(), what: state.String(), words: c.words.String()}
	}
}

// Read reads what the far end sends. The end of a process that failed is an error.
func (c *sshConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.received.Store(true)
		c.unanswered.Store(false)
	}
	return n, c.cause(err)
}

// Write writes to the far end.
func (c *sshConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	n, err := c.Conn.Write(p)
	c.sent += int64(n)
	c.writing.Unlock()
	if n > 0 {
		c.unanswered.Store(true)
	}
	return n, c.cause(err)
}

// cause is the error of the process where that is why a connection has ended.
func (c *sshConn) cause(err error) error {
	if err == nil || err != io.EOF && !hungUp(err) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	if c.stdio == nil && !c.closed.Load() {
		select {
		case <-c.ended:
		case <-time.After(20 * time.Millisecond): // its connections end before it does
		}
	}
	select {
	case <-c.ended:
		if c.failure != nil {
			return c.failure
		}
	default:
		if words := c.words.String(); !c.received.Load() && strings.Contains(words, ": open failed: ") {
			return &dialError{host: c.host, err: &sshError{what: "not forwarded", words: words}}
		}
	}
	return err
}

// CloseWrite ends what is sent and leaves reading open.
func (c *sshConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// Close ends the process and all that it started: at once, or where something was written
// that nothing has answered yet, within a second, in which that can reach the far end.
func (c *sshConn) Close() error {
	again := c.closed.Swap(true)
	err := c.Conn.Close()
	switch {
	case again:
	case c.unanswered.Load():
		go c.linger()
	default:
		c.end()
	}
	return err
}

// linger gives the process a second to end by itself.
func (c *sshConn) linger() {
	select {
	case <-c.ended:
	case <-time.After(time.Second):
	}
	c.end()
}

// end kills the process, and returns when nothing of it is left.
func (c *sshConn) end() {
	select {
	case <-c.ended:
	default:
		kill(c.process)
		<-c.ended
	}
	c.cleanup()
}

// sshError is what ssh said when it failed.
type sshError struct {
	status int
	what   string
	words  string
}

func (e *sshError) Error() string {
	if e.words == "" {
		return "ssh: " + e.what
	}
	return "ssh: " + e.what + ": " + e.words
}

// Is takes it for a connection that was closed by the peer.
func (e *sshError) Is(target error) bool { return target == syscall.EPIPE }

// noEngine is what the docker command at the far end says when it reaches no engine.
const noEngine = "failed to open the raw stream connection"

// unreached tells whether the far end had no docker command to run, or that no engine.
func (e *sshError) unreached() bool {
	return e.status == 126 || e.status == 127 || strings.Contains(e.words, noEngine)
}

func (e *sshError) hint() string {
	switch {
	case e.status == 126 || e.status == 127:
		return "there is no docker command at the far end: add the path of the engine's socket to the host, ssh://name/var/run/docker.sock"
	case strings.Contains(e.words, noEngine):
		return "the docker command at the far end reaches no engine: is it running, and is DOCKER_HOST or its context right there?"
	case strings.Contains(e.words, "administratively prohibited"):
		return "its ssh server forwards no sockets: leave the path out of the host"
	case strings.Contains(e.words, ": open failed: "):
		return "its user may not open the socket at the far end, or there is none, or the ssh server forwards none: then leave the path out of the host"
	case strings.Contains(e.words, "Host key verification failed"):
		return "connect once with ssh, and look at its key"
	case strings.Contains(e.words, "Permission denied"):
		return "ssh is not asked for passwords here: use a key or an agent"
	default:
		return ""
	}
}

// sshWords keeps the end of what ssh says.
type sshWords struct {
	mu   sync.Mutex
	text []byte
}

func (t *sshWords) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-maxSSHWords):]...)
	if excess := len(t.text) - maxSSHWords; excess > 0 {
		t.text = append(t.text[:0], t.text[excess:]...)
	}
	return len(p), nil
}

// String is the text in one line of printable characters.
func (t *sshWords) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.FieldsFunc(string(t.text), func(c rune) bool { return c == '\n' || c == '\r' })
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == utf8.RuneError {
			return -1
		}
		return c
	}, strings.Join(lines, "; "))
}
