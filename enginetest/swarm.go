package enginetest

import "github.com/cleat-go/docker"

var swarmRoutes = table{}

// cluster is the swarm that the engine is in.
type cluster struct{}

func (e *engine) initCluster() {}

// swarmState is the Swarm header of a ping: "inactive", "active/manager", ...
func (e *engine) swarmState() string { return "inactive" }

// swarmInfo is what an info tells of the swarm.
func (e *engine) swarmInfo() docker.SwarmInfo { return docker.SwarmInfo{LocalNodeState: "inactive"} }
