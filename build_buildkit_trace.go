package docker

import (
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker/internal/buildkit"
	"github.com/cleat-go/docker/streams"
)

// buildKitTrace makes messages of what BuildKit tells.
type buildKitTrace struct {
	tell  func(streams.Message)
	lines map[logKey]*lineBuffer
}

type logKey struct {
	step   string
	stream streams.Stream
}

func newBuildKitTrace(tell func(streams.Message)) *buildKitTrace {
	return &buildKitTrace{tell: tell, lines: make(map[logKey]*lineBuffer)}
}

// see takes what has happened. The last output of a step comes before its end.
func (t *buildKitTrace) see(s *buildkit.Status) {
	out := &streams.Build{}
	for _, l := range s.Logs {
		out.Logs = t.log(out.Logs, &l)
	}
	for _, v := range s.Vertices {
		if !v.Completed.IsZero() {
			out.Logs = t.flush(out.Logs, v.Digest)
		}
		out.Steps = append(out.Steps, streams.BuildStep{
			ID: v.Digest, Name: v.Name, Inputs: v.Inputs, Group: v.GroupName,
			Started: v.Started, Completed: v.Completed, Cached: v.Cached, Error: v.Error,
		})
	}
	for _, p := range s.Progress {
		name := p.Name
		if name == "" {
			name = p.ID
		}
		out.Counters = append(out.Counters, streams.BuildCounter{
			Step: p.Vertex, ID: p.ID, Name: name, Current: p.Current, Total: p.Total, Done: !p.Completed.IsZero(),
		})
	}
	for _, w := range s.Warnings {
		out.Warnings = append(out.Warnings, streams.BuildWarning{
			Step: w.Vertex, Text: w.Short, Detail: w.Detail, URL: w.URL, Source: buildPosition(w.Source),
		})
	}
	t.tell(streams.Message{Build: out})
}

func (t *buildKitTrace) log(logs []streams.BuildLog, l *buildkit.Log) []streams.BuildLog {
	key := logKey{l.Vertex, streams.Stream(l.Stream)}
	buffer := t.lines[key]
	if buffer == nil {
		buffer = &lineBuffer{}
		t.lines[key] = buffer
	}
	buffer.add(string(l.Data), func(line string) {
		logs = append(logs, streams.BuildLog{Step: l.Vertex, Stream: key.stream, Time: l.Time, Text: line})
	})
	return logs
}

// flush adds the lines that a step has left without an end.
func (t *buildKitTrace) flush(logs []streams.BuildLog, step string) []streams.BuildLog {
	for _, stream := range []streams.Stream{streams.Stdout, streams.Stderr} {
		key := logKey{step, stream}
		if buffer := t.lines[key]; buffer != nil {
			delete(t.lines, key)
			if line, ok := buffer.flush(); ok {
				logs = append(logs, streams.BuildLog{Step: step, Stream: stream, Time: time.Now(), Text: line})
			}
		}
	}
	return logs
}

// end tells what steps that were cut short have left.
func (t *buildKitTrace) end() {
	out := &streams.Build{}
	for key := range t.lines {
		out.Logs = t.flush(out.Logs, key.step)
	}
	if out.Logs != nil {
		t.tell(streams.Message{Build: out})
	}
}

func buildPosition(p *buildkit.Position) *streams.BuildPosition {
	if p == nil || len(p.Ranges) == 0 {
		return nil
	}
	first, last := p.Ranges[0].FirstLine, p.Ranges[0].LastLine
	out := &streams.BuildPosition{File: p.File, First: first, Last: max(first, last)}
	if lines := strings.Split(p.Text, "\n"); 0 < first && out.Last <= len(lines) {
		out.Text = strings.Join(lines[first-1:out.Last], "\n")
	}
	return out
}

// buildKitStep is a step's failure. BuildKit names a step "[stage 2/3] RUN make".
func buildKitStep(s *buildkit.StepError) *BuildError {
	e := &BuildError{Step: s.Step, ExitCode: s.ExitCode, Log: s.Log, Source: buildPosition(s.Source), Err: s.Err}
	place, instruction, ok := strings.Cut(strings.TrimPrefix(s.Step, "["), "] ")
	if !ok || !strings.HasPrefix(s.Step, "[") {
		return e
	}
	first, second, _ := strings.Cut(place[strings.LastIndexByte(place, ' ')+1:], "/")
	number, err := strconv.Atoi(first)
	total, err2 := strconv.Atoi(second)
	if err == nil && err2 == nil {
		e.Step, e.Number, e.Total = instruction, number, total
	}
	return e
}

// memoryName is the name of a Dockerfile that is no file.
func memoryName(name string) string {
	if name == "" {
		return defaultDockerfile
	}
	return path.Base(name)
}

// memoryFile is a tree with one file, made when the build is.
type memoryFile struct {
	name string
	text []byte
}

func (m memoryFile) Open(name string) (fs.File, error) {
	switch name {
	case ".":
		return &memoryHandle{info: memoryInfo{name: ".", mode: fs.ModeDir | 0o755}, list: []fs.DirEntry{m.entry()}}, nil
	case m.name:
		return &memoryHandle{info: m.info(), Reader: strings.NewReader(string(m.text))}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (m memoryFile) info() memoryInfo {
	return memoryInfo{name: m.name, size: int64(len(m.text)), mode: 0o644}
}

func (m memoryFile) entry() fs.DirEntry { return fs.FileInfoToDirEntry(m.info()) }

type memoryHandle struct {
	io.Reader
	info memoryInfo
	list []fs.DirEntry
}

func (h *memoryHandle) Stat() (fs.FileInfo, error) { return h.info, nil }
func (h *memoryHandle) Close() error               { return nil }

// Read is for the file; the directory has nothing to read.
func (h *memoryHandle) Read(p []byte) (int, error) {
	if h.Reader == nil {
		return 0, &fs.PathError{Op: "read", Path: h.info.name, Err: fs.ErrInvalid}
	}
	return h.Reader.Read(p)
}

// ReadDir has at most one entry to tell.
func (h *memoryHandle) ReadDir(n int) ([]fs.DirEntry, error) {
	list := h.list
	if h.list = nil; n > 0 && list == nil {
		return nil, io.EOF
	}
	return list, nil
}

type memoryInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i memoryInfo) Name() string       { return i.name }
func (i memoryInfo) Size() int64        { return i.size }
func (i memoryInfo) Mode() fs.FileMode  { return i.mode }
func (i memoryInfo) ModTime() time.Time { return time.Time{} }
func (i memoryInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memoryInfo) Sys() any           { return nil }
