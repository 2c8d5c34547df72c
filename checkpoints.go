package docker

import "context"

// CheckpointListOptions say where checkpoints are looked for.
type CheckpointListOptions struct {
	Dir string // on the engine's machine; empty is with the container
}

// CheckpointList lists the checkpoints of a container. Errors: errdefs.ErrNotFound
// where there is no container, errdefs.ErrNotImplemented where the engine is not in its
// experimental mode. Nil options list those that are kept with the container.
//
//docker:operation GET /containers/{id}/checkpoints
func (c *Client) CheckpointList(ctx context.Context, container string, opts *CheckpointListOptions) ([]Checkpoint, error) {
	r := newRequest("GET /containers/{id}/checkpoints", container)
	r.set("dir", value(opts).Dir)
	return list[Checkpoint](ctx, c, r)
}

// CheckpointCreateOptions say how a checkpoint is made.
type CheckpointCreateOptions struct {
	Dir  string // on the engine's machine; empty is with the container
	Exit bool   // the container ends with it; else it goes on
}

// checkpointCreateRequest is the body of a create.
type checkpointCreateRequest struct {
	CheckpointID  string
	CheckpointDir string
	Exit          bool
}

// CheckpointCreate stores the state of a running container's processes under a name.
// [Client.ContainerStart] goes on from it. Errors: errdefs.ErrNotFound where there is
// no container, errdefs.ErrConflict where it does not run, errdefs.ErrNotImplemented
// where the engine is not in its experimental mode. Nil options keep it with the
// container and let the container run on.
//
//docker:operation POST /containers/{id}/checkpoints
func (c *Client) CheckpointCreate(ctx context.Context, container, name string, opts *CheckpointCreateOptions) error {
	o, r := value(opts), newRequest("POST /containers/{id}/checkpoints", container)
	r.fail(checkElement("checkpoint", name))
	return c.call(ctx, r.json(checkpointCreateRequest{name, o.Dir, o.Exit}), nil)
}

// CheckpointRemoveOptions say where a checkpoint is.
type CheckpointRemoveOptions struct {
	Dir string // on the engine's machine; empty is with the container
}

// CheckpointRemove removes a checkpoint of a container. Where the engine is not in its
// experimental mode it is errdefs.ErrNotImplemented. Nil options remove one that is
// kept with the container.
//
//docker:operation DELETE /containers/{id}/checkpoints/{checkpoint}
func (c *Client) CheckpointRemove(ctx context.Context, container, name string, opts *CheckpointRemoveOptions) error {
	r := newRequest("DELETE /containers/{id}/checkpoints/{checkpoint}", container, name)
	r.set("dir", value(opts).Dir)
	return c.call(ctx, r, nil)
}
