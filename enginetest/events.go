package enginetest

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

var eventRoutes = table{"GET /events": streamHandler(events)}

// eventRing is how many events are repeated to those who ask.
const eventRing = 256

// eventLog keeps the last events.
type eventLog struct {
	ring    []docker.Event
	first   int // the number of ring[0]
	changed broadcast
}

// emit tells of something that happened: now, to the object id.
func (e *engine) emit(kind docker.EventType, action, id string, attributes map[string]string) {
	e.emitScoped(docker.EventLocal, kind, action, id, attributes)
}

func (e *engine) emitScoped(scope docker.EventScope, kind docker.EventType, action, id string, attributes map[string]string) {
	attributes = maps.Clone(attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	l := &e.events
	l.ring = append(l.ring, docker.Event{
		Type: kind, Action: action, Scope: scope, Time: time.Now(),
		Actor: docker.EventActor{ID: id, Attributes: attributes},
	})
	if extra := len(l.ring) - eventRing; extra > 0 {
		l.ring = slices.Clone(l.ring[extra:])
		l.first += extra
	}
	l.changed.notify()
}

// wireEvent is an event as it is sent.
type wireEvent struct {
	Status   string           `json:"status,omitempty"` // until API 1.51
	ID       string           `json:"id,omitempty"`     // until API 1.51
	From     string           `json:"from,omitempty"`   // until API 1.51
	Type     docker.EventType `json:"Type"`
	Action   string           `json:"Action"`
	Actor    docker.EventActor
	Scope    docker.EventScope `json:"scope"`
	Time     int64             `json:"time"`
	TimeNano int64             `json:"timeNano"`
}

func (c *call) wireEvent(ev *docker.Event) wireEvent {
	w := wireEvent{
		Type: ev.Type, Action: ev.Action, Actor: ev.Actor, Scope: ev.Scope,
		Time: ev.Time.Unix(), TimeNano: ev.Time.UnixNano(),
	}
	if !c.since(52) && (ev.Type == docker.EventContainer || ev.Type == docker.EventImage) {
		w.Status, w.ID, w.From = ev.Action, ev.Actor.ID, ev.Actor.Attributes["image"]
	}
	return w
}

// events sends what happens until the client leaves, or until is reached.
func events(c *call) error {
	since, err := parseTime(c.param("since"))
	if err != nil {
		return err
	}
	until, err := parseTime(c.param("until"))
	if err != nil {
		return err
	}
	if !since.IsZero() && !until.IsZero() && until.Before(since) {
		return badRequest("`since` time (%s) cannot be after `until` time (%s)", c.param("since"), c.param("until"))
	}
	f := filters{} // events take any filter, and heed those that they know
	if text := c.param("filters"); text != "" {
		if f, err = parseFilters(text); err != nil {
			return err
		}
	}
	c.mu.Lock()
	next := c.events.first + len(c.events.ring)
	if !since.IsZero() || !until.IsZero() && !until.After(time.Now()) {
		next = c.events.first
	}
	c.mu.Unlock()
	w, record, err := c.eventStream()
	if err != nil {
		return err
	}
	var over <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		over = timer.C
	}
	for {
		batch, changed := c.eventsFrom(&next)
		for i := range batch {
			ev := &batch[i]
			if !since.IsZero() && ev.Time.Before(since) || !until.IsZero() && ev.Time.After(until) || !f.event(ev) {
				continue
			}
			if err := record(w, c.wireEvent(ev)); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-over:
			return nil
		case <-c.tap.leave:
			return nil
		case <-c.tap.down:
			return nil
		}
	}
}

// eventsFrom are the events from a number on, which moves past them, and what tells of
// more. It takes the lock.
func (e *engine) eventsFrom(next *int) ([]docker.Event, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	log := &e.events
	batch := slices.Clone(log.ring[min(max(*next-log.first, 0), len(log.ring)):])
	*next = log.first + len(log.ring)
	return batch, log.changed.changed()
}

// eventStream begins the answer in the form that the client asked for.
func (c *call) eventStream() (io.Writer, func(io.Writer, any) error, error) {
	kind, lead := "application/json", ""
	if c.since(52) {
		kind = "application/jsonl"
		accepted := c.r.Header.Values("Accept")
		for _, offer := range []string{"application/jsonl", "application/x-ndjson", "application/json-seq"} {
			if strings.Contains(strings.Join(accepted, ","), offer) {
				kind = offer
				break
			}
		}
		if kind == "application/json-seq" {
			lead = "\x1e"
		}
	}
	w, err := c.stream(kind)
	return w, func(w io.Writer, v any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, lead+string(b)+"\n")
		return err
	}, err
}

// event tells whether an event passes.
func (f filters) event(ev *docker.Event) bool {
	a := ev.Actor
	if !f.has("type", string(ev.Type)) || !f.has("scope", string(ev.Scope)) || !f.labels(a.Attributes) {
		return false
	}
	action, _, _ := strings.Cut(ev.Action, ":")
	if !f.any("event", func(v string) bool { return v == action || v == ev.Action }) {
		return false
	}
	for _, kind := range []docker.EventType{
		docker.EventConfig, docker.EventContainer, docker.EventNetwork, docker.EventNode,
		docker.EventPlugin, docker.EventSecret, docker.EventService, docker.EventVolume, docker.EventDaemon,
	} {
		if len(f[string(kind)]) > 0 && (ev.Type != kind || !f.actor(string(kind), a)) {
			return false
		}
	}
	return f.any("image", func(v string) bool {
		if ev.Type == docker.EventImage {
			return sameImage(v, a.ID) || sameImage(v, a.Attributes["name"])
		}
		return sameImage(v, a.Attributes["image"])
	})
}

// actor tells whether an object is one of those of a key.
func (f filters) actor(key string, a docker.EventActor) bool {
	return f.any(key, func(v string) bool {
		return v == a.Attributes["name"] || v != "" && strings.HasPrefix(a.ID, v) || "/"+a.Attributes["name"] == v
	})
}

// sameImage compares two names of images, with or without a tag.
func sameImage(want, have string) bool {
	name, _, _ := strings.Cut(have, ":")
	return want == have || want == name
}
