// Package jsonscan reads JSON without reflection and without garbage. It is for
// messages that come by the thousand; encoding/json is for all else.
//
// A [Scanner] pulls the fields out of one value, a [Reader] cuts a stream into values,
// and [Strings] remembers texts that come again and again.
//
//	s.Reset(value)
//	for key := range s.Object {
//		switch string(key) {
//		case "id":
//			m.ID = s.Intern(&table)
//		case "progressDetail":
//			for key := range s.Object {
//				…
//			}
//		case "tags":
//			for range s.Array {
//				m.Tags = append(m.Tags, s.String())
//			}
//		}
//	}
//	return s.End()
package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may nest.
const MaxDepth = 512

// A Scanner reads one JSON value. A value that the caller leaves alone is skipped, and
// checked all the same. null gives the zero value for everything. The first error sticks:
// from then on loops end and values are zero, so it is enough to ask End once.
type Scanner struct {
	data    []byte // empty after an error
	pos     int
	depth   int
	key     []byte // the last one seen
	scratch []byte // what StringBytes had to unescape
	err     error
}

// Reset starts on data, which must stay unchanged while it is read.
func (s *Scanner) Reset(data []byte) {
	s.data, s.pos, s.depth, s.key, s.err = data, 0, 0, nil, nil
}

// Object is a loop over the keys of an object: for key := range s.Object.
// The body reads the value, or leaves it to be skipped. key is valid until the loop's
// next step. null is an object without keys. After a break the Scanner is of no use
// until its next Reset.
func (s *Scanner) Object(yield func(key []byte) bool) {
	if !s.open('{') {
		return
	}
	for first := true; s.more('}', first); first = false {
		key, ok := s.readKey()
		if !ok {
			return
		}
		s.key = key
		at := s.pos
		if !yield(key) {
			return
		}
		if s.pos == at {
			s.Skip()
		}
	}
}

// Array is a loop over the elements of an array: for range s.Array.
// The body reads the element, or leaves it to be skipped. null is an empty array.
// After a break the Scanner is of no use until its next Reset.
func (s *Scanner) Array(yield func() bool) {
	if !s.open('[') {
		return
	}
	for first := true; s.more(']', first); first = false {
		at := s.pos
		if !yield() {
			return
		}
		if s.pos == at {
			s.Skip()
		}
	}
}

// open enters an object or array, or consumes a null and reports false.
func (s *Scanner) open(bracket byte) bool {
	if s.Peek() != bracket {
		if !s.Null() {
			s.wrongType(kindOf(bracket))
		}
		return false
	}
	if s.depth++; s.depth > MaxDepth {
		s.fail("nested too deep")
		return false
	}
	s.pos++
	return true
}

// more goes to the next member of an object or array, or leaves it.
func (s *Scanner) more(bracket byte, first bool) bool {
	switch c := s.Peek(); {
	case c == bracket:
		s.pos++
		s.depth--
		return false
	case first:
		return s.err == nil
	case c != ',':
		s.fail("want a comma or the end of " + kindOf(bracket-2))
		return false
	}
	s.pos++
	s.Peek()
	return true
}

// readKey reads a key and its colon, up to the value.
func (s *Scanner) readKey() ([]byte, bool) {
	if s.Peek() != '"' {
		s.fail("want a key")
		return nil, false
	}
	key, plain := s.text()
	if !plain {
		key = unescape(nil, key)
	}
	if s.Peek() != ':' {
		s.fail("want a colon")
		return nil, false
	}
	s.pos++
	s.Peek()
	return key, true
}

// Peek returns the first byte of what comes next, and 0 at the end and after an error.
func (s *Scanner) Peek() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || !isSpace(c) {
			return c
		}
		s.pos++
	}
	return 0
}

// String reads a string.
func (s *Scanner) String() string {
	text, plain := s.stringOrNull()
	if plain {
		return string(text)
	}
	return string(unescape(nil, text))
}

// StringBytes reads a string. The bytes are valid until the next StringBytes or Intern.
func (s *Scanner) StringBytes() []byte {
	text, plain := s.stringOrNull()
	if plain {
		return text
	}
	s.scratch = unescape(s.scratch[:0], text)
	return s.scratch
}

// Intern reads a string through a table of texts seen before.
func (s *Scanner) Intern(t *Strings) string { return t.Intern(s.StringBytes()) }

// Time reads an RFC 3339 time in a string. An empty string is the zero time.
func (s *Scanner) Time() time.Time {
	var t time.Time
	at := s.pos
	if text := s.StringBytes(); len(text) > 0 {
		if t.UnmarshalText(text) != nil {
			s.pos = at
			s.wrongType("a time")
			return time.Time{}
		}
	}
	return t
}

func (s *Scanner) stringOrNull() (text []byte, plain bool) {
	if s.Peek() != '"' {
		if !s.Null() {
			s.wrongType("a string")
		}
		return nil, true
	}
	return s.text()
}

// Bool reads true or false.
func (s *Scanner) Bool() bool {
	switch s.Peek() {
	case 't':
		return s.literal("true")
	case 'f':
		s.literal("false")
	default:
		if !s.Null() {
			s.wrongType("true or false")
		}
	}
	return false
}

// Null consumes a null and reports true, or consumes nothing.
func (s *Scanner) Null() bool { return s.Peek() == 'n' && s.literal("null") }

func (s *Scanner) literal(word string) bool {
	if end := s.pos + len(word); end <= len(s.data) && string(s.data[s.pos:end]) == word {
		s.pos = end
		return true
	}
	s.fail("want " + word)
	return false
}

// Skip reads any value and drops it.
func (s *Scanner) Skip() {
	switch s.Peek() {
	case '{':
		for range s.Object {
		}
	case '[':
		for range s.Array {
		}
	case '"':
		s.text()
	case 't', 'f':
		s.Bool()
	case 'n':
		s.Null()
	default:
		s.number()
	}
}

// Raw reads any value and returns its bytes, which are part of the data.
func (s *Scanner) Raw() []byte {
	s.Peek()
	data, start := s.data, s.pos
	s.Skip()
	if s.err != nil {
		return nil
	}
	return data[start:s.pos:s.pos]
}

// Err returns the first error.
func (s *Scanner) Err() error { return s.err }

// End returns the first error, or an error if anything but space follows the value.
func (s *Scanner) End() error {
	if s.Peek() != 0 || s.pos < len(s.data) {
		s.fail("want the end")
	}
	return s.err
}

// A SyntaxError is a text that is no JSON.
type SyntaxError struct {
	Offset  int // in the value
	Message string
}

func (e *SyntaxError) Error() string {
	return "not JSON at byte " + strconv.Itoa(e.Offset) + ": " + e.Message
}

// A TypeError is JSON of another type than the field's.
type TypeError struct {
	Key    string // the nearest key, empty where there was none
	Offset int    // in the value
	Want   string
	Found  string
}

func (e *TypeError) Error() string {
	return "field " + strconv.Quote(e.Key) + " at byte " + strconv.Itoa(e.Offset) +
		": want " + e.Want + ", found " + e.Found
}

// fail keeps the first error and leaves nothing to be read.
func (s *Scanner) fail(message string) {
	if s.err == nil {
		if s.pos >= len(s.data) {
			message = "it ends too early"
		}
		s.err = &SyntaxError{Offset: s.pos, Message: message}
	}
	s.data, s.pos = nil, 0
}

// wrongType fails on a value of the wrong type, or on what is no value at all.
func (s *Scanner) wrongType(want string) {
	found := kindOf(s.Peek())
	if s.err != nil || found == "" {
		s.fail("want " + want)
		return
	}
	s.err = &TypeError{Key: string(s.key[:min(len(s.key), 64)]), Offset: s.pos, Want: want, Found: found}
	s.data, s.pos = nil, 0
}

// kindOf names the kind of value that starts with c.
func kindOf(c byte) string {
	switch {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || isDigit(c):
		return "a number"
	}
	return ""
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
func isDigit(c byte) bool { return c-'0' <= 9 }

// text reads a string up to its closing quote and returns what is between the quotes.
// It is plain if it holds no escape and is UTF-8: then the bytes are the text.
func (s *Scanner) text() (text []byte, plain bool) {
	start := s.pos + 1
	i := start
	i = s.skipOrdinary(i)
	if i < len(s.data) && s.data[i] == '"' {
		s.pos = i + 1
		return s.data[start:i], true
	}
	return s.oddText(start, i)
}

// oddText is text from the first byte on that is not ordinary.
func (s *Scanner) oddText(start, i int) ([]byte, bool) {
	escaped := false
	for i < len(s.data) && s.data[i] != '"' {
		switch c := s.data[i]; {
		case c == '\\':
			n := escapeLen(s.data[i:])
			if n == 0 {
				s.pos = i
				s.fail("bad escape")
				return nil, true
			}
			escaped = true
			i += n
		case c < ' ':
			s.pos = i
			s.fail("control character in a string")
			return nil, true
		default:
			i = s.skipOrdinary(i + 1)
		}
	}
	if i >= len(s.data) {
		s.pos = i
		s.fail("")
		return nil, true
	}
	s.pos = i + 1
	text := s.data[start:i]
	return text, !escaped && utf8.Valid(text)
}

// ordinary marks the bytes that can stand in a string and need no second look.
var ordinary = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// skipOrdinary returns the place of the next byte from i on that is not ordinary.
func (s *Scanner) skipOrdinary(i int) int {
	for i+8 <= len(s.data) {
		if odd := oddBytes(binary.LittleEndian.Uint64(s.data[i:])); odd != 0 {
			i += bits.TrailingZeros64(odd) / 8
			break
		}
		i += 8
	}
	for i < len(s.data) && ordinary[s.data[i]] {
		i++
	}
	return i
}

// oddBytes has the high bit of each byte set that is not ordinary, and perhaps of later ones.
func oddBytes(x uint64) uint64 {
	quote, slash := x^('"'*lows), x^('\\'*lows)
	return (x | (x-' '*lows)&^x | (quote-lows)&^quote | (slash-lows)&^slash) & highs
}
