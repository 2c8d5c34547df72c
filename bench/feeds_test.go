package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	godocker "github.com/fsouza/go-dockerclient"
	"github.com/moby/moby/api/types/container"
	mobyevents "github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/streams"
)

const (
	eventCount  = 5000
	sampleCount = 1000

	eventsPath = "/events"
	statsPath  = "/containers/web/stats"
)

// feeds decodes events and samples of stats: from memory, by this client's decoder and by
// encoding/json with moby's types, and from an engine at a socket, by the clients' own calls.
// Moby's stats are a body, which encoding/json decodes here. A feed of events does not end:
// its operation takes 5,000 and leaves, and the next one dials. Go-dockerclient is not among
// them: its listener does not get all of so many at once. The floors find the line ends.
func feeds(tb testing.TB) []*contest {
	evs, stats := events(tb, eventCount), samples(tb, sampleCount)
	e := serve(tb, map[string]answer{
		"GET " + eventsPath: chunked("application/json", true, evs...),
		"GET " + statsPath:  chunked("application/json", false, stats...),
	})
	faster := []metric{{kind: cost, goal: fasterThan(3, moby)}, {kind: allocs}}
	return []*contest{
		{name: "events/decoder", unit: "event", units: eventCount, rows: faster, entries: []entry{
			{cleat, decoder[docker.Event](evs)},
			{moby, jsonDecoder[mobyevents.Message](evs)},
			{floor, func(testing.TB) func() error { return findLines(bytes.Join(evs, nil), eventCount) }},
		}},
		{name: "events/feed", unit: "event", units: eventCount, rows: faster, entries: []entry{
			{cleat, func(tb testing.TB) func() error { return cleatEvents(tb, newCleat(tb, e)) }},
			{moby, func(tb testing.TB) func() error { return mobyEvents(tb, newMoby(tb, e)) }},
			{floor, func(tb testing.TB) func() error {
				return bareLines(tb, newBare(tb, e), http.MethodGet, eventsPath, eventCount, false)
			}},
		}},
		{name: "stats/decoder", unit: "sample", units: sampleCount, rows: faster, entries: []entry{
			{cleat, decoder[docker.Stats](stats)},
			{moby, jsonDecoder[container.StatsResponse](stats)},
			{floor, func(testing.TB) func() error { return findLines(bytes.Join(stats, nil), sampleCount) }},
		}},
		{name: "stats/feed", unit: "sample", units: sampleCount, rows: faster, entries: []entry{
			{cleat, func(tb testing.TB) func() error { return cleatStats(tb, newCleat(tb, e)) }},
			{moby, func(tb testing.TB) func() error { return mobyStats(tb, newMoby(tb, e)) }},
			{fsouza, func(tb testing.TB) func() error { return fsouzaStats(tb, newFsouza(tb, e)) }},
			{floor, func(tb testing.TB) func() error {
				return bareLines(tb, newBare(tb, e), http.MethodGet, statsPath+"?stream=1", sampleCount, true)
			}},
		}},
	}
}

func decoder[T any](values [][]byte) func(testing.TB) func() error {
	return func(testing.TB) func() error {
		text := bytes.Join(values, nil)
		var source bytes.Reader
		return func() error {
			source.Reset(text)
			n := 0
			for _, err := range streams.JSON[T](onlyReader{&source}) {
				if err != nil {
					return err
				}
				n++
			}
			return equal("values", len(values), n)
		}
	}
}

func jsonDecoder[T any](values [][]byte) func(testing.TB) func() error {
	return func(testing.TB) func() error {
		text := bytes.Join(values, nil)
		var source bytes.Reader
		return func() error {
			source.Reset(text)
			n, err := decodeAll[T](onlyReader{&source})
			if err != nil {
				return err
			}
			return equal("values", len(values), n)
		}
	}
}

// decodeAll decodes values to the end and tells how many there were.
func decodeAll[T any](r io.Reader) (int, error) {
	d := json.NewDecoder(r)
	for n := 0; ; n++ {
		var v T
		if err := d.Decode(&v); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

func cleatEvents(tb testing.TB, c *docker.Client) func() error {
	return func() error {
		feed, err := c.Events(tb.Context(), nil)
		if err != nil {
			return err
		}
		n := 0
		for _, err := range feed.All() {
			if err != nil {
				return err
			}
			if n++; n == eventCount {
				break
			}
		}
		return equal("events", eventCount, n)
	}
}

func mobyEvents(tb testing.TB, c *client.Client) func() error {
	return func() error {
		ctx, cancel := context.WithCancel(tb.Context())
		defer cancel()
		feed := c.Events(ctx, client.EventsListOptions{})
		for range eventCount {
			select {
			case <-feed.Messages:
			case err := <-feed.Err:
				return err
			}
		}
		return nil
	}
}

func cleatStats(tb testing.TB, c *docker.Client) func() error {
	return func() error {
		feed, err := c.ContainerStats(tb.Context(), "web")
		if err != nil {
			return err
		}
		n := 0
		for _, err := range feed.All() {
			if err != nil {
				return err
			}
			n++
		}
		return equal("samples", sampleCount, n)
	}
}

func mobyStats(tb testing.TB, c *client.Client) func() error {
	return func() error {
		feed, err := c.ContainerStats(tb.Context(), "web", client.ContainerStatsOptions{Stream: true})
		if err != nil {
			return err
		}
		defer feed.Body.Close()
		n, err := decodeAll[container.StatsResponse](feed.Body)
		if err != nil {
			return err
		}
		return equal("samples", sampleCount, n)
	}
}

func fsouzaStats(tb testing.TB, c *godocker.Client) func() error {
	return func() error {
		feed, failed := make(chan *godocker.Stats), make(chan error, 1)
		go func() {
			failed <- c.Stats(godocker.StatsOptions{ID: "web", Stats: feed, Stream: true, Context: tb.Context()})
		}()
		n := 0
		for range feed {
			n++
		}
		if err := <-failed; err != nil {
			return err
		}
		return equal("samples", sampleCount, n)
	}
}
