// Command health waits until containers are healthy: one that soon is, and one that
// never will be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	image := flag.String("image", "busybox:local", "of the containers")
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

	if err := healthy(ctx, c, image, "test -e /ready", 60); err != nil {
		return err
	}
	fmt.Println("the first is healthy")

	err = healthy(ctx, c, image, "echo no database; false", 2)
	if sick, ok := errors.AsType[*docker.UnhealthyError](err); ok {
		fmt.Println("the second is", sick.Health.Status, "for good:", sick)
		return nil
	}
	return err
}

// healthy starts a container that is checked in the way given, and waits for up to a
// minute until it is healthy, or the check has failed so often as the retries say.
func healthy(ctx context.Context, c *docker.Client, image, check string, retries int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	made, err := c.ContainerCreate(ctx, image, &docker.ContainerCreateOptions{Config: &docker.ContainerConfig{
		Cmd:    []string{"sh", "-c", "sleep 0.5; touch /ready; sleep 600"},
		Labels: throwaway.Labels,
		Healthcheck: &docker.HealthConfig{
			Test: []string{"CMD-SHELL", check}, Interval: 500 * time.Millisecond, Retries: retries,
		},
	}})
	if err != nil {
		return err
	}
	defer throwaway.Remove(ctx, c, made.ID)
	if err := c.ContainerStart(ctx, made.ID, nil); err != nil {
		return err
	}
	return c.ContainerWaitHealthy(ctx, made.ID)
}
