package buildkit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cleat-go/docker/errdefs"
)

func randomID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// Solve runs a build to its end. Errors are those of Upgrade and Dial; *[StepError] when a
// step fails; *[Error] for what else the engine says; errors of the request's own sources,
// secrets, agents and outputs, which wrap theirs; errdefs.ErrTruncated when the connection
// is lost; errdefs.ErrCancelled, which stops the build on the engine too. Nothing of a
// build is left running when Solve returns.
func Solve(ctx context.Context, e Engine, r *Request) (*Response, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	files, err := openTrees(r)
	if err != nil {
		return nil, err
	}
	defer files.close()
	cache, err := openCaches(r)
	if err != nil {
		return nil, err
	}
	defer cache.close()
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c, err := connect(within, e)
	if err != nil {
		return nil, err
	}
	defer c.close()
	s := newSession(r, files, cache, func() { cancel(errSessionEnded) })
	defer s.close()
	if err := s.open(within, e, c); err != nil {
		return nil, err
	}
	b := &build{control: c, session: s, request: r, cache: cache, ref: randomID()}
	response, err := b.run(within)
	if err != nil {
		return nil, b.explain(ctx, within, err)
	}
	return response, cache.done(response)
}

// connect opens the connection on which the engine is called.
func connect(ctx context.Context, e Engine) (*control, error) {
	if e.Dial != nil {
		c, err := connectNative(ctx, e)
		if c != nil || e.Upgrade == nil || ctx.Err() != nil {
			return c, err
		}
	}
	conn, err := e.Upgrade(ctx, "/grpc", nil)
	if err != nil {
		return nil, err
	}
	return newControl(ctx, conn)
}

// connectNative finds out whether the engine understands HTTP/2 at once.
func connectNative(ctx context.Context, e Engine) (*control, error) {
	conn, err := e.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c, err := newControl(ctx, conn)
	if err != nil {
		return nil, err
	}
	if _, err = c.call(ctx, controlService+"ListWorkers", nil); err != nil && !isStatus(err) {
		c.close()
		return nil, err
	}
	c.native = true
	return c, nil
}

func isStatus(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}

// build is one build that is being run.
type build struct {
	control *control
	session *session
	request *Request
	cache   *caches
	ref     string
	told    atomic.Bool // that there is a build
	history history
}

// How long the engine may take to tell the rest of a build that has ended, and of one of
// which it has told nothing.
const (
	statusGrace = 3 * time.Second
	statusNone  = 500 * time.Millisecond
)

// run starts the build and listens to what happens in it.
func (b *build) run(ctx context.Context) (*Response, error) {
	solve, err := b.message(ctx)
	if err != nil {
		return nil, err
	}
	listening, stop := context.WithCancel(ctx)
	defer stop()
	var answer []byte
	var rest *time.Timer
	solved := make(chan struct{})
	go func() {
		defer close(solved)
		answer, err = b.control.call(ctx, controlService+"Solve", solve)
		rest = time.AfterFunc(b.grace(err), stop)
	}()
	b.listen(listening)
	<-solved
	rest.Stop()
	if err != nil {
		return nil, err
	}
	return decodeResponse(answer)
}

func (b *build) grace(err error) time.Duration {
	if err != nil && !b.told.Load() {
		return statusNone
	}
	return statusGrace
}

// listen hands on what happens until the build has ended. That something is not told
// fails no build.
func (b *build) listen(ctx context.Context) {
	_ = b.control.each(ctx, controlService+"Status", message(nil).text(1, b.ref), func(m []byte) error {
		b.told.Store(true)
		s, err := decodeStatus(m)
		if err != nil {
			return nil // what cannot be read need not end a build
		}
		b.history.add(s)
		if b.request.Status != nil {
			b.request.Status(s)
		}
		return nil
	})
}

// explain finds the cause of a build's failure.
func (b *build) explain(ctx, within context.Context, err error) error {
	if ctx.Err() != nil {
		return errdefs.Cancelled(ctx)
	}
	if cause := context.Cause(within); cause == errSessionEnded && !isStatus(err) {
		err = cause
	}
	said, _ := errors.AsType[*Error](err)
	if said != nil {
		err = b.history.explain(said)
	}
	if own := b.session.failure(); own != nil && (said == nil || strings.Contains(said.Message, beginning(own.Error()))) {
		return own
	}
	return err
}

// beginning is as much of a text as comes back from the engine for certain.
func beginning(text string) string { return text[:min(len(text), 200)] }

func decodeResponse(answer []byte) (*Response, error) {
	r := &Response{Attrs: make(map[string]string)}
	f := fields{rest: answer}
	for f.next() {
		if f.number == 1 {
			f.entry(r.Attrs)
		}
	}
	r.ImageID = r.Attrs["containerimage.digest"]
	if r.Attrs["containerimage.descriptor"] != "" {
		r.Digest = r.ImageID // the engine knows its images by their manifests
	}
	return r, f.err
}
