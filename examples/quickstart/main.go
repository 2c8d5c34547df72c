// Command quickstart shows the main calls of the client, one after the other, on the
// engine that the docker command would use. It removes what it makes, also when it fails
// or is interrupted. Where there is no engine, it says so, and takes one in memory.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
	"github.com/cleat-go/docker/streams"
)

// labels are those of all containers of this run.
var labels = map[string]string{"cleat-example": rand.Text()}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println("== Connect to the engine at", c.Host())
	err = connect(ctx, c)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		fmt.Printf("No engine answers there: %v\n", err)
		fmt.Println("So this is one in memory, of package enginetest. Start one, or set DOCKER_HOST to the address of one.")
		return inMemory(ctx)
	}
	if err != nil {
		return err
	}
	return watched(ctx, c)
}

// inMemory shows everything on an engine that is part of this program, with an image whose
// commands are part of it too.
func inMemory(ctx context.Context) error {
	engine, err := enginetest.Start(enginetest.WithImage("busybox:local", enginetest.Busybox()))
	if err != nil {
		return err
	}
	defer engine.Close()
	if err := connect(ctx, engine.Client()); err != nil {
		return err
	}
	return watched(ctx, engine.Client())
}

func connect(ctx context.Context, c *docker.Client) error {
	ping, err := c.Ping(ctx)
	if err != nil {
		return err
	}
	inUse, err := c.APIVersion(ctx)
	fmt.Printf("%s, API %s at most, %s in use\n", ping.Server, ping.APIVersion, inUse)
	return err
}

// watched is the tour with the events that it makes.
func watched(ctx context.Context, c *docker.Client) error {
	events, err := c.Events(ctx, &docker.EventsOptions{
		Filters: docker.Filters{"label": {"cleat-example=" + labels["cleat-example"]}},
	})
	if err != nil {
		return err
	}
	defer events.Close()
	return tour(ctx, c, events)
}

func tour(ctx context.Context, c *docker.Client, events *docker.EventStream) error {
	fmt.Println("== Get a small image")
	image, remove, err := findImage(ctx, c)
	if err != nil {
		return err
	}
	defer remove()

	fmt.Println("== Run commands in containers of their own")
	if err := runCommands(ctx, c, image); err != nil {
		return err
	}

	fmt.Println("== Start a container that goes on, and follow its logs")
	loop := command(ctx, c, image, "sh", "-c",
		`for i in 1 2 3; do echo "line $i"; sleep 0.2; done; echo done >&2; while sleep 0.1; do :; done`)
	if err := loop.Start(); err != nil {
		return err
	}
	err = look(ctx, c, loop.ID)

	fmt.Println("== Kill and remove it")
	err = errors.Join(err, loop.Kill("SIGKILL"))
	fmt.Println(loop.Wait())
	if err != nil {
		return err
	}

	fmt.Println("== Look back at the events")
	return printEvents(events, loop.ID)
}

func command(ctx context.Context, c *docker.Client, image string, args ...string) *docker.RunCmd {
	run := c.ContainerRun(ctx, image, args...)
	run.Config = &docker.ContainerConfig{Labels: labels}
	return run
}

// runCommands uses containers as package os/exec uses processes.
func runCommands(ctx context.Context, c *docker.Client, image string) error {
	out, err := command(ctx, c, image, "echo", "hello from a container").Output()
	if err != nil {
		return err
	}
	fmt.Printf("%s", out)

	_, err = command(ctx, c, image, "sh", "-c", "echo it went wrong >&2; exit 3").Output()
	exit, ok := errors.AsType[*docker.ExitError](err)
	if !ok {
		return fmt.Errorf("an exit code was expected, not: %v", err)
	}
	fmt.Printf("exit code %d, and on its error output: %s", exit.Code, exit.Stderr)
	return nil
}

// look does what one does to a container that runs.
func look(ctx context.Context, c *docker.Client, id string) error {
	if err := followLogs(ctx, c, id); err != nil {
		return err
	}

	fmt.Println("== Run commands in it")
	if err := execCommands(ctx, c, id); err != nil {
		return err
	}

	fmt.Println("== Copy a file in and out")
	if err := c.ContainerWriteFile(ctx, id, "/hello.txt", []byte("hello, file"), 0o600); err != nil {
		return err
	}
	content, err := c.ContainerReadFile(ctx, id, "/hello.txt")
	if err != nil {
		return err
	}
	fmt.Printf("/hello.txt holds %q\n", content)

	fmt.Println("== See what it uses")
	s, err := c.ContainerStatsOnce(ctx, id, nil)
	if err == nil {
		fmt.Printf("CPU %.2f %%, memory %d KiB, processes %d\n", s.CPUPercent(), s.MemoryUsed()>>10, s.Pids.Current)
	}
	return err
}

func followLogs(ctx context.Context, c *docker.Client, id string) error {
	logs, err := c.ContainerLogs(ctx, id, &docker.ContainerLogsOptions{Follow: true, Timestamps: true})
	if err != nil {
		return err
	}
	for line, err := range logs.Lines() {
		if err != nil {
			return err
		}
		fmt.Println(line.Time.Local().Format(time.TimeOnly), line.Stream, line.Text)
		if line.Stream == streams.Stderr {
			break // which closes the logs
		}
	}
	return nil
}

// execCommands runs one command for its output, and one with an input.
func execCommands(ctx context.Context, c *docker.Client, id string) error {
	out, err := c.ContainerExec(ctx, id, "uname", "-sm").Output()
	if err != nil {
		return err
	}
	fmt.Printf("%s", out)
	upper := c.ContainerExec(ctx, id, "tr", "a-z", "A-Z")
	upper.Stdin, upper.Stdout = strings.NewReader("written to its input\n"), os.Stdout
	return upper.Run()
}

// printEvents prints what came since the feed was opened, to the end of a container.
func printEvents(events *docker.EventStream, last string) error {
	for e, err := range events.All() {
		if err != nil {
			return err
		}
		fmt.Println(e.Time.Local().Format(time.TimeOnly), e.Actor.Attributes["name"], e.Action)
		if e.Action == "die" && e.Actor.ID == last {
			break // which closes the feed
		}
	}
	return nil
}
