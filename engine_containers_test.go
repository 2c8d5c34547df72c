package docker

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func TestEngineContainerLife(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := created(t, c, nil, "sleep", "3600")
		require.Equal(t, ContainerCreated, stateOf(t, c, id).Status)
		require.NoError(t, c.ContainerStart(ctx, id, nil))
		require.True(t, stateOf(t, c, id).Running)
		require.NoError(t, c.ContainerStart(ctx, id, nil), "started twice")

		require.NoError(t, c.ContainerStop(ctx, id, &ContainerStopOptions{Timeout: seconds(0)}))
		state := stateOf(t, c, id)
		require.Equal(t, ContainerExited, state.Status)
		require.EqualValues(t, 137, state.ExitCode)
		require.NoError(t, c.ContainerStop(ctx, id, nil), "stopped twice")

		require.NoError(t, c.ContainerRestart(ctx, id, nil))
		again := stateOf(t, c, id)
		require.True(t, again.Running)
		require.True(t, again.StartedAt.After(state.StartedAt.Time))

		errorsIs(t, c.ContainerRemove(ctx, id, nil), errdefs.ErrConflict, errdefs.ErrRefused)
		require.NoError(t, c.ContainerRemove(ctx, id, &ContainerRemoveOptions{Force: true}))
		_, err := c.ContainerInspect(ctx, id, nil)
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
		require.ErrorContains(t, err, id)
	})
}

func TestEngineContainerMissing(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, id := engineContext(t), unique("missing")
		for name, call := range map[string]func() error{
			"inspect": func() error { _, err := c.ContainerInspect(ctx, id, nil); return err },
			"top":     func() error { _, err := c.ContainerTop(ctx, id, nil); return err },
			"changes": func() error { _, err := c.ContainerChanges(ctx, id); return err },
			"export":  func() error { _, err := c.ContainerExport(ctx, id); return err },
			"resize":  func() error { return c.ContainerResize(ctx, id, TTYSize{24, 80}) },
			"start":   func() error { return c.ContainerStart(ctx, id, nil) },
			"stop":    func() error { return c.ContainerStop(ctx, id, nil) },
			"restart": func() error { return c.ContainerRestart(ctx, id, nil) },
			"kill":    func() error { return c.ContainerKill(ctx, id, nil) },
			"update":  func() error { _, err := c.ContainerUpdate(ctx, id, nil); return err },
			"rename":  func() error { return c.ContainerRename(ctx, id, unique("name")) },
			"pause":   func() error { return c.ContainerPause(ctx, id) },
			"unpause": func() error { return c.ContainerUnpause(ctx, id) },
			"remove":  func() error { return c.ContainerRemove(ctx, id, nil) },
			"wait":    func() error { _, err := c.ContainerWait(ctx, id, nil); return err },
			"logs":    func() error { _, err := c.ContainerLogs(ctx, id, nil); return err },
			"attach":  func() error { _, err := c.ContainerAttach(ctx, id, nil); return err },
			"socket":  func() error { _, err := c.ContainerAttachWebsocket(ctx, id, nil); return err },
			"stats":   func() error { _, err := c.ContainerStats(ctx, id); return err },
			"once":    func() error { _, err := c.ContainerStatsOnce(ctx, id, nil); return err },
			"exec":    func() error { return c.ContainerExec(ctx, id, "true").Run() },
			"healthy": func() error { return c.ContainerWaitHealthy(ctx, id) },
			"commit":  func() error { _, err := c.ImageCommit(ctx, id, nil); return err },
		} {
			t.Run(name, func(t *testing.T) {
				err := call()
				errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
				require.ErrorContains(t, err, id)
			})
		}
	})
}

func TestEngineContainerCreate(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("create")
		id := created(t, c, &ContainerCreateOptions{
			Name:       name,
			Config:     &ContainerConfig{Env: []string{"A=b"}, WorkingDir: "/tmp", User: "nobody", Hostname: "cleat"},
			HostConfig: &HostConfig{ReadonlyRootfs: true, Resources: Resources{Memory: 64 << 20}},
		}, "true")
		got, err := c.ContainerInspect(ctx, name, nil)
		require.NoError(t, err)
		require.Equal(t, id, got.ID)
		require.Equal(t, "/"+name, got.Name)
		require.Contains(t, got.Config.Env, "A=b")
		require.Equal(t, "/tmp", got.Config.WorkingDir)
		require.Equal(t, "nobody", got.Config.User)
		require.Equal(t, "cleat", got.Config.Hostname)
		require.Equal(t, Command{"true"}, got.Config.Cmd)
		require.True(t, got.HostConfig.ReadonlyRootfs)
		require.EqualValues(t, 64<<20, got.HostConfig.Memory)

		_, err = c.ContainerCreate(ctx, baseImage, &ContainerCreateOptions{Name: name})
		errorsIs(t, err, errdefs.ErrConflict)
		require.ErrorContains(t, err, name)
		_, err = c.ContainerCreate(ctx, baseImage, &ContainerCreateOptions{Name: "no name at all"})
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrRefused)
		_, err = c.ContainerCreate(ctx, unique("none")+":1", nil)
		errorsIs(t, err, errdefs.ErrNotFound)
	})
}

func TestEngineContainerCreateWarns(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		made, err := c.ContainerCreate(ctx, baseImage, &ContainerCreateOptions{
			Config:     &ContainerConfig{Labels: marked(t, nil)},
			HostConfig: &HostConfig{Resources: Resources{Memory: 64 << 20, OomKillDisable: new(true), KernelMemory: 32 << 20, BlkioWeight: 10}},
		})
		require.NoError(t, err)
		require.NotEmpty(t, made.Warnings)
	})
}

func TestEngineContainerStartOfAMissingProgram(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		id := created(t, c, nil, "no-such-program")
		err := c.ContainerStart(engineContext(t), id, nil)
		errorsIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "no-such-program")
		require.EqualValues(t, 127, stateOf(t, c, id).ExitCode)
	})
}

func TestEngineContainerStop(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		deaf := sleeping(t, c) // the first process of a container has no default handlers
		begin := time.Now()
		require.NoError(t, c.ContainerStop(ctx, deaf, &ContainerStopOptions{Timeout: seconds(1)}))
		require.GreaterOrEqual(t, time.Since(begin), time.Second)
		require.EqualValues(t, 137, stateOf(t, c, deaf).ExitCode)

		polite := started(t, c, nil, "sh", "-c", "trap 'exit 7' TERM; trap 'exit 9' INT; echo ready; while :; do sleep 0.1; done")
		hears(t, c, polite, "ready")
		require.NoError(t, c.ContainerStop(ctx, polite, nil))
		require.EqualValues(t, 7, stateOf(t, c, polite).ExitCode)

		require.NoError(t, c.ContainerStart(ctx, polite, nil))
		poll(t, "a second run", func() bool { return strings.Count(logsOf(t, c, polite, nil), "ready") == 2 })
		err := c.ContainerStop(ctx, polite, &ContainerStopOptions{Signal: "SIGINT"})
		if !atLeast(t, c, 42) {
			errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
			require.True(t, stateOf(t, c, polite).Running)
			return
		}
		require.NoError(t, err)
		require.EqualValues(t, 9, stateOf(t, c, polite).ExitCode)
	})
}

// hears waits until a container has written a text.
func hears(t *testing.T, c *Client, id, text string) {
	t.Helper()
	poll(t, "the output "+text, func() bool { return strings.Contains(logsOf(t, c, id, nil), text) })
}

// logsOf is the output of a container, both streams of it.
func logsOf(t *testing.T, c *Client, id string, opts *ContainerLogsOptions) string {
	t.Helper()
	logs, err := c.ContainerLogs(engineContext(t), id, opts)
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, logs.Copy(&out, &out))
	return out.String()
}

func TestEngineContainerKill(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := started(t, c, nil, "sh", "-c", "trap 'echo got it' USR1; echo ready; while :; do sleep 0.1; done")
		hears(t, c, id, "ready")
		require.NoError(t, c.ContainerKill(ctx, id, &ContainerKillOptions{Signal: "SIGUSR1"}))
		hears(t, c, id, "got it")
		require.True(t, stateOf(t, c, id).Running)
		errorsIs(t, c.ContainerKill(ctx, id, &ContainerKillOptions{Signal: "NOSUCH"}), errdefs.ErrInvalidArgument)

		require.NoError(t, c.ContainerKill(ctx, id, nil))
		require.Equal(t, 137, exitCodeOf(t, c, id))
		err := c.ContainerKill(ctx, id, nil)
		errorsIs(t, err, errdefs.ErrConflict)
		require.ErrorContains(t, err, "is not running")
	})
}

func TestEngineContainerPause(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := sleeping(t, c)
		require.NoError(t, c.ContainerPause(ctx, id))
		state := stateOf(t, c, id)
		require.Equal(t, ContainerPaused, state.Status)
		require.True(t, state.Running)
		errorsIs(t, c.ContainerPause(ctx, id), errdefs.ErrConflict)
		errorsIs(t, c.ContainerExec(ctx, id, "true").Run(), errdefs.ErrConflict)

		// The runtime tells the engine of a pause too: a word of it that comes after the end
		// of the pause is believed until the runtime tells of the end.
		time.Sleep(time.Second)
		require.NoError(t, c.ContainerUnpause(ctx, id))
		require.Eventually(t, func() bool { return stateOf(t, c, id).Status == ContainerRunning }, 10*time.Second, 100*time.Millisecond)
		errorsIs(t, c.ContainerUnpause(ctx, id), errdefs.ErrRefused)
		require.NoError(t, c.ContainerExec(ctx, id, "true").Run())
	})
}

func TestEngineContainerRename(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, before, after := engineContext(t), unique("before"), unique("after")
		id := created(t, c, &ContainerCreateOptions{Name: before}, "true")
		other := created(t, c, nil, "true")
		require.NoError(t, c.ContainerRename(ctx, before, after))
		_, err := c.ContainerInspect(ctx, before, nil)
		errorsIs(t, err, errdefs.ErrNotFound)
		got, err := c.ContainerInspect(ctx, "/"+after, nil)
		require.NoError(t, err)
		require.Equal(t, id, got.ID)
		errorsIs(t, c.ContainerRename(ctx, other, after), errdefs.ErrConflict)
	})
}

func TestEngineContainerUpdate(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, id := engineContext(t), sleeping(t, c)
		_, err := c.ContainerUpdate(ctx, id, &ContainerUpdateOptions{
			Resources:     Resources{CPUShares: 77, PidsLimit: new(int64(55))},
			RestartPolicy: &RestartPolicy{Name: RestartOnFailure, MaximumRetryCount: 3},
		})
		require.NoError(t, err)
		got, err := c.ContainerInspect(ctx, id, nil)
		require.NoError(t, err)
		require.EqualValues(t, 77, got.HostConfig.CPUShares)
		require.Equal(t, new(int64(55)), got.HostConfig.PidsLimit)
		require.Equal(t, RestartPolicy{RestartOnFailure, 3}, got.HostConfig.RestartPolicy)

		_, err = c.ContainerUpdate(ctx, id, nil)
		require.NoError(t, err)
		again, err := c.ContainerInspect(ctx, id, nil)
		require.NoError(t, err)
		require.Equal(t, got.HostConfig, again.HostConfig, "nil options changed something")
		_, err = c.ContainerUpdate(ctx, id, &ContainerUpdateOptions{Resources: Resources{Memory: 1}})
		errorsIs(t, err, errdefs.ErrInvalidArgument)
	})
}

func TestEngineContainerRestartPolicy(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		policy := RestartPolicy{Name: RestartOnFailure, MaximumRetryCount: 2}
		id := started(t, c, &ContainerCreateOptions{HostConfig: &HostConfig{RestartPolicy: policy}}, "sh", "-c", "echo once; exit 3")
		poll(t, "the restarts", func() bool { return stateOf(t, c, id).Status == ContainerExited })
		got, err := c.ContainerInspect(engineContext(t), id, nil)
		require.NoError(t, err)
		require.Equal(t, 2, got.RestartCount)
		require.EqualValues(t, 3, got.State.ExitCode)
		require.Equal(t, 3, strings.Count(logsOf(t, c, id, nil), "once"))
	})
}

func TestEngineContainerTop(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := started(t, c, nil, "sh", "-c", "sleep 1000 & sleep 2000; true")
		var top *ContainerTop
		poll(t, "three processes", func() bool {
			var err error
			top, err = c.ContainerTop(ctx, id, nil)
			require.NoError(t, err)
			return len(top.Processes) == 3
		})
		require.Contains(t, top.Titles, "PID")
		require.Contains(t, top.Processes[0][len(top.Titles)-1], "sleep 1000")

		top, err := c.ContainerTop(ctx, id, &ContainerTopOptions{Args: []string{"-o", "pid,comm"}})
		require.NoError(t, err)
		require.Equal(t, []string{"PID", "COMMAND"}, top.Titles)
		require.NoError(t, c.ContainerKill(ctx, id, nil))
		exitCodeOf(t, c, id)
		_, err = c.ContainerTop(ctx, id, nil)
		errorsIs(t, err, errdefs.ErrConflict)
	})
}

func TestEngineContainerChanges(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		id := ended(t, c, nil, "sh", "-c", "echo x >/root/new; rm /etc/group; echo x >>/etc/passwd")
		changes, err := c.ContainerChanges(engineContext(t), id)
		require.NoError(t, err)
		for _, want := range []FilesystemChange{
			{"/root", ChangeModified},
			{"/root/new", ChangeAdded},
			{"/etc/group", ChangeDeleted},
			{"/etc/passwd", ChangeModified},
		} {
			require.Contains(t, changes, want)
		}
		unchanged := created(t, c, nil, "true")
		changes, err = c.ContainerChanges(engineContext(t), unchanged)
		require.NoError(t, err)
		require.Empty(t, changes)
	})
}

func TestEngineContainerResize(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := started(t, c, &ContainerCreateOptions{Config: &ContainerConfig{TTY: true}}, "sh", "-c", "while stty size; do sleep 0.1; done")
		require.NoError(t, c.ContainerResize(ctx, id, TTYSize{Height: 33, Width: 111}))
		hears(t, c, id, "33 111")
		require.NoError(t, c.ContainerKill(ctx, id, nil))
		exitCodeOf(t, c, id)
		errorsIs(t, c.ContainerResize(ctx, id, TTYSize{1, 1}), errdefs.ErrConflict)
	})
}

func TestEngineContainerInspectSizeAndRaw(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := ended(t, c, nil, "dd", "if=/dev/zero", "of=/root/file", "bs=1024", "count=100")
		got, err := c.ContainerInspect(ctx, id, nil)
		require.NoError(t, err)
		require.Nil(t, got.SizeRw)
		var raw json.RawMessage
		got, err = c.ContainerInspect(ctx, id, &ContainerInspectOptions{Size: true, Raw: &raw})
		require.NoError(t, err)
		require.GreaterOrEqual(t, *got.SizeRw, int64(100<<10))
		require.Greater(t, *got.SizeRootFs, *got.SizeRw)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(raw, &fields))
		require.Equal(t, id, fields["Id"])
		require.False(t, got.State.StartedAt.IsZero())
		require.False(t, got.State.FinishedAt.IsZero())
	})
}

func TestEngineContainerPrune(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		stopped := ended(t, c, nil, "sh", "-c", "echo x >/root/file")
		running := sleeping(t, c)
		pruned, err := c.ContainerPrune(ctx, &ContainerPruneOptions{Filters: ours(t)})
		require.NoError(t, err)
		require.Equal(t, []string{stopped}, pruned.ContainersDeleted)
		require.Positive(t, pruned.SpaceReclaimed)
		require.True(t, stateOf(t, c, running).Running)
	})
}

// listed are the IDs that a list has of the test's containers.
func listed(t *testing.T, c *Client, opts ContainerListOptions) []string {
	t.Helper()
	filters := ours(t)
	for key, values := range opts.Filters {
		filters[key] = append(filters[key], values...)
	}
	opts.Filters = filters
	list, err := c.ContainerList(engineContext(t), &opts)
	require.NoError(t, err)
	ids := []string{}
	for _, container := range list {
		ids = append(ids, container.ID)
	}
	return ids
}

func TestEngineContainerList(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		name := unique("list")
		first := created(t, c, &ContainerCreateOptions{Name: name}, "true")
		failed := started(t, c, &ContainerCreateOptions{Config: &ContainerConfig{Labels: map[string]string{"colour": "blue"}}}, "false")
		require.Equal(t, 1, exitCodeOf(t, c, failed))
		running := sleeping(t, c)

		for _, test := range []struct {
			name string
			opts ContainerListOptions
			want []string
		}{
			{"running", ContainerListOptions{}, []string{running}},
			{"all", ContainerListOptions{All: true}, []string{running, failed, first}},
			{"name", ContainerListOptions{All: true, Filters: Filters{"name": {name}}}, []string{first}},
			{"id", ContainerListOptions{All: true, Filters: Filters{"id": {failed[:12]}}}, []string{failed}},
			{"label", ContainerListOptions{All: true, Filters: Filters{"label": {"colour"}}}, []string{failed}},
			{"status", ContainerListOptions{Filters: Filters{"status": {"created", "exited"}}}, []string{failed, first}},
			{"exited", ContainerListOptions{All: true, Filters: Filters{"exited": {"1"}}}, []string{failed}},
			{"ancestor", ContainerListOptions{Filters: Filters{"ancestor": {baseImage}}}, []string{running}},
			{"before", ContainerListOptions{All: true, Filters: Filters{"before": {failed}}}, []string{first}},
			{"since", ContainerListOptions{All: true, Filters: Filters{"since": {failed}}}, []string{running}},
			{"network", ContainerListOptions{Filters: Filters{"network": {cheapNetwork}}}, []string{running}},
			{"none", ContainerListOptions{All: true, Filters: Filters{"volume": {"/none"}}}, []string{}},
		} {
			t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, listed(t, c, test.opts)) })
		}
		_, err := c.ContainerList(engineContext(t), &ContainerListOptions{Filters: Filters{"nonsense": {"x"}}})
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrRefused)
	})
}

func TestEngineContainerListTells(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("tells")
		id := ended(t, c, &ContainerCreateOptions{Name: name}, "sh", "-c", "echo text >/root/file")
		var list []ContainerSummary
		poll(t, "the end of the container", func() bool { // a list may lag behind a wait
			var err error
			list, err = c.ContainerList(ctx, &ContainerListOptions{All: true, Filters: ours(t)})
			require.NoError(t, err)
			require.Len(t, list, 1)
			return list[0].State == ContainerExited
		})
		require.Equal(t, id, list[0].ID)
		require.Equal(t, []string{"/" + name}, list[0].Names)
		require.Equal(t, baseImage, list[0].Image)
		require.Equal(t, mark(t), list[0].Labels[markKey])
		require.WithinDuration(t, time.Now(), list[0].Created.Time, time.Hour)
		require.Nil(t, list[0].SizeRw)

		list, err := c.ContainerList(ctx, &ContainerListOptions{All: true, Size: true, Filters: ours(t)})
		require.NoError(t, err)
		require.NotNil(t, list[0].SizeRw)
		require.Positive(t, *list[0].SizeRw)
		list, err = c.ContainerList(ctx, &ContainerListOptions{Limit: 1})
		require.NoError(t, err)
		require.Len(t, list, 1)
	})
}

func TestEngineContainerRemoveVolumes(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		for _, with := range []bool{true, false} {
			id := created(t, c, &ContainerCreateOptions{Config: &ContainerConfig{Volumes: map[string]struct{}{"/data": {}}}}, "true")
			container, err := c.ContainerInspect(ctx, id, nil)
			require.NoError(t, err)
			require.Len(t, container.Mounts, 1)
			require.Equal(t, MountVolume, container.Mounts[0].Type)
			require.NoError(t, c.ContainerRemove(ctx, id, &ContainerRemoveOptions{Volumes: with}))
			resp, err := c.Do(ctx, "DELETE", "/volumes/"+container.Mounts[0].Name, nil)
			if with {
				errorsIs(t, err, errdefs.ErrNotFound)
				continue
			}
			require.NoError(t, err)
			resp.Body.Close()
		}
	})
}

func TestEngineContainerStartFromNoCheckpoint(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		id := created(t, c, nil, "true")
		err := c.ContainerStart(engineContext(t), id, &ContainerStartOptions{Checkpoint: "none"})
		errorsIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "heckpoint")
	})
}
