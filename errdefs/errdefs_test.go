package errdefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFromStatus(t *testing.T) {
	for status, want := range map[int]error{
		200: nil, 204: nil, 301: nil, 304: ErrNotModified, 400: ErrInvalidArgument, 401: ErrUnauthenticated,
		403: ErrPermissionDenied, 404: ErrNotFound, 405: ErrInvalidArgument, 409: ErrConflict, 429: ErrTooManyRequests,
		500: ErrInternal, 501: ErrNotImplemented, 502: ErrInternal, 503: ErrUnavailable, 504: ErrInternal,
	} {
		require.Equal(t, want, FromStatus(status), status)
	}
}

func TestKindsAreStandardErrorsToo(t *testing.T) {
	require.ErrorIs(t, fmt.Errorf("x: %w", ErrNotImplemented), errors.ErrUnsupported)
	require.ErrorIs(t, fmt.Errorf("x: %w", ErrTruncated), io.ErrUnexpectedEOF)
	require.NotErrorIs(t, ErrNotFound, ErrConflict)
}

func TestCancelledHasTheCause(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	err := Cancelled(ctx)
	require.EqualError(t, err, "context canceled: enough")
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, ErrCancelled)
}

func TestTruncatedKeepsItsCause(t *testing.T) {
	for _, err := range []error{nil, io.EOF, io.ErrUnexpectedEOF} {
		require.ErrorIs(t, Truncated(err), ErrTruncated)
		require.ErrorIs(t, Truncated(err), io.ErrUnexpectedEOF)
		require.NotErrorIs(t, Truncated(err), io.EOF)
	}
	cause := errors.New("reset")
	once := Truncated(cause)
	require.ErrorIs(t, once, cause)
	require.Equal(t, once, Truncated(once))
}

// containerd's and moby's packages know a kind by its method, through any wrapping.
func TestMarkerMethods(t *testing.T) {
	for kind, has := range map[error]func(error) bool{
		ErrInvalidArgument:  marked[interface{ InvalidParameter() }],
		ErrUnauthenticated:  marked[interface{ Unauthorized() }],
		ErrPermissionDenied: marked[interface{ Forbidden() }],
		ErrNotFound:         marked[interface{ NotFound() }],
		ErrConflict:         marked[interface{ Conflict() }],
		ErrNotModified:      marked[interface{ NotModified() }],
		ErrInternal:         marked[interface{ System() }],
		ErrNotImplemented:   marked[interface{ NotImplemented() }],
		ErrUnavailable:      marked[interface{ Unavailable() }],
		ErrCancelled:        marked[interface{ Cancelled() }],
		ErrTruncated:        marked[interface{ DataLoss() }],
	} {
		require.True(t, has(fmt.Errorf("x: %w", kind)), kind)
		require.False(t, has(errors.New("x")), kind)
	}
}

func marked[T any](err error) bool {
	var marker T
	return errors.As(err, &marker)
}
