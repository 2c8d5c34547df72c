package buildkit

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"
)

// A message is one of protocol buffers, as it is put together. Empty values are left out,
// as they mean the same. What is called from everywhere is not to be copied there.
type message []byte

//go:noinline
func (m message) number(field int, v uint64) message {
	if v == 0 {
		return m
	}
	m = binary.AppendUvarint(m, uint64(field)<<3|wireVarint)
	return binary.AppendUvarint(m, v)
}

//go:noinline
func (m message) text(field int, s string) message {
	if s == "" {
		return m
	}
	m = binary.AppendUvarint(m, uint64(field)<<3|wireBytes)
	m = binary.AppendUvarint(m, uint64(len(s)))
	return append(m, s...)
}

func (m message) bytes(field int, b []byte) message {
	if len(b) == 0 {
		return m
	}
	return m.embed(field, b)
}

// embed adds a message, an empty one too.
//
//go:noinline
func (m message) embed(field int, sub message) message {
	m = binary.AppendUvarint(m, uint64(field)<<3|wireBytes)
	m = binary.AppendUvarint(m, uint64(len(sub)))
	return append(m, sub...)
}

// dict adds a map of texts, in the order of its keys.
func (m message) dict(field int, dict map[string]string) message {
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		m = m.embed(field, message(nil).text(1, key).text(2, dict[key]))
	}
	return m
}

func (m message) texts(field int, all []string) message {
	for _, s := range all {
		m = m.embed(field, message(s))
	}
	return m
}

// The wire types of fields.
const (
	wireVarint = 0
	wireFixed8 = 1
	wireBytes  = 2
	wireFixed4 = 5
)

var errMalformed = errors.New("malformed message of the engine")

// fields reads the fields of a message one after the other:
//
//	f := fields{rest: b}
//	for f.next() { switch f.number … }
//	return f.err
//
// A field of another type than is asked for has the zero value.
type fields struct {
	rest   []byte
	number int
	value  uint64 // of a varint
	data   []byte // of bytes, texts and messages; part of the input
	err    error
}

func (f *fields) next() bool {
	f.value, f.data = 0, nil
	if f.err != nil || len(f.rest) == 0 {
		return false
	}
	tag := f.varint()
	if tag>>3 == 0 || tag>>3 > 1<<29-1 {
		f.err = errMalformed
		return false
	}
	f.number = int(tag >> 3)
	switch tag & 7 {
	case wireVarint:
		f.value = f.varint()
	case wireBytes:
		f.data = f.take(f.varint())
	case wireFixed8:
		f.take(8)
	case wireFixed4:
		f.take(4)
	default:
		f.err = errMalformed
	}
	return f.err == nil
}

//go:noinline
func (f *fields) varint() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.err, f.rest = errMalformed, nil
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

//go:noinline
func (f *fields) take(n uint64) []byte {
	if n > uint64(len(f.rest)) {
		f.err, f.rest = errMalformed, nil
		return nil
	}
	data := f.rest[:n:n]
	f.rest = f.rest[n:]
	return data
}

func (f *fields) text() string { return string(f.data) }

// time reads a timestamp.
func (f *fields) time() time.Time {
	var seconds, nanos int64
	t := fields{rest: f.data}
	for t.next() {
		switch t.number {
		case 1:
			seconds = int64(t.value)
		case 2:
			nanos = int64(int32(t.value))
		}
	}
	f.fail(t.err)
	return time.Unix(seconds, nanos)
}

// entry adds an entry of a map of texts to dict.
func (f *fields) entry(dict map[string]string) {
	var key, value string
	e := fields{rest: f.data}
	for e.next() {
		switch e.number {
		case 1:
			key = e.text()
		case 2:
			value = e.text()
		}
	}
	f.fail(e.err)
	dict[key] = value
}

// fail takes over the error of a message within this one.
func (f *fields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// textField reads one text of a message that needs no more.
func textField(b []byte, number int) (s string, err error) {
	f := fields{rest: b}
	for f.next() {
		if f.number == number {
			s = f.text()
		}
	}
	return s, f.err
}
