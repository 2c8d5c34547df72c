package docker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/cleat-go/docker/errdefs"
)

// WaitCondition is what a wait waits for.
type WaitCondition string

// Conditions of a wait.
const (
	WaitNotRunning WaitCondition = "not-running" // that it does not run, at once where it never did
	WaitNextExit   WaitCondition = "next-exit"   // the end of the run that is or comes next
	WaitRemoved    WaitCondition = "removed"     // that it is gone
)

// ContainerWaitOptions choose what is waited for.
type ContainerWaitOptions struct {
	Condition WaitCondition // empty is WaitNotRunning
}

// ContainerWait registers a wait with the engine and returns as soon as it is
// registered: a container that is started afterwards cannot end unseen. Nil options
// wait until it does not run. The caller calls [ContainerExit.Code] or
// [ContainerExit.Close], or ends the context. A missing container is errdefs.ErrNotFound.
//
//docker:operation POST /containers/{id}/wait
func (c *Client) ContainerWait(ctx context.Context, id string, opts *ContainerWaitOptions) (*ContainerExit, error) {
	r := newRequest("POST /containers/{id}/wait", id)
	r.set("condition", string(value(opts).Condition))
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	e := &ContainerExit{}
	e.code = sync.OnceValues(func() (int, error) { return c.exitCode(r, resp) })
	e.body = resp.Body
	return e, nil
}

// ContainerExit is a wait that the engine knows of.
type ContainerExit struct {
	body io.Closer
	code func() (int, error)
}

// Code waits for the exit and returns its code. An exit whose code did not come is an
// error, never 0: of the context; of class errdefs.ErrTruncated where the engine went
// away; or with the engine's words where it could not wait. Later calls return the same.
func (e *ContainerExit) Code() (int, error) { return e.code() }

// Close gives the wait up. It may be called at any time and more than once.
func (e *ContainerExit) Close() error {
	if e == nil {
		return nil
	}
	return e.body.Close()
}

func (c *Client) exitCode(r *request, resp *http.Response) (int, error) {
	var answer struct {
		StatusCode *int64
		Error      *struct{ Message string }
	}
	if err := c.decode(resp, &answer); err != nil {
		return -1, r.broken(err)
	}
	if answer.Error != nil && answer.Error.Message != "" {
		return -1, &Error{
			Method: r.method, Path: r.path, Status: resp.StatusCode,
			Message: bounded(answer.Error.Message), class: errdefs.ErrRefused,
		}
	}
	if answer.StatusCode == nil {
		return -1, r.broken(errors.New("the engine's answer to the wait has no exit code"))
	}
	return int(*answer.StatusCode), nil
}
