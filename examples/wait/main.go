// Command wait creates a container, registers for its end, starts it, and tells its exit
// code. In this order the end cannot be missed, however soon it comes.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	image := flag.String("image", "busybox:local", "of the container")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *image); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, image string) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()

	made, err := c.ContainerCreate(ctx, image, &docker.ContainerCreateOptions{
		Config: &docker.ContainerConfig{Cmd: []string{"sh", "-c", "exit 7"}, Labels: throwaway.Labels},
	})
	if err != nil {
		return err
	}
	defer throwaway.Remove(ctx, c, made.ID)

	exit, err := c.ContainerWait(ctx, made.ID, &docker.ContainerWaitOptions{Condition: docker.WaitNextExit})
	if err != nil {
		return err
	}
	defer exit.Close()
	if err := c.ContainerStart(ctx, made.ID, nil); err != nil {
		return err
	}
	code, err := exit.Code()
	if err != nil {
		return err // and not 0: the code is not known
	}
	fmt.Println("it ended with", code)
	return nil
}
