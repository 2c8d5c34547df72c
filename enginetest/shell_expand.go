package enginetest

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
)

// expandAll makes the arguments of words: variables, commands, fields, patterns.
func (sh *shell) expandAll(words []word) []string {
	var args []string
	for _, w := range words {
		for _, f := range sh.fields(w) {
			args = append(args, sh.glob(f)...)
		}
	}
	return args
}

// field is an argument in the making.
type field struct {
	text    string
	pattern bool // an unquoted * or ? is in it
}

func (sh *shell) fields(w word) []field {
	var fields []field
	var now field
	open := false
	end := func() {
		if open {
			fields = append(fields, now)
		}
		now, open = field{}, false
	}
	for i, p := range w {
		if p.kind == '$' && p.text == "@" && p.quoted {
			for n, arg := range sh.args[min(1, len(sh.args)):] {
				if n > 0 {
					end()
				}
				now.text, open = now.text+arg, true
			}
			continue
		}
		text := p.text
		if i == 0 && p.kind == 0 && !p.quoted && (text == "~" || strings.HasPrefix(text, "~/")) {
			text = sh.env["HOME"] + text[1:]
		}
		if p.kind != 0 {
			text = sh.value(p)
		}
		if p.quoted || p.kind == 0 {
			now.text, open = now.text+text, true
			now.pattern = now.pattern || !p.quoted && strings.ContainsAny(text, "*?[")
			continue
		}
		for n, part := range strings.FieldsFunc(" "+text+" ", func(r rune) bool { return strings.ContainsRune(" \t\n", r) }) {
			if n > 0 || open && strings.TrimLeft(text, " \t\n") != text {
				end()
			}
			now.text, open = now.text+part, true
		}
		if open && text != "" && strings.TrimRight(text, " \t\n") != text {
			end()
		}
	}
	end()
	return fields
}

// expand makes one string of a word.
func (sh *shell) expand(w word) string {
	var text strings.Builder
	for _, p := range w {
		if p.kind == 0 {
			text.WriteString(p.text)
		} else {
			text.WriteString(sh.value(p))
		}
	}
	return text.String()
}

// value is what a variable, a command or arithmetic stands for.
func (sh *shell) value(p piece) string {
	switch p.kind {
	case '(':
		var out bytes.Buffer
		streams := sh.io
		streams.out = &out
		sub := sh.sub(sh.ctx)
		sh.last = sub.source(p.text, streams)
		return strings.TrimRight(out.String(), "\n")
	case '+':
		a := arithmetic{sh: sh, text: p.text}
		return strconv.FormatInt(a.expression(0), 10)
	}
	return sh.variable(p.text)
}

// variable is $NAME, or ${NAME:-word} and its like.
func (sh *shell) variable(text string) string {
	if length, ok := strings.CutPrefix(text, "#"); ok && length != "" {
		return strconv.Itoa(len(sh.variable(length)))
	}
	n := 0
	for n < len(text) && nameByte(text[n]) {
		n++
	}
	if n == 0 && text != "" {
		n = 1
	}
	name, op := text[:n], text[n:]
	value, set := sh.lookup(name)
	if op == "" {
		return value
	}
	colon := strings.HasPrefix(op, ":")
	op = strings.TrimPrefix(op, ":")
	missing := !set || colon && value == ""
	operand := func(s string) string {
		inner := &parser{text: s}
		return sh.expand(inner.quotedUntil(0))
	}
	switch op[:min(1, len(op))] {
	case "-":
		if missing {
			return operand(op[1:])
		}
	case "=":
		if missing {
			value = operand(op[1:])
			sh.env[name] = value
		}
	case "+":
		if missing {
			return ""
		}
		return operand(op[1:])
	case "%", "#":
		return trimmed(value, op[:1], operand(op[1:]))
	}
	return value
}

// trimmed takes a pattern off an end of a value; a doubled operator takes off the most.
func trimmed(value, op, pattern string) string {
	most := strings.HasPrefix(pattern, op)
	pattern = strings.TrimPrefix(pattern, op)
	cuts := make([]int, len(value)+1)
	for i := range cuts {
		cuts[i] = i
	}
	if (op == "#") == most {
		slices.Reverse(cuts)
	}
	for _, i := range cuts {
		if op == "#" && matches(pattern, value[:i]) {
			return value[i:]
		}
		if op == "%" && matches(pattern, value[len(value)-(len(value)-i):]) {
			return value[:i]
		}
	}
	return value
}

func (sh *shell) lookup(name string) (string, bool) {
	switch name {
	case "?":
		return strconv.Itoa(sh.last), true
	case "$":
		return strconv.Itoa(sh.main.pid), true
	case "#":
		return strconv.Itoa(max(0, len(sh.args)-1)), true
	case "@", "*":
		return strings.Join(sh.args[min(1, len(sh.args)):], " "), len(sh.args) > 1
	case "PWD":
		return sh.dir, true
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n < len(sh.args) {
			return sh.args[n], true
		}
		return "", false
	}
	value, ok := sh.env[name]
	return value, ok
}

// glob finds the files of a pattern; one without any stands for itself.
func (sh *shell) glob(f field) []string {
	if !f.pattern {
		return []string{f.text}
	}
	found := []string{""}
	if strings.HasPrefix(f.text, "/") {
		found = []string{"/"}
	}
	for element := range strings.SplitSeq(strings.Trim(f.text, "/"), "/") {
		var next []string
		for _, dir := range found {
			entries, err := sh.p.Files.ReadDir(sh.path(dir))
			if err != nil {
				continue
			}
			for _, entry := range entries {
				if name := entry.Name(); matches(element, name) && (name[0] != '.' || element[0] == '.') {
					next = append(next, path.Join(dir, name))
				}
			}
		}
		found = next
	}
	if len(found) == 0 {
		return []string{f.text}
	}
	return found
}

// arithmetic reckons with whole numbers.
type arithmetic struct {
	sh   *shell
	text string
	at   int
}

var arithmeticOps = [][]string{{"||"}, {"&&"}, {"==", "!="}, {"<=", ">=", "<", ">"}, {"+", "-"}, {"*", "/", "%"}}

func (a *arithmetic) spaces() {
	for a.at < len(a.text) && strings.IndexByte(" \t\n", a.text[a.at]) >= 0 {
		a.at++
	}
}

func (a *arithmetic) take(ops ...string) string {
	a.spaces()
	for _, op := range ops {
		if strings.HasPrefix(a.text[a.at:], op) {
			a.at += len(op)
			return op
		}
	}
	return ""
}

func (a *arithmetic) expression(level int) int64 {
	if level == len(arithmeticOps) {
		return a.operand()
	}
	x := a.expression(level + 1)
	for {
		op := a.take(arithmeticOps[level]...)
		if op == "" {
			return x
		}
		x = reckon(op, x, a.expression(level+1))
	}
}

func reckon(op string, x, y int64) int64 {
	truth := map[string]bool{
		"||": x != 0 || y != 0, "&&": x != 0 && y != 0, "==": x == y, "!=": x != y, "<=": x <= y, ">=": x >= y, "<": x < y, ">": x > y,
	}
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/", "%":
		if y == 0 {
			return 0
		}
		if op == "/" {
			return x / y
		}
		return x % y
	}
	if truth[op] {
		return 1
	}
	return 0
}

func (a *arithmetic) operand() int64 {
	switch a.take("(", "-", "!", "$") {
	case "(":
		x := a.expression(0)
		a.take(")")
		return x
	case "-":
		return -a.operand()
	case "!":
		return reckon("==", a.operand(), 0)
	}
	start := a.at
	for a.at < len(a.text) && (nameByte(a.text[a.at]) || strings.IndexByte("{}#?", a.text[a.at]) >= 0) {
		a.at++
	}
	name := strings.Trim(a.text[start:a.at], "{}")
	if n, err := strconv.ParseInt(name, 0, 64); err == nil && (start == 0 || a.text[start-1] != '$') {
		return n
	}
	n, _ := strconv.ParseInt(a.sh.variable(name), 0, 64) //nolint:errcheck // what is no number is 0
	return n
}
