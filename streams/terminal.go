package streams

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes text of a peer fit for a terminal: one line without control characters, escape
// sequences, or marks that turn the direction of writing.
func clean(s string) string {
	if strings.IndexFunc(s, isOdd) < 0 {
		return s
	}
	var b strings.Builder
	for s != "" {
		if n := escapeSequence(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			b.WriteByte(' ')
		case r == utf8.RuneError || !isOdd(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isOdd reports whether a rune cannot go to a terminal as it is, or may be an invalid byte.
func isOdd(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\u2028' || r == '\u2029'
}

// escapeSequence returns the length of the escape sequence that s starts with, or 0.
func escapeSequence(s string) int {
	if len(s) < 2 || s[0] != 0x1b {
		return 0
	}
	switch s[1] {
	case '[': // parameters, then one final byte
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x7e {
				return i
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_': // a string that BEL or ESC \ ends
		if i := strings.IndexAny(s[2:], "\a\x1b"); i >= 0 && s[2+i] == '\a' {
			return 2 + i + 1
		} else if i >= 0 {
			return 2 + i + min(2, len(s)-2-i)
		}
		return len(s)
	}
	return 1
}

// columns returns how many columns a clean text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// fit cuts a clean text so that it takes at most width columns.
func fit(s string, width int) string {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > width {
			return s[:i]
		}
	}
	return s
}

// runeColumns returns how many columns a rune takes, two where in doubt.
func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f000 && r <= 0x1ffff, r >= 0x20000 && r <= 0x3fffd,
		r >= 0x231a && r <= 0x2b55 && unicode.Is(unicode.So, r):
		return 2
	}
	return 1
}
