package enginetest

import (
	"cmp"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

var volumeRoutes = table{
	"GET /volumes":           plainHandler(volumeList),
	"POST /volumes/create":   plainHandler(volumeCreate),
	"POST /volumes/prune":    plainHandler(volumePrune),
	"GET /volumes/{name}":    plainHandler(volumeInspect),
	"PUT /volumes/{name}":    plainHandler(volumeUpdate),
	"DELETE /volumes/{name}": plainHandler(volumeRemove),
}

// volumeStore has the volumes of the engine, and the folders of its host that containers
// have bound, which are in memory, too.
type volumeStore struct {
	byName map[string]*volume
	binds  map[string]*Files
}

// volume is a volume.
type volume struct {
	docker.Volume
	files     *Files
	anonymous bool // it was made without a name
}

// anonymousLabel is what engines from API 1.42 on note with volumes without a name.
const anonymousLabel = "com.docker.volume.anonymous"

func (e *engine) initVolumes() {
	e.volumes = volumeStore{byName: make(map[string]*volume), binds: make(map[string]*Files)}
}

// newVolume makes a volume, or returns the one that has the name. Empty is a new name.
func (e *engine) newVolume(o *docker.VolumeCreateOptions) (*volume, error) {
	if v, ok := e.volumes.byName[o.Name]; ok {
		return v, nil
	}
	v := &volume{files: newFiles(), anonymous: o.Name == ""}
	v.Volume = docker.Volume{
		Name: o.Name, Driver: cmp.Or(o.Driver, "local"), CreatedAt: docker.Timestamp{Time: time.Now().UTC().Truncate(time.Second)},
		Labels: maps.Clone(o.Labels), Scope: docker.VolumeLocal, Options: maps.Clone(o.DriverOpts),
	}
	if v.anonymous {
		v.Name = newID()
		if e.apiVersion() >= 42 {
			v.Labels = mergeMaps(v.Labels, map[string]string{anonymousLabel: ""})
		}
	}
	switch {
	case !nameForm.MatchString(v.Name) || v.Name[0] == '/':
		return nil, badRequest("create %s: %q includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. "+
			"If you intended to pass a host directory, use absolute path", v.Name, v.Name)
	case v.Driver != "local":
		driver, err := e.driver(v.Driver, volumeDriver)
		if err != nil {
			return nil, errorf(statusOf(err), "create %s: error looking up volume plugin %s: %v", v.Name, v.Driver, err)
		}
		v.Driver, v.CreatedAt = driver, docker.Timestamp{}
	default:
		v.Mountpoint = "/var/lib/docker/volumes/" + v.Name + "/_data"
	}
	e.volumes.byName[v.Name] = v
	e.emit(docker.EventVolume, "create", v.Name, map[string]string{"driver": v.Driver})
	return v, nil
}

// users are the containers that mount a volume, sorted.
func (e *engine) users(name string) []string {
	var users []string
	for id, ct := range e.containers.byID {
		if slices.ContainsFunc(ct.mounts, func(m docker.MountPoint) bool { return m.Type == docker.MountVolume && m.Name == name }) {
			users = append(users, id)
		}
	}
	slices.Sort(users)
	return users
}

// mountVolumes makes what a new container mounts.
func (e *engine) mountVolumes(ct *container) ([]docker.MountPoint, error) {
	wanted, err := e.wantedMounts(ct)
	if err != nil {
		return nil, err
	}
	points := []docker.MountPoint{}
	for _, at := range slices.Sorted(maps.Keys(wanted)) {
		m := wanted[at]
		point := docker.MountPoint{Type: m.Type, Source: m.Source, Destination: at, Mode: m.Consistency, RW: !m.ReadOnly}
		switch m.Type {
		case docker.MountVolume:
			v, err := e.volumeOf(&m)
			if err != nil {
				return nil, err
			}
			v.fill(ct.files, at, m.VolumeOptions != nil && m.VolumeOptions.NoCopy)
			point.Name, point.Source, point.Driver = v.Name, v.Mountpoint, v.Driver
			ct.files.mount(at, v.files)
		case docker.MountBind:
			point.Propagation = docker.PropagationRPrivate
			ct.files.mount(at, e.bound(m.Source))
		case docker.MountTmpfs:
			ct.files.mount(at, newFiles())
		default:
			return nil, notImplemented("mounts of the type %q are left out", m.Type)
		}
		if m.Type != docker.MountTmpfs || len(ct.host.Tmpfs) == 0 {
			points = append(points, point)
		}
	}
	return points, nil
}

// wantedMounts collects what a container mounts, by its path. The mode of a bind is kept
// in Consistency.
func (e *engine) wantedMounts(ct *container) (map[string]docker.Mount, error) {
	wanted := make(map[string]docker.Mount)
	for _, ref := range ct.host.VolumesFrom {
		name, mode, _ := strings.Cut(ref, ":")
		from, err := e.findContainer(name)
		if err != nil {
			return nil, err
		}
		for _, p := range from.mounts {
			m := docker.Mount{Type: p.Type, Source: p.Source, ReadOnly: mode == "ro" || !p.RW}
			if p.Name != "" {
				m.Source = p.Name
			}
			wanted[p.Destination] = m
		}
	}
	for at := range ct.config.Volumes {
		wanted[path.Clean(at)] = docker.Mount{Type: docker.MountVolume}
	}
	for _, bind := range ct.host.Binds {
		parts := strings.Split(bind, ":")
		if len(parts) < 2 || len(parts) > 3 || !strings.HasPrefix(parts[1], "/") {
			return nil, badRequest("invalid volume specification: '%s'", bind)
		}
		m := docker.Mount{Type: docker.MountVolume, Source: parts[0]}
		if strings.HasPrefix(m.Source, "/") {
			m.Type = docker.MountBind
		}
		if len(parts) == 3 {
			m.Consistency = parts[2]
			m.ReadOnly = slices.Contains(strings.Split(parts[2], ","), "ro")
		} else if m.Type == docker.MountVolume {
			m.Consistency = "z"
		}
		wanted[path.Clean(parts[1])] = m
	}
	for _, m := range ct.host.Mounts {
		if !strings.HasPrefix(m.Target, "/") {
			return nil, badRequest("invalid mount config for type %q: invalid mount path: '%s' mount path must be absolute", m.Type, m.Target)
		}
		m.Consistency = ""
		wanted[path.Clean(m.Target)] = m
	}
	for at := range ct.host.Tmpfs {
		wanted[path.Clean(at)] = docker.Mount{Type: docker.MountTmpfs}
	}
	return wanted, nil
}

// volumeOf is the volume of a mount, which is made where it is missing.
func (e *engine) volumeOf(m *docker.Mount) (*volume, error) {
	o := &docker.VolumeCreateOptions{Name: m.Source}
	if m.VolumeOptions != nil {
		o.Labels, o.Driver, o.DriverOpts = m.VolumeOptions.Labels, m.VolumeOptions.DriverConfig.Name, m.VolumeOptions.DriverConfig.Options
	}
	return e.newVolume(o)
}

// fill copies what the image has at a path into a volume that is empty.
func (v *volume) fill(files *Files, at string, not bool) {
	if not || len(v.files.changed()) > 0 {
		return
	}
	from := key(at)
	files.walk(from, func(name string, n *node) error { //nolint:errcheck // nothing there is nothing to copy
		if rest := strings.TrimPrefix(strings.TrimPrefix(name, from), "/"); rest != "" {
			v.files.put(rest, n)
		}
		return nil
	})
}

// bound is the folder of the host that is bound, in memory.
func (e *engine) bound(source string) *Files {
	f, ok := e.volumes.binds[source]
	if !ok {
		f = newFiles()
		e.volumes.binds[source] = f
	}
	return f
}

// unmountVolumes forgets a container that is removed; with remove its anonymous volumes, too.
func (e *engine) unmountVolumes(ct *container, remove bool) {
	points := ct.mounts
	ct.mounts = nil
	for _, p := range points {
		v := e.volumes.byName[p.Name]
		if remove && v != nil && v.anonymous && len(e.users(v.Name)) == 0 {
			e.dropVolume(v)
		}
	}
}

// volumesStarted and volumesEnded tell of the volumes of a container that starts or ends.
func (e *engine) volumesStarted(ct *container) {
	for _, p := range ct.mounts {
		if p.Type == docker.MountVolume {
			e.emit(docker.EventVolume, "mount", p.Name, map[string]string{
				"container": ct.id, "destination": p.Destination, "driver": p.Driver, "propagation": "", "read/write": strconv.FormatBool(p.RW),
			})
		}
	}
}

func (e *engine) volumesEnded(ct *container) {
	for _, p := range ct.mounts {
		if p.Type == docker.MountVolume {
			e.emit(docker.EventVolume, "unmount", p.Name, map[string]string{"container": ct.id, "driver": p.Driver})
		}
	}
}

func (e *engine) dropVolume(v *volume) {
	delete(e.volumes.byName, v.Name)
	e.emit(docker.EventVolume, "destroy", v.Name, map[string]string{"driver": v.Driver})
}

func (c *call) volume() (*volume, error) {
	v, ok := c.volumes.byName[c.vars["name"]]
	if !ok {
		return nil, notFound("get %s: no such volume", c.vars["name"])
	}
	if p := c.pluginNamed(v.Driver); p != nil && !p.Enabled {
		return nil, conflict("get %s: error while checking if volume %q exists in driver %q: error looking up volume plugin %s: plugin %s found but disabled",
			v.Name, v.Name, v.Driver, v.Driver, v.Driver)
	}
	return v, nil
}

func volumeList(c *call) error {
	f, err := c.filters("dangling", "driver", "label", "name")
	if err != nil {
		return err
	}
	dangling, err := f.bool("dangling", false)
	if err != nil {
		return err
	}
	list := docker.VolumeListResult{Volumes: []docker.Volume{}}
	for _, name := range slices.Sorted(maps.Keys(c.volumes.byName)) {
		v := c.volumes.byName[name]
		if f.has("driver", v.Driver) && f.labels(v.Labels) && f.name("name", name) &&
			(len(f["dangling"]) == 0 || dangling == (len(c.users(name)) == 0)) {
			list.Volumes = append(list.Volumes, v.Volume)
		}
	}
	return c.json(http.StatusOK, list)
}

func volumeInspect(c *call) error {
	v, err := c.volume()
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, v.Volume)
}

func volumeCreate(c *call) error {
	var asked docker.VolumeCreateOptions
	if err := c.optional(&asked); err != nil {
		return err
	}
	if asked.ClusterVolumeSpec != nil {
		return notImplemented("cluster volumes are left out")
	}
	v, err := c.newVolume(&asked)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, v.Volume)
}

func volumeUpdate(c *call) error {
	if _, err := c.volume(); err != nil {
		return err
	}
	return badRequest("volume cannot be updated: it is not a cluster volume")
}

func volumeRemove(c *call) error {
	v, err := c.volume()
	if err != nil && c.bool("force") {
		return nil
	}
	if err != nil {
		return err
	}
	if users := c.users(v.Name); len(users) > 0 {
		return conflict("remove %s: volume is in use - [%s]", v.Name, strings.Join(users, ", "))
	}
	c.dropVolume(v)
	return nil
}

func volumePrune(c *call) error {
	f, err := c.filters("all", "label", "label!")
	if err != nil {
		return err
	}
	all, err := f.bool("all", !c.since(42))
	if err != nil {
		return err
	}
	result := docker.VolumePruneResult{VolumesDeleted: []string{}}
	for _, name := range slices.Sorted(maps.Keys(c.volumes.byName)) {
		v := c.volumes.byName[name]
		if len(c.users(name)) > 0 || !f.labels(v.Labels) || !all && !v.anonymous {
			continue
		}
		result.SpaceReclaimed += v.files.changed().size()
		result.VolumesDeleted = append(result.VolumesDeleted, name)
		c.dropVolume(v)
	}
	c.emit(docker.EventVolume, "prune", "", map[string]string{"reclaimed": strconv.FormatInt(result.SpaceReclaimed, 10)})
	return c.json(http.StatusOK, result)
}
