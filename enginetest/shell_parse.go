package enginetest

import (
	"fmt"
	"strings"
)

// The tree of a script.
type (
	// script is a list of commands that run one after the other.
	script []statement

	// statement is a chain of pipelines with && and || between them.
	statement struct {
		chain      []link
		background bool
	}
	link struct {
		or       bool // it runs if what was before failed; otherwise if it did not
		pipeline pipeline
	}
	pipeline struct {
		not      bool
		commands []command
	}
	// command is a simple one, or a compound one: exactly one of the first is set.
	command struct {
		words  []word
		assign []assignment
		body   script // of a group, a loop or an if
		kind   string // "{", "(", "while", "until", "if", "for"
		test   script // of a loop or an if
		other  script // of an if: its else
		name   string // of a for
		redirs []redir
	}
	assignment struct {
		name  string
		value word
	}
	redir struct {
		fd     int
		op     string // "<", ">", ">>", ">&", "<<"
		target word
	}
	// word is text in pieces that expand differently.
	word  []piece
	piece struct {
		text   string
		kind   byte // 0 for text, '$' for a variable, '(' for a command, '+' for arithmetic
		quoted bool
	}
)

// parser reads a script.
type parser struct {
	text  string
	at    int
	depth int
}

type syntaxError string

func (e syntaxError) Error() string { return "syntax error: " + string(e) }

// parse reads a whole script.
func parse(text string) (s script, err error) {
	defer func() {
		if r := recover(); r != nil {
			wrong, ok := r.(syntaxError)
			if !ok {
				panic(r)
			}
			err = wrong
		}
	}()
	p := &parser{text: text}
	s = p.script()
	if p.skip(); p.at < len(p.text) {
		p.fail("unexpected %q", p.rest(10))
	}
	return s, nil
}

func (p *parser) fail(format string, args ...any) { panic(syntaxError(fmt.Sprintf(format, args...))) }

func (p *parser) rest(n int) string { return p.text[p.at:min(len(p.text), p.at+n)] }

// blanks passes over spaces and comments.
func (p *parser) blanks() {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ' ' || c == '\t' || c == '\r':
			p.at++
		case c == '\\' && p.rest(2) == "\\\n":
			p.at += 2
		case c == '#':
			for p.at < len(p.text) && p.text[p.at] != '\n' {
				p.at++
			}
		default:
			return
		}
	}
}

// skip passes over blanks and ends of lines.
func (p *parser) skip() {
	for p.blanks(); p.at < len(p.text) && p.text[p.at] == '\n'; p.blanks() {
		p.at++
	}
}

// take passes over an operator.
func (p *parser) take(op string) bool {
	p.blanks()
	if !strings.HasPrefix(p.text[p.at:], op) {
		return false
	}
	p.at += len(op)
	return true
}

// reserved passes over a reserved word.
func (p *parser) reserved(name string) bool {
	p.skip()
	if !p.ahead(name) {
		return false
	}
	p.at += len(name)
	return true
}

func (p *parser) ahead(name string) bool {
	rest, ok := strings.CutPrefix(p.text[p.at:], name)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], " \t\r\n;&|()"))
}

func (p *parser) expect(name string) {
	if !p.reserved(name) {
		p.fail("%q expected before %q", name, p.rest(10))
	}
}

var closers = []string{"then", "else", "elif", "fi", "do", "done", "}"}

func (p *parser) script() script {
	if p.depth++; p.depth > 100 {
		p.fail("nested too deep")
	}
	defer func() { p.depth-- }()
	var s script
	for {
		p.skip()
		if p.at == len(p.text) || p.text[p.at] == ')' {
			return s
		}
		for _, closer := range closers {
			if p.ahead(closer) {
				return s
			}
		}
		st := statement{chain: p.chain()}
		switch p.blanks(); {
		case p.take(";"):
		case p.at < len(p.text) && p.text[p.at] == '&':
			p.at++
			st.background = true
		}
		s = append(s, st)
	}
}

func (p *parser) chain() []link {
	links := []link{{pipeline: p.pipeline()}}
	for {
		switch {
		case p.take("&&"):
			p.skip()
			links = append(links, link{pipeline: p.pipeline()})
		case p.take("||"):
			p.skip()
			links = append(links, link{or: true, pipeline: p.pipeline()})
		default:
			return links
		}
	}
}

func (p *parser) pipeline() pipeline {
	var line pipeline
	if p.blanks(); p.ahead("!") {
		p.at++
		line.not = true
	}
	for {
		line.commands = append(line.commands, p.command())
		p.blanks()
		if p.rest(2) == "||" || !p.take("|") {
			return line
		}
		p.skip()
	}
}

func (p *parser) command() command {
	var c command
	p.blanks()
	switch {
	case p.at < len(p.text) && p.text[p.at] == '(':
		p.at++
		c.kind, c.body = "(", p.script()
		p.expectByte(')')
	case p.reserved("{"):
		c.kind, c.body = "{", p.script()
		p.expect("}")
	case p.reserved("if"):
		c.kind = "if"
		p.branches(&c)
	case p.ahead("while"), p.ahead("until"):
		c.kind = p.rest(5)
		p.at += 5
		c.test = p.script()
		p.expect("do")
		c.body = p.script()
		p.expect("done")
	case p.reserved("for"):
		p.loop(&c)
	default:
		p.simple(&c)
		return c
	}
	for p.redirection(&c) {
	}
	return c
}

// definition reads the body of a function whose name and brackets were read.
func (p *parser) definition(c *command) {
	p.skip()
	body := p.command()
	if body.kind == "" {
		p.fail("a function without { }")
	}
	c.kind, c.name, c.words = "()", c.words[0].plain(), nil
	c.body = script{{chain: []link{{pipeline: pipeline{commands: []command{body}}}}}}
}

// plain is the text of a word that does not expand.
func (w word) plain() string {
	text := ""
	for _, p := range w {
		text += p.text
	}
	return text
}

func (p *parser) expectByte(b byte) {
	if p.skip(); p.at == len(p.text) || p.text[p.at] != b {
		p.fail("%q expected", b)
	}
	p.at++
}

// branches reads an if after its first word.
func (p *parser) branches(c *command) {
	c.test = p.script()
	p.expect("then")
	c.body = p.script()
	switch {
	case p.reserved("elif"):
		inner := command{kind: "if"}
		p.branches(&inner)
		c.other = script{{chain: []link{{pipeline: pipeline{commands: []command{inner}}}}}}
		return
	case p.reserved("else"):
		c.other = p.script()
	}
	p.expect("fi")
}

func (p *parser) loop(c *command) {
	c.kind = "for"
	p.blanks()
	start := p.at
	for p.at < len(p.text) && nameByte(p.text[p.at]) {
		p.at++
	}
	c.name = p.text[start:p.at]
	if p.reserved("in") {
		for {
			w, ok := p.word()
			if !ok {
				break
			}
			c.words = append(c.words, w)
		}
	} else {
		c.words = []word{{{text: "@", kind: '$', quoted: true}}}
	}
	p.take(";")
	p.expect("do")
	c.body = p.script()
	p.expect("done")
}

func (p *parser) simple(c *command) {
	for {
		if p.redirection(c) {
			continue
		}
		w, ok := p.word()
		if !ok {
			break
		}
		if name, value, ok := w.assignment(); ok && len(c.words) == 0 {
			c.assign = append(c.assign, assignment{name, value})
			continue
		}
		c.words = append(c.words, w)
		if len(c.words) == 1 && strings.HasPrefix(p.text[p.at:], "()") {
			p.at += 2
			p.definition(c)
			return
		}
	}
	if len(c.words)+len(c.assign)+len(c.redirs) == 0 {
		p.fail("unexpected %q", p.rest(10))
	}
}

// assignment takes NAME=value apart.
func (w word) assignment() (string, word, bool) {
	if len(w) == 0 || w[0].kind != 0 || w[0].quoted {
		return "", nil, false
	}
	name, value, ok := strings.Cut(w[0].text, "=")
	if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r > 127 || !nameByte(byte(r)) }) {
		return "", nil, false
	}
	rest := append(word{{text: value}}, w[1:]...)
	return name, rest, true
}

func nameByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// redirection reads one, if one is there.
func (p *parser) redirection(c *command) bool {
	p.blanks()
	start, r := p.at, redir{fd: -1}
	if p.at+1 < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' && strings.IndexByte("<>", p.text[p.at+1]) >= 0 {
		r.fd = int(p.text[p.at] - '0')
		p.at++
	}
	for _, op := range []string{">>", ">&", "<<", "<", ">"} {
		if strings.HasPrefix(p.text[p.at:], op) {
			r.op = op
			p.at += len(op)
			break
		}
	}
	if r.op == "" {
		p.at = start
		return false
	}
	if r.fd < 0 {
		if r.fd = 1; r.op[0] == '<' {
			r.fd = 0
		}
	}
	target, ok := p.word()
	if !ok {
		p.fail("a redirection to nothing")
	}
	if r.target = target; r.op == "<<" {
		p.document(&r)
	}
	c.redirs = append(c.redirs, r)
	return true
}

// document reads the lines that follow for a <<.
func (p *parser) document(r *redir) {
	end := r.target.plain()
	_, rest, _ := strings.Cut(p.text[p.at:], "\n")
	head := p.text[:len(p.text)-len(rest)]
	body, tail, ok := strings.Cut(rest, end+"\n")
	if !ok {
		if body, ok = strings.CutSuffix(rest, end); !ok {
			p.fail("no end of the document %q", end)
		}
		tail = ""
	}
	p.text = head + tail
	inner := &parser{text: body}
	r.target = inner.quotedUntil(0)
}

// word reads a word, if one is there.
func (p *parser) word() (word, bool) {
	p.blanks()
	var w word
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case strings.IndexByte(" \t\r\n;&|()<>", c) >= 0:
			return w, p.at > start
		case c == '\'':
			end := strings.IndexByte(p.text[p.at+1:], '\'')
			if end < 0 {
				p.fail("no end of a quotation")
			}
			w = append(w, piece{text: p.text[p.at+1 : p.at+1+end], quoted: true})
			p.at += end + 2
		case c == '"':
			p.at++
			w = append(w, p.quotedUntil('"')...)
		case c == '\\' && p.at+1 < len(p.text):
			w = append(w, piece{text: p.text[p.at+1 : p.at+2], quoted: true})
			p.at += 2
		case c == '$' || c == '`':
			w = append(w, p.dollar(false))
		default:
			w = w.add(c, false)
			p.at++
		}
	}
	return w, p.at > start
}

// add appends a byte to the last piece of plain text.
func (w word) add(c byte, quoted bool) word {
	if n := len(w) - 1; n >= 0 && w[n].kind == 0 && w[n].quoted == quoted {
		w[n].text += string([]byte{c})
		return w
	}
	return append(w, piece{text: string([]byte{c}), quoted: quoted})
}

// quotedUntil reads quoted text to its end, 0 for the end of all.
func (p *parser) quotedUntil(end byte) word {
	w := word{{quoted: true}}
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == end && end != 0:
			p.at++
			return w
		case c == '\\' && p.at+1 < len(p.text) && strings.IndexByte("\"\\$`\n", p.text[p.at+1]) >= 0:
			if p.text[p.at+1] != '\n' {
				w = w.add(p.text[p.at+1], true)
			}
			p.at += 2
		case c == '$' || c == '`':
			w = append(w, p.dollar(true))
		default:
			w = w.add(c, true)
			p.at++
		}
	}
	if end != 0 {
		p.fail("no end of a quotation")
	}
	return w
}

// dollar reads $NAME, ${…}, $(…), $((…)) or `…`.
func (p *parser) dollar(quoted bool) piece {
	if p.text[p.at] == '`' {
		end := strings.IndexByte(p.text[p.at+1:], '`')
		if end < 0 {
			p.fail("no end of a `")
		}
		inner := p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
		return piece{inner, '(', quoted}
	}
	p.at++
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, "(("):
		inner := p.nested('(', ')')
		return piece{strings.TrimSuffix(strings.TrimPrefix(inner, "("), ")"), '+', quoted}
	case strings.HasPrefix(rest, "("):
		return piece{p.nested('(', ')'), '(', quoted}
	case strings.HasPrefix(rest, "{"):
		return piece{p.nested('{', '}'), '$', quoted}
	case rest != "" && strings.IndexByte("?$!#@*0123456789-", rest[0]) >= 0:
		p.at++
		return piece{rest[:1], '$', quoted}
	}
	n := 0
	for n < len(rest) && nameByte(rest[n]) {
		n++
	}
	p.at += n
	if n == 0 {
		return piece{"$", 0, quoted}
	}
	return piece{rest[:n], '$', quoted}
}

// nested reads what is between brackets, quotations in it left alone.
func (p *parser) nested(open, closing byte) string {
	depth, start := 0, p.at+1
	for quote := byte(0); p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\':
			p.at++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == open:
			depth++
		case c == closing:
			if depth--; depth == 0 {
				p.at++
				return p.text[start : p.at-1]
			}
		}
	}
	p.fail("no end of a %q", open)
	return ""
}
