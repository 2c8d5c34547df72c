package docker

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
)

// ContainerListOptions narrow a list of containers. Zero lists the running ones.
type ContainerListOptions struct {
	All     bool    // stopped ones too
	Limit   int     // the newest so many, stopped ones too; 0 is no limit
	Size    bool    // fill in SizeRw and SizeRootFs, which takes the engine long
	Filters Filters // ancestor, annotation (API 1.56), before, expose, exited, health, id, isolation, is-task, label, name, network, publish, since, status, volume
}

// ContainerList lists containers, the newest first. Nil options list the running ones.
//
//docker:operation GET /containers/json
func (c *Client) ContainerList(ctx context.Context, opts *ContainerListOptions) ([]ContainerSummary, error) {
	o, r := value(opts), newRequest("GET /containers/json")
	r.set("all", o.All)
	r.set("limit", o.Limit)
	r.set("size", o.Size)
	r.set("filters", o.Filters)
	return list[ContainerSummary](ctx, c, r)
}

// ContainerCreateOptions are the settings of a new container. Nil parts are the
// image's and the engine's defaults.
type ContainerCreateOptions struct {
	Name             string // the engine makes one up where it is empty
	Platform         string // os[/arch[/variant]] of the image (API 1.41)
	Config           *ContainerConfig
	HostConfig       *HostConfig
	NetworkingConfig *NetworkingConfig
}

// containerCreateRequest is the body of a create: the settings side by side.
type containerCreateRequest struct {
	ContainerConfig
	HostConfig       *HostConfig       `json:",omitempty"`
	NetworkingConfig *NetworkingConfig `json:",omitempty"`
}

// ContainerCreate makes a container of an image that the engine has, and does not start
// it. Nil options run the image's command with the engine's defaults. The image takes
// the place of Config.Image. Errors: errdefs.ErrNotFound where the engine lacks the
// image, errdefs.ErrConflict where the name is taken, [errors.ErrUnsupported] where a
// setting is newer than the engine.
//
//docker:operation POST /containers/create
func (c *Client) ContainerCreate(ctx context.Context, image string, opts *ContainerCreateOptions) (*ContainerCreateResult, error) {
	o, r := value(opts), newRequest("POST /containers/create")
	body := containerCreateRequest{value(o.Config), o.HostConfig, o.NetworkingConfig}
	body.Image = image
	if image == "" {
		r.fail(invalid("the image is empty"))
	}
	r.set("name", o.Name)
	r.set("platform", o.Platform)
	return fetch[ContainerCreateResult](ctx, c, r.json(body))
}

// ContainerInspectOptions say what an inspect adds.
type ContainerInspectOptions struct {
	Size bool             // fill in SizeRw and SizeRootFs
	Raw  *json.RawMessage // where not nil, receives the answer as it came
}

// ContainerInspect returns all that the engine knows of a container. Nil options leave
// the sizes out. A missing container is errdefs.ErrNotFound.
//
//docker:operation GET /containers/{id}/json
func (c *Client) ContainerInspect(ctx context.Context, id string, opts *ContainerInspectOptions) (*Container, error) {
	o, r := value(opts), newRequest("GET /containers/{id}/json", id)
	r.set("size", o.Size)
	return fetchRaw[Container](ctx, c, r, o.Raw)
}

// ContainerTopOptions choose what is told of each process.
type ContainerTopOptions struct {
	Args []string // of ps, as "-o", "pid,comm"; none is "-ef"
}

// ContainerTop lists the processes of a running container. Nil options list them as
// ps -ef does. A container that does not run is errdefs.ErrConflict.
//
//docker:operation GET /containers/{id}/top
func (c *Client) ContainerTop(ctx context.Context, id string, opts *ContainerTopOptions) (*ContainerTop, error) {
	r := newRequest("GET /containers/{id}/top", id)
	r.set("ps_args", strings.Join(value(opts).Args, " "))
	return fetch[ContainerTop](ctx, c, r)
}

// ContainerChanges lists what a container's file system has beyond its image's, or
// lacks of it.
//
//docker:operation GET /containers/{id}/changes
func (c *Client) ContainerChanges(ctx context.Context, id string) ([]FilesystemChange, error) {
	return list[FilesystemChange](ctx, c, newRequest("GET /containers/{id}/changes", id))
}

// ContainerExport returns a container's file system as a tar. The caller closes it; a
// read of a cut one is errdefs.ErrTruncated, and the context ends it.
//
//docker:operation GET /containers/{id}/export
func (c *Client) ContainerExport(ctx context.Context, id string) (io.ReadCloser, error) {
	return c.download(ctx, newRequest("GET /containers/{id}/export", id))
}

// TTYSize is the size of a terminal in characters.
type TTYSize struct {
	Height, Width uint
}

// ContainerResize tells a container's terminal its size. A container that does not run
// is errdefs.ErrConflict.
//
//docker:operation POST /containers/{id}/resize
func (c *Client) ContainerResize(ctx context.Context, id string, size TTYSize) error {
	return c.resize(ctx, newRequest("POST /containers/{id}/resize", id), size)
}

// resize sends both sides, also where one is 0.
func (c *Client) resize(ctx context.Context, r *request, size TTYSize) error {
	r.set("h", strconv.FormatUint(uint64(size.Height), 10))
	r.set("w", strconv.FormatUint(uint64(size.Width), 10))
	return c.call(ctx, r, nil)
}

// ContainerStartOptions are of use with checkpoints and attached terminals only.
type ContainerStartOptions struct {
	DetachKeys    string // that end an attached terminal; empty is ctrl-p,ctrl-q
	Checkpoint    string // to restore from; an experimental engine only
	CheckpointDir string // where it is, if not with the container
}

// ContainerStart starts a container. One that runs already is no error. A missing
// container is errdefs.ErrNotFound. Nil options start it afresh.
//
//docker:operation POST /containers/{id}/start
func (c *Client) ContainerStart(ctx context.Context, id string, opts *ContainerStartOptions) error {
	o, r := value(opts), newRequest("POST /containers/{id}/start", id)
	r.mayBeDone = true
	r.set("detachKeys", o.DetachKeys)
	r.set("checkpoint", o.Checkpoint)
	r.set("checkpoint-dir", o.CheckpointDir)
	return c.call(ctx, r, nil)
}

// ContainerStopOptions say how a container is asked to end.
type ContainerStopOptions struct {
	Signal  string         // asks it to; empty is the container's own, SIGTERM mostly (API 1.42)
	Timeout *time.Duration // until it is killed, in whole seconds; nil is the container's own, 10 seconds mostly; negative waits for ever
}

// ContainerStop asks a container to end, kills it after a while, and returns when it
// has ended. One that does not run is no error. Nil options are the container's own
// signal and time.
//
//docker:operation POST /containers/{id}/stop
func (c *Client) ContainerStop(ctx context.Context, id string, opts *ContainerStopOptions) error {
	o, r := value(opts), newRequest("POST /containers/{id}/stop", id)
	r.mayBeDone = true
	r.set("signal", o.Signal)
	r.set("t", o.Timeout)
	return c.call(ctx, r, nil)
}

// ContainerRestart stops a container as [Client.ContainerStop] does, if it runs, and
// starts it. Nil options are the container's own signal and time.
//
//docker:operation POST /containers/{id}/restart
func (c *Client) ContainerRestart(ctx context.Context, id string, opts *ContainerStopOptions) error {
	o, r := value(opts), newRequest("POST /containers/{id}/restart", id)
	r.set("signal", o.Signal)
	r.set("t", o.Timeout)
	return c.call(ctx, r, nil)
}

// ContainerKillOptions choose the signal.
type ContainerKillOptions struct {
	Signal string // a name or number; empty is SIGKILL
}

// ContainerKill sends a signal to a container's first process and does not wait for
// what comes of it. A container that does not run is errdefs.ErrConflict. Nil options
// send SIGKILL.
//
//docker:operation POST /containers/{id}/kill
func (c *Client) ContainerKill(ctx context.Context, id string, opts *ContainerKillOptions) error {
	r := newRequest("POST /containers/{id}/kill", id)
	r.set("signal", value(opts).Signal)
	return c.call(ctx, r, nil)
}

// ContainerUpdateOptions are new limits of a container. Zero leaves a limit as it is;
// in the lists of block devices nil leaves it and an empty list clears it.
type ContainerUpdateOptions struct {
	Resources
	RestartPolicy *RestartPolicy `json:",omitempty"`
}

// ContainerUpdate changes the limits of a container, running or not. Nil options
// change nothing.
//
//docker:operation POST /containers/{id}/update
func (c *Client) ContainerUpdate(ctx context.Context, id string, opts *ContainerUpdateOptions) (*ContainerUpdateResult, error) {
	r := newRequest("POST /containers/{id}/update", id)
	return fetch[ContainerUpdateResult](ctx, c, r.json(value(opts)))
}

// ContainerRename gives a container another name. A name that is taken is
// errdefs.ErrConflict.
//
//docker:operation POST /containers/{id}/rename
func (c *Client) ContainerRename(ctx context.Context, id, name string) error {
	r := newRequest("POST /containers/{id}/rename", id)
	if name == "" {
		r.fail(invalid("the new name is empty"))
	}
	r.set("name", name)
	return c.call(ctx, r, nil)
}

// ContainerPause freezes all processes of a container. One that is paused already, or
// does not run, is errdefs.ErrConflict.
//
//docker:operation POST /containers/{id}/pause
func (c *Client) ContainerPause(ctx context.Context, id string) error {
	return c.call(ctx, newRequest("POST /containers/{id}/pause", id), nil)
}

// ContainerUnpause lets the processes of a paused container go on.
//
//docker:operation POST /containers/{id}/unpause
func (c *Client) ContainerUnpause(ctx context.Context, id string) error {
	return c.call(ctx, newRequest("POST /containers/{id}/unpause", id), nil)
}

// ContainerRemoveOptions say what else goes with a container.
type ContainerRemoveOptions struct {
	Force   bool // kill it first, if it runs
	Volumes bool // its anonymous volumes too
	Link    bool // remove only the link of this name, not the container
}

// ContainerRemove removes a container. A missing one is errdefs.ErrNotFound, a running
// one errdefs.ErrConflict unless forced. Nil options remove a stopped container alone.
//
//docker:operation DELETE /containers/{id}
func (c *Client) ContainerRemove(ctx context.Context, id string, opts *ContainerRemoveOptions) error {
	o, r := value(opts), newRequest("DELETE /containers/{id}", id)
	r.set("force", o.Force)
	r.set("v", o.Volumes)
	r.set("link", o.Link)
	return c.call(ctx, r, nil)
}

// ContainerPruneOptions narrow what is removed. Zero removes every stopped container.
type ContainerPruneOptions struct {
	Filters Filters // until, label, label!
}

// ContainerPrune removes stopped containers: nil options, all of them.
//
//docker:operation POST /containers/prune
func (c *Client) ContainerPrune(ctx context.Context, opts *ContainerPruneOptions) (*ContainerPruneResult, error) {
	r := newRequest("POST /containers/prune")
	r.set("filters", value(opts).Filters)
	return fetch[ContainerPruneResult](ctx, c, r)
}
