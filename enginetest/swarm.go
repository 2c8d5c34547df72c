package enginetest

import (
	"net/http"

	"github.com/cleat-go/docker"
)

// The swarm, its nodes, services, tasks, secrets and configs are left out: the engine
// is in no swarm and refuses as one that is in none, but for init and join, which
// answer 501.
var swarmRoutes = table{
	"POST /swarm/leave":          plainHandler(swarmLeave),
	"GET /swarm":                 plainHandler(notManager),
	"POST /swarm/update":         plainHandler(notManager),
	"GET /swarm/unlockkey":       plainHandler(notManager),
	"POST /swarm/unlock":         plainHandler(notManager),
	"GET /nodes":                 plainHandler(notManager),
	"GET /nodes/{id}":            plainHandler(notManager),
	"DELETE /nodes/{id}":         plainHandler(notManager),
	"POST /nodes/{id}/update":    plainHandler(notManager),
	"GET /services":              plainHandler(notManager),
	"POST /services/create":      plainHandler(notManager),
	"GET /services/{id}":         plainHandler(notManager),
	"DELETE /services/{id}":      plainHandler(notManager),
	"POST /services/{id}/update": plainHandler(notManager),
	"GET /services/{id}/logs":    plainHandler(notManager),
	"GET /tasks":                 plainHandler(notManager),
	"GET /tasks/{id}":            plainHandler(notManager),
	"GET /tasks/{id}/logs":       plainHandler(notManager),
	"GET /secrets":               plainHandler(notManager),
	"POST /secrets/create":       plainHandler(notManager),
	"GET /secrets/{id}":          plainHandler(notManager),
	"DELETE /secrets/{id}":       plainHandler(notManager),
	"POST /secrets/{id}/update":  plainHandler(notManager),
	"GET /configs":               plainHandler(notManager),
	"POST /configs/create":       plainHandler(notManager),
	"GET /configs/{id}":          plainHandler(notManager),
	"DELETE /configs/{id}":       plainHandler(notManager),
	"POST /configs/{id}/update":  plainHandler(notManager),
}

func notManager(*call) error {
	return errorf(http.StatusServiceUnavailable, `This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" `+
		"to connect this node to swarm and try again.")
}

func swarmLeave(*call) error {
	return errorf(http.StatusServiceUnavailable, "This node is not part of a swarm")
}

// swarmState is the Swarm header of a ping.
func (e *engine) swarmState() string { return "inactive" }

// swarmInfo is what an info tells of the swarm.
func (e *engine) swarmInfo() docker.SwarmInfo { return docker.SwarmInfo{LocalNodeState: "inactive"} }
