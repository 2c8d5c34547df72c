package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// collected takes events from a feed until it has seen the last one.
func collected(t *testing.T, feed *EventStream, last string) (all []Event) {
	t.Helper()
	for e, err := range feed.All() {
		require.NoError(t, err)
		all = append(all, *e)
		if e.Action == last {
			break
		}
	}
	return all
}

func actions(events []Event) (all []string) {
	for _, e := range events {
		all = append(all, e.Action)
	}
	return all
}

// ofOurs filters for the events of the test's containers.
func ofOurs(t *testing.T, more Filters) Filters {
	filters := ours(t)
	filters["type"] = []string{"container"}
	for key, values := range more {
		filters[key] = append(filters[key], values...)
	}
	return filters
}

func TestEngineEventsOfALife(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		feed, err := c.Events(ctx, &EventsOptions{Filters: ofOurs(t, nil)})
		require.NoError(t, err)
		run := runOf(t, ctx, c, "sh", "-c", "exit 3")
		require.Error(t, run.Run())
		all := collected(t, feed, "destroy")
		require.Equal(t, []string{"create", "attach", "start", "die", "destroy"}, actions(all))
		for i, e := range all {
			require.Equal(t, EventContainer, e.Type)
			require.Equal(t, run.ID, e.Actor.ID)
			require.Equal(t, EventLocal, e.Scope)
			require.Equal(t, baseImage, e.Actor.Attributes["image"])
			require.Equal(t, mark(t), e.Actor.Attributes[markKey])
			require.True(t, i == 0 || e.Time.After(all[i-1].Time))
		}
		require.Equal(t, "3", all[3].Actor.Attributes["exitCode"])
	})
}

func TestEngineEventsOfActions(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		feed, err := c.Events(ctx, &EventsOptions{Filters: ofOurs(t, nil)})
		require.NoError(t, err)
		next, stop := iter.Pull2(feed.All())
		defer stop()
		id := sleeping(t, c)
		for _, step := range []struct {
			act  func() error
			want []string
		}{
			{func() error { return nil }, []string{"create", "start"}},
			{
				func() error { return c.ContainerExec(ctx, id, "test", "-d", "/").Run() },
				[]string{"exec_create: test -d /", "exec_start: test -d /", "exec_die"},
			},
			{
				func() error {
					return second(c.ContainerUpdate(ctx, id, &ContainerUpdateOptions{Resources: Resources{CPUShares: 77}}))
				},
				[]string{"update"},
			},
			{func() error { return c.ContainerRename(ctx, id, unique("renamed")) }, []string{"rename"}},
			{func() error { return c.ContainerKill(ctx, id, nil) }, []string{"kill", "die"}},
			{func() error { return c.ContainerRemove(ctx, id, nil) }, []string{"destroy"}},
		} {
			require.NoError(t, step.act())
			for _, want := range step.want {
				e, err, ok := next()
				require.True(t, ok)
				require.NoError(t, err)
				require.Equal(t, want, e.Action)
				require.Equal(t, id, e.Actor.ID)
			}
		}
	})
}

func TestEngineEventsSinceUntil(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		now := func() time.Time {
			info, err := c.Info(ctx, nil)
			require.NoError(t, err)
			return info.SystemTime.Time
		}
		begin := now()
		first, second := created(t, c, nil, "true"), created(t, c, nil, "true")
		ids := func(since, until time.Time) (all []string) {
			feed, err := c.Events(ctx, &EventsOptions{Since: since, Until: until, Filters: ofOurs(t, nil)})
			require.NoError(t, err)
			for e, err := range feed.All() {
				require.NoError(t, err)
				all = append(all, e.Actor.ID)
			}
			return all
		}
		require.Equal(t, []string{first, second}, ids(begin, now()))
		require.Empty(t, ids(begin.Add(-time.Hour), begin))
		require.Empty(t, ids(time.Time{}, now().Add(300*time.Millisecond)), "from now on nothing happens")
	})
}

func TestEngineEventsFilters(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		feed, err := c.Events(ctx, &EventsOptions{Filters: ofOurs(t, Filters{"event": {"die", "destroy"}})})
		require.NoError(t, err)
		require.NoError(t, runOf(t, ctx, c, "true").Run())
		require.Equal(t, []string{"die", "destroy"}, actions(collected(t, feed, "destroy")))
	})
}

func TestEngineEventsOfAnImage(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("event")+":1"
		feed, err := c.Events(ctx, &EventsOptions{Filters: Filters{"type": {"image"}}})
		require.NoError(t, err)
		require.NoError(t, c.ImageTag(ctx, baseImage, name))
		_, err = c.ImageRemove(ctx, name, nil)
		require.NoError(t, err)
		tagged := false
		for e, err := range feed.All() {
			require.NoError(t, err)
			require.Equal(t, EventImage, e.Type)
			tagged = tagged || e.Action == "tag" && e.Actor.Attributes["name"] == name
			if tagged && e.Action == "untag" {
				break
			}
		}
		require.True(t, tagged)
	})
}

func TestEngineEventsTwoFeeds(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		var feeds [2]*EventStream
		for i := range feeds {
			var err error
			feeds[i], err = c.Events(ctx, &EventsOptions{Filters: ofOurs(t, nil)})
			require.NoError(t, err)
		}
		require.NoError(t, runOf(t, ctx, c, "true").Run())
		for _, feed := range feeds {
			require.Equal(t, []string{"create", "attach", "start", "die", "destroy"}, actions(collected(t, feed, "destroy")))
		}
	})
}

func TestEngineEventsClosed(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		feed, err := c.Events(engineContext(t), &EventsOptions{Filters: ofOurs(t, nil), Retry: RetryForever})
		require.NoError(t, err)
		time.AfterFunc(100*time.Millisecond, func() { feed.Close() })
		within(t, 5*time.Second, func() { err = drained(feed, nil) })
		require.NoError(t, err)
		require.NoError(t, feed.Close())
	})
}

// cutter is a proxy before an engine whose connections can be cut.
type cutter struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

// newCutter returns a proxy, and a client that reaches c's engine through it.
func newCutter(t *testing.T, c *Client) (*cutter, *Client) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &cutter{Listener: ln}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.relay(from, c.host.network, c.host.addr) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		p.cut()
		serving.Wait()
	})
	return p, sibling(t, c, WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", ln.Addr().String())
	}))
}

func (p *cutter) relay(from net.Conn, network, addr string) {
	defer from.Close()
	to, err := net.Dial(network, addr)
	if err != nil {
		return
	}
	defer to.Close()
	p.mu.Lock()
	p.open = append(p.open, from, to)
	p.mu.Unlock()
	go func() {
		io.Copy(plain{to}, from) //nolint:errcheck // it is cut on purpose
		to.Close()
	}()
	io.Copy(plain{from}, to) //nolint:errcheck // it is cut on purpose
}

// plain hides that the kernel could copy, which keeps descriptors for later.
type plain struct{ io.Writer }

// cut ends all connections.
func (p *cutter) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.open {
		conn.Close()
	}
	p.open = nil
}

func TestEngineEventsSurviveCuts(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		const containers, cuts = 50, 7
		ctx, prefix := engineContext(t), unique("cut")
		proxy, through := newCutter(t, c)
		reconnected := 0
		feed, err := through.Events(ctx, &EventsOptions{
			Filters: ofOurs(t, Filters{"event": {"create"}}), Retry: RetryForever,
			OnReconnect: func(context.Context) error { reconnected++; return nil },
		})
		require.NoError(t, err)
		var got []string
		var follower sync.WaitGroup
		follower.Go(func() {
			for e, err := range feed.All() {
				if err != nil {
					t.Errorf("after %d events: %v", len(got), err)
					return
				}
				if got = append(got, e.Actor.Attributes["name"]); e.Actor.Attributes["name"] == prefix+"-last" {
					return
				}
			}
		})
		defer follower.Wait()
		defer feed.Close()

		var want []string
		for i := range containers {
			want = append(want, prefix+"-"+strconv.Itoa(i))
			if i%cuts == cuts/2 {
				go proxy.cut()
			}
			created(t, c, &ContainerCreateOptions{Name: want[i]}, "true")
		}
		want = append(want, prefix+"-last")
		created(t, c, &ContainerCreateOptions{Name: prefix + "-last"}, "true")
		within(t, 20*time.Second, follower.Wait)
		require.Equal(t, want, got)
		require.Positive(t, reconnected)
	})
}

func TestEngineEventsCutWithoutRetry(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		proxy, through := newCutter(t, c)
		feed, err := through.Events(engineContext(t), &EventsOptions{Filters: ofOurs(t, nil)})
		require.NoError(t, err)
		created(t, c, nil, "true")
		n := 0
		for e, err := range feed.All() {
			if n++; n == 1 {
				require.NoError(t, err)
				require.Equal(t, "create", e.Action)
				proxy.cut()
				continue
			}
			errorsIs(t, err, errdefs.ErrTruncated, io.ErrUnexpectedEOF)
		}
		require.Equal(t, 2, n, "an event and an error")
	})
}

func TestEngineEventsReconnectRefused(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		proxy, through := newCutter(t, c)
		enough := errors.New("the list failed")
		feed, err := through.Events(engineContext(t), &EventsOptions{
			Filters: ofOurs(t, nil), Retry: RetryForever,
			OnReconnect: func(context.Context) error { return enough },
		})
		require.NoError(t, err)
		time.AfterFunc(50*time.Millisecond, proxy.cut)
		require.ErrorIs(t, drained(feed, nil), enough)

		tries := 0
		feed, err = through.Events(engineContext(t), &EventsOptions{
			Filters: ofOurs(t, nil),
			Retry: func(try int, err error) (time.Duration, bool) {
				tries = try
				return time.Millisecond, try < 4
			},
		})
		require.NoError(t, err)
		proxy.Close()
		proxy.cut()
		err = drained(feed, nil)
		errorsIs(t, err, errdefs.ErrUnavailable, errdefs.ErrNotSent)
		require.Equal(t, 4, tries, fmt.Sprint(err))
	})
}

func TestEngineStreamsThatAreCut(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := started(t, c, nil, "sh", "-c", "echo ready; sleep 1000")
		hears(t, c, id, "ready")
		for name, call := range map[string]func(c *Client) error{
			"logs": func(c *Client) error {
				logs, err := c.ContainerLogs(ctx, id, &ContainerLogsOptions{Follow: true})
				require.NoError(t, err)
				return logs.Copy(nil, nil)
			},
			"wait": func(c *Client) error {
				exit, err := c.ContainerWait(ctx, id, nil)
				require.NoError(t, err)
				_, err = exit.Code()
				return err
			},
			"stats": func(c *Client) error { return sampled(c.ContainerStats(ctx, id)) },
		} {
			t.Run(name, func(t *testing.T) {
				proxy, through := newCutter(t, c)
				timer := time.AfterFunc(200*time.Millisecond, proxy.cut)
				defer timer.Stop()
				errorsIs(t, call(through), errdefs.ErrTruncated, io.ErrUnexpectedEOF)
			})
		}
		require.True(t, stateOf(t, c, id).Running)
	})
}
