// Command exec runs commands in a container that runs: one for its output, one with an
// input, and one that fails.
//
//	go run ./examples/exec -container db
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
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	container := flag.String("container", "", "to run them in; empty makes one")
	image := flag.String("image", "busybox:local", "of the container that is made")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *container, *image); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, container, image string) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()
	id, remove, err := throwaway.Or(ctx, c, container, image, "sleep", "600")
	if err != nil {
		return err
	}
	defer remove()

	out, err := c.ContainerExec(ctx, id, "cat", "/etc/passwd").Output()
	if err != nil {
		return err
	}
	fmt.Printf("%s", out)

	count := c.ContainerExec(ctx, id, "sh", "-c", `echo "$WHAT: $(wc -l)"`)
	count.Env = []string{"WHAT=lines of input"}
	count.Dir, count.User = "/tmp", "nobody"
	count.Stdin = strings.NewReader("one\ntwo\nthree\n")
	count.Stdout, count.Stderr = os.Stdout, os.Stderr
	if err := count.Run(); err != nil {
		return err
	}

	err = c.ContainerExec(ctx, id, "ls", "/nowhere").Run()
	if exit, ok := errors.AsType[*docker.ExitError](err); ok {
		fmt.Println("ls ended with", exit.Code)
		return nil
	}
	return err
}
