package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// fail complains and gives the exit code.
func (sh *shell) fail(io stdio, code int, format string, args ...any) int {
	fmt.Fprintf(io.err, "sh: "+format+"\n", args...)
	return code
}

// script runs a list.
func (sh *shell) script(s script, io stdio) int {
	code := 0
	for _, st := range s {
		if st.background {
			sh.background(st, io)
			code = 0
		} else {
			code = sh.chain(st.chain, io)
		}
		sh.last = code
		sh.trapped(io)
	}
	return code
}

// over ends the shell when its context has ended.
func (sh *shell) over() {
	if sh.ctx.Err() != nil {
		sh.last = 137
		panic(exited{sh})
	}
}

// trapped runs the traps of the signals that came.
func (sh *shell) trapped(io stdio) {
	sh.over()
	for {
		sh.main.mu.Lock()
		if len(sh.main.pending) == 0 {
			sh.main.mu.Unlock()
			return
		}
		name := sh.main.pending[0]
		sh.main.pending = sh.main.pending[1:]
		command := sh.main.traps[name]
		sh.main.mu.Unlock()
		if s, err := parse(command); err == nil {
			last := sh.last
			sh.script(s, io)
			sh.last = last
		}
	}
}

func (sh *shell) chain(links []link, io stdio) int {
	code := 0
	for i, l := range links {
		if i == 0 || l.or == (code != 0) {
			code = sh.pipeline(l.pipeline, io)
			sh.last = code
			if code != 0 && sh.set['e'] && i == len(links)-1 && !l.pipeline.not {
				panic(exited{sh})
			}
		}
	}
	return code
}

func (sh *shell) background(st statement, io stdio) {
	ctx, cancel := context.WithCancel(sh.ctx)
	j := &job{done: make(chan struct{}), cancel: cancel}
	sh.jobs.mu.Lock()
	sh.jobs.last++
	pid := sh.jobs.last
	sh.jobs.running[pid] = j
	sh.jobs.mu.Unlock()
	sh.env["!"] = strconv.Itoa(pid)
	sub := sh.sub(ctx)
	io.in = strings.NewReader("")
	sh.jobs.wg.Go(func() {
		defer close(j.done)
		defer cancel()
		j.code, _ = sub.try(func() int { return sub.chain(st.chain, io) })
		if ctx.Err() != nil && sh.ctx.Err() == nil && j.code == 137 {
			j.code = 143
		}
	})
}

func (sh *shell) pipeline(line pipeline, io stdio) int {
	code := 0
	if len(line.commands) == 1 {
		code = sh.command(&line.commands[0], io)
	} else {
		code = sh.piped(line.commands, io)
	}
	if line.not {
		if code == 0 {
			return 1
		}
		return 0
	}
	return code
}

// piped runs commands side by side, each with a subshell.
func (sh *shell) piped(commands []command, io stdio) int {
	var wg sync.WaitGroup
	var code int
	in := io.in
	for i := range commands {
		streams := stdio{in, io.out, io.err}
		var out *half
		if i < len(commands)-1 {
			out = newHalf()
			streams.out, in = pipeEnd{out}, pipeEnd{out}
		}
		input := streams.in
		sub := sh.sub(sh.ctx)
		stop := context.AfterFunc(sh.ctx, func() {
			if out != nil {
				out.set(func(h *half) { h.ended = true })
			}
		})
		wg.Go(func() {
			defer stop()
			result, _ := sub.try(func() int { return sub.command(&commands[i], streams) })
			if i == len(commands)-1 {
				code = result
			}
			if out != nil {
				out.set(func(h *half) { h.ended = true })
			}
			if end, ok := input.(pipeEnd); ok {
				end.h.set(func(h *half) { h.ended, h.buf = true, nil })
			}
		})
	}
	wg.Wait()
	return code
}

// pipeEnd is both ends of a pipe.
type pipeEnd struct{ h *half }

func (e pipeEnd) Read(p []byte) (int, error)  { return e.h.read(p) }
func (e pipeEnd) Write(p []byte) (int, error) { return e.h.write(p) }

func (sh *shell) command(c *command, io stdio) int {
	sh.over()
	if err := sh.redirect(c.redirs, &io); err != nil {
		return sh.fail(io, 1, "%v", err)
	}
	switch c.kind {
	case "{":
		return sh.script(c.body, io)
	case "(":
		sub := sh.sub(sh.ctx)
		code, _ := sub.try(func() int { return sub.script(c.body, io) })
		return code
	case "if":
		if sh.condition(c.test, io) == 0 {
			return sh.script(c.body, io)
		}
		return sh.script(c.other, io)
	case "while", "until":
		return sh.loop(func() bool { return (sh.condition(c.test, io) == 0) == (c.kind == "while") }, c.body, io)
	case "()":
		sh.functions[c.name] = c.body
		return 0
	case "for":
		values := sh.expandAll(c.words)
		return sh.loop(func() bool {
			if len(values) == 0 {
				return false
			}
			sh.env[c.name], values = values[0], values[1:]
			return true
		}, c.body, io)
	}
	return sh.simple(c, io)
}

// condition runs a test, in which -e does not count.
func (sh *shell) condition(s script, io stdio) int {
	before := sh.set['e']
	sh.set['e'] = false
	defer func() { sh.set['e'] = before }()
	return sh.script(s, io)
}

func (sh *shell) loop(next func() bool, body script, io stdio) (code int) {
	for next() {
		sh.over()
		if sh.once(body, io, &code) {
			break
		}
	}
	return code
}

// once runs the body of a loop. It tells whether a break ends the loop.
func (sh *shell) once(body script, io stdio, code *int) (stop bool) {
	defer func() {
		if r := recover(); r != nil {
			b, ok := r.(breaking)
			if !ok {
				panic(r)
			}
			if b.level > 1 {
				panic(breaking{b.more, b.level - 1})
			}
			stop = !b.more
		}
	}()
	*code = sh.script(body, io)
	return false
}

func (sh *shell) simple(c *command, io stdio) int {
	args := sh.expandAll(c.words)
	if len(args) == 0 {
		for _, a := range c.assign {
			sh.env[a.name] = sh.expand(a.value)
		}
		return 0
	}
	if sh.set['x'] {
		fmt.Fprintln(io.err, "+ "+strings.Join(args, " "))
	}
	for _, a := range c.assign {
		before, there := sh.env[a.name]
		sh.env[a.name] = sh.expand(a.value)
		defer func() {
			if there {
				sh.env[a.name] = before
			} else {
				delete(sh.env, a.name)
			}
		}()
	}
	return sh.apply(args, io)
}

// apply runs a builtin, a program of this package, or one of the image's.
func (sh *shell) apply(args []string, io stdio) int {
	name := base(args[0])
	if body, ok := sh.functions[args[0]]; ok {
		return sh.call(body, args, io)
	}
	if f, ok := builtins[name]; ok {
		return f(sh, args, io)
	}
	if f, ok := applets[name]; ok {
		ctx, cancel := context.WithCancel(sh.ctx)
		defer cancel()
		defer sh.inFront(cancel)()
		if sh.nested {
			defer sh.p.process.child(args)()
		}
		code := f(&applet{shell: sh, stdio: io, ctx: ctx, args: args[1:], name: name})
		if ctx.Err() != nil && sh.ctx.Err() == nil {
			return 130
		}
		return code
	}
	if program := sh.p.programs[name]; program != nil {
		p := *sh.p
		p.Args, p.Stdin, p.Stdout, p.Stderr, p.Dir, p.Env = args, io.in, io.out, io.err, sh.dir, sh.environ()
		p.Exec = true
		return program(sh.ctx, &p) & 0xff
	}
	fmt.Fprintf(io.err, "sh: %s: not found\n", args[0])
	return 127
}

// returning is what a return throws.
type returning int

// call runs a function.
func (sh *shell) call(body script, args []string, io stdio) (code int) {
	before := sh.args
	sh.args = append([]string{before[0]}, args[1:]...)
	defer func() {
		sh.args = before
		if r := recover(); r != nil {
			value, ok := r.(returning)
			if !ok {
				panic(r)
			}
			code = int(value)
		}
	}()
	return sh.script(body, io)
}

// inFront lets ctrl-c end a command rather than the shell.
func (sh *shell) inFront(cancel context.CancelFunc) (back func()) {
	s := sh.main
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sh.p.TTY {
		return func() {}
	}
	before := s.front
	s.front = cancel
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.front = before
	}
}

// outputFile is a file that a command writes.
type outputFile struct {
	files *Files
	name  string
}

func (o outputFile) Write(p []byte) (int, error) {
	if err := o.files.AppendFile(o.name, p, 0o644); err != nil {
		return 0, err
	}
	return len(p), nil
}

// redirect opens what a command reads and writes.
func (sh *shell) redirect(redirs []redir, streams *stdio) error {
	for _, r := range redirs {
		target := sh.expand(r.target)
		var err error
		switch r.op {
		case "<<":
			streams.in = strings.NewReader(target)
		case "<":
			var content []byte
			if content, err = sh.read(target); err == nil {
				streams.in = bytes.NewReader(content)
			}
		case ">&":
			err = streams.duplicate(r.fd, target)
		default:
			var w io.Writer
			if w, err = sh.create(target, r.op == ">>"); err == nil {
				streams.replace(r.fd, w)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stdio) replace(fd int, w io.Writer) {
	if fd == 2 {
		s.err = w
	} else {
		s.out = w
	}
}

func (s *stdio) duplicate(fd int, target string) error {
	switch target {
	case "1":
		s.replace(fd, s.out)
	case "2":
		s.replace(fd, s.err)
	case "-":
		s.replace(fd, io.Discard)
	default:
		return fmt.Errorf("bad fd %s", target)
	}
	return nil
}

func (sh *shell) read(name string) ([]byte, error) {
	switch name {
	case "/dev/null":
		return nil, nil
	case "/proc/self/status":
		return sh.p.status(), nil
	}
	content, err := sh.p.Files.ReadFile(sh.path(name))
	if err != nil {
		return nil, fmt.Errorf("can't open %s: %s", name, reason(err))
	}
	return content, nil
}

func (sh *shell) create(name string, more bool) (io.Writer, error) {
	switch name {
	case "/dev/null":
		return io.Discard, nil
	case "/dev/stdout", "/proc/1/fd/1":
		return sh.io.out, nil
	case "/dev/stderr", "/proc/1/fd/2":
		return sh.io.err, nil
	}
	o := outputFile{files: sh.p.Files, name: sh.path(name)}
	var err error
	if more {
		err = sh.p.Files.AppendFile(o.name, nil, 0o644)
	} else {
		err = sh.p.Files.WriteFile(o.name, nil, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("can't create %s: %s", name, reason(err))
	}
	return o, nil
}

// path is a name as seen from the folder that the shell is in.
func (sh *shell) path(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return sh.dir + "/" + name
}

// environ are the variables as a program gets them.
func (sh *shell) environ() []string {
	var env []string
	for name, value := range sh.env {
		if name != "!" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
