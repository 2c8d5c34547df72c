package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cleat-go/docker/errdefs"
)

// maxChanges bounds how often a change is tried where others change the same object.
const maxChanges = 5

// ServiceChange inspects a service, lets change edit its spec, and updates it. Where
// another update came between, it does so anew: change may be called more than once. An
// error of change is returned as it is, and nothing is sent. Nil options are as in
// [Client.ServiceUpdate].
func (c *Client) ServiceChange(ctx context.Context, id string, change func(*ServiceSpec) error, opts *ServiceUpdateOptions) (*ServiceUpdateResult, error) {
	var result *ServiceUpdateResult
	err := retryConflicts(func() error {
		service, err := c.ServiceInspect(ctx, id, nil)
		if err != nil {
			return err
		}
		if err := change(&service.Spec); err != nil {
			return err
		}
		result, err = c.ServiceUpdate(ctx, service.ID, service.Version, service.Spec, opts)
		return err
	})
	return result, err
}

// NodeChange inspects a node, lets change edit its spec, and updates it, as
// [Client.ServiceChange] does with a service.
func (c *Client) NodeChange(ctx context.Context, id string, change func(*NodeSpec) error) error {
	return retryConflicts(func() error {
		node, err := c.NodeInspect(ctx, id, nil)
		if err != nil {
			return err
		}
		if err := change(&node.Spec); err != nil {
			return err
		}
		return c.NodeUpdate(ctx, node.ID, node.Version, node.Spec)
	})
}

func retryConflicts(update func() error) error {
	for attempt := 1; ; attempt++ {
		err := update()
		if attempt == maxChanges || !errors.Is(err, errdefs.ErrConflict) {
			return err
		}
	}
}

// NodeDrain makes a node give its tasks away and waits until none of a service runs
// there. The context bounds the wait; a node that is down never tells.
func (c *Client) NodeDrain(ctx context.Context, id string) error {
	err := c.NodeChange(ctx, id, func(spec *NodeSpec) error {
		spec.Availability = NodeDrain
		return nil
	})
	if err != nil {
		return err
	}
	return await(ctx, func() (bool, error) {
		tasks, err := c.TaskList(ctx, &TaskListOptions{Filters: Filters{"node": {id}}})
		return !slices.ContainsFunc(tasks, func(t Task) bool {
			return t.ServiceID != "" && !t.Status.State.Ended()
		}), err
	})
}

// await asks until it is done: every 50 milliseconds at first, later every second.
func await(ctx context.Context, done func() (bool, error)) error {
	for pause := 50 * time.Millisecond; ; pause = min(pause*3/2, time.Second) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errdefs.Cancelled(ctx)
		case <-time.After(pause):
		}
	}
}

// ServiceWaitOptions say what is waited for and who is told of it.
type ServiceWaitOptions struct {
	Stable   time.Duration         // for so long the same tasks have to run; 0 is UpdateConfig.Monitor of the service, 5 seconds mostly; negative is at once
	Rollback bool                  // an update that was rolled back is as good as one that was not
	Progress func(ServiceProgress) // is called with every change, from this goroutine
}

// ServiceProgress is how far a service is.
type ServiceProgress struct {
	Desired int         // tasks that are to run or, of a job, to end well
	Ready   int         // that do
	Update  UpdateState // empty where no task has to be replaced
	Message string      // of an update, or of a task that does not run; may be empty
}

// UnconvergedError is the error of a service whose tasks do not all run.
type UnconvergedError struct {
	ID       string
	Progress ServiceProgress
	Tasks    []Task // the last that failed or found no node, at most five, the newest first
	Err      error  // the end of the context, or nil where no waiting helps
}

func (e *UnconvergedError) Error() string {
	var b strings.Builder
	p := e.Progress
	fmt.Fprintf(&b, "docker: service %s: %d of %d tasks are ready", e.ID, p.Ready, p.Desired)
	if p.Update != "" {
		fmt.Fprintf(&b, ", update %s", p.Update)
	}
	if p.Message != "" {
		b.WriteString(": " + p.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the end of the context.
func (e *UnconvergedError) Unwrap() error { return e.Err }

// ServiceWaitConverged waits until the tasks of a service are what its spec says: as
// many as it wants run, and go on to; those of a job have ended well. Tasks that are to
// end may still be ending. Nil options wait for the time of the service's own monitor.
//
// It is an *[UnconvergedError] when an update was paused or rolled back, when a task has
// ended that is not started again, and when the context ends, which bounds the wait; it
// then is errdefs.ErrCancelled, too. A missing service is errdefs.ErrNotFound. It asks
// the engine every 50 milliseconds at first, later every second.
func (c *Client) ServiceWaitConverged(ctx context.Context, id string, opts *ServiceWaitOptions) error {
	w := serviceWait{opts: value(opts)}
	err := await(ctx, func() (bool, error) {
		service, err := c.ServiceInspect(ctx, id, nil)
		if err != nil {
			return false, err
		}
		tasks, err := c.TaskList(ctx, &TaskListOptions{Filters: Filters{"service": {service.ID}}})
		if err != nil {
			return false, err
		}
		return w.see(service, tasks, time.Now())
	})
	if w.seen.ID != "" && errors.Is(err, errdefs.ErrCancelled) {
		w.seen.Err = err
		return &w.seen
	}
	return err
}

// serviceWait is what a wait has seen so far.
type serviceWait struct {
	opts  ServiceWaitOptions
	seen  UnconvergedError
	ready []string // the tasks
	since time.Time
}

// see takes what the engine tells now, and tells whether the wait is over.
func (w *serviceWait) see(s *Service, tasks []Task, now time.Time) (bool, error) {
	t := takeTally(s, tasks)
	first, before := w.seen.ID == "", w.seen.Progress
	w.seen = UnconvergedError{ID: s.ID, Progress: t.progress(s), Tasks: t.failed}
	if w.opts.Progress != nil && (first || w.seen.Progress != before) {
		w.opts.Progress(w.seen.Progress)
	}
	if first || !slices.Equal(w.ready, t.ready) || !t.complete() {
		w.ready, w.since = t.ready, now
	}
	switch w.seen.Progress.Update {
	case UpdateUpdating, UpdateRollbackStarted:
		w.since = now
		return false, nil
	case UpdatePaused, UpdateRollbackPaused:
		return false, &w.seen
	case UpdateRollbackCompleted:
		if !w.opts.Rollback {
			return false, &w.seen
		}
	}
	if t.dead {
		return false, &w.seen
	}
	return t.complete() && now.Sub(w.since) >= w.stable(s, t), nil
}

// stable is for how long the same tasks have to be ready.
func (w *serviceWait) stable(s *Service, t tally) time.Duration {
	switch stable := w.opts.Stable; {
	case t.desired == 0 && s.Spec.Mode.global():
		return max(stable, time.Second) // the engine may not have made them yet
	case t.desired == 0 || s.Spec.Mode.job() || stable < 0:
		return 0
	case stable == 0:
		return cmp.Or(value(s.Spec.UpdateConfig).Monitor, 5*time.Second)
	default:
		return stable
	}
}

func (m *ServiceMode) job() bool    { return m.ReplicatedJob != nil || m.GlobalJob != nil }
func (m *ServiceMode) global() bool { return m.Global != nil || m.GlobalJob != nil }

// desired is the number of tasks that a mode asks for; a global one does not tell.
func (m *ServiceMode) desired() int {
	one := new(uint64(1))
	switch {
	case m.ReplicatedJob != nil:
		return int(*cmp.Or(m.ReplicatedJob.TotalCompletions, m.ReplicatedJob.MaxConcurrent, one))
	case m.Replicated != nil:
		return int(*cmp.Or(m.Replicated.Replicas, one))
	default:
		return 1
	}
}

// tally is the tasks of a service by how they are.
type tally struct {
	desired int
	live    int      // places whose task runs or will
	ready   []string // tasks that are as they should be, sorted
	dead    bool     // a task has ended that is not started again
	job     bool
	failed  []Task
}

// complete tells that all tasks are as they should be, and that there are no more.
func (t *tally) complete() bool {
	return len(t.ready) == t.desired && (t.job || t.live == t.desired)
}

func (t *tally) progress(s *Service) ServiceProgress {
	status := value(s.UpdateStatus)
	p := ServiceProgress{t.desired, len(t.ready), status.State, status.Message}
	if len(t.failed) > 0 && !t.complete() && (p.Message == "" || p.Update == UpdateCompleted) {
		p.Message = t.failed[0].Status.Err
	}
	return p
}

// takeTally looks at each place of a service, which is a slot or a node: at the tasks
// there that are of the present spec, and whether others are still wanted.
func takeTally(s *Service, tasks []Task) tally {
	places := map[string][]Task{}
	for _, t := range tasks {
		place := t.NodeID
		if !s.Spec.Mode.global() {
			place = fmt.Sprint(t.Slot)
		}
		places[place] = append(places[place], t)
	}
	all := tally{job: s.Spec.Mode.job(), desired: s.Spec.Mode.desired()}
	present := 0
	for _, here := range places {
		if all.add(s, here) {
			present++
		}
	}
	if s.Spec.Mode.global() {
		all.desired = present
	}
	slices.Sort(all.ready)
	slices.SortFunc(all.failed, func(a, b Task) int { return b.Status.Timestamp.Compare(a.Status.Timestamp) })
	all.failed = all.failed[:min(len(all.failed), 5)]
	return all
}

// add counts the tasks of one place, and tells whether there should be one.
func (t *tally) add(s *Service, here []Task) bool {
	live, ready, dead := false, "", false
	for _, task := range here {
		state, wanted, current := task.Status.State, task.wanted(), s.current(&task)
		live = live || wanted && !state.Ended()
		dead = dead || current && !wanted && state.failed()
		if current && wanted && state == s.goal() {
			ready = task.ID
		}
		if current && task.Status.Err != "" {
			t.failed = append(t.failed, task)
		}
	}
	if ready != "" {
		t.ready = append(t.ready, ready)
	}
	if live {
		t.live++
	}
	dead = dead && !live && ready == ""
	t.dead = t.dead || dead
	return live || dead || ready != ""
}

// goal is the state that the tasks of a service should reach.
func (s *Service) goal() TaskState {
	if s.Spec.Mode.job() {
		return TaskComplete
	}
	return TaskRunning
}

// current tells whether a task is of the present spec, not of one before.
func (s *Service) current(t *Task) bool {
	if s.JobStatus != nil {
		return value(t.JobIteration) == s.JobStatus.JobIteration
	}
	// The engine does not replace tasks for these.
	a, b := t.Spec, s.Spec.TaskTemplate
	a.Runtime, a.Placement = b.Runtime, b.Placement
	return reflect.DeepEqual(a, b)
}

// wanted tells that a task is not to end, save by itself.
func (t *Task) wanted() bool {
	return !t.DesiredState.Ended() || t.DesiredState == TaskComplete
}

// failed tells that a task has ended by itself.
func (s TaskState) failed() bool {
	return s == TaskFailed || s == TaskRejected || s == TaskComplete
}
