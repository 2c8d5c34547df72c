package docker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

const pullStream = `{"status":"Pulling from library/alpine","id":"3.22"}` + "\r\n" +
	`{"status":"Pulling fs layer","progressDetail":{},"id":"2d35ebdb57d9"}` + "\r\n" +
	`{"status":"Downloading","progressDetail":{"current":38112,"total":3802452},"progress":"[>   ]  38.11kB/3.802MB","id":"2d35ebdb57d9"}` + "\r\n" +
	`{"status":"Pull complete","progressDetail":{},"id":"2d35ebdb57d9"}` + "\r\n" +
	`{"status":"Digest: sha256:4b7ce07002c69e8f3d704a9c5d6fd3053be500b7f1c69fc0d80990c2ad8dd412"}` + "\r\n" +
	`{"status":"Status: Downloaded newer image for alpine:3.22"}` + "\r\n"

// framings are the ways in which the end of a body is told.
var framings = map[string]func(body string) string{
	"chunked": func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	},
	"length": func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	},
	"until the end": func(body string) string { return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body },
}

// A pull that is cut anywhere is an error, however its body is delimited.
func TestEveryPrefixOfAPullIsAnError(t *testing.T) {
	for name, framed := range framings {
		t.Run(name, func(t *testing.T) {
			whole := framed(pullStream)
			head := strings.Index(whole, "\r\n\r\n") + 4
			cuts := make(chan int, 1)
			c := script(t, "unix", func(w *wire) { w.drained(); w.say(whole[:<-cuts]) }, pinned)
			for cut := head; cut <= len(whole); cut++ {
				cuts <- cut
				result, err := c.ImagePull(t.Context(), "alpine:3.22", nil)
				// Without its last line break the last message is whole all the same.
				if cut == len(whole) || name == "until the end" && cut >= len(whole)-2 {
					require.NoError(t, err)
					require.Equal(t, &ImagePullResult{
						Digest:  "sha256:4b7ce07002c69e8f3d704a9c5d6fd3053be500b7f1c69fc0d80990c2ad8dd412",
						Updated: true, Status: "Status: Downloaded newer image for alpine:3.22",
					}, result)
					continue
				}
				require.Error(t, err, "cut at %d of %d", cut, len(whole))
				errorsIs(t, err, errdefs.ErrTruncated, io.ErrUnexpectedEOF)
			}
		})
	}
}

func TestErrorsInsideAJobAreTheJobsError(t *testing.T) {
	for name, record := range map[string]string{
		"both":       `{"errorDetail":{"code":1,"message":"manifest unknown: no"},"error":"manifest unknown: no"}`,
		"new":        `{"errorDetail":{"message":"manifest unknown: no"}}`,
		"old":        `{"error":"manifest unknown: no"}`,
		"then lines": `{"error":"manifest unknown: no"}` + "\r\n" + `{"status":"Status: Downloaded newer image"}`,
	} {
		for framing, framed := range framings {
			t.Run(name+" "+framing, func(t *testing.T) {
				body := `{"status":"Pulling from x","id":"1"}` + "\r\n" + record + "\r\n"
				c := script(t, "unix", func(w *wire) { w.drained(); w.say(framed(body)) }, pinned)
				var seen []streams.Message
				_, err := c.ImagePull(t.Context(), "x:1", &ImagePullOptions{Progress: func(m streams.Message) { seen = append(seen, m) }})
				var engine *streams.EngineError
				require.ErrorAs(t, err, &engine)
				require.Equal(t, "manifest unknown: no", engine.Message)
				errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
				require.Equal(t, []streams.Message{{Status: "Pulling from x", ID: "1"}, {Done: true}}, seen)
			})
		}
	}
}

// Who waits for the end of a job waits for that of one too which never began.
func TestAJobThatIsRefusedEnds(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/privileges") {
			io.WriteString(w, `[{"Name":"network","Value":["host"]}]`)
			return
		}
		w.WriteHeader(404)
	}), pinned)
	for name, job := range map[string]func(streams.Progress) error{
		"pull": func(p streams.Progress) error {
			_, err := c.ImagePull(t.Context(), "x", &ImagePullOptions{Progress: p})
			return err
		},
		"name": func(p streams.Progress) error {
			_, err := c.ImagePull(t.Context(), "X", &ImagePullOptions{Progress: p})
			return err
		},
		"push": func(p streams.Progress) error {
			_, err := c.ImagePush(t.Context(), "x", &ImagePushOptions{Progress: p})
			return err
		},
		"load": func(p streams.Progress) error {
			_, err := c.ImageLoad(t.Context(), nil, &ImageLoadOptions{Progress: p})
			return err
		},
		"build": func(p streams.Progress) error {
			_, err := c.ImageBuild(t.Context(), BuildSource{}, &ImageBuildOptions{Progress: p, Builder: "x"})
			return err
		},
		"facts": func(p streams.Progress) error {
			_, err := c.ImageBuild(t.Context(), BuildSource{}, &ImageBuildOptions{Progress: p})
			return err
		},
		"plugin": func(p streams.Progress) error {
			_, err := c.PluginInstall(t.Context(), "x", &PluginInstallOptions{Progress: p})
			return err
		},
	} {
		var seen []streams.Message
		require.Error(t, job(func(m streams.Message) { seen = append(seen, m) }), name)
		require.Equal(t, []streams.Message{{Done: true}}, seen, name)
	}
}

func TestAProxysTextInsideAJobIsItsError(t *testing.T) {
	c := script(t, "unix", func(w *wire) {
		w.drained()
		w.say(framings["chunked"](`{"status":"a"}` + "\ncopying response body: context deadline exceeded\n"))
	}, pinned)
	_, err := c.ImagePull(t.Context(), "x", nil)
	require.ErrorContains(t, err, "copying response body: context deadline exceeded")
}

// recorded is what an engine was asked, in a test of requests.
type recorded struct {
	uri, auth, body string
}

// recorder answers every request with a text.
func recorder(t *testing.T, answer string) (*Client, func() recorded) {
	t.Helper()
	got := make(chan recorded, 4)
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- recorded{r.Method + " " + strings.TrimPrefix(r.RequestURI, "/v1.56"), r.Header.Get("X-Registry-Auth"), string(body)}
		io.WriteString(w, answer)
	}), WithAPIVersion("1.56"))
	return c, func() recorded { return <-got }
}

func TestImageRequests(t *testing.T) {
	c, got := recorder(t, `{"status":"Status: up to date"}`)
	ctx := t.Context()
	creds := &auth.Credentials{Username: "u", Password: "p"}
	pull := func(ref string, opts *ImagePullOptions) string {
		_, err := c.ImagePull(ctx, ref, opts)
		require.NoError(t, err)
		return got().uri
	}
	digest := "sha256:" + strings.Repeat("a1", 32)
	require.Equal(t, "POST /images/create?fromImage=alpine&tag=latest", pull("alpine", nil))
	require.Equal(t, "POST /images/create?fromImage=r.example%3A5000%2Fa%2Fb&tag=1.2", pull("r.example:5000/a/b:1.2", nil))
	require.Equal(t, "POST /images/create?fromImage=a&tag="+strings.Replace(digest, ":", "%3A", 1), pull("a@"+digest, nil))
	require.Equal(t, "POST /images/create?fromImage=a&tag="+strings.Replace(digest, ":", "%3A", 1), pull("a:1@"+digest, nil))
	require.Equal(t, "POST /images/create?fromImage=a", pull("a", &ImagePullOptions{AllTags: true}))
	require.Equal(t, "POST /images/create?fromImage=a&platform=linux%2Farm64&tag=latest", pull("a", &ImagePullOptions{Platform: "linux/arm64"}))
	_, err := c.ImagePull(ctx, "a", &ImagePullOptions{Auth: creds})
	require.NoError(t, err)
	text, err := base64.URLEncoding.DecodeString(got().auth)
	require.NoError(t, err)
	require.JSONEq(t, `{"username":"u","password":"p"}`, string(text))

	_, err = c.ImagePush(ctx, "r.example/a:2", &ImagePushOptions{Platform: &Platform{OS: "linux", Architecture: "arm64"}})
	require.NoError(t, err)
	pushed := got()
	require.Equal(t, "POST /images/r.example/a/push?platform=%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22arm64%22%7D&tag=2", pushed.uri)
	require.NotEmpty(t, pushed.auth)
	require.NoError(t, c.ImageTag(ctx, "sha256:abc", "r.example:1/x:y"))
	require.Equal(t, "POST /images/sha256:abc/tag?repo=r.example%3A1%2Fx&tag=y", got().uri)
	_, err = c.ImageRemove(ctx, "a/b:c", &ImageRemoveOptions{Force: true, NoPrune: true})
	require.Error(t, err) // the answer is none
	require.Equal(t, "DELETE /images/a/b:c?force=1&noprune=1", got().uri)

	for _, bad := range []string{"", ":", "a:", "a:b:c", "A", "a//b", "a@", "a@sha256:x", "a b", "a\n", "a?x", "../a", "a/", strings.Repeat("a", 256), "a:" + strings.Repeat("t", 129)} {
		_, err := c.ImagePull(ctx, bad, nil)
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
		_, err = c.ImagePush(ctx, bad, nil)
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
		errorsIs(t, c.ImageTag(ctx, "x", bad), errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
	}
	_, err = c.ImagePull(ctx, "a:1", &ImagePullOptions{AllTags: true})
	errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
}

func FuzzReference(f *testing.F) {
	for _, seed := range []string{"a", "a:b", "h:1/a", "h/a@sha256:" + strings.Repeat("0", 64), "[::1]:5000/a", "localhost/a", "a/../b", "A/b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := parseReference(text)
		if err != nil {
			return
		}
		if strings.ContainsAny(ref.name, "@?#% \r\n\x00") || strings.Contains("/"+ref.name+"/", "/../") || strings.Contains(ref.name, "//") {
			t.Fatalf("%q gives %+v", text, ref)
		}
		back := ref.name
		if ref.tag != "" {
			back += ":" + ref.tag
		}
		if ref.digest != "" {
			back += "@" + ref.digest
		}
		if back != text && back != text+":latest" {
			t.Fatalf("%q gives %+v, which is %q", text, ref, back)
		}
	})
}

// FuzzRequests sends arbitrary text in each place that takes some, and reads the request back.
func FuzzRequests(f *testing.F) {
	f.Add("web", "SIGTERM", "label", "a=b")
	f.Add("../x", "a&b=c", "\"", "\r\n")
	f.Add("a/b?c#d", "%00", "\xff", "")
	c, err := New(WithHost("tcp://h:1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, signal, key, val string) {
		r := newRequest("POST /containers/{id}/kill", id)
		r.set("signal", signal)
		r.set("filters", Filters{key: {val}})
		if r.err != nil {
			return
		}
		var wire bytes.Buffer
		if err := c.httpRequest(t.Context(), r, "1.44").Write(&wire); err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(wire.String(), "\r\n")
		uri := strings.TrimSuffix(strings.TrimPrefix(line, "POST "), " HTTP/1.1")
		path, query, _ := strings.Cut(uri, "?")
		if parts := strings.Split(path, "/"); len(parts) != 5 || parts[1] != "v1.44" || parts[2] != "containers" || parts[4] != "kill" {
			t.Fatalf("%q gives %q", id, line)
		}
		parsed, err := http.NewRequest("POST", "http://h/?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.URL.Query(); got.Get("signal") != signal || len(got) > 2 {
			t.Fatalf("%q gives %q", signal, line)
		}
		if n := strings.Count(wire.String(), "\r\n"); n != 5 {
			t.Fatalf("%d lines: %q", n, wire.String())
		}
	})
}

func TestContainerRequests(t *testing.T) {
	c, got := recorder(t, `{"Id":"x"}`)
	ctx := t.Context()
	uri := func(err error) string {
		t.Helper()
		require.NoError(t, err)
		return got().uri
	}
	require.Equal(t, "POST /containers/a/stop", uri(c.ContainerStop(ctx, "a", nil)))
	for d, want := range map[time.Duration]string{
		0: "0", time.Second: "1", 1500 * time.Millisecond: "2", time.Millisecond: "1", -time.Second: "-1", -1: "-1",
	} {
		require.Equal(t, "POST /containers/a/restart?signal=INT&t="+want, uri(c.ContainerRestart(ctx, "a", &ContainerStopOptions{Signal: "INT", Timeout: &d})))
	}
	require.Equal(t, "DELETE /containers/a?force=1&link=1&v=1", uri(c.ContainerRemove(ctx, "a", &ContainerRemoveOptions{true, true, true})))
	require.Equal(t, "POST /containers/a/resize?h=24&w=80", uri(c.ContainerResize(ctx, "a", TTYSize{24, 80})))
	require.Equal(t, "POST /containers/a/rename?name=b", uri(c.ContainerRename(ctx, "a", "b")))
	_, err := c.ContainerTop(ctx, "a", &ContainerTopOptions{Args: []string{"-o", "pid,comm"}})
	require.Equal(t, "GET /containers/a/top?ps_args=-o+pid%2Ccomm", uri(err))
	_, err = c.ContainerCreate(ctx, "img", &ContainerCreateOptions{Name: "n", Platform: "linux/amd64", Config: &ContainerConfig{Image: "other", Cmd: Command{"a"}}, HostConfig: &HostConfig{Privileged: true}})
	require.NoError(t, err)
	sent := got()
	require.Equal(t, "POST /containers/create?name=n&platform=linux%2Famd64", sent.uri)
	require.JSONEq(t, `{"Image":"img","Cmd":["a"],"HostConfig":{"Privileged":true}}`, sent.body)
	_, err = c.ContainerUpdate(ctx, "a", &ContainerUpdateOptions{Resources: Resources{BlkioDeviceReadBps: []ThrottleDevice{}}})
	require.NoError(t, err)
	require.JSONEq(t, `{"BlkioDeviceReadBps":[]}`, got().body)
	logs, err := c.ContainerLogs(ctx, "a", &ContainerLogsOptions{Stderr: true, Since: time.Unix(5, 7), Tail: 3})
	require.NoError(t, err)
	require.NoError(t, logs.Close())
	require.Equal(t, "GET /containers/a/logs?since=5.000000007&stderr=1&tail=3", got().uri)
	require.Equal(t, "GET /containers/a/json", got().uri)
}

// numbered is an engine with 10,000 events, whose feed breaks again and again.
type numbered struct {
	at    func(i int) time.Time
	total int
	cut   func() int // how many events a connection lasts
	asked atomic.Int32
}

func (n *numbered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.asked.Add(1)
	seconds, nanos, _ := strings.Cut(r.URL.Query().Get("since"), ".")
	s, _ := strconv.ParseInt(seconds, 10, 64)
	ns, _ := strconv.ParseInt(nanos, 10, 64)
	from := time.Unix(s, ns)
	w.WriteHeader(200)
	w.(http.Flusher).Flush()
	left := n.cut()
	for i := range n.total {
		at := n.at(i)
		if at.Before(from) {
			continue
		}
		if left--; left < 0 {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, `{"Type":"container","Action":"start","Actor":{"ID":"c%d","Attributes":{}},"scope":"local","time":%d,"timeNano":%d}`+"\n", i, at.Unix(), at.UnixNano())
		w.(http.Flusher).Flush()
	}
	<-r.Context().Done()
}

// Each event is seen once, in order, although many share their time.
func TestEventsOverBrokenConnections(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	start := time.Now()
	const total = 10_000
	engine := &numbered{
		total: total,
		at:    func(i int) time.Time { return start.Add(time.Duration(i/3) * time.Millisecond) },
		cut:   func() int { return 4 + rnd.IntN(20) },
	}
	c := serve(t, "unix", engine, pinned)
	relisted := 0
	feed, err := c.Events(t.Context(), &EventsOptions{
		Since: start, Retry: func(int, error) (time.Duration, bool) { return 0, true },
		OnReconnect: func(context.Context) error { relisted++; return nil },
	})
	require.NoError(t, err)
	next := 0
	for e, err := range feed.All() {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("c", next), e.Actor.ID)
		if next++; next == total {
			break
		}
	}
	require.Equal(t, total, next)
	require.Greater(t, relisted, 400)
	require.EqualValues(t, relisted+1, engine.asked.Load())
}

// skewed is an engine with another clock, or one that is set, whose first connection breaks.
type skewed struct {
	clock        time.Time   // at the start
	live, missed []time.Time // events of the first connection, and of the time after it
	asked        atomic.Int32
}

func (e *skewed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seconds, nanos, _ := strings.Cut(r.URL.Query().Get("since"), ".")
	s, _ := strconv.ParseInt(seconds, 10, 64)
	ns, _ := strconv.ParseInt(nanos, 10, 64)
	w.Header().Set("Date", e.clock.UTC().Format(http.TimeFormat))
	w.WriteHeader(200)
	w.(http.Flusher).Flush()
	tell := func(at time.Time) {
		fmt.Fprintf(w, `{"Type":"container","Action":"start","time":%d,"timeNano":%d}`+"\n", at.Unix(), at.UnixNano())
	}
	if e.asked.Add(1) == 1 {
		for _, at := range e.live {
			tell(at)
		}
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, at := range e.missed {
		if !at.Before(time.Unix(s, ns)) {
			tell(at)
		}
	}
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func TestEventsOfAnEngineWithAnotherClock(t *testing.T) {
	now := time.Now()
	at := func(offsets ...time.Duration) (times []time.Time) {
		for _, d := range offsets {
			times = append(times, now.Add(d))
		}
		return times
	}
	for name, engine := range map[string]*skewed{
		"behind":           {clock: now.Add(-time.Hour), missed: at(time.Second - time.Hour)},
		"behind, at work":  {clock: now.Add(-time.Hour), live: at(time.Second - time.Hour), missed: at(2*time.Second - time.Hour)},
		"ahead":            {clock: now.Add(time.Hour), live: at(time.Hour + time.Second), missed: at(time.Hour + 2*time.Second)},
		"ahead, set right": {clock: now.Add(time.Hour), live: at(time.Hour+time.Second, 2*time.Second), missed: at(3 * time.Second)},
		"right, set back":  {clock: now, live: at(time.Second, 2*time.Second-time.Hour), missed: at(3*time.Second - time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			feed, err := serve(t, "unix", engine, pinned).Events(ctx, &EventsOptions{Retry: RetryForever})
			require.NoError(t, err)
			var got []time.Time
			want := append(engine.live, engine.missed...)
			for e, err := range feed.All() {
				require.NoError(t, err)
				if got = append(got, e.Time); len(got) == len(want) {
					break
				}
			}
			for i := range want {
				require.True(t, want[i].Equal(got[i]), "%v is not %v", got[i], want[i])
			}
		})
	}
}

// What cannot be decoded ends its connection, before there is another.
func TestAFeedHasOneConnection(t *testing.T) {
	var open atomic.Int32
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Add(-1)
		io.WriteString(w, "a proxy's words\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}), pinned)
	feed, err := c.Events(t.Context(), &EventsOptions{Retry: func(try int, _ error) (time.Duration, bool) {
		poll(t, "the connection is closed", func() bool { return open.Load() == 0 })
		return 0, try < 3
	}})
	require.NoError(t, err)
	for _, err := range feed.All() {
		require.ErrorContains(t, err, "a proxy's words")
	}
}

func TestAFeedWithoutRetryEndsWithItsError(t *testing.T) {
	for name, tail := range map[string]string{
		"cut":             "",
		"ended by itself": "0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := script(t, "unix", func(w *wire) {
				w.drained()
				event := `{"Type":"container","Action":"start","timeNano":` + strconv.FormatInt(time.Now().UnixNano(), 10) + `}`
				w.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(event), event) + tail)
			}, pinned)
			feed, err := c.Events(t.Context(), nil)
			require.NoError(t, err)
			var got []error
			for _, err := range feed.All() {
				got = append(got, err)
			}
			require.Len(t, got, 2)
			require.NoError(t, got[0])
			errorsIs(t, got[1], errdefs.ErrTruncated)
		})
	}
}

func TestLeavingAFeedClosesIt(t *testing.T) {
	start := time.Now()
	engine := &numbered{total: 50, at: func(i int) time.Time { return start.Add(time.Duration(i)) }, cut: func() int { return 1000 }}
	c := serve(t, "unix", engine, pinned)
	for n := 1; n <= 50; n++ {
		feed, err := c.Events(t.Context(), &EventsOptions{Since: start})
		require.NoError(t, err)
		seen := 0
		for _, err := range feed.All() {
			require.NoError(t, err)
			if seen++; seen == n {
				break
			}
		}
		require.NoError(t, feed.Close())
		require.NoError(t, feed.Close())
	}
	feed, err := c.Events(t.Context(), &EventsOptions{Since: start, Retry: RetryForever})
	require.NoError(t, err)
	seen := 0
	for _, err := range feed.All() {
		require.NoError(t, err)
		if seen++; seen == 50 {
			time.AfterFunc(20*time.Millisecond, func() { feed.Close() })
		}
	}
	require.Equal(t, 50, seen)
}

func TestRetryEnds(t *testing.T) {
	var refuse atomic.Bool
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refuse.Swap(true) {
			w.WriteHeader(503)
			io.WriteString(w, `{"message":"going down"}`)
		}
	}), pinned)
	tries := 0
	feed, err := c.Events(t.Context(), &EventsOptions{Retry: func(try int, _ error) (time.Duration, bool) {
		tries = try
		return time.Microsecond, try < 4
	}})
	require.NoError(t, err)
	for _, err := range feed.All() {
		errorsIs(t, err, errdefs.ErrUnavailable)
		require.ErrorContains(t, err, "going down")
	}
	require.Equal(t, 4, tries)
}

func TestRetryForeverBacksOff(t *testing.T) {
	last := time.Duration(-1)
	for try := 1; try < 1000; try++ {
		pause, ok := RetryForever(try, nil)
		require.True(t, ok)
		require.GreaterOrEqual(t, pause, last)
		require.LessOrEqual(t, pause, 10*time.Second)
		last = pause
	}
	require.Equal(t, 10*time.Second, last)
}

// A feed that is silent for a day is alive, and ends at once with its context.
func TestSilentFeedsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		release := make(chan struct{})
		c, err := New(pinned, WithResponseTimeout(time.Minute), WithHost("unix:///x"), WithMiddleware(func(http.RoundTripper) http.RoundTripper {
			return roundTripFunc(func(r *http.Request) (*http.Response, error) {
				pr, pw := io.Pipe()
				go func() {
					select {
					case <-time.After(24 * time.Hour):
						fmt.Fprintf(pw, `{"Type":"daemon","Action":"reload","timeNano":%d}`, time.Now().UnixNano())
					case <-r.Context().Done():
					}
					<-r.Context().Done()
					pw.CloseWithError(r.Context().Err())
					close(release)
				}()
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: pr}, nil
			})
		}))
		require.NoError(t, err)
		feed, err := c.Events(ctx, nil)
		require.NoError(t, err)
		start := time.Now()
		for e, err := range feed.All() {
			if err != nil {
				errorsIs(t, err, errdefs.ErrCancelled, context.Canceled)
				break
			}
			require.Equal(t, "reload", e.Action)
			require.Equal(t, 24*time.Hour, time.Since(start))
			cancel()
		}
		<-release
	})
}

func TestStatsNumbers(t *testing.T) {
	v1 := &Stats{
		CPU:      CPUStats{Usage: CPUUsage{Total: 3e9, PerCPU: []uint64{1, 2}}, SystemUsage: 20e9},
		PreCPU:   CPUStats{Usage: CPUUsage{Total: 2e9}, SystemUsage: 18e9},
		Memory:   MemoryStats{Usage: 100, Limit: 1000, Stats: map[string]uint64{"total_inactive_file": 30, "inactive_file": 10}},
		Networks: map[string]NetworkStats{"eth0": {RxBytes: 1, TxBytes: 2}, "eth1": {RxBytes: 10, TxBytes: 20}},
		Blkio:    BlkioStats{ServiceBytes: []BlkioEntry{{Op: "Read", Value: 5}, {Op: "write", Value: 7}, {Op: "Total", Value: 12}, {Op: "read", Value: 1}}},
	}
	require.InDelta(t, 100, v1.CPUPercent(), 1e-9)
	require.EqualValues(t, 70, v1.MemoryUsed())
	require.InDelta(t, 7, v1.MemoryPercent(), 1e-9)
	rx, tx := v1.NetworkTotals()
	require.Equal(t, []uint64{11, 22}, []uint64{rx, tx})
	read, written := v1.BlockTotals()
	require.Equal(t, []uint64{6, 7}, []uint64{read, written})

	v2 := &Stats{
		CPU:    CPUStats{Usage: CPUUsage{Total: 3e9}, SystemUsage: 20e9, OnlineCPUs: 4},
		PreCPU: CPUStats{Usage: CPUUsage{Total: 2e9}, SystemUsage: 16e9},
		Memory: MemoryStats{Usage: 100, Stats: map[string]uint64{"inactive_file": 10}},
	}
	require.InDelta(t, 100, v2.CPUPercent(), 1e-9)
	require.EqualValues(t, 90, v2.MemoryUsed())
	require.Zero(t, v2.MemoryPercent())

	now := time.Now()
	windows := &Stats{
		NumProcs: 2, PreRead: now, Read: now.Add(time.Second),
		CPU: CPUStats{Usage: CPUUsage{Total: 1e7}}, PreCPU: CPUStats{Usage: CPUUsage{Total: 5e6}},
		Memory: MemoryStats{PrivateWorkingSet: 9}, Storage: StorageStats{ReadBytes: 3, WriteBytes: 4},
	}
	require.InDelta(t, 50, windows.CPUPercent(), 1e-9)
	require.EqualValues(t, 9, windows.MemoryUsed())
	read, written = windows.BlockTotals()
	require.Equal(t, []uint64{3, 4}, []uint64{read, written})

	empty := &Stats{}
	require.Zero(t, empty.CPUPercent())
	require.Zero(t, empty.MemoryUsed())
	backwards := &Stats{PreCPU: v1.CPU, CPU: v1.PreCPU}
	require.Zero(t, backwards.CPUPercent())
	var nulls Stats
	require.NoError(t, json.Unmarshal([]byte(`{"cpu_stats":null,"memory_stats":null,"networks":null,"blkio_stats":{"io_service_bytes_recursive":null}}`), &nulls))
}

func TestStatsThatNeverAnswerHoldNobody(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/c3/") {
			<-r.Context().Done()
			return
		}
		io.WriteString(w, `{"name":"x"}`)
	}), pinned)
	for i := range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		s, err := c.ContainerStatsOnce(ctx, fmt.Sprint("c", i), &ContainerStatsOnceOptions{OneShot: true})
		cancel()
		if i == 3 {
			errorsIs(t, err, errdefs.ErrCancelled)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "x", s.Name)
	}
}

func TestWaitHealthy(t *testing.T) {
	states := make(chan string, 10)
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"Id":"c1","State":%s}`, <-states)
	}), pinned)
	states <- `{"Running":true,"Status":"running","Health":{"Status":"starting"}}`
	states <- `{"Running":true,"Status":"running","Health":{"Status":"healthy"}}`
	require.NoError(t, c.ContainerWaitHealthy(t.Context(), "c1"))
	for state, want := range map[string]string{
		`{"Running":true,"Status":"running","Health":{"Status":"unhealthy","Log":[{"ExitCode":1,"Output":"no\n"}]}}`: "unhealthy: exit status 1: no",
		`{"Running":false,"Status":"exited","Health":{"Status":"starting"}}`:                                         "is exited",
		`{"Running":true,"Status":"running"}`:                                                                        "no health check",
	} {
		states <- state
		err := c.ContainerWaitHealthy(t.Context(), "c1")
		var unhealthy *UnhealthyError
		require.ErrorAs(t, err, &unhealthy)
		require.ErrorContains(t, err, want)
	}
}
