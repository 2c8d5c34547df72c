package streams

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/moby/term"
)

const (
	redrawInterval = 50 * time.Millisecond
	maxPending     = 64 << 10 // bytes of lines that wait for a redraw
	maxRows        = 1024
)

// Display returns a [Progress] that shows a job to a human. If w is a terminal, every layer has
// a line with a bar that is redrawn in place, at most 20 times a second and within the width
// of the terminal, and every step of a build one with its time, below which the last lines of
// its output are; otherwise each change of status, and each line of output, is a line of its
// own, as for [DisplayPlain]. Control characters in what the engine sends are dropped. Errors
// of w are ignored.
//
// A terminal is also written to for up to 50 ms after a call, during a build all the time, until
// the call with Done, after which the display is ready for another job.
func Display(w io.Writer) Progress {
	d := &display{w: w}
	if fd, ok := term.GetFdInfo(w); ok && os.Getenv("TERM") != "dumb" {
		if runtime.GOOS == "windows" {
			term.StdStreams() // makes the console understand escape sequences
		}
		d.size = func() (width, height int) { return terminalSize(fd) }
	}
	return d.message
}

// DisplayPlain returns a [Progress] like that of [Display] that writes line after line, to
// a terminal too.
func DisplayPlain(w io.Writer) Progress { return (&display{w: w}).message }

// DisplayQuiet returns a [Progress] that shows nothing of a job but, at its end, the last
// output of the steps of a build that have failed.
func DisplayQuiet(w io.Writer) Progress { return (&display{w: w, quiet: true}).message }

// terminalSize returns the columns and lines of a terminal, 80 by 24 if they are not known.
func terminalSize(fd uintptr) (width, height int) {
	size, err := term.GetWinsize(fd)
	if err != nil || size.Width == 0 || size.Height == 0 {
		return 80, 24
	}
	return int(size.Width), int(size.Height)
}

// A display shows one job: above, the lines that stay; below, the rows that are redrawn.
type display struct {
	w    io.Writer
	size func() (width, height int) // nil if w is no terminal

	quiet bool
	build *buildView // nil if there is no build

	mu      sync.Mutex
	lines   []byte // whole lines to be written
	partial []byte // the line that a Stream has begun
	rows    []row
	index   map[string]int
	drawn   int // rows on the screen
	last    time.Time
	timer   *time.Timer // nil if no redraw is due
	ticking bool        // the redraw is due because time goes by
}

// A row shows one layer.
type row struct {
	Message
	text string // ID and status, fit for a terminal
}

func (d *display) message(m Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case m.Done:
		d.finish()
		return
	case m.Build != nil:
		d.addBuild(m.Build)
	case d.quiet:
		return
	case m.Stream != "":
		d.addStream(m.Stream)
	case m.ID != "":
		d.setRow(m)
	case m.Status != "":
		d.addLine(clean(m.Status))
	default:
		return
	}
	d.schedule()
}

func (d *display) addLine(text string) {
	d.lines = append(append(d.lines, text...), '\n')
}

// addBuild takes what has happened in a build.
func (d *display) addBuild(b *Build) {
	if d.build == nil {
		d.build = newBuildView()
	}
	tell := d.addLine
	if d.quiet || d.size != nil {
		tell = func(string) {}
	}
	d.build.update(b, tell)
}

// addStream takes output that is cut anywhere. A carriage return ends a line too.
func (d *display) addStream(text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for {
		i := strings.IndexAny(text, "\r\n")
		if i < 0 {
			break
		}
		d.partial = append(d.partial, text[:i]...)
		d.endPartial()
		text = text[i+1:]
	}
	if d.partial = append(d.partial, text...); len(d.partial) > maxPending {
		d.endPartial()
	}
}

func (d *display) endPartial() {
	d.addLine(clean(string(d.partial)))
	d.partial = d.partial[:0]
}

// setRow takes the new state of a layer.
func (d *display) setRow(m Message) {
	i, ok := d.index[m.ID]
	if !ok {
		if len(d.rows) == maxRows {
			return
		}
		if d.index == nil {
			d.index = make(map[string]int)
		}
		i = len(d.rows)
		d.index[m.ID] = i
		d.rows = append(d.rows, row{})
	}
	r := &d.rows[i]
	if m.Status == "" {
		m.Status = r.Status
	}
	if !ok || m.Status != r.Status {
		r.text = clean(m.ID) + ": " + clean(m.Status)
		if d.size == nil {
			d.addLine(r.text)
		}
	}
	r.Message = m
}

// schedule draws now, or has it done when the time has come.
func (d *display) schedule() {
	wait := redrawInterval - time.Since(d.last)
	switch {
	case d.size == nil:
		d.flush()
	case wait <= 0 || len(d.lines) > maxPending:
		d.draw(false)
	case d.timer == nil || d.ticking:
		d.setTimer(wait)
	}
}

func (d *display) setTimer(wait time.Duration) {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer, d.ticking = time.AfterFunc(wait, d.drawLate), wait > redrawInterval
}

func (d *display) drawLate() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.draw(false)
	}
}

// finish shows the last state and leaves it on the screen.
func (d *display) finish() {
	if len(d.partial) > 0 {
		d.endPartial()
	}
	if d.size != nil {
		d.draw(true)
	}
	if d.build != nil {
		for _, line := range d.build.failure() {
			d.addLine(line)
		}
	}
	d.flush()
	d.rows, d.index, d.drawn, d.build = nil, nil, 0, nil
}

func (d *display) flush() {
	if len(d.lines) > 0 {
		_, _ = d.w.Write(d.lines)
		d.lines = d.lines[:0]
	}
}

// draw replaces what is on the screen in one write: all rows, or as many as it has place for.
func (d *display) draw(all bool) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	width, height := d.size()
	var b []byte
	if d.drawn > 0 {
		b = fmt.Appendf(b, "\x1b[%dA", d.drawn)
	}
	if len(d.lines) > 0 {
		b = append(b, "\x1b[J"...)
		b = append(b, d.lines...)
	}
	rows := d.visible(height-1, all)
	if d.build != nil {
		rows = d.build.rows(height-1, all)
	}
	for _, text := range rows {
		b = append(b, text(width-1)...)
		b = append(b, "\x1b[K\n"...)
	}
	if len(rows) < d.drawn {
		b = append(b, "\x1b[J"...)
	}
	d.lines, d.drawn = d.lines[:0], len(rows)
	if len(b) > 0 {
		_, _ = d.w.Write(b)
	}
	d.last = time.Now()
	if d.build != nil && !all {
		d.setTimer(tickInterval)
	}
}

// visible returns the rows to draw as functions of the width. If they are too many, those that
// are done are the first to go.
func (d *display) visible(limit int, all bool) []func(width int) string {
	var rows []func(int) string
	crowded := !all && len(d.rows) > limit
	for i := range d.rows {
		r := &d.rows[i]
		if crowded && (len(rows) >= limit-1 || phaseOf(r.Status) == PhaseDone) {
			continue
		}
		rows = append(rows, r.draw)
	}
	if more := len(d.rows) - len(rows); more > 0 {
		rows = append(rows, func(width int) string { return fit(fmt.Sprintf("and %d more", more), width) })
	}
	return rows
}

// draw returns the row in at most width columns.
func (r *row) draw(width int) string {
	text := fit(r.text, width)
	counts := r.counts()
	if counts != "" {
		counts = " " + counts
	}
	room := width - columns(text) - columns(counts)
	if barWidth := min(room-1, 52); barWidth >= 10 && r.Total > 0 && r.Current <= r.Total {
		text += " " + bar(r.Current, r.Total, barWidth)
	}
	if room >= 0 {
		text += counts
	}
	return text
}

// counts returns how much of how much, empty if there is nothing to say.
func (r *row) counts() string {
	if r.HideCounts || r.Current <= 0 && r.Total <= 0 {
		return ""
	}
	format := byteSize
	if r.Units != "" {
		units := fit(clean(r.Units), 10)
		format = func(n int64) string { return fmt.Sprint(n, " ", units) }
	}
	if r.Total <= 0 || r.Current > r.Total {
		return format(r.Current)
	}
	return format(r.Current) + " / " + format(r.Total)
}

// bar returns a bar of the given width with its brackets.
func bar(current, total int64, width int) string {
	inner := width - 2
	full := int(float64(max(current, 0)) / float64(total) * float64(inner))
	if full >= inner {
		return "[" + strings.Repeat("=", inner) + "]"
	}
	return "[" + strings.Repeat("=", full) + ">" + strings.Repeat(" ", inner-full-1) + "]"
}

// byteSize writes a number of bytes for a human.
func byteSize(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		if f /= 1000; f < 999.95 {
			return fmt.Sprintf("%.1f %s", f, unit)
		}
	}
	return fmt.Sprintf("%.1f PB", f/1000)
}
