// Command errors makes calls fail, and tells by their errors what the engine said and
// what became of the request.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/errdefs"
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
	nowhere, err := docker.New(docker.WithHost("tcp://127.0.0.1:1"))
	if err != nil {
		return err
	}
	defer nowhere.Close()
	id, remove, err := throwaway.Container(ctx, c, image, "sleep", "600")
	if err != nil {
		return err
	}
	defer remove()

	_, err = c.ContainerInspect(ctx, "cleat-nowhere", nil)
	explain("a container that is not there", err)
	explain("removing one that runs", c.ContainerRemove(ctx, id, nil))
	_, err = c.ContainerInspect(ctx, "../images", nil)
	explain("a name that is none", err)
	_, err = nowhere.Ping(ctx)
	explain("no engine there", err)
	ended, end := context.WithCancelCause(ctx)
	end(errors.New("enough"))
	_, err = c.ContainerList(ended, nil)
	explain("a context that has ended", err)
	return nil
}

func explain(what string, err error) {
	fmt.Println(what)
	fmt.Println("  error: ", err)
	if e, ok := errors.AsType[*docker.Error](err); ok && e.Status != 0 {
		fmt.Println("  status:", e.Status, "message:", e.Message)
	}
	for _, kind := range []error{
		errdefs.ErrNotFound, errdefs.ErrConflict, errdefs.ErrInvalidArgument, errdefs.ErrUnavailable, // what was said
		errdefs.ErrNotSent, errdefs.ErrRefused, errdefs.ErrOutcomeUnknown, errdefs.ErrTruncated, errdefs.ErrCancelled, // what became of it
	} {
		if errors.Is(err, kind) {
			fmt.Println("  errors.Is", kind)
		}
	}
}
