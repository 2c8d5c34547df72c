package enginetest

import (
	"errors"
	"fmt"
	"net/http"
)

// apiError is an answer that refuses: a status and the engine's words.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return e.message }

// errorf refuses with a status.
func errorf(status int, format string, args ...any) error {
	return &apiError{status, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return errorf(http.StatusNotFound, format, args...)
}

func conflict(format string, args ...any) error {
	return errorf(http.StatusConflict, format, args...)
}

func badRequest(format string, args ...any) error {
	return errorf(http.StatusBadRequest, format, args...)
}

// notImplemented is for what this package leaves out.
func notImplemented(format string, args ...any) error {
	return errorf(http.StatusNotImplemented, "enginetest: "+format, args...)
}

// errNotModified is the empty answer of a start or stop that has nothing to do.
var errNotModified = &apiError{status: http.StatusNotModified}

// statusOf is the status of an answer that err makes.
func statusOf(err error) int {
	var refused *apiError
	if errors.As(err, &refused) {
		return refused.status
	}
	return http.StatusInternalServerError
}
