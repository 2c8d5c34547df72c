package enginetest

import (
	"cmp"
	"net/http"
	"reflect"
	"time"

	"github.com/cleat-go/docker"
)

// service is a service with its tasks, oldest first.
type service struct {
	docker.Service
	tasks    []*task
	updates  int                 // a roll-out ends where another update has come
	restarts map[int][]time.Time // by slot
	removed  bool
}

func metaOfService(s *service) *docker.ObjectMeta { return &s.ObjectMeta }

func (cl *cluster) findService(ref string) (*service, error) {
	return findObject("service", ref, cl.services, func(s *service) string { return s.Spec.Name })
}

func (s *service) job() bool { return s.Spec.Mode.ReplicatedJob != nil || s.Spec.Mode.GlobalJob != nil }

// mode is the name of a service's mode.
func mode(m *docker.ServiceMode) string {
	switch {
	case m.Global != nil:
		return "global"
	case m.ReplicatedJob != nil:
		return "replicated-job"
	case m.GlobalJob != nil:
		return "global-job"
	}
	return "replicated"
}

// slots is how many places for tasks a service has, and the number of the first. Global
// ones have one on a node that takes tasks.
func (e *engine) slots(s *service) (first, n int) {
	switch m := &s.Spec.Mode; {
	case m.ReplicatedJob != nil:
		return 0, int(*m.ReplicatedJob.TotalCompletions) //nolint:gosec // checked
	case m.Replicated != nil:
		return 1, int(*m.Replicated.Replicas) //nolint:gosec // checked
	case e.cluster.node.Spec.Availability == docker.NodeDrain || !e.cluster.allows(s):
		return 0, 0
	}
	return 0, 1
}

// maxTasks bounds the tasks of a service.
const maxTasks = 1000

// prepare checks the spec of a service and fills in what it has always.
func (c *call) prepare(spec *docker.ServiceSpec) error {
	ct := spec.TaskTemplate.ContainerSpec
	switch {
	case ct == nil:
		return badRequest("rpc error: code = InvalidArgument desc = TaskSpec: missing runtime")
	case ct.Image == "":
		return badRequest("rpc error: code = InvalidArgument desc = ContainerSpec: image reference must be provided")
	}
	if spec.Name == "" {
		spec.Name, _ = c.newName("") //nolint:errcheck // one of the engine's choice
	}
	if !objectName.MatchString(spec.Name) || len(spec.Name) > 63 {
		return badRequest("rpc error: code = InvalidArgument desc = name must be valid as a DNS name component")
	}
	for _, list := range [][]docker.NetworkAttachmentConfig{spec.Networks, spec.TaskTemplate.Networks} {
		for _, n := range list {
			if _, err := c.findNetwork(n.Target); err != nil {
				return notFound("network %s not found", n.Target)
			}
		}
	}
	ct.Isolation = cmp.Or(ct.Isolation, "default")
	spec.TaskTemplate.Runtime = cmp.Or(spec.TaskTemplate.Runtime, docker.TaskContainer)
	err := prepareMode(&spec.Mode)
	*spec = cloned(*spec) // as those of tasks are, with which it is compared
	return err
}

func prepareMode(m *docker.ServiceMode) error {
	if *m == (docker.ServiceMode{}) {
		m.Replicated = &docker.ReplicatedService{}
	}
	modes, n := 0, uint64(1)
	for _, set := range []bool{m.Replicated != nil, m.Global != nil, m.ReplicatedJob != nil, m.GlobalJob != nil} {
		if set {
			modes++
		}
	}
	if modes > 1 {
		return badRequest("must specify only one service mode")
	}
	switch one := new(uint64(1)); {
	case m.Replicated != nil:
		m.Replicated.Replicas = cmp.Or(m.Replicated.Replicas, one)
		n = *m.Replicated.Replicas
	case m.ReplicatedJob != nil:
		j := m.ReplicatedJob
		j.MaxConcurrent = cmp.Or(j.MaxConcurrent, one)
		j.TotalCompletions = cmp.Or(j.TotalCompletions, j.MaxConcurrent)
		n = *j.TotalCompletions
	}
	if n > maxTasks {
		return notImplemented("a service has at most %d tasks", maxTasks)
	}
	return nil
}

func serviceCreate(c *call, cl *cluster) error {
	s := &service{restarts: make(map[int][]time.Time)}
	if err := c.decode(&s.Spec); err != nil {
		return err
	}
	if err := c.prepare(&s.Spec); err != nil {
		return err
	}
	if err := cl.checkStored(s.Spec.TaskTemplate.ContainerSpec); err != nil {
		return err
	}
	for _, other := range cl.services {
		if other.Spec.Name == s.Spec.Name {
			return conflict("rpc error: code = AlreadyExists desc = name conflicts with an existing object: service %s already exists", s.Spec.Name)
		}
	}
	s.ID, s.Endpoint.Spec = newObjectID(), s.Spec.EndpointSpec
	if s.job() {
		s.JobStatus = &docker.JobStatus{LastExecution: time.Now().UTC()}
	}
	cl.touch(&s.ObjectMeta)
	cl.services[s.ID] = s
	c.emitCluster(docker.EventService, "create", s.ID, s.Spec.Name)
	c.reconcile(s)
	return c.json(http.StatusCreated, docker.ServiceCreateResult{ID: s.ID})
}

func serviceList(c *call, cl *cluster) error {
	f, err := c.filters("id", "label", "mode", "name", "runtime")
	if err != nil {
		return err
	}
	list := inOrder(cl.services, metaOfService, func(s *service) bool {
		return f.id("id", s.ID) && f.prefixed("name", s.Spec.Name) && f.labels(s.Spec.Labels) &&
			f.has("mode", mode(&s.Spec.Mode)) && f.has("runtime", string(s.Spec.TaskTemplate.Runtime))
	})
	shown := make([]docker.Service, len(list))
	for i, s := range list {
		if shown[i] = s.Service; c.bool("status") {
			shown[i].ServiceStatus = s.status()
		}
	}
	return c.json(http.StatusOK, shown, wholeStored)
}

// status counts the tasks of a service.
func (s *service) status() *docker.ServiceStatus {
	var n docker.ServiceStatus
	for _, t := range s.tasks {
		switch {
		case s.job() && !t.current():
		case t.Status.State == docker.TaskRunning:
			n.RunningTasks++
		case t.Status.State == docker.TaskComplete:
			n.CompletedTasks++
		}
		if t.DesiredState == docker.TaskRunning || t.DesiredState == docker.TaskComplete && !t.Status.State.Ended() {
			n.DesiredTasks++
		}
	}
	if !s.job() {
		n.CompletedTasks = 0
	}
	return &n
}

func serviceInspect(c *call, cl *cluster) error {
	s, err := cl.findService(c.vars["id"])
	if err != nil {
		return err
	}
	shown := s.Service
	if c.bool("insertDefaults") {
		shown = cloned(shown)
		insertDefaults(&shown.Spec)
	}
	return c.json(http.StatusOK, shown, wholeStored)
}

// insertDefaults fills in what a spec leaves to the engine.
func insertDefaults(spec *docker.ServiceSpec) {
	for _, u := range []**docker.UpdateConfig{&spec.UpdateConfig, &spec.RollbackConfig} {
		if *u == nil {
			*u = &docker.UpdateConfig{Parallelism: 1}
		}
		(*u).FailureAction = cmp.Or((*u).FailureAction, docker.FailurePause)
		(*u).Monitor = cmp.Or((*u).Monitor, 5*time.Second)
		(*u).Order = cmp.Or((*u).Order, docker.UpdateStopFirst)
	}
	policy := restartPolicy(&spec.TaskTemplate)
	spec.TaskTemplate.RestartPolicy = &policy
	ct := spec.TaskTemplate.ContainerSpec
	ct.StopGracePeriod = cmp.Or(ct.StopGracePeriod, new(10*time.Second))
	ct.DNSConfig = cmp.Or(ct.DNSConfig, &docker.DNSConfig{})
	spec.EndpointSpec.Mode = cmp.Or(spec.EndpointSpec.Mode, docker.EndpointVIP)
}

// restartPolicy is that of a task's spec, whole.
func restartPolicy(spec *docker.TaskSpec) docker.TaskRestartPolicy {
	p := docker.TaskRestartPolicy{}
	if spec.RestartPolicy != nil {
		p = *spec.RestartPolicy
	}
	p.Condition = cmp.Or(p.Condition, docker.TaskRestartAny)
	p.Delay = cmp.Or(p.Delay, new(5*time.Second))
	p.Window = cmp.Or(p.Window, new(time.Duration(0)))
	return p
}

func serviceUpdate(c *call, cl *cluster) error {
	var spec docker.ServiceSpec
	if err := c.decode(&spec); err != nil {
		return err
	}
	s, err := cl.findService(c.vars["id"])
	if err != nil {
		return err
	}
	if err := c.basedOn("service", s.Version); err != nil {
		return err
	}
	rollback := c.param("rollback") == "previous"
	if rollback {
		if s.PreviousSpec == nil {
			return badRequest("rpc error: code = FailedPrecondition desc = service %s does not have a previous spec", s.ID)
		}
		spec = *s.PreviousSpec
	}
	if err := c.prepare(&spec); err != nil {
		return err
	}
	switch {
	case spec.Name != s.Spec.Name:
		return errorf(http.StatusNotImplemented, "rpc error: code = Unimplemented desc = renaming services is not supported")
	case mode(&spec.Mode) != mode(&s.Spec.Mode):
		return errorf(http.StatusNotImplemented, "rpc error: code = Unimplemented desc = service mode change is not allowed")
	}
	if err := cl.checkStored(spec.TaskTemplate.ContainerSpec); err != nil {
		return err
	}
	before := s.Spec
	s.PreviousSpec = &before
	c.change(s, spec, rollback, "")
	c.emitCluster(docker.EventService, "update", s.ID, s.Spec.Name)
	return c.json(http.StatusOK, docker.ServiceUpdateResult{})
}

// change gives a service another spec, and replaces the tasks that differ from it.
func (e *engine) change(s *service, spec docker.ServiceSpec, rollback bool, why string) {
	s.Spec, s.UpdateStatus = spec, nil
	s.Endpoint.Spec = spec.EndpointSpec
	s.updates++
	s.restarts = make(map[int][]time.Time)
	if s.job() {
		s.JobStatus.JobIteration.Index++
		s.JobStatus.LastExecution = time.Now().UTC()
	}
	e.cluster.touch(&s.ObjectMeta)
	e.reconcile(s)
	if s.job() || len(s.outdated()) == 0 && why == "" {
		return
	}
	s.UpdateStatus = &docker.ServiceUpdateStatus{State: docker.UpdateUpdating, StartedAt: time.Now().UTC(), Message: "update in progress"}
	if rollback {
		s.UpdateStatus.State, s.UpdateStatus.Message = docker.UpdateRollbackStarted, cmp.Or(why, "manually requested rollback")
	}
	update := s.updates
	e.spawn(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.rollOut(s, update, rollback)
	})
}

func serviceRemove(c *call, cl *cluster) error {
	s, err := cl.findService(c.vars["id"])
	if err != nil {
		return err
	}
	c.dropService(s)
	c.emitCluster(docker.EventService, "remove", s.ID, s.Spec.Name)
	return c.done(http.StatusOK)
}

// dropService forgets a service, and ends its tasks.
func (e *engine) dropService(s *service) {
	s.removed = true
	s.updates++
	delete(e.cluster.services, s.ID)
	for _, t := range append([]*task{}, s.tasks...) {
		e.endTask(t, docker.TaskRemove)
	}
	e.cluster.changed.notify()
}

// current tells whether a task is of the present spec of its service.
func (t *task) current() bool {
	s := t.service
	if s.job() {
		return t.JobIteration != nil && *t.JobIteration == s.JobStatus.JobIteration
	}
	a, b := t.Spec, s.Spec.TaskTemplate
	a.Placement, a.Runtime = b.Placement, b.Runtime
	return reflect.DeepEqual(a, b)
}

// outdated are the tasks that are to be replaced.
func (s *service) outdated() []*task {
	var old []*task
	for _, t := range s.tasks {
		if t.wanted() && !t.current() {
			old = append(old, t)
		}
	}
	return old
}
