package enginetest_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/errdefs"
)

// serviceOf is the spec of a service that runs a command of busybox.
func serviceOf(name string, args ...string) docker.ServiceSpec {
	return docker.ServiceSpec{Name: name, TaskTemplate: docker.TaskSpec{ContainerSpec: &docker.ContainerSpec{Image: "busybox", Args: args}}}
}

// inSwarm runs a test with an engine that is a swarm, within a bubble.
func inSwarm(t *testing.T, test func(t *testing.T, c *docker.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		_, c := swarmOf(t)
		test(t, c)
	})
}

func serve(t *testing.T, c *docker.Client, spec docker.ServiceSpec) string {
	t.Helper()
	made, err := c.ServiceCreate(t.Context(), spec, nil)
	require.NoError(t, err)
	return made.ID
}

func converge(t *testing.T, c *docker.Client, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, c.ServiceWaitConverged(ctx, id, &docker.ServiceWaitOptions{Stable: -1}))
}

func tasksOf(t *testing.T, c *docker.Client, filters docker.Filters) []docker.Task {
	t.Helper()
	tasks, err := c.TaskList(t.Context(), &docker.TaskListOptions{Filters: filters})
	require.NoError(t, err)
	return tasks
}

func runningOf(t *testing.T, c *docker.Client, id string) (ids []string) {
	t.Helper()
	for _, task := range tasksOf(t, c, docker.Filters{"service": {id}, "desired-state": {"running"}}) {
		if task.Status.State == docker.TaskRunning {
			ids = append(ids, task.ID)
		}
	}
	return ids
}

func TestService(t *testing.T) {
	inSwarm(t, func(t *testing.T, c *docker.Client) {
		ctx := t.Context()
		spec := serviceOf("web", "sleep", "3600")
		spec.Mode.Replicated = &docker.ReplicatedService{Replicas: new(uint64(2))}
		id := serve(t, c, spec)
		converge(t, c, id)
		_, err := c.ServiceCreate(ctx, spec, nil)
		require.ErrorIs(t, err, errdefs.ErrConflict)
		list, err := c.ServiceList(ctx, &docker.ServiceListOptions{Status: true, Filters: docker.Filters{"name": {"web"}, "mode": {"replicated"}}})
		require.NoError(t, err)
		require.Equal(t, &docker.ServiceStatus{RunningTasks: 2, DesiredTasks: 2}, list[0].ServiceStatus)
		first := runningOf(t, c, id)
		require.Len(t, first, 2)
		task, err := c.TaskInspect(ctx, first[0], nil)
		require.NoError(t, err)
		ct, err := c.ContainerInspect(ctx, "web.1."+first[0], nil)
		require.NoError(t, err)
		require.Equal(t, task.Status.ContainerStatus.ContainerID, ct.ID)
		require.Equal(t, id, ct.Config.Labels[docker.LabelServiceID])

		_, err = c.ServiceChange(ctx, id, func(s *docker.ServiceSpec) error {
			*s.Mode.Replicated.Replicas = 3
			return nil
		}, nil)
		require.NoError(t, err)
		converge(t, c, id)
		require.Len(t, runningOf(t, c, id), 3)
		require.Subset(t, runningOf(t, c, id), first)
		_, err = c.ServiceChange(ctx, id, func(s *docker.ServiceSpec) error {
			s.TaskTemplate.ContainerSpec.Args = []string{"sleep", "3601"}
			*s.Mode.Replicated.Replicas = 2
			return nil
		}, nil)
		require.NoError(t, err)
		converge(t, c, id)
		require.Len(t, runningOf(t, c, id), 2)
		require.NotSubset(t, runningOf(t, c, id), first)
		service, err := c.ServiceInspect(ctx, id, &docker.ServiceInspectOptions{InsertDefaults: true})
		require.NoError(t, err)
		require.Equal(t, docker.UpdateCompleted, service.UpdateStatus.State)
		require.Equal(t, docker.FailurePause, service.Spec.UpdateConfig.FailureAction)

		service, err = c.ServiceInspect(ctx, id, nil)
		require.NoError(t, err)
		_, err = c.ServiceUpdate(ctx, id, service.Version, service.Spec, &docker.ServiceUpdateOptions{Rollback: true})
		require.NoError(t, err)
		require.NoError(t, c.ServiceWaitConverged(ctx, id, &docker.ServiceWaitOptions{Stable: -1, Rollback: true}))
		require.Len(t, runningOf(t, c, id), 3)
		_, err = c.ServiceUpdate(ctx, id, service.Version, service.Spec, nil)
		require.ErrorIs(t, err, errdefs.ErrConflict)

		require.NoError(t, c.ServiceRemove(ctx, "web"))
		require.ErrorIs(t, c.ServiceRemove(ctx, id), errdefs.ErrNotFound)
		time.Sleep(time.Minute) // sleep heeds no signal
		containers, err := c.ContainerList(ctx, &docker.ContainerListOptions{All: true})
		require.NoError(t, err)
		require.Empty(t, containers)
	})
}

func TestServiceFailures(t *testing.T) {
	inSwarm(t, func(t *testing.T, c *docker.Client) {
		ctx := t.Context()
		spec := serviceOf("fails", "sh", "-c", "exit 3")
		spec.TaskTemplate.RestartPolicy = &docker.TaskRestartPolicy{Condition: docker.TaskRestartNone}
		err := c.ServiceWaitConverged(ctx, serve(t, c, spec), nil)
		require.ErrorContains(t, err, "0 of 1 tasks are ready: task: non-zero exit (3)")

		spec.Name, spec.TaskTemplate.RestartPolicy = "again", &docker.TaskRestartPolicy{MaxAttempts: 2}
		id := serve(t, c, spec)
		time.Sleep(time.Minute)
		require.Len(t, tasksOf(t, c, docker.Filters{"service": {id}}), 3)

		spec = serviceOf("nowhere", "true")
		spec.TaskTemplate.Placement = &docker.Placement{Constraints: []string{"node.labels.none==x"}}
		bounded, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		id = serve(t, c, spec)
		require.ErrorContains(t, c.ServiceWaitConverged(bounded, id, nil), "no suitable node")
		_, err = c.ServiceChange(ctx, id, func(s *docker.ServiceSpec) error {
			s.TaskTemplate.Placement = nil
			s.TaskTemplate.ContainerSpec.Args = []string{"sleep", "100"}
			return nil
		}, nil)
		require.NoError(t, err)
		converge(t, c, id)

		spec.Mode = docker.ServiceMode{Global: &docker.GlobalService{}, ReplicatedJob: &docker.ReplicatedJob{}}
		_, err = c.ServiceCreate(ctx, spec, nil)
		require.ErrorIs(t, err, errdefs.ErrInvalidArgument)

		for action, want := range map[docker.FailureAction]docker.UpdateState{
			docker.FailurePause: docker.UpdatePaused, docker.FailureRollback: docker.UpdateRollbackCompleted,
		} {
			spec = serviceOf("update-"+string(action), "sleep", "3600")
			spec.UpdateConfig = &docker.UpdateConfig{FailureAction: action, Monitor: 30 * time.Second, Parallelism: 1}
			id := serve(t, c, spec)
			converge(t, c, id)
			_, err := c.ServiceChange(ctx, id, func(s *docker.ServiceSpec) error {
				s.TaskTemplate.ContainerSpec.Args = []string{"false"}
				s.TaskTemplate.RestartPolicy = &docker.TaskRestartPolicy{Condition: docker.TaskRestartNone}
				return nil
			}, nil)
			require.NoError(t, err)
			var failure *docker.UnconvergedError
			require.ErrorAs(t, c.ServiceWaitConverged(ctx, id, nil), &failure)
			require.Equal(t, want, failure.Progress.Update)
		}
	})
}

func TestServiceModes(t *testing.T) {
	inSwarm(t, func(t *testing.T, c *docker.Client) {
		ctx := t.Context()
		spec := serviceOf("global", "sleep", "3600")
		spec.Mode.Global = &docker.GlobalService{}
		spec.TaskTemplate.Networks = []docker.NetworkAttachmentConfig{{Target: "host"}}
		id := serve(t, c, spec)
		converge(t, c, id)
		require.Len(t, runningOf(t, c, id), 1)
		task, err := c.TaskInspect(ctx, runningOf(t, c, id)[0], nil)
		require.NoError(t, err)
		require.Equal(t, "host", task.NetworksAttachments[0].Network.Spec.Name)

		spec = serviceOf("job", "true")
		spec.Mode.ReplicatedJob = &docker.ReplicatedJob{MaxConcurrent: new(uint64(1)), TotalCompletions: new(uint64(2))}
		spec.TaskTemplate.RestartPolicy = &docker.TaskRestartPolicy{Condition: docker.TaskRestartNone}
		job := serve(t, c, spec)
		converge(t, c, job)
		list, err := c.ServiceList(ctx, &docker.ServiceListOptions{Filters: docker.Filters{"id": {job}}, Status: true})
		require.NoError(t, err)
		require.EqualValues(t, 2, list[0].ServiceStatus.CompletedTasks)
		_, err = c.ServiceChange(ctx, job, func(s *docker.ServiceSpec) error {
			s.TaskTemplate.ContainerSpec.Args = []string{"false"}
			return nil
		}, nil)
		require.NoError(t, err)
		require.ErrorContains(t, c.ServiceWaitConverged(ctx, job, nil), "non-zero exit (1)")

		spec = serviceOf("globaljob", "true")
		spec.Mode.GlobalJob = &docker.GlobalJob{}
		converge(t, c, serve(t, c, spec))
	})
}

func TestDrain(t *testing.T) {
	inSwarm(t, func(t *testing.T, c *docker.Client) {
		ctx := t.Context()
		id := serve(t, c, serviceOf("drain", "sleep", "3600"))
		converge(t, c, id)
		require.NoError(t, c.NodeDrain(ctx, "enginetest"))
		require.Empty(t, runningOf(t, c, id))
		require.NoError(t, c.NodeChange(ctx, "enginetest", func(spec *docker.NodeSpec) error {
			spec.Availability = docker.NodeActive
			return nil
		}))
		converge(t, c, id)
		require.NoError(t, c.SwarmLeave(ctx, &docker.SwarmLeaveOptions{Force: true}))
		synctest.Wait()
		containers, err := c.ContainerList(ctx, &docker.ContainerListOptions{All: true})
		require.NoError(t, err)
		require.Empty(t, containers)
	})
}

func TestServiceFiles(t *testing.T) {
	inSwarm(t, func(t *testing.T, c *docker.Client) {
		ctx := t.Context()
		secret, err := c.SecretCreate(ctx, docker.SecretSpec{Name: "s", Data: []byte("hush")})
		require.NoError(t, err)
		config, err := c.ConfigCreate(ctx, docker.ConfigSpec{Name: "c", Data: []byte("{{.Service.Name}}"), Templating: &docker.Driver{Name: "golang"}})
		require.NoError(t, err)
		spec := serviceOf("reads", "sh", "-c", "cat /run/secrets/pass /etc/c && sleep 3600")
		spec.TaskTemplate.ContainerSpec.Secrets = []docker.SecretReference{docker.SecretFile(secret, "s", "pass")}
		spec.TaskTemplate.ContainerSpec.Configs = []docker.ConfigReference{docker.ConfigFile(config, "c", "/etc/c")}
		id := serve(t, c, spec)
		converge(t, c, id)
		synctest.Wait()
		task := tasksOf(t, c, docker.Filters{"service": {id}})[0]
		require.Equal(t, docker.TaskRunning, task.Status.State)
		out, err := c.ContainerExec(ctx, task.Status.ContainerStatus.ContainerID, "cat", "/run/secrets/pass", "/etc/c").Output()
		require.NoError(t, err)
		require.Equal(t, "hushreads", string(out))
		require.ErrorIs(t, c.SecretRemove(ctx, secret), errdefs.ErrInvalidArgument)
		require.ErrorIs(t, c.ConfigRemove(ctx, "c"), errdefs.ErrInvalidArgument)
		require.NoError(t, c.ServiceRemove(ctx, id))
		require.NoError(t, c.SecretRemove(ctx, secret))
	})
}

func TestServiceLogs(t *testing.T) {
	inSwarm(t, func(t *testing.T, c *docker.Client) {
		ctx := t.Context()
		spec := serviceOf("talk", "sh", "-c", "echo out; echo err >&2; exec sleep 3600")
		spec.Mode.Replicated = &docker.ReplicatedService{Replicas: new(uint64(2))}
		id := serve(t, c, spec)
		converge(t, c, id)
		out, err := c.ServiceLogs(ctx, "talk", &docker.ServiceLogsOptions{Follow: true, Timestamps: true, Details: true})
		require.NoError(t, err)
		seen, lines := map[string][]string{}, 0
		for line, err := range out.Lines() {
			require.NoError(t, err)
			require.Equal(t, id, line.Details[docker.LabelServiceID])
			require.NotEmpty(t, line.Details[docker.LabelNodeID])
			seen[line.Details[docker.LabelTaskID]] = append(seen[line.Details[docker.LabelTaskID]], line.Text)
			if lines++; lines == 4 {
				break
			}
		}
		for _, task := range runningOf(t, c, id) {
			require.ElementsMatch(t, []string{"out", "err"}, seen[task])
			out, err := c.TaskLogs(ctx, task, &docker.ServiceLogsOptions{Stderr: true})
			require.NoError(t, err)
			var stderr strings.Builder
			require.NoError(t, out.Copy(io.Discard, &stderr))
			require.Equal(t, "err\n", stderr.String())
		}
		_, err = c.ServiceLogs(ctx, "none", nil)
		require.ErrorIs(t, err, errdefs.ErrNotFound)
		_, err = c.TaskLogs(ctx, "none", nil)
		require.ErrorIs(t, err, errdefs.ErrNotFound)

		// A feed that follows ends with its service.
		out, err = c.ServiceLogs(ctx, id, &docker.ServiceLogsOptions{Follow: true})
		require.NoError(t, err)
		require.NoError(t, c.ServiceRemove(ctx, id))
		for _, err := range out.Lines() {
			require.NoError(t, err)
		}
	})
}
