package enginetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is one request and its answer. What it embeds is the engine's state.
type call struct {
	*engine
	server   *Server
	life     *life
	r        *http.Request
	route    *route
	vars     map[string]string // of the path
	query    url.Values
	version  int    // the API version that is spoken: 44 for 1.44
	body     []byte // once it was read
	header   http.Header
	status   int
	answer   []byte
	raw      http.ResponseWriter
	tap      *tap
	sent     bool // the head
	hijacked bool
}

// since tells whether the API version that is spoken is 1.n or newer.
func (c *call) since(n int) bool { return c.version >= n }

// param is a parameter of the query.
func (c *call) param(name string) string { return c.query.Get(name) }

// bool is a parameter as the engine reads it: all but a few words are true.
func (c *call) bool(name string) bool {
	switch strings.ToLower(strings.TrimSpace(c.query.Get(name))) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}

// int is a parameter that is a number; without one it is otherwise.
func (c *call) int(name string, otherwise int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badRequest("%v", err)
	}
	return n, nil
}

// filters are the parameter of that name; the keys that are known follow.
func (c *call) filters(known ...string) (filters, error) {
	text := c.query.Get("filters")
	if text == "" {
		return filters{}, nil
	}
	f, err := parseFilters(text)
	if err != nil {
		return nil, err
	}
	for key := range f {
		if !slices.Contains(known, key) {
			return nil, c.badFilter("'%s'", key)
		}
	}
	return f, nil
}

// badFilter refuses a filter, in the words of the engine's age.
func (c *call) badFilter(format string, args ...any) error {
	words := "invalid filter "
	if c.apiVersion() < 42 {
		words = "Invalid filter "
	}
	return badRequest(words+format, args...)
}

// decode reads the body, which has to be JSON, into v.
func (c *call) decode(v any) error {
	if c.body == nil {
		if err := c.readBody(); err != nil {
			return err
		}
	}
	kind := c.r.Header.Get("Content-Type")
	if media, _, _ := mime.ParseMediaType(kind); media != "application/json" && (len(c.body) > 0 || kind != "") {
		return badRequest("unsupported Content-Type header (%s): must be 'application/json'", kind)
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	switch err := d.Decode(v); {
	case errors.Is(err, io.EOF):
		return badRequest("invalid JSON: got EOF while reading request body")
	case err != nil:
		return badRequest("invalid JSON: %v", err)
	}
	if d.More() {
		return badRequest("unexpected content after JSON")
	}
	return nil
}

// optional is decode where a body may be left out.
func (c *call) optional(v any) error {
	if c.r.ContentLength == 0 {
		return nil
	}
	return c.decode(v)
}

// json answers with v. The edits change its fields by the version that is spoken.
func (c *call) json(status int, v any, edits ...edit) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(edits) > 0 {
		if b, err = c.edited(b, edits); err != nil {
			return err
		}
	}
	c.header.Set("Content-Type", "application/json")
	c.status, c.answer = status, append(b, '\n')
	return nil
}

// done answers with a status and no body.
func (c *call) done(status int) error {
	c.status, c.answer = status, nil
	return nil
}

// text answers with text.
func (c *call) text(status int, text string) error {
	c.header.Set("Content-Type", "text/plain; charset=utf-8")
	c.status, c.answer = status, []byte(text)
	return nil
}

// edit is a change of an answer's fields.
type edit func(c *call, object map[string]any)

// edited applies the edits to an object, or to each object of an array.
func (c *call) edited(b []byte, edits []edit) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			for _, e := range edits {
				e(c, object)
			}
		}
	}
	return json.Marshal(v)
}

// from leaves fields out before API 1.n. A field of a nested object is named as
// "State.Health".
func from(n int, fields ...string) edit {
	return func(c *call, object map[string]any) {
		if c.version >= n {
			return
		}
		for _, f := range fields {
			remove(object, strings.Split(f, "."))
		}
	}
}

// until leaves fields out after API 1.n.
func until(n int, fields ...string) edit {
	return func(c *call, object map[string]any) {
		if c.version <= n {
			return
		}
		for _, f := range fields {
			remove(object, strings.Split(f, "."))
		}
	}
}

// with sets a field.
func with(field string, value any) edit {
	return func(_ *call, object map[string]any) { object[field] = value }
}

func remove(object map[string]any, path []string) {
	for len(path) > 1 {
		inner, ok := object[path[0]].(map[string]any)
		if !ok {
			return
		}
		object, path = inner, path[1:]
	}
	delete(object, path[0])
}

// wait releases the lock of the engine until ch is closed. It fails when the client or
// the engine has gone, or the time is over, which is errTimeout; 0 is no limit.
func (c *call) wait(ch <-chan struct{}, limit time.Duration) error {
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-ch:
		return nil
	case <-c.tap.leave:
		return errGone
	case <-c.tap.down:
		return errGone
	case <-after(limit):
		return errTimeout
	}
}

var (
	errGone    = errors.New("the client or the engine has gone")
	errTimeout = errors.New("the time is over")
)

// stream begins an answer without a known length. What is written leaves at once.
func (c *call) stream(contentType string) (io.Writer, error) {
	if contentType != "" {
		c.header.Set("Content-Type", contentType)
	}
	if err := c.head(http.StatusOK); err != nil {
		return nil, err
	}
	c.flush()
	return (*streamWriter)(c), nil
}

type streamWriter call

func (s *streamWriter) Write(p []byte) (int, error) {
	c := (*call)(s)
	n, err := c.tap.write(p, c.raw, c.flush)
	c.flush()
	return n, err
}

// upgraded is a connection that was taken from HTTP.
type upgraded struct {
	net.Conn
	in  io.Reader // what the client has sent already comes first
	tap *tap
}

func (u *upgraded) Read(p []byte) (int, error) { return u.in.Read(p) }

func (u *upgraded) Write(p []byte) (int, error) { return u.tap.write(p, u.Conn, func() {}) }

// CloseWrite ends the output.
func (u *upgraded) CloseWrite() error {
	if half, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return u.Close()
}

// upgrade takes the connection from HTTP: 101 to those who ask for an upgrade, 200 to
// others. The caller closes it.
func (c *call) upgrade(contentType string) (*upgraded, error) {
	hijacker, ok := c.raw.(http.Hijacker)
	if !ok {
		return nil, errors.New("the connection cannot be upgraded")
	}
	if err := c.tap.head(); err != nil {
		return nil, err
	}
	conn, buffered, err := hijacker.Hijack()
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Time{}) //nolint:errcheck // the next write tells
	c.sent, c.hijacked, c.status = true, true, http.StatusOK
	var head bytes.Buffer
	if proto := c.r.Header.Get("Upgrade"); proto != "" {
		c.status = http.StatusSwitchingProtocols
		fmt.Fprintf(&head, "HTTP/1.1 101 UPGRADED\r\nContent-Type: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n", contentType, proto)
	} else {
		head.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n")
	}
	c.header.Del("Content-Type")
	c.header.Write(&head) //nolint:errcheck // to memory
	head.WriteString("\r\n")
	if _, err := conn.Write(head.Bytes()); err != nil {
		conn.Close() //nolint:errcheck // the other error matters
		return nil, err
	}
	u := &upgraded{Conn: conn, in: conn, tap: c.tap}
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ := buffered.Reader.Peek(n) //nolint:errcheck // it is there
		u.in = io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn)
	}
	// A client that leaves does not end the request's context any more.
	c.tap.leave = c.tap.conn.gone
	return u, nil
}
