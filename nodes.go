package docker

import (
	"context"
	"encoding/json"
)

// Node is an engine of the cluster.
type Node struct {
	ID string
	ObjectMeta
	Spec          NodeSpec
	Description   NodeDescription
	Status        NodeStatus
	ManagerStatus *ManagerStatus `json:",omitempty"` // nil unless it is a manager
}

// NodeSpec is what is asked of a node.
type NodeSpec struct {
	Name         string            `json:",omitempty"`
	Labels       map[string]string `json:",omitempty"` // as constraints name them: node.labels.KEY
	Role         NodeRole          `json:",omitempty"` // never empty in an update
	Availability NodeAvailability  `json:",omitempty"` // never empty in an update
}

// NodeRole is what a node does for the cluster.
type NodeRole string

// The roles of nodes.
const (
	NodeWorker  NodeRole = "worker"
	NodeManager NodeRole = "manager"
)

// NodeAvailability is whether a node runs tasks.
type NodeAvailability string

// The availabilities of nodes.
const (
	NodeActive NodeAvailability = "active"
	NodePause  NodeAvailability = "pause" // no new tasks
	NodeDrain  NodeAvailability = "drain" // no tasks
)

// NodeDescription is what a node tells of itself.
type NodeDescription struct {
	Hostname  string           `json:",omitempty"`
	Platform  NodePlatform     `json:",omitzero"`
	Resources ClusterResources `json:",omitzero"`
	Engine    NodeEngine       `json:",omitzero"`
	TLSInfo   TLSInfo          `json:",omitzero"`
	CSIInfo   []NodeCSIInfo    `json:",omitempty"` // API 1.42
}

// NodePlatform is what a node's programs are made for.
type NodePlatform struct {
	Architecture string `json:",omitempty"` // "x86_64", "aarch64", ...
	OS           string `json:",omitempty"`
}

// ClusterResources is what a node has, or what a task needs of it.
type ClusterResources struct {
	NanoCPUs         int64             `json:",omitempty"` // 1e-9 CPUs
	MemoryBytes      int64             `json:",omitempty"`
	GenericResources []GenericResource `json:",omitempty"`
}

// NodeEngine is the engine of a node.
type NodeEngine struct {
	EngineVersion string            `json:",omitempty"`
	Labels        map[string]string `json:",omitempty"`
	Plugins       []NodePlugin      `json:",omitempty"`
}

// NodePlugin is a driver that a node has.
type NodePlugin struct {
	Type string `json:",omitempty"` // "Log", "Network", "Volume", ...
	Name string `json:",omitempty"`
}

// NodeCSIInfo is a node as a CSI plugin knows it.
type NodeCSIInfo struct {
	PluginName         string    `json:",omitempty"`
	NodeID             string    `json:",omitempty"`
	MaxVolumesPerNode  int64     `json:",omitempty"` // 0 is no limit
	AccessibleTopology *Topology `json:",omitempty"`
}

// NodeStatus is how a node is.
type NodeStatus struct {
	State   NodeState `json:",omitempty"`
	Message string    `json:",omitempty"`
	Addr    string    `json:",omitempty"` // from which it reaches the managers
}

// NodeState is whether a node answers.
type NodeState string

// The states of nodes.
const (
	NodeUnknown      NodeState = "unknown"
	NodeDown         NodeState = "down"
	NodeReady        NodeState = "ready"
	NodeDisconnected NodeState = "disconnected"
)

// ManagerStatus is how a manager is.
type ManagerStatus struct {
	Leader       bool         `json:",omitempty"`
	Reachability Reachability `json:",omitempty"`
	Addr         string       `json:",omitempty"` // host and port
}

// Reachability is whether the other managers reach one.
type Reachability string

// The reachabilities of managers.
const (
	ManagerUnknown     Reachability = "unknown"
	ManagerUnreachable Reachability = "unreachable"
	ManagerReachable   Reachability = "reachable"
)

// NodeListOptions narrow a list of nodes.
type NodeListOptions struct {
	Filters Filters // id, label, membership, name, node.label, role
}

// NodeList lists the nodes of the cluster. Nil options list all. An engine that is no
// manager is errdefs.ErrUnavailable.
//
//docker:operation GET /nodes
func (c *Client) NodeList(ctx context.Context, opts *NodeListOptions) ([]Node, error) {
	r := newRequest("GET /nodes")
	r.set("filters", value(opts).Filters)
	return list[Node](ctx, c, r)
}

// NodeInspectOptions say what an inspect adds.
type NodeInspectOptions struct {
	Raw *json.RawMessage // where not nil, receives the answer as it came
}

// NodeInspect returns a node by its ID or name. A missing one is errdefs.ErrNotFound,
// an engine that is no manager errdefs.ErrUnavailable. Nil options return no raw JSON.
//
//docker:operation GET /nodes/{id}
func (c *Client) NodeInspect(ctx context.Context, id string, opts *NodeInspectOptions) (*Node, error) {
	return fetchRaw[Node](ctx, c, newRequest("GET /nodes/{id}", id), value(opts).Raw)
}

// NodeUpdate replaces what is asked of a node. The version is that of the inspect which
// the spec is from; one that has been updated since is errdefs.ErrConflict. To demote
// the last manager is errdefs.ErrInvalidArgument.
//
//docker:operation POST /nodes/{id}/update
func (c *Client) NodeUpdate(ctx context.Context, id string, version ObjectVersion, spec NodeSpec) error {
	r := newRequest("POST /nodes/{id}/update", id)
	r.setVersion(version)
	return conflicting(c.call(ctx, r.json(spec), nil))
}

// NodeRemoveOptions say which nodes are removed.
type NodeRemoveOptions struct {
	Force bool // one that is not down too
}

// NodeRemove removes a node from the cluster. Nil options remove one that is down. A
// missing one is errdefs.ErrNotFound, a manager or one that is not down
// errdefs.ErrInvalidArgument.
//
//docker:operation DELETE /nodes/{id}
func (c *Client) NodeRemove(ctx context.Context, id string, opts *NodeRemoveOptions) error {
	r := newRequest("DELETE /nodes/{id}", id)
	r.set("force", value(opts).Force)
	return c.call(ctx, r, nil)
}
