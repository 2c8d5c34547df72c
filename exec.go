package docker

import (
	"context"
	"errors"
	"time"

	"github.com/cleat-go/docker/errdefs"
)

// ExecCreateOptions are the settings of a command in a container.
type ExecCreateOptions struct {
	Stdin          bool // it has an input
	Stdout, Stderr bool // neither means both
	TTY            bool
	ConsoleSize    *TTYSize // of the terminal at its start (API 1.42)
	DetachKeys     string
	Env            []string // added to the container's, as KEY=value
	WorkingDir     string   // empty is the container's
	User           string   // user[:group]; empty is the container's
	Privileged     bool
}

type execCreateRequest struct {
	AttachStdin  bool     `json:",omitempty"`
	AttachStdout bool     `json:",omitempty"`
	AttachStderr bool     `json:",omitempty"`
	TTY          bool     `json:"Tty,omitempty"`
	ConsoleSize  *[2]uint `json:",omitempty"`
	DetachKeys   string   `json:",omitempty"`
	Env          []string `json:",omitempty"`
	Cmd          []string
	WorkingDir   string `json:",omitempty"`
	User         string `json:",omitempty"`
	Privileged   bool   `json:",omitempty"`
}

// console is a size as the engine reads it: height, then width.
func console(size *TTYSize) *[2]uint {
	if size == nil {
		return nil
	}
	return &[2]uint{size.Height, size.Width}
}

// ExecCreate prepares a command in a running container and returns its ID. Nil options
// attach to both outputs. Errors: errdefs.ErrNotFound for a missing container,
// errdefs.ErrConflict for one that is paused or does not run.
// Most callers want [Client.ContainerExec].
//
//docker:operation POST /containers/{id}/exec
func (c *Client) ExecCreate(ctx context.Context, id string, cmd []string, opts *ExecCreateOptions) (string, error) {
	o, r := value(opts), newRequest("POST /containers/{id}/exec", id)
	if len(cmd) == 0 {
		r.fail(invalid("the command is empty"))
	}
	both := !o.Stdout && !o.Stderr
	r.json(execCreateRequest{
		o.Stdin, o.Stdout || both, o.Stderr || both, o.TTY, console(o.ConsoleSize), o.DetachKeys,
		o.Env, cmd, o.WorkingDir, o.User, o.Privileged,
	})
	return fetchID(ctx, c, r)
}

// ExecStartOptions repeat of a command what its start has to know.
type ExecStartOptions struct {
	TTY         bool     // as it was created
	ConsoleSize *TTYSize // of the terminal (API 1.42)
}

type execStartRequest struct {
	Detach      bool     `json:",omitempty"`
	TTY         bool     `json:"Tty,omitempty"`
	ConsoleSize *[2]uint `json:",omitempty"`
}

// ExecStart starts a command and connects to its streams. The caller closes the
// connection; that ends neither the command nor its container. An unknown command's ID
// is errdefs.ErrNotFound, a container that stopped errdefs.ErrConflict. Nil options are
// for a command without a terminal.
//
//docker:operation POST /exec/{id}/start
func (c *Client) ExecStart(ctx context.Context, id string, opts *ExecStartOptions) (*AttachStream, error) {
	o, r := value(opts), newRequest("POST /exec/{id}/start", id)
	r.json(execStartRequest{TTY: o.TTY, ConsoleSize: console(o.ConsoleSize)})
	return c.attach(ctx, r, func() (bool, error) { return o.TTY, nil })
}

// ExecStartDetached starts a command and does not wait for it.
//
//docker:operation POST /exec/{id}/start
func (c *Client) ExecStartDetached(ctx context.Context, id string) error {
	r := newRequest("POST /exec/{id}/start", id)
	return c.call(ctx, r.json(execStartRequest{Detach: true}), nil)
}

// ExecResize tells a running command's terminal its size.
//
//docker:operation POST /exec/{id}/resize
func (c *Client) ExecResize(ctx context.Context, id string, size TTYSize) error {
	return c.resize(ctx, newRequest("POST /exec/{id}/resize", id), size)
}

// ExecInspect returns the state of a command. Its exit code is nil until it has ended.
// The engine forgets a command some minutes after its end: errdefs.ErrNotFound.
//
//docker:operation GET /exec/{id}/json
func (c *Client) ExecInspect(ctx context.Context, id string) (*Exec, error) {
	return fetch[Exec](ctx, c, newRequest("GET /exec/{id}/json", id))
}

// ExecCmd is a command in a running container, used as [os/exec.Cmd] is: set its
// fields, then call one of Run, Output, CombinedOutput or Start.
//
// When its context ends, the client lets go of the command; the engine has no call that
// ends it, so it runs on.
type ExecCmd struct {
	Stdio

	Container  string
	Args       []string // the program and its arguments
	Env        []string // added to the container's, as KEY=value
	Dir        string   // empty is the container's
	User       string   // user[:group]; empty is the container's
	TTY        bool
	Size       *TTYSize // of the terminal (API 1.42)
	DetachKeys string
	Privileged bool

	// ID is the command's own, from its start on.
	ID string

	client *Client
	ctx    context.Context
}

// ContainerExec returns a command in a running container. Nothing is sent before it is
// started. The engine keeps of its exit code what [Client.ExecInspect] tells.
func (c *Client) ContainerExec(ctx context.Context, id string, args ...string) *ExecCmd {
	return &ExecCmd{Container: id, Args: args, client: c, ctx: ctx}
}

// Run starts the command and waits for its end. A code other than 0 is an *[ExitError].
func (e *ExecCmd) Run() error {
	if err := e.Start(); err != nil {
		return err
	}
	return e.Wait()
}

// Output runs the command and returns what it writes to its standard output. The error
// of a code other than 0 holds the end of its error output.
func (e *ExecCmd) Output() ([]byte, error) { return e.output(e.Run) }

// CombinedOutput runs the command and returns what it writes to both outputs.
func (e *ExecCmd) CombinedOutput() ([]byte, error) { return e.combined(e.Run) }

// Start starts the command. After it, Wait has to be called.
func (e *ExecCmd) Start() error {
	if e.stream != nil {
		return errors.New("docker: the command has been started already")
	}
	stream, err := e.launch()
	if err != nil {
		e.closePipes(err)
		return err
	}
	e.begin(e.ctx, stream)
	return nil
}

func (e *ExecCmd) launch() (*AttachStream, error) {
	id, err := e.client.ExecCreate(e.ctx, e.Container, e.Args, &ExecCreateOptions{
		Stdin: e.Stdin != nil, TTY: e.TTY, ConsoleSize: e.Size, DetachKeys: e.DetachKeys,
		Env: e.Env, WorkingDir: e.Dir, User: e.User, Privileged: e.Privileged,
	})
	if err != nil {
		return nil, err
	}
	e.ID = id
	return e.client.ExecStart(e.ctx, id, &ExecStartOptions{TTY: e.TTY, ConsoleSize: e.Size})
}

// Wait waits for the end of a started command and of its output. A code other than 0 is
// an *[ExitError]; a code that cannot be learnt is another error, never success.
func (e *ExecCmd) Wait() error {
	if err := e.waitable(); err != nil {
		return err
	}
	held := e.finish(func() bool {
		state, err := e.client.ExecInspect(e.ctx, e.ID)
		return err == nil && !state.Running
	})
	if held != nil && held != ErrWaitDelay {
		return held
	}
	if code, err := e.exitCode(); err != nil || code != 0 {
		return exitError(code, err)
	}
	return held
}

// Resize tells the running command's terminal its size.
func (e *ExecCmd) Resize(size TTYSize) error {
	return e.client.ExecResize(e.ctx, e.ID, size)
}

// exitCode asks for the code. Right after the end of the output an engine may not have
// it yet.
func (e *ExecCmd) exitCode() (int, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		state, err := e.client.ExecInspect(e.ctx, e.ID)
		if err != nil {
			return -1, err
		}
		if !state.Running && state.ExitCode != nil {
			return int(*state.ExitCode), nil
		}
		select {
		case <-e.ctx.Done():
			return -1, errdefs.Cancelled(e.ctx)
		case <-time.After(pause):
		}
	}
}
