package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Filters narrow a list, a prune or a feed: by key, values of which any may match; of
// label, all have to.
// Keys are sent as they are; the engine refuses those that it does not know.
type Filters map[string][]string

// request is one call before it is sent: built by newRequest and the setters, which
// skip zero values and note the first mistake, then handed to one of the ways of sending.
type request struct {
	op         string // "POST /containers/{id}/stop", as the specification writes it
	method     string
	path       string // unescaped
	raw        string // escaped; empty where it equals path
	query      url.Values
	filterKeys Filters
	header     http.Header
	fields     any // what was given to json, for the gates
	body       io.Reader
	length     int64                                 // of body, -1 where unknown
	replay     []byte                                // the body of a request that can be sent again
	mayBeDone  bool                                  // 304 says that there was nothing to do
	findAuth   func(context.Context) (string, error) // the header of credentials that are found when it is sent
	registry   bool                                  // the engine asks a registry for it
	asked      bool                                  // findAuth was
	err        error
}

// newRequest starts the operation op with one value for each {placeholder} of its path.
// The value of {name} may have slashes, as image references do; any other is one element.
func newRequest(op string, values ...string) *request {
	r := &request{op: op}
	method, template, _ := strings.Cut(op, " ")
	r.method, r.path = method, template
	if len(values) == 0 {
		return r
	}
	var path, raw strings.Builder
	path.Grow(len(template) + len(values[0]))
	raw.Grow(len(template) + len(values[0]))
	for element := range strings.SplitSeq(template[1:], "/") {
		value, escaped := element, element
		if strings.HasPrefix(element, "{") {
			what := strings.Trim(element, "{}")
			value, values = values[0], values[1:]
			if what == "id" {
				value = strings.TrimPrefix(value, "/") // as lists name containers
			}
			if r.err = checkElement(what, value); r.err != nil {
				return r
			}
			escaped = escapeElement(what, value)
		}
		path.WriteByte('/')
		path.WriteString(value)
		raw.WriteByte('/')
		raw.WriteString(escaped)
	}
	r.path, r.raw = path.String(), raw.String()
	if r.raw == r.path {
		r.raw = ""
	}
	return r
}

// checkElement refuses what could turn a path into another one. A slash is for image
// references and the like; in an ID it is escaped, and as dangerous once an engine has
// unescaped it.
func checkElement(what, value string) error {
	if value == "" {
		return invalid("the %s is empty", what)
	}
	for part := range strings.SplitSeq(value, "/") {
		switch {
		case part == "", part == ".", part == "..":
			return invalid("the %s %q is not valid: it has an empty or dotted element", what, value)
		case strings.ContainsFunc(part, func(c rune) bool { return c < ' ' || c == 0x7f }):
			return invalid("the %s %q is not valid: it has control characters", what, value)
		}
	}
	return nil
}

func escapeElement(what, value string) string {
	if what != "name" {
		return url.PathEscape(value)
	}
	parts := strings.Split(value, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// set adds a query parameter unless the value is zero: a string, a bool, an integer,
// a slice (one parameter each), a time (seconds.nanoseconds), filters (JSON), or
// a pointer to a duration (whole seconds).
func (r *request) set(key string, value any) {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case bool:
		if v {
			text = "1"
		}
	case int:
		text = nonZero(int64(v))
	case int64:
		text = nonZero(v)
	case []string:
		for _, s := range v {
			r.add(key, s)
		}
	case time.Time:
		if !v.IsZero() {
			text = strconv.FormatInt(v.Unix(), 10) + "." + strconv.Itoa(1e9 + v.Nanosecond())[1:]
		}
	case *time.Duration:
		if v != nil {
			text = strconv.FormatInt(wholeSeconds(*v), 10)
		}
	case Filters:
		if len(v) > 0 {
			r.filterKeys = v
			r.setJSON(key, v)
		}
	default:
		panic("docker: a query parameter cannot be of this type")
	}
	if text != "" {
		r.add(key, text)
	}
}

// nonZero is a number in digits, unless it is 0.
func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// setJSON adds a query parameter that is itself JSON.
func (r *request) setJSON(key string, value any) {
	text, err := json.Marshal(value)
	r.fail(err)
	r.add(key, string(text))
}

func (r *request) add(key, value string) {
	if r.query == nil {
		r.query = make(url.Values)
	}
	r.query.Add(key, value)
}

// wholeSeconds rounds up, so that a short positive time is never no time at all.
func wholeSeconds(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return int64((d + time.Second - 1) / time.Second)
}

// json makes v the body. A request with one can be sent again.
func (r *request) json(v any) *request {
	text, err := json.Marshal(v)
	r.fail(err)
	r.fields, r.replay, r.length = v, text, int64(len(text))
	r.setHeader("Content-Type", "application/json")
	return r
}

// upload makes body, of unknown length, the body.
func (r *request) upload(contentType string, body io.Reader) *request {
	if body == nil {
		r.fail(invalid("the body to upload is nil"))
		return r
	}
	r.body, r.length = body, -1
	r.setHeader("Content-Type", contentType)
	return r
}

func (r *request) setHeader(key, value string) {
	if value == "" {
		return
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		r.fail(invalid("the value of the header %s has control characters", key))
		return
	}
	if r.header == nil {
		r.header = make(http.Header)
	}
	r.header.Set(key, value)
}

func (r *request) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// reader returns a fresh reader of the body, or nil where there is none.
func (r *request) reader() io.ReadCloser {
	switch {
	case r.replay != nil:
		return io.NopCloser(bytes.NewReader(r.replay))
	case r.body != nil:
		return &uploadBody{r: r.body}
	default:
		return nil
	}
}

// uploadBody reads from a caller's reader, which stays the caller's to close, until
// the transport has done with it.
type uploadBody struct {
	r    io.Reader
	done atomic.Bool
}

func (b *uploadBody) Read(p []byte) (int, error) {
	if b.done.Load() {
		return 0, fs.ErrClosed
	}
	return b.r.Read(p)
}

func (b *uploadBody) Close() error {
	b.done.Store(true)
	return nil
}

// httpRequest is the request on the wire, below the client's address and version.
func (c *Client) httpRequest(ctx context.Context, r *request, version string) *http.Request {
	prefix := c.host.path
	if version != "" {
		prefix += "/v" + version
	}
	u := &url.URL{Scheme: c.host.scheme, Host: c.host.authority, Path: prefix + r.path}
	if r.raw != "" {
		u.RawPath = prefix + r.raw
	}
	if r.query != nil {
		u.RawQuery = r.query.Encode()
	}
	header := make(http.Header, len(c.header)+len(r.header))
	maps.Copy(header, c.header)
	maps.Copy(header, r.header)
	if r.body != nil {
		ctx = context.WithValue(ctx, uploading{}, true)
	}
	req := (&http.Request{
		Method: r.method, URL: u, Host: u.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if body := r.reader(); body != nil {
		req.Body, req.ContentLength = body, r.length
		if r.replay != nil {
			req.GetBody = func() (io.ReadCloser, error) { return r.reader(), nil }
		}
	}
	return req
}

// value returns what p points to, or the zero value for nil: the defaults of an options struct.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// sortedKeys makes what is sent, and what is said of it, the same each time.
func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
