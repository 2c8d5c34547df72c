package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// pinger counts pings and answers everything else with an empty object.
type pinger struct {
	pings   atomic.Int32
	version atomic.Value // string
	seen    sync.Map     // paths
	handle  http.HandlerFunc
}

func (p *pinger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	version, _ := p.version.Load().(string)
	w.Header().Set("Api-Version", version)
	p.seen.Store(r.URL.Path, true)
	switch {
	case r.URL.Path == "/_ping":
		p.pings.Add(1)
		time.Sleep(5 * time.Millisecond)
	case p.handle != nil:
		p.handle(w, r)
	default:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	}
}

func newPinger(version string) *pinger {
	p := &pinger{}
	p.version.Store(version)
	return p
}

func TestConcurrentFirstCallsMakeOnePing(t *testing.T) {
	for round := range 20 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			p := newPinger("1.44")
			c := serve(t, "unix", p)
			var calls sync.WaitGroup
			for range 20 {
				calls.Go(func() {
					if _, err := c.Version(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			require.EqualValues(t, 1, p.pings.Load())
			_, ok := p.seen.Load("/v1.44/version")
			require.True(t, ok)
		})
	}
}

func TestNegotiatedVersion(t *testing.T) {
	for theirs, want := range map[string]string{
		"1.40": "1.40", "1.44": "1.44", "1.56": "1.56", "1.57": "1.56", "1.99": "1.56", "1.39": "", "2.0": "", "x": "",
	} {
		t.Run(theirs, func(t *testing.T) {
			c := serve(t, "unix", newPinger(theirs))
			got, err := c.APIVersion(t.Context())
			require.Equal(t, want, got)
			require.Equal(t, want == "", err != nil)
			if theirs == "1.39" {
				errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
			}
		})
	}
}

func TestNegotiationReportsItsFailure(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		header string
		body   string
		want   string
		is     error
	}{
		"500 with a version":   {500, "1.44", "not well", "", nil},
		"500 without":          {500, "", "not well", "not well", errdefs.ErrInternal},
		"403 of a proxy":       {403, "", "<html>forbidden here</html>", "forbidden here", errdefs.ErrPermissionDenied},
		"200 of something":     {200, "", "hello", "not a Docker Engine", errdefs.ErrRefused},
		"503 while it starts":  {503, "", `{"message":"starting"}`, "starting", errdefs.ErrUnavailable},
		"a redirect elsewhere": {302, "", "", "redirected", errdefs.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/_ping" {
					io.WriteString(w, "{}")
					return
				}
				if answer.header != "" {
					w.Header().Set("Api-Version", answer.header)
				}
				if answer.status == 302 {
					w.Header().Set("Location", "/login")
				}
				w.WriteHeader(answer.status)
				io.WriteString(w, answer.body)
			}))
			_, err := c.Version(t.Context())
			if answer.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, answer.want)
			errorsIs(t, err, answer.is)
		})
	}
}

func TestHangingPingHoldsNobodyPastTheirDeadline(t *testing.T) {
	c := script(t, "unix", func(w *wire) { w.request(); w.hold() })
	patient, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { _, err := c.Version(patient); failed <- err }()
	time.Sleep(20 * time.Millisecond)
	hasty, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	within(t, time.Second, func() {
		_, err := c.Version(hasty)
		errorsIs(t, err, errdefs.ErrCancelled, context.DeadlineExceeded, errdefs.ErrNotSent)
	})
	cancel()
	within(t, time.Second, func() { errorsIs(t, <-failed, errdefs.ErrCancelled, context.Canceled) })
}

func TestNegotiationHealsAfterTheEngineChanged(t *testing.T) {
	p := newPinger("1.44")
	var executed atomic.Int32
	p.handle = func(w http.ResponseWriter, r *http.Request) {
		now := p.version.Load().(string)
		asked := strings.Split(r.URL.Path, "/")[1][1:]
		v, _ := parseAPIVersion(asked)
		newest, _ := parseAPIVersion(now)
		switch {
		case v > newest:
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"message":"client version %s is too new. Maximum supported API version is %s"}`, asked, now)
		case newest >= 51 && v < 46:
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"message":"client version %s is too old. Minimum supported API version is 1.46, please upgrade your client"}`, asked)
		default:
			executed.Add(1)
			io.WriteString(w, "{}")
		}
	}
	c := serve(t, "unix", p)
	call := func(want string) {
		t.Helper()
		require.NoError(t, c.ContainerRename(t.Context(), "a", "b"))
		got, err := c.APIVersion(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	call("1.44")
	p.version.Store("1.41") // downgraded
	call("1.41")
	p.version.Store("1.51") // upgraded, and the old version is refused
	call("1.51")
	require.EqualValues(t, 3, p.pings.Load())
	require.EqualValues(t, 3, executed.Load())
	p.version.Store("1.55") // upgraded, and the old version still works: noticed by its answer
	require.NoError(t, c.ContainerRename(t.Context(), "a", "b"))
	call("1.55")
}

func TestPinnedVersionIsNotNegotiated(t *testing.T) {
	p := newPinger("1.44")
	c := serve(t, "unix", p, WithAPIVersion("1.41"))
	_, err := c.Version(t.Context())
	require.NoError(t, err)
	require.Zero(t, p.pings.Load())
	_, ok := p.seen.Load("/v1.41/version")
	require.True(t, ok)
	for _, bad := range []string{"41", "1.", "1.x", "2.0", "1.-4", "1.99999", "latest"} {
		_, err := New(WithAPIVersion(bad))
		errorsIs(t, err, errdefs.ErrInvalidArgument)
	}
}

func TestFactsOfThePing(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range map[string]string{
			"Api-Version": "1.51", "Ostype": "linux", "Builder-Version": "2", "Docker-Experimental": "true",
			"Swarm": "active/manager", "Server": "Docker/28",
		} {
			w.Header().Set(k, v)
		}
	}))
	want := &Ping{"1.51", "linux", "2", true, SwarmState{"active", true}, "Docker/28"}
	for range 2 {
		got, err := c.Facts(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// The path of a request has just the elements that the caller meant.
func TestIDsCannotChangeTheEndpoint(t *testing.T) {
	var sent atomic.Int32
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		w.Header().Set("Seen", r.Method+" "+r.RequestURI)
		w.WriteHeader(404)
		fmt.Fprintf(w, `{"message":%q}`, r.RequestURI)
	}), pinned)
	for _, id := range []string{"", ".", "..", "a\n", "a\x00b", "\x7f", "../images/x", "a/../../../etc", "a//b", "//"} {
		for name, call := range map[string]func() error{
			"remove":  func() error { return c.ContainerRemove(t.Context(), id, nil) },
			"inspect": func() error { _, err := c.ContainerInspect(t.Context(), id, nil); return err },
			"image":   func() error { _, err := c.ImageRemove(t.Context(), id, nil); return err },
		} {
			err := call()
			errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
			require.Zero(t, sent.Load(), "%s %q", name, id)
		}
	}
	for _, image := range []string{"../containers/x", "a/../b", "a//b", "/a", "a/", "a/./b"} {
		_, err := c.ImageRemove(t.Context(), image, nil)
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
		require.Zero(t, sent.Load(), image)
	}
	for id, want := range map[string]string{
		"/web":            "/v1.51/containers/web (",
		"/web/alias":      "/v1.51/containers/web%2Falias (",
		"a?all=1#x":       "/v1.51/containers/a%3Fall=1%23x",
		"a%2e%2e":         "/v1.51/containers/a%252e%252e",
		"name with space": "/v1.51/containers/name%20with%20space",
	} {
		err := c.ContainerRemove(t.Context(), id, nil)
		require.ErrorContains(t, err, want)
	}
	_, err := c.ImageRemove(t.Context(), "r.example:5000/a/b:1?x", nil)
	require.ErrorContains(t, err, "/v1.51/images/r.example:5000/a/b:1%3Fx")
}

func TestContainerRemoveOfAnotherEndpointSendsNothing(t *testing.T) {
	var sent atomic.Int32
	c := serve(t, "unix", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent.Add(1) }), pinned)
	err := c.ContainerRemove(t.Context(), "../images/x", nil)
	errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
	require.Zero(t, sent.Load())
}

func TestErrorBodies(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, body := range map[string]struct{ text, want string }{
		"engine":         {`{"message":"No such container: x"}`, "No such container: x"},
		"podman":         {`{"cause":"no such container","message":"no container with name \"x\"","response":404}`, `no container with name "x"`},
		"cause alone":    {`{"cause":"because"}`, "because"},
		"error":          {`{"error":"what"}`, "what"},
		"other schema":   {`{"code":7}`, `{"code":7}`},
		"wrong type":     {`{"message":7}`, `{"message":7}`},
		"array":          {`[1]`, `[1]`},
		"html":           {"<html>\n<body>bad  gateway</body></html>", "<html> <body>bad gateway</body></html>"},
		"text":           {"plain\n", "plain"},
		"empty":          {"", ""},
		"truncated json": {`{"message":"No su`, `{"message":"No su`},
		"huge":           {long, long[:maxErrorMessage] + "…"},
		"not utf-8":      {"a\xffb", "a\uFFFDb"},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(404)
				io.WriteString(w, body.text)
			}), pinned)
			_, err := c.ContainerInspect(t.Context(), "x", nil)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, 404, e.Status)
			require.Equal(t, body.want, e.Message)
			require.Contains(t, err.Error(), "404")
			errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
			require.Less(t, len(err.Error()), maxErrorMessage+200)
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var requests atomic.Int32
		c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			w.Header().Set("Location", "/v1.51/login")
			w.WriteHeader(status)
			io.WriteString(w, "<html>login</html>")
		}), pinned)
		for _, call := range []func() error{
			func() error { _, err := c.Version(t.Context()); return err },
			func() error { return c.ContainerStart(t.Context(), "a", nil) },
			func() error { return c.ContainerRemove(t.Context(), "a", nil) },
			func() error { _, err := c.ContainerAttach(t.Context(), "a", nil); return err },
		} {
			before := requests.Load()
			err := call()
			errorsIs(t, err, errdefs.ErrRefused)
			require.Equal(t, before+1, requests.Load())
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"Version":"`)
		piece := strings.Repeat("x", 1<<20)
		for {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}), pinned)
	_, err := c.Version(t.Context())
	require.Error(t, err)
}

func TestAnAnswerIsNotWaitedForPastItsValue(t *testing.T) {
	c := script(t, "unix", func(w *wire) {
		w.drained()
		w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n{\"Version\":\"1.2\"} \r\n")
		w.hold()
	}, pinned)
	within(t, time.Second, func() {
		v, err := c.Version(t.Context())
		require.NoError(t, err)
		require.Equal(t, "1.2", v.Version)
	})
}

func TestARefusalIsNotWaitedForPastItsWords(t *testing.T) {
	for text, want := range map[string]string{`{"message":"not now"}`: "not now", "": "Service Unavailable"} {
		c := script(t, "unix", func(w *wire) {
			w.drained()
			w.say("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n")
			if text != "" {
				w.say(fmt.Sprintf("%x\r\n%s\r\n", len(text), text))
			}
			w.hold()
		}, pinned)
		within(t, 2*refusalTimeout, func() {
			_, err := c.Version(t.Context())
			errorsIs(t, err, errdefs.ErrUnavailable, errdefs.ErrRefused)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var conns atomic.Int32
	c := script(t, "unix", func(w *wire) {
		conns.Add(1)
		for w.drained() != nil {
			w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n")
			if w.drained() == nil {
				return
			}
			w.say("HTTP/1.1 204 No Content\r\n\r\n")
		}
	}, pinned)
	for range 50 {
		_, err := c.Version(t.Context())
		require.NoError(t, err)
		require.NoError(t, c.ContainerPause(t.Context(), "a"))
	}
	require.EqualValues(t, 1, conns.Load())
}

func TestMiddlewareSeesEverything(t *testing.T) {
	var order []string
	wrap := func(name string) Option {
		return WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripFunc(func(r *http.Request) (*http.Response, error) {
				order = append(order, name+" "+r.Method+" "+r.URL.Path)
				return next.RoundTrip(r)
			})
		})
	}
	c := script(t, "unix", func(w *wire) {
		for r := w.drained(); r != nil; r = w.drained() {
			switch {
			case r.URL.Path == "/_ping":
				w.say("HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 0\r\n\r\n")
			default:
				w.say(upgraded + frame(1, "hi"))
				return
			}
		}
	}, wrap("first"), wrap("second"))
	stream, err := c.ContainerAttach(t.Context(), "a", &ContainerAttachOptions{Stdin: true})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, stream.Copy(&out, nil))
	require.Equal(t, "hi", out.String())
	require.Equal(t, []string{
		"first HEAD /_ping", "second HEAD /_ping",
		"first POST /v1.51/containers/a/attach", "second POST /v1.51/containers/a/attach",
	}, order)
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestHeaders(t *testing.T) {
	got := make(chan http.Header, 4)
	hosts := make(chan string, 4)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		hosts <- r.Host
		io.WriteString(w, "{}")
	})
	c := serve(t, "unix", handler, pinned, WithUserAgent("tests/1"), WithHeader(http.Header{"X-Meta": {"a", "b"}}), WithHeader(http.Header{"x-more": {"c"}}))
	_, err := c.Version(t.Context())
	require.NoError(t, err)
	h := <-got
	require.Equal(t, []string{"tests/1"}, h["User-Agent"])
	require.Equal(t, []string{"a", "b"}, h["X-Meta"])
	require.Equal(t, []string{"c"}, h["X-More"])
	require.Equal(t, "docker", <-hosts)
	require.Empty(t, h["Accept-Encoding"])
	_, err = New(WithHeader(http.Header{"X": {"a\r\nY: b"}}))
	errorsIs(t, err, errdefs.ErrInvalidArgument)
	require.NotContains(t, err.Error(), "Y: b")
}

func TestDo(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/v1.51/gone" {
			w.WriteHeader(404)
			return
		}
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.RequestURI, r.Header.Get("X-A"), text)
	}), pinned)
	resp, err := c.Do(t.Context(), "POST", "/new/thing%2Fx", &DoOptions{
		Query: url.Values{"k": {"v w"}}, Header: http.Header{"X-A": {"1"}}, JSON: map[string]int{"n": 1},
	})
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, `POST /v1.51/new/thing%2Fx?k=v+w 1 {"n":1}`, string(text))
	_, err = c.Do(t.Context(), "GET", "/gone", nil)
	errorsIs(t, err, errdefs.ErrNotFound)
	for _, bad := range []string{"", "x", "/a/../b", "/a?b=c", "//host/x", "http://h/x", "/a\n", "/%"} {
		_, err := c.Do(t.Context(), "GET", bad, nil)
		errorsIs(t, err, errdefs.ErrInvalidArgument)
	}
}

func TestResponseTimeoutBoundsPlainCallsOnly(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/version"):
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		case strings.HasSuffix(r.URL.Path, "/wait"):
			time.Sleep(200 * time.Millisecond)
			io.WriteString(w, `{"StatusCode":4}`)
		case strings.HasSuffix(r.URL.Path, "/info"):
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			time.Sleep(200 * time.Millisecond)
			io.WriteString(w, `{"ID":"x"}`)
		}
	}), pinned, WithResponseTimeout(50*time.Millisecond))
	_, err := c.Version(t.Context())
	errorsIs(t, err, context.DeadlineExceeded, errdefs.ErrOutcomeUnknown)
	require.NotErrorIs(t, err, errdefs.ErrCancelled)
	exit, err := c.ContainerWait(t.Context(), "a", nil)
	require.NoError(t, err)
	code, err := exit.Code()
	require.NoError(t, err)
	require.Equal(t, 4, code)
	info, err := c.Info(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "x", info.ID)
}

func TestRawAnswer(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"Id":"x","NewField":{"a":1}}`)
	}), pinned)
	var raw json.RawMessage
	got, err := c.ContainerInspect(t.Context(), "x", &ContainerInspectOptions{Raw: &raw})
	require.NoError(t, err)
	require.Equal(t, "x", got.ID)
	require.JSONEq(t, `{"Id":"x","NewField":{"a":1}}`, string(raw))
}

// Nothing newer than the engine is sent.
func TestGates(t *testing.T) {
	var sent atomic.Int32
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		io.WriteString(w, `{"Id":"x"}`)
	}), WithAPIVersion("1.41"))
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"signal": func() error { return c.ContainerStop(ctx, "a", &ContainerStopOptions{Signal: "INT"}) },
		"VolumeOptions.Subpath": func() error {
			_, err := c.ContainerCreate(ctx, "i", &ContainerCreateOptions{HostConfig: &HostConfig{
				Mounts: []Mount{{Type: MountVolume, Source: "v", Target: "/t", VolumeOptions: &VolumeOptions{Subpath: "s"}}},
			}})
			return err
		},
		"Mount.Type image": func() error {
			_, err := c.ContainerCreate(ctx, "i", &ContainerCreateOptions{HostConfig: &HostConfig{
				Mounts: []Mount{{Type: MountImage, Source: "v", Target: "/t"}},
			}})
			return err
		},
		"HostConfig.Annotations": func() error {
			_, err := c.ContainerCreate(ctx, "i", &ContainerCreateOptions{HostConfig: &HostConfig{Annotations: map[string]string{"a": "b"}}})
			return err
		},
		"filter until": func() error {
			_, err := c.ImageList(ctx, &ImageListOptions{Filters: Filters{"until": {"1h"}}})
			return err
		},
	} {
		err := call()
		errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "1.41")
		require.Zero(t, sent.Load(), name)
	}
	require.NoError(t, c.ContainerStop(ctx, "a", nil))
	require.EqualValues(t, 1, sent.Load())
}

func TestClassesOfFailure(t *testing.T) {
	for name, test := range map[string]struct {
		talk func(w *wire)
		is   []error
		not  []error
	}{
		"refused": {
			func(w *wire) { w.drained(); w.say("HTTP/1.1 409 C\r\nContent-Length: 15\r\n\r\n{\"message\":\"m\"}") },
			[]error{errdefs.ErrRefused, errdefs.ErrConflict},
			[]error{errdefs.ErrNotSent, errdefs.ErrOutcomeUnknown},
		},
		"closed after the request": {
			func(w *wire) { w.drained() },
			[]error{errdefs.ErrOutcomeUnknown},
			[]error{errdefs.ErrNotSent, errdefs.ErrRefused},
		},
		"closed within the headers": {
			func(w *wire) { w.drained(); w.say("HTTP/1.1 200 OK\r\nContent-") },
			[]error{errdefs.ErrOutcomeUnknown},
			[]error{errdefs.ErrNotSent, errdefs.ErrRefused},
		},
		"closed within the body": {
			func(w *wire) { w.drained(); w.say("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"Id\":") },
			[]error{errdefs.ErrTruncated, io.ErrUnexpectedEOF},
			[]error{errdefs.ErrNotSent, errdefs.ErrRefused},
		},
		"an empty body": {
			func(w *wire) { w.drained(); w.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") },
			[]error{errdefs.ErrTruncated},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := script(t, "unix", test.talk, pinned)
			_, err := c.ContainerUpdate(t.Context(), "a", nil)
			errorsIs(t, err, test.is...)
			for _, not := range test.not {
				require.NotErrorIs(t, err, not)
			}
		})
	}
}

// A call whose negotiation got no answer was not sent: nothing of it can have happened.
func TestUnansweredNegotiation(t *testing.T) {
	c := script(t, "unix", func(w *wire) { w.drained() })
	_, err := c.VolumeCreate(t.Context(), nil)
	errorsIs(t, err, errdefs.ErrNotSent, io.EOF)
	require.NotErrorIs(t, err, errdefs.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "POST /volumes/create")
	require.ErrorContains(t, err, "HEAD /_ping")
}

func TestDialErrors(t *testing.T) {
	noLeaks(t)
	for host, want := range map[string]string{
		"unix:///nonexistent/docker.sock": "is the engine running",
		"tcp://127.0.0.1:1":               "nothing listens there",
	} {
		_, err := client(t, WithHost(host)).Version(t.Context())
		errorsIs(t, err, errdefs.ErrNotSent, errdefs.ErrUnavailable)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, host)
	}
	cause := errors.New("my own cause")
	c := client(t, WithHost("unix:///x"), WithDialer(func(context.Context, string, string) (conn net.Conn, err error) { return nil, cause }))
	_, err := c.Version(t.Context())
	errorsIs(t, err, cause, errdefs.ErrNotSent)
}

func TestCancelledBeforeItIsSent(t *testing.T) {
	c := serve(t, "unix", http.NotFoundHandler(), pinned)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("not wanted")
	cancel(cause)
	_, err := c.Version(ctx)
	errorsIs(t, err, cause, errdefs.ErrCancelled, errdefs.ErrNotSent)
}

func TestCancelledWhileItWaits(t *testing.T) {
	c := script(t, "unix", func(w *wire) { w.drained(); w.hold() }, pinned)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("not wanted")
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	within(t, time.Second, func() {
		_, err := c.Version(ctx)
		errorsIs(t, err, cause, errdefs.ErrCancelled)
		require.NotErrorIs(t, err, errdefs.ErrNotSent)
	})
}

func TestKindsOfErrorsInsideStreams(t *testing.T) {
	for message, want := range map[string]error{
		"manifest for busybox:nope not found: manifest unknown": errdefs.ErrNotFound,
		"No such image: busybox":                                errdefs.ErrNotFound,
		"unauthorized: authentication required":                 errdefs.ErrUnauthenticated,
		"no basic auth credentials":                             errdefs.ErrUnauthenticated,
		"pull access denied for x, repository does not exist":   errdefs.ErrPermissionDenied,
		"dial tcp: lookup registry.example: no such host":       nil,
		"unexpected EOF":                                        nil,
	} {
		require.Equal(t, want, streamKind(message), message)
	}
}

// What an engine says to a caller that has gone is not taken for its answer.
func TestNothingIsReadAfterTheContextsEnd(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	b := &body{io.NopCloser(strings.NewReader(`{"StatusCode":0}`)), ctx}
	n, err := b.Read(make([]byte, 100))
	require.Zero(t, n)
	errorsIs(t, err, cause, errdefs.ErrCancelled)
}
