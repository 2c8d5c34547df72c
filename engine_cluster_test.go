package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

func init() { podmanSkips["TestEngineCluster"] = "it has no clusters" }

// TestEngineCluster makes each engine a cluster of one node, and leaves it. Hosts that
// are not sockets are further ways to the same engines.
func TestEngineCluster(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		if !strings.HasPrefix(c.Host(), "unix:") {
			t.Skip("on sockets only")
		}
		leave := func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			err := c.SwarmLeave(ctx, &SwarmLeaveOptions{Force: true})
			require.True(t, err == nil || errors.Is(err, errdefs.ErrUnavailable), err)
		}
		leave()
		t.Cleanup(leave)
		clusterInit(t, c)
		t.Run("at once", func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, *Client){
				"Settings": clusterSettings, "Nodes": clusterNodes, "Secrets": clusterSecrets, "Service": clusterService,
				"SameSpec": clusterSameSpec, "Failures": clusterFailures, "Modes": clusterModes, "Logs": clusterLogs,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, c)
				})
			}
		})
		t.Run("Drain", func(t *testing.T) { clusterDrain(t, c) })
		t.Run("Autolock", func(t *testing.T) { clusterAutolock(t, c) })
	})
}

// clusterContext bounds what a test does on a cluster, whose tasks take their time.
func clusterContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func clusterInit(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	_, swarm := c.SwarmInspect(ctx, nil)
	_, nodes := c.NodeList(ctx, nil)
	_, services := c.ServiceList(ctx, nil)
	_, tasks := c.TaskList(ctx, nil)
	_, secrets := c.SecretList(ctx, nil)
	_, configs := c.ConfigList(ctx, nil)
	_, key := c.SwarmUnlockKey(ctx)
	for _, err := range []error{swarm, nodes, services, tasks, secrets, configs, key, c.SwarmLeave(ctx, nil)} {
		errorsIs(t, err, errdefs.ErrUnavailable, errdefs.ErrRefused)
	}
	require.Error(t, c.SwarmJoin(ctx, &SwarmJoinOptions{RemoteAddrs: []string{"127.0.0.1:1"}, JoinToken: "none"}))

	id, err := c.SwarmInit(ctx, &SwarmInitOptions{
		ListenAddr: "127.0.0.1:2377", AdvertiseAddr: "127.0.0.1",
		DefaultAddrPool: []netip.Prefix{netip.MustParsePrefix("10.88.0.0/16")}, SubnetSize: 26,
		Spec: SwarmSpec{Labels: marked(t, nil), Orchestration: OrchestrationConfig{TaskHistoryRetentionLimit: new(int64(3))}},
	})
	require.NoError(t, err)
	info, err := c.Info(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, id, info.Swarm.NodeID)
	require.Equal(t, SwarmActive, info.Swarm.LocalNodeState)
	_, err = c.SwarmInit(ctx, nil)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
	require.ErrorIs(t, c.SwarmLeave(ctx, nil), errdefs.ErrUnavailable)
	require.ErrorIs(t, c.SwarmJoin(ctx, &SwarmJoinOptions{RemoteAddrs: []string{"127.0.0.1:1"}, JoinToken: "none"}), errdefs.ErrUnavailable)
}

func clusterSettings(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	var raw json.RawMessage
	before, err := c.SwarmInspect(ctx, &SwarmInspectOptions{Raw: &raw})
	require.NoError(t, err)
	requireKept(t, raw, clusterSamples["swarm"])
	require.EqualValues(t, 26, before.SubnetSize)
	require.Equal(t, "10.88.0.0/16", before.DefaultAddrPool[0].String())
	require.EqualValues(t, 3, *before.Spec.Orchestration.TaskHistoryRetentionLimit)
	require.NotContains(t, fmt.Sprintf("%+v", before), before.JoinTokens.Worker)

	spec := before.Spec
	spec.Dispatcher.HeartbeatPeriod = 7 * time.Second
	require.NoError(t, c.SwarmUpdate(ctx, before.Version, spec, &SwarmUpdateOptions{RotateWorkerToken: true}))
	require.ErrorIs(t, c.SwarmUpdate(ctx, before.Version, spec, nil), errdefs.ErrConflict)
	after, err := c.SwarmInspect(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, 7*time.Second, after.Spec.Dispatcher.HeartbeatPeriod)
	require.NotEqual(t, before.JoinTokens.Worker, after.JoinTokens.Worker)
	require.Equal(t, before.JoinTokens.Manager, after.JoinTokens.Manager)
}

func clusterNodes(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	nodes, err := c.NodeList(ctx, &NodeListOptions{Filters: Filters{"role": {"manager"}, "membership": {"accepted"}}})
	require.NoError(t, err)
	require.Len(t, nodes, 1)
	id := nodes[0].ID
	var raw json.RawMessage
	node, err := c.NodeInspect(ctx, nodes[0].Description.Hostname, &NodeInspectOptions{Raw: &raw})
	require.NoError(t, err)
	require.Equal(t, id, node.ID)
	requireKept(t, raw, clusterSamples["nodes"].Elem())
	require.Equal(t, NodeReady, node.Status.State)
	require.True(t, node.ManagerStatus.Leader)
	require.Equal(t, ManagerReachable, node.ManagerStatus.Reachability)

	require.NoError(t, c.NodeChange(ctx, id, func(spec *NodeSpec) error {
		spec.Labels = map[string]string{"zone": "a"}
		return nil
	}))
	nodes, err = c.NodeList(ctx, &NodeListOptions{Filters: Filters{"node.label": {"zone=a"}}})
	require.NoError(t, err)
	require.Len(t, nodes, 1)
	require.ErrorIs(t, c.NodeUpdate(ctx, id, node.Version, node.Spec), errdefs.ErrConflict)
	spec := nodes[0].Spec
	spec.Role = NodeWorker
	require.ErrorIs(t, c.NodeUpdate(ctx, id, nodes[0].Version, spec), errdefs.ErrInvalidArgument)
	require.ErrorIs(t, c.NodeRemove(ctx, id, nil), errdefs.ErrInvalidArgument)
	_, err = c.NodeInspect(ctx, "none", nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)
	require.ErrorIs(t, c.NodeRemove(ctx, "none", nil), errdefs.ErrNotFound)
}

// serviceOf is the spec of a service of the test's own.
func serviceOf(t *testing.T, name string, args ...string) ServiceSpec {
	t.Helper()
	return ServiceSpec{
		Name: unique(name), Labels: marked(t, nil),
		TaskTemplate: TaskSpec{ContainerSpec: &ContainerSpec{
			Image: baseImage, Labels: marked(t, nil), Args: args, StopSignal: "SIGKILL",
		}},
	}
}

// served makes a service that is removed with the test, and returns its ID.
func served(t *testing.T, c *Client, spec ServiceSpec) string {
	t.Helper()
	made, err := c.ServiceCreate(clusterContext(t), spec, nil)
	require.NoError(t, err)
	require.Empty(t, made.Warnings)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.ServiceRemove(ctx, made.ID); !errors.Is(err, errdefs.ErrNotFound) {
			require.NoError(t, err)
		}
	})
	return made.ID
}

// converged waits for a service without watching whether it stays so.
func converged(t *testing.T, c *Client, id string) {
	t.Helper()
	require.NoError(t, c.ServiceWaitConverged(clusterContext(t), id, &ServiceWaitOptions{Stable: -1}))
}

// runningTasks are the tasks of a service that run and are to.
func runningTasks(t *testing.T, c *Client, id string) []Task {
	t.Helper()
	tasks, err := c.TaskList(clusterContext(t), &TaskListOptions{Filters: Filters{"service": {id}, "desired-state": {"running"}}})
	require.NoError(t, err)
	return slices.DeleteFunc(tasks, func(task Task) bool { return task.Status.State != TaskRunning })
}

// linesOf reads the output of a service to its end, without the order of its lines.
func linesOf(t *testing.T, c *Client, id string) []string {
	t.Helper()
	out, err := c.ServiceLogs(clusterContext(t), id, nil)
	require.NoError(t, err)
	var lines []string
	for line, err := range out.Lines() {
		require.NoError(t, err)
		lines = append(lines, line.Text)
	}
	slices.Sort(lines)
	return lines
}

func clusterSecrets(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	labels := marked(t, nil)
	secretName, configName := unique("secret"), unique("config")
	secretID, err := c.SecretCreate(ctx, SecretSpec{Name: secretName, Labels: labels, Data: []byte("hush")})
	require.NoError(t, err)
	configID, err := c.ConfigCreate(ctx, ConfigSpec{
		Name: configName, Labels: labels, Data: []byte("{{.Service.Name}}"), Templating: &Driver{Name: "golang"},
	})
	require.NoError(t, err)
	_, err = c.SecretCreate(ctx, SecretSpec{Name: secretName, Data: []byte("x")})
	require.ErrorIs(t, err, errdefs.ErrConflict)
	_, err = c.ConfigCreate(ctx, ConfigSpec{Name: configName, Data: []byte("x")})
	require.ErrorIs(t, err, errdefs.ErrConflict)

	secrets, err := c.SecretList(ctx, &SecretListOptions{Filters: Filters{"names": {secretName}}})
	require.NoError(t, err)
	require.Len(t, secrets, 1)
	require.Equal(t, secretID, secrets[0].ID)
	require.Nil(t, secrets[0].Spec.Data)
	configs, err := c.ConfigList(ctx, &ConfigListOptions{Filters: Filters{"name": {configName}}})
	require.NoError(t, err)
	require.Len(t, configs, 1)
	require.Equal(t, "{{.Service.Name}}", string(configs[0].Spec.Data))

	spec := serviceOf(t, "secrets", "sh", "-c", "cat /run/secrets/pass; echo; cat /etc/c; echo; stat -c %a /etc/c; sleep 3600")
	spec.TaskTemplate.ContainerSpec.Secrets = []SecretReference{SecretFile(secretID, secretName, "pass")}
	spec.TaskTemplate.ContainerSpec.Configs = []ConfigReference{ConfigFile(configID, configName, "/etc/c")}
	id := served(t, c, spec)
	converged(t, c, id)
	poll(t, "the files", func() bool { return len(linesOf(t, c, id)) == 3 })
	require.Equal(t, []string{"444", spec.Name, "hush"}, linesOf(t, c, id))
	require.ErrorIs(t, c.SecretRemove(ctx, secretID), errdefs.ErrInvalidArgument)
	require.ErrorIs(t, c.ConfigRemove(ctx, configName), errdefs.ErrInvalidArgument)

	update := secrets[0].Spec
	update.Labels["new"] = "label"
	require.NoError(t, c.SecretUpdate(ctx, secretID, secrets[0].Version, update))
	require.ErrorIs(t, c.SecretUpdate(ctx, secretID, secrets[0].Version, update), errdefs.ErrConflict)
	secret, err := c.SecretInspect(ctx, secretName, nil)
	require.NoError(t, err)
	require.Equal(t, "label", secret.Spec.Labels["new"])
	other := configs[0].Spec
	other.Labels["new"] = "label"
	require.NoError(t, c.ConfigUpdate(ctx, configName, configs[0].Version, other))
	require.ErrorIs(t, c.ConfigUpdate(ctx, configID, configs[0].Version, other), errdefs.ErrConflict)
	config, err := c.ConfigInspect(ctx, configID, nil)
	require.NoError(t, err)
	require.Equal(t, "label", config.Spec.Labels["new"])
	other.Data = []byte("new")
	require.ErrorIs(t, c.ConfigUpdate(ctx, configID, config.Version, other), errdefs.ErrInvalidArgument)

	require.NoError(t, c.ServiceRemove(ctx, id))
	require.NoError(t, c.SecretRemove(ctx, secretName))
	require.NoError(t, c.ConfigRemove(ctx, configID))
	_, err = c.SecretInspect(ctx, secretID, nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)
	_, err = c.ConfigInspect(ctx, configID, nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)
	require.ErrorIs(t, c.SecretRemove(ctx, secretID), errdefs.ErrNotFound)
	require.ErrorIs(t, c.ConfigRemove(ctx, configID), errdefs.ErrNotFound)
}

func clusterService(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	spec := serviceOf(t, "web", "sh", "-c", "echo first; exec sleep 3600")
	spec.Mode.Replicated = &ReplicatedService{Replicas: new(uint64(2))}
	spec.UpdateConfig = &UpdateConfig{Monitor: time.Millisecond}
	spec.RollbackConfig = spec.UpdateConfig
	id := served(t, c, spec)
	var last ServiceProgress
	require.NoError(t, c.ServiceWaitConverged(ctx, spec.Name, &ServiceWaitOptions{
		Stable: time.Second, Progress: func(p ServiceProgress) { last = p },
	}))
	require.Equal(t, ServiceProgress{Desired: 2, Ready: 2}, last)
	require.Len(t, runningTasks(t, c, id), 2)
	_, err := c.ServiceCreate(ctx, spec, nil)
	require.ErrorIs(t, err, errdefs.ErrConflict)

	services, err := c.ServiceList(ctx, &ServiceListOptions{
		Filters: Filters{"label": {markKey + "=" + mark(t)}, "name": {spec.Name}, "mode": {"replicated"}, "runtime": {"container"}}, Status: true,
	})
	require.NoError(t, err)
	require.Len(t, services, 1)
	require.Equal(t, &ServiceStatus{RunningTasks: 2, DesiredTasks: 2}, services[0].ServiceStatus)
	var raw json.RawMessage
	service, err := c.ServiceInspect(ctx, id, &ServiceInspectOptions{InsertDefaults: true, Raw: &raw})
	require.NoError(t, err)
	requireKept(t, raw, clusterSamples["service"])
	require.Equal(t, FailurePause, service.Spec.UpdateConfig.FailureAction)
	require.Equal(t, 5*time.Second, *service.Spec.TaskTemplate.RestartPolicy.Delay)

	tasks := runningTasks(t, c, id)
	task, err := c.TaskInspect(ctx, tasks[0].ID, &TaskInspectOptions{Raw: &raw})
	require.NoError(t, err)
	requireKept(t, raw, clusterSamples["tasks"].Elem())
	require.Equal(t, id, task.ServiceID)
	container, err := c.ContainerInspect(ctx, task.Status.ContainerStatus.ContainerID, nil)
	require.NoError(t, err)
	require.Equal(t, task.ID, container.Config.Labels[LabelTaskID])

	// Another size leaves the tasks that stay alone; other arguments replace them.
	_, err = c.ServiceChange(ctx, id, func(s *ServiceSpec) error {
		*s.Mode.Replicated.Replicas = 3
		return nil
	}, nil)
	require.NoError(t, err)
	converged(t, c, id)
	grown := runningTasks(t, c, id)
	require.Len(t, grown, 3)
	require.Subset(t, taskIDs(grown), taskIDs(tasks))
	_, err = c.ServiceChange(ctx, id, func(s *ServiceSpec) error {
		s.TaskTemplate.ContainerSpec.Args = []string{"sleep", "3601"}
		*s.Mode.Replicated.Replicas = 2
		return nil
	}, nil)
	require.NoError(t, err)
	converged(t, c, id)
	replaced := runningTasks(t, c, id)
	require.Len(t, replaced, 2)
	for _, task := range replaced {
		require.Equal(t, []string{"sleep", "3601"}, task.Spec.ContainerSpec.Args)
	}

	service, err = c.ServiceInspect(ctx, id, nil)
	require.NoError(t, err)
	require.NotNil(t, service.PreviousSpec)
	_, err = c.ServiceUpdate(ctx, id, service.Version, service.Spec, &ServiceUpdateOptions{Rollback: true})
	require.NoError(t, err)
	require.NoError(t, c.ServiceWaitConverged(ctx, id, &ServiceWaitOptions{Stable: -1, Rollback: true}))
	require.Len(t, runningTasks(t, c, id), 3)
	_, err = c.ServiceUpdate(ctx, id, service.Version, service.Spec, nil)
	require.ErrorIs(t, err, errdefs.ErrConflict)

	require.NoError(t, c.ServiceRemove(ctx, id))
	require.ErrorIs(t, c.ServiceRemove(ctx, id), errdefs.ErrNotFound)
	require.ErrorIs(t, c.ServiceWaitConverged(ctx, id, nil), errdefs.ErrNotFound)
	_, err = c.TaskInspect(ctx, "none", nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)
}

func taskIDs(tasks []Task) []string {
	var ids []string
	for _, task := range tasks {
		ids = append(ids, task.ID)
	}
	return ids
}

// What an inspect tells and an update sends back is the same to the engine: no task is
// replaced.
func clusterSameSpec(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	for name, text := range map[string]string{
		"empty": `{"ContainerSpec":{"Privileges":{},"DNSConfig":{},"Healthcheck":{},"Init":false,"Args":["sleep","3600"],"Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{}}]},
			"Resources":{"Limits":{},"Reservations":{}},"RestartPolicy":{"Delay":0,"Window":0},"Placement":{}}`,
		"absent": `{"ContainerSpec":{"Args":["sleep","3600"]}}`,
		"full": `{"ContainerSpec":{"Args":["sleep","3600"],"Command":["/bin/busybox"],"Hostname":"h","Env":["A=b"],"Dir":"/tmp","User":"root","Groups":["1"],"OpenStdin":true,"ReadOnly":true,
			"Privileges":{"SELinuxContext":{"Disable":true}},"StopGracePeriod":1000000000,"Healthcheck":{"Test":["NONE"],"Interval":1000000000},"Hosts":["10.1.2.3 db"],
			"DNSConfig":{"Nameservers":["1.1.1.1"],"Search":["example.com"],"Options":["ndots:1"]},"Init":true,"Sysctls":{"kernel.shm_rmid_forced":"1"},
			"Mounts":[{"Type":"bind","Source":"/etc","Target":"/b","BindOptions":{"Propagation":"rprivate"}}]},
			"Resources":{"Limits":{"NanoCPUs":1000000000,"MemoryBytes":67108864},"Reservations":{"MemoryBytes":8388608}},
			"RestartPolicy":{"Condition":"on-failure","Delay":1000000000,"MaxAttempts":3,"Window":1000000000},
			"Placement":{"Constraints":["node.role==manager"],"Preferences":[{"Spread":{"SpreadDescriptor":"node.labels.zone"}}],"Platforms":[{"OS":"linux"}]},
			"LogDriver":{"Name":"json-file","Options":{"max-size":"1m"}},"ForceUpdate":3,"Networks":[{"Target":"host"}]}`,
	} {
		spec := serviceOf(t, "same-"+name)
		labels := spec.TaskTemplate.ContainerSpec.Labels
		spec.TaskTemplate = TaskSpec{}
		require.NoError(t, json.Unmarshal([]byte(text), &spec.TaskTemplate))
		spec.TaskTemplate.ContainerSpec.Image, spec.TaskTemplate.ContainerSpec.Labels = baseImage, labels
		spec.TaskTemplate.ContainerSpec.StopSignal = "SIGKILL"
		id := served(t, c, spec)
		converged(t, c, id)
		before := runningTasks(t, c, id)
		_, err := c.ServiceChange(ctx, id, func(s *ServiceSpec) error {
			s.Labels["new"] = "label"
			return nil
		}, nil)
		require.NoError(t, err)
		require.NoError(t, c.ServiceWaitConverged(ctx, id, &ServiceWaitOptions{Stable: 500 * time.Millisecond}))
		_, err = c.ServiceChange(ctx, id, func(s *ServiceSpec) error {
			s.TaskTemplate.Placement = nil
			return nil
		}, nil)
		require.NoError(t, err)
		require.NoError(t, c.ServiceWaitConverged(ctx, id, &ServiceWaitOptions{Stable: 500 * time.Millisecond}))
		require.Equal(t, taskIDs(before), taskIDs(runningTasks(t, c, id)), name)
		service, err := c.ServiceInspect(ctx, id, nil)
		require.NoError(t, err)
		require.Nil(t, service.UpdateStatus, name)
		require.NoError(t, c.ServiceRemove(ctx, id))
	}
}

func clusterFailures(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	unconverged := func(id string, opts *ServiceWaitOptions) *UnconvergedError {
		t.Helper()
		bounded, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		err := c.ServiceWaitConverged(bounded, id, opts)
		var failure *UnconvergedError
		require.ErrorAs(t, err, &failure)
		return failure
	}
	once := &TaskRestartPolicy{Condition: TaskRestartNone}

	spec := serviceOf(t, "fails", "sh", "-c", "exit 3")
	spec.TaskTemplate.RestartPolicy = once
	failure := unconverged(served(t, c, spec), nil)
	require.NoError(t, failure.Err)
	require.ErrorContains(t, failure, "0 of 1 tasks are ready: task: non-zero exit (3)")
	require.Equal(t, 3, failure.Tasks[0].Status.ContainerStatus.ExitCode)

	spec = serviceOf(t, "nowhere", "true")
	spec.TaskTemplate.Placement = &Placement{Constraints: []string{"node.labels.none==x"}}
	id := served(t, c, spec)
	bounded, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := c.ServiceWaitConverged(bounded, id, nil)
	errorsIs(t, err, errdefs.ErrCancelled, context.DeadlineExceeded)
	require.ErrorContains(t, err, "no suitable node")

	for action, want := range map[FailureAction]UpdateState{FailurePause: UpdatePaused, FailureRollback: UpdateRollbackCompleted} {
		spec = serviceOf(t, "update", "sleep", "3600")
		spec.UpdateConfig = &UpdateConfig{FailureAction: action, Monitor: 30 * time.Second, Parallelism: 1}
		spec.RollbackConfig = &UpdateConfig{Monitor: time.Millisecond}
		id = served(t, c, spec)
		converged(t, c, id)
		_, err = c.ServiceChange(ctx, id, func(s *ServiceSpec) error {
			s.TaskTemplate.ContainerSpec.Args = []string{"false"}
			s.TaskTemplate.RestartPolicy = once
			return nil
		}, nil)
		require.NoError(t, err)
		failure = unconverged(id, nil)
		require.NoError(t, failure.Err)
		require.Equal(t, want, failure.Progress.Update)
		require.NotEmpty(t, failure.Progress.Message)
	}
	// What it was rolled back to runs.
	require.NoError(t, c.ServiceRemove(ctx, id))
}

func clusterModes(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	spec := serviceOf(t, "global", "sleep", "3600")
	spec.Mode.Global = &GlobalService{}
	spec.TaskTemplate.Networks = []NetworkAttachmentConfig{{Target: "host"}}
	id := served(t, c, spec)
	converged(t, c, id)
	tasks := runningTasks(t, c, id)
	require.Len(t, tasks, 1)
	require.Equal(t, "host", tasks[0].NetworksAttachments[0].Network.Spec.Name)
	require.NoError(t, c.ServiceRemove(ctx, id))

	spec = serviceOf(t, "overlay", "sleep", "3600")
	spec.TaskTemplate.Networks = []NetworkAttachmentConfig{{Target: overlayOf(t, c), Aliases: []string{"db"}}}
	spec.EndpointSpec = EndpointSpec{Mode: EndpointDNSRR, Ports: []PortConfig{{TargetPort: 80, PublishedPort: 8089, PublishMode: PublishHost}}}
	id = served(t, c, spec)
	converged(t, c, id)
	tasks = runningTasks(t, c, id)
	require.Len(t, tasks, 1)
	require.True(t, tasks[0].NetworksAttachments[0].Addresses[0].IsValid())
	require.EqualValues(t, 8089, tasks[0].Status.PortStatus.Ports[0].PublishedPort)
	require.NoError(t, c.ServiceRemove(ctx, id))

	spec = serviceOf(t, "job", "true")
	spec.Mode.ReplicatedJob = &ReplicatedJob{MaxConcurrent: new(uint64(1)), TotalCompletions: new(uint64(2))}
	spec.TaskTemplate.RestartPolicy = &TaskRestartPolicy{Condition: TaskRestartNone}
	job := served(t, c, spec)
	var last ServiceProgress
	require.NoError(t, c.ServiceWaitConverged(ctx, job, &ServiceWaitOptions{Progress: func(p ServiceProgress) { last = p }}))
	require.Equal(t, ServiceProgress{Desired: 2, Ready: 2}, last)
	services, err := c.ServiceList(ctx, &ServiceListOptions{Filters: Filters{"id": {job}}, Status: true})
	require.NoError(t, err)
	require.EqualValues(t, 2, services[0].ServiceStatus.CompletedTasks)

	// It runs anew with each update, here into a failure.
	_, err = c.ServiceChange(ctx, job, func(s *ServiceSpec) error {
		s.TaskTemplate.ContainerSpec.Args = []string{"false"}
		return nil
	}, nil)
	require.NoError(t, err)
	err = c.ServiceWaitConverged(ctx, job, nil)
	require.ErrorAs(t, err, new(*UnconvergedError))
	require.NotErrorIs(t, err, errdefs.ErrCancelled)
	require.ErrorContains(t, err, "non-zero exit (1)")

	spec = serviceOf(t, "globaljob", "true")
	spec.Mode.GlobalJob = &GlobalJob{}
	spec.TaskTemplate.RestartPolicy = &TaskRestartPolicy{Condition: TaskRestartNone}
	require.NoError(t, c.ServiceWaitConverged(ctx, served(t, c, spec), nil))
}

// overlayOf makes an attachable network of the cluster that is removed with the test.
func overlayOf(t *testing.T, c *Client) string {
	t.Helper()
	name := unique("overlay")
	resp, err := c.Do(clusterContext(t), "POST", "/networks/create", &DoOptions{JSON: map[string]any{
		"Name": name, "Driver": "overlay", "Attachable": true, "Labels": marked(t, nil),
	}})
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for {
			resp, err := c.Do(ctx, "DELETE", "/networks/"+name, nil)
			if err == nil {
				resp.Body.Close()
				return
			}
			if ctx.Err() != nil {
				t.Errorf("a network stays: %v", err)
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	return name
}

func clusterLogs(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	spec := serviceOf(t, "logs", "sh", "-c", "echo out; echo err >&2; exec sleep 3600")
	spec.Mode.Replicated = &ReplicatedService{Replicas: new(uint64(2))}
	id := served(t, c, spec)
	converged(t, c, id)
	poll(t, "the lines", func() bool { return len(linesOf(t, c, id)) == 4 })

	out, err := c.ServiceLogs(ctx, spec.Name, &ServiceLogsOptions{Follow: true, Timestamps: true, Details: true, Since: time.Now().Add(-time.Hour)})
	require.NoError(t, err)
	require.False(t, out.TTY())
	seen := map[string][]string{}
	lines := 0
	for line, err := range out.Lines() {
		require.NoError(t, err)
		require.Equal(t, id, line.Details[LabelServiceID])
		require.NotEmpty(t, line.Details[LabelNodeID])
		require.WithinDuration(t, time.Now(), line.Time, time.Hour)
		require.Equal(t, line.Stream == streams.Stderr, line.Text == "err")
		seen[line.Details[LabelTaskID]] = append(seen[line.Details[LabelTaskID]], line.Text)
		if lines++; lines == 4 {
			break
		}
	}
	for _, task := range runningTasks(t, c, id) {
		require.ElementsMatch(t, []string{"out", "err"}, seen[task.ID])
		out, err := c.TaskLogs(ctx, task.ID, &ServiceLogsOptions{Stderr: true})
		require.NoError(t, err)
		var stderr strings.Builder
		require.NoError(t, out.Copy(io.Discard, &stderr))
		require.Equal(t, "err\n", stderr.String())
	}
	out, err = c.ServiceLogs(ctx, id, &ServiceLogsOptions{Since: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	for line, err := range out.Lines() {
		require.NoError(t, err)
		require.Fail(t, "a line of the future", "%+v", line)
	}

	spec = serviceOf(t, "tty", "sh", "-c", "echo out; echo err >&2; exec sleep 3600")
	spec.TaskTemplate.ContainerSpec.TTY = true
	tty := served(t, c, spec)
	converged(t, c, tty)
	poll(t, "the lines of the terminal", func() bool { return slices.Equal(linesOf(t, c, tty), []string{"err", "out"}) })

	_, err = c.ServiceLogs(ctx, "none", nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)
	_, err = c.TaskLogs(ctx, "none", nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)

	// The context ends a feed that waits.
	following, cancel := context.WithCancel(ctx)
	out, err = c.ServiceLogs(following, id, &ServiceLogsOptions{Follow: true, Tail: -1})
	require.NoError(t, err)
	time.AfterFunc(100*time.Millisecond, cancel)
	for _, err = range out.Lines() {
		if err != nil {
			break
		}
	}
	errorsIs(t, err, errdefs.ErrCancelled, context.Canceled)
}

func clusterDrain(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	nodes, err := c.NodeList(ctx, nil)
	require.NoError(t, err)
	node := nodes[0].Description.Hostname
	id := served(t, c, serviceOf(t, "drain", "sleep", "3600"))
	converged(t, c, id)

	// A container of the node's own stays, in a network of the cluster too.
	overlay := overlayOf(t, c)
	alone := started(t, c, &ContainerCreateOptions{HostConfig: &HostConfig{NetworkMode: overlay}}, "sleep", "3600")
	t.Cleanup(func() { sweep(t, c) })
	require.NoError(t, c.NodeDrain(ctx, node))
	require.Empty(t, runningTasks(t, c, id))
	require.True(t, stateOf(t, c, alone).Running)
	drained, err := c.NodeInspect(ctx, node, nil)
	require.NoError(t, err)
	require.Equal(t, NodeDrain, drained.Spec.Availability)
	require.NoError(t, c.NodeChange(ctx, node, func(spec *NodeSpec) error {
		spec.Availability = NodeActive
		return nil
	}))
	converged(t, c, id)
}

func clusterAutolock(t *testing.T, c *Client) {
	ctx := clusterContext(t)
	key, err := c.SwarmUnlockKey(ctx)
	require.NoError(t, err)
	require.Empty(t, key)
	swarm, err := c.SwarmInspect(ctx, nil)
	require.NoError(t, err)
	swarm.Spec.EncryptionConfig.AutoLockManagers = true
	require.NoError(t, c.SwarmUpdate(ctx, swarm.Version, swarm.Spec, nil))
	key, err = c.SwarmUnlockKey(ctx)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(key, "SWMKEY-"), key)
	require.ErrorIs(t, c.SwarmUnlock(ctx, key), errdefs.ErrConflict)
}
