package buildkit

import (
	"bytes"
	"time"
)

// Status is what happened in a build since the last one.
type Status struct {
	Vertices []Vertex
	Progress []Progress
	Logs     []Log
	Warnings []Warning
}

// Vertex is a step. It is told of again and again: the last one counts. A step may start
// more than once.
type Vertex struct {
	Digest    string // its identity
	Name      string // "[stage 1/2] RUN make"; with "[internal]" what BuildKit does of itself
	Inputs    []string
	Started   time.Time // zero: not yet
	Completed time.Time // zero: not yet
	Cached    bool
	Error     string
	Group     string // id of the group that it is shown in, or empty
	GroupName string
}

// Progress is how far a part of a step has come: a layer's download, a context's transfer.
type Progress struct {
	ID        string // unique within its vertex
	Vertex    string // digest
	Name      string
	Current   int64
	Total     int64 // 0 where it is not known
	Time      time.Time
	Started   time.Time
	Completed time.Time
}

// Log is output of a step. It is not cut at lines.
type Log struct {
	Vertex string // digest
	Time   time.Time
	Stream int // 1 is the standard output, 2 the standard error
	Data   []byte
}

// Warning is what the engine found amiss in the Dockerfile or did not do.
type Warning struct {
	Vertex string // digest
	Level  int
	Short  string
	Detail []string
	URL    string
	Source *Position // nil where it is not known
}

// Position is a place in a Dockerfile.
type Position struct {
	File   string
	Text   string // of the whole file, where the engine has sent it
	Ranges []Range
}

// Range is part of a file. Lines count from 1.
type Range struct{ FirstLine, LastLine int }

func decodeStatus(b []byte) (*Status, error) {
	s := new(Status)
	f := fields{rest: b}
	for f.next() {
		switch f.number {
		case 1:
			s.Vertices = append(s.Vertices, decodeVertex(&f))
		case 2:
			s.Progress = append(s.Progress, decodeProgress(&f))
		case 3:
			s.Logs = append(s.Logs, decodeLog(&f))
		case 4:
			s.Warnings = append(s.Warnings, decodeWarning(&f))
		}
	}
	return s, f.err
}

func decodeVertex(in *fields) (v Vertex) {
	f := fields{rest: in.data}
	for f.next() {
		switch f.number {
		case 1:
			v.Digest = f.text()
		case 2:
			v.Inputs = append(v.Inputs, f.text())
		case 3:
			v.Name = f.text()
		case 4:
			v.Cached = f.value != 0
		case 5:
			v.Started = f.time()
		case 6:
			v.Completed = f.time()
		case 7:
			v.Error = f.text()
		case 8:
			v.Group, v.GroupName = decodeGroup(&f)
		}
	}
	in.fail(f.err)
	return v
}

func decodeGroup(in *fields) (id, name string) {
	f := fields{rest: in.data}
	for f.next() {
		switch f.number {
		case 1:
			id = f.text()
		case 2:
			name = f.text()
		}
	}
	in.fail(f.err)
	return id, name
}

func decodeProgress(in *fields) (p Progress) {
	f := fields{rest: in.data}
	for f.next() {
		switch f.number {
		case 1:
			p.ID = f.text()
		case 2:
			p.Vertex = f.text()
		case 3:
			p.Name = f.text()
		case 4:
			p.Current = int64(f.value)
		case 5:
			p.Total = int64(f.value)
		case 6:
			p.Time = f.time()
		case 7:
			p.Started = f.time()
		case 8:
			p.Completed = f.time()
		}
	}
	in.fail(f.err)
	return p
}

func decodeLog(in *fields) (l Log) {
	f := fields{rest: in.data}
	for f.next() {
		switch f.number {
		case 1:
			l.Vertex = f.text()
		case 2:
			l.Time = f.time()
		case 3:
			l.Stream = int(f.value)
		case 4:
			l.Data = bytes.Clone(f.data)
		}
	}
	in.fail(f.err)
	return l
}

func decodeWarning(in *fields) (w Warning) {
	var info, ranges message
	f := fields{rest: in.data}
	for f.next() {
		switch f.number {
		case 1:
			w.Vertex = f.text()
		case 2:
			w.Level = int(f.value)
		case 3:
			w.Short = f.text()
		case 4:
			w.Detail = append(w.Detail, f.text())
		case 5:
			w.URL = f.text()
		case 6:
			info = message(nil).embed(1, f.data)
		case 7:
			ranges = ranges.embed(2, f.data)
		}
	}
	in.fail(f.err)
	if info != nil || ranges != nil {
		p, err := decodePosition(append(info, ranges...))
		in.fail(err)
		w.Source = p
	}
	return w
}

// decodePosition reads a message with a file as field 1 and ranges as field 2.
func decodePosition(b []byte) (*Position, error) {
	p := new(Position)
	f := fields{rest: b}
	for f.next() {
		switch f.number {
		case 1:
			p.decodeFile(&f)
		case 2:
			p.add(decodeRange(&f))
		}
	}
	return p, f.err
}

// add adds a range, to the last one where it continues that.
func (p *Position) add(r Range) {
	if n := len(p.Ranges); n > 0 && p.Ranges[n-1].LastLine+1 == r.FirstLine {
		p.Ranges[n-1].LastLine = r.LastLine
		return
	}
	p.Ranges = append(p.Ranges, r)
}

func (p *Position) decodeFile(in *fields) {
	f := fields{rest: in.data}
	for f.next() {
		switch f.number {
		case 1:
			p.File = f.text()
		case 2:
			p.Text = f.text()
		}
	}
	in.fail(f.err)
}

func decodeRange(in *fields) (r Range) {
	f := fields{rest: in.data}
	for f.next() {
		line := fields{rest: f.data}
		for line.next() {
			switch {
			case line.number == 1 && f.number == 1:
				r.FirstLine = int(line.value)
			case line.number == 1 && f.number == 2:
				r.LastLine = int(line.value)
			}
		}
		in.fail(line.err)
	}
	in.fail(f.err)
	return r
}
