package enginetest

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cleat-go/docker"
)

var execRoutes = table{
	"POST /containers/{id}/exec": plainHandler(execCreate),
	"POST /exec/{id}/start":      streamHandler(execStart),
	"POST /exec/{id}/resize":     plainHandler(execResize),
	"GET /exec/{id}/json":        plainHandler(execInspect),
}

// exec is a process in a container besides its main one.
type exec struct {
	id       string
	ct       *container
	config   execConfig
	main     *process // nil before its start
	running  bool
	begun    bool
	exitCode *int64
	ended    broadcast
}

// execConfig is the body of its creation.
type execConfig struct {
	AttachStdin, AttachStdout, AttachStderr bool
	TTY                                     bool `json:"Tty"`
	DetachKeys                              string
	ConsoleSize                             *[2]uint
	Env, Cmd                                []string
	Privileged                              bool
	User, WorkingDir                        string
}

// execStartBody is the body of its start.
type execStartBody struct {
	Detach      bool
	TTY         bool `json:"Tty"`
	ConsoleSize *[2]uint
}

func execCreate(c *call) error {
	ct, err := c.container()
	if err != nil {
		return err
	}
	var config execConfig
	if err := c.decode(&config); err != nil {
		return err
	}
	if len(config.Cmd) == 0 {
		return badRequest("No exec command specified")
	}
	if err := c.executable(ct, c.vars["id"]); err != nil {
		return err
	}
	x := &exec{id: newID(), ct: ct, config: config}
	c.containers.execs[x.id] = x
	c.emitExec(x, "exec_create: "+x.command())
	return c.json(http.StatusCreated, map[string]string{"Id": x.id})
}

// executable tells whether a container, called ref, can run an exec.
func (e *engine) executable(ct *container, ref string) error {
	switch {
	case ct.state == docker.ContainerPaused:
		return conflict("Container %s is paused, unpause the container before exec", ref)
	case ct.state == docker.ContainerRestarting:
		return conflict("Container %s is restarting, wait until the container is running", ct.id)
	case !ct.running():
		return e.notRunning(ct)
	}
	return nil
}

// command is the exec's as its events tell it.
func (x *exec) command() string { return x.config.Cmd[0] + " " + strings.Join(x.config.Cmd[1:], " ") }

func (e *engine) emitExec(x *exec, action string, attributes ...string) {
	e.emitContainer(x.ct, action, append(attributes, "execID", x.id)...)
}

func (c *call) exec() (*exec, error) {
	x, ok := c.containers.execs[c.vars["id"]]
	if !ok {
		return nil, notFound("No such exec instance: %s", c.vars["id"])
	}
	return x, nil
}

func execStart(c *call) error {
	var body execStartBody
	if c.apiVersion() < 42 || c.r.ContentLength != 0 {
		if err := c.decode(&body); err != nil {
			return err
		}
	}
	c.mu.Lock()
	x, err := c.exec()
	if err == nil {
		err = c.executable(x.ct, x.ct.id)
	}
	if err != nil {
		c.mu.Unlock()
		return err
	}
	if body.Detach {
		defer c.mu.Unlock()
		c.status = http.StatusOK
		_, err := c.startExec(x, nil, body.ConsoleSize)
		return err
	}
	framed := !x.config.TTY
	set := newStreamSet(nil, x.config.AttachStdin, x.config.TTY)
	c.mu.Unlock()
	conn, err := c.upgrade(c.rawType(framed))
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it is over
	a := &attachment{
		set: set, stdin: x.config.AttachStdin, stdout: x.config.AttachStdout, stderr: x.config.AttachStderr,
		stream: true, once: true, detached: func() {},
	}
	if x.config.TTY {
		if a.detach, err = detachKeys(x.config.DetachKeys); err != nil {
			a.detach = nil
		}
	}
	k := set.attach(a.stdout || err != nil, a.stderr, framed, false)
	defer set.detach(k)
	c.mu.Lock()
	started, err := c.startExec(x, set, body.ConsoleSize)
	c.mu.Unlock()
	if err != nil {
		k.stdout = true
		set.write(stdoutStream, []byte(err.Error()+"\r\n")) //nolint:errcheck // the client has gone
		set.end()
	} else if !a.stdout && !a.stderr {
		c.spawn(func() {
			<-started
			set.end()
		})
		a.stderr = true // the connection lasts as long as the process
	}
	return a.converse(c, conn, k)
}

// startExec starts the process. Without streams it has none.
func (c *call) startExec(x *exec, set *streamSet, size *[2]uint) (<-chan struct{}, error) {
	if x.begun {
		if c.apiVersion() < 48 {
			return nil, conflict("Error: Exec command %s has already run", x.id)
		}
		return nil, conflict("exec command %s has already run", x.id)
	}
	if err := c.executable(x.ct, x.ct.id); err != nil {
		return nil, err
	}
	x.begun = true
	c.emitExec(x, "exec_start: "+x.command())
	ct := x.ct
	program, err := ct.program(x.config.Cmd)
	if err != nil {
		code := int64(127)
		if c.apiVersion() < 48 {
			code = 126
		}
		x.exitCode = &code
		return nil, badRequest("OCI runtime exec failed: exec failed: %v", err)
	}
	if set == nil {
		set = newStreamSet(nil, false, x.config.TTY)
	}
	var tty docker.TTYSize
	if size == nil {
		size = x.config.ConsoleSize
	}
	if size != nil {
		tty = docker.TTYSize{Height: size[0], Width: size[1]}
	}
	p := c.newProcess(set, tty)
	p.listens = ct.image.listens
	x.main, x.running = p, true
	about := c.process(ct, x.config.Cmd, slices.Concat(ct.config.Env, x.config.Env), ct.config.WorkingDir, ct.config.User, p)
	about.Exec, about.Privileged = true, about.Privileged || x.config.Privileged
	if x.config.WorkingDir != "" {
		about.Dir = x.config.WorkingDir
	}
	if x.config.User != "" {
		about.User = x.config.User
	}
	ended := x.ended.changed()
	e := c.engine
	e.spawn(func() {
		code := p.run(program, about)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.execEnded(x, code)
	})
	return ended, nil
}

// execEnded notes that an exec has ended, once.
func (e *engine) execEnded(x *exec, code int) {
	if !x.running {
		return
	}
	x.main.cancel()
	exit := int64(code)
	x.running, x.exitCode = false, &exit
	e.emitExec(x, "exec_die", "exitCode", strconv.Itoa(code))
	x.ended.notify()
	x.main.streams.end()
}

// endExecs kills what runs in a container whose main process has ended.
func (e *engine) endExecs(ct *container) {
	for id, x := range e.containers.execs {
		if x.ct == ct && x.running {
			e.execEnded(x, 137)
		} else if x.ct == ct && !x.begun {
			delete(e.containers.execs, id)
		}
	}
}

func execResize(c *call) error {
	size, err := c.size()
	if err != nil {
		return err
	}
	x, err := c.exec()
	if err != nil {
		return err
	}
	if !x.running {
		return conflict("%s", errors.New("exec process is not started").Error())
	}
	x.main.resize(size)
	return c.done(http.StatusOK)
}

func execInspect(c *call) error {
	x, err := c.exec()
	if err != nil {
		return err
	}
	in := docker.Exec{
		ID: x.id, ContainerID: x.ct.id, Running: x.running, ExitCode: x.exitCode,
		OpenStdin: x.config.AttachStdin, OpenStdout: x.config.AttachStdout, OpenStderr: x.config.AttachStderr, DetachKeys: x.config.DetachKeys,
		ProcessConfig: docker.ProcessConfig{
			Entrypoint: x.config.Cmd[0], Arguments: slices.Concat([]string{}, x.config.Cmd[1:]), TTY: x.config.TTY,
			Privileged: x.config.Privileged, User: x.config.User,
		},
	}
	if x.main != nil {
		in.Pid = x.main.pid
	}
	return c.json(http.StatusOK, in)
}
