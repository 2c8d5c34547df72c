package docker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/streams"
)

// ServiceListOptions narrow a list of services and say what it tells of each.
type ServiceListOptions struct {
	Filters Filters // id, label, mode, name, runtime
	Status  bool    // fill in ServiceStatus (API 1.41)
}

// ServiceList lists services. Nil options list all without their status. An engine that
// is no manager is errdefs.ErrUnavailable.
//
//docker:operation GET /services
func (c *Client) ServiceList(ctx context.Context, opts *ServiceListOptions) ([]Service, error) {
	o, r := value(opts), newRequest("GET /services")
	r.set("filters", o.Filters)
	r.set("status", o.Status)
	return list[Service](ctx, c, r)
}

// ServiceCreateOptions say who pulls the image.
type ServiceCreateOptions struct {
	Auth     *auth.Credentials // that the nodes pull with; nil is anonymous
	FindAuth bool              // without Auth, they pull with those of the client's source, which the cluster then keeps
}

// ServiceCreateResult is a new service.
type ServiceCreateResult struct {
	ID       string
	Warnings []string `json:",omitempty"` // API 1.44
	Warning  string   `json:",omitempty"` // until API 1.43
}

// ServiceCreate makes a service and returns before its tasks run, for which
// [Client.ServiceWaitConverged] waits. Nil options pull anonymously. Errors:
// errdefs.ErrConflict where the name is taken, [errors.ErrUnsupported] where a setting
// is newer than the engine, errdefs.ErrUnavailable where it is no manager.
//
//docker:operation POST /services/create
func (c *Client) ServiceCreate(ctx context.Context, spec ServiceSpec, opts *ServiceCreateOptions) (*ServiceCreateResult, error) {
	r := newRequest("POST /services/create")
	c.authorizeNodes(r, &spec, value(opts).Auth, value(opts).FindAuth)
	return fetch[ServiceCreateResult](ctx, c, r.json(spec.placed()))
}

// authorizeNodes hands the cluster credentials, which it keeps and gives to nodes: only
// those that the caller gives or asks for.
func (c *Client) authorizeNodes(r *request, spec *ServiceSpec, given *auth.Credentials, find bool) {
	if given != nil || find && spec.TaskTemplate.ContainerSpec != nil {
		c.authorize(r, auth.Registry(value(spec.TaskTemplate.ContainerSpec).Image), given)
		r.registry = false // the nodes do
	}
}

// placed gives a spec a placement, be it an empty one: engines die of an update, or a
// rollback, that does nothing but take it away.
func (s ServiceSpec) placed() ServiceSpec {
	if s.TaskTemplate.Placement == nil {
		s.TaskTemplate.Placement = &Placement{}
	}
	return s
}

// ServiceInspectOptions say what an inspect adds.
type ServiceInspectOptions struct {
	InsertDefaults bool             // fill in what the spec leaves to the engine
	Raw            *json.RawMessage // where not nil, receives the answer as it came
}

// ServiceInspect returns a service by its ID or name. Nil options return the spec as it
// was set. A missing one is errdefs.ErrNotFound, an engine that is no manager
// errdefs.ErrUnavailable.
//
//docker:operation GET /services/{id}
func (c *Client) ServiceInspect(ctx context.Context, id string, opts *ServiceInspectOptions) (*Service, error) {
	o, r := value(opts), newRequest("GET /services/{id}", id)
	r.set("insertDefaults", o.InsertDefaults)
	return fetchRaw[Service](ctx, c, r, o.Raw)
}

// RegistryAuthSource is whose credentials pull the image of an update without any.
type RegistryAuthSource string

// The sources of credentials. Empty means RegistryAuthSpec.
const (
	RegistryAuthSpec         RegistryAuthSource = "spec"
	RegistryAuthPreviousSpec RegistryAuthSource = "previous-spec"
)

// ServiceUpdateOptions say what a service is updated to, and who pulls the image.
type ServiceUpdateOptions struct {
	Auth             *auth.Credentials  // that the nodes pull with; nil keeps those that they have
	FindAuth         bool               // without Auth, they pull with those of the client's source, which the cluster then keeps
	RegistryAuthFrom RegistryAuthSource // without Auth, which those are
	Rollback         bool               // to the previous spec, not to that of the call
}

// ServiceUpdateResult is what a service's update had to say.
type ServiceUpdateResult struct {
	Warnings []string `json:",omitempty"`
}

// ServiceUpdate replaces the spec of a service and returns before its tasks are
// replaced, for which [Client.ServiceWaitConverged] waits. The version is that of the
// inspect which the spec is from; one that has been updated since is
// errdefs.ErrConflict. [Client.ServiceChange] does all of it. Nil options keep the
// credentials.
//
//docker:operation POST /services/{id}/update
func (c *Client) ServiceUpdate(ctx context.Context, id string, version ObjectVersion, spec ServiceSpec, opts *ServiceUpdateOptions) (*ServiceUpdateResult, error) {
	o, r := value(opts), newRequest("POST /services/{id}/update", id)
	r.setVersion(version)
	r.set("registryAuthFrom", string(o.RegistryAuthFrom))
	if o.Rollback {
		r.add("rollback", "previous")
	}
	c.authorizeNodes(r, &spec, o.Auth, o.FindAuth)
	result, err := fetch[ServiceUpdateResult](ctx, c, r.json(spec.placed()))
	return result, conflicting(err)
}

// ServiceRemove removes a service, whose tasks end later. A missing one is
// errdefs.ErrNotFound.
//
//docker:operation DELETE /services/{id}
func (c *Client) ServiceRemove(ctx context.Context, id string) error {
	return c.call(ctx, newRequest("DELETE /services/{id}", id), nil)
}

// ServiceLogsOptions choose which logs are sent, and how.
type ServiceLogsOptions struct {
	Stdout, Stderr bool      // neither means both
	Follow         bool      // go on, with tasks that start later too, until the feed is left
	Since          time.Time // zero is no bound
	Tail           int       // so many of the last lines of each task; 0 is all, negative none
	Timestamps     bool      // fill in Line.Time
	Details        bool      // fill in Line.Details: LabelNodeID, LabelServiceID, LabelTaskID, and the attributes of the log driver
}

// ServiceLogs returns what the tasks of a service have written, once the engine has
// answered. Nil options are all of both streams until now. The caller reads it with
// Lines, Frames or Copy, which close it at their end, or closes it; the context ends it
// too. Only Lines tells the tasks apart, given Details. A log that is cut is
// errdefs.ErrTruncated, a missing service errdefs.ErrNotFound.
//
//docker:operation GET /services/{id}/logs
func (c *Client) ServiceLogs(ctx context.Context, id string, opts *ServiceLogsOptions) (*streams.Output, error) {
	r := newRequest("GET /services/{id}/logs", id)
	return c.taskLogs(ctx, r, value(opts), func() (bool, error) {
		service, err := c.ServiceInspect(ctx, id, nil)
		if err != nil {
			return false, err
		}
		return service.Spec.TaskTemplate.tty(), nil
	})
}

// taskLogs opens a feed of the logs of tasks, which are options less than a container's.
func (c *Client) taskLogs(ctx context.Context, r *request, o ServiceLogsOptions, tty func() (bool, error)) (*streams.Output, error) {
	logs := ContainerLogsOptions{
		Stdout: o.Stdout, Stderr: o.Stderr, Follow: o.Follow, Since: o.Since,
		Tail: o.Tail, Timestamps: o.Timestamps, Details: o.Details,
	}
	r.setLogs(&logs)
	return c.logs(ctx, r, logs, tty)
}

// tty tells whether the task has a terminal.
func (s *TaskSpec) tty() bool { return s.ContainerSpec != nil && s.ContainerSpec.TTY }
