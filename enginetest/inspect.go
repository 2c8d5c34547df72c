package enginetest

import (
	"net/http"
	"slices"

	"github.com/cleat-go/docker"
)

func containerInspect(c *call) error {
	ct, err := c.container()
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, c.inspected(ct, c.bool("size")),
		with("ExecIDs", c.execIDs(ct)), from(44, "Config.Healthcheck.StartInterval"), until(51, "Config.MacAddress"),
		func(_ *call, object map[string]any) {
			fill(object["Config"], configFields)
			fill(object["HostConfig"], hostFields)
		})
}

// configFields and hostFields are what an engine sends of a configuration that is empty.
var (
	configFields = map[string]any{
		"Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false, "AttachStderr": false,
		"Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": nil, "Cmd": nil, "Image": "", "Volumes": nil,
		"WorkingDir": "", "Entrypoint": nil, "Labels": map[string]string{},
	}
	hostFields = map[string]any{
		"Binds": nil, "ContainerIDFile": "", "PortBindings": map[string]any{}, "AutoRemove": false, "VolumeDriver": "", "VolumesFrom": nil,
		"ConsoleSize": []int{0, 0}, "CapAdd": nil, "CapDrop": nil, "Dns": nil, "DnsOptions": nil, "DnsSearch": nil,
		"ExtraHosts": nil, "GroupAdd": nil, "Cgroup": "", "Links": nil, "OomScoreAdj": 0, "PidMode": "", "Privileged": false,
		"PublishAllPorts": false, "ReadonlyRootfs": false, "SecurityOpt": nil, "UTSMode": "", "UsernsMode": "", "Isolation": "",
		"CpuShares": 0, "Memory": 0, "NanoCpus": 0, "CgroupParent": "", "CpuPeriod": 0, "CpuQuota": 0, "CpusetCpus": "",
		"CpusetMems": "", "MemoryReservation": 0, "MemorySwap": 0, "PidsLimit": nil, "Ulimits": nil, "Devices": nil,
	}
)

// fill adds fields to an object that lacks them.
func fill(object any, fields map[string]any) {
	m, ok := object.(map[string]any)
	if !ok {
		return
	}
	for key, value := range fields {
		if _, there := m[key]; !there {
			m[key] = value
		}
	}
}

// inspected is a container as an inspect tells it.
func (e *engine) inspected(ct *container, size bool) docker.Container {
	args := ct.args()
	files := "/var/lib/docker/containers/" + ct.id
	in := docker.Container{
		ID: ct.id, Created: docker.Timestamp{Time: ct.created.UTC()}, Path: args[0], Args: slices.Concat([]string{}, args[1:]), State: ct.inspectedState(),
		Image: ct.image.id, LogPath: ct.logPath(), Name: "/" + ct.name, RestartCount: ct.restartCount, Driver: "memory", Platform: "linux",
		HostConfig: ct.host, Mounts: ct.mounts, Config: ct.config, NetworkSettings: e.networkSettings(ct),
		GraphDriver: docker.DriverData{Name: "memory"},
	}
	if !ct.started.IsZero() {
		in.ResolvConfPath, in.HostnamePath, in.HostsPath = files+"/resolv.conf", files+"/hostname", files+"/hosts"
	}
	if in.Mounts == nil {
		in.Mounts = []docker.MountPoint{}
	}
	if size {
		rw := ct.files.changed().size()
		root := rw + ct.image.size()
		in.SizeRw, in.SizeRootFs = &rw, &root
	}
	return in
}

func (ct *container) inspectedState() docker.ContainerState {
	s := docker.ContainerState{
		Status: ct.state, Running: ct.running() || ct.state == docker.ContainerRestarting, Paused: ct.state == docker.ContainerPaused,
		Restarting: ct.state == docker.ContainerRestarting, OOMKilled: ct.oom, ExitCode: int64(ct.exitCode), Error: ct.failure,
		StartedAt: docker.Timestamp{Time: ct.started.UTC()}, FinishedAt: docker.Timestamp{Time: ct.finished.UTC()},
		Health: ct.health.inspected(),
	}
	if ct.running() {
		s.Pid = ct.main.pid
	}
	return s
}

// execIDs are the execs that run, nil for none.
func (e *engine) execIDs(ct *container) []string {
	var ids []string
	for id, x := range e.containers.execs {
		if x.ct == ct && x.running {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func containerTop(c *call) error {
	ct, err := c.container()
	switch {
	case err != nil:
		return err
	case !ct.running():
		return c.notRunning(ct)
	case ct.state == docker.ContainerRestarting:
		return conflict("Container %s is restarting, wait until the container is running", ct.id)
	}
	processes, err := c.top(ct, c.param("ps_args"))
	if err != nil {
		return err
	}
	c.emitContainer(ct, "top")
	return c.json(http.StatusOK, processes)
}
