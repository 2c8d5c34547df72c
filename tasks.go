package docker

import (
	"context"
	"encoding/json"

	"github.com/cleat-go/docker/streams"
)

// TaskListOptions narrow a list of tasks.
type TaskListOptions struct {
	Filters Filters // desired-state (running, shutdown or accepted), id, label, name, node, runtime, service
}

// TaskList lists tasks, also those that have ended, of which the cluster keeps some.
// Nil options list all. An engine that is no manager is errdefs.ErrUnavailable.
//
//docker:operation GET /tasks
func (c *Client) TaskList(ctx context.Context, opts *TaskListOptions) ([]Task, error) {
	r := newRequest("GET /tasks")
	r.set("filters", value(opts).Filters)
	return list[Task](ctx, c, r)
}

// TaskInspectOptions say what an inspect adds.
type TaskInspectOptions struct {
	Raw *json.RawMessage // where not nil, receives the answer as it came
}

// TaskInspect returns a task. A missing one is errdefs.ErrNotFound, an engine that is
// no manager errdefs.ErrUnavailable. Nil options return no raw JSON.
//
//docker:operation GET /tasks/{id}
func (c *Client) TaskInspect(ctx context.Context, id string, opts *TaskInspectOptions) (*Task, error) {
	return fetchRaw[Task](ctx, c, newRequest("GET /tasks/{id}", id), value(opts).Raw)
}

// TaskLogs returns what a task has written, as [Client.ServiceLogs] does for all tasks
// of a service. A missing task is errdefs.ErrNotFound.
//
//docker:operation GET /tasks/{id}/logs
func (c *Client) TaskLogs(ctx context.Context, id string, opts *ServiceLogsOptions) (*streams.Output, error) {
	r := newRequest("GET /tasks/{id}/logs", id)
	return c.taskLogs(ctx, r, value(opts), func() (bool, error) {
		task, err := c.TaskInspect(ctx, id, nil)
		if err != nil {
			return false, err
		}
		return task.Spec.tty(), nil
	})
}
