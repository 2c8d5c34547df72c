package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/cleat-go/docker/errdefs"
)

// The API versions that this module knows. An engine that is older than the floor is
// refused, one that is newer than the ceiling is spoken to in the ceiling's version.
const (
	MinAPIVersion = "1.40"
	MaxAPIVersion = "1.56"
)

// apiVersion is the minor number of a version 1.x: 44 for 1.44.
type apiVersion int

func parseAPIVersion(text string) (apiVersion, error) {
	minor, ok := strings.CutPrefix(strings.TrimPrefix(text, "v"), "1.")
	n, err := strconv.ParseUint(minor, 10, 16)
	if !ok || err != nil {
		return 0, invalid("the API version %q is not of the form 1.44", text)
	}
	return apiVersion(n), nil
}

// mustVersion parses the versions that stand in this module.
func mustVersion(text string) apiVersion {
	v, err := parseAPIVersion(text)
	if err != nil {
		panic(err)
	}
	return v
}

var minAPI, maxAPI = mustVersion(MinAPIVersion), mustVersion(MaxAPIVersion)

func (v apiVersion) String() string { return "1." + strconv.Itoa(int(v)) }

// Ping is what an engine says of itself without being asked anything else.
type Ping struct {
	APIVersion     string // the newest that it speaks
	OSType         string // of its containers: linux or windows
	BuilderVersion string // the builder that it prefers: "2" is BuildKit, "1" the classic one
	Experimental   bool
	Swarm          SwarmState
	Server         string // the Server header, "Docker/28.5.2 (linux)"
}

// SwarmState is an engine's part in a swarm, as its ping tells it (API 1.41).
type SwarmState struct {
	State   string // inactive, pending, error, locked or active; empty where it was not told
	Manager bool   // an active manager
}

// Ping asks the engine whether it is there and what it speaks. It uses no version
// prefix, so that every engine understands it, and its answer is not kept.
//
//docker:operation HEAD /_ping
//docker:operation GET /_ping
func (c *Client) Ping(ctx context.Context) (*Ping, error) {
	answer, err := c.ping(ctx, "HEAD /_ping")
	if err == nil || !errors.Is(err, errdefs.ErrRefused) {
		return answer, err
	}
	return c.ping(ctx, "GET /_ping") // a HEAD has no body to say why
}

// ping takes an answer with a version for one, whatever its status: an engine that is
// not well still says what it speaks.
func (c *Client) ping(ctx context.Context, op string) (*Ping, error) {
	r := newRequest(op)
	resp, err := c.roundTrip(ctx, r, c.httpRequest(ctx, r, ""))
	if err != nil {
		return nil, err
	}
	if version := resp.Header.Get("Api-Version"); version != "" {
		c.discard(resp)
		return pingFrom(resp.Header), nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, r.refusal(resp)
	}
	resp.Body.Close()
	return nil, &Error{
		Method: r.method, Path: r.path, Status: resp.StatusCode, class: errdefs.ErrRefused,
		Message: "the answer to the ping names no API version: this is not a Docker Engine",
	}
}

func pingFrom(h http.Header) *Ping {
	p := &Ping{
		APIVersion:     h.Get("Api-Version"),
		OSType:         h.Get("Ostype"),
		BuilderVersion: h.Get("Builder-Version"),
		Experimental:   h.Get("Docker-Experimental") == "true",
		Server:         h.Get("Server"),
	}
	state, role, _ := strings.Cut(h.Get("Swarm"), "/")
	p.Swarm = SwarmState{State: state, Manager: role == "manager"}
	return p
}

// engine is what was agreed with the engine.
type engine struct {
	ping    *Ping // nil where the version is pinned
	version apiVersion
	prefix  string // of the paths
}

// negotiation makes the agreement once for all callers, and again when the engine
// turns out to be another one.
type negotiation struct {
	mu      sync.Mutex
	agreed  *engine
	pending *attempt
}

// attempt is a negotiation under way. It ends early when nobody waits for it.
type attempt struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiters int
	engine  *engine
	err     error
}

// engine returns what was agreed, and agrees first where nothing is. A failure is the
// failure of all that wait now, and is not kept.
func (c *Client) engine(ctx context.Context) (*engine, error) {
	n := &c.negotiation
	n.mu.Lock()
	if n.agreed != nil {
		defer n.mu.Unlock()
		return n.agreed, nil
	}
	a := n.pending
	if a == nil {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		a = &attempt{done: make(chan struct{}), cancel: cancel}
		n.pending = a
		go c.agree(shared, a)
	}
	a.waiters++
	n.mu.Unlock()
	select {
	case <-a.done:
		return a.engine, a.err
	case <-ctx.Done():
		n.leave(a)
		return nil, errdefs.Cancelled(ctx)
	}
}

// agree pings and settles the attempt.
func (c *Client) agree(ctx context.Context, a *attempt) {
	defer a.cancel()
	ping, err := c.Ping(ctx)
	if err == nil {
		a.engine, err = agreement(ping)
	}
	a.err = err
	n := &c.negotiation
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending == a {
		n.pending, n.agreed = nil, a.engine
	}
	close(a.done)
}

// leave takes one caller off an attempt. The last one ends it.
func (n *negotiation) leave(a *attempt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.waiters--; a.waiters == 0 && n.pending == a {
		n.pending = nil
		a.cancel()
	}
}

// agreement chooses the newest version that both sides know.
func agreement(p *Ping) (*engine, error) {
	theirs, err := parseAPIVersion(p.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("the engine's ping: %w", err)
	}
	if theirs < minAPI {
		return nil, unsupported("the engine speaks API %s at most, and this client %s at least", theirs, minAPI)
	}
	v := min(theirs, maxAPI)
	return &engine{ping: p, version: v, prefix: v.String()}, nil
}

// observe forgets the agreement when an answer names another version than the engine's
// ping did: it was replaced, and the next call asks anew.
func (c *Client) observe(e *engine, answer http.Header) {
	if e.ping == nil {
		return
	}
	if now := answer.Get("Api-Version"); now != "" && now != e.ping.APIVersion {
		c.forget(e)
	}
}

func (c *Client) forget(e *engine) {
	c.negotiation.mu.Lock()
	defer c.negotiation.mu.Unlock()
	if c.negotiation.agreed == e && e.ping != nil {
		c.negotiation.agreed = nil
	}
}

// outgrown tells whether a refusal is only about the version in use, so that another
// negotiation can mend it.
func outgrown(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != http.StatusBadRequest {
		return false
	}
	return strings.Contains(e.Message, "client version") &&
		(strings.Contains(e.Message, "is too new") || strings.Contains(e.Message, "is too old"))
}

// APIVersion returns the version in use: the pinned one, or the negotiated one, which
// is negotiated now where it was not yet. An engine older than [MinAPIVersion] is
// [errors.ErrUnsupported].
func (c *Client) APIVersion(ctx context.Context) (string, error) {
	e, err := c.engine(ctx)
	if err != nil {
		return "", err
	}
	return e.prefix, nil
}

// Facts returns what the engine said in the ping of the negotiation, and pings only
// where none was made yet. With a pinned version it always pings.
func (c *Client) Facts(ctx context.Context) (*Ping, error) {
	e, err := c.engine(ctx)
	if err != nil {
		return nil, err
	}
	if e.ping == nil {
		return c.Ping(ctx)
	}
	facts := *e.ping
	return &facts, nil
}
