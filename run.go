package docker

import (
	"context"
	"errors"
	"time"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// PullPolicy says when a run pulls its image.
type PullPolicy string

// Policies of a run.
const (
	PullMissing PullPolicy = "missing" // where the engine lacks it; the default
	PullAlways  PullPolicy = "always"
	PullNever   PullPolicy = "never"
)

// cleanupTimeout bounds what is done when the context of a run has ended.
const cleanupTimeout = 30 * time.Second

// RunCmd is a command in a container of its own, used as [os/exec.Cmd] is: set its
// fields, then call one of Run, Output, CombinedOutput or Start.
//
// When its context ends, the container is killed.
type RunCmd struct {
	Stdio

	Image      string
	Args       []string // the command; empty is the image's
	Env        []string // as KEY=value
	Dir        string   // empty is the image's
	User       string   // user[:group]; empty is the image's
	Labels     map[string]string
	TTY        bool
	Name       string           // of the container; the engine makes one up where it is empty
	Platform   string           // os[/arch[/variant]] of the image (API 1.41)
	Config     *ContainerConfig // further settings; the fields above take their place
	HostConfig *HostConfig      // nil is the engine's defaults
	Networking *NetworkingConfig

	Pull        PullPolicy
	PullOptions *ImagePullOptions // for the pull, if there is one
	Progress    streams.Progress  // of the pull, where PullOptions has none
	Keep        bool              // leave the container behind

	// ID is the container's, and Warnings what the engine said of its settings, from
	// the start on.
	ID       string
	Warnings []string

	client *Client
	ctx    context.Context
	exit   *ContainerExit
}

// ContainerRun returns a command in a container of its own, which is made at its start
// and removed after its end. Nothing is sent before it is started.
func (c *Client) ContainerRun(ctx context.Context, image string, args ...string) *RunCmd {
	return &RunCmd{Image: image, Args: args, client: c, ctx: ctx}
}

// Run starts the command and waits for its end. A code other than 0 is an *[ExitError].
func (c *RunCmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the command and returns what it writes to its standard output. The error
// of a code other than 0 holds the end of its error output.
func (c *RunCmd) Output() ([]byte, error) { return c.output(c.Run) }

// CombinedOutput runs the command and returns what it writes to both outputs.
func (c *RunCmd) CombinedOutput() ([]byte, error) { return c.combined(c.Run) }

// Start makes the container and starts it; before that it pulls the image as the policy
// says, attaches to the container's streams and registers for its exit. After it, Wait
// has to be called. When it fails, nothing is left behind.
func (c *RunCmd) Start() error {
	if c.ID != "" {
		return errors.New("docker: the command has been started already")
	}
	err := c.create()
	if err == nil {
		if err = c.launch(); err != nil {
			c.exit.Close()
			c.outlive(c.remove) //nolint:errcheck // the first error is the one to tell
		}
	}
	if err != nil {
		c.closePipes(err)
	}
	return err
}

// create makes the container, after a pull where the policy says so.
func (c *RunCmd) create() error {
	if c.Pull == PullAlways {
		if err := c.pull(); err != nil {
			return err
		}
	}
	if c.ctx.Err() != nil {
		return errdefs.Cancelled(c.ctx)
	}
	made, err := c.make()
	if errors.Is(err, errdefs.ErrNotFound) && (c.Pull == "" || c.Pull == PullMissing) {
		if err := c.pull(); err != nil {
			return err
		}
		made, err = c.make()
	}
	if err != nil {
		return err
	}
	c.ID, c.Warnings = made.ID, made.Warnings
	return nil
}

// make sends the create and waits for its answer, also when the context ends meanwhile:
// a container whose ID is not known could not be removed.
func (c *RunCmd) make() (made *ContainerCreateResult, err error) {
	err = c.outlive(func(ctx context.Context) error {
		made, err = c.client.ContainerCreate(ctx, c.Image, c.settings())
		return err
	})
	return made, err
}

func (c *RunCmd) pull() error {
	o := value(c.PullOptions)
	if o.Progress == nil {
		o.Progress = c.Progress
	}
	if o.Platform == "" {
		o.Platform = c.Platform
	}
	_, err := c.client.ImagePull(c.ctx, c.Image, &o)
	return err
}

// settings are those of the container: copies, with the command's own fields in them.
func (c *RunCmd) settings() *ContainerCreateOptions {
	config, host := value(c.Config), value(c.HostConfig)
	if len(c.Args) > 0 {
		config.Cmd = c.Args
	}
	if c.Dir != "" {
		config.WorkingDir = c.Dir
	}
	if c.User != "" {
		config.User = c.User
	}
	config.Env = append(config.Env[:len(config.Env):len(config.Env)], c.Env...)
	if c.Labels != nil {
		config.Labels = c.Labels
	}
	config.TTY = config.TTY || c.TTY
	config.AttachStdout, config.AttachStderr = true, true
	if c.Stdin != nil {
		config.AttachStdin, config.OpenStdin, config.StdinOnce = true, true, true
	}
	host.AutoRemove = !c.Keep
	return &ContainerCreateOptions{
		Name: c.Name, Platform: c.Platform, Config: &config, HostConfig: &host, NetworkingConfig: c.Networking,
	}
}

// launch attaches, registers for the exit, and only then starts.
func (c *RunCmd) launch() error {
	r := newRequest("POST /containers/{id}/attach", c.ID)
	r.setAttach(&ContainerAttachOptions{Stdin: c.Stdin != nil})
	tty := c.TTY || c.Config != nil && c.Config.TTY
	stream, err := c.client.attach(c.ctx, r, func() (bool, error) { return tty, nil })
	if err != nil {
		return err
	}
	c.exit, err = c.client.ContainerWait(c.ctx, c.ID, &ContainerWaitOptions{Condition: WaitNextExit})
	if err == nil {
		err = c.client.ContainerStart(c.ctx, c.ID, nil)
	}
	if err != nil {
		stream.Close()
		return err
	}
	c.begin(c.ctx, stream)
	return nil
}

// Wait waits for the end of the container and of its output, and removes it. A code
// other than 0 is an *[ExitError]; a code that cannot be learnt is another error, never
// success. When the context has ended, the container is killed.
func (c *RunCmd) Wait() error {
	if err := c.waitable(); err != nil {
		return err
	}
	held := c.finish(func() bool {
		state, err := c.client.ContainerInspect(c.ctx, c.ID, nil)
		return errors.Is(err, errdefs.ErrNotFound) || err == nil && !state.State.Running
	})
	if held != nil && held != ErrWaitDelay {
		return c.abandon(held)
	}
	code, err := c.exit.Code()
	if err != nil {
		return c.abandon(err)
	}
	if !c.Keep {
		err = c.outlive(c.remove)
	}
	if err != nil || code != 0 {
		return exitError(code, err)
	}
	return held
}

// abandon leaves nothing running after a failure, which it returns.
func (c *RunCmd) abandon(failure error) error {
	c.exit.Close()
	if c.Keep {
		c.outlive(func(ctx context.Context) error { //nolint:errcheck // the first error is the one to tell
			return c.client.ContainerKill(ctx, c.ID, nil)
		})
		return failure
	}
	c.outlive(c.remove) //nolint:errcheck // the first error is the one to tell
	return failure
}

// remove kills and removes the container, and waits until its name is free: the engine
// may be removing it already.
func (c *RunCmd) remove(ctx context.Context) error {
	err := c.client.ContainerRemove(ctx, c.ID, &ContainerRemoveOptions{Force: true, Volumes: true})
	if errors.Is(err, errdefs.ErrConflict) {
		var gone *ContainerExit
		if gone, err = c.client.ContainerWait(ctx, c.ID, &ContainerWaitOptions{Condition: WaitRemoved}); err == nil {
			_, err = gone.Code()
		}
	}
	if errors.Is(err, errdefs.ErrNotFound) {
		return nil
	}
	return err
}

// outlive calls f with a context that goes on for a while after the run's has ended.
func (c *RunCmd) outlive(f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.ctx))
	defer cancel()
	stop := context.AfterFunc(c.ctx, func() { time.AfterFunc(cleanupTimeout, cancel) })
	defer stop()
	return f(ctx)
}

// Kill sends a signal to the running command; an empty one is SIGKILL.
func (c *RunCmd) Kill(signal string) error {
	return c.client.ContainerKill(c.ctx, c.ID, &ContainerKillOptions{Signal: signal})
}

// Resize tells the running command's terminal its size.
func (c *RunCmd) Resize(size TTYSize) error {
	return c.client.ContainerResize(c.ctx, c.ID, size)
}
