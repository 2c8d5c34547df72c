package streams

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	maxSteps     = 1024
	maxCounters  = 64 // of a step
	logWindow    = 6  // lines of a running step on a terminal
	maxLogTail   = 20 // lines of a failed step
	tickInterval = 200 * time.Millisecond
)

// A buildView is what a display knows of a build.
type buildView struct {
	steps []*stepView
	index map[string]*stepView
	begun time.Time
	shown *stepView // that the last line was about
	said  map[string]bool
}

// A stepView is what is shown of a step.
type stepView struct {
	BuildStep
	number   int
	name     string // fit for a terminal
	counters []BuildCounter
	tail     []string // the last lines of output, with their times
	ended    bool     // its end was told
}

func newBuildView() *buildView {
	return &buildView{index: make(map[string]*stepView), begun: time.Now(), said: make(map[string]bool)}
}

// step returns the view of a step, nil if there are too many.
func (v *buildView) step(id string) *stepView {
	s := v.index[id]
	if s == nil && len(v.steps) < maxSteps {
		s = &stepView{BuildStep: BuildStep{ID: id}, number: len(v.steps) + 1, name: clean(id)}
		v.index[id] = s
		v.steps = append(v.steps, s)
	}
	return s
}

// update takes what has happened, and tells it line by line: of the steps that were there
// before, then of the new ones, and of each its end last.
func (v *buildView) update(b *Build, tell func(string)) {
	before := len(v.steps)
	old := func(id string) bool { return v.index[id] != nil && v.index[id].number <= before }
	v.outputs(b, old, tell)
	written := b.written()
	for i := range b.Steps {
		v.change(&b.Steps[i], tell)
		if id := b.Steps[i].ID; old(id) || !written[id] {
			v.end(id, tell)
		}
	}
	v.outputs(b, func(id string) bool { return !old(id) }, tell)
	for i := range b.Steps {
		v.end(b.Steps[i].ID, tell)
	}
	for i := range b.Warnings {
		v.warn(&b.Warnings[i], tell)
	}
}

// written has the IDs of the steps that have counters or output.
func (b *Build) written() map[string]bool {
	ids := make(map[string]bool)
	for i := range b.Counters {
		ids[b.Counters[i].Step] = true
	}
	for i := range b.Logs {
		ids[b.Logs[i].Step] = true
	}
	return ids
}

// outputs takes the counters and the output of some steps.
func (v *buildView) outputs(b *Build, of func(id string) bool, tell func(string)) {
	for i := range b.Counters {
		if of(b.Counters[i].Step) {
			v.count(&b.Counters[i], tell)
		}
	}
	for i := range b.Logs {
		if of(b.Logs[i].Step) {
			v.log(&b.Logs[i], tell)
		}
	}
}

// warn tells of a warning, once.
func (v *buildView) warn(w *BuildWarning, tell func(string)) {
	text := "WARNING: " + clean(w.String())
	if v.said[text] || len(v.said) == maxSteps {
		return
	}
	v.said[text] = true
	v.shown = nil
	tell(text)
}

// change takes the new state of a step. One that has not started is not shown.
func (v *buildView) change(state *BuildStep, tell func(string)) {
	if state.Started.IsZero() && !state.Cached && v.index[state.ID] == nil {
		return
	}
	s := v.step(state.ID)
	if s == nil {
		return
	}
	first := s.Name == ""
	s.BuildStep, s.name = *state, clean(state.Name)
	if s.Completed.IsZero() || s.Completed.Before(s.Started) {
		s.ended = false
	}
	if first {
		v.turn(s, tell)
	}
}

// turn says which step the next lines are about.
func (v *buildView) turn(s *stepView, tell func(string)) {
	if v.shown == s {
		return
	}
	if v.shown != nil {
		tell("")
	}
	v.shown = s
	tell(s.prefix() + s.name)
}

func (s *stepView) prefix() string { return "#" + strconv.Itoa(s.number) + " " }

func (v *buildView) count(c *BuildCounter, tell func(string)) {
	s := v.step(c.Step)
	if s == nil {
		return
	}
	known := s.counter(c)
	if known && c.Done {
		v.turn(s, tell)
		tell(s.prefix() + counterText(c) + " done")
	}
}

// counter keeps the state of a counter and tells whether it has changed.
func (s *stepView) counter(c *BuildCounter) bool {
	for i := range s.counters {
		if old := &s.counters[i]; old.ID == c.ID {
			changed := *old != *c
			*old = *c
			return changed
		}
	}
	if len(s.counters) == maxCounters {
		return false
	}
	s.counters = append(s.counters, *c)
	return true
}

func counterText(c *BuildCounter) string {
	text := clean(c.Name)
	if text == "" {
		text = clean(c.ID)
	}
	switch {
	case c.Total > 0:
		text += " " + byteSize(c.Current) + " / " + byteSize(c.Total)
	case c.Current > 0:
		text += " " + byteSize(c.Current)
	}
	return text
}

func (v *buildView) log(l *BuildLog, tell func(string)) {
	s := v.step(l.Step)
	if s == nil {
		return
	}
	text := cleanOutput(l.Text)
	if at := l.Time.Sub(s.Started); !s.Started.IsZero() && at >= 0 && !l.Time.IsZero() {
		text = fmt.Sprintf("%.3f %s", at.Seconds(), text)
	}
	if s.tail = append(s.tail, text); len(s.tail) > maxLogTail {
		s.tail = append(s.tail[:0], s.tail[1:]...)
	}
	v.turn(s, tell)
	tell(s.prefix() + text)
}

// cleanOutput keeps what a carriage return leaves to be seen.
func cleanOutput(text string) string {
	text = strings.TrimRight(text, "\r")
	return clean(text[strings.LastIndexByte(text, '\r')+1:])
}

// end tells that a step has ended, once.
func (v *buildView) end(id string, tell func(string)) {
	s := v.index[id]
	if s == nil || s.ended || s.running() {
		return
	}
	s.ended = true
	v.turn(s, tell)
	switch {
	case s.Error != "":
		tell(s.prefix() + "ERROR: " + clean(s.Error))
	case s.Cached:
		tell(s.prefix() + "CACHED")
	default:
		tell(fmt.Sprintf("%sDONE %.1fs", s.prefix(), s.Took().Seconds()))
	}
}

func (s *stepView) running() bool {
	return !s.Cached && s.Error == "" && (s.Completed.IsZero() || s.Completed.Before(s.Started))
}

// failure returns the output of the steps that have failed.
func (v *buildView) failure() []string {
	var lines []string
	for _, s := range v.steps {
		if s.Error == "" || len(s.tail) == 0 {
			continue
		}
		lines = append(lines, "------", " > "+s.name+":")
		lines = append(lines, s.tail...)
	}
	if lines != nil {
		lines = append(lines, "------")
	}
	return lines
}

// rows returns what a terminal shows, the last rows if they are too many.
func (v *buildView) rows(limit int, ended bool) []func(width int) string {
	rows := []func(int) string{v.head(ended)}
	for _, s := range v.steps {
		rows = append(rows, s.row)
		if !s.running() || ended {
			continue
		}
		for i := range s.counters {
			if c := &s.counters[i]; !c.Done {
				rows = append(rows, func(width int) string { return fit(" => => "+counterText(c), width) })
			}
		}
		for _, line := range s.tail[max(0, len(s.tail)-logWindow):] {
			rows = append(rows, func(width int) string { return fit(" => => # "+line, width) })
		}
	}
	if excess := len(rows) - limit; excess > 0 && !ended {
		rows = append(rows[:1], rows[min(1+excess, len(rows)):]...)
	}
	return rows
}

func (v *buildView) head(ended bool) func(int) string {
	done, word := 0, ""
	for _, s := range v.steps {
		if !s.running() {
			done++
		}
	}
	if ended {
		word = " ended"
	}
	text := fmt.Sprintf("[+] Building %.1fs (%d/%d)%s", time.Since(v.begun).Seconds(), done, len(v.steps), word)
	return func(width int) string { return fit(text, width) }
}

// row returns the name of a step with, at the right, how long it has run.
func (s *stepView) row(width int) string {
	took := s.Took()
	if s.running() && !s.Started.IsZero() {
		took = max(time.Since(s.Started), 0)
	}
	text, end := " => ", fmt.Sprintf(" %.1fs", took.Seconds())
	switch {
	case s.Error != "":
		text += "ERROR "
	case s.Cached:
		text += "CACHED "
	}
	text += s.name
	room := width - columns(end)
	if room < 10 {
		return fit(text, width)
	}
	text = fit(text, room)
	return text + strings.Repeat(" ", room-columns(text)) + end
}
