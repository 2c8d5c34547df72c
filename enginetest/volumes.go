package enginetest

import "github.com/cleat-go/docker"

var volumeRoutes = table{}

// volumeStore has the volumes of the engine.
type volumeStore struct{}

func (e *engine) initVolumes() {}

// mountVolumes makes what a new container mounts, of its host configuration's Binds,
// Mounts, Tmpfs and VolumesFrom and its configuration's Volumes: anonymous volumes that
// are made, the files that are mounted in ct.files, and the mount points of an inspect.
func (e *engine) mountVolumes(ct *container) ([]docker.MountPoint, error) {
	return []docker.MountPoint{}, nil
}

// unmountVolumes forgets a container that is removed; with remove its anonymous volumes too.
func (e *engine) unmountVolumes(ct *container, remove bool) {}

// volumesStarted and volumesEnded emit "mount" and "unmount" when a container starts and ends.
func (e *engine) volumesStarted(ct *container) {}
func (e *engine) volumesEnded(ct *container)   {}
