package streams

import (
	"bytes"
	"encoding/json"
	"io"
	"iter"

	"github.com/cleat-go/docker/internal/jsonscan"
)

// A Message is one record of a job's progress: of a pull, push, build, load or import.
type Message struct {
	ID      string // what it is about: a layer, as a rule; empty for the whole job
	Status  string // what is happening to it
	Stream  string // output of a build, line ends included
	Current int64  // of Total: bytes, or what Units says
	Total   int64  // 0 if it is not known

	HideCounts bool            // do not show Current and Total
	Units      string          // what Current and Total count, empty for bytes
	Aux        json.RawMessage // a result, in a form that depends on the job
	Build      *Build          // what happens in a build; the text, if any, is in the other fields too
	Done       bool            // the job has ended; no other field is set
}

// Progress is what a job calls with each of its messages, one call at a time, in the goroutine
// that runs the job. When the job ends, however it does, there is one last call with Done.
type Progress func(Message)

// Messages decodes the progress of a job. It hardly allocates: texts that come again are shared.
//
// Errors are those of [JSON]; a job that fails ends its messages with an [*EngineError].
// That a stream has ended without an error does not prove that the job was finished. The
// sequence is for one loop; r is read ahead and not closed.
func Messages(r io.Reader) iter.Seq2[Message, error] {
	d := &messageDecoder{}
	values := newValues(r, d.decode)
	values.lines = true
	return func(yield func(Message, error) bool) {
		defer values.close()
		for {
			err := values.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Message{}, err)
				return
			}
			if !yield(d.m, nil) {
				return
			}
		}
	}
}

// A messageDecoder decodes one message after the other.
type messageDecoder struct {
	m     Message
	s     jsonscan.Scanner
	texts jsonscan.Strings
}

func (d *messageDecoder) decode(value []byte) error {
	d.m = Message{}
	d.s.Reset(value)
	defer d.s.Reset(nil) // holds no buffer while it waits
	var e engineError
	if d.s.Null() {
		return errNotObject
	}
	for key := range d.s.Object {
		switch string(key) {
		case "id":
			d.m.ID = d.s.Intern(&d.texts)
		case "status":
			d.m.Status = d.s.Intern(&d.texts)
		case "stream":
			d.m.Stream = d.s.String()
		case "progressDetail":
			d.detail()
		case "aux":
			d.aux()
		case "error", "errorDetail":
			e.field(&d.s, key)
		}
	}
	if err := d.s.End(); err != nil {
		return err
	}
	return e.err()
}

func (d *messageDecoder) detail() {
	for key := range d.s.Object {
		switch string(key) {
		case "current":
			d.m.Current = d.s.Int64()
		case "total":
			d.m.Total = d.s.Int64()
		case "hidecounts":
			d.m.HideCounts = d.s.Bool()
		case "units":
			d.m.Units = d.s.Intern(&d.texts)
		}
	}
}

func (d *messageDecoder) aux() {
	if !d.s.Null() {
		d.m.Aux = bytes.Clone(d.s.Raw())
	}
}
