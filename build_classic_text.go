package docker

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker/streams"
)

// stream takes a text that the builder wrote: a line of its own, or output of a step.
func (t *classicTrace) stream(out *streams.Build, text string) {
	line := strings.TrimSpace(text)
	if number, total, instruction, ok := stepLine(text); ok && number == t.number+1 && (t.total == 0 || total == t.total) {
		t.begin(out, number, total, instruction)
		return
	}
	switch {
	case line == "":
	case t.ownLine(out, text, line):
	case strings.HasPrefix(text, "\x1b[91m"):
		text = strings.TrimSuffix(text[len("\x1b[91m"):], "\x1b[0m")
		out.Logs = t.output(out.Logs, streams.Stderr, text)
	default:
		out.Logs = t.output(out.Logs, streams.Stdout, text)
	}
}

// ownLine takes a line that is the builder's and not a step's.
func (t *classicTrace) ownLine(out *streams.Build, text, line string) bool {
	arrow := strings.HasPrefix(text, " ---> ") || strings.HasPrefix(text, "--> ")
	rest := strings.TrimPrefix(strings.TrimPrefix(line, "---> "), "--> ")
	switch {
	case arrow && strings.HasPrefix(rest, "Using cache"):
		t.step.Cached = true
	case arrow && strings.HasPrefix(rest, "[Warning] "), strings.HasPrefix(text, "[Warning] "):
		_, warning, _ := strings.Cut(line, "[Warning] ")
		out.Warnings = append(out.Warnings, streams.BuildWarning{Step: t.step.ID, Text: warning})
	case arrow && strings.HasPrefix(rest, "Running in "), arrow && strings.HasPrefix(rest, "Removed intermediate container "),
		strings.HasPrefix(text, "Removing intermediate container "):
	case arrow && isHex(rest):
		t.finish(out, "")
	case strings.HasPrefix(text, "Successfully built "), strings.HasPrefix(text, "Successfully tagged "),
		line == "COMMIT", strings.HasPrefix(text, "COMMIT "), len(line) == 64 && isHex(line):
		return t.number == t.total
	default:
		return false
	}
	return true
}

func isHex(text string) bool { return all(text, digit, "abcdef") }

// stepLine takes "Step 1/5 : FROM x" apart, or podman's "STEP 1/5: FROM x".
func stepLine(text string) (number, total int, instruction string, ok bool) {
	rest, ok := strings.CutPrefix(text, "Step ")
	if !ok {
		if rest, ok = strings.CutPrefix(text, "STEP "); !ok {
			return 0, 0, "", false
		}
	}
	count, instruction, ok := strings.Cut(rest, ": ")
	first, second, slash := strings.Cut(strings.TrimSpace(count), "/")
	number, err := strconv.Atoi(first)
	total, err2 := strconv.Atoi(second)
	return number, total, strings.TrimSpace(instruction), ok && slash && err == nil && err2 == nil
}

// begin ends the current step and starts another.
func (t *classicTrace) begin(out *streams.Build, number, total int, instruction string) {
	t.finish(out, "")
	t.number, t.total, t.source = number, total, instruction
	t.log = logTail{}
	t.step = streams.BuildStep{
		ID: "step " + strconv.Itoa(number), Name: fmt.Sprintf("[%d/%d] %s", number, total, instruction), Started: time.Now(),
	}
	out.Steps = append(out.Steps, t.step)
}

// finish ends the current step, if it runs.
func (t *classicTrace) finish(out *streams.Build, failure string) {
	if t.step.Name == "" || !t.step.Completed.IsZero() {
		return
	}
	for stream := range t.lines {
		if line, ok := t.lines[stream].flush(); ok {
			out.Logs = append(out.Logs, t.line(streams.Stream(stream), line))
		}
	}
	t.step.Completed, t.step.Error = time.Now(), failure
	out.Steps = append(out.Steps, t.step)
}

// output adds the lines that a text ends.
func (t *classicTrace) output(logs []streams.BuildLog, stream streams.Stream, text string) []streams.BuildLog {
	t.lines[stream].add(text, func(line string) { logs = append(logs, t.line(stream, line)) })
	return logs
}

func (t *classicTrace) line(stream streams.Stream, text string) streams.BuildLog {
	t.log.add(text)
	return streams.BuildLog{Step: t.step.ID, Stream: stream, Time: time.Now(), Text: text}
}

// lineBuffer makes lines of output that is cut anywhere.
type lineBuffer struct{ partial []byte }

const maxLogLine = 16 << 10

func (b *lineBuffer) add(text string, emit func(string)) {
	for {
		line, rest, ended := strings.Cut(text, "\n")
		for len(b.partial)+len(line) > maxLogLine {
			n := maxLogLine - len(b.partial)
			emit(string(b.partial) + line[:n])
			b.partial, line = b.partial[:0], line[n:]
		}
		if !ended {
			b.partial = append(b.partial, line...)
			return
		}
		emit(strings.TrimSuffix(string(b.partial)+line, "\r"))
		b.partial, text = b.partial[:0], rest
	}
}

func (b *lineBuffer) flush() (string, bool) {
	line := string(b.partial)
	b.partial = nil
	return line, line != ""
}

// logTail keeps the last lines of a step's output.
type logTail struct{ lines []string }

const maxTail = 20

func (t *logTail) add(line string) {
	if len(t.lines) == maxTail {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}
