package enginetest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

// task is a task with its container, which is nil until it has one.
type task struct {
	docker.Task
	service *service
	ct      *container
}

// wanted tells that a task runs, or is to.
func (t *task) wanted() bool {
	return !t.Status.State.Ended() && (!t.DesiredState.Ended() || t.DesiredState == docker.TaskComplete)
}

// name is SERVICE.SLOT, or SERVICE.NODE of a global service.
func (t *task) name() string {
	if m := &t.service.Spec.Mode; m.Global != nil || m.GlobalJob != nil {
		return t.service.Spec.Name + "." + t.NodeID
	}
	return t.service.Spec.Name + "." + strconv.Itoa(t.Slot)
}

// unsuitable is why the node cannot have new tasks of a service; empty where it can.
func (e *engine) unsuitable(s *service) string {
	switch {
	case e.cluster.node.Spec.Availability != docker.NodeActive:
		return "no suitable node (1 node not available for new tasks)"
	case !e.cluster.allows(s):
		return "no suitable node (scheduling constraints not satisfied on 1 node)"
	}
	return ""
}

// allows tells whether the node meets all constraints of a service.
func (cl *cluster) allows(s *service) bool {
	p := s.Spec.TaskTemplate.Placement
	return p == nil || !slices.ContainsFunc(p.Constraints, func(c string) bool { return !meets(&cl.node, c) })
}

// reconcile makes the tasks of a service as many as it wants.
func (e *engine) reconcile(s *service) {
	first, n := e.slots(s)
	busy, live := make(map[int]bool), 0
	for _, t := range slices.Clone(s.tasks) {
		switch {
		case t.Slot < first || t.Slot >= first+n || s.job() && !t.current():
			e.endTask(t, docker.TaskRemove)
		case s.job() || t.wanted():
			busy[t.Slot] = true
			if t.Status.State == docker.TaskPending && e.unsuitable(s) == "" {
				t.NodeID = e.cluster.node.ID
				e.runTask(t)
			}
		}
		if t.wanted() {
			live++
		}
	}
	for slot := first; slot < first+n; slot++ {
		if j := s.Spec.Mode.ReplicatedJob; busy[slot] || j != nil && uint64(live) >= *j.MaxConcurrent { //nolint:gosec // a count
			continue
		}
		live++
		e.newTask(s, slot, 0)
	}
}

// newTask makes a task, and starts it after a while.
func (e *engine) newTask(s *service, slot int, delay time.Duration) *task {
	t := &task{service: s}
	t.ID, t.ServiceID, t.Slot, t.Spec = newObjectID(), s.ID, slot, cloned(s.Spec.TaskTemplate)
	t.DesiredState = docker.TaskRunning
	if s.job() {
		t.DesiredState, t.JobIteration = docker.TaskComplete, new(s.JobStatus.JobIteration)
	}
	s.tasks = append(s.tasks, t)
	e.trim(s, slot)
	if why := e.unsuitable(s); why != "" {
		e.report(t, docker.TaskPending, "pending task scheduling", why)
		return t
	}
	t.NodeID = e.cluster.node.ID
	if delay <= 0 {
		e.runTask(t)
		return t
	}
	wanted := t.DesiredState
	t.DesiredState = docker.TaskReady
	e.report(t, docker.TaskReady, "prepared", "")
	e.spawn(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		for deadline := time.Now().Add(delay); time.Now().Before(deadline); {
			if t.DesiredState != docker.TaskReady || e.closed || e.ctx.Err() != nil {
				return
			}
			e.await(e.cluster.changed.changed(), time.Until(deadline))
			if e.cluster == nil {
				return
			}
		}
		if t.DesiredState == docker.TaskReady && !e.closed {
			t.DesiredState = wanted
			e.runTask(t)
		}
	})
	return t
}

// report notes the state of a task.
func (e *engine) report(t *task, state docker.TaskState, message, why string) {
	t.Status.State, t.Status.Message, t.Status.Err, t.Status.Timestamp = state, message, why, time.Now().UTC()
	if e.cluster != nil {
		e.cluster.touch(&t.ObjectMeta)
		e.cluster.changed.notify()
	}
}

// runTask starts the container of a task.
func (e *engine) runTask(t *task) {
	ct, err := e.createContainer(t.name()+"."+t.ID, e.taskContainer(t))
	if err != nil {
		e.report(t, docker.TaskRejected, "preparing", err.Error())
		e.replaceTask(t)
		return
	}
	t.ct = ct
	t.Status.ContainerStatus = &docker.TaskContainerStatus{ContainerID: ct.id}
	e.provide(t)
	if err := e.startContainer(ct); err != nil {
		t.Status.ContainerStatus.ExitCode = ct.exitCode
		e.report(t, docker.TaskFailed, "starting", "starting container failed: "+err.Error())
		e.replaceTask(t)
		return
	}
	e.attach(t)
	p := ct.main
	t.Status.ContainerStatus.PID = p.pid
	state, message := docker.TaskRunning, "started"
	if ct.health.status() == docker.HealthStarting {
		state, message = docker.TaskStarting, "starting"
	}
	e.report(t, state, message, "")
	e.spawn(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.watch(t, p)
	})
}

// watch waits for the end of a task. It releases the lock.
func (e *engine) watch(t *task, p *process) {
	sick := false
	for t.ct.main == p {
		limit := time.Duration(0)
		if h := t.ct.health.status(); h == docker.HealthStarting || h == docker.HealthHealthy || h == docker.HealthUnhealthy {
			limit = 50 * time.Millisecond
			if h == docker.HealthHealthy && t.Status.State == docker.TaskStarting {
				e.report(t, docker.TaskRunning, "started", "")
			}
			if h == docker.HealthUnhealthy && !sick {
				sick = true
				e.stopTask(t)
			}
		}
		if !e.await(t.ct.changed.changed(), limit) && e.ctx.Err() != nil {
			return
		}
	}
	if e.closed || e.ctx.Err() != nil {
		return
	}
	code := t.ct.exitCode
	t.Status.ContainerStatus.ExitCode, t.Status.ContainerStatus.PID = code, 0
	switch {
	case t.DesiredState == docker.TaskShutdown || t.DesiredState == docker.TaskRemove:
		e.report(t, docker.TaskShutdown, "shutdown", "")
	case sick:
		e.report(t, docker.TaskFailed, "started", "task: non-zero exit ("+strconv.Itoa(code)+"): dockerexec: unhealthy container")
	case code == 0:
		e.report(t, docker.TaskComplete, "finished", "")
	default:
		e.report(t, docker.TaskFailed, "started", fmt.Sprintf("task: non-zero exit (%d)", code))
	}
	if t.DesiredState == docker.TaskRemove {
		e.forget(t)
		return
	}
	if t.DesiredState != docker.TaskShutdown {
		e.replaceTask(t)
	}
}

// replaceTask makes another task in place of one that has ended by itself, if its
// policy says so.
func (e *engine) replaceTask(t *task) {
	s := t.service
	if s.removed || e.cluster == nil {
		return
	}
	if s.job() && t.Status.State == docker.TaskComplete {
		e.reconcile(s)
		return
	}
	t.DesiredState = docker.TaskShutdown
	policy, now := restartPolicy(&t.Spec), time.Now()
	recent := slices.DeleteFunc(s.restarts[t.Slot], func(at time.Time) bool { return *policy.Window > 0 && now.Sub(at) > *policy.Window })
	switch {
	case policy.Condition == docker.TaskRestartNone,
		policy.Condition == docker.TaskRestartOnFailure && t.Status.State == docker.TaskComplete,
		policy.MaxAttempts > 0 && uint64(len(recent)) >= policy.MaxAttempts:
		e.cluster.changed.notify()
		return
	}
	s.restarts[t.Slot] = append(recent, now)
	e.newTask(s, t.Slot, max(*policy.Delay, time.Millisecond))
}

// endTask ends a task: for good, or to be forgotten.
func (e *engine) endTask(t *task, desired docker.TaskState) {
	if t.DesiredState != docker.TaskRemove {
		t.DesiredState = desired
	}
	switch {
	case t.ct != nil && t.ct.running():
		e.spawn(func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.stopTask(t)
		})
		e.cluster.changed.notify()
	case !t.Status.State.Ended():
		e.report(t, docker.TaskShutdown, "shutdown", "")
		fallthrough
	default:
		if desired == docker.TaskRemove {
			e.forget(t)
		}
	}
}

// stopTask stops the container of a task. It releases the lock.
func (e *engine) stopTask(t *task) {
	e.stopContainer(t.ct, "", t.Spec.ContainerSpec.StopGracePeriod) //nolint:errcheck // its state tells
}

// forget removes a task that has ended, with its container.
func (e *engine) forget(t *task) {
	t.service.tasks = slices.DeleteFunc(t.service.tasks, func(other *task) bool { return other == t })
	if t.ct != nil && !t.ct.removed {
		e.removeContainer(t.ct, t.ct.id, true, true) //nolint:errcheck // with force
	}
}

// trim forgets the oldest tasks of a slot that have ended.
func (e *engine) trim(s *service, slot int) {
	limit := *e.cluster.swarm.Spec.Orchestration.TaskHistoryRetentionLimit
	var old []*task
	for _, t := range s.tasks {
		if t.Slot == slot && t.Status.State.Ended() {
			old = append(old, t)
		}
	}
	for limit >= 0 && int64(len(old)) > limit {
		e.forget(old[0])
		old = old[1:]
	}
}

// nodeChanged ends the tasks of a node that takes no more, and lets those that wait start.
func (e *engine) nodeChanged() {
	for _, s := range inOrder(e.cluster.services, metaOfService, func(*service) bool { return true }) {
		for _, t := range slices.Clone(s.tasks) {
			if t.wanted() && t.NodeID != "" && e.cluster.node.Spec.Availability == docker.NodeDrain {
				e.endTask(t, docker.TaskShutdown)
			}
		}
		e.reconcile(s)
	}
}

func taskList(c *call, cl *cluster) error {
	f, err := c.filters("_up-to-date", "desired-state", "id", "label", "name", "node", "runtime", "service")
	if err != nil {
		return err
	}
	list := []*docker.Task{}
	for _, t := range cl.tasks() {
		if f.id("id", t.ID) && f.has("desired-state", string(t.DesiredState)) && f.prefixed("name", t.name()) && f.labels(t.service.Spec.Labels) &&
			f.any("service", func(v string) bool { return v == t.service.Spec.Name || v != "" && strings.HasPrefix(t.ServiceID, v) }) &&
			f.any("node", func(v string) bool { n, err := cl.findNode(v); return err == nil && n.ID == t.NodeID }) &&
			f.any("_up-to-date", func(v string) bool { return (v == "true") == t.current() }) {
			list = append(list, &t.Task)
		}
	}
	return c.json(http.StatusOK, list)
}

// tasks are all tasks, in the order of their creation.
func (cl *cluster) tasks() []*task {
	var all []*task
	for _, s := range cl.services {
		all = append(all, s.tasks...)
	}
	slices.SortStableFunc(all, func(a, b *task) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Slot, b.Slot))
	})
	return all
}

func (cl *cluster) findTask(ref string) (*task, error) {
	all := make(map[string]*task)
	for _, t := range cl.tasks() {
		all[t.ID] = t
	}
	return findObject("task", ref, all, (*task).name)
}

func taskInspect(c *call, cl *cluster) error {
	t, err := cl.findTask(c.vars["id"])
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, t.Task)
}
