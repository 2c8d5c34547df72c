package enginetest

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/fstest"

	"github.com/cleat-go/docker"
)

// Busybox is an image with a small shell and about fifty programs as busybox has them:
// enough for the scripts of tests and examples. Its command is sh.
//
// The shell knows lists, pipelines, redirections, here documents, quotation, variables,
// $(…) and $((…)), if, while, until, for, groups, background jobs, functions, trap, wait
// and read. It has no case and no job control. As in a container, the main process
// heeds a signal only if it traps it, unless the container has an init.
func Busybox() Image {
	programs := busyboxPrograms()
	files := fstest.MapFS{
		"etc/passwd": {Data: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"), Mode: 0o644},
		"etc/group":  {Data: []byte("root:x:0:\nnobody:x:65534:\n"), Mode: 0o644},
	}
	for name := range programs {
		files["bin/"+name] = &fstest.MapFile{Data: []byte("#!enginetest\n"), Mode: 0o755}
	}
	for _, dir := range []string{"bin", "dev", "etc", "proc", "root", "sys", "tmp"} {
		files[dir] = &fstest.MapFile{Mode: 0o755 | 1<<31}
	}
	return Image{
		Config: docker.ImageConfig{Cmd: docker.Command{"sh"}, Env: []string{"PATH=/bin"}}, Files: files, Programs: programs, listens: true,
	}
}

func busyboxPrograms() map[string]Program {
	programs := map[string]Program{"sh": Shell, "ash": Shell, "busybox": busybox}
	for name := range applets {
		programs[name] = busybox
	}
	return programs
}

// busybox is a program that is one of the applets.
func busybox(ctx context.Context, p *Process) int {
	args := p.Args
	if base(args[0]) == "busybox" && len(args) > 1 {
		args = args[1:]
	}
	sh := newShell(ctx, p)
	defer sh.close()
	return sh.exit(sh.apply(args, sh.io))
}

// Shell is the program sh of [Busybox]. It runs what stands after -c, or a file of the
// container, or what it reads.
func Shell(ctx context.Context, p *Process) int {
	sh := newShell(ctx, p)
	sh.nested = true
	defer sh.close()
	args := slices.Clone(p.Args[1:])
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-c" {
		if strings.Contains(args[0], "c") {
			args[0] = "-c"
			break
		}
		args = args[1:]
	}
	switch {
	case len(args) > 1 && args[0] == "-c":
		sh.args = []string{p.Args[0]}
		if len(args) > 2 {
			sh.args = args[2:]
		}
		return sh.exit(sh.source(args[1], sh.io))
	case len(args) > 0 && args[0] != "-c":
		text, err := p.Files.ReadFile(sh.path(args[0]))
		if err != nil {
			return sh.fail(sh.io, 2, "can't open '%s': No such file or directory", args[0])
		}
		sh.args = args
		return sh.exit(sh.source(string(text), sh.io))
	}
	sh.args = []string{p.Args[0]}
	return sh.exit(sh.interact())
}

// shell runs scripts. A subshell is a copy with variables of its own.
type shell struct {
	ctx  context.Context
	p    *Process
	io   stdio
	dir  string
	env  map[string]string
	args []string // $0, $1, …
	last int      // $?
	jobs *jobs
	main *signalling
	set  map[byte]bool // of the options -e and -x

	functions map[string]script
	nested    bool // a shell, and not an applet alone
}

// stdio are the streams of a command.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// jobs are the commands in the background.
type jobs struct {
	mu      sync.Mutex
	wg      sync.WaitGroup
	last    int
	running map[int]*job
}

type job struct {
	done   chan struct{}
	code   int
	cancel context.CancelFunc
}

// signalling is what becomes of the signals of a process.
type signalling struct {
	mu      sync.Mutex
	traps   map[string]string
	pending []string
	came    chan struct{}
	cancel  context.CancelCauseFunc
	done    chan struct{}
	stop    chan struct{}
	pid     int
	own     bool               // the main process of a container, which ignores what it does not trap
	front   context.CancelFunc // of the command that ctrl-c ends
}

// killed is the cause of a context that a signal has ended.
type killed int

func (k killed) Error() string { return "killed by signal " + strconv.Itoa(int(k)) }

func newShell(ctx context.Context, p *Process) *shell {
	ctx, cancel := context.WithCancelCause(ctx)
	sh := &shell{
		ctx: ctx, p: p, io: stdio{p.Stdin, p.Stdout, p.Stderr}, dir: p.Dir, env: make(map[string]string),
		jobs: &jobs{last: 1, running: make(map[int]*job)}, set: make(map[byte]bool), functions: make(map[string]script),
		main: &signalling{
			traps: make(map[string]string), came: make(chan struct{}, 1), cancel: cancel, own: !p.Exec && !p.Init, pid: p.pid(),
			done: make(chan struct{}), stop: make(chan struct{}),
		},
	}
	for _, entry := range p.Env {
		name, value, _ := strings.Cut(entry, "=")
		sh.env[name] = value
	}
	go sh.main.listen(p.Signals())
	return sh
}

// close ends what still runs.
func (sh *shell) close() {
	sh.main.cancel(context.Canceled)
	close(sh.main.stop)
	<-sh.main.done
	sh.jobs.wg.Wait()
}

// listen sorts the signals.
func (s *signalling) listen(got <-chan string) {
	defer close(s.done)
	for {
		select {
		case name := <-got:
			s.got(name)
		case <-s.stop:
			return
		}
	}
}

func (s *signalling) got(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	command, trapped := s.traps[name]
	switch {
	case trapped && command == "":
	case trapped:
		s.pending = append(s.pending, name)
		select {
		case s.came <- struct{}{}:
		default:
		}
	case name == "SIGINT" && s.front != nil:
		s.front()
	case fatal[name] && !s.own:
		s.cancel(killed(signals[name]))
	}
}

// exit runs the trap of the end and gives the exit code.
func (sh *shell) exit(code int) int {
	var signal killed
	if errors.As(context.Cause(sh.ctx), &signal) {
		return 128 + int(signal)
	}
	sh.main.mu.Lock()
	command := sh.main.traps["EXIT"]
	delete(sh.main.traps, "EXIT")
	sh.main.mu.Unlock()
	if command != "" {
		sh.last = code
		if _, exited := sh.try(func() int { return sh.source(command, sh.io) }); exited {
			return sh.last
		}
	}
	return code
}

// exited is what an exit throws.
type exited struct{ sh *shell }

// breaking is what break and continue throw.
type breaking struct {
	more  bool
	level int
}

// try runs f up to an exit.
func (sh *shell) try(f func() int) (code int, exit bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exited); !ok {
				panic(r)
			}
			code, exit = sh.last, true
		}
	}()
	return f(), false
}

// source runs a text.
func (sh *shell) source(text string, io stdio) int {
	s, err := parse(text)
	if err != nil {
		return sh.fail(io, 2, "%v", err)
	}
	code, _ := sh.try(func() int { return sh.script(s, io) })
	return code
}

// interact runs what is read, a line at a time; with a terminal it asks for more.
func (sh *shell) interact() int {
	lines := &lineReader{r: sh.io.in}
	sh.io.in = lines
	var text string
	for sh.ctx.Err() == nil {
		if sh.p.TTY {
			prompt := sh.dir + " # "
			if text != "" {
				prompt = "> "
			}
			io.WriteString(sh.io.out, prompt) //nolint:errcheck // nobody listens
		}
		line, err := lines.line()
		if err != nil && line == "" {
			break
		}
		text += line
		s, wrong := parse(text)
		if wrong != nil && err == nil && strings.Contains(wrong.Error(), "no end") {
			continue
		}
		text = ""
		if wrong != nil {
			sh.last = sh.fail(sh.io, 2, "%v", wrong)
			continue
		}
		if code, exit := sh.try(func() int { return sh.script(s, sh.io) }); exit {
			return code
		}
	}
	return sh.last
}

// lineReader reads lines a byte at a time, so that what follows is left to the commands.
type lineReader struct{ r io.Reader }

func (l *lineReader) Read(p []byte) (int, error) { return l.r.Read(p) }

func (l *lineReader) line() (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := l.r.Read(b)
		if n > 0 {
			if line = append(line, b[0]); b[0] == '\n' {
				return string(line), nil
			}
		}
		if err != nil {
			return string(line), err
		}
	}
}

// sub makes a subshell.
func (sh *shell) sub(ctx context.Context) *shell {
	s := *sh
	s.ctx, s.env, s.args, s.set = ctx, maps.Clone(sh.env), slices.Clone(sh.args), maps.Clone(sh.set)
	s.functions = maps.Clone(sh.functions)
	return &s
}
