// Command ssh runs a command in a container of an engine at the far end of an ssh connection.
//
//	go run ./examples/ssh -host ssh://me@build.example.com
//	go run ./examples/ssh -host ssh://me@build.example.com/run/podman/podman.sock
//
// The first needs a docker command there, the second an ssh server that forwards sockets.
// Keys, jump hosts and the like are those of ~/.ssh/config.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	host := flag.String("host", os.Getenv("DOCKER_HOST"), "of the engine, ssh://user@name")
	image := flag.String("image", "busybox:local", "of the container")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, *host, *image)
	if errors.Is(err, errdefs.ErrUnavailable) {
		log.Fatal("the engine saw nothing of it: ", err) // with what ssh said
	} else if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, host, image string) error {
	c, err := docker.New(docker.WithHost(host))
	if err != nil {
		return err
	}
	defer c.Close() // ends the ssh processes

	hello := c.ContainerRun(ctx, image, "echo", "hello from", host)
	hello.Config = &docker.ContainerConfig{Labels: throwaway.Labels}
	hello.Stdout = os.Stdout
	return hello.Run()
}
