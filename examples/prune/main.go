// Command prune removes what is no longer used: here the stopped containers that have a
// label, and the images without a name that have it.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/errdefs"
)

func main() {
	image := flag.String("image", "busybox:local", "of the containers that are made and pruned")
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
	labels := map[string]string{"cleat-example": rand.Text()}
	for range 2 {
		made, err := c.ContainerCreate(ctx, image, &docker.ContainerCreateOptions{
			Config: &docker.ContainerConfig{Cmd: []string{"true"}, Labels: labels},
		})
		if err != nil {
			return err
		}
		defer c.ContainerRemove(context.WithoutCancel(ctx), made.ID, nil) // if no prune comes to it
	}

	// without a filter, everything that is not used goes
	mine := docker.Filters{"label": {"cleat-example=" + labels["cleat-example"]}}
	containers, err := patient(ctx, func() (*docker.ContainerPruneResult, error) {
		return c.ContainerPrune(ctx, &docker.ContainerPruneOptions{Filters: mine})
	})
	if err != nil {
		return err
	}
	images, err := patient(ctx, func() (*docker.ImagePruneResult, error) {
		return c.ImagePrune(ctx, &docker.ImagePruneOptions{Filters: mine})
	})
	if err != nil {
		return err
	}
	fmt.Printf("removed %d containers and %d images, which gave %d bytes back\n",
		len(containers.ContainersDeleted), len(images.ImagesDeleted), containers.SpaceReclaimed+images.SpaceReclaimed)
	return nil
}

// patient repeats a prune that is refused because another one is under way.
func patient[T any](ctx context.Context, prune func() (T, error)) (T, error) {
	for {
		result, err := prune()
		if !errors.Is(err, errdefs.ErrConflict) || ctx.Err() != nil {
			return result, err
		}
		time.Sleep(time.Second)
	}
}
