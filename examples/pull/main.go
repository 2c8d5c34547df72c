// Command pull pulls an image, and shows the progress. The credentials, where the
// registry asks for any, are those of -user and of the environment, or else those that the
// docker command has.
//
//	REGISTRY_PASSWORD=… go run ./examples/pull -image registry.example.com/app:1 -user me
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
	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

func main() {
	image := flag.String("image", "busybox:latest", "to pull")
	user := flag.String("user", "", "name at the registry; the password is REGISTRY_PASSWORD. Empty takes what the docker command has")
	platform := flag.String("platform", "", "os/arch of the image; empty is the engine's own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, *image, *platform, credentials(*user))
	switch {
	case errors.Is(err, errdefs.ErrNotFound):
		log.Fatal("there is no such image: ", err)
	case errors.Is(err, errdefs.ErrUnauthenticated), errors.Is(err, errdefs.ErrPermissionDenied):
		log.Fatal("these credentials will not do: ", err)
	case err != nil:
		log.Fatal(err)
	}
}

func credentials(user string) *auth.Credentials {
	if user == "" {
		return nil
	}
	return &auth.Credentials{Username: user, Password: os.Getenv("REGISTRY_PASSWORD")}
}

func run(ctx context.Context, image, platform string, credentials *auth.Credentials) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()

	pulled, err := c.ImagePull(ctx, image, &docker.ImagePullOptions{
		Platform: platform,
		Auth:     credentials,
		Progress: streams.Display(os.Stderr),
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s is %s, new here: %t\n", image, pulled.Digest, pulled.Updated)
	return nil
}
