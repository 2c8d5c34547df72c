package enginetest

import (
	"context"
	"io"
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
	Init          bool // the container has an init, so that signals end what does not listen
	Stdin         io.Reader
	Stdout        io.Writer
	Stderr        io.Writer // the same as Stdout where there is a terminal
	Files         *Files

	process *process
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

// Size is the size of the terminal.
func (p *Process) Size() docker.TTYSize {
	p.process.mu.Lock()
	defer p.process.mu.Unlock()
	return p.process.size
}

// process is a program that runs.
type process struct {
	pid     int
	cancel  context.CancelFunc
	streams *streamSet
	signals chan string
	ended   bool // the lock of the engine guards it

	mu      sync.Mutex
	listens bool
	size    docker.TTYSize
}
