package enginetest_test

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
)

// signal makes the options of a kill.
func signal(name string) *docker.ContainerKillOptions {
	return &docker.ContainerKillOptions{Signal: name}
}

// after makes the options of a stop.
func after(d time.Duration) *docker.ContainerStopOptions {
	return &docker.ContainerStopOptions{Timeout: &d}
}

var lifeBehaviours = []behaviour{
	{"a life", 0, func(b *trial) {
		id := b.create("a", "sh", "-c", "echo hello; exit 3")
		b.state(id)
		b.err("start", b.ContainerStart(b.ctx, id, nil))
		b.note("code %d", b.wait(id))
		b.state(id)
		b.err("remove", b.ContainerRemove(b.ctx, id, nil))
		b.state(id)
		b.events("exitCode")
	}},
	{"a second run", 0, func(b *trial) {
		id := b.create("a", "sh", "-c", "echo run")
		for range 2 {
			b.start(id)
			b.note("code %d", b.wait(id))
		}
		b.logs(id, nil)
		b.state(id)
		b.events()
	}},
	{"start twice", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.err("again", b.ContainerStart(b.ctx, id, nil))
		b.state(id)
		b.events()
	}},
	{"start of a missing program", 0, func(b *trial) {
		id := b.create("a", "no-such-program")
		b.err("start", b.ContainerStart(b.ctx, id, nil))
		b.state(id)
		exit, err := b.ContainerWait(b.ctx, id, nil)
		require.NoError(b, err)
		_, err = exit.Code()
		b.err("wait", err)
	}},
	{"a shell's missing program", 0, func(b *trial) {
		b.note("code %d", b.wait(b.running("a", "sh", "-c", "no-such-program")))
	}},
	{"exit codes", 0, func(b *trial) {
		for _, code := range []string{"0", "1", "125", "255", "256"} {
			b.note("%s: %d", code, b.wait(b.running("", "sh", "-c", "exit "+code)))
		}
	}},
	{"stop with a trap", 0, func(b *trial) {
		id := b.sleeper("a")
		b.err("stop", b.ContainerStop(b.ctx, id, nil))
		b.state(id)
		b.err("again", b.ContainerStop(b.ctx, id, nil))
	}},
	{"stop of one that ignores it", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.err("stop", b.ContainerStop(b.ctx, id, after(time.Second)))
		b.state(id)
	}},
	{"stop at once", 0, func(b *trial) {
		id := b.sleeper("a")
		b.err("stop", b.ContainerStop(b.ctx, id, after(0)))
		state, err := b.ContainerInspect(b.ctx, id, nil)
		require.NoError(b, err)
		b.note("%s", state.State.Status)
	}},
	{"stop of one that never ran", 0, func(b *trial) {
		id := b.create("a", "true")
		b.err("stop", b.ContainerStop(b.ctx, id, nil))
		b.state(id)
		b.events()
	}},
	{"stop with a signal of the call", 42, func(b *trial) {
		id := b.running("a", "sh", "-c", "trap 'exit 9' USR1; trap 'exit 8' TERM; echo ready; while true; do sleep 0.05; done")
		b.awaitLog(id, "ready")
		b.err("stop", b.ContainerStop(b.ctx, id, &docker.ContainerStopOptions{Signal: "USR1"}))
		b.state(id)
	}},
	{"stop with the signal of the container", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) { o.Config.StopSignal = "SIGINT" },
			"sh", "-c", "trap 'exit 9' INT; trap 'exit 8' TERM; echo ready; while true; do sleep 0.05; done")
		b.start(id)
		b.awaitLog(id, "ready")
		b.err("stop", b.ContainerStop(b.ctx, id, nil))
		b.state(id)
	}},
	{"stop with the time of the container", 0, func(b *trial) {
		one := 1
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) { o.Config.StopTimeout = &one }, "sleep", "100")
		b.start(id)
		b.err("stop", b.ContainerStop(b.ctx, id, nil))
		b.state(id)
	}},
	{"kill", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.err("kill", b.ContainerKill(b.ctx, id, nil))
		b.note("code %d", b.wait(id))
		b.state(id)
		b.events("signal", "exitCode")
	}},
	{"kill with a signal that is ignored", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.err("kill", b.ContainerKill(b.ctx, id, signal("TERM")))
		b.state(id)
		b.events("signal")
	}},
	{"kill with a signal that is trapped", 0, func(b *trial) {
		id := b.sleeper("a")
		b.err("kill", b.ContainerKill(b.ctx, id, signal("15")))
		b.note("code %d", b.wait(id))
		b.events("signal", "exitCode")
	}},
	{"an init passes signals on", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) { o.HostConfig.Init = new(true) }, "sleep", "100")
		b.start(id)
		time.Sleep(200 * time.Millisecond)
		b.err("kill", b.ContainerKill(b.ctx, id, signal("TERM")))
		b.note("code %d", b.wait(id))
	}},
	{"restart", 0, func(b *trial) {
		id := b.sleeper("a")
		b.err("restart", b.ContainerRestart(b.ctx, id, after(5*time.Second)))
		b.state(id)
		b.err("stop", b.ContainerKill(b.ctx, id, nil))
	}},
	{"restart of one that has ended", 0, func(b *trial) {
		id := b.ended("a", "true")
		b.err("restart", b.ContainerRestart(b.ctx, id, nil))
		b.note("code %d", b.wait(id))
		b.events()
	}},
	{"pause", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.err("pause", b.ContainerPause(b.ctx, id))
		b.state(id)
		b.err("again", b.ContainerPause(b.ctx, id))
		b.err("start", b.ContainerStart(b.ctx, id, nil))
		b.err("remove", b.ContainerRemove(b.ctx, id, nil))
		_, err := b.ContainerAttach(b.ctx, id, nil)
		b.err("attach", err)
		_, err = b.ExecCreate(b.ctx, id, []string{"true"}, nil)
		b.err("exec", err)
		time.Sleep(time.Second) // the runtime's word of a pause that comes late pauses again
		b.err("unpause", b.ContainerUnpause(b.ctx, id))
		time.Sleep(time.Second)
		b.state(id)
		b.err("again", b.ContainerUnpause(b.ctx, id))
		b.events()
	}},
	{"kill of a paused one", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.err("pause", b.ContainerPause(b.ctx, id))
		b.err("kill", b.ContainerKill(b.ctx, id, nil))
		b.note("code %d", b.wait(id))
		b.state(id)
	}},
	{"rename", 0, func(b *trial) {
		id, other := b.create("a", "true"), b.name("b")
		b.create("c", "true")
		b.err("rename", b.ContainerRename(b.ctx, id, other))
		b.err("same", b.ContainerRename(b.ctx, id, other))
		b.err("taken", b.ContainerRename(b.ctx, id, "c-"+b.mark))
		b.err("bad", b.ContainerRename(b.ctx, id, "a/b"))
		b.err("old name", b.ContainerStart(b.ctx, "a-"+b.mark, nil))
		b.list("list", docker.ContainerListOptions{All: true})
		b.events("oldName")
	}},
	{"update", 0, func(b *trial) {
		id := b.create("a", "sleep", "100")
		_, err := b.ContainerUpdate(b.ctx, id, &docker.ContainerUpdateOptions{
			Resources: docker.Resources{CPUShares: 512}, RestartPolicy: &docker.RestartPolicy{Name: docker.RestartOnFailure, MaximumRetryCount: 2},
		})
		b.err("update", err)
		ct, err := b.ContainerInspect(b.ctx, id, nil)
		require.NoError(b, err)
		b.note("%d %+v", ct.HostConfig.CPUShares, ct.HostConfig.RestartPolicy)
		_, err = b.ContainerUpdate(b.ctx, id, &docker.ContainerUpdateOptions{Resources: docker.Resources{Memory: 1 << 20}})
		b.err("too little", err)
		_, err = b.ContainerUpdate(b.ctx, "nope-"+b.mark, nil)
		b.show("nope-"+b.mark, "<nope>")
		b.err("missing", err)
		b.events()
	}},
	{"remove of one that runs", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.err("remove", b.ContainerRemove(b.ctx, id, nil))
		b.err("force", b.ContainerRemove(b.ctx, id, &docker.ContainerRemoveOptions{Force: true}))
		b.state(id)
		b.events("signal")
	}},
	{"removed at its end", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) { o.HostConfig.AutoRemove = true }, "sh", "-c", "exit 4")
		exit, err := b.ContainerWait(b.ctx, id, &docker.ContainerWaitOptions{Condition: docker.WaitRemoved})
		require.NoError(b, err)
		b.start(id)
		code, err := exit.Code()
		b.err("wait", err)
		b.note("code %d", code)
		b.state(id)
		b.events("exitCode")
	}},
	{"removed when it cannot be started", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) { o.HostConfig.AutoRemove = true }, "no-such-program")
		b.err("start", b.ContainerStart(b.ctx, id, nil))
		b.until("it is gone", func() bool {
			_, err := b.ContainerInspect(b.ctx, id, nil)
			return err != nil
		})
	}},
	{"wait for the next exit", 0, func(b *trial) {
		id := b.create("a", "sh", "-c", "exit 6")
		exit, err := b.ContainerWait(b.ctx, id, &docker.ContainerWaitOptions{Condition: docker.WaitNextExit})
		require.NoError(b, err)
		b.note("not running: %d", b.wait(id))
		b.start(id)
		code, err := exit.Code()
		b.err("wait", err)
		b.note("code %d", code)
	}},
	{"wait for a removal by force", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		exit, err := b.ContainerWait(b.ctx, id, &docker.ContainerWaitOptions{Condition: docker.WaitRemoved})
		require.NoError(b, err)
		b.err("force", b.ContainerRemove(b.ctx, id, &docker.ContainerRemoveOptions{Force: true}))
		code, err := exit.Code()
		b.err("wait", err)
		b.note("code %d", code)
	}},
	{"restart on failure", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) {
			o.HostConfig.RestartPolicy = docker.RestartPolicy{Name: docker.RestartOnFailure, MaximumRetryCount: 2}
		}, "sh", "-c", "echo run; exit 2")
		b.start(id)
		b.until("it is given up", func() bool {
			ct, err := b.ContainerInspect(b.ctx, id, nil)
			require.NoError(b, err)
			return ct.State.Status == docker.ContainerExited && ct.RestartCount == 2
		})
		b.state(id)
		b.logs(id, nil)
	}},
	{"restart always", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) {
			o.HostConfig.RestartPolicy = docker.RestartPolicy{Name: docker.RestartAlways}
		}, "sh", "-c", "exit 0")
		b.start(id)
		b.until("it is restarted", func() bool {
			ct, err := b.ContainerInspect(b.ctx, id, nil)
			require.NoError(b, err)
			return ct.RestartCount > 0
		})
		b.ContainerStop(b.ctx, id, after(0))
		b.until("it is stopped", func() bool {
			ct, err := b.ContainerInspect(b.ctx, id, nil)
			require.NoError(b, err)
			return ct.State.Status == docker.ContainerExited
		})
		b.note("stopped")
	}},
	{"health", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) {
			o.Config.Healthcheck = &docker.HealthConfig{
				Test: []string{"CMD-SHELL", "echo checked; test ! -e /tmp/ill"}, Interval: 300 * time.Millisecond, Timeout: 5 * time.Second, Retries: 1,
			}
		}, "sleep", "100")
		b.start(id)
		for _, want := range []docker.HealthStatus{docker.HealthStarting, docker.HealthHealthy, docker.HealthUnhealthy} {
			if want == docker.HealthUnhealthy {
				require.NoError(b, b.ContainerExec(b.ctx, id, "touch", "/tmp/ill").Run())
			}
			var health docker.Health
			b.until(string(want), func() bool {
				ct, err := b.ContainerInspect(b.ctx, id, nil)
				require.NoError(b, err)
				health = ct.State.Health
				return health.Status == want
			})
			b.note("%s %d", health.Status, min(health.FailingStreak, 1))
			if n := len(health.Log); n > 0 {
				b.note("%d %q", health.Log[n-1].ExitCode, health.Log[n-1].Output)
			}
		}
	}},
	{"prune", 0, func(b *trial) {
		b.ended("a", "true")
		b.create("b", "true")
		b.running("c", "sleep", "100")
		pruned, err := b.ContainerPrune(b.ctx, &docker.ContainerPruneOptions{Filters: docker.Filters{"label": {markKey + "=" + b.mark}}})
		b.err("prune", err)
		b.note("%d", len(pruned.ContainersDeleted))
		b.list("left", docker.ContainerListOptions{All: true})
	}},
}
