package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

const (
	maxErrorBody    = 64 << 10 // of a refusal, how much is read
	maxErrorMessage = 4 << 10  // and how many characters are kept
	refusalTimeout  = 2 * time.Second
)

// Error is the error of a call to the engine. The kinds and classes of package
// errdefs are found in it by [errors.Is], and so is the cause: the dial's error,
// the context's cause, or a [streams.EngineError].
//
// It holds neither the query nor any header or body that was sent, since those
// may carry secrets.
type Error struct {
	Method  string // of the request
	Path    string // of the request, without the version's prefix and the query
	Status  int    // of the answer, or 0 where none came
	Message string // the engine's own words, at most 4096 characters; empty where it said nothing
	Err     error  // the cause where no answer came, its body failed, or the engine could say none; else nil

	kind, class error
}

// Error returns the call, the engine's words or the cause, and the status.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "docker: %s %s: ", e.Method, e.Path)
	switch {
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	default:
		b.WriteString(http.StatusText(e.Status))
	}
	if e.Status >= 300 {
		b.WriteString(" (status " + strconv.Itoa(e.Status) + ")")
	}
	return b.String()
}

// Unwrap returns the kind, the class and the cause.
func (e *Error) Unwrap() []error {
	chain := make([]error, 0, 3)
	for _, err := range []error{e.kind, e.class, e.Err} {
		if err != nil {
			chain = append(chain, err)
		}
	}
	return chain
}

// invalid is the error of a request that is refused before it is sent. It is not inlined
// into its many callers, for the size of programs.
//
//go:noinline
func invalid(format string, args ...any) error {
	return &inputError{kind: errdefs.ErrInvalidArgument, text: fmt.Sprintf(format, args...)}
}

// unsupported is the error of a request that the engine in use would not understand.
func unsupported(format string, args ...any) error {
	return &inputError{kind: errdefs.ErrNotImplemented, text: fmt.Sprintf(format, args...)}
}

type inputError struct {
	kind error
	text string
}

func (e *inputError) Error() string   { return e.text }
func (e *inputError) Unwrap() []error { return []error{e.kind, errdefs.ErrNotSent} }

// failed makes the error of a request that got no answer.
func (r *request) failed(ctx context.Context, err error) error {
	e := &Error{Method: r.method, Path: r.path, Err: err}
	_, refused := errors.AsType[*inputError](err)
	_, undialed := errors.AsType[*dialError](err)
	switch {
	case refused:
		return e
	case undialed:
		e.kind, e.class = errdefs.ErrUnavailable, errdefs.ErrNotSent
	default:
		e.class = errdefs.ErrOutcomeUnknown
	}
	switch cause := context.Cause(ctx); {
	case cause == errResponseTimeout:
		e.Err = cause
	case cause != nil && !errors.Is(err, errdefs.ErrCancelled):
		e.Err = errdefs.Cancelled(ctx)
		if e.class == errdefs.ErrOutcomeUnknown {
			e.class = nil
		}
	}
	return e
}

// broken makes the error of an answer whose body failed. Errors of the context and of
// a cut body have their class already.
func (r *request) broken(err error) error {
	if err == nil {
		return nil
	}
	if _, already := errors.AsType[*Error](err); already {
		return err
	}
	e := &Error{Method: r.method, Path: r.path, Status: http.StatusOK, Err: err}
	if engine, ok := errors.AsType[*streams.EngineError](err); ok {
		e.Message, e.class = engine.Message, errdefs.ErrRefused
		e.kind = streamKind(engine.Message)
	}
	return e
}

// streamKind is the kind of an error that an engine reports inside a stream, where
// it has no status to give: a daemon decides it from the same words.
func streamKind(message string) error {
	m := strings.ToLower(message)
	for _, k := range []struct {
		words string
		kind  error
	}{
		{"unauthorized", errdefs.ErrUnauthenticated},
		{"authentication required", errdefs.ErrUnauthenticated},
		{"no basic auth credentials", errdefs.ErrUnauthenticated},
		{"denied", errdefs.ErrPermissionDenied},
		{"not found", errdefs.ErrNotFound},
		{"manifest unknown", errdefs.ErrNotFound},
		{"no such image", errdefs.ErrNotFound},
		{"does not exist locally", errdefs.ErrNotFound},
	} {
		if strings.Contains(m, k.words) {
			return k.kind
		}
	}
	return nil
}

// refusal makes the error of an answer with an error's status and closes its body, which
// a peer may hold open.
func (r *request) refusal(resp *http.Response) error {
	defer resp.Body.Close()
	late := time.AfterFunc(refusalTimeout, func() { resp.Body.Close() })
	e := &Error{Method: r.method, Path: r.path, Status: resp.StatusCode, class: errdefs.ErrRefused}
	e.kind = errdefs.FromStatus(resp.StatusCode)
	var text bytes.Buffer
	if _, err := text.ReadFrom(io.LimitReader(resp.Body, maxErrorBody)); late.Stop() && text.Len() == 0 {
		e.Err = err
	}
	e.Message = refusalMessage(text.Bytes())
	if kind := streamKind(e.Message); r.registry && e.kind == errdefs.ErrInternal && kind != nil {
		e.kind = kind // a registry's, which engines do not give a status of its own
	}
	if to := resp.Header.Get("Location"); e.Message == "" && to != "" && resp.StatusCode/100 == 3 {
		e.Message = "redirected, which is not followed: not a Docker Engine?"
	}
	return e
}

// refusalMessage finds the words in an error's body: {"message"} of an engine,
// {"cause","message","response"} of podman, or whatever a proxy wrote.
func refusalMessage(body []byte) string {
	var answer struct {
		Message string `json:"message"`
		Cause   string `json:"cause"`
		Error   any    `json:"error"`
	}
	body = bytes.TrimSpace(body)
	if json.Unmarshal(body, &answer) == nil {
		if answer.Message != "" {
			return bounded(answer.Message)
		}
		if text, ok := answer.Error.(string); ok && text != "" {
			return bounded(text)
		}
		if answer.Cause != "" {
			return bounded(answer.Cause)
		}
	}
	return bounded(strings.Join(strings.Fields(string(body)), " "))
}

func bounded(text string) string {
	valid := []rune(strings.TrimSpace(text))
	if len(valid) > maxErrorMessage {
		valid = append(valid[:maxErrorMessage], '…')
	}
	return string(valid)
}
