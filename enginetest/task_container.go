package enginetest

import (
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cleat-go/docker"
)

// meets tells whether a node meets a constraint, as "node.role==manager".
func meets(n *docker.Node, constraint string) bool {
	key, want, equal := strings.Cut(constraint, "==")
	if !equal {
		key, want, _ = strings.Cut(constraint, "!=")
	}
	key, want = strings.TrimSpace(key), strings.TrimSpace(want)
	have := ""
	switch key {
	case "node.id":
		have = n.ID
	case "node.hostname":
		have = n.Description.Hostname
	case "node.role":
		have = string(n.Spec.Role)
	case "node.platform.os":
		have = n.Description.Platform.OS
	case "node.platform.arch":
		have = n.Description.Platform.Architecture
	default:
		if label, ok := strings.CutPrefix(key, "node.labels."); ok {
			have = n.Spec.Labels[label]
		} else if label, ok := strings.CutPrefix(key, "engine.labels."); ok {
			have = n.Description.Engine.Labels[label]
		}
	}
	return strings.EqualFold(have, want) == equal
}

// expander fills in templates, as "{{.Task.Slot}}".
func (e *engine) expander(t *task) *strings.Replacer {
	n, s := &e.cluster.node, t.service
	return strings.NewReplacer(
		"{{.Service.ID}}", s.ID, "{{.Service.Name}}", s.Spec.Name, "{{.Node.ID}}", n.ID, "{{.Node.Hostname}}", n.Description.Hostname,
		"{{.Task.ID}}", t.ID, "{{.Task.Name}}", t.name()+"."+t.ID, "{{.Task.Slot}}", strconv.Itoa(t.Slot),
	)
}

// taskContainer is what a task's container is made of.
func (e *engine) taskContainer(t *task) createRequest {
	spec, x := t.Spec.ContainerSpec, e.expander(t)
	labels := mergeMaps(spec.Labels, map[string]string{
		"com.docker.swarm.node.id": t.NodeID, "com.docker.swarm.service.id": t.ServiceID, "com.docker.swarm.service.name": t.service.Spec.Name,
		"com.docker.swarm.task": "", "com.docker.swarm.task.id": t.ID, "com.docker.swarm.task.name": t.name() + "." + t.ID,
	})
	env := slices.Clone(spec.Env)
	for i := range env {
		env[i] = x.Replace(env[i])
	}
	asked := createRequest{
		ContainerConfig: docker.ContainerConfig{
			Image: spec.Image, Entrypoint: spec.Command, Cmd: spec.Args, Hostname: x.Replace(spec.Hostname), Env: env, WorkingDir: spec.Dir, User: spec.User,
			Labels: labels, StopSignal: spec.StopSignal, TTY: spec.TTY, OpenStdin: spec.OpenStdin, Healthcheck: spec.Healthcheck,
		},
		HostConfig: &docker.HostConfig{ReadonlyRootfs: spec.ReadOnly, Mounts: spec.Mounts, Init: spec.Init},
	}
	if nets := slices.Concat(t.Spec.Networks, t.service.Spec.Networks); len(nets) > 0 {
		asked.HostConfig.NetworkMode = nets[0].Target
	}
	if r := t.Spec.Resources; r != nil && r.Limits != nil {
		asked.HostConfig.NanoCPUs, asked.HostConfig.Memory = r.Limits.NanoCPUs, r.Limits.MemoryBytes
	}
	return asked
}

// attach notes the networks and the ports that a task has on its node.
func (e *engine) attach(t *task) {
	for _, p := range t.ct.endpoints {
		n, err := e.findNetwork(p.network)
		if err != nil || len(t.Spec.Networks)+len(t.service.Spec.Networks) == 0 {
			continue
		}
		a := docker.NetworkAttachment{Network: docker.ClusterNetwork{ID: n.ID, Spec: docker.ClusterNetworkSpec{Name: n.Name}}}
		if addr := p.IPAddress.Addr; addr.IsValid() {
			a.Addresses = []docker.IPPrefix{{Prefix: netip.PrefixFrom(addr, p.IPPrefixLen)}}
		}
		t.NetworksAttachments = append(t.NetworksAttachments, a)
	}
	for _, port := range t.service.Spec.EndpointSpec.Ports {
		if port.PublishMode == docker.PublishHost {
			t.Status.PortStatus.Ports = append(t.Status.PortStatus.Ports, port)
		}
	}
}

// provide puts the secrets and configs of a task into its container.
func (e *engine) provide(t *task) {
	put := func(kind docker.EventType, id, dir string, file *docker.ReferenceFile) {
		s := e.cluster.stored[kind][id]
		if s == nil || file == nil {
			return
		}
		data := s.Spec.Data
		if s.Spec.Templating != nil {
			data = []byte(e.expander(t).Replace(string(data)))
		}
		at := file.Name
		if !path.IsAbs(at) {
			at = path.Join(dir, at)
		}
		t.ct.files.MkdirAll(path.Dir(at), 0o755)                     //nolint:errcheck // the write tells
		t.ct.files.WriteFile(at, data, fs.FileMode(file.Mode&0o777)) //nolint:errcheck // the program will see
	}
	for _, r := range t.Spec.ContainerSpec.Secrets {
		put(docker.EventSecret, r.SecretID, "/run/secrets", r.File)
	}
	for _, r := range t.Spec.ContainerSpec.Configs {
		put(docker.EventConfig, r.ConfigID, "/", r.File)
	}
}

// checkStored checks that the secrets and configs of a service are there.
func (cl *cluster) checkStored(spec *docker.ContainerSpec) error {
	for _, r := range spec.Secrets {
		if cl.stored[docker.EventSecret][r.SecretID] == nil {
			return badRequest("rpc error: code = InvalidArgument desc = secret not found: %s", r.SecretName)
		}
	}
	for _, r := range spec.Configs {
		if cl.stored[docker.EventConfig][r.ConfigID] == nil {
			return badRequest("rpc error: code = InvalidArgument desc = config not found: %s", r.ConfigName)
		}
	}
	return nil
}

// usersOf are the names of the services that have a secret or config.
func (cl *cluster) usersOf(id string) []string {
	var users []string
	for _, s := range cl.services {
		spec := s.Spec.TaskTemplate.ContainerSpec
		if slices.ContainsFunc(spec.Secrets, func(r docker.SecretReference) bool { return r.SecretID == id }) ||
			slices.ContainsFunc(spec.Configs, func(r docker.ConfigReference) bool { return r.ConfigID == id }) {
			users = append(users, s.Spec.Name)
		}
	}
	slices.Sort(users)
	return users
}
