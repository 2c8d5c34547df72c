package enginetest

import "strings"

// plainHandler answers with [call.json] or [call.done]. It runs with the engine's lock.
type plainHandler func(*call) error

// streamHandler reads or writes the connection itself. It runs without the lock.
type streamHandler func(*call) error

// route is an operation.
type route struct {
	operation string
	method    string
	path      []string
	since     int // the API version that it came with
	handler   any // a plainHandler, a streamHandler, or nil for one that is left out
}

// table has the handlers of a topic by operation.
type table map[string]any

// routes are all operations of the API, by method and number of path elements.
var routes = newRoutes(
	systemRoutes, eventRoutes, containerRoutes, streamRoutes, archiveRoutes, execRoutes, commitRoutes,
	imageRoutes, registryRoutes, buildRoutes, networkRoutes, volumeRoutes, pluginRoutes,
	swarmRoutes, diskRoutes,
)

func newRoutes(tables ...table) []*route {
	all := make([]*route, 0, 128)
	for operation := range strings.Lines(operations) {
		operation, since, _ := strings.Cut(strings.TrimSpace(operation), " since ")
		r := &route{operation: operation}
		if since != "" {
			r.since = mustVersion(since)
		}
		var path string
		r.method, path, _ = strings.Cut(operation, " ")
		r.path = strings.Split(path[1:], "/")
		for _, t := range tables {
			if h, ok := t[operation]; ok {
				r.handler = h
			}
		}
		all = append(all, r)
	}
	return all
}

// match finds the route of a request and what stands for the variables of its path.
func match(method, path string) (*route, map[string]string) {
	elements := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, r := range routes {
		if r.method != method {
			continue
		}
		if vars, ok := r.vars(elements); ok {
			return r, vars
		}
	}
	return nil, nil
}

// vars compares a path. The first variable stands for one element or more, as images
// have slashes.
func (r *route) vars(path []string) (map[string]string, bool) {
	extra := len(path) - len(r.path)
	if extra < 0 {
		return nil, false
	}
	var vars map[string]string
	for _, element := range r.path {
		if !strings.HasPrefix(element, "{") {
			if path[0] != element {
				return nil, false
			}
			path = path[1:]
			continue
		}
		n := 1 + extra
		extra = 0
		if vars == nil {
			vars = make(map[string]string, 1)
		}
		vars[strings.Trim(element, "{}")] = strings.Join(path[:n], "/")
		path = path[n:]
	}
	return vars, len(path) == 0 && extra == 0
}

// operations are what an engine has, in the order in which they are tried.
const operations = `GET /_ping
HEAD /_ping
GET /version
GET /info
POST /auth
GET /events
GET /system/df
GET /containers/{id}/checkpoints
POST /containers/{id}/checkpoints
DELETE /containers/{id}/checkpoints/{checkpoint}
GET /containers/json
POST /containers/create
POST /containers/prune
GET /containers/{id}/json
GET /containers/{id}/top
GET /containers/{id}/logs
GET /containers/{id}/changes
GET /containers/{id}/export
GET /containers/{id}/stats
POST /containers/{id}/resize
POST /containers/{id}/start
POST /containers/{id}/stop
POST /containers/{id}/restart
POST /containers/{id}/kill
POST /containers/{id}/update
POST /containers/{id}/rename
POST /containers/{id}/pause
POST /containers/{id}/unpause
POST /containers/{id}/attach
GET /containers/{id}/attach/ws
POST /containers/{id}/wait
DELETE /containers/{id}
HEAD /containers/{id}/archive
GET /containers/{id}/archive
PUT /containers/{id}/archive
POST /containers/{id}/exec
POST /exec/{id}/start
POST /exec/{id}/resize
GET /exec/{id}/json
POST /commit
GET /images/json
GET /images/search
GET /images/get
POST /images/create
POST /images/load
POST /images/prune
GET /images/{name}/json
GET /images/{name}/attestations since 1.55
GET /images/{name}/history
GET /images/{name}/get
POST /images/{name}/push
POST /images/{name}/tag
DELETE /images/{name}
POST /build
POST /build/prune
POST /build/cancel
GET /distribution/{name}/json
GET /volumes
POST /volumes/create
POST /volumes/prune
GET /volumes/{name}
PUT /volumes/{name} since 1.42
DELETE /volumes/{name}
GET /networks
POST /networks/create
POST /networks/prune
GET /networks/{id}
DELETE /networks/{id}
POST /networks/{id}/connect
POST /networks/{id}/disconnect
GET /plugins
GET /plugins/privileges
POST /plugins/pull
POST /plugins/create
GET /plugins/{name}/json
DELETE /plugins/{name}
POST /plugins/{name}/enable
POST /plugins/{name}/disable
POST /plugins/{name}/upgrade
POST /plugins/{name}/push
POST /plugins/{name}/set
GET /nodes
GET /nodes/{id}
DELETE /nodes/{id}
POST /nodes/{id}/update
GET /swarm
POST /swarm/init
POST /swarm/join
POST /swarm/leave
POST /swarm/update
GET /swarm/unlockkey
POST /swarm/unlock
GET /services
POST /services/create
GET /services/{id}/logs
GET /services/{id}
DELETE /services/{id}
POST /services/{id}/update
GET /tasks
GET /tasks/{id}/logs
GET /tasks/{id}
GET /secrets
POST /secrets/create
GET /secrets/{id}
DELETE /secrets/{id}
POST /secrets/{id}/update
GET /configs
POST /configs/create
GET /configs/{id}
DELETE /configs/{id}
POST /configs/{id}/update
POST /session
POST /grpc
`
