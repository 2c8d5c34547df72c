package enginetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// handler answers the requests of one life.
type handler struct {
	server *Server
	life   *life
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.server.engine.enter() {
		panic(http.ErrAbortHandler)
	}
	defer h.server.engine.leave()
	prefix, path := cutVersion(r.URL.Path)
	route, vars := match(r.Method, path)
	conn, _ := r.Context().Value(connKey{}).(*serverConn)
	e := h.server.engine
	c := &call{
		engine: e, server: h.server, life: h.life, r: r, route: route, vars: vars, query: query(r.URL),
		tap: &tap{conn: conn, leave: r.Context().Done(), down: h.life.down}, raw: w,
	}
	if route == nil || route.since > e.apiVersion() {
		c.refuse(notFound("page not found"))
		return
	}
	seen := h.server.record(c)
	defer func() { h.server.recorded(seen, c) }()
	c.tap.fault = h.server.strikes(route.operation, r)
	c.tap.delay()
	c.header = e.headers()
	if c.tap.fault != nil && c.tap.fault.Status != 0 {
		c.instead(c.tap.fault)
		return
	}
	if c.version = e.apiVersion(); prefix != "" {
		if err := c.checkVersion(prefix); err != nil {
			c.refuse(err)
			return
		}
	}
	c.header.Set("Docker-Experimental", "false")
	c.serve()
}

// cutVersion takes the version off a path: "1.44" and "/info" for "/v1.44/info".
func cutVersion(path string) (version, rest string) {
	rest, ok := strings.CutPrefix(path, "/v")
	version, tail, more := strings.Cut(rest, "/")
	if !ok || !more || version == "" || strings.Trim(version, "0123456789.") != "" {
		return "", path
	}
	return version, "/" + tail
}

func query(u *url.URL) url.Values {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return url.Values{}
	}
	return values
}

func (c *call) checkVersion(prefix string) error {
	e := c.engine
	major, minor, _ := strings.Cut(prefix, ".")
	n, err := strconv.Atoi(minor)
	if err != nil || major == "0" {
		n = 0
	}
	switch {
	case major != "1" && major != "0" || n > e.apiVersion():
		return badRequest("client version %s is too new. Maximum supported API version is 1.%d", prefix, e.apiVersion())
	case n < e.oldest:
		return badRequest("client version %s is too old. Minimum supported API version is 1.%d, please upgrade your client to a newer version", prefix, e.oldest)
	}
	c.version = n
	return nil
}

// instead answers as a fault says.
func (c *call) instead(f *Fault) {
	header := http.Header{}
	body := []byte(f.Body)
	if f.Message != "" {
		header.Set("Content-Type", "application/json")
		body, _ = json.Marshal(errorBody{f.Message}) //nolint:errcheck // a string
	}
	for key, values := range f.Header {
		header[key] = values
	}
	c.header = header
	c.send(f.Status, body)
}

// serve runs the handler of the operation and writes what it has to say.
func (c *call) serve() {
	var err error
	switch h := c.route.handler.(type) {
	case plainHandler:
		if err = c.readBody(); err == nil {
			err = c.locked(h)
		}
	case streamHandler:
		c.status = http.StatusOK
		err = h(c)
		c.cutIfDown()
	default:
		err = notImplemented("%s is not implemented", c.route.operation)
	}
	switch {
	case err != nil:
		c.refuse(err)
	case !c.sent:
		c.send(c.status, c.answer)
	}
	c.finish()
}

// cutIfDown cuts the stream of an engine that goes: what has no end must not seem to have one.
func (c *call) cutIfDown() {
	select {
	case <-c.life.down:
		if !c.hijacked {
			panic(http.ErrAbortHandler)
		}
	default:
	}
}

// locked runs a handler with the lock of the engine.
func (c *call) locked(h plainHandler) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = http.StatusNoContent
	return h(c)
}

// maxBody bounds the bodies that are not streams.
const maxBody = 8 << 20

func (c *call) readBody() error {
	body, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	if err != nil {
		return badRequest("%v", err)
	}
	if len(body) > maxBody {
		return errorf(http.StatusRequestEntityTooLarge, "http: request body too large")
	}
	c.body = body
	return nil
}

type errorBody struct {
	Message string `json:"message"`
}

// refuse writes an error, unless the answer has begun.
func (c *call) refuse(err error) {
	if c.sent || errors.Is(err, errFault) {
		return
	}
	status := statusOf(err)
	if status < 300 || status == http.StatusNotModified {
		c.send(status, nil)
		return
	}
	if c.header == nil {
		c.header = http.Header{}
	}
	body, _ := json.Marshal(errorBody{err.Error()}) //nolint:errcheck // a string
	c.header.Set("Content-Type", "application/json")
	c.send(status, append(body, '\n'))
}

// send writes a whole answer.
func (c *call) send(status int, body []byte) {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		c.header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if c.head(status) == nil && c.r.Method != http.MethodHead && len(body) > 0 {
		c.tap.write(body, c.raw, c.flush) //nolint:errcheck // the client has gone, or a fault struck
	}
}

// head writes the head of the answer.
func (c *call) head(status int) error {
	c.sent, c.status = true, status
	if err := c.tap.head(); err != nil {
		return err
	}
	for key, values := range c.header {
		c.raw.Header()[key] = values
	}
	c.raw.WriteHeader(status)
	return nil
}

func (c *call) flush() {
	if f, ok := c.raw.(http.Flusher); ok && !c.hijacked {
		f.Flush()
	}
}

// finish makes a fault strike that waits for the head alone.
func (c *call) finish() {
	if f := c.tap.fault; f != nil && f.After < 0 && !c.hijacked {
		c.tap.write(nil, c.raw, c.flush) //nolint:errcheck // a fault struck
	}
}

// Request is a request that the engine has got.
type Request struct {
	Time      time.Time
	Operation string // as "POST /containers/{id}/start"
	Method    string
	Path      string // without the version
	Version   string // the prefix, as "1.44"; empty without one
	Query     url.Values
	Header    http.Header
	Body      []byte // of a request that is no stream
	Status    int    // of the answer; 0 while there is none
}

// maxRequests is how many requests are kept.
const maxRequests = 10_000

// Requests are the requests to known operations so far, oldest first: the last 10,000.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
	}
	return all
}

func (s *Server) record(c *call) *Request {
	prefix, path := cutVersion(c.r.URL.Path)
	r := &Request{
		Time: time.Now(), Operation: c.route.operation, Method: c.r.Method, Path: path, Version: prefix,
		Query: c.query, Header: c.r.Header.Clone(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == maxRequests {
		s.requests = s.requests[1:]
	}
	s.requests = append(s.requests, r)
	return r
}

func (s *Server) recorded(r *Request, c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Body, r.Status = bytes.Clone(c.body), c.status
}
