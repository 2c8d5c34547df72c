package enginetest

import (
	"io"
	"regexp"
	"strconv"
	"strings"
)

// basic turns a basic regular expression into one of Go's.
func basic(pattern string, extended bool) (*regexp.Regexp, error) {
	if extended {
		return regexp.Compile(pattern)
	}
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && strings.IndexByte("(){}|+?", pattern[i+1]) >= 0:
			i++
			out.WriteByte(pattern[i])
		case c == '\\' && i+1 < len(pattern):
			out.WriteString(pattern[i : i+2])
			i++
		case strings.IndexByte("(){}|+?", c) >= 0:
			out.WriteString(`\` + string(rune(c)))
		default:
			out.WriteByte(c)
		}
	}
	return regexp.Compile(out.String())
}

func grep(a *applet) int {
	set := a.flags("em")
	pattern := set['e']
	if pattern == "" && len(a.args) > 0 {
		pattern, a.args = a.args[0], a.args[1:]
	}
	if set['F'] != "" {
		pattern = regexp.QuoteMeta(pattern)
	}
	if set['i'] != "" {
		pattern = "(?i)" + pattern
	}
	form, err := basic(pattern, set['E'] != "" || set['F'] != "" || set['i'] != "")
	if err != nil {
		return a.wrong("bad regex '%s'", pattern)
	}
	found := 0
	code := a.lines(func(line string) bool {
		if form.MatchString(line) == (set['v'] != "") {
			return true
		}
		found++
		switch {
		case set['q'] != "":
			return false
		case set['o'] != "":
			a.say("%s\n", form.FindString(line))
		case set['c'] == "":
			a.say("%s\n", line)
		}
		return set['m'] != strconv.Itoa(found)
	})
	if set['c'] != "" {
		a.say("%d\n", found)
	}
	if code == 0 && found == 0 {
		return 1
	}
	return code
}

// sed knows s, d, p and q, with a line's number or /form/ before them.
func sed(a *applet) int {
	set := a.flags("e")
	text := set['e']
	if text == "" && len(a.args) > 0 {
		text, a.args = a.args[0], a.args[1:]
	}
	var edits []sedEdit
	for part := range strings.SplitSeq(text, ";") {
		e, err := parseSed(strings.TrimSpace(part), set['E']+set['r'] != "")
		if err != nil {
			return a.wrong("unsupported command %s", part)
		}
		edits = append(edits, e)
	}
	n := 0
	return a.lines(func(line string) bool {
		n++
		keep, print, more := true, false, true
		for _, e := range edits {
			if e.line != 0 && e.line != n || e.where != nil && !e.where.MatchString(line) {
				continue
			}
			switch e.verb {
			case 'd':
				keep = false
			case 'p':
				print = true
			case 'q':
				more = false
			case 's':
				if e.form.MatchString(line) {
					line, print = e.replace(line), print || e.print
				}
			}
		}
		if keep && set['n'] == "" {
			a.say("%s\n", line)
		}
		if print {
			a.say("%s\n", line)
		}
		return more
	})
}

// sedEdit is a command of sed.
type sedEdit struct {
	line       int
	where      *regexp.Regexp
	verb       byte
	form       *regexp.Regexp
	with       string
	all, print bool
}

func (e *sedEdit) replace(line string) string {
	if e.all {
		return e.form.ReplaceAllString(line, e.with)
	}
	at := e.form.FindStringSubmatchIndex(line)
	return line[:at[0]] + string(e.form.ExpandString(nil, e.with, line, at)) + line[at[1]:]
}

func parseSed(text string, extended bool) (e sedEdit, err error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if digits > 0 {
		e.line, err = strconv.Atoi(text[:digits])
		text = text[digits:]
	} else if strings.HasPrefix(text, "/") {
		form, rest, ok := strings.Cut(text[1:], "/")
		if !ok {
			return e, io.ErrUnexpectedEOF
		}
		e.where, err = basic(form, extended)
		text = rest
	}
	if err != nil || text == "" {
		return e, io.ErrUnexpectedEOF
	}
	if e.verb = text[0]; e.verb != 's' {
		if len(text) > 1 || strings.IndexByte("dpq", e.verb) < 0 {
			err = io.ErrUnexpectedEOF
		}
		return e, err
	}
	parts := strings.Split(text[1:], text[1:min(2, len(text))])
	if len(parts) != 4 {
		return e, io.ErrUnexpectedEOF
	}
	e.all, e.print = strings.Contains(parts[3], "g"), strings.Contains(parts[3], "p")
	e.with = regexp.MustCompile(`\\([0-9])`).ReplaceAllString(strings.ReplaceAll(strings.ReplaceAll(parts[2], "$", "$$"), "&", "${0}"), "$${$1}")
	e.form, err = basic(parts[1], extended)
	return e, err
}
