package enginetest

import (
	"fmt"
	"time"

	"github.com/cleat-go/docker"
)

// rollOut replaces the tasks of a service that are not of its spec, as its configuration
// says, until another update comes. It releases the lock.
func (e *engine) rollOut(s *service, update int, rollback bool) {
	conf := docker.UpdateConfig{Parallelism: 1}
	if c := s.Spec.UpdateConfig; c != nil && !rollback {
		conf = *c
	}
	if c := s.Spec.RollbackConfig; c != nil && rollback {
		conf = *c
	}
	if conf.Monitor == 0 {
		conf.Monitor = 5 * time.Second
	}
	r := &rollout{engine: e, service: s, cluster: e.cluster, update: update, total: len(s.outdated()), conf: conf}
	for old := s.outdated(); len(old) > 0; old = s.outdated() {
		if conf.Parallelism > 0 {
			old = old[:min(uint64(len(old)), conf.Parallelism)]
		}
		if !r.replace(old) || r.failed() != nil {
			break
		}
		if len(s.outdated()) > 0 && !r.until(conf.Delay, func() bool { return false }) {
			break
		}
	}
	r.until(conf.Monitor, func() bool { return r.failed() != nil })
	if !r.over() {
		r.finish(rollback)
	}
}

// rollout is an update under way.
type rollout struct {
	*engine
	service *service
	cluster *cluster
	update  int
	total   int // of the tasks to replace
	started []*task
	conf    docker.UpdateConfig
}

// over tells that the engine ends, or another update has come.
func (r *rollout) over() bool {
	return r.closed || r.ctx.Err() != nil || r.service.updates != r.update
}

// until waits until something is done, or the time is over, 0 being none at all. It is
// false where the roll-out is over.
func (r *rollout) until(limit time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(limit); !r.over() && !done(); {
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		r.await(r.cluster.changed.changed(), left)
	}
	return !r.over()
}

// replace puts new tasks in the place of some.
func (r *rollout) replace(old []*task) bool {
	first := r.conf.Order == docker.UpdateStartFirst
	var made []*task
	start := func() {
		for _, t := range old {
			made = append(made, r.newTask(r.service, t.Slot, 0))
		}
	}
	if first {
		start()
		r.until(time.Hour, func() bool { return settled(made) })
	}
	for _, t := range old {
		r.endTask(t, docker.TaskShutdown)
	}
	if !r.until(time.Hour, func() bool { return ended(old) }) {
		return false
	}
	if !first {
		start()
	}
	r.started = append(r.started, made...)
	return r.until(time.Hour, func() bool { return settled(made) })
}

// settled tells that tasks run, or will not.
func settled(tasks []*task) bool {
	for _, t := range tasks {
		if s := t.Status.State; s != docker.TaskRunning && !s.Ended() {
			return false
		}
	}
	return true
}

func ended(tasks []*task) bool {
	for _, t := range tasks {
		if !t.Status.State.Ended() {
			return false
		}
	}
	return true
}

// failed is a task that has failed, where too many have.
func (r *rollout) failed() *task {
	n := 0
	var last *task
	for _, t := range r.started {
		switch t.Status.State {
		case docker.TaskFailed, docker.TaskRejected, docker.TaskComplete:
			n++
			last = t
		}
	}
	if r.conf.FailureAction == docker.FailureContinue || float64(n) <= r.conf.MaxFailureRatio*float64(r.total) {
		return nil
	}
	return last
}

// finish notes how an update has ended, and begins its rollback.
func (r *rollout) finish(rollback bool) {
	s, t := r.service, r.failed()
	name, state, words := "update", docker.UpdateCompleted, "completed"
	if rollback {
		name, state = "rollback", docker.UpdateRollbackCompleted
	}
	if t != nil {
		words = "paused due to failure or early termination of task " + t.ID
		if state = docker.UpdatePaused; rollback {
			state = docker.UpdateRollbackPaused
		}
		if r.conf.FailureAction == docker.FailureRollback && !rollback && s.PreviousSpec != nil {
			spec := *s.PreviousSpec
			s.PreviousSpec = nil
			r.change(s, spec, true, "update rolled back due to failure or early termination of task "+t.ID)
			return
		}
	}
	status := *s.UpdateStatus
	status.State, status.Message = state, fmt.Sprintf("%s %s", name, words)
	if t == nil {
		status.CompletedAt = time.Now().UTC()
	}
	s.UpdateStatus = &status
	r.cluster.touch(&s.ObjectMeta)
	r.emitCluster(docker.EventService, "update", s.ID, s.Spec.Name, "updatestate.new", string(state))
}
