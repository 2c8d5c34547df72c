package docker

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/cleat-go/docker/streams"
)

// Content types of output. Engines below API 1.42, and podman, call both raw.
const (
	multiplexedType = "application/vnd.docker.multiplexed-stream"
	rawType         = "application/vnd.docker.raw-stream"
)

// ContainerLogsOptions choose which logs are sent, and how.
type ContainerLogsOptions struct {
	Stdout, Stderr bool      // neither means both
	Follow         bool      // go on until the container ends
	Since, Until   time.Time // zero is no bound
	Tail           int       // so many of the last lines; 0 is all, negative none
	Timestamps     bool      // fill in Line.Time
	Details        bool      // fill in Line.Details with the attributes of the log driver
}

// ContainerLogs returns what a container has written, once the engine has answered.
// Nil options are all of both streams until now. The caller reads it with Lines, Frames
// or Copy, which close it at their end, or closes it; the context ends it too. A log
// that is cut is errdefs.ErrTruncated, a missing container errdefs.ErrNotFound.
//
// To go on after a cut, ask anew with Since at the Time of the last line that was not
// Partial: what has just that time is sent again.
//
//docker:operation GET /containers/{id}/logs
func (c *Client) ContainerLogs(ctx context.Context, id string, opts *ContainerLogsOptions) (*streams.Output, error) {
	o, r := value(opts), newRequest("GET /containers/{id}/logs", id)
	r.setLogs(&o)
	return c.logs(ctx, r, o, func() (bool, error) { return c.containerTTY(ctx, id) })
}

// setLogs adds the parameters that all logs have.
func (r *request) setLogs(o *ContainerLogsOptions) {
	both := !o.Stdout && !o.Stderr
	r.set("stdout", o.Stdout || both)
	r.set("stderr", o.Stderr || both)
	r.set("follow", o.Follow)
	r.set("since", o.Since)
	r.set("until", o.Until)
	r.set("timestamps", o.Timestamps)
	r.set("details", o.Details)
	if o.Tail != 0 {
		r.set("tail", strconv.Itoa(max(o.Tail, 0)))
	}
}

// logs opens a feed of output. Where its headers do not say how it is sent, tty is asked.
func (c *Client) logs(ctx context.Context, r *request, o ContainerLogsOptions, tty func() (bool, error)) (*streams.Output, error) {
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	raw, err := c.isRaw(ctx, resp.Header, tty)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return streams.NewOutput(resp.Body, &streams.OutputOptions{
		TTY: raw, Timestamps: o.Timestamps, Details: o.Details,
	}), nil
}

// isRaw tells whether output is sent as a terminal's bytes, not in frames: by its
// content type from API 1.42 on, before that by what the container is. The bytes
// themselves cannot tell.
func (c *Client) isRaw(ctx context.Context, h http.Header, tty func() (bool, error)) (bool, error) {
	e, err := c.engine(ctx)
	if err != nil {
		return false, err
	}
	switch kind := h.Get("Content-Type"); {
	case kind == multiplexedType:
		return false, nil
	case kind == rawType && e.version >= 42:
		return true, nil
	default:
		return tty()
	}
}

func (c *Client) containerTTY(ctx context.Context, id string) (bool, error) {
	container, err := c.ContainerInspect(ctx, id, nil)
	if err != nil {
		return false, err
	}
	return container.Config.TTY, nil
}
