package enginetest_test

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
)

// eventsOf notes the actions that a filter lets pass.
func (b *trial) eventsOf(filters docker.Filters) {
	b.Helper()
	feed, err := b.Events(b.ctx, &docker.EventsOptions{Since: b.began, Until: b.now().Add(time.Millisecond), Filters: filters})
	if err != nil {
		b.err("events", err)
		return
	}
	var actions []string
	for ev, err := range feed.All() {
		require.NoError(b, err)
		actions = append(actions, string(ev.Type)+" "+ev.Action)
	}
	b.note("%v: %s", filters, strings.Join(actions, ", "))
}

var eventBehaviours = []behaviour{
	{"filters of events", 0, func(b *trial) {
		id := b.ended("a", "true")
		require.NoError(b, b.ContainerRename(b.ctx, id, b.name("b")))
		require.NoError(b, b.ContainerRemove(b.ctx, id, nil))
		mark := markKey + "=" + b.mark
		for _, f := range []docker.Filters{
			{"container": {id}},
			{"container": {"a-" + b.mark}},
			{"container": {id}, "event": {"start"}},
			{"label": {mark}},
			{"label": {mark}, "type": {"image"}},
			{"label": {mark}, "event": {"die", "destroy"}},
			{"label": {mark}, "image": {"busybox:local"}},
			{"label": {mark}, "scope": {"swarm"}},
			{"label": {mark}, "image": {"busybox"}},
		} {
			b.eventsOf(f)
		}
	}},
	{"what events tell", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) { o.Config.Labels["colour"] = "blue" }, "true")
		b.start(id)
		b.wait(id)
		time.Sleep(500 * time.Millisecond)
		feed, err := b.Events(b.ctx, &docker.EventsOptions{Since: b.began, Until: b.now().Add(time.Millisecond), Filters: docker.Filters{"container": {id}}})
		require.NoError(b, err)
		for ev, err := range feed.All() {
			require.NoError(b, err)
			if ev.Type != docker.EventContainer {
				continue
			}
			var attributes []string
			for name, value := range ev.Actor.Attributes {
				if name != "execDuration" {
					attributes = append(attributes, name+"="+value)
				}
			}
			slices.Sort(attributes)
			b.note("%s %s %s %s %v", ev.Type, ev.Action, ev.Actor.ID, ev.Scope, attributes)
		}
	}},
	{"events as they come", 0, func(b *trial) {
		feed, err := b.Events(b.ctx, &docker.EventsOptions{Filters: docker.Filters{"label": {markKey + "=" + b.mark}, "type": {"container"}}})
		require.NoError(b, err)
		defer feed.Close()
		b.ended("a", "true")
		n := 0
		for ev, err := range feed.All() {
			require.NoError(b, err)
			b.note("%s", ev.Action)
			if n++; n == 3 {
				break
			}
		}
	}},
	{"bad times of events", 0, func(b *trial) {
		b.raw(http.MethodGet, "/events", nil, "since", "20", "until", "10")
		b.raw(http.MethodGet, "/events", nil, "since", "x", "until", "10")
	}},
	{"ping", 0, func(b *trial) {
		ping, err := b.Ping(b.ctx)
		b.err("ping", err)
		b.note("%s %s %t", ping.APIVersion, ping.OSType, ping.Experimental)
	}},
}
