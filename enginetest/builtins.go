package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// builtins are the commands that change the shell.
var builtins map[string]func(sh *shell, args []string, io stdio) int

func init() {
	builtins = map[string]func(sh *shell, args []string, io stdio) int{
		"exit": shExit, "cd": shCd, "export": shExport, "unset": shUnset, "set": shSet, "shift": shShift, "read": shRead,
		"trap": shTrap, "wait": shWait, "kill": shKill, "return": shReturn, "local": shExport, "break": shBreak, "continue": shBreak, "eval": shEval, "exec": shExec,
		".": shSource, "sh": shSh, "ash": shSh, ":": func(*shell, []string, stdio) int { return 0 },
	}
}

func shExit(sh *shell, args []string, _ stdio) int {
	if len(args) > 1 {
		n, _ := strconv.Atoi(args[1]) //nolint:errcheck // what is no number is 0
		sh.last = n & 0xff
	}
	panic(exited{sh})
}

func shReturn(sh *shell, args []string, _ stdio) int {
	code := sh.last
	if len(args) > 1 {
		code, _ = strconv.Atoi(args[1]) //nolint:errcheck // what is no number is 0
	}
	panic(returning(code & 0xff))
}

func shCd(sh *shell, args []string, io stdio) int {
	to := sh.env["HOME"]
	if len(args) > 1 {
		to = args[1]
	}
	at, n, err := sh.p.Files.get(sh.path(to))
	if err == nil && !n.mode.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return sh.fail(io, 2, "cd: can't cd to %s: %s", to, reason(err))
	}
	sh.dir = "/" + at
	return 0
}

func shExport(sh *shell, args []string, io stdio) int {
	if len(args) == 1 {
		for _, name := range slices.Sorted(maps.Keys(sh.env)) {
			fmt.Fprintf(io.out, "export %s='%s'\n", name, sh.env[name])
		}
	}
	for _, arg := range args[1:] {
		if name, value, ok := strings.Cut(arg, "="); ok {
			sh.env[name] = value
		}
	}
	return 0
}

func shUnset(sh *shell, args []string, _ stdio) int {
	for _, name := range args[1:] {
		delete(sh.env, name)
	}
	return 0
}

func shSet(sh *shell, args []string, _ stdio) int {
	for i, arg := range args[1:] {
		if arg == "--" {
			sh.args = append(sh.args[:1], args[i+2:]...)
			break
		}
		if len(arg) > 1 && (arg[0] == '-' || arg[0] == '+') {
			for _, option := range []byte(arg[1:]) {
				sh.set[option] = arg[0] == '-'
			}
		}
	}
	return 0
}

func shShift(sh *shell, _ []string, _ stdio) int {
	if len(sh.args) < 2 {
		return 1
	}
	sh.args = slices.Delete(sh.args, 1, 2)
	return 0
}

// shRead reads a line into variables. A trapped signal ends it.
func shRead(sh *shell, args []string, io stdio) int {
	names := slices.DeleteFunc(slices.Clone(args[1:]), func(a string) bool { return strings.HasPrefix(a, "-") })
	if len(names) == 0 {
		names = []string{"REPLY"}
	}
	type result struct {
		line string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		line, err := (&lineReader{r: io.in}).line()
		got <- result{line, err}
	}()
	select {
	case r := <-got:
		fields := strings.Fields(r.line)
		for i, name := range names {
			switch {
			case i >= len(fields):
				sh.env[name] = ""
			case i == len(names)-1:
				sh.env[name] = strings.Join(fields[i:], " ")
			default:
				sh.env[name] = fields[i]
			}
		}
		if r.err != nil {
			return 1
		}
		return 0
	case <-sh.main.came:
		return 1
	case <-sh.ctx.Done():
		return 1
	}
}

func shTrap(sh *shell, args []string, _ stdio) int {
	if len(args) < 3 {
		return 0
	}
	sh.main.mu.Lock()
	defer sh.main.mu.Unlock()
	for _, text := range args[2:] {
		name := text
		if text == "0" || text == "EXIT" {
			name = "EXIT"
		} else if known, err := signalName(text); err == nil {
			name = known
		}
		if sh.main.traps[name] = args[1]; args[1] == "-" {
			delete(sh.main.traps, name)
		}
	}
	return 0
}

// shWait waits for jobs. A trapped signal ends it.
func shWait(sh *shell, args []string, _ stdio) int {
	var waited []*job
	sh.jobs.mu.Lock()
	for pid, j := range sh.jobs.running {
		if len(args) == 1 || slices.Contains(args[1:], strconv.Itoa(pid)) {
			waited = append(waited, j)
		}
	}
	sh.jobs.mu.Unlock()
	if len(args) > 1 && len(waited) == 0 {
		return 127
	}
	code := 0
	for _, j := range waited {
		select {
		case <-j.done:
			code = j.code
		case <-sh.main.came:
			return 143
		case <-sh.ctx.Done():
			return 143
		}
	}
	if len(args) == 1 {
		return 0
	}
	return code
}

// shKill ends jobs, or brings a signal to the container's own process.
func shKill(sh *shell, args []string, io stdio) int {
	name := "SIGTERM"
	targets := args[1:]
	if len(targets) > 0 && strings.HasPrefix(targets[0], "-") {
		text := strings.TrimPrefix(targets[0], "-")
		if targets = targets[1:]; text == "s" && len(targets) > 0 {
			text, targets = targets[0], targets[1:]
		}
		var err error
		if name, err = signalName(text); err != nil {
			return sh.fail(io, 1, "kill: bad signal name '%s'", text)
		}
	}
	for _, target := range targets {
		pid, _ := strconv.Atoi(target) //nolint:errcheck // 0 is none
		sh.jobs.mu.Lock()
		j := sh.jobs.running[pid]
		sh.jobs.mu.Unlock()
		switch {
		case j != nil:
			j.cancel()
		case pid == sh.main.pid:
			if name == "SIGKILL" && !sh.main.own {
				sh.main.cancel(killed(9))
			}
			sh.main.got(name)
		case pid == 1:
			sh.p.kill(name)
		default:
			return sh.fail(io, 1, "kill: can't kill pid %s: No such process", target)
		}
	}
	return 0
}

func shBreak(_ *shell, args []string, _ stdio) int {
	b := breaking{more: args[0] == "continue", level: 1}
	if len(args) > 1 {
		b.level, _ = strconv.Atoi(args[1]) //nolint:errcheck // what is no number is 0
	}
	panic(b)
}

func shEval(sh *shell, args []string, io stdio) int {
	s, err := parse(strings.Join(args[1:], " "))
	if err != nil {
		return sh.fail(io, 2, "%v", err)
	}
	return sh.script(s, io)
}

// shExec runs a command in the shell's place.
func shExec(sh *shell, args []string, io stdio) int {
	if len(args) == 1 {
		return 0
	}
	sh.last = sh.apply(args[1:], io)
	panic(exited{sh})
}

func shSource(sh *shell, args []string, io stdio) int {
	if len(args) < 2 {
		return 2
	}
	text, err := sh.read(args[1])
	if err != nil {
		return sh.fail(io, 2, "%v", err)
	}
	return shEval(sh, []string{"eval", string(text)}, io)
}

// shSh runs a shell within the shell.
func shSh(sh *shell, args []string, io stdio) int {
	sub := sh.sub(sh.ctx)
	sub.io = io
	args = args[1:]
	for len(args) > 0 && args[0] != "-c" && strings.HasPrefix(args[0], "-") {
		args = args[1:]
	}
	switch {
	case len(args) > 1 && args[0] == "-c":
		if sub.args = args[2:]; len(sub.args) == 0 {
			sub.args = []string{"sh"}
		}
		return sub.source(args[1], io)
	case len(args) > 0:
		text, err := sh.read(args[0])
		if err != nil {
			return sh.fail(io, 2, "%v", err)
		}
		sub.args = args
		return sub.source(string(text), io)
	}
	return sub.interact()
}

// reason is an error in the words of a C library.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, fs.ErrExist):
		return "File exists"
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// copyUntil copies until an end; a context's end is one, too.
func copyUntil(ctx context.Context, w io.Writer, r io.Reader) error {
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, r)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
