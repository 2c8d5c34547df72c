package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	containerd "github.com/containerd/errdefs"
	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/errdefs"
)

// questions are those of containerd's package, with the error of this module that answers them.
var questions = map[string]struct {
	ask    func(error) bool
	answer error // nil where nothing in this module is of the kind
}{
	"IsInvalidArgument":    {containerd.IsInvalidArgument, errdefs.ErrInvalidArgument},
	"IsUnauthorized":       {containerd.IsUnauthorized, errdefs.ErrUnauthenticated},
	"IsPermissionDenied":   {containerd.IsPermissionDenied, errdefs.ErrPermissionDenied},
	"IsNotFound":           {containerd.IsNotFound, errdefs.ErrNotFound},
	"IsConflict":           {containerd.IsConflict, errdefs.ErrConflict},
	"IsNotModified":        {containerd.IsNotModified, errdefs.ErrNotModified},
	"IsResourceExhausted":  {containerd.IsResourceExhausted, errdefs.ErrTooManyRequests},
	"IsInternal":           {containerd.IsInternal, errdefs.ErrInternal},
	"IsNotImplemented":     {containerd.IsNotImplemented, errdefs.ErrNotImplemented},
	"IsUnavailable":        {containerd.IsUnavailable, errdefs.ErrUnavailable},
	"IsUnknown":            {containerd.IsUnknown, errdefs.ErrOutcomeUnknown},
	"IsDataLoss":           {containerd.IsDataLoss, errdefs.ErrTruncated},
	"IsCanceled":           {containerd.IsCanceled, context.Canceled},
	"IsDeadlineExceeded":   {containerd.IsDeadlineExceeded, context.DeadlineExceeded},
	"IsAlreadyExists":      {containerd.IsAlreadyExists, nil},
	"IsFailedPrecondition": {containerd.IsFailedPrecondition, nil},
	"IsAborted":            {containerd.IsAborted, nil},
	"IsOutOfRange":         {containerd.IsOutOfRange, nil},
}

// agree checks that an error is of these kinds and of no other, by this module's package
// and by containerd's.
func agree(t *testing.T, err error, kinds ...error) {
	t.Helper()
	require.Error(t, err)
	for name, q := range questions {
		want := slices.Contains(kinds, q.answer)
		require.Equal(t, want, q.ask(err), "%s of %v", name, err)
		require.Equal(t, want, q.answer != nil && errors.Is(err, q.answer), "the error for %s in %v", name, err)
	}
}

// refusing is a client of an engine that does to a container what its name says: status404
// is answered with that status, cut with half a body, and gone not at all.
func refusing(t *testing.T) *docker.Client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(path.Dir(r.URL.Path))
		status, err := strconv.Atoi(strings.TrimPrefix(name, "status"))
		w.Header().Set("Api-Version", apiVersion)
		switch {
		case name == "gone":
			panic(http.ErrAbortHandler)
		case name == "cut":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"Id":`)
		case err == nil:
			w.WriteHeader(status)
			fmt.Fprint(w, `{"message":"no"}`)
		}
	}))
	t.Cleanup(server.Close)
	c, err := docker.New(docker.WithHost(server.URL))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestErrorsOfStatusAgree(t *testing.T) {
	c := refusing(t)
	for status, kind := range map[int]error{
		304: errdefs.ErrNotModified,
		400: errdefs.ErrInvalidArgument,
		401: errdefs.ErrUnauthenticated,
		403: errdefs.ErrPermissionDenied,
		404: errdefs.ErrNotFound,
		409: errdefs.ErrConflict,
		429: errdefs.ErrTooManyRequests,
		500: errdefs.ErrInternal,
		501: errdefs.ErrNotImplemented,
		502: errdefs.ErrInternal,
		503: errdefs.ErrUnavailable,
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			_, err := c.ContainerInspect(t.Context(), fmt.Sprint("status", status), nil)
			var e *docker.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, status, e.Status)
			agree(t, err, kind)
		})
	}
}

func TestErrorsWithoutAnswerAgree(t *testing.T) {
	c := refusing(t)
	t.Run("invalid", func(t *testing.T) {
		_, err := c.ContainerInspect(t.Context(), "", nil)
		agree(t, err, errdefs.ErrInvalidArgument)
	})
	t.Run("no engine", func(t *testing.T) {
		nobody, err := docker.New(docker.WithHost("unix://" + filepath.Join(t.TempDir(), "s")))
		require.NoError(t, err)
		_, err = nobody.ContainerInspect(t.Context(), "web", nil)
		agree(t, err, errdefs.ErrUnavailable)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.ContainerInspect(ctx, "web", nil)
		agree(t, err, context.Canceled)
		require.ErrorIs(t, err, errdefs.ErrCancelled)
	})
	t.Run("late", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		_, err := c.ContainerInspect(ctx, "web", nil)
		agree(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errdefs.ErrCancelled)
	})
	t.Run("gone", func(t *testing.T) {
		_, err := c.ContainerInspect(t.Context(), "gone", nil)
		agree(t, err, errdefs.ErrOutcomeUnknown)
	})
	t.Run("cut", func(t *testing.T) {
		_, err := c.ContainerInspect(t.Context(), "cut", nil)
		agree(t, err, errdefs.ErrTruncated)
	})
	t.Run("too new", func(t *testing.T) {
		old, err := docker.New(docker.WithHost(c.Host()), docker.WithAPIVersion("1.40"))
		require.NoError(t, err)
		_, err = old.ContainerCreate(t.Context(), "web", &docker.ContainerCreateOptions{Platform: "linux/arm64"})
		agree(t, err, errdefs.ErrNotImplemented)
	})
}
