package docker

import (
	"encoding/json"
	"sync"

	"github.com/cleat-go/docker/internal/jsonscan"
)

// wireDecoder decodes the messages that come by the thousand.
type wireDecoder struct {
	jsonscan.Scanner
	texts   jsonscan.Strings // common texts, so that each is allocated once
	pairs   []string         // of the map that is being read
	counts  []uint64
	entries []BlkioEntry
}

var wireDecoders = sync.Pool{New: func() any { return new(wireDecoder) }}

// decodeWire runs read on data with a decoder of the pool.
func decodeWire(data []byte, read func(*wireDecoder)) error {
	d := wireDecoders.Get().(*wireDecoder)
	d.Reset(data)
	read(d)
	err := d.End()
	d.release()
	return err
}

// release gives d back, unless a large message has made it large.
func (d *wireDecoder) release() {
	d.Reset(nil)
	clear(d.pairs[:cap(d.pairs)])
	if cap(d.pairs) <= 1024 && cap(d.counts) <= 4096 && cap(d.entries) <= 1024 {
		wireDecoders.Put(d)
	}
}

// text reads a string that is likely to come again.
func (d *wireDecoder) text() string { return d.Intern(&d.texts) }

// textMap reads an object of strings; null is nil.
func (d *wireDecoder) textMap() map[string]string {
	if d.Null() {
		return nil
	}
	d.pairs = d.pairs[:0]
	for key := range d.Object {
		d.pairs = append(d.pairs, d.texts.Intern(key))
		d.pairs = append(d.pairs, d.text())
	}
	m := make(map[string]string, len(d.pairs)/2)
	for i := 0; i < len(d.pairs); i += 2 {
		m[d.pairs[i]] = d.pairs[i+1]
	}
	return m
}

// eventWire is an Event as the API writes it.
type eventWire struct {
	Type     EventType
	Action   string
	Actor    EventActor
	Scope    EventScope `json:"scope"`
	Time     int64      `json:"time"`     // seconds
	TimeNano int64      `json:"timeNano"` // the same time in nanoseconds
}

// event is w with one time in place of two.
func (w *eventWire) event() Event {
	e := Event{Type: w.Type, Action: w.Action, Actor: w.Actor, Scope: w.Scope}
	if e.Time = unixTime(0, w.TimeNano); w.TimeNano == 0 {
		e.Time = unixTime(w.Time, 0)
	}
	return e
}

// MarshalJSON writes an event as engines do.
func (e Event) MarshalJSON() ([]byte, error) {
	w := eventWire{Type: e.Type, Action: e.Action, Actor: e.Actor, Scope: e.Scope}
	if !e.Time.IsZero() {
		w.Time, w.TimeNano = e.Time.Unix(), e.Time.UnixNano()
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads an event.
func (e *Event) UnmarshalJSON(data []byte) error {
	var w eventWire
	err := decodeWire(data, func(d *wireDecoder) { d.event(&w) })
	*e = w.event()
	return err
}

func (d *wireDecoder) event(w *eventWire) {
	for key := range d.Object {
		switch string(key) {
		case "Type":
			w.Type = EventType(d.text())
		case "Action":
			w.Action = d.text()
		case "Actor":
			d.actor(&w.Actor)
		case "scope":
			w.Scope = EventScope(d.text())
		case "time":
			w.Time = d.Int64()
		case "timeNano":
			w.TimeNano = d.Int64()
		}
	}
}

func (d *wireDecoder) actor(a *EventActor) {
	for key := range d.Object {
		switch string(key) {
		case "ID":
			a.ID = d.text()
		case "Attributes":
			a.Attributes = d.textMap()
		}
	}
}
