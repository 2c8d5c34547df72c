package docker

import (
	"context"
	"net/http"
	"slices"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// job sends r and follows the messages of its answer to their end: each goes to
// progress, where there is one, and to see, where the call wants something of them. An
// error inside the stream is the job's error. closing tells of the message that ends
// such a job; it is owed where the body's own end cannot show that it is whole.
func (c *Client) job(ctx context.Context, r *request, progress streams.Progress, see func(streams.Message), closing func(streams.Message) bool) error {
	defer jobEnded(progress)
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return err
	}
	for {
		err = r.follow(resp, progress, see, closing)
		if !r.renewed(ctx, err) {
			return err
		}
		if resp, err = c.exchange(ctx, r); err != nil {
			return err
		}
	}
}

// jobEnded tells that a job has ended, also one that never began.
func jobEnded(progress streams.Progress) {
	if progress != nil {
		progress(streams.Message{Done: true})
	}
}

// follow reads the messages of a job to their end.
func (r *request) follow(resp *http.Response, progress streams.Progress, see func(streams.Message), closing func(streams.Message) bool) error {
	defer resp.Body.Close()
	whole := delimited(resp)
	for m, err := range streams.Messages(resp.Body) {
		if err != nil {
			return r.broken(err)
		}
		whole = whole || closing(m)
		if see != nil {
			see(m)
		}
		if progress != nil {
			progress(m)
		}
	}
	if !whole {
		return r.broken(errdefs.Truncated(nil))
	}
	return nil
}

// delimited tells whether the end of a body shows that it is whole: by its length or
// its chunks, not by the end of the connection.
func delimited(resp *http.Response) bool {
	return resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked")
}
