// Command run runs a command in a container of its own, streams what it writes, and ends
// with its exit code.
//
//	go run ./examples/run -- ls -l /
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
	"github.com/cleat-go/docker/streams"
)

func main() {
	image := flag.String("image", "busybox:local", "of the container; it is pulled where the engine lacks it")
	flag.Parse()
	args := flag.Args()
	if len(args) == 0 {
		args = []string{"sh", "-c", "echo to the output; echo to the error output >&2"}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, *image, args)
	if exit, ok := errors.AsType[*docker.ExitError](err); ok {
		os.Exit(exit.Code)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, image string, args []string) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()

	cmd := c.ContainerRun(ctx, image, args...)
	cmd.Config = &docker.ContainerConfig{Labels: throwaway.Labels}
	cmd.Env = []string{"GREETING=hello"}
	cmd.Progress = streams.Display(os.Stderr)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
