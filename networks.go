package docker

import (
	"context"
	"encoding/json"
)

// NetworkListOptions narrow a list of networks.
type NetworkListOptions struct {
	Filters Filters // dangling, driver, id, label, name, scope, type; id and name match parts of them
}

// NetworkList lists networks without what is in them. Nil options list all.
//
//docker:operation GET /networks
func (c *Client) NetworkList(ctx context.Context, opts *NetworkListOptions) ([]Network, error) {
	r := newRequest("GET /networks")
	r.set("filters", value(opts).Filters)
	return list[Network](ctx, c, r)
}

// NetworkInspectOptions say which network is meant and what an inspect adds.
type NetworkInspectOptions struct {
	Scope   NetworkScope     // empty is any
	Verbose bool             // fill in Services, with their tasks on all nodes
	Raw     *json.RawMessage // where not nil, receives the answer as it came
}

// NetworkInspect returns a network with what is in it. A missing one is
// errdefs.ErrNotFound, a name that several have errdefs.ErrInvalidArgument. Nil options
// look in every scope.
//
//docker:operation GET /networks/{id}
func (c *Client) NetworkInspect(ctx context.Context, id string, opts *NetworkInspectOptions) (*Network, error) {
	o, r := value(opts), newRequest("GET /networks/{id}", id)
	r.set("scope", string(o.Scope))
	r.set("verbose", o.Verbose)
	return fetchRaw[Network](ctx, c, r, o.Raw)
}

// NetworkCreateOptions are the settings of a new network. Zero is a bridge with
// addresses of the engine's choice.
type NetworkCreateOptions struct {
	Driver     string            `json:",omitempty"` // empty is the engine's default, bridge
	Scope      NetworkScope      `json:",omitempty"` // empty is the driver's
	Internal   bool              `json:",omitempty"` // without a way out
	Attachable bool              `json:",omitempty"` // of the cluster, and containers that are no tasks may join
	Ingress    bool              `json:",omitempty"` // carries the published ports of the cluster
	ConfigOnly bool              `json:",omitempty"` // only holds settings for others
	ConfigFrom *NetworkSource    `json:",omitempty"` // a network that does
	IPAM       IPAM              `json:",omitzero"`
	EnableIPv4 *bool             `json:",omitempty"` // nil is the engine's default, true (API 1.48)
	EnableIPv6 *bool             `json:",omitempty"` // nil is the engine's default
	Options    map[string]string `json:",omitempty"` // of the driver
	Labels     map[string]string `json:",omitempty"`
}

// networkCreateRequest is the body of a create. Engines below API 1.44 make a second
// network of one name unless they are told to check.
type networkCreateRequest struct {
	Name           string
	CheckDuplicate bool
	NetworkCreateOptions
}

// NetworkCreateResult is a new network.
type NetworkCreateResult struct {
	ID      string `json:"Id"`
	Warning string // empty as a rule
}

// NetworkCreate makes a network. Nil options make a bridge. Errors: errdefs.ErrConflict
// where the name is taken, errdefs.ErrPermissionDenied where it is one of the engine's
// own or the engine is in no cluster and the network would be the cluster's,
// errdefs.ErrNotFound where the engine lacks the driver.
//
//docker:operation POST /networks/create
func (c *Client) NetworkCreate(ctx context.Context, name string, opts *NetworkCreateOptions) (*NetworkCreateResult, error) {
	r := newRequest("POST /networks/create")
	if name == "" {
		r.fail(invalid("the name of the network is empty"))
	}
	return fetch[NetworkCreateResult](ctx, c, r.json(networkCreateRequest{name, true, value(opts)}))
}

// NetworkConnectOptions say how a container joins a network.
type NetworkConnectOptions struct {
	EndpointConfig *EndpointSettings // nil leaves all to the engine
}

// networkConnectRequest is the body of a connect.
type networkConnectRequest struct {
	Container      string
	EndpointConfig *EndpointSettings `json:",omitempty"`
	MacAddress     string            `json:"-"` // that of EndpointConfig, for its gate: a connect heeds it later than a create
}

// NetworkConnect joins a container, running or not, to a network. A MacAddress in the
// options needs API 1.54. Errors: errdefs.ErrNotFound, errdefs.ErrPermissionDenied
// where the container is in the network already, errdefs.ErrInvalidArgument where it
// cannot be in two or the network has no such place. Nil options let the engine choose
// the addresses.
//
//docker:operation POST /networks/{id}/connect
func (c *Client) NetworkConnect(ctx context.Context, id, container string, opts *NetworkConnectOptions) error {
	r := newRequest("POST /networks/{id}/connect", id)
	if container == "" {
		r.fail(invalid("the container is empty"))
	}
	body := networkConnectRequest{Container: container, EndpointConfig: value(opts).EndpointConfig}
	body.MacAddress = value(body.EndpointConfig).MacAddress
	return c.call(ctx, r.json(body), nil)
}

// NetworkDisconnectOptions say how a container leaves a network.
type NetworkDisconnectOptions struct {
	Force bool // also where the container is gone and only its endpoint is left
}

// networkDisconnectRequest is the body of a disconnect.
type networkDisconnectRequest struct {
	Container string
	Force     bool
}

// NetworkDisconnect takes a container, running or not, out of a network. Missing ones
// are errdefs.ErrNotFound. Nil options disconnect a container that exists.
//
//docker:operation POST /networks/{id}/disconnect
func (c *Client) NetworkDisconnect(ctx context.Context, id, container string, opts *NetworkDisconnectOptions) error {
	r := newRequest("POST /networks/{id}/disconnect", id)
	if container == "" {
		r.fail(invalid("the container is empty"))
	}
	return c.call(ctx, r.json(networkDisconnectRequest{container, value(opts).Force}), nil)
}

// NetworkRemove removes a network. A missing one is errdefs.ErrNotFound, one that a
// container is in, or of the engine's own, errdefs.ErrPermissionDenied.
//
//docker:operation DELETE /networks/{id}
func (c *Client) NetworkRemove(ctx context.Context, id string) error {
	return c.call(ctx, newRequest("DELETE /networks/{id}", id), nil)
}

// NetworkPruneOptions narrow what is removed.
type NetworkPruneOptions struct {
	Filters Filters // until, label, label!
}

// NetworkPruneResult is what a prune of networks removed.
type NetworkPruneResult struct {
	NetworksDeleted []string // by name
}

// NetworkPrune removes networks that no container is in, save the engine's own: nil
// options, all of them.
//
//docker:operation POST /networks/prune
func (c *Client) NetworkPrune(ctx context.Context, opts *NetworkPruneOptions) (*NetworkPruneResult, error) {
	r := newRequest("POST /networks/prune")
	r.set("filters", value(opts).Filters)
	return fetch[NetworkPruneResult](ctx, c, r)
}
