package jsonscan

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxTexts   = 256 // in a table
	maxTextLen = 128 // bytes of one
)

// Strings turns bytes into strings, without allocating for texts that it holds.
// It is bounded in the number and the length of its texts. The zero value is ready.
type Strings struct {
	texts  map[string]string
	recent [64]string // of the texts, by hash
}

// Intern returns string(b). A full table starts again from nothing.
func (t *Strings) Intern(b []byte) string {
	if len(b) == 0 || len(b) > maxTextLen {
		return string(b)
	}
	recent := &t.recent[hash(b)%uint32(len(t.recent))]
	if *recent == string(b) {
		return *recent
	}
	if text, ok := t.texts[string(b)]; ok {
		*recent = text
		return text
	}
	switch {
	case t.texts == nil:
		t.texts = make(map[string]string)
	case len(t.texts) >= maxTexts:
		clear(t.texts)
	}
	text := string(b)
	t.texts[text] = text
	*recent = text
	return text
}

// hash mixes the length and the last bytes of a text.
func hash(b []byte) uint32 {
	if len(b) >= 8 {
		return uint32((binary.LittleEndian.Uint64(b[len(b)-8:]) ^ uint64(len(b))) * 0x9e3779b97f4a7c15 >> 40)
	}
	h := uint32(len(b))
	for _, c := range b {
		h = h*31 + uint32(c)
	}
	return h
}

// escapeLen returns the length of the escape that b starts with, or 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads the code unit of an escape \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | d
	}
	return r, true
}

func hexDigit(c byte) rune {
	switch {
	case isDigit(c):
		return rune(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return -1
}

// unescape appends the text of a checked string to dst.
// What is not UTF-8, and half a surrogate pair, becomes U+FFFD.
func unescape(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		if src[i] == '\\' {
			r, n := unescapeOne(src[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// unescapeOne returns the rune of the escape that b starts with, and its length.
func unescapeOne(b []byte) (rune, int) {
	switch c := b[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return unescapeUnit(b)
	default:
		return rune(c), 2
	}
}

func unescapeUnit(b []byte) (rune, int) {
	r, _ := hex4(b)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(b[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}
