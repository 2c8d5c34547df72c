// Command copy copies a file and a directory into a container and out of it. The
// container need not run for that.
//
//	go run ./examples/copy -dir .
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	image := flag.String("image", "busybox:local", "of the container")
	dir := flag.String("dir", "examples/copy", "what is copied")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *image, *dir); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, image, dir string) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()
	id, remove, err := throwaway.Container(ctx, c, image, "sleep", "600")
	if err != nil {
		return err
	}
	defer remove()

	if err := c.ContainerWriteFile(ctx, id, "/tmp/note", []byte("a note\n"), 0o600); err != nil {
		return err
	}
	note, err := c.ContainerReadFile(ctx, id, "/tmp/note")
	if err != nil {
		return err
	}
	fmt.Printf("in the container: %s", note)

	if err := c.ContainerCopyDir(ctx, id, "/tmp/copied", dir); err != nil {
		return err
	}
	back, err := os.MkdirTemp("", "cleat-copy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(back)
	if err := c.ContainerExtract(ctx, id, "/tmp/copied", back, nil); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(back, "*"))
	fmt.Println("and back here:", files)
	return err
}
