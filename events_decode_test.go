package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sampleEvents are the events of all engines, as they were sent.
func sampleEvents(t testing.TB) []json.RawMessage {
	var all []json.RawMessage
	for _, file := range []string{"docker-20.10.json", "docker-28.5.json", "docker-28.5-containerd.json", "podman-4.3.json"} {
		var events []json.RawMessage
		require.NoError(t, json.Unmarshal(wireSample(t, file)["events"], &events))
		all = append(all, events...)
	}
	return all
}

// checkEvent compares the decoder with reflection.
func checkEvent(t *testing.T, data []byte) {
	t.Helper()
	var want eventWire
	var got Event
	wantErr, gotErr := json.Unmarshal(data, &want), got.UnmarshalJSON(data)
	if checkErrors(t, data, wantErr, gotErr) {
		require.Equal(t, want.event(), got, "%s", data)
	}
}

// checkErrors reports whether the values are to be compared. The decoder may take what
// reflection refuses, such as 1e3 for an integer, but only if it is JSON.
func checkErrors(t *testing.T, data []byte, want, got error) bool {
	t.Helper()
	if !json.Valid(data) {
		require.Error(t, got, "%s", data)
		return false
	}
	if want == nil {
		require.NoError(t, got, "%s", data)
	}
	return want == nil
}

func TestEventDecode(t *testing.T) {
	for _, data := range sampleEvents(t) {
		checkEvent(t, data)
		for cut := range data {
			require.Error(t, new(Event).UnmarshalJSON(data[:cut]))
		}
	}
	for _, text := range []string{
		`{}`, `null`, ` { "Type" : null , "Actor" : null } `, `{"Actor":{"Attributes":{}}}`, `{"Actor":{"Attributes":{"a":null}}}`,
		`{"Type":5}`, `{"Actor":[]}`, `[]`, `""`, `{"timeNano":1.5}`, `{"time":7}`, `{"time":7,"timeNano":9000000001}`, `{"x":{"y":[1,{}]}}`, `{} x`,
	} {
		checkEvent(t, []byte(text))
	}
}

func TestEventDecodeRandom(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	j := jsonMaker{rand.New(rand.NewPCG(uint64(seed), 1))}
	for range 5000 {
		checkEvent(t, []byte(j.event()))
	}
}

func TestEventEncode(t *testing.T) {
	at := time.Date(2026, 11, 26, 21, 22, 17, 5, time.UTC)
	e := Event{Type: EventContainer, Action: "die", Actor: EventActor{ID: "x", Attributes: map[string]string{"exitCode": "1"}}, Scope: EventLocal, Time: at}
	for _, want := range []Event{e, {}} {
		text, err := json.Marshal(want)
		require.NoError(t, err)
		var got Event
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, want, got)
	}
	text, err := json.Marshal(e)
	require.NoError(t, err)
	require.JSONEq(t, `{"Type":"container","Action":"die","Actor":{"ID":"x","Attributes":{"exitCode":"1"}},"scope":"local","time":1795728137,"timeNano":1795728137000000005}`, string(text))
}

// Decoders that run at the same time share nothing.
func TestEventDecodeConcurrent(t *testing.T) {
	done := make(chan bool)
	for n := range 8 {
		go func() {
			defer func() { done <- true }()
			for i := range 200 {
				id := fmt.Sprint(n, "-", i)
				var e Event
				err := e.UnmarshalJSON([]byte(`{"Actor":{"ID":"` + id + `","Attributes":{"name":"` + id + `"}}}`))
				if err != nil || e.Actor.ID != id || e.Actor.Attributes["name"] != id {
					t.Errorf("got %v, %v", e, err)
				}
			}
		}()
	}
	for range 8 {
		<-done
	}
}

func FuzzEventJSON(f *testing.F) {
	for _, data := range sampleEvents(f) {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if unambiguous(data, eventKeys) {
			checkEvent(t, data)
		}
	})
}

var eventKeys = []string{"Type", "Action", "Actor", "ID", "Attributes", "scope", "time", "timeNano"}

// unambiguous is false for what reflection and the decoder may rightly read in two
// ways: a key twice, or in another case, and very deep nesting.
func unambiguous(data []byte, known []string) bool {
	if bytes.Count(data, []byte("{"))+bytes.Count(data, []byte("[")) > 500 {
		return false
	}
	var keys []map[string]bool // of the open objects; nil for an array
	d := json.NewDecoder(bytes.NewReader(data))
	for isKey := false; ; {
		token, err := d.Token()
		if err != nil {
			return true
		}
		if key, ok := token.(string); ok && isKey {
			object := keys[len(keys)-1]
			folded := slices.ContainsFunc(known, func(k string) bool { return k != key && strings.EqualFold(k, key) })
			if object[key] || folded {
				return false
			}
			object[key], isKey = true, false
			continue
		}
		switch token {
		case json.Delim('{'):
			keys = append(keys, map[string]bool{})
		case json.Delim('['):
			keys = append(keys, nil)
		case json.Delim('}'), json.Delim(']'):
			keys = keys[:len(keys)-1]
		}
		isKey = len(keys) > 0 && keys[len(keys)-1] != nil
	}
}

// jsonMaker makes messages with random values, and some of the wrong type.
type jsonMaker struct{ *rand.Rand }

func (j jsonMaker) event() string {
	return j.object(map[string]func() string{
		"Type": j.text, "Action": j.text, "scope": j.text, "time": j.integer, "timeNano": j.integer,
		"status": j.text, "extra": j.any,
		"Actor": func() string {
			return j.object(map[string]func() string{"ID": j.text, "Attributes": j.textMap, "more": j.any})
		},
	})
}

// object has most of the members, in any order.
func (j jsonMaker) object(members map[string]func() string) string {
	var parts []string
	for name, value := range members {
		if j.IntN(8) == 0 {
			continue
		}
		parts = append(parts, fmt.Sprintf("%q:%s%s", name, j.space(), j.mostly(value)))
	}
	return "{" + j.space() + strings.Join(parts, j.space()+","+j.space()) + "}"
}

func (j jsonMaker) array(element func() string) string {
	parts := make([]string, j.IntN(5))
	for i := range parts {
		parts[i] = j.mostly(element)
	}
	return "[" + strings.Join(parts, ","+j.space()) + "]"
}

// mostly is value, and now and then null or something else.
func (j jsonMaker) mostly(value func() string) string {
	switch j.IntN(200) {
	case 0:
		return j.any()
	case 1, 2, 3:
		return "null"
	}
	return value()
}

func (j jsonMaker) any() string {
	return []string{`5`, `-1.5e3`, `true`, `false`, `"x"`, `[1,[],{}]`, `{"a":{"b":[null]}}`, `{}`}[j.IntN(8)]
}

func (j jsonMaker) space() string { return []string{"", "", "", " ", "\n\t"}[j.IntN(5)] }

func (j jsonMaker) text() string {
	pieces := []string{"a", "exec_create: sh -c", "busybox:local", "ü", "🚀", "\u2028", `\n`, `\"`, `\u00e9`, `\ud83d\ude80`, `\ud800`, `\/`, "", strings.Repeat("long", 50)}
	var b strings.Builder
	for range j.IntN(4) {
		b.WriteString(pieces[j.IntN(len(pieces))])
	}
	return `"` + b.String() + `"`
}

func (j jsonMaker) textMap() string {
	members := map[string]func() string{}
	for range j.IntN(12) {
		members[fmt.Sprint("key", j.IntN(1000))] = j.text
	}
	return j.object(members)
}

func (j jsonMaker) integer() string {
	return []string{"0", "1", "-1", "1795728093", "1795728093001107445", "9223372036854775807", "-9223372036854775808", "9223372036854775808"}[j.IntN(8)]
}

func BenchmarkEventDecode(b *testing.B) {
	events := sampleEvents(b)
	size := 0
	for _, data := range events {
		size += len(data)
	}
	run := func(name string, decode func([]byte) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size / len(events)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := decode(events[i%len(events)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("decoder", func(data []byte) error { return new(Event).UnmarshalJSON(data) })
	run("decoder-in-json", func(data []byte) error { return json.Unmarshal(data, new(Event)) })
	run("reflection", func(data []byte) error { return json.Unmarshal(data, new(eventWire)) })
}
