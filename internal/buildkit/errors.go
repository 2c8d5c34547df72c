package buildkit

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/cleat-go/docker/errdefs"
)

// Error is what the engine said of a build or a call that failed.
type Error struct {
	Code    int       // of gRPC
	Message string    // in the engine's words
	Source  *Position // what it is about, where the engine said

	vertex string // digest of the step that failed, where the engine said
}

func (e *Error) Error() string { return e.Message }

// Is tells the kinds of errdefs by the code. All of them are errdefs.ErrRefused.
func (e *Error) Is(target error) bool {
	return target == errdefs.ErrRefused || target == e.kind()
}

func (e *Error) kind() error {
	switch e.Code {
	case codeInvalidArgument:
		return errdefs.ErrInvalidArgument
	case codeNotFound:
		return errdefs.ErrNotFound
	case codeAlreadyExists:
		return errdefs.ErrConflict
	case codePermissionDenied:
		return errdefs.ErrPermissionDenied
	case codeUnauthenticated:
		return errdefs.ErrUnauthenticated
	case codeUnimplemented:
		return errdefs.ErrNotImplemented
	case codeUnavailable:
		return errdefs.ErrUnavailable
	}
	return errdefs.ErrInternal
}

// StepError is the failure of a step.
type StepError struct {
	Vertex   string    // digest
	Step     string    // its name
	ExitCode int       // of its process; -1 where it did not come to one
	Log      []string  // the last lines of its output
	Source   *Position // where it stands, where the engine said; 20.10 does not
	Err      error     // an *Error
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }
func (e *StepError) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errdefs.ErrInvalidArgument)...)
}

var errUnsupported = errors.New("the engine's builder cannot do it")

func unsupported(format string, args ...any) error {
	return fmt.Errorf(format+": %w: %w", append(args, errUnsupported, errdefs.ErrNotImplemented)...)
}

// decodeDetails reads the status that the engine adds: what failed, and where it stands.
func (e *Error) decodeDetails(status []byte) {
	f := fields{rest: status}
	for f.next() {
		if f.number != 3 {
			continue
		}
		var kind string
		var value []byte
		d := fields{rest: f.data}
		for d.next() {
			switch d.number {
			case 1:
				kind = d.text()
			case 2:
				value = d.data
			}
		}
		e.decodeDetail(strings.TrimSuffix(path.Base(kind), "+json"), value)
	}
}

func (e *Error) decodeDetail(kind string, value []byte) {
	isJSON := len(value) > 0 && value[0] == '{'
	switch {
	case kind == "errdefs.Vertex" && isJSON:
		var v struct{ Digest string }
		json.Unmarshal(value, &v) //nolint:errcheck // then nothing is known
		e.vertex = v.Digest
	case kind == "errdefs.Vertex":
		e.vertex, _ = textField(value, 1)
	case kind == "errdefs.Source" && e.Source != nil:
		// the first is the innermost
	case kind == "errdefs.Source" && isJSON:
		e.Source = jsonPosition(value)
	case kind == "errdefs.Source":
		e.Source, _ = decodePosition(value)
	}
}

func jsonPosition(value []byte) *Position {
	var s struct {
		Info struct {
			Filename string
			Data     []byte
		}
		Ranges []struct{ Start, End struct{ Line int } }
	}
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	p := &Position{File: s.Info.Filename, Text: string(s.Info.Data)}
	for _, r := range s.Ranges {
		p.add(Range{r.Start.Line, r.End.Line})
	}
	return p
}

// exitCode reads the code of a process from the engine's words, which is the only place
// where it stands.
func exitCode(text string) int {
	const before = "exit code: "
	i := strings.LastIndex(text, before)
	if i < 0 {
		return -1
	}
	digits := text[i+len(before):]
	if end := strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' }); end >= 0 {
		digits = digits[:end]
	}
	code, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return code
}

const (
	maxTail      = 8 << 10 // bytes of a step's output that are kept for its error
	maxTailLines = 20
	maxSteps     = 4096
)

// history is what an error can need of what was told during the build.
type history struct {
	steps  map[string]*step
	failed []string // digests of the steps that have failed of themselves
}

type step struct {
	name  string
	error string
	tail  []byte
}

func (h *history) add(s *Status) {
	for _, v := range s.Vertices {
		if step := h.step(v.Digest); step != nil {
			step.name, step.error = v.Name, v.Error
			if !v.Completed.IsZero() && v.Error == "" {
				step.tail = nil
			}
		}
		if v.Error != "" && !strings.Contains(v.Error, "context canceled") && len(h.failed) < maxSteps {
			h.failed = append(h.failed, v.Digest)
		}
	}
	for _, l := range s.Logs {
		if step := h.step(l.Vertex); step != nil {
			step.tail = append(step.tail, l.Data...)
			if n := len(step.tail) - maxTail; n > 0 {
				step.tail = append(step.tail[:0], step.tail[n:]...)
			}
		}
	}
}

func (h *history) step(digest string) *step {
	s := h.steps[digest]
	if s == nil && len(h.steps) < maxSteps {
		if h.steps == nil {
			h.steps = make(map[string]*step)
		}
		s = new(step)
		h.steps[digest] = s
	}
	return s
}

// culprit is the step of which an error speaks, or else the last that has failed. Not
// every step that fails ends the build.
func (h *history) culprit(e *Error) (digest string) {
	if e.vertex != "" {
		return e.vertex
	}
	for _, digest = range h.failed {
		if s := h.steps[digest]; s != nil && s.error != "" && strings.Contains(e.Message, s.error) {
			break
		}
	}
	return digest
}

// explain makes an error of the engine one of a step, where it is one.
func (h *history) explain(e *Error) error {
	digest := h.culprit(e)
	s := h.steps[digest]
	if s == nil || s.name == "" {
		return e
	}
	return &StepError{
		Vertex: digest, Step: s.name, ExitCode: exitCode(e.Message),
		Log: lastLines(s.tail), Source: e.Source, Err: e,
	}
}

func lastLines(tail []byte) []string {
	text := strings.TrimRight(string(tail), "\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	if len(tail) == maxTail && len(lines) > 1 {
		lines = lines[1:] // the first is cut
	}
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return lines[max(0, len(lines)-maxTailLines):]
}
