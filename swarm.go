package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cleat-go/docker/errdefs"
)

// setVersion adds the version that an update is based on.
func (r *request) setVersion(version ObjectVersion) {
	if version.Index == 0 {
		r.fail(invalid("the version is zero; an update is based on that of an inspect or a list"))
	}
	r.add("version", strconv.FormatUint(version.Index, 10))
}

// conflicting gives the refusal of an update that is based on an old version its kind.
// Engines answer it with status 500, so that only the words tell.
func conflicting(err error) error {
	if refused, ok := errors.AsType[*Error](err); ok && strings.Contains(refused.Message, "update out of sequence") {
		refused.kind = errdefs.ErrConflict
	}
	return err
}

// SwarmInspectOptions say what an inspect adds.
type SwarmInspectOptions struct {
	Raw *json.RawMessage // where not nil, receives the answer as it came, join tokens too
}

// SwarmInspect returns the cluster that the engine manages. An engine that is no
// manager is errdefs.ErrUnavailable. Nil options return no raw JSON.
//
//docker:operation GET /swarm
func (c *Client) SwarmInspect(ctx context.Context, opts *SwarmInspectOptions) (*Swarm, error) {
	return fetchRaw[Swarm](ctx, c, newRequest("GET /swarm"), value(opts).Raw)
}

// What nodes use that are not told another. Engines have no defaults for these: with
// pools and no size of subnets, a cluster's networks fail later.
const (
	defaultListenAddr = "0.0.0.0:2377"
	defaultSubnetSize = 24
)

// SwarmInitOptions are the settings of a new cluster. An address can be that of an
// interface by its name.
type SwarmInitOptions struct {
	ListenAddr       string           // for managers; empty is 0.0.0.0:2377
	AdvertiseAddr    string           // how other nodes reach this one; may be empty where the host has one address
	DataPathAddr     string           `json:",omitempty"` // for the traffic of networks; empty is AdvertiseAddr
	DataPathPort     uint32           `json:",omitempty"` // UDP, for the traffic of networks; 0 is 4789
	DefaultAddrPool  []netip.Prefix   `json:",omitempty"` // for subnets of networks; none is 10.0.0.0/8
	SubnetSize       uint32           `json:",omitempty"` // bits of the mask of the subnets of DefaultAddrPool; 0 is 24
	ForceNewCluster  bool             `json:",omitempty"` // make one of this node's state, without the other managers
	Availability     NodeAvailability `json:",omitempty"` // of this node; empty is NodeActive
	AutoLockManagers bool             `json:",omitempty"` // has no effect in engines; Spec.EncryptionConfig has
	Spec             SwarmSpec        `json:",omitzero"`
}

// LogValue hides the key of the CA.
func (o SwarmInitOptions) LogValue() slog.Value { return redacted(o) }

// SwarmInit makes a cluster with the engine as its first manager, and returns the ID of
// that node. Nil options let the engine find its address. An engine that is part of a
// cluster already is errdefs.ErrUnavailable.
//
//docker:operation POST /swarm/init
func (c *Client) SwarmInit(ctx context.Context, opts *SwarmInitOptions) (string, error) {
	o, r := value(opts), newRequest("POST /swarm/init")
	o.ListenAddr = cmp.Or(o.ListenAddr, defaultListenAddr)
	if len(o.DefaultAddrPool) > 0 {
		o.SubnetSize = cmp.Or(o.SubnetSize, defaultSubnetSize)
	}
	var id string
	err := c.call(ctx, r.json(o), &id)
	return id, err
}

// SwarmJoinOptions are the place of a node in the cluster that it joins. An address can
// be that of an interface by its name. They print without the token.
type SwarmJoinOptions struct {
	RemoteAddrs   []string         // of managers, at least one
	JoinToken     string           // of [Swarm.JoinTokens]; says whether it joins as a worker or a manager
	ListenAddr    string           // for managers; empty is 0.0.0.0:2377
	AdvertiseAddr string           // how other nodes reach this one; empty is as the managers see it
	DataPathAddr  string           `json:",omitempty"` // for the traffic of networks; empty is AdvertiseAddr
	Availability  NodeAvailability `json:",omitempty"` // empty is NodeActive
}

// Format hides the token.
func (o SwarmJoinOptions) Format(s fmt.State, verb rune) {
	type plain SwarmJoinOptions
	o.JoinToken = hidden(o.JoinToken)
	fmt.Fprintf(s, fmt.FormatString(s, verb), plain(o))
}

// LogValue hides the token.
func (o SwarmJoinOptions) LogValue() slog.Value { return redacted(o) }

// SwarmJoin makes the engine a node of a cluster. The options name a manager and have
// the token. An engine that is part of a cluster already, and one that got no answer of
// a manager in 20 seconds, is errdefs.ErrUnavailable; the latter goes on trying. Nil
// options name no manager and are refused.
//
//docker:operation POST /swarm/join
func (c *Client) SwarmJoin(ctx context.Context, opts *SwarmJoinOptions) error {
	o, r := value(opts), newRequest("POST /swarm/join")
	if len(o.RemoteAddrs) == 0 {
		r.fail(invalid("no manager to join is named"))
	}
	if o.JoinToken == "" {
		r.fail(invalid("the join token is empty"))
	}
	o.ListenAddr = cmp.Or(o.ListenAddr, defaultListenAddr)
	return c.call(ctx, r.json(o), nil)
}

// SwarmLeaveOptions say what may be lost.
type SwarmLeaveOptions struct {
	Force bool // a manager too, be it the last one or needed by the others
}

// SwarmLeave takes the engine out of its cluster. Nil options refuse that to a manager,
// with errdefs.ErrUnavailable; so does an engine without a cluster.
//
//docker:operation POST /swarm/leave
func (c *Client) SwarmLeave(ctx context.Context, opts *SwarmLeaveOptions) error {
	r := newRequest("POST /swarm/leave")
	r.set("force", value(opts).Force)
	return c.call(ctx, r, nil)
}

// SwarmUpdateOptions replace what gives access to the cluster.
type SwarmUpdateOptions struct {
	RotateWorkerToken      bool
	RotateManagerToken     bool
	RotateManagerUnlockKey bool
}

// SwarmUpdate replaces the settings of the cluster. The version is that of the inspect
// which the settings are from; one that has been updated since is errdefs.ErrConflict.
// Nil options keep the tokens and the key.
//
//docker:operation POST /swarm/update
func (c *Client) SwarmUpdate(ctx context.Context, version ObjectVersion, spec SwarmSpec, opts *SwarmUpdateOptions) error {
	o, r := value(opts), newRequest("POST /swarm/update")
	r.setVersion(version)
	r.set("rotateWorkerToken", o.RotateWorkerToken)
	r.set("rotateManagerToken", o.RotateManagerToken)
	r.set("rotateManagerUnlockKey", o.RotateManagerUnlockKey)
	return conflicting(c.call(ctx, r.json(spec), nil))
}

// SwarmUnlockKey returns the key that unlocks a restarted manager. It is empty unless
// the managers are locked when they stop. An engine that is no manager is
// errdefs.ErrUnavailable.
//
//docker:operation GET /swarm/unlockkey
func (c *Client) SwarmUnlockKey(ctx context.Context) (string, error) {
	answer, err := fetch[swarmKey](ctx, c, newRequest("GET /swarm/unlockkey"))
	return value(answer).UnlockKey, err
}

// swarmKey is the body of both calls about the key.
type swarmKey struct{ UnlockKey string }

// SwarmUnlock lets a manager that was restarted go on. One that is not locked is
// errdefs.ErrConflict.
//
//docker:operation POST /swarm/unlock
func (c *Client) SwarmUnlock(ctx context.Context, key string) error {
	r := newRequest("POST /swarm/unlock")
	if key == "" {
		r.fail(invalid("the unlock key is empty"))
	}
	return c.call(ctx, r.json(swarmKey{key}), nil)
}
