package docker

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// clusterNode is an engine of DOCKER_TEST_CLUSTER, and where the others reach it.
type clusterNode struct {
	*Client
	addr string
	id   string // once it has joined
}

// clusterOf makes the engines of DOCKER_TEST_CLUSTER, as "unix:///a.sock=10.0.0.1
// unix:///b.sock=10.0.0.2", one cluster: the first is its manager, the other a worker.
func clusterOf(t *testing.T) (manager, worker *clusterNode) {
	t.Helper()
	list := strings.Fields(os.Getenv("DOCKER_TEST_CLUSTER"))
	if len(list) == 0 {
		t.Skip("DOCKER_TEST_CLUSTER is empty: no engines to make a cluster of")
	}
	require.Len(t, list, 2, "DOCKER_TEST_CLUSTER has to name two engines")
	noLeaks(t)
	var nodes []*clusterNode
	for _, text := range list {
		host, addr, _ := strings.Cut(text, "=")
		node := &clusterNode{Client: client(t, WithHost(host)), addr: addr}
		node.leave(t)
		t.Cleanup(func() { node.leave(t); sweep(t, node.Client) })
		nodes = append(nodes, node)
	}
	manager, worker = nodes[0], nodes[1]
	id, err := manager.SwarmInit(clusterContext(t), &SwarmInitOptions{
		ListenAddr: manager.addr + ":2377", AdvertiseAddr: manager.addr, DataPathAddr: manager.addr,
		DefaultAddrPool: []netip.Prefix{netip.MustParsePrefix("10.89.0.0/16")},
	})
	require.NoError(t, err)
	manager.id = id
	worker.join(t, manager, NodeWorker)
	return manager, worker
}

// leave makes the engine one that is in no cluster.
func (n *clusterNode) leave(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := n.SwarmLeave(ctx, &SwarmLeaveOptions{Force: true})
	require.True(t, err == nil || errors.Is(err, errdefs.ErrUnavailable), err)
}

// join takes the engine into the cluster of a manager, and waits until it is ready.
func (n *clusterNode) join(t *testing.T, manager *clusterNode, role NodeRole) {
	ctx := clusterContext(t)
	swarm, err := manager.SwarmInspect(ctx, nil)
	require.NoError(t, err)
	token := swarm.JoinTokens.Worker
	if role == NodeManager {
		token = swarm.JoinTokens.Manager
	}
	require.NoError(t, n.SwarmJoin(ctx, &SwarmJoinOptions{
		ListenAddr: n.addr + ":2377", AdvertiseAddr: n.addr, DataPathAddr: n.addr,
		RemoteAddrs: []string{manager.addr + ":2377"}, JoinToken: token,
	}))
	info, err := n.Info(ctx, nil)
	require.NoError(t, err)
	n.id = info.Swarm.NodeID
	poll(t, "the node", func() bool { return n.state(t, manager) == NodeReady })
}

// state is what a manager says of the node.
func (n *clusterNode) state(t *testing.T, manager *clusterNode) NodeState {
	node, err := manager.NodeInspect(clusterContext(t), n.id, nil)
	require.NoError(t, err)
	return node.Status.State
}

// nodesOf are the nodes that run a service, in order.
func nodesOf(t *testing.T, manager *clusterNode, service string) []string {
	var nodes []string
	for _, task := range runningTasks(t, manager.Client, service) {
		nodes = append(nodes, task.NodeID)
	}
	slices.Sort(nodes)
	return nodes
}

// TestEngineNodes makes one cluster of the two engines of DOCKER_TEST_CLUSTER.
func TestEngineNodes(t *testing.T) {
	manager, worker := clusterOf(t)
	both := []string{manager.id, worker.id}
	slices.Sort(both)
	t.Run("Worker", func(t *testing.T) { nodesWorker(t, manager, worker) })
	t.Run("Service", func(t *testing.T) { nodesService(t, manager, both) })
	t.Run("Overlay", func(t *testing.T) { nodesOverlay(t, manager, both) })
	t.Run("Secret", func(t *testing.T) { nodesSecret(t, manager, both) })
	t.Run("Drain", func(t *testing.T) { nodesDrain(t, manager, worker) })
	t.Run("Roles", func(t *testing.T) { nodesRoles(t, manager, worker) })
	t.Run("Remove", func(t *testing.T) { nodesRemove(t, manager, worker) })
}

// nodesWorker asks a worker for what only managers know.
func nodesWorker(t *testing.T, manager, worker *clusterNode) {
	ctx := clusterContext(t)
	nodes, err := manager.NodeList(ctx, &NodeListOptions{Filters: Filters{"role": {"worker"}}})
	require.NoError(t, err)
	require.Len(t, nodes, 1)
	require.Equal(t, worker.id, nodes[0].ID)
	require.Nil(t, nodes[0].ManagerStatus)
	require.Equal(t, worker.addr, nodes[0].Status.Addr)
	_, err = worker.NodeList(ctx, nil)
	errorsIs(t, err, errdefs.ErrUnavailable, errdefs.ErrRefused)
	require.ErrorContains(t, err, "not a swarm manager")
	info, err := worker.Info(ctx, nil)
	require.NoError(t, err)
	require.False(t, info.Swarm.ControlAvailable)
	require.Equal(t, manager.id, info.Swarm.RemoteManagers[0].NodeID)
}

// nodesService runs a task on each node and reads the output of both.
func nodesService(t *testing.T, manager *clusterNode, both []string) {
	spec := serviceOf(t, "everywhere", "sh", "-c", "hostname; exec sleep 3600")
	spec.Mode.Global = &GlobalService{}
	id := served(t, manager.Client, spec)
	converged(t, manager.Client, id)
	require.Equal(t, both, nodesOf(t, manager, id))
	poll(t, "a line of each node", func() bool { return len(linesOf(t, manager.Client, id)) == 2 })
	out, err := manager.ServiceLogs(clusterContext(t), id, &ServiceLogsOptions{Details: true})
	require.NoError(t, err)
	var from []string
	for line, err := range out.Lines() {
		require.NoError(t, err)
		from = append(from, line.Details[LabelNodeID])
	}
	slices.Sort(from)
	require.Equal(t, both, from)
}

// nodesOverlay lets the task of one node fetch a page from that of the other.
func nodesOverlay(t *testing.T, manager *clusterNode, both []string) {
	ctx := clusterContext(t)
	network := overlayOf(t, manager.Client)
	spec := serviceOf(t, "web", "sh", "-c", "hostname >/var/www/node; exec httpd -f -p 8080 -h /var/www")
	spec.TaskTemplate.ContainerSpec.Hostname = "{{.Node.ID}}"
	spec.TaskTemplate.Networks = []NetworkAttachmentConfig{{Target: network}}
	spec.EndpointSpec.Mode = EndpointDNSRR
	spec.Mode.Global = &GlobalService{}
	id := served(t, manager.Client, spec)
	converged(t, manager.Client, id)
	require.Equal(t, both, nodesOf(t, manager, id))

	asker := started(t, manager.Client, &ContainerCreateOptions{HostConfig: &HostConfig{NetworkMode: network}}, "sleep", "3600")
	t.Cleanup(func() { sweep(t, manager.Client) })
	script := `for a in $(nslookup tasks.` + spec.Name + ` | sed -n '/^Name/,$s/^Address.*: //p'); do timeout 5 wget -qO- http://$a:8080/node; done | sort`
	poll(t, "the pages", func() bool {
		out, err := manager.ContainerExec(ctx, asker, "sh", "-c", script).Output()
		return err == nil && slices.Equal(strings.Fields(string(out)), both)
	})
}

// nodesSecret reads a secret and a configuration on both nodes.
func nodesSecret(t *testing.T, manager *clusterNode, both []string) {
	ctx := clusterContext(t)
	name := unique("secret")
	secret, err := manager.SecretCreate(ctx, SecretSpec{Name: name, Labels: marked(t, nil), Data: []byte("hush")})
	require.NoError(t, err)
	config, err := manager.ConfigCreate(ctx, ConfigSpec{Name: name, Labels: marked(t, nil), Data: []byte("loud")})
	require.NoError(t, err)
	spec := serviceOf(t, "reads", "sh", "-c", "echo $(cat /run/secrets/s /c); exec sleep 3600")
	spec.TaskTemplate.ContainerSpec.Secrets = []SecretReference{SecretFile(secret, name, "s")}
	spec.TaskTemplate.ContainerSpec.Configs = []ConfigReference{ConfigFile(config, name, "/c")}
	spec.Mode.Global = &GlobalService{}
	id := served(t, manager.Client, spec)
	converged(t, manager.Client, id)
	require.Equal(t, both, nodesOf(t, manager, id))
	poll(t, "the lines", func() bool {
		return slices.Equal(linesOf(t, manager.Client, id), []string{"hushloud", "hushloud"})
	})
	require.NoError(t, manager.ServiceRemove(ctx, id))
	require.NoError(t, manager.SecretRemove(ctx, secret))
	require.NoError(t, manager.ConfigRemove(ctx, config))
}

// nodesDrain moves the tasks of one node to the other, and lets them come back.
func nodesDrain(t *testing.T, manager, worker *clusterNode) {
	ctx := clusterContext(t)
	spec := serviceOf(t, "moves", "sleep", "3600")
	spec.Mode.Replicated = &ReplicatedService{Replicas: new(uint64(2))}
	spec.TaskTemplate.Placement = &Placement{MaxReplicas: 2, Preferences: []PlacementPreference{{Spread: &SpreadOver{SpreadDescriptor: "node.id"}}}}
	id := served(t, manager.Client, spec)
	converged(t, manager.Client, id)
	require.Contains(t, nodesOf(t, manager, id), worker.id)

	require.NoError(t, manager.NodeDrain(ctx, worker.id))
	converged(t, manager.Client, id)
	require.Equal(t, []string{manager.id, manager.id}, nodesOf(t, manager, id))
	left, err := worker.ContainerList(ctx, &ContainerListOptions{Filters: Filters{"label": {LabelServiceID + "=" + id}}})
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, manager.NodeChange(ctx, worker.id, func(spec *NodeSpec) error {
		spec.Availability = NodeActive
		return nil
	}))
	_, err = manager.ServiceChange(ctx, id, func(s *ServiceSpec) error {
		s.TaskTemplate.ForceUpdate++
		return nil
	}, nil)
	require.NoError(t, err)
	converged(t, manager.Client, id)
	require.Contains(t, nodesOf(t, manager, id), worker.id)
}

// nodesRoles makes the worker a manager and a worker again.
func nodesRoles(t *testing.T, manager, worker *clusterNode) {
	role := func(role NodeRole) {
		require.NoError(t, manager.NodeChange(clusterContext(t), worker.id, func(spec *NodeSpec) error {
			spec.Role = role
			return nil
		}))
	}
	role(NodeManager)
	poll(t, "the second manager", func() bool {
		nodes, err := worker.NodeList(clusterContext(t), nil)
		return err == nil && len(nodes) == 2
	})
	role(NodeWorker)
	poll(t, "the worker", func() bool {
		_, err := worker.NodeList(clusterContext(t), nil)
		return errors.Is(err, errdefs.ErrUnavailable)
	})
}

// nodesRemove takes the node out of the cluster and back in, with a new token.
func nodesRemove(t *testing.T, manager, worker *clusterNode) {
	ctx := clusterContext(t)
	require.ErrorIs(t, manager.NodeRemove(ctx, worker.id, nil), errdefs.ErrInvalidArgument)
	require.NoError(t, worker.SwarmLeave(ctx, nil))
	poll(t, "the absence", func() bool { return worker.state(t, manager) == NodeDown })
	require.NoError(t, manager.NodeRemove(ctx, worker.id, nil))
	_, err := manager.NodeInspect(ctx, worker.id, nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)

	before, err := manager.SwarmInspect(ctx, nil)
	require.NoError(t, err)
	require.NoError(t, manager.SwarmUpdate(ctx, before.Version, before.Spec, &SwarmUpdateOptions{RotateWorkerToken: true}))
	require.Error(t, worker.SwarmJoin(ctx, &SwarmJoinOptions{
		ListenAddr: worker.addr + ":2377", AdvertiseAddr: worker.addr,
		RemoteAddrs: []string{manager.addr + ":2377"}, JoinToken: before.JoinTokens.Worker,
	}))
	worker.leave(t)
	worker.join(t, manager, NodeWorker)
}
