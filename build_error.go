package docker

import (
	"strconv"
	"strings"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// BuildError is the failure of one step of a build. It is found in the error of
// [Client.ImageBuild] with [errors.As].
type BuildError struct {
	Step     string                 // as the builder names it: "RUN make"
	Number   int                    // of the step, from 1; 0 where the builder did not tell
	Total    int                    // of steps; 0 where the builder did not tell
	ExitCode int                    // of the process that failed; -1 where there was none, or it is not known
	Log      []string               // the last lines of the step's output, at most 20
	Source   *streams.BuildPosition // of the step in the Dockerfile; nil where it is not known
	Err      error                  // in the builder's words
}

// Error returns the builder's words, after the position in the Dockerfile.
func (e *BuildError) Error() string {
	text := e.Err.Error()
	if e.Source != nil {
		text = e.Source.String() + ": " + text
	}
	return text
}

// Unwrap returns Err.
func (e *BuildError) Unwrap() error { return e.Err }

// stepFailed puts a failed step into the error of its call. Where a process failed, words
// of its command say nothing of the kind of the error.
func stepFailed(e *Error, step *BuildError) *Error {
	e.Err, e.class = step, errdefs.ErrRefused
	if step.ExitCode > 0 {
		e.kind = nil
	}
	if step.Source != nil {
		e.Message = bounded(step.Error())
	}
	return e
}

// exitCodeOfStep is the code in the message of a failed step, or -1.
func exitCodeOfStep(failure *streams.EngineError) int {
	if failure.Code > 0 && failure.Code < 400 {
		return failure.Code
	}
	for _, words := range []string{"returned a non-zero code: ", "exit status ", "exit code: "} {
		if i := strings.LastIndex(failure.Message, words); i >= 0 {
			digits := strings.TrimSpace(failure.Message[i+len(words):])
			if code, err := strconv.Atoi(digits); err == nil && code > 0 {
				return code
			}
		}
	}
	return -1
}
