package enginetest

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/cleat-go/docker"
)

// startContainer runs a container's process. One that runs is errNotModified.
func (e *engine) startContainer(ct *container) error {
	switch {
	case ct.state == docker.ContainerPaused:
		return conflict("cannot start a paused container, try unpause instead")
	case ct.running():
		return errNotModified
	case ct.removed || ct.state == docker.ContainerRemoving:
		return conflict("container is marked for removal and cannot be started")
	}
	ct.stopped = false
	if err := e.connectNetworks(ct); err != nil {
		return e.notStarted(ct, 128, err)
	}
	program, err := ct.program(ct.args())
	if err != nil {
		words := "failed to create shim task: OCI runtime create failed: runc create failed: " + err.Error()
		if e.apiVersion() >= 42 {
			words = "failed to create task for container: " + words
		}
		return e.notStarted(ct, 127, badRequest("%s", words))
	}
	e.volumesStarted(ct)
	ct.files.MkdirAll(ct.config.WorkingDir, 0o755) //nolint:errcheck // the program will see
	p := e.newProcess(ct.streams, ct.tty)
	p.listens = ct.image.listens
	ct.main, ct.state, ct.started, ct.exitCode, ct.failure = p, docker.ContainerRunning, time.Now(), 0, ""
	ct.log.begin()
	e.emitContainer(ct, "start")
	ct.changed.notify()
	e.beginHealth(ct, p)
	about := e.process(ct, ct.args(), ct.config.Env, ct.config.WorkingDir, ct.config.User, p)
	e.spawn(func() {
		code := p.run(program, about)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.processEnded(ct, p, code)
	})
	return nil
}

// notStarted notes why a container could not be started.
func (e *engine) notStarted(ct *container, code int, err error) error {
	e.disconnectNetworks(ct)
	ct.exitCode, ct.failure = code, err.Error()
	ct.exits++
	ct.changed.notify()
	if ct.host.AutoRemove {
		e.discard(ct, true)
	}
	return err
}

// args are the program and its arguments.
func (ct *container) args() []string { return slices.Concat(ct.config.Entrypoint, ct.config.Cmd) }

// program finds what runs a command.
func (ct *container) program(args []string) (Program, error) {
	if p, ok := ct.image.programs[path.Base(args[0])]; ok {
		return p, nil
	}
	if ct.image.run != nil {
		return ct.image.run, nil
	}
	return nil, badRequest("unable to start container process: exec: %q: executable file not found in $PATH: unknown", args[0])
}

// newProcess makes a process that does not run yet.
func (e *engine) newProcess(streams *streamSet, size docker.TTYSize) *process {
	e.containers.pid++
	p := &process{pid: e.containers.pid, streams: streams, signals: make(chan string, 64), size: size}
	p.ctx, p.cancel = context.WithCancel(e.ctx)
	if streams.tty != nil {
		streams.tty.signal = p.signal
	}
	return p
}

// processEnded notes that a container's main process has ended, once.
func (e *engine) processEnded(ct *container, p *process, code int) {
	if ct.main != p {
		return
	}
	p.cancel()
	p.streams.end()
	ct.log.end()
	e.endExecs(ct)
	ran := time.Since(ct.started)
	ct.main, ct.exitCode, ct.finished, ct.state = nil, code, time.Now(), docker.ContainerExited
	ct.health.end()
	ct.streams = newStreamSet(ct.log, ct.config.OpenStdin, ct.config.TTY)
	again := e.restarts(ct, code)
	if again {
		ct.state = docker.ContainerRestarting
	}
	die := []string{"exitCode", strconv.Itoa(code)}
	if e.apiVersion() >= 42 {
		die = append(die, "execDuration", strconv.Itoa(int(ran.Seconds())))
	}
	e.ended(ct, die)
	ct.exits++
	ct.changed.notify()
	switch {
	case again:
		e.restartLater(ct, ran)
	case ct.host.AutoRemove:
		e.discard(ct, true)
	}
}

// ended tells of the end of a process. Engines of old tell of it before its networks go,
// later ones after.
func (e *engine) ended(ct *container, die []string) {
	early := e.apiVersion() < 44
	if early {
		e.emitContainer(ct, "die", die...)
	}
	e.disconnectNetworks(ct)
	e.volumesEnded(ct)
	if ct.stopping && !early {
		e.emitContainer(ct, "stop")
	}
	if !early {
		e.emitContainer(ct, "die", die...)
	}
	if ct.stopping && early {
		e.emitContainer(ct, "stop")
	}
	ct.stopping = false
}

// restarts tells whether the policy of a container starts it again.
func (e *engine) restarts(ct *container, code int) bool {
	if ct.stopped || e.ctx.Err() != nil {
		return false
	}
	switch policy := ct.host.RestartPolicy; policy.Name {
	case docker.RestartAlways, docker.RestartUnlessStopped:
		return true
	case docker.RestartOnFailure:
		return code != 0 && (policy.MaximumRetryCount == 0 || ct.restartCount < policy.MaximumRetryCount)
	}
	return false
}

// restartLater starts a container again after a pause that doubles, up to a minute.
func (e *engine) restartLater(ct *container, ran time.Duration) {
	if ct.backoff *= 2; ran > 10*time.Second || ct.backoff == 0 {
		ct.backoff = 100 * time.Millisecond
	}
	ct.backoff = min(ct.backoff, time.Minute)
	pause, changed := ct.backoff, ct.changed.changed()
	e.spawn(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.await(changed, pause) || ct.state != docker.ContainerRestarting || e.ctx.Err() != nil {
			return
		}
		ct.restartCount++
		e.startContainer(ct) //nolint:errcheck // its state tells
	})
}

// await releases the lock until ch is closed. It is false where the time is over, 0
// being none, or the engine is closed.
func (e *engine) await(ch <-chan struct{}, limit time.Duration) bool {
	e.mu.Unlock()
	defer e.mu.Lock()
	select {
	case <-ch:
		return true
	case <-after(limit):
	case <-e.ctx.Done():
	}
	return false
}

// after is a channel that gets the time after a while, 0 being never.
func after(limit time.Duration) <-chan time.Time {
	if limit <= 0 {
		return nil
	}
	return time.After(limit)
}

// awaitEnd waits for the end of a run. It is false where the time is over.
func (e *engine) awaitEnd(ct *container, p *process, limit time.Duration) bool {
	deadline := time.Now().Add(limit)
	for ct.main == p {
		left := time.Duration(0)
		if limit > 0 {
			if left = time.Until(deadline); left <= 0 {
				return false
			}
		}
		if !e.await(ct.changed.changed(), left) && e.ctx.Err() != nil {
			return false
		}
	}
	return true
}

// stopContainer asks a container to end and kills it after a while: negative never, nil
// after its own time. One that does not run is errNotModified. It releases the lock.
func (e *engine) stopContainer(ct *container, signal string, limit *time.Duration) error {
	if !ct.running() {
		if ct.state == docker.ContainerRestarting {
			ct.state, ct.stopped = docker.ContainerExited, true
			ct.changed.notify()
			return nil
		}
		return errNotModified
	}
	if signal == "" {
		signal = ct.stopSignal()
	}
	wait := ct.stopTimeout()
	if limit != nil {
		wait = *limit
	}
	p := ct.main
	ct.stopped, ct.stopping = true, true
	e.signalContainer(ct, signal)
	if wait < 0 {
		e.awaitEnd(ct, p, 0)
	} else if ct.main == p && (wait == 0 || !e.awaitEnd(ct, p, wait)) && ct.main == p {
		e.signalContainer(ct, "SIGKILL")
	}
	return nil
}

func (ct *container) stopSignal() string {
	if name, err := signalName(ct.config.StopSignal); err == nil {
		return name
	}
	return "SIGTERM"
}

func (ct *container) stopTimeout() time.Duration {
	if ct.config.StopTimeout != nil {
		return time.Duration(*ct.config.StopTimeout) * time.Second
	}
	return 10 * time.Second
}

// signalContainer brings a signal to a container's process, and tells of it.
func (e *engine) signalContainer(ct *container, name string) {
	e.emitContainer(ct, "kill", "signal", strconv.Itoa(signals[name]))
	if p := ct.main; name == "SIGKILL" {
		e.processEnded(ct, p, 128+signals[name])
	} else {
		p.signal(name)
		e.unpause(ct)
	}
}

// killFrom is a signal from within a container. It takes the lock.
func (e *engine) killFrom(ct *container, name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ct.running() && name != "SIGKILL" {
		ct.main.signal(name)
	}
}

// removeContainer removes a container, with force one that runs, too.
func (e *engine) removeContainer(ct *container, ref string, force, volumes bool) error {
	if ct.running() && !force {
		return e.notRemovable(ct, ref)
	}
	if ct.running() {
		ct.stopped = true
		e.signalContainer(ct, "SIGKILL")
	}
	e.discard(ct, volumes)
	return nil
}

func (e *engine) notRemovable(ct *container, ref string) error {
	paused := ct.state == docker.ContainerPaused
	switch {
	case e.apiVersion() < 44 && paused:
		return conflict("You cannot remove a paused container %s. Unpause and then stop the container before attempting removal or force remove", ct.id)
	case e.apiVersion() < 44:
		return conflict("You cannot remove a running container %s. Stop the container before attempting removal or force remove", ct.id)
	}
	if e.apiVersion() < 48 {
		ref = "/" + ct.name
	}
	if paused {
		return conflict("cannot remove container %q: container is paused and must be unpaused first", ref)
	}
	return conflict("cannot remove container %q: container is running: stop the container before removing or force remove", ref)
}

// discard forgets a container that does not run.
func (e *engine) discard(ct *container, volumes bool) {
	if ct.removed {
		return
	}
	ct.removed, ct.state = true, docker.ContainerRemoving
	e.leaveNetworks(ct)
	e.unmountVolumes(ct, volumes)
	delete(e.containers.byID, ct.id)
	delete(e.containers.names, ct.name)
	for id, x := range e.containers.execs {
		if x.ct == ct {
			delete(e.containers.execs, id)
		}
	}
	ct.streams.end()
	e.emitContainer(ct, "destroy")
	ct.changed.notify()
}

// pause and unpause hold the output of a container up, and its signals.
func (e *engine) pause(ct *container) {
	ct.state = docker.ContainerPaused
	ct.main.hold(true)
	e.emitContainer(ct, "pause")
	ct.changed.notify()
}

func (e *engine) unpause(ct *container) {
	if ct.state != docker.ContainerPaused {
		return
	}
	ct.state = docker.ContainerRunning
	ct.main.hold(false)
	e.emitContainer(ct, "unpause")
	ct.changed.notify()
}

// killAll ends all processes, for good.
func (e *engine) killAll() {
	for _, ct := range e.containers.byID {
		ct.stopped = true
		if ct.running() {
			e.processEnded(ct, ct.main, 137)
		}
	}
}

// restart is what happens to the state when the engine is restarted. It takes the lock.
func (e *engine) restart(live bool, version int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if version != 0 {
		e.minor.Store(int32(version)) //nolint:gosec // two digits
	}
	for _, ct := range e.containers.byID {
		if live || !ct.running() {
			continue
		}
		ct.resume = !ct.stopped && ct.host.RestartPolicy.Name != "" && ct.host.RestartPolicy.Name != docker.RestartNo &&
			ct.host.RestartPolicy.Name != docker.RestartOnFailure
		stopped := ct.stopped
		ct.stopped = true
		e.processEnded(ct, ct.main, 137)
		ct.stopped = stopped
	}
	e.events.first += len(e.events.ring)
	e.events.ring = nil
}

// resume starts what the policies say after a restart. It takes the lock.
func (e *engine) resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ct := range e.containers.byID {
		if ct.resume && !ct.running() {
			ct.resume = false
			e.startContainer(ct) //nolint:errcheck // its state tells
		}
	}
}

// notRunning refuses what needs a process.
func (e *engine) notRunning(ct *container) error {
	return conflict("%s", e.notRunningText(ct))
}

func (e *engine) notRunningText(ct *container) string {
	word := "container"
	if e.apiVersion() < 44 {
		word = "Container"
	}
	return fmt.Sprintf("%s %s is not running", word, ct.id)
}
