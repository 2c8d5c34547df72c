// Package errdefs names the kinds of error that the client reports.
//
// Two questions can be asked of any error of this module, each with [errors.Is].
// What did the engine say?
//
//	errors.Is(err, errdefs.ErrNotFound)
//
// And what became of the request?
//
//	errors.Is(err, errdefs.ErrNotSent)        // the engine saw nothing: safe to repeat
//	errors.Is(err, errdefs.ErrRefused)        // the engine answered, and said no
//	errors.Is(err, errdefs.ErrOutcomeUnknown) // sent, no answer: it may have happened
//	errors.Is(err, errdefs.ErrTruncated)      // the answer was cut
//	errors.Is(err, errdefs.ErrCancelled)      // the caller's context ended
//
// Each kind also carries the marker method by which the Is functions of
// containerd's and moby's errdefs packages know it, so IsNotFound there agrees.
package errdefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Kinds: what the engine said. One error has at most one of them.
var (
	// ErrInvalidArgument is status 400, and what this module refuses before it sends anything.
	ErrInvalidArgument error = invalidArgument{}
	// ErrUnauthenticated is status 401.
	ErrUnauthenticated error = unauthenticated{}
	// ErrPermissionDenied is status 403.
	ErrPermissionDenied error = permissionDenied{}
	// ErrNotFound is status 404.
	ErrNotFound error = notFound{}
	// ErrConflict is status 409.
	ErrConflict error = conflict{}
	// ErrNotModified is status 304 where it means a failure.
	ErrNotModified error = notModified{}
	// ErrTooManyRequests is status 429.
	ErrTooManyRequests error = tooManyRequests{}
	// ErrInternal is status 500 and every other 5xx without a kind of its own.
	ErrInternal error = internal{}
	// ErrNotImplemented is status 501, and a feature that is newer than the engine.
	// It is [errors.ErrUnsupported] too.
	ErrNotImplemented error = notImplemented{}
	// ErrUnavailable is status 503, and an engine that cannot be reached.
	ErrUnavailable error = unavailable{}
)

// Classes: what became of the request. One error has at most one of them, save that a
// request that was cancelled, or whose negotiation was refused, can also be known to be
// unsent.
var (
	// ErrNotSent means that no byte of the request reached the engine.
	ErrNotSent error = notSent{}
	// ErrRefused means that the engine, or a proxy before it, answered with an error.
	ErrRefused error = refused{}
	// ErrOutcomeUnknown means that the request was sent and no answer came.
	ErrOutcomeUnknown error = outcomeUnknown{}
	// ErrTruncated means that an answer or a stream was cut before its end.
	// It is [io.ErrUnexpectedEOF] too.
	ErrTruncated error = truncated{}
	// ErrCancelled means that the context ended. The error wraps the context's cause too.
	ErrCancelled error = cancelled{}
)

// FromStatus returns the kind of an HTTP status, or nil for a status that is no error.
func FromStatus(status int) error {
	switch status {
	case http.StatusNotModified:
		return ErrNotModified
	case http.StatusUnauthorized:
		return ErrUnauthenticated
	case http.StatusForbidden:
		return ErrPermissionDenied
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusTooManyRequests:
		return ErrTooManyRequests
	case http.StatusNotImplemented:
		return ErrNotImplemented
	case http.StatusServiceUnavailable:
		return ErrUnavailable
	}
	switch {
	case status < 400:
		return nil
	case status < 500:
		return ErrInvalidArgument
	default:
		return ErrInternal
	}
}

// Cancelled returns an error of class [ErrCancelled] with the chain of the context's end
// and of its cause. The context must have ended.
func Cancelled(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	if ctx.Err() == context.DeadlineExceeded {
		return &wrapped{class: late{}, err: err}
	}
	return &wrapped{class: ErrCancelled, err: err}
}

// Truncated gives err the class [ErrTruncated]. A bare [io.EOF] becomes [io.ErrUnexpectedEOF].
func Truncated(err error) error {
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, ErrTruncated) {
		return err
	}
	return &wrapped{class: ErrTruncated, err: err}
}

// wrapped adds a class to an error and leaves its text alone.
type wrapped struct {
	class error
	err   error
}

func (w *wrapped) Error() string   { return w.err.Error() }
func (w *wrapped) Unwrap() []error { return []error{w.class, w.err} }

type (
	invalidArgument  struct{}
	unauthenticated  struct{}
	permissionDenied struct{}
	notFound         struct{}
	conflict         struct{}
	notModified      struct{}
	tooManyRequests  struct{}
	internal         struct{}
	notImplemented   struct{}
	unavailable      struct{}
	notSent          struct{}
	refused          struct{}
	outcomeUnknown   struct{}
	truncated        struct{}
	cancelled        struct{}
	late             struct{}
)

func (invalidArgument) Error() string  { return "invalid argument" }
func (unauthenticated) Error() string  { return "unauthenticated" }
func (permissionDenied) Error() string { return "permission denied" }
func (notFound) Error() string         { return "not found" }
func (conflict) Error() string         { return "conflict" }
func (notModified) Error() string      { return "not modified" }
func (tooManyRequests) Error() string  { return "too many requests" }
func (internal) Error() string         { return "internal error" }
func (notImplemented) Error() string   { return "not implemented" }
func (unavailable) Error() string      { return "unavailable" }
func (notSent) Error() string          { return "not sent" }
func (refused) Error() string          { return "refused" }
func (outcomeUnknown) Error() string   { return "outcome unknown" }
func (truncated) Error() string        { return "truncated" }
func (cancelled) Error() string        { return "cancelled" }
func (late) Error() string             { return "cancelled" }

func (notImplemented) Is(target error) bool { return target == errors.ErrUnsupported }
func (truncated) Is(target error) bool      { return target == io.ErrUnexpectedEOF }

// late is ErrCancelled for a deadline, which containerd and moby count apart.
func (late) Is(target error) bool { return target == ErrCancelled }

// The marker methods of containerd's and moby's error packages.

func (invalidArgument) InvalidParameter()  {}
func (unauthenticated) Unauthorized()      {}
func (permissionDenied) Forbidden()        {}
func (notFound) NotFound()                 {}
func (conflict) Conflict()                 {}
func (notModified) NotModified()           {}
func (tooManyRequests) ResourceExhausted() {}
func (internal) System()                   {}
func (notImplemented) NotImplemented()     {}
func (unavailable) Unavailable()           {}
func (cancelled) Cancelled()               {}
func (truncated) DataLoss()                {}
func (outcomeUnknown) Unknown()            {}
