package enginetest

import (
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

// containerStore has the containers of the engine.
type containerStore struct {
	byID  map[string]*container
	names map[string]*container // without the slash
	execs map[string]*exec
	pid   int // of the last process
	count int // of all that were ever made
}

// container is a container. The lock of the engine guards it.
type container struct {
	id, name string
	created  time.Time
	number   int // in the order of creation
	image    *image
	imageRef string // as it was asked for
	config   docker.ContainerConfig
	host     docker.HostConfig
	networks *docker.NetworkingConfig

	endpoints map[string]*endpoint // by the network's name or ID
	published docker.PortMap       // while it runs

	mounts  []docker.MountPoint
	files   *Files
	log     *containerLog
	streams *streamSet // of its main process
	tty     docker.TTYSize

	state    docker.ContainerStatus
	main     *process // nil unless it runs
	started  time.Time
	finished time.Time
	exitCode int
	failure  string // why it could not be started
	oom      bool
	exits    int  // how often it has ended
	stopped  bool // by a user, so that its policy does not start it
	stopping bool // a stop is under way
	removed  bool
	resume   bool // start it after the restart of the engine

	restartCount int           // by its policy
	backoff      time.Duration // before the next

	health  *health
	changed broadcast // its state
}

func (e *engine) initContainers() {
	e.containers = containerStore{
		byID: make(map[string]*container), names: make(map[string]*container), execs: make(map[string]*exec), pid: 1000,
	}
}

// running tells whether it has a process, paused ones too.
func (ct *container) running() bool { return ct.main != nil }

// findContainer finds a container by ID, name or the beginning of an ID.
func (e *engine) findContainer(ref string) (*container, error) {
	if ct, ok := e.containers.byID[ref]; ok {
		return ct, nil
	}
	if ct, ok := e.containers.names[strings.TrimPrefix(ref, "/")]; ok {
		return ct, nil
	}
	var found *container
	for id, ct := range e.containers.byID {
		if ref != "" && strings.HasPrefix(id, ref) {
			if found != nil {
				return nil, badRequest("multiple IDs found with provided prefix: %s", ref)
			}
			found = ct
		}
	}
	if found == nil {
		return nil, notFound("No such container: %s", ref)
	}
	return found, nil
}

// emitContainer tells of something that happened to a container. The attributes are
// pairs of a name and a value.
func (e *engine) emitContainer(ct *container, action string, attributes ...string) {
	all := map[string]string{}
	for k, v := range ct.config.Labels {
		all[k] = v
	}
	all["image"], all["name"] = ct.imageRef, ct.name
	for i := 0; i+1 < len(attributes); i += 2 {
		all[attributes[i]] = attributes[i+1]
	}
	e.emit(docker.EventContainer, action, ct.id, all)
}

// countContainers counts them for an info.
func (e *engine) countContainers(i *docker.Info) {
	i.Containers = len(e.containers.byID)
	for _, ct := range e.containers.byID {
		switch {
		case ct.state == docker.ContainerPaused:
			i.ContainersPaused++
		case ct.running():
			i.ContainersRunning++
		default:
			i.ContainersStopped++
		}
	}
}
