// Command build builds an image of a directory, with a secret and the progress, and tells
// what of the Dockerfile failed.
//
//	go run ./examples/build -dir app -secret token=TOKEN
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/streams"
)

func main() {
	dir := flag.String("dir", ".", "the context, with its Dockerfile")
	tag := flag.String("tag", "cleat-example:built", "name of the image")
	secret := flag.String("secret", "", "id=VARIABLE: a secret and the variable of the environment that has it")
	keep := flag.Bool("keep", false, "do not remove the image at the end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, *dir, *tag, *secret, *keep)
	if failed, ok := errors.AsType[*docker.BuildError](err); ok {
		fmt.Println("the step failed:", failed.Step)
		if failed.Source != nil {
			fmt.Println("it stands at", failed.Source)
		}
		log.Fatalf("exit code %d; its last output: %q", failed.ExitCode, failed.Log)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir, tag, secret string, keep bool) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()

	opts := &docker.ImageBuildOptions{
		Tags:     []string{tag},
		Labels:   map[string]string{"cleat-example": "build"},
		Progress: streams.Display(os.Stderr),
	}
	if id, variable, ok := strings.Cut(secret, "="); ok {
		opts.Secrets = map[string]docker.BuildSecret{id: docker.BuildSecretEnv(variable)}
	}
	built, err := c.ImageBuild(ctx, docker.BuildDir(dir), opts)
	if err != nil {
		return err
	}
	for _, warning := range built.Warnings {
		fmt.Println("warning:", warning)
	}
	fmt.Println(tag, "is", built.ID)
	if keep {
		return nil
	}
	_, err = c.ImageRemove(ctx, tag, nil)
	return err
}
