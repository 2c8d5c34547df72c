package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

const (
	defaultDialTimeout = 30 * time.Second
	idleTimeout        = 30 * time.Second
	maxIdleConns       = 16
	maxResponseHeader  = 256 << 10
)

// transport sends the requests of a client: uploads over connections of their own, since
// their bodies cannot be sent again when a kept connection turns out to be dead.
type transport struct{ calls, uploads *http.Transport }

// uploading is the key of a context whose request is an upload.
type uploading struct{}

func newTransport(s *settings, h *host) *transport {
	t := &transport{calls: newHTTPTransport(s, h, false), uploads: newHTTPTransport(s, h, true)}
	t.uploads.DisableKeepAlives = true
	return t
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Value(uploading{}) != nil {
		return t.uploads.RoundTrip(r)
	}
	return t.calls.RoundTrip(r)
}

// newHTTPTransport makes the transport of plain calls and upgrades, or of uploads.
func newHTTPTransport(s *settings, h *host, upload bool) *http.Transport {
	d := &dialer{host: h, dial: s.dial, timeout: s.dialTimeout, upload: upload}
	if d.timeout == 0 {
		d.timeout = defaultDialTimeout
	}
	t := &http.Transport{
		DialContext:            d.dialPlain,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdleConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		TLSHandshakeTimeout:    max(d.timeout, 0), // of connections through a proxy
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if h.scheme == "https" {
		d.tls = clientTLS(s.tls, h)
		t.TLSClientConfig = d.tls
		t.DialTLSContext = d.dialTLS
	}
	if h.network == "tcp" && s.dial == nil {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

// clientTLS is the configuration with what the transport needs of it.
func clientTLS(given *tls.Config, h *host) *tls.Config {
	config := given.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(h.addr)
	}
	config.NextProtos = []string{"http/1.1"}
	return config
}

// dialer opens the connections of one client. Its errors are all a *dialError.
type dialer struct {
	host    *host
	dial    DialFunc
	tls     *tls.Config
	timeout time.Duration
	upload  bool
}

// dialPlain opens a connection to the host, or to the proxy that stands at addr.
func (d *dialer) dialPlain(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	raw, err := d.open(ctx, network, addr)
	if err != nil {
		return nil, d.failed(ctx, err)
	}
	return &conn{raw, d.upload}, nil
}

// dialTLS opens a connection to the host and shakes hands.
func (d *dialer) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	raw, err := d.open(ctx, network, addr)
	if err != nil {
		return nil, d.failed(ctx, err)
	}
	secure := tls.Client(&conn{raw, d.upload}, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, d.failed(ctx, err)
	}
	return secure, nil
}

func (d *dialer) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.timeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d.timeout, errDialTimeout)
}

var errDialTimeout = fmt.Errorf("no connection within the dial timeout: %w", context.DeadlineExceeded)

func (d *dialer) open(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.dial != nil {
		return d.dial(ctx, d.host.network, d.host.addr)
	}
	switch d.host.network {
	case "unix":
		network, addr = "unix", d.host.addr
	case "npipe":
		return openPipe(ctx, d.host.addr)
	case "ssh":
		return d.openSSH(ctx)
	}
	var nd net.Dialer
	return nd.DialContext(ctx, network, addr)
}

// failed makes the error of a connection that was not made.
func (d *dialer) failed(ctx context.Context, err error) error {
	if already, ok := errors.AsType[*dialError](err); ok {
		return already
	}
	if cause := context.Cause(ctx); cause == errDialTimeout {
		err = cause
	}
	return &dialError{host: d.host, err: err}
}

// dialError is the error of a connection that was never made.
type dialError struct {
	host *host
	err  error
}

func (e *dialError) Error() string {
	text := "cannot connect to the engine at " + shown(e.host.text)
	if e.host.source != string(SourceOption) {
		text += " (from " + e.host.source + ")"
	}
	text += ": " + e.err.Error()
	if hint := e.hint(); hint != "" {
		text += " (" + hint + ")"
	}
	return text
}

func (e *dialError) Unwrap() error { return e.err }

// hint says what most often causes such an error.
func (e *dialError) hint() string {
	text := e.err.Error()
	if ssh, ok := errors.AsType[*sshError](e.err); ok {
		return ssh.hint()
	}
	switch {
	case errors.Is(e.err, fs.ErrNotExist):
		return "there is no socket: is the engine running, and is this its address?"
	case errors.Is(e.err, fs.ErrPermission):
		return "this user may not open the socket: is it in the docker group?"
	case errors.Is(e.err, syscall.ECONNREFUSED):
		return "nothing listens there: is the engine running?"
	case strings.HasPrefix(text, "tls: first record does not look like a TLS handshake"):
		return "it does not speak TLS there"
	case strings.HasPrefix(text, "tls: failed to verify certificate"):
		return "its certificate is not one that the given authority signed for this name"
	default:
		return ""
	}
}

// conn is a connection of the transport. One for an upload hides that the peer no longer
// reads: an engine that refuses an upload early answers and hangs up, and its answer is
// still to be read then. The transport would stop at the failed write and lose the
// engine's words; so it learns of the end from its read instead.
type conn struct {
	net.Conn
	upload bool
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && c.upload && hungUp(err) {
		return len(p), nil
	}
	return n, err
}

// SetWriteDeadline shortens the seconds for which a TLS connection that is being closed
// tries to take its leave of a peer that no longer reads.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if soon := time.Now().Add(20 * time.Millisecond); t.After(soon) {
		t = soon
	}
	return c.Conn.SetWriteDeadline(t)
}

// CloseWrite ends what is sent and leaves reading open, where the connection can.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return fmt.Errorf("this connection cannot be closed for writing alone: %w", errors.ErrUnsupported)
}

func hungUp(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNABORTED)
}
