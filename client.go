package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/internal/jsonscan"
)

// maxAnswer bounds the JSON of one answer.
const maxAnswer = 64 << 20

// Client calls one engine. It is safe for concurrent use, never changes after [New],
// and any number of them can live side by side.
type Client struct {
	host            *host
	transport       *transport
	roundTripper    http.RoundTripper // the transport within the middleware
	header          http.Header
	responseTimeout time.Duration
	credentials     auth.Source // nil is anonymous
	negotiation     negotiation
}

// New makes a client of the engine that the options name, or else of the one that the
// docker command would call: [Resolve] says which, and why. DOCKER_API_VERSION pins the
// version. For tcp hosts that no context names, DOCKER_CERT_PATH, DOCKER_TLS_VERIFY and
// DOCKER_TLS ask for TLS, each always with verification. A host, a context or certificates
// that cannot be used are an error, which is errdefs.ErrInvalidArgument.
//
// New does not connect; the first call does. Call [Client.Close] when done.
func New(opts ...Option) (*Client, error) {
	var s settings
	for _, set := range opts {
		if err := set(&s); err != nil {
			return nil, err
		}
	}
	h, err := s.resolve()
	if err != nil {
		return nil, err
	}
	if s.version == "" {
		s.version = os.Getenv("DOCKER_API_VERSION")
	}
	if s.credentials == nil && !s.anonymous {
		s.credentials = auth.Default()
	}
	c := &Client{host: h, header: s.headers(), responseTimeout: s.responseTimeout, credentials: s.credentials}
	if s.version != "" {
		v, err := parseAPIVersion(s.version)
		if err != nil {
			return nil, err
		}
		c.negotiation.agreed = &engine{version: v, prefix: v.String()}
	}
	c.transport = newTransport(&s, h)
	c.roundTripper = s.wrapped(c.transport)
	return c, nil
}

// Host returns the address of the engine, as it was given, with tcp:// where it has no
// scheme.
func (c *Client) Host() string { return c.host.text }

// Format writes the engine's address, under every verb: a client holds secrets.
func (c *Client) Format(s fmt.State, _ rune) {
	io.WriteString(s, "docker client of "+shown(c.host.text))
}

// Close closes the idle connections. Streams that are open stay open until they are
// closed themselves. A client can be used after Close; it then connects anew.
func (c *Client) Close() error {
	c.transport.calls.CloseIdleConnections()
	return nil
}

// call sends r and decodes the answer into out, or discards it where out is nil.
func (c *Client) call(ctx context.Context, r *request, out any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	if out == nil || resp.StatusCode == http.StatusNoContent {
		c.discard(resp)
		return nil
	}
	return r.broken(c.decode(resp, out))
}

// fetch sends r and returns its answer, an object.
func fetch[T any](ctx context.Context, c *Client, r *request) (*T, error) {
	out := new(T)
	if err := c.call(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// fetchRaw is fetch for calls that can hand back the JSON as it came.
func fetchRaw[T any](ctx context.Context, c *Client, r *request, raw *json.RawMessage) (*T, error) {
	if raw == nil {
		return fetch[T](ctx, c, r)
	}
	text, err := fetch[json.RawMessage](ctx, c, r)
	if err != nil {
		return nil, err
	}
	*raw = *text
	out := new(T)
	return out, r.broken(json.Unmarshal(*text, out))
}

// list sends r and returns its answer, an array.
func list[T any](ctx context.Context, c *Client, r *request) ([]T, error) {
	var out []T
	err := c.call(ctx, r, &out)
	return out, err
}

// fetchID sends r and returns the ID of what it made.
func fetchID(ctx context.Context, c *Client, r *request) (string, error) {
	var made struct{ ID string }
	err := c.call(ctx, r, &made)
	return made.ID, err
}

// download sends r and returns the bytes that it answers with.
func (c *Client) download(ctx context.Context, r *request) (io.ReadCloser, error) {
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// decode reads one JSON value, does not wait for what may follow it, and closes.
func (c *Client) decode(resp *http.Response, out any) error {
	defer resp.Body.Close()
	values := jsonscan.NewReader(resp.Body, maxAnswer)
	defer values.Close()
	text, err := values.Next()
	if err == io.EOF {
		return errdefs.Truncated(err)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, out); err != nil {
		return err
	}
	finish(resp, func() { values.Next() })
	return nil
}

// discard gives the connection of an answer without content back.
func (c *Client) discard(resp *http.Response) {
	finish(resp, func() { io.CopyN(io.Discard, resp.Body, 512) })
	resp.Body.Close()
}

// finish reads, by read, the end of a body whose content was read, so that its connection
// can serve again. A peer that holds the body open loses the connection instead.
func finish(resp *http.Response, read func()) {
	if resp.ContentLength >= 0 {
		return
	}
	timer := time.AfterFunc(finishTimeout, func() { resp.Body.Close() })
	defer timer.Stop()
	read()
}

const finishTimeout = 50 * time.Millisecond

// send sends a plain call and returns its answer when that is a success.
func (c *Client) send(ctx context.Context, r *request) (*http.Response, error) {
	if c.responseTimeout <= 0 {
		return c.exchange(ctx, r)
	}
	bounded, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.responseTimeout, func() { cancel(errResponseTimeout) })
	resp, err := c.exchange(bounded, r)
	if !timer.Stop() && resp != nil {
		resp.Body.Close()
		resp, err = nil, r.failed(bounded, errResponseTimeout)
	}
	if err != nil {
		cancel(nil)
		return nil, err
	}
	resp.Body = &closingBody{resp.Body, func() { cancel(nil) }}
	return resp, nil
}

var errResponseTimeout = fmt.Errorf("no answer within the response timeout: %w", context.DeadlineExceeded)

// closingBody calls a function when it is closed.
type closingBody struct {
	io.ReadCloser
	then func()
}

func (b *closingBody) Close() error {
	defer b.then()
	return b.ReadCloser.Close()
}

// exchange negotiates, checks r against the version in use, sends it, and returns the
// answer when that is a success. It heals once where only the version was wrong, and once
// where credentials were.
func (c *Client) exchange(ctx context.Context, r *request) (*http.Response, error) {
	for healed := false; ; healed = true {
		if r.err != nil {
			return nil, r.failed(ctx, r.err)
		}
		e, err := c.engine(ctx)
		if err != nil {
			return nil, r.unsent(err)
		}
		if err := r.checkGates(e.version); err != nil {
			return nil, r.failed(ctx, err)
		}
		if err := r.authorized(ctx); err != nil {
			return nil, r.unsent(err)
		}
		resp, err := c.roundTrip(ctx, r, c.httpRequest(ctx, r, e.prefix))
		if err != nil {
			return nil, err
		}
		c.observe(e, resp.Header)
		if resp.StatusCode < 300 || resp.StatusCode == http.StatusNotModified && r.mayBeDone {
			return resp, nil
		}
		err = r.refusal(resp)
		if r.renewed(ctx, err) {
			continue
		}
		if healed || r.body != nil || e.ping == nil || !outgrown(err) {
			return nil, err
		}
		c.forget(e)
	}
}

// unsent makes the error of a call that was not sent because of what came before it: the
// negotiation, or the reading of what was to be uploaded.
func (r *request) unsent(err error) error {
	if ping, ok := err.(*Error); ok && ping.class == errdefs.ErrOutcomeUnknown {
		e := *ping // whose outcome is not that of the call
		e.class, err = nil, &e
	}
	class := errdefs.ErrNotSent
	if errors.Is(err, class) {
		class = nil
	}
	return &Error{Method: r.method, Path: r.path, Err: err, class: class}
}

// roundTrip puts a request on the wire. Redirects are answers, not followed.
func (c *Client) roundTrip(ctx context.Context, r *request, req *http.Request) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, &Error{Method: r.method, Path: r.path, Err: errdefs.Cancelled(ctx), class: errdefs.ErrNotSent}
	}
	resp, err := c.roundTripper.RoundTrip(req)
	if err != nil {
		return nil, r.failed(ctx, err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = &body{ReadCloser: resp.Body, ctx: ctx}
	}
	return resp, nil
}

// body is the body of an answer whose errors say what became of it.
type body struct {
	io.ReadCloser
	ctx context.Context
}

// Read gives nothing that comes after the end of the context: an engine that sees its
// caller go may still end the answer as if it were whole.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case b.ctx.Err() != nil:
		return 0, errdefs.Cancelled(b.ctx)
	case err == nil, err == io.EOF, errors.Is(err, http.ErrBodyReadAfterClose):
		return n, err
	default:
		return n, errdefs.Truncated(err)
	}
}

// DoOptions are what a call of [Client.Do] sends beside its path.
type DoOptions struct {
	Query  url.Values
	Header http.Header
	JSON   any       // a body to encode, or
	Body   io.Reader // a body as it is; the caller closes it
}

// Do makes a call that this package has no method for. The path is without the
// version's prefix, with its elements escaped: "/containers/json". An answer with an
// error's status is an *[Error] as with any call; of any other the caller closes
// the body, whose reads end with the context.
func (c *Client) Do(ctx context.Context, method, path string, opts *DoOptions) (*http.Response, error) {
	r, err := freeRequest(method, path)
	if err != nil {
		return nil, err
	}
	o := value(opts)
	r.query, r.header = o.Query, o.Header.Clone()
	if o.JSON != nil {
		r.json(o.JSON)
	}
	if o.Body != nil {
		r.upload(o.Header.Get("Content-Type"), o.Body)
	}
	return c.exchange(ctx, r)
}

// freeRequest is a request to a path of the caller's.
func freeRequest(method, path string) (*request, error) {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || len(path) == 0 || path[0] != '/' {
		return nil, invalid("the path %q is not of the form /containers/json", path)
	}
	if err := checkElement("name", u.Path[1:]); err != nil {
		return nil, err
	}
	return &request{op: method + " " + path, method: method, path: u.Path, raw: u.RawPath}, nil
}
