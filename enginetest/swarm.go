package enginetest

import (
	"net/http"
	"strings"

	"github.com/cleat-go/docker"
)

// Joining the swarm of another engine is left out: it answers 501.
var swarmRoutes = table{
	"POST /swarm/init":           plainHandler(swarmInit),
	"POST /swarm/leave":          plainHandler(swarmLeave),
	"GET /swarm":                 managed(swarmInspect),
	"POST /swarm/update":         managed(swarmUpdate),
	"GET /swarm/unlockkey":       managed(swarmUnlockKey),
	"POST /swarm/unlock":         managed(swarmUnlock),
	"GET /nodes":                 managed(nodeList),
	"GET /nodes/{id}":            managed(nodeInspect),
	"DELETE /nodes/{id}":         managed(nodeRemove),
	"POST /nodes/{id}/update":    managed(nodeUpdate),
	"POST /swarm/join":           plainHandler(swarmJoin),
	"GET /services":              managed(serviceList),
	"POST /services/create":      managed(serviceCreate),
	"GET /services/{id}":         managed(serviceInspect),
	"DELETE /services/{id}":      managed(serviceRemove),
	"POST /services/{id}/update": managed(serviceUpdate),
	"GET /services/{id}/logs":    streamHandler(serviceLogs),
	"GET /tasks":                 managed(taskList),
	"GET /tasks/{id}":            managed(taskInspect),
	"GET /tasks/{id}/logs":       streamHandler(taskLogs),
	"GET /secrets":               storedList(docker.EventSecret),
	"POST /secrets/create":       storedCreate(docker.EventSecret),
	"GET /secrets/{id}":          storedInspect(docker.EventSecret),
	"DELETE /secrets/{id}":       storedRemove(docker.EventSecret),
	"POST /secrets/{id}/update":  storedUpdate(docker.EventSecret),
	"GET /configs":               storedList(docker.EventConfig),
	"POST /configs/create":       storedCreate(docker.EventConfig),
	"GET /configs/{id}":          storedInspect(docker.EventConfig),
	"DELETE /configs/{id}":       storedRemove(docker.EventConfig),
	"POST /configs/{id}/update":  storedUpdate(docker.EventConfig),
}

// managed is a handler of an engine that manages a swarm; others refuse.
func managed(h func(*call, *cluster) error) plainHandler {
	return func(c *call) error {
		if c.cluster == nil {
			return notManager()
		}
		return h(c, c.cluster)
	}
}

func notManager() error {
	return errorf(http.StatusServiceUnavailable, `This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" `+
		"to connect this node to swarm and try again.")
}

// alreadyIn refuses what needs an engine in no swarm.
func (e *engine) alreadyIn() error {
	if e.cluster == nil {
		return nil
	}
	return errorf(http.StatusServiceUnavailable, `This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.`)
}

func swarmInit(c *call) error {
	var asked docker.SwarmInitOptions
	if err := c.decode(&asked); err != nil {
		return err
	}
	if err := c.alreadyIn(); err != nil && !asked.ForceNewCluster {
		return err
	}
	if asked.ListenAddr == "" {
		return badRequest(`invalid ListenAddr "": invalid empty address`)
	}
	if c.cluster == nil {
		c.initCluster(&asked)
	}
	return c.json(http.StatusOK, c.cluster.node.ID)
}

func swarmJoin(c *call) error {
	if err := c.alreadyIn(); err != nil {
		return err
	}
	return notImplemented("joining the swarm of another engine is left out")
}

func swarmLeave(c *call) error {
	switch {
	case c.cluster == nil:
		return errorf(http.StatusServiceUnavailable, "This node is not part of a swarm")
	case !c.bool("force"):
		return errorf(http.StatusServiceUnavailable, "You are attempting to leave the swarm on a node that is participating as a manager. "+
			"Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message. ")
	}
	c.leaveCluster()
	return c.done(http.StatusOK)
}

func swarmInspect(c *call, cl *cluster) error {
	return c.json(http.StatusOK, cl.swarm, wholeSwarm)
}

// wholeSwarm adds what a swarm has and this package's types leave out where it is zero.
func wholeSwarm(_ *call, object map[string]any) {
	fill(object["Spec"], map[string]any{
		"Labels": map[string]any{}, "TaskDefaults": map[string]any{}, "EncryptionConfig": map[string]any{"AutoLockManagers": false},
	})
}

func swarmUpdate(c *call, cl *cluster) error {
	var spec docker.SwarmSpec
	if err := c.decode(&spec); err != nil {
		return err
	}
	if err := c.basedOn("swarm", cl.swarm.Version); err != nil {
		return err
	}
	if spec.Name != "" && spec.Name != cl.swarm.Spec.Name {
		return badRequest("rpc error: code = InvalidArgument desc = modification of cluster name is not allowed")
	}
	locked := spec.EncryptionConfig.AutoLockManagers
	switch {
	case !locked:
		cl.key = ""
	case cl.key == "" || c.bool("rotateManagerUnlockKey"):
		cl.key = "SWMKEY-1-" + newToken(43)
	}
	tokens := &cl.swarm.JoinTokens
	if c.bool("rotateWorkerToken") {
		tokens.Worker = cl.joinToken()
	}
	if c.bool("rotateManagerToken") {
		tokens.Manager = cl.joinToken()
	}
	cl.swarm.Spec = withDefaults(spec)
	cl.touch(&cl.swarm.ObjectMeta)
	return c.done(http.StatusOK)
}

func swarmUnlockKey(c *call, cl *cluster) error {
	return c.json(http.StatusOK, map[string]string{"UnlockKey": cl.key})
}

func swarmUnlock(c *call, _ *cluster) error {
	var asked struct{ UnlockKey string }
	if err := c.decode(&asked); err != nil {
		return err
	}
	return conflict("swarm is not locked")
}

// swarmState is the Swarm header of a ping.
func (e *engine) swarmState() string {
	if e.cluster == nil {
		return "inactive"
	}
	return "active/manager"
}

// swarmInfo is what an info tells of the swarm.
func (e *engine) swarmInfo() docker.SwarmInfo {
	cl := e.cluster
	if cl == nil {
		return docker.SwarmInfo{LocalNodeState: docker.SwarmInactive}
	}
	about := cl.swarm.ClusterInfo
	addr, _, _ := strings.Cut(cl.node.ManagerStatus.Addr, ":")
	return docker.SwarmInfo{
		NodeID: cl.node.ID, NodeAddr: addr, LocalNodeState: docker.SwarmActive, ControlAvailable: true,
		RemoteManagers: []docker.PeerNode{{NodeID: cl.node.ID, Addr: cl.node.ManagerStatus.Addr}},
		Nodes:          1, Managers: 1, Cluster: &about,
	}
}
