package enginetest

import (
	"cmp"
	"maps"
	"net"
	"net/http"
	"slices"

	"github.com/cleat-go/docker"
)

// initNode makes the engine the first node of its swarm.
func (cl *cluster) initNode(e *engine, o *docker.SwarmInitOptions) {
	addr := cmp.Or(o.AdvertiseAddr, "127.0.0.1")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(addr, "2377")
	}
	host, _, _ := net.SplitHostPort(addr) //nolint:errcheck // it was joined above
	cl.node = docker.Node{
		ID: newObjectID(), Spec: docker.NodeSpec{Labels: map[string]string{}, Role: docker.NodeManager, Availability: cmp.Or(o.Availability, docker.NodeActive)},
		Description: docker.NodeDescription{
			Hostname: nodeName, Platform: docker.NodePlatform{Architecture: "x86_64", OS: "linux"},
			Resources: docker.ClusterResources{NanoCPUs: 2e9, MemoryBytes: 4 << 30},
			Engine: docker.NodeEngine{EngineVersion: e.engineVersion(), Plugins: []docker.NodePlugin{
				{Type: "Log", Name: "json-file"},
				{Type: "Network", Name: "bridge"},
				{Type: "Network", Name: "host"},
				{Type: "Network", Name: "null"},
				{Type: "Network", Name: "overlay"},
				{Type: "Volume", Name: "local"},
			}},
			TLSInfo: cl.swarm.TLSInfo,
		},
		Status:        docker.NodeStatus{State: docker.NodeReady, Addr: host},
		ManagerStatus: &docker.ManagerStatus{Leader: true, Reachability: docker.ManagerReachable, Addr: addr},
	}
	cl.touch(&cl.node.ObjectMeta)
}

// nodeName is the name of the engine's machine.
const nodeName = "enginetest"

// findNode finds the node by ID, name, the beginning of its ID, or "self".
func (cl *cluster) findNode(ref string) (*docker.Node, error) {
	if ref == "self" {
		return &cl.node, nil
	}
	return findObject("node", ref, map[string]*docker.Node{cl.node.ID: &cl.node}, func(n *docker.Node) string { return n.Description.Hostname })
}

func nodeList(c *call, cl *cluster) error {
	f, err := c.filters("id", "label", "membership", "name", "node.label", "role")
	if err != nil {
		return err
	}
	n, nodes := &cl.node, []*docker.Node{}
	labelled := filters{"label": f["node.label"]}
	if f.id("id", n.ID) && f.prefixed("name", n.Description.Hostname) && f.has("role", string(n.Spec.Role)) &&
		f.has("membership", "accepted") && labelled.labels(n.Spec.Labels) && f.labels(n.Description.Engine.Labels) {
		nodes = append(nodes, n)
	}
	return c.json(http.StatusOK, nodes, wholeNode)
}

func nodeInspect(c *call, cl *cluster) error {
	n, err := cl.findNode(c.vars["id"])
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, n, wholeNode)
}

// wholeNode adds what a node has even where it is empty.
func wholeNode(_ *call, object map[string]any) {
	fill(object["Spec"], map[string]any{"Labels": map[string]any{}})
}

func nodeUpdate(c *call, cl *cluster) error {
	var spec docker.NodeSpec
	if err := c.decode(&spec); err != nil {
		return err
	}
	n, err := cl.findNode(c.vars["id"])
	if err != nil {
		return err
	}
	switch {
	case !slices.Contains([]docker.NodeRole{docker.NodeManager, docker.NodeWorker}, spec.Role):
		return badRequest("invalid Role: %q", spec.Role)
	case !slices.Contains([]docker.NodeAvailability{docker.NodeActive, docker.NodePause, docker.NodeDrain}, spec.Availability):
		return badRequest("invalid Availability: %q", spec.Availability)
	}
	if err := c.basedOn("node", n.Version); err != nil {
		return err
	}
	if spec.Role == docker.NodeWorker {
		return badRequest("rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm")
	}
	before := n.Spec
	n.Spec = spec
	n.Spec.Labels = maps.Clone(spec.Labels)
	cl.touch(&n.ObjectMeta)
	var changes []string
	if before.Availability != spec.Availability {
		changes = append(changes, "availability.old", string(before.Availability), "availability.new", string(spec.Availability))
	}
	c.emitCluster(docker.EventNode, "update", n.ID, n.Description.Hostname, changes...)
	c.nodeChanged()
	return c.done(http.StatusOK)
}

func nodeRemove(c *call, cl *cluster) error {
	n, err := cl.findNode(c.vars["id"])
	if err != nil {
		return err
	}
	return badRequest("rpc error: code = FailedPrecondition desc = node %s is a cluster manager and is a member of the raft cluster. "+
		"It must be demoted to worker before removal", n.ID)
}
