package ignore

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// glob is a pattern in which * stands for a part of a name, ? for one character of it,
// [a-z] for one of some, **/ for any directories or none, ** for anything, and \ takes
// away what the next character means.
//
// The docker command makes regular expressions of patterns, and so two rules are less
// plain: **x with no other of these characters is all that ends in x, and a class may
// have slashes. What means something in regular expressions only, stands for itself.
type glob struct {
	literal string // all of it, where it has none of these characters
	suffix  bool   // literal is what a name ends in
	tokens  []token

	head, tail string // what every name begins and ends with
}

type kind byte

const (
	one    kind = iota // the character r
	other              // any character but a slash
	class              // a character of ranges
	star               // characters but slashes
	rest               // anything
	option             // what the next token, which is dirs, stands for, or nothing
	dirs               // anything that ends in a slash
)

type token struct {
	kind   kind
	r      rune
	not    bool // a class of all but its ranges
	ranges []rune
}

// parseGlob takes a well-formed pattern apart.
func parseGlob(text string) glob {
	if end, ok := strings.CutPrefix(text, "**"); ok && end != "" && !strings.ContainsAny(end, `*?[]\`) {
		return glob{literal: end, suffix: true}
	}
	if !strings.ContainsAny(text, `*?[\`) {
		return glob{literal: text}
	}
	first, last := strings.IndexAny(text, `*?[\`), strings.LastIndexAny(text, `*?]\`)
	g := glob{head: text[:first], tail: text[last+1:]}
	if strings.HasSuffix(text[:last+1], "**") {
		g.tail = strings.TrimPrefix(g.tail, "/")
	}
	for text != "" {
		text = g.token(text)
	}
	return g
}

// token adds the first token of a text and returns the rest.
func (g *glob) token(text string) string {
	switch {
	case strings.HasPrefix(text, "**"):
		text = strings.TrimPrefix(text[2:], "/")
		if text == "" {
			g.add(token{kind: rest})
		} else {
			g.add(token{kind: option}, token{kind: dirs})
		}
		return text
	case text[0] == '*':
		g.add(token{kind: star})
		return text[1:]
	case text[0] == '?':
		g.add(token{kind: other})
		return text[1:]
	case text[0] == '[':
		return g.class(text[1:])
	}
	r, text := character(text)
	g.add(token{kind: one, r: r})
	return text
}

func (g *glob) add(tokens ...token) { g.tokens = append(g.tokens, tokens...) }

// class adds a class, whose bracket has been read.
func (g *glob) class(text string) string {
	t := token{kind: class}
	text, t.not = strings.CutPrefix(text, "^")
	for text != "" && text[0] != ']' {
		var low, high rune
		low, text = character(text)
		high = low
		if strings.HasPrefix(text, "-") {
			high, text = character(text[1:])
		}
		t.ranges = append(t.ranges, low, high)
	}
	g.add(t)
	return strings.TrimPrefix(text, "]")
}

// character returns the first character, which a backslash may precede, and the rest.
func character(text string) (rune, string) {
	if len(text) > 1 && text[0] == '\\' {
		text = text[1:]
	}
	r, n := utf8.DecodeRuneInString(text)
	return r, text[n:]
}

// takes tells whether a token that stands for one character stands for r.
func (t *token) takes(r rune) bool {
	switch t.kind {
	case one:
		return r == t.r
	case other:
		return r != '/'
	}
	for i := 0; i < len(t.ranges); i += 2 {
		if t.ranges[i] <= r && r <= t.ranges[i+1] {
			return !t.not
		}
	}
	return t.not
}

// match tells whether the pattern stands for the whole of name.
func (g *glob) match(name string) bool {
	switch {
	case g.suffix:
		return strings.HasSuffix(name, g.literal) || g.literal[0] == '/' && name == g.literal[1:]
	case g.tokens == nil:
		return name == g.literal
	case !strings.HasPrefix(name, g.head) || !strings.HasSuffix(name, g.tail):
		return false
	}
	return g.run(name, func(s set) bool { return s.has(len(g.tokens)) })
}

// matchesBelow tells whether the pattern can stand for something below a directory.
func (g *glob) matchesBelow(dir string) bool {
	switch {
	case g.suffix:
		return true
	case g.tokens == nil:
		return len(g.literal) > len(dir) && g.literal[len(dir)] == '/' && g.literal[:len(dir)] == dir
	}
	return g.run(dir+"/", set.any)
}

// set is a set of states: of what is left of a pattern, the numbers of the first tokens.
type set []uint64

func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s set) put(i int)      { s[i/64] |= 1 << (i % 64) }

func (s set) any() bool {
	for _, word := range s {
		if word != 0 {
			return true
		}
	}
	return false
}

// run reads a text and returns what is said of the states that it leads to. It takes no
// longer than the product of the lengths of text and pattern.
func (g *glob) run(text string, verdict func(set) bool) bool {
	var room [2][2]uint64
	now, next := set(room[0][:]), set(room[1][:])
	if words := len(g.tokens)/64 + 1; words > len(room[0]) {
		now, next = make(set, words), make(set, words)
	}
	g.put(now, 0)
	for _, r := range text {
		clear(next)
		for w, word := range now {
			for ; word != 0; word &= word - 1 {
				if i := w*64 + bits.TrailingZeros64(word); i < len(g.tokens) {
					g.advance(next, i, r)
				}
			}
		}
		now, next = next, now
		if !now.any() {
			return false
		}
	}
	return verdict(now)
}

// put adds a state, and those that it reaches without a character.
func (g *glob) put(to set, i int) {
	for ; ; i++ {
		to.put(i)
		if i == len(g.tokens) {
			return
		}
		switch g.tokens[i].kind {
		case star, rest:
		case option:
			to.put(i + 1)
			i++
		default:
			return
		}
	}
}

// advance adds the states that follow state i after a character.
func (g *glob) advance(to set, i int, r rune) {
	switch t := &g.tokens[i]; t.kind {
	case star:
		if r != '/' {
			g.put(to, i)
		}
	case rest:
		g.put(to, i)
	case option: // the next state is in the set as well
	case dirs:
		to.put(i)
		if r == '/' {
			g.put(to, i+1)
		}
	default:
		if t.takes(r) {
			g.put(to, i+1)
		}
	}
}
