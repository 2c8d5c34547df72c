package enginetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// engine is the state of a server: all that outlives a restart. Its mutex guards all of
// it, what hangs on it too. Its methods expect the lock to be held unless they say
// otherwise.
type engine struct {
	mu      sync.Mutex
	minor   atomic.Int32 // the newest API version
	oldest  int
	id      string // of the engine
	began   time.Time
	ctx     context.Context // of all processes
	cancel  context.CancelFunc
	running sync.WaitGroup // of the calls, and of what spawn started
	closed  bool

	events     eventLog
	images     imageStore
	containers containerStore
	networks   networkStore
	volumes    volumeStore
	registry   registry
	plugins    []*plugin
	cluster    *cluster // nil unless it is in one
}

func newEngine(set *settings) (*engine, error) {
	e := &engine{oldest: set.minVersion, began: time.Now(), id: newID()[:24]}
	e.minor.Store(int32(set.version)) //nolint:gosec // two digits
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.initImages()
	e.initContainers()
	e.initNetworks()
	e.initVolumes()
	e.initRegistry(set)
	for _, named := range set.images {
		if err := e.addImage(named.name, named.image); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// apiVersion is the newest version that the engine speaks. It needs no lock.
func (e *engine) apiVersion() int { return int(e.minor.Load()) }

// engineVersion is the engine's release with that API version.
func (e *engine) engineVersion() string {
	releases := map[int]string{
		40: "19.03.15", 41: "20.10.24", 42: "23.0.6", 43: "24.0.9", 44: "25.0.7", 45: "26.1.5", 46: "27.0.3", 47: "27.5.1",
		48: "28.0.4", 49: "28.1.1", 50: "28.2.2", 51: "28.5.2", 52: "29.0.4", 53: "29.1.5",
	}
	if v, ok := releases[e.apiVersion()]; ok {
		return v
	}
	return fmt.Sprintf("29.%d.0", e.apiVersion()-52)
}

// headers are those of every answer. It needs no lock.
func (e *engine) headers() http.Header {
	return http.Header{
		"Api-Version": {"1." + strconv.Itoa(e.apiVersion())},
		"Ostype":      {"linux"},
		"Server":      {"Docker/" + e.engineVersion() + " (linux)"},
	}
}

// spawn runs f in a goroutine that the engine waits for when it is closed. f takes the
// lock itself.
func (e *engine) spawn(f func()) { e.running.Go(f) }

// enter counts a call, until leave; it is false once the engine is closed. They take the lock.
func (e *engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.running.Add(1)
	}
	return !e.closed
}

func (e *engine) leave() { e.running.Done() }

// close ends all processes. It takes the lock.
func (e *engine) close() error {
	e.mu.Lock()
	e.closed = true
	e.killAll()
	e.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		e.running.Wait()
		close(ended)
	}()
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("enginetest: processes still run 5 seconds after their context's end")
	}
}

// broadcast wakes all who wait for a change.
type broadcast struct{ ch chan struct{} }

// changed is closed by the next notify.
func (b *broadcast) changed() <-chan struct{} {
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) notify() {
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// newID makes an identifier of 64 hexadecimal digits that is not a number.
func newID() string {
	for {
		var b [32]byte
		rand.Read(b[:]) //nolint:errcheck // never fails
		id := hex.EncodeToString(b[:])
		if _, err := strconv.ParseInt(id[:12], 10, 64); err != nil {
			return id
		}
	}
}

// short is the identifier that people are shown.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}

// parseTime reads a time of a request: seconds since 1970 with a fraction, RFC 3339, or
// a duration before now. Empty is the zero time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && text != "0" {
		return time.Now().Add(-d), nil
	}
	if strings.Contains(text, "-") {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t, nil
			}
		}
	}
	sec, frac, _ := strings.Cut(text, ".")
	s, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	ns, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	if s == 0 && ns == 0 {
		return time.Time{}, nil
	}
	return time.Unix(s, ns), nil
}
