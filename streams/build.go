package streams

import (
	"fmt"
	"strings"
	"time"
)

// A Build is what has happened in a build since its last message.
type Build struct {
	Steps    []BuildStep
	Counters []BuildCounter
	Logs     []BuildLog
	Warnings []BuildWarning
}

// A BuildStep is the state of a step. It is told of each time that it changes.
type BuildStep struct {
	ID        string   // stays the same
	Name      string   // "[2/5] RUN make"; "[internal] …" is what the builder does of itself
	Inputs    []string // IDs of the steps that it needs; not from the classic builder
	Group     string   // of steps that belong together, or empty
	Started   time.Time
	Completed time.Time // zero while it runs; a step may start more than once
	Cached    bool      // there was nothing to do
	Error     string    // why it failed, or empty
}

// Internal reports whether the step is none of the Dockerfile's.
func (s *BuildStep) Internal() bool { return strings.HasPrefix(s.Name, "[internal]") }

// Took returns how long the step ran, 0 if it has not ended.
func (s *BuildStep) Took() time.Duration {
	if s.Started.IsZero() || s.Completed.Before(s.Started) {
		return 0
	}
	return s.Completed.Sub(s.Started)
}

// A BuildCounter is how far a part of a step has come: the transfer of the context, the
// download or the extraction of a layer.
type BuildCounter struct {
	Step    string // its ID
	ID      string // unique in its step
	Name    string
	Current int64 // bytes
	Total   int64 // 0 if it is not known
	Done    bool
}

// A BuildLog is one line of a step's output.
type BuildLog struct {
	Step   string // its ID
	Stream Stream // Stdout or Stderr
	Time   time.Time
	Text   string // without the line's end; a long line comes in pieces
}

// A BuildWarning is what the builder found amiss.
type BuildWarning struct {
	Step   string // its ID, or empty
	Text   string
	Detail []string
	URL    string         // where there is more about it, or empty
	Source *BuildPosition // nil if it is not known
}

// String returns the text with its position.
func (w BuildWarning) String() string {
	if w.Source == nil {
		return w.Text
	}
	return fmt.Sprintf("%s (%s)", w.Text, w.Source)
}

// A BuildPosition is a part of a Dockerfile.
type BuildPosition struct {
	File        string
	First, Last int    // lines, from 1
	Text        string // of these lines, where the builder has told it
}

// String returns the file with the first line.
func (p *BuildPosition) String() string { return fmt.Sprintf("%s:%d", p.File, p.First) }
