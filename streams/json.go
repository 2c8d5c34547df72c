package streams

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/cleat-go/docker/internal/jsonscan"
)

// JSON decodes a stream of JSON values, such as the engine's events. A value is at most 4 MiB.
// If *T is a [json.Unmarshaler], its UnmarshalJSON gets each value unchecked: whole brackets
// and quotes are all that is certain.
//
// An error comes once and last. A record of the engine's that reports a failure is an
// [*EngineError]. A stream that ends inside a value is errdefs.ErrTruncated. Other text than
// JSON, from a proxy perhaps, is an error that quotes it. The sequence is for one loop; r is
// read ahead and not closed.
func JSON[T any](r io.Reader) iter.Seq2[T, error] {
	return decodeJSON[T](r, false)
}

// JSONLines is [JSON] for a stream whose values end their lines, as those of the engine's
// feeds do, and a T that refuses what is not one whole value, as all do that leave their
// decoding to [encoding/json]. It is faster; values that do not end their lines are
// decoded all the same.
func JSONLines[T any](r io.Reader) iter.Seq2[T, error] {
	return decodeJSON[T](r, true)
}

func decodeJSON[T any](r io.Reader, lines bool) iter.Seq2[T, error] {
	v := new(T)
	var values *values
	values = newValues(r, func(value []byte) error {
		var zero T
		*v = zero
		return unmarshal(value, v, values.r.MayBeError(value))
	})
	values.lines = lines
	return func(yield func(T, error) bool) {
		defer values.close()
		for {
			err := values.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if !yield(*v, nil) {
				return
			}
		}
	}
}

func unmarshal(value []byte, v any, mayBeError bool) error {
	if mayBeError {
		if err := errorRecord(value); err != nil {
			return err
		}
	}
	switch v := v.(type) {
	case *json.RawMessage: // takes anything
		if !json.Valid(value) {
			return json.Unmarshal(value, v)
		}
		return v.UnmarshalJSON(value)
	case json.Unmarshaler:
		return v.UnmarshalJSON(value)
	}
	return json.Unmarshal(value, v)
}

// values reads a stream of JSON values one after the other.
type values struct {
	r      *jsonscan.Reader
	decode func(value []byte) error
	lines  bool // most values end their lines, and decode checks them
	err    error
}

func newValues(r io.Reader, decode func([]byte) error) *values {
	return &values{r: jsonscan.NewReader(r, 0), decode: decode}
}

// next decodes one value. Errors are final.
func (v *values) next() error {
	if v.err == nil {
		v.err = v.read()
	}
	return v.err
}

func (v *values) read() error {
	if v.lines {
		if value, err := v.r.NextLine(); err == nil && v.decode(value) == nil {
			return nil
		}
		return v.readOne(v.r.Again())
	}
	return v.readOne(v.r.Next())
}

func (v *values) readOne(value []byte, err error) error {
	if err != nil {
		return v.readError(err)
	}
	if err := v.decode(value); err != nil {
		return v.decodeError(value, err)
	}
	return nil
}

func (v *values) decodeError(value []byte, err error) error {
	if _, ok := errors.AsType[*EngineError](err); ok {
		return err
	}
	if value[0] != '{' && value[0] != '[' {
		return v.r.Reject()
	}
	return fmt.Errorf("value at byte %d of the stream: %w", v.r.Offset(), err)
}

func (v *values) readError(err error) error {
	if _, ok := errors.AsType[*jsonscan.TextError](err); ok || err == io.EOF || errors.Is(err, jsonscan.ErrTooLarge) {
		return err
	}
	return readError(err, fmt.Sprintf("in or after the value at byte %d", v.r.Offset()))
}

func (v *values) close() {
	if v.err == nil {
		v.err = errLeft
	}
	v.r.Close()
}

// errorRecord returns the [*EngineError] that a value reports, if it is an error record.
func errorRecord(value []byte) error {
	var s jsonscan.Scanner
	var e engineError
	s.Reset(value)
	for key := range s.Object {
		e.field(&s, key)
	}
	if s.End() != nil {
		return nil // the decoder says what is wrong
	}
	return e.err()
}

// engineError collects the fields of an error record in any of its forms: "error" only,
// "errorDetail" only, or both.
type engineError struct {
	found   bool
	code    int
	message string // of errorDetail
	text    string // of error
}

// field takes the field that the scanner is at, if it is one of an error record.
func (e *engineError) field(s *jsonscan.Scanner, key []byte) bool {
	switch string(key) {
	case "error":
		if e.text = words(s); e.text != "" {
			e.found = true
		}
	case "errorDetail":
		e.detail(s)
	default:
		return false
	}
	return true
}

func (e *engineError) detail(s *jsonscan.Scanner) {
	if s.Peek() != '{' {
		e.message = words(s)
		e.found = e.found || e.message != ""
		return
	}
	e.found = true
	for key := range s.Object {
		switch string(key) {
		case "code":
			if c := s.Peek(); c == '-' || c >= '0' && c <= '9' {
				e.code = int(min(max(s.Float64(), math.MinInt32), math.MaxInt32))
			}
		case "message":
			e.message = words(s)
		}
	}
}

// words reads a string, or the text of any other value but null.
func words(s *jsonscan.Scanner) string {
	switch {
	case s.Peek() == '"':
		return s.String()
	case s.Null():
		return ""
	}
	return string(s.Raw())
}

func (e *engineError) err() error {
	if !e.found {
		return nil
	}
	message := e.message
	if message == "" {
		message = e.text
	}
	return &EngineError{Code: e.code, Message: message}
}
