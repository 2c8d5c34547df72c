package enginetest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cleat-go/docker"
)

// Program is what a process does: a function in place of a program. Its result is the
// exit code. The context ends when the process is killed, or gets a signal that it does
// not listen for and that ends processes; it has to return soon then.
type Program func(ctx context.Context, p *Process) int

// Process is what a program has of the container that it runs in.
type Process struct {
	ContainerID   string
	ContainerName string
	Args          []string // the program's name first
	Env           []string // "NAME=value"
	Dir           string
	User          string
	Hostname      string
	TTY           bool
	Exec          bool // it was started by an exec, and is not the main process
	Privileged    bool
	Init          bool // the container has an init, so that signals end what does not listen
	Stdin         io.Reader
	Stdout        io.Writer
	Stderr        io.Writer // the same as Stdout where there is a terminal
	Files         *Files

	process  *process
	programs map[string]Program  // of the image
	kill     func(signal string) // the main process
}

// Getenv is the value of a variable, empty where there is none.
func (p *Process) Getenv(name string) string {
	for i := len(p.Env) - 1; i >= 0; i-- {
		if key, value, _ := strings.Cut(p.Env[i], "="); key == name {
			return value
		}
	}
	return ""
}

// Signals are the signals that the process gets, by name, as "SIGTERM". Once it is
// called, no signal but SIGKILL ends the process: it listens. A change of the
// terminal's size is "SIGWINCH".
func (p *Process) Signals() <-chan string {
	p.process.mu.Lock()
	defer p.process.mu.Unlock()
	p.process.listens = true
	return p.process.signals
}

// pid is the process's number within its container.
func (p *Process) pid() int {
	switch {
	case p.Exec:
		return p.process.pid
	case p.Init:
		return 7
	}
	return 1
}

// status is the file of that name in /proc/self.
func (p *Process) status() []byte {
	capabilities := "00000000a80425fb"
	if p.Privileged {
		capabilities = "000001ffffffffff"
	}
	return fmt.Appendf(nil, "Name:\t%s\nState:\tR (running)\nPid:\t%d\nCapEff:\t%s\n", path.Base(p.Args[0]), p.pid(), capabilities)
}

// Size is the size of the terminal.
func (p *Process) Size() docker.TTYSize {
	p.process.mu.Lock()
	defer p.process.mu.Unlock()
	return p.process.size
}

// process is a program that runs.
type process struct {
	pid     int
	ctx     context.Context
	cancel  context.CancelFunc
	streams *streamSet
	signals chan string

	mu      sync.Mutex
	listens bool
	held    bool             // paused
	waiting []string         // signals that came while it was
	running map[int][]string // commands that it has started, by a number
	next    int
	size    docker.TTYSize
}

// run runs the program to its end. A program that panics takes the test down, as it
// would outside.
func (p *process) run(program Program, about *Process) int {
	code := program(p.ctx, about)
	return code & 0xff
}

// fatal are the signals that end a process which does not listen.
var fatal = map[string]bool{
	"SIGHUP": true, "SIGINT": true, "SIGQUIT": true, "SIGTERM": true, "SIGABRT": true, "SIGALRM": true,
	"SIGUSR1": true, "SIGUSR2": true, "SIGPIPE": true, "SIGTRAP": true, "SIGSEGV": true, "SIGILL": true,
}

// signal brings a signal to the process. One that has 64 waiting loses it.
func (p *process) signal(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.held:
		p.waiting = append(p.waiting, name)
	case p.listens:
		select {
		case p.signals <- name:
		default:
		}
	case fatal[name]:
		p.cancel()
	}
}

// child notes a command that the process has started, until it is over.
func (p *process) child(args []string) (over func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		p.running = make(map[int][]string)
	}
	p.next++
	n := p.next
	p.running[n] = args
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, n)
	}
}

// children are the commands that the process has started, the oldest first.
func (p *process) children() [][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all [][]string
	for _, n := range slices.Sorted(maps.Keys(p.running)) {
		all = append(all, p.running[n])
	}
	return all
}

// resize sets the size of the terminal, and tells of it.
func (p *process) resize(size docker.TTYSize) {
	p.mu.Lock()
	p.size = size
	p.mu.Unlock()
	p.signal("SIGWINCH")
}

// hold holds signals and output up, or lets them go on.
func (p *process) hold(held bool) {
	p.mu.Lock()
	p.held = held
	waiting := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	if held {
		p.streams.freeze()
		return
	}
	p.streams.thaw()
	for _, name := range waiting {
		p.signal(name)
	}
}

// process is what a program is told.
func (e *engine) process(ct *container, args, env []string, dir, user string, p *process) *Process {
	about := &Process{
		ContainerID: ct.id, ContainerName: ct.name, Args: args, Dir: dir, User: user, Hostname: ct.config.Hostname,
		TTY: p.streams.tty != nil, Privileged: ct.host.Privileged, Init: ct.host.Init != nil && *ct.host.Init,
		Stdin: inlet{p.streams}, Stdout: outlet{p.streams, stdoutStream}, Stderr: outlet{p.streams, stderrStream},
		Files: ct.files, process: p, programs: ct.image.programs,
		kill: func(signal string) { e.killFrom(ct, signal) },
	}
	if about.Dir == "" {
		about.Dir = "/"
	}
	about.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=" + about.Hostname}
	if about.TTY {
		about.Stderr = about.Stdout
		about.Env = append(about.Env, "TERM=xterm")
	}
	about.Env = mergeEnv(append(about.Env, "HOME=/root"), env)
	return about
}

// mergeEnv is the first list with the values of the second; "NAME" alone takes it away.
func mergeEnv(base, over []string) []string {
	merged := slices.Clone(base)
	for _, entry := range over {
		name, _, set := strings.Cut(entry, "=")
		at := slices.IndexFunc(merged, func(have string) bool { return strings.HasPrefix(have, name+"=") })
		switch {
		case at >= 0 && set:
			merged[at] = entry
		case at >= 0:
			merged = slices.Delete(merged, at, at+1)
		case set:
			merged = append(merged, entry)
		}
	}
	return merged
}

// signals are the numbers of the signals.
var signals = map[string]int{
	"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGTRAP": 5, "SIGABRT": 6, "SIGBUS": 7, "SIGFPE": 8, "SIGKILL": 9,
	"SIGUSR1": 10, "SIGSEGV": 11, "SIGUSR2": 12, "SIGPIPE": 13, "SIGALRM": 14, "SIGTERM": 15, "SIGSTKFLT": 16, "SIGCHLD": 17,
	"SIGCONT": 18, "SIGSTOP": 19, "SIGTSTP": 20, "SIGTTIN": 21, "SIGTTOU": 22, "SIGURG": 23, "SIGXCPU": 24, "SIGXFSZ": 25,
	"SIGVTALRM": 26, "SIGPROF": 27, "SIGWINCH": 28, "SIGIO": 29, "SIGPWR": 30, "SIGSYS": 31,
}

// signalName reads the name or the number of a signal.
func signalName(text string) (string, error) {
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if _, ok := signals[name]; ok {
		return name, nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		for name, number := range signals {
			if number == n {
				return name, nil
			}
		}
	}
	return "", badRequest("invalid signal: %s", text)
}
