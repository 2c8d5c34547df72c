package conformance

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/cleat-go/docker"
)

// sent is one request that reached the wire.
type sent struct {
	op     string
	query  url.Values
	header http.Header
	body   any // the JSON, or nil
	upload bool
}

// lab is a client of one version and the engine that it talks to: one that notes what is
// sent and answers all with success.
type lab struct {
	kit
	spec  *specification // of that version
	known *specification // the newest, for what this version lacks
	names []string       // of the operations, the exact ones first

	sent   []*sent
	main   string // the operation under test, and
	answer []byte // its JSON, or
	status int    // its failure
}

func newLab(all map[int]*specification, version int) (*lab, error) {
	l := &lab{spec: all[version], known: all[newest], names: all[newest].names()}
	slices.SortStableFunc(l.names, func(a, b string) int { return strings.Count(a, "{") - strings.Count(b, "{") })
	c, err := docker.New(
		docker.WithHost("unix:///nowhere"), docker.WithCredentials(nil), docker.WithAPIVersion(versionText(version)),
		docker.WithMiddleware(func(http.RoundTripper) http.RoundTripper { return l }),
	)
	l.kit = kit{c, context.Background()}
	return l, err
}

// do makes a call. The main operation gets the answer, or one of the version's own
// where that is nil.
func (l *lab) do(c *call, in reflect.Value, answer []byte) (any, []*sent, error) {
	l.sent, l.main, l.answer, l.status = nil, c.op, answer, 0
	got, err := c.run(l.kit, in)
	return got, l.sent, err
}

// fail makes a call whose main operation fails with a status.
func (l *lab) fail(c *call, status int) error {
	l.sent, l.main, l.status = nil, c.op, status
	_, err := c.run(l.kit, c.base())
	return err
}

// RoundTrip is the engine.
func (l *lab) RoundTrip(req *http.Request) (*http.Response, error) {
	s := &sent{query: req.URL.Query(), header: req.Header}
	path := strings.TrimPrefix(req.URL.EscapedPath(), "/v"+versionText(l.spec.version))
	if i := slices.IndexFunc(l.names, func(name string) bool { return matches(name, req.Method+" "+path) }); i >= 0 {
		s.op = l.names[i]
	} else {
		return nil, errors.New("no operation is " + req.Method + " " + path)
	}
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		if req.Header.Get("Content-Type") == "application/json" {
			s.body = decoded(text)
		}
		s.upload = s.body == nil
	}
	l.sent = append(l.sent, s)
	resp := l.respond(s)
	resp.Request, resp.Proto, resp.ProtoMajor, resp.ProtoMinor = req, "HTTP/1.1", 1, 1
	return resp, nil
}

// matches tells whether a request is for an operation. Names have slashes, IDs none.
func matches(op, request string) bool {
	want, got := strings.Split(op, "/"), strings.Split(request, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

func decoded(text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "not JSON: " + string(text)
	}
	return v
}

// respond is what an engine answers to s.
func (l *lab) respond(s *sent) *http.Response {
	if s.op == "HEAD /_ping" && l.main == "GET /_ping" {
		return wholeResponse(http.StatusMethodNotAllowed, "", nil)
	}
	if s.op == l.main && l.status != 0 {
		return wholeResponse(l.status, "application/json", []byte(`{"message":"the engine's own words"}`))
	}
	text, status := l.example(s.op)
	if s.op == l.main && l.answer != nil {
		text = l.answer
	}
	if stream := streamed[s.op]; stream != nil {
		return stream(s, text)
	}
	return wholeResponse(status, "application/json", text)
}

// example is the JSON of an operation's answer.
func (l *lab) example(op string) ([]byte, int) {
	spec := l.spec
	if spec.operations[op] == nil {
		spec = l.known
	}
	n, status := spec.answer(op)
	if n == nil {
		return nil, status
	}
	v, _ := newExample(n)
	if messages[op] {
		withoutError(v)
	}
	return encode(v), status
}

func wholeResponse(status int, contentType string, text []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Header: http.Header{"Content-Type": {contentType}},
		Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)),
	}
}

// Content types of output.
const multiplexed = "application/vnd.docker.multiplexed-stream"

// streamed are the operations that answer with something else than one JSON value.
var streamed = map[string]func(s *sent, text []byte) *http.Response{
	"POST /containers/{id}/attach":   upgraded("tcp"),
	"GET /containers/{id}/attach/ws": websocket,
	"POST /session":                  upgraded("h2c"),
	"POST /exec/{id}/start": func(s *sent, text []byte) *http.Response {
		if body, _ := s.body.(map[string]any); body["Detach"] == true {
			return wholeResponse(200, "", nil)
		}
		return upgraded("tcp")(s, text)
	},
	"GET /containers/{id}/logs":     logs,
	"GET /services/{id}/logs":       logs,
	"GET /tasks/{id}/logs":          logs,
	"HEAD /containers/{id}/archive": archive,
	"GET /containers/{id}/archive":  archive,
	"POST /images/create": progress(
		`{"status":"Digest: sha256:01"}`, `{"status":"sha256:02"}`, `{"status":"Status: Downloaded newer image for sample"}`,
	),
	"POST /images/{name}/push":     progress(`{"aux":{"Tag":"t","Digest":"sha256:03","Size":4}}`),
	"POST /plugins/{name}/push":    progress(`{"aux":{"Tag":"t","Digest":"sha256:03","Size":4}}`),
	"POST /build":                  progress(`{"aux":{"ID":"sha256:05"}}`),
	"POST /images/load":            progress(`{"stream":"Loaded image: sample:latest\n"}`),
	"POST /plugins/pull":           progress(),
	"POST /plugins/{name}/upgrade": progress(),
	"HEAD /_ping":                  ping,
	"GET /_ping":                   ping,
}

func upgraded(protocol string) func(*sent, []byte) *http.Response {
	return func(*sent, []byte) *http.Response {
		return &http.Response{StatusCode: 101, Status: "101", Body: conn{}, Header: http.Header{
			"Content-Type": {multiplexed}, "Connection": {"Upgrade"}, "Upgrade": {protocol},
		}}
	}
}

// conn is an upgraded connection whose other side has nothing to say.
type conn struct{}

func (conn) Read([]byte) (int, error)    { return 0, io.EOF }
func (conn) Write(p []byte) (int, error) { return len(p), nil }
func (conn) Close() error                { return nil }
func (conn) CloseWrite() error           { return nil }

func websocket(s *sent, text []byte) *http.Response {
	resp := upgraded("websocket")(s, text)
	sum := sha1.Sum([]byte(s.header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	resp.Header.Set("Sec-Websocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	return resp
}

func logs(*sent, []byte) *http.Response {
	return wholeResponse(200, multiplexed, []byte("\x01\x00\x00\x00\x00\x00\x00\x03hi\n"))
}

func archive(*sent, []byte) *http.Response {
	resp := wholeResponse(200, "application/x-tar", make([]byte, 1024))
	resp.Header.Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(
		[]byte(`{"name":"n","size":5,"mode":420,"mtime":"2026-01-02T03:04:05Z","linkTarget":"l"}`),
	))
	return resp
}

// messages are the operations whose answer is a stream of progress, of which the
// specification's definition is one message.
var messages = map[string]bool{
	"POST /images/create": true, "POST /images/{name}/push": true, "POST /images/load": true,
	"POST /plugins/pull": true, "POST /plugins/{name}/upgrade": true, "POST /plugins/{name}/push": true, "POST /build": true,
}

// withoutError takes out of a message what makes it a failure.
func withoutError(v any) {
	if m, ok := v.(map[string]any); ok {
		delete(m, "error")
		delete(m, "errorDetail")
	}
}

// progress is a stream of one message and of those that end such a job.
func progress(closing ...string) func(*sent, []byte) *http.Response {
	return func(_ *sent, text []byte) *http.Response {
		lines := append([]string{string(text)}, closing...)
		return wholeResponse(200, "application/json", []byte(strings.Join(lines, "\r\n")+"\r\n"))
	}
}

// pingHeaders are those that the specification declares, and two that only engines do.
var pingHeaders = map[string]string{
	"Api-Version": "1.56", "Builder-Version": "2", "Docker-Experimental": "true", "Swarm": "active/manager",
	"Ostype": "linux", "Server": "Docker/30.0.0 (linux)",
}

func ping(*sent, []byte) *http.Response {
	resp := wholeResponse(200, "text/plain", []byte("OK"))
	for key, value := range pingHeaders {
		resp.Header.Set(key, value)
	}
	return resp
}
