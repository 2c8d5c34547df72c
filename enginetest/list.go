package enginetest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

// newest are the containers, the newest first.
func (e *engine) newest() []*container {
	all := make([]*container, 0, len(e.containers.byID))
	for _, ct := range e.containers.byID {
		all = append(all, ct)
	}
	slices.SortFunc(all, func(a, b *container) int { return b.number - a.number })
	return all
}

func containerList(c *call) error {
	keys := []string{
		"ancestor", "before", "expose", "exited", "health", "id", "isolation", "is-task", "label", "name", "network",
		"publish", "since", "status", "volume",
	}
	if c.since(56) {
		keys = append(keys, "annotation")
	}
	f, err := c.filters(keys...)
	if err != nil {
		return err
	}
	limit, err := c.int("limit", 0)
	if err != nil {
		return errorf(http.StatusInternalServerError, "%v", err)
	}
	pass, err := c.containerFilter(f)
	if err != nil {
		return err
	}
	all := c.bool("all") || limit > 0 || len(f["status"]) > 0 || len(f["exited"]) > 0 || len(f["before"]) > 0 || len(f["since"]) > 0
	list := []docker.ContainerSummary{}
	for _, ct := range c.newest() {
		if !all && !ct.running() || !pass(ct) {
			continue
		}
		list = append(list, c.summary(ct, c.bool("size")))
		if limit > 0 && len(list) == limit {
			break
		}
	}
	return c.json(http.StatusOK, list, from(46, "HostConfig.Annotations"), from(52, "Health"))
}

var statuses = []string{"created", "running", "paused", "restarting", "removing", "exited", "dead"}

// containerFilter makes a test of the filters.
func (c *call) containerFilter(f filters) (func(*container) bool, error) {
	if err := c.validStates(f); err != nil {
		return nil, err
	}
	isTask, err := f.bool("is-task", false)
	if err != nil {
		return nil, c.badFilter("'is-task=%v'", f["is-task"])
	}
	after, err := c.neighbour(f["since"])
	if err != nil {
		return nil, err
	}
	before, err := c.neighbour(f["before"])
	if err != nil {
		return nil, err
	}
	return func(ct *container) bool {
		_, task := ct.config.Labels["com.docker.swarm.task.id"]
		return f.id("id", ct.id) && f.name("name", ct.name) && f.labels(ct.config.Labels) && f.has("status", string(ct.state)) &&
			(len(f["is-task"]) == 0 || task == isTask) &&
			(after == nil || ct.number > after.number) && (before == nil || ct.number < before.number) &&
			(len(f["exited"]) == 0 || !ct.running() && ct.state != docker.ContainerCreated && f.has("exited", strconv.Itoa(ct.exitCode))) &&
			f.has("health", string(ct.health.status())) && c.uses(ct, f)
	}, nil
}

// validStates looks at the filters whose values are few.
func (c *call) validStates(f filters) error {
	long := c.apiVersion() >= 48 // engines that say what would be right
	for _, status := range f["status"] {
		switch ok := slices.Contains(statuses, status); {
		case !ok && long:
			return c.badFilter("'status=%s': invalid value for state (%s): must be one of %s", status, status, strings.Join(statuses, ", "))
		case !ok:
			return c.badFilter("'status=%s'", status)
		}
	}
	for _, h := range f["health"] {
		switch ok := slices.Contains([]string{"starting", "healthy", "unhealthy", "none"}, h); {
		case !ok && long:
			return c.badFilter("'health=%s': invalid value for health (%s): must be one of none, starting, healthy, unhealthy", h, h)
		case !ok && c.apiVersion() < 42:
			return badRequest("Unrecognised filter value for health: %s", h)
		case !ok:
			return badRequest("unrecognized filter value for health: %s", h)
		}
	}
	for _, code := range f["exited"] {
		_, err := strconv.Atoi(code)
		switch {
		case err != nil && c.apiVersion() < 42:
			return err
		case err != nil:
			return c.badFilter("'exited=%s': %v", code, err)
		}
	}
	return nil
}

// neighbour is the container of the filters since and before, nil without one.
func (c *call) neighbour(refs []string) (*container, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	ct, err := c.findContainer(refs[0])
	if err != nil && c.apiVersion() < 42 {
		return nil, errorf(http.StatusInternalServerError, "no such container %s", refs[0])
	}
	return ct, err
}

// uses tests what a container is made of.
func (c *call) uses(ct *container, f filters) bool {
	return f.any("ancestor", func(v string) bool { return c.descends(ct, v) }) &&
		f.any("network", func(v string) bool { return slices.Contains(c.networkNames(ct), v) || ct.host.NetworkMode == v }) &&
		f.any("volume", func(v string) bool {
			return slices.ContainsFunc(ct.mounts, func(m docker.MountPoint) bool { return m.Name == v || m.Destination == v || m.Source == v })
		}) &&
		f.any("expose", func(v string) bool { return samePort(v, ct.config.ExposedPorts) }) &&
		f.any("publish", func(v string) bool { return samePort(v, ct.host.PortBindings) }) &&
		f.any("annotation", func(v string) bool { return hasLabel(ct.host.Annotations, v) })
}

// descends tells whether a container's image is, or was made from, another.
func (c *call) descends(ct *container, ref string) bool {
	ancestor, err := c.findImage(ref)
	if err != nil {
		return false
	}
	for img := ct.image; img != nil; img = c.images.byID[img.parent] {
		if img.id == ancestor.id {
			return true
		}
	}
	return false
}

func samePort[V any](text string, ports map[docker.Port]V) bool {
	if !strings.Contains(text, "/") {
		text += "/tcp"
	}
	_, ok := ports[docker.Port(text)]
	return ok
}

// summary is a container as a list tells it.
func (c *call) summary(ct *container, size bool) docker.ContainerSummary {
	s := docker.ContainerSummary{
		ID: ct.id, Names: []string{"/" + ct.name}, Image: ct.imageRef, ImageID: ct.image.id, Command: joined(ct.args()),
		Created: docker.UnixTime{Time: ct.created}, Ports: c.portSummary(ct), Labels: ct.config.Labels, State: ct.state, Status: ct.status(),
		HostConfig:      docker.HostConfigSummary{NetworkMode: ct.host.NetworkMode, Annotations: ct.host.Annotations},
		NetworkSettings: docker.NetworkSettingsSummary{Networks: c.networkSettings(ct).Networks},
		Mounts:          ct.mounts, Health: docker.HealthSummary{Status: ct.health.status(), FailingStreak: ct.health.streak()},
	}
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	if c.images.tags[withTag(ct.imageRef)] != ct.image.id && !strings.HasPrefix(ct.image.id, "sha256:"+ct.imageRef) {
		s.Image = ct.image.id // the name is another image's now
	}
	if size {
		rw := ct.files.changed().size()
		root := rw + ct.image.size()
		s.SizeRw, s.SizeRootFs = &rw, &root
	}
	return s
}

// joined is a command for people.
func joined(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		if quoted[i] = arg; strings.Contains(arg, " ") && i > 0 {
			quoted[i] = "'" + arg + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// portSummary are the ports of a running container.
func (e *engine) portSummary(ct *container) []docker.PortSummary {
	ports := []docker.PortSummary{}
	if !ct.running() {
		return ports
	}
	for port, bindings := range e.networkSettings(ct).Ports {
		if len(bindings) == 0 {
			ports = append(ports, docker.PortSummary{PrivatePort: port.Number(), Type: port.Protocol()})
		}
		for _, b := range bindings {
			public, _ := strconv.ParseUint(b.HostPort, 10, 16) //nolint:errcheck // 0 is none
			ip := b.HostIP
			if !ip.IsValid() {
				ip = netip.IPv4Unspecified()
			}
			ports = append(ports, docker.PortSummary{
				IP: docker.IP{Addr: ip}, PrivatePort: port.Number(), PublicPort: uint16(public), Type: port.Protocol(),
			})
		}
	}
	slices.SortFunc(ports, func(a, b docker.PortSummary) int {
		return cmp.Or(cmp.Compare(a.PrivatePort, b.PrivatePort), cmp.Compare(a.PublicPort, b.PublicPort))
	})
	return ports
}

// status is the state of a container for people.
func (ct *container) status() string {
	switch ct.state {
	case docker.ContainerCreated:
		return "Created"
	case docker.ContainerRestarting:
		return fmt.Sprintf("Restarting (%d) %s ago", ct.exitCode, since(ct.finished))
	case docker.ContainerRemoving:
		return "Removal In Progress"
	case docker.ContainerExited:
		return fmt.Sprintf("Exited (%d) %s ago", ct.exitCode, since(ct.finished))
	}
	text := "Up " + since(ct.started)
	switch h := ct.health.status(); {
	case ct.state == docker.ContainerPaused:
		text += " (Paused)"
	case h == docker.HealthStarting:
		text += " (health: starting)"
	case h != docker.HealthNone:
		text += " (" + string(h) + ")"
	}
	return text
}

// since is the time since t in words.
func since(t time.Time) string {
	d := time.Since(t)
	switch seconds := int(d.Seconds()); {
	case seconds < 1:
		return "Less than a second"
	case seconds == 1:
		return "1 second"
	case seconds < 60:
		return fmt.Sprintf("%d seconds", seconds)
	}
	minutes := int(d.Minutes())
	hours := int(d.Hours() + 0.5)
	switch {
	case minutes == 1:
		return "About a minute"
	case minutes < 60:
		return fmt.Sprintf("%d minutes", minutes)
	case hours == 1:
		return "About an hour"
	case hours < 48:
		return fmt.Sprintf("%d hours", hours)
	case hours < 24*7*2:
		return fmt.Sprintf("%d days", hours/24)
	case hours < 24*30*2:
		return fmt.Sprintf("%d weeks", hours/24/7)
	case hours < 24*365*2:
		return fmt.Sprintf("%d months", hours/24/30)
	}
	return fmt.Sprintf("%d years", hours/24/365)
}
