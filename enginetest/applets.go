package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// applet is a program of busybox that runs.
type applet struct {
	*shell
	stdio
	ctx  context.Context
	name string
	args []string
}

// applets are the programs of busybox.
var applets map[string]func(*applet) int

func init() {
	applets = map[string]func(*applet) int{
		"true": func(*applet) int { return 0 }, "false": func(*applet) int { return 1 },
		"echo": echo, "printf": printf, "cat": cat, "sleep": sleep, "env": env, "printenv": env, "pwd": pwd, "test": test, "[": test,
		"seq": seq, "yes": yes, "head": head, "tail": tail, "wc": wc, "grep": grep, "sed": sed, "tr": tr, "sort": sort, "uniq": uniq, "tee": tee,
		"date": date, "id": id, "whoami": id, "hostname": hostname, "uname": uname, "basename": basename, "dirname": basename,
		"expr": expr, "stty": stty, "tty": tty, "ps": ps, "sync": nothing, "clear": nothing,
		"ls": ls, "mkdir": mkdir, "rmdir": rm, "rm": rm, "touch": touch, "ln": ln, "cp": cp, "mv": cp, "chmod": chmod, "stat": stat,
		"readlink": readlink, "find": find, "dd": dd, "usleep": sleep, "nproc": nproc, "xargs": xargs, "timeout": timeout,
	}
}

func nothing(*applet) int { return 0 }

// say writes to the output; a process that nobody reads any more does not care.
func (a *applet) say(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// wrong complains and gives exit code 1.
func (a *applet) wrong(format string, args ...any) int {
	fmt.Fprintf(a.err, a.name+": "+format+"\n", args...)
	return 1
}

// flags takes the options off the arguments: single letters, those with a value named.
func (a *applet) flags(valued string) map[byte]string {
	set := make(map[byte]string)
	for len(a.args) > 0 && len(a.args[0]) > 1 && a.args[0][0] == '-' {
		arg := a.args[0][1:]
		if a.args = a.args[1:]; arg == "-" {
			break
		}
		for i := range len(arg) {
			if strings.IndexByte(valued, arg[i]) < 0 {
				set[arg[i]] = "1"
				continue
			}
			value := arg[i+1:]
			if value == "" && len(a.args) > 0 {
				value, a.args = a.args[0], a.args[1:]
			}
			set[arg[i]] = value
			break
		}
	}
	return set
}

func echo(a *applet) int {
	args, end, escapes := a.args, "\n", false
	for len(args) > 0 && (args[0] == "-n" || args[0] == "-e" || args[0] == "-ne" || args[0] == "-en") {
		escapes = escapes || strings.Contains(args[0], "e")
		if strings.Contains(args[0], "n") {
			end = ""
		}
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		text = unescape(text)
	}
	io.WriteString(a.out, text+end) //nolint:errcheck // nobody listens
	return 0
}

// unescape replaces \n and its like.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		if at := strings.IndexByte(`abfnrtv\e`, text[i]); at >= 0 {
			out.WriteByte("\a\b\f\n\r\t\v\\\x1b"[at])
			continue
		}
		n := 0
		for n < 4 && i+n < len(text) && text[i+n] >= '0' && text[i+n] <= '7' {
			n++
		}
		if code, err := strconv.ParseUint(text[i:i+n], 8, 8); err == nil {
			out.WriteByte(byte(code))
			i += n - 1
		} else {
			out.WriteString(`\` + text[i:i+1])
		}
	}
	return out.String()
}

func printf(a *applet) int {
	if len(a.args) == 0 {
		return a.wrong("usage: printf FORMAT [ARG]...")
	}
	format, args := unescape(a.args[0]), a.args[1:]
	next := func() string {
		if len(args) == 0 {
			return ""
		}
		arg := args[0]
		args = args[1:]
		return arg
	}
	for first := true; first || len(args) > 0; first = false {
		before := len(args)
		a.formatted(format, next)
		if len(args) == before {
			break
		}
	}
	return 0
}

func (a *applet) formatted(format string, next func() string) {
	for {
		text, rest, ok := strings.Cut(format, "%")
		io.WriteString(a.out, text) //nolint:errcheck // nobody listens
		if !ok {
			return
		}
		n := strings.IndexFunc(rest, func(r rune) bool { return strings.ContainsRune("sdiuxXoc%b", r) })
		if n < 0 {
			return
		}
		form, verb := "%"+rest[:n], rest[n]
		format = rest[n+1:]
		switch verb {
		case '%':
			a.say("%%")
		case 's', 'c':
			a.say(form+"s", next())
		case 'b':
			a.say(form+"s", unescape(next()))
		default:
			number, _ := strconv.ParseInt(next(), 0, 64) //nolint:errcheck // what is no number is 0
			a.say(form+string(strings.Replace(string(verb), "i", "d", 1)[0]), number)
		}
	}
}

// inputs calls f for the files that the arguments name, or the input.
func (a *applet) inputs(f func(name string, content io.Reader) error) int {
	names := a.args
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		var r io.Reader = a.in
		if name != "-" {
			content, err := a.read(name)
			if err != nil {
				code = a.wrong("%s", strings.Replace(err.Error(), "open "+name+":", "open '"+name+"':", 1))
				continue
			}
			r = bytes.NewReader(content)
		}
		if err := f(name, r); err != nil {
			return 1
		}
	}
	return code
}

func cat(a *applet) int {
	a.flags("")
	return a.inputs(func(_ string, r io.Reader) error { return copyUntil(a.ctx, a.out, r) })
}

func sleep(a *applet) int {
	var total time.Duration
	for _, arg := range a.args {
		text := arg
		if strings.Trim(text, "0123456789.") == "" {
			text += "s"
		}
		if days, ok := strings.CutSuffix(text, "d"); ok {
			n, _ := strconv.Atoi(days) //nolint:errcheck // what is no number is 0
			total += time.Duration(n) * 24 * time.Hour
			continue
		}
		if text == "infinitys" || text == "infinity" {
			text = "1000000h"
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return a.wrong("invalid number '%s'", arg)
		}
		total += d
	}
	if a.name == "usleep" {
		total /= 1_000_000
	}
	timer := time.NewTimer(total)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 0
	case <-a.ctx.Done():
		return 1
	}
}

func env(a *applet) int {
	if a.name == "printenv" && len(a.args) > 0 {
		value, ok := a.env[a.args[0]]
		if !ok {
			return 1
		}
		a.say("%s\n", value)
		return 0
	}
	sub := a.sub(a.ctx)
	for len(a.args) > 0 {
		name, value, ok := strings.Cut(a.args[0], "=")
		if !ok {
			return sub.apply(a.args, a.stdio)
		}
		sub.env[name], a.args = value, a.args[1:]
	}
	all := sub.environ()
	slices.Sort(all)
	for _, entry := range all {
		a.say("%s\n", entry)
	}
	return 0
}

func pwd(a *applet) int {
	a.say("%s\n", a.dir)
	return 0
}

func seq(a *applet) int {
	n := []int{1, 1, 1}
	for i, arg := range a.args {
		v, err := strconv.Atoi(arg)
		if err != nil || i > 2 {
			return a.wrong("invalid number '%s'", arg)
		}
		n[i] = v
	}
	from, step, to := 1, 1, n[0]
	switch len(a.args) {
	case 2:
		from, to = n[0], n[1]
	case 3:
		from, step, to = n[0], n[1], n[2]
	}
	var out bytes.Buffer
	for i := from; step > 0 && i <= to || step < 0 && i >= to; i += step {
		fmt.Fprintln(&out, i)
		if out.Len() > 32<<10 {
			if _, err := a.out.Write(out.Bytes()); err != nil {
				return 1
			}
			out.Reset()
		}
	}
	a.out.Write(out.Bytes()) //nolint:errcheck // nobody listens
	return 0
}

func yes(a *applet) int {
	text := "y"
	if len(a.args) > 0 {
		text = strings.Join(a.args, " ")
	}
	lines := []byte(strings.Repeat(text+"\n", 100))
	for a.ctx.Err() == nil {
		if _, err := a.out.Write(lines); err != nil {
			return 1
		}
	}
	return 1
}

func tee(a *applet) int {
	more := a.flags("")['a'] != ""
	writers := []io.Writer{a.out}
	for _, name := range a.args {
		w, err := a.create(name, more)
		if err != nil {
			return a.wrong("%v", err)
		}
		writers = append(writers, w)
	}
	if copyUntil(a.ctx, io.MultiWriter(writers...), a.in) != nil {
		return 1
	}
	return 0
}

func date(a *applet) int {
	now := time.Now().UTC()
	for _, arg := range a.args {
		switch arg {
		case "+%s":
			a.say("%d\n", now.Unix())
			return 0
		case "+%Y":
			a.say("%d\n", now.Year())
			return 0
		}
	}
	a.say("%s\n", now.Format("Mon Jan  2 15:04:05 MST 2006"))
	return 0
}

// user is the name and the number of the one that the process runs as.
func (a *applet) user() (name string, uid int) {
	text, _, _ := strings.Cut(a.p.User, ":")
	n, err := strconv.Atoi(text)
	content, _ := a.p.Files.ReadFile("/etc/passwd") //nolint:errcheck // none is empty
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(line, ":")
		if len(fields) < 3 {
			continue
		}
		if fields[0] == text || err == nil && fields[2] == text || text == "" && fields[2] == "0" {
			uid, _ := strconv.Atoi(fields[2]) //nolint:errcheck // 0 is root
			return fields[0], uid
		}
	}
	if text == "" {
		return "root", 0
	}
	return text, n
}

func id(a *applet) int {
	name, uid := a.user()
	set := a.flags("")
	switch {
	case a.name == "whoami", set['n'] != "":
		a.say("%s\n", name)
	case len(set) > 0:
		a.say("%d\n", uid)
	default:
		a.say("uid=%d(%s) gid=%d(%s)\n", uid, name, uid, name)
	}
	return 0
}

func hostname(a *applet) int {
	a.say("%s\n", a.p.Hostname)
	return 0
}

func uname(a *applet) int {
	set := a.flags("")
	switch {
	case set['a'] != "":
		a.say("Linux %s %s enginetest x86_64 GNU/Linux\n", a.p.Hostname, kernel)
	case set['m'] != "":
		a.say("x86_64\n")
	case set['r'] != "":
		a.say("%s\n", kernel)
	case set['n'] != "":
		a.say("%s\n", a.p.Hostname)
	default:
		a.say("Linux\n")
	}
	return 0
}

func nproc(a *applet) int {
	a.say("2\n")
	return 0
}

func basename(a *applet) int {
	if len(a.args) == 0 {
		return a.wrong("missing operand")
	}
	if a.name == "dirname" {
		a.say("%s\n", path.Dir(a.args[0]))
		return 0
	}
	name := path.Base(a.args[0])
	if len(a.args) > 1 {
		name = strings.TrimSuffix(name, a.args[1])
	}
	a.say("%s\n", name)
	return 0
}

func expr(a *applet) int {
	n := arithmetic{sh: a.shell, text: strings.Join(a.args, " ")}
	value := n.expression(0)
	a.say("%d\n", value)
	if value == 0 {
		return 1
	}
	return 0
}

func stty(a *applet) int {
	if !a.p.TTY {
		return a.wrong("standard input: Not a tty")
	}
	if len(a.args) > 0 && a.args[0] == "size" {
		size := a.p.Size()
		a.say("%d %d\n", size.Height, size.Width)
	}
	return 0
}

func tty(a *applet) int {
	if !a.p.TTY {
		a.say("not a tty\n")
		return 1
	}
	a.say("/dev/pts/0\n")
	return 0
}

func ps(a *applet) int {
	name, _ := a.user()
	a.say("PID   USER     TIME  COMMAND\n    1 %-8s  0:00 %s\n", name, strings.Join(a.p.Args, " "))
	return 0
}

func timeout(a *applet) int {
	a.flags("sk")
	if len(a.args) < 2 {
		return a.wrong("usage: timeout SECS PROG ARGS")
	}
	limit, err := time.ParseDuration(strings.TrimSuffix(a.args[0], "s") + "s")
	if err != nil {
		return a.wrong("invalid number '%s'", a.args[0])
	}
	ctx, cancel := context.WithTimeout(a.ctx, limit)
	defer cancel()
	sub := a.sub(ctx)
	code, _ := sub.try(func() int { return sub.apply(a.args[1:], a.stdio) })
	if ctx.Err() != nil && a.ctx.Err() == nil {
		return 143
	}
	return code
}

func xargs(a *applet) int {
	content, err := io.ReadAll(a.in)
	if err != nil {
		return 1
	}
	args := a.args
	if len(args) == 0 {
		args = []string{"echo"}
	}
	return a.sub(a.ctx).apply(append(slices.Clone(args), strings.Fields(string(content))...), a.stdio)
}

func test(a *applet) int {
	args := a.args
	if a.name == "[" {
		if len(args) == 0 || args[len(args)-1] != "]" {
			a.wrong("missing ]")
			return 2
		}
		args = args[:len(args)-1]
	}
	if a.holds(args) {
		return 0
	}
	return 1
}

// holds evaluates a test.
func (a *applet) holds(args []string) bool {
	for i, arg := range args {
		if arg == "-o" && i > 0 {
			return a.holds(args[:i]) || a.holds(args[i+1:])
		}
	}
	for i, arg := range args {
		if arg == "-a" && i > 0 {
			return a.holds(args[:i]) && a.holds(args[i+1:])
		}
	}
	switch {
	case len(args) == 0:
		return false
	case args[0] == "!":
		return !a.holds(args[1:])
	case len(args) == 1:
		return args[0] != ""
	case len(args) == 2:
		return a.fileTest(args[0], args[1])
	}
	x, y := args[0], args[2]
	m, _ := strconv.ParseInt(x, 10, 64) //nolint:errcheck // what is no number is 0
	n, _ := strconv.ParseInt(y, 10, 64) //nolint:errcheck // what is no number is 0
	switch args[1] {
	case "=", "==":
		return x == y
	case "!=":
		return x != y
	case "-eq":
		return m == n
	case "-ne":
		return m != n
	case "-lt":
		return m < n
	case "-le":
		return m <= n
	case "-gt":
		return m > n
	case "-ge":
		return m >= n
	}
	return false
}

func (a *applet) fileTest(op, name string) bool {
	switch op {
	case "-n":
		return name != ""
	case "-z":
		return name == ""
	case "-t":
		return a.p.TTY
	case "-L", "-h":
		info, err := a.p.Files.Lstat(a.path(name))
		return err == nil && info.Mode()&fs.ModeSymlink != 0
	}
	info, err := a.p.Files.Stat(a.path(name))
	if err != nil {
		return false
	}
	switch op {
	case "-f":
		return info.Mode().IsRegular()
	case "-d":
		return info.IsDir()
	case "-s":
		return info.Size() > 0
	case "-x":
		return info.Mode()&0o111 != 0
	}
	return op == "-e" || op == "-r" || op == "-w"
}
