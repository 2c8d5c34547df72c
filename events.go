package docker

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// EventsOptions narrow a feed of events and say what becomes of it when it breaks.
type EventsOptions struct {
	Since, Until time.Time // by the engine's clock; zero is from now on, without end
	Filters      Filters   // config, container, daemon, event, image, label, network, node, plugin, scope, secret, service, type, volume

	// Retry makes the feed again when it breaks; nil ends it with the error. It is
	// called with the number of tries since the last event, from 1 on, and their last
	// error, and says how long to wait, or that it is enough.
	Retry func(try int, err error) (time.Duration, bool)
	// OnReconnect is called when a broken feed was made again. The engine repeats only
	// its last 256 events, and none from before its own start: what happened in
	// between may be missing, so a caller that keeps a state lists it anew here. An
	// error ends the feed.
	OnReconnect func(ctx context.Context) error
}

// RetryForever makes a feed again as long as its context lasts: at once at first, then
// after pauses of up to ten seconds.
func RetryForever(try int, _ error) (time.Duration, bool) {
	if try == 1 {
		return 0, true
	}
	return min(100*time.Millisecond<<min(try-2, 10), 10*time.Second), true
}

// Events opens a feed of what happens in the engine, and returns when the engine has
// answered. Nil options are all events from now on. The caller ranges over
// [EventStream.All], which closes it, or closes it; the context ends it too.
//
// A feed that is made again repeats no event and, where the engine still has them,
// leaves none out.
//
//docker:operation GET /events
func (c *Client) Events(ctx context.Context, opts *EventsOptions) (*EventStream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &EventStream{client: c, ctx: ctx, cancel: cancel, opts: value(opts)}
	if s.since = s.opts.Since; s.since.IsZero() {
		s.since = time.Now()
	}
	if err := s.connect(); err != nil {
		cancel(nil)
		return nil, err
	}
	return s, nil
}

// EventStream is a feed of events.
type EventStream struct {
	client *Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	opts   EventsOptions

	since time.Time // where a new connection begins
	seen  []string  // the events of just that time, which it will repeat
	floor time.Time // events before it are older than the feed, until one is not
	mu    sync.Mutex
	body  *http.Response
	req   *request
}

var errFeedClosed = errors.New("docker: the feed is closed")

// Close ends the feed. It may be called at any time, during a loop too, and more than once.
func (s *EventStream) Close() error {
	s.cancel(errFeedClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Body.Close()
}

// All yields the events as they come. An error is yielded once, last; a feed that
// reached its Until, or was closed, ends without one. Leaving the loop closes the feed.
func (s *EventStream) All() iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		defer s.Close()
		for try := 1; ; try++ {
			more, got, err := s.follow(yield)
			if !more || context.Cause(s.ctx) == errFeedClosed {
				return
			}
			if got {
				try = 1
			}
			if err = s.again(try, err); err != nil {
				if context.Cause(s.ctx) != errFeedClosed {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// follow yields the events of one connection. It tells whether the feed goes on, and
// whether an event came.
func (s *EventStream) follow(yield func(*Event, error) bool) (more, got bool, err error) {
	defer s.body.Body.Close()
	for e, err := range streams.JSONLines[Event](s.body.Body) {
		if err != nil {
			return true, got, s.req.broken(err)
		}
		if s.repeated(&e) {
			continue
		}
		got = true
		if !yield(&e, nil) {
			return false, got, nil
		}
	}
	if until := s.opts.Until; !until.IsZero() {
		return false, got, nil
	}
	return true, got, s.req.broken(errdefs.Truncated(nil)) // a feed without an end has ended
}

// disorder bounds how much earlier than another an event may be that comes after it, unless
// the engine's clock was set back.
const disorder = time.Second

// repeated tells whether an event is older than the feed, or was seen before a
// reconnect, and remembers it.
func (s *EventStream) repeated(e *Event) bool {
	if e.Time.Before(s.floor) {
		return true
	}
	s.floor = time.Time{}
	if s.opts.Retry == nil {
		return false
	}
	key := string(e.Type) + "\x00" + string(e.Action) + "\x00" + e.Actor.ID + "\x00" + strconv.FormatInt(e.Time.UnixNano(), 10)
	if at := e.Time; at.After(s.since) || s.since.Sub(at) > disorder {
		s.since, s.seen = at, append(s.seen[:0], key)
		return false
	}
	if slices.Contains(s.seen, key) {
		return true
	}
	s.seen = append(s.seen, key)
	return false
}

// again makes the feed anew, as often as Retry wants.
func (s *EventStream) again(try int, err error) error {
	for ; ; try++ {
		if s.opts.Retry == nil || s.ctx.Err() != nil {
			return err
		}
		pause, ok := s.opts.Retry(try, err)
		if !ok {
			return err
		}
		select {
		case <-s.ctx.Done():
			return errdefs.Cancelled(s.ctx)
		case <-time.After(pause):
		}
		if err = s.connect(); err == nil {
			break
		}
	}
	if s.opts.OnReconnect == nil {
		return nil
	}
	return s.opts.OnReconnect(s.ctx)
}

// connect opens a connection of the feed.
func (s *EventStream) connect() error {
	r := newRequest("GET /events")
	r.set("since", s.since)
	r.set("until", s.opts.Until)
	r.set("filters", s.opts.Filters)
	resp, err := s.client.exchange(s.ctx, r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.body == nil && s.opts.Since.IsZero() {
		s.begin(resp.Header)
	}
	s.body, s.req = resp, r
	return nil
}

// begin corrects the time from which a feed was asked for. An engine answers before
// it listens for events, so a feed from now on is asked for since this machine's now,
// and the engine makes up for what came in between. A clock of the engine's that is
// ahead would make it repeat the past: then its own time, told in whole seconds, holds.
// One that is behind would have it leave out, on a reconnect, what is to come.
func (s *EventStream) begin(answer http.Header) {
	theirs, err := http.ParseTime(answer.Get("Date"))
	switch ahead := theirs.Sub(s.since); {
	case err != nil:
	case ahead >= time.Second:
		s.floor = theirs
	case ahead <= -time.Second:
		s.since = theirs
	}
}
