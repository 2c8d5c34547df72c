package enginetest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cleat-go/docker"
)

// maxLogLine is where the engine cuts the lines of a log.
const maxLogLine = 16 << 10

// logEntry is a line that a container has written, or a piece of a long one.
type logEntry struct {
	time   time.Time
	stream byte
	text   []byte // with the end of its line, where it has one
}

// containerLog is what a container has written in all its runs. It has a lock of its own.
type containerLog struct {
	mu      sync.Mutex
	entries []logEntry
	rest    [3][]byte // the beginnings of lines
	open    bool      // the container runs
	changed broadcast
}

// begin and end surround a run.
func (l *containerLog) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = true
}

func (l *containerLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for stream := range l.rest {
		l.add(byte(stream), l.rest[stream])
		l.rest[stream] = nil
	}
	l.open = false
	l.changed.notify()
}

func (l *containerLog) add(stream byte, text []byte) {
	if len(text) > 0 {
		l.entries = append(l.entries, logEntry{time.Now(), stream, bytes.Clone(text)})
	}
}

// write keeps whole lines, and long ones in pieces.
func (l *containerLog) write(stream byte, p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := append(l.rest[stream], p...)
	n := len(l.entries)
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 || end > maxLogLine+1 {
			if len(rest) < maxLogLine {
				break
			}
			end = maxLogLine
		}
		l.add(stream, rest[:end])
		rest = rest[end:]
	}
	l.rest[stream] = slices.Clone(rest)
	if len(l.entries) > n {
		l.changed.notify()
	}
}

// all are the entries so far.
func (l *containerLog) all() []logEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// from are the entries from the nth on, whether more may come, and what tells of more.
func (l *containerLog) from(n int) (entries []logEntry, open bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries[n:]), l.open, l.changed.changed()
}

// logQuery is what a client asks of a log.
type logQuery struct {
	stdout, stderr bool
	follow, stamps bool
	details        bool
	since, until   time.Time
	tail           int // negative is all
	framed         bool
	label          string // what details tell
}

func (c *call) logQuery() (*logQuery, error) {
	q := &logQuery{
		stdout: c.bool("stdout"), stderr: c.bool("stderr"), follow: c.bool("follow"),
		stamps: c.bool("timestamps"), details: c.bool("details"), tail: -1,
	}
	if !q.stdout && !q.stderr {
		return nil, badRequest("Bad parameters: you must choose at least one stream")
	}
	var err error
	if q.since, err = parseTime(c.param("since")); err != nil {
		return nil, err
	}
	if q.until, err = parseTime(c.param("until")); err != nil {
		return nil, err
	}
	if n, err := strconv.Atoi(c.param("tail")); err == nil && n >= 0 {
		q.tail = n
	}
	return q, nil
}

// rawType is the content type of a stream.
func (c *call) rawType(framed bool) string {
	if framed && c.since(42) {
		return "application/vnd.docker.multiplexed-stream"
	}
	return "application/vnd.docker.raw-stream"
}

func containerLogs(c *call) error {
	c.mu.Lock()
	ct, err := c.findContainer(c.vars["id"])
	if err != nil {
		c.mu.Unlock()
		return err
	}
	driver, framed := ct.host.LogConfig.Type, !ct.config.TTY
	log, label := ct.log, ct.logDetails()
	c.mu.Unlock()
	q, err := c.logQuery()
	if err != nil {
		return err
	}
	if driver == "none" {
		return errorf(http.StatusNotImplemented, "configured logging driver does not support reading")
	}
	q.framed, q.label = framed, label
	kind := c.rawType(framed)
	if !c.since(42) {
		kind = ""
	}
	w, err := c.stream(kind)
	if err != nil {
		return err
	}
	return q.send(c, w, log)
}

// send writes what the log has, and goes on while the container runs, if asked to.
func (q *logQuery) send(c *call, w io.Writer, log *containerLog) error {
	var over <-chan time.Time
	if !q.until.IsZero() && q.follow {
		timer := time.NewTimer(time.Until(q.until))
		defer timer.Stop()
		over = timer.C
	}
	next := 0
	for first := true; ; first = false {
		entries, open, changed := log.from(next)
		next += len(entries)
		if first && q.tail >= 0 {
			entries = entries[max(0, len(entries)-q.tail):]
		}
		if b := q.format(entries); len(b) > 0 {
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		if !q.follow || !open {
			return nil
		}
		select {
		case <-changed:
		case <-over:
			return nil
		case <-c.tap.leave:
			return nil
		case <-c.tap.down:
			return nil
		}
	}
}

// fixedNano is RFC 3339 with nine digits.
const fixedNano = "2006-01-02T15:04:05.000000000Z07:00"

func (q *logQuery) format(entries []logEntry) []byte {
	var out []byte
	for _, entry := range entries {
		if entry.stream == stdoutStream && !q.stdout || entry.stream == stderrStream && !q.stderr ||
			!q.since.IsZero() && entry.time.Before(q.since) || !q.until.IsZero() && entry.time.After(q.until) {
			continue
		}
		head := ""
		if q.stamps {
			head = entry.time.UTC().Format(fixedNano) + " "
		}
		if q.details {
			head += q.label + " "
		}
		if q.framed {
			out = append(out, entry.stream, 0, 0, 0)
			out = binary.BigEndian.AppendUint32(out, uint32(len(head)+len(entry.text))) //nolint:gosec // a line
		}
		out = append(append(out, head...), entry.text...)
	}
	return out
}

// logDetails are the labels and variables that the driver's options name.
func (ct *container) logDetails() string {
	var details []string
	options := ct.host.LogConfig.Config
	add := func(name, value string) {
		details = append(details, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	for name := range strings.SplitSeq(options["labels"], ",") {
		if value, ok := ct.config.Labels[name]; ok {
			add(name, value)
		}
	}
	for name := range strings.SplitSeq(options["env"], ",") {
		for _, entry := range ct.config.Env {
			if key, value, _ := strings.Cut(entry, "="); key == name {
				add(name, value)
			}
		}
	}
	slices.Sort(details)
	return strings.Join(details, ",")
}

// logPath is what an inspect tells of a log.
func (ct *container) logPath() string {
	if ct.log == nil || ct.state == docker.ContainerCreated {
		return ""
	}
	return "/var/lib/docker/containers/" + ct.id + "/" + ct.id + "-json.log"
}
