package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	godocker "github.com/fsouza/go-dockerclient"
	"github.com/moby/moby/client"

	"github.com/cleat-go/docker"
)

const (
	inspectPath = "/containers/web/json"
	startPath   = "/containers/web/start"
)

// calls makes the calls that most programs make, each over a connection that is kept. The
// floor is net/http with the same request; it reads the body into a buffer that it keeps, and
// does not decode. Where there is something to decode, the time is held against the floor
// that decodes it too, into this client's type, and of the allocations those are taken off
// that this adds to the floor. One answer is a real container, the other an ID and no more.
func calls(tb testing.TB) []*contest {
	whole := append(bytes.Clone(recorded(tb, "docker-28.5.json")["container"]), '\n')
	small := []byte(`{"Id":"` + strings.Repeat("4a2baeea", 8) + `"}` + "\n")
	return []*contest{
		inspect(tb, "calls/inspect", chunked("application/json", false, whole)),
		inspect(tb, "calls/inspect, small", sized("application/json", small)),
		ping(tb), start(tb),
	}
}

func inspect(tb testing.TB, name string, container answer) *contest {
	e := serve(tb, map[string]answer{"GET " + inspectPath: container})
	return &contest{
		name: name, unit: "call", units: 1,
		entries: []entry{
			{cleat, func(tb testing.TB) func() error { return cleatInspect(tb.Context(), newCleat(tb, e)) }},
			{moby, func(tb testing.TB) func() error { return mobyInspect(tb.Context(), newMoby(tb, e)) }},
			{fsouza, func(tb testing.TB) func() error { return fsouzaInspect(tb.Context(), newFsouza(tb, e)) }},
			{floor, func(tb testing.TB) func() error {
				return bareRead(tb.Context(), newBare(tb, e), http.MethodGet, inspectPath, nil)
			}},
			{decode, func(tb testing.TB) func() error {
				return bareRead(tb.Context(), newBare(tb, e), http.MethodGet, inspectPath, unmarshalContainer)
			}},
		},
		rows: []metric{
			{kind: cost, goal: within(1.1, decode)},
			{kind: allocs, goal: decodingAside(1.1)},
		},
	}
}

// asFloor are the goals of calls without anything to decode.
var asFloor = []metric{{kind: cost, goal: within(1.1, floor)}, {kind: allocs, goal: within(1.1, floor)}}

func ping(tb testing.TB) *contest {
	e := serve(tb, map[string]answer{})
	return &contest{
		name: "calls/ping", unit: "call", units: 1, rows: asFloor,
		entries: []entry{
			{cleat, func(tb testing.TB) func() error { return cleatPing(tb.Context(), newCleat(tb, e)) }},
			{moby, func(tb testing.TB) func() error { return mobyPing(tb.Context(), newMoby(tb, e)) }},
			{fsouza, func(tb testing.TB) func() error { return fsouzaPing(tb.Context(), newFsouza(tb, e)) }},
			{floor, func(tb testing.TB) func() error {
				return bareRead(tb.Context(), newBare(tb, e), http.MethodHead, "/_ping", nil)
			}},
		},
	}
}

func start(tb testing.TB) *contest {
	e := serve(tb, map[string]answer{"POST " + startPath: {text: noContent()}})
	return &contest{
		name: "calls/start", unit: "call", units: 1, rows: asFloor,
		entries: []entry{
			{cleat, func(tb testing.TB) func() error { return cleatStart(tb.Context(), newCleat(tb, e)) }},
			{moby, func(tb testing.TB) func() error { return mobyStart(tb.Context(), newMoby(tb, e)) }},
			{fsouza, func(tb testing.TB) func() error { return fsouzaStart(tb.Context(), newFsouza(tb, e)) }},
			{floor, func(tb testing.TB) func() error {
				return bareRead(tb.Context(), newBare(tb, e), http.MethodPost, startPath, nil)
			}},
		},
	}
}

// noContent is the answer to what succeeds without a word.
func noContent() []byte {
	return bytes.Replace(head("text/plain", "Content-Length: 0"), []byte("200 OK"), []byte("204 No Content"), 1)
}

func bareRead(ctx context.Context, c *http.Client, method, path string, then func([]byte) error) func() error {
	var text bytes.Buffer
	return func() error {
		answer, err := bareCall(ctx, c, method, path)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text.Reset()
		if _, err := text.ReadFrom(answer.Body); err != nil || then == nil {
			return err
		}
		return then(text.Bytes())
	}
}

func unmarshalContainer(text []byte) error {
	v := new(docker.Container)
	if err := json.Unmarshal(text, v); err != nil {
		return err
	}
	return equal("length of the ID", 64, len(v.ID))
}

func cleatInspect(ctx context.Context, c *docker.Client) func() error {
	return func() error {
		v, err := c.ContainerInspect(ctx, "web", nil)
		if err != nil {
			return err
		}
		return equal("length of the ID", 64, len(v.ID))
	}
}

func mobyInspect(ctx context.Context, c *client.Client) func() error {
	return func() error {
		v, err := c.ContainerInspect(ctx, "web", client.ContainerInspectOptions{})
		if err != nil {
			return err
		}
		return equal("length of the ID", 64, len(v.Container.ID))
	}
}

func fsouzaInspect(ctx context.Context, c *godocker.Client) func() error {
	return func() error {
		v, err := c.InspectContainerWithOptions(godocker.InspectContainerOptions{ID: "web", Context: ctx})
		if err != nil {
			return err
		}
		return equal("length of the ID", 64, len(v.ID))
	}
}

func cleatPing(ctx context.Context, c *docker.Client) func() error {
	return func() error {
		v, err := c.Ping(ctx)
		if err != nil {
			return err
		}
		return equal("length of the version", len(apiVersion), len(v.APIVersion))
	}
}

func mobyPing(ctx context.Context, c *client.Client) func() error {
	return func() error {
		v, err := c.Ping(ctx, client.PingOptions{})
		if err != nil {
			return err
		}
		return equal("length of the version", len(apiVersion), len(v.APIVersion))
	}
}

func fsouzaPing(ctx context.Context, c *godocker.Client) func() error {
	return func() error { return c.PingWithContext(ctx) }
}

func cleatStart(ctx context.Context, c *docker.Client) func() error {
	return func() error { return c.ContainerStart(ctx, "web", nil) }
}

func mobyStart(ctx context.Context, c *client.Client) func() error {
	return func() error {
		_, err := c.ContainerStart(ctx, "web", client.ContainerStartOptions{})
		return err
	}
}

func fsouzaStart(ctx context.Context, c *godocker.Client) func() error {
	return func() error { return c.StartContainerWithContext("web", nil, ctx) }
}
