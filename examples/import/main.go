// Command import makes an image of a root file system, a second one of a container, and
// takes that one to a file and back.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

const imported, committed, tagged = "cleat-example:imported", "cleat-example:committed", "cleat-example:tagged"

func main() {
	image := flag.String("image", "busybox:local", "of the container whose root file system is imported")
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
	defer func() {
		for _, name := range []string{tagged, committed, imported} {
			c.ImageRemove(context.WithoutCancel(ctx), name, nil)
		}
	}()
	if err := importRootfs(ctx, c, image); err != nil {
		return err
	}
	if err := commit(ctx, c); err != nil {
		return err
	}
	return saveAndLoad(ctx, c)
}

// importRootfs makes an image of a tar: here of what a container's root holds.
func importRootfs(ctx context.Context, c *docker.Client, image string) error {
	id, remove, err := throwaway.Container(ctx, c, image, "true")
	if err != nil {
		return err
	}
	defer remove()
	rootfs, err := c.ContainerExport(ctx, id)
	if err != nil {
		return err
	}
	defer rootfs.Close()
	imageID, err := c.ImageImport(ctx, rootfs, &docker.ImageImportOptions{
		Reference: imported, Changes: []string{`CMD ["cat", "/note"]`, "ENV PATH=/bin"},
	})
	fmt.Println("imported", imageID)
	return err
}

// commit makes an image of what a command has left in its container.
func commit(ctx context.Context, c *docker.Client) error {
	write := c.ContainerRun(ctx, imported, "sh", "-c", "echo written before the commit >/note")
	write.Config = &docker.ContainerConfig{Labels: throwaway.Labels}
	write.Keep = true
	if err := write.Run(); err != nil {
		return err
	}
	defer throwaway.Remove(ctx, c, write.ID)
	imageID, err := c.ImageCommit(ctx, write.ID, &docker.ImageCommitOptions{
		Reference: committed, Changes: []string{`CMD ["cat", "/note"]`},
	})
	if err != nil {
		return err
	}
	fmt.Println("committed", imageID)
	return c.ImageTag(ctx, imageID, tagged)
}

// saveAndLoad takes an image to a file, removes it, and loads and runs it again.
func saveAndLoad(ctx context.Context, c *docker.Client) error {
	saved, err := c.ImageSave(ctx, []string{tagged}, nil)
	if err != nil {
		return err
	}
	defer saved.Close()
	file, err := os.CreateTemp("", "cleat-image-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	size, err := io.Copy(file, saved)
	if err != nil {
		return err
	}
	if _, err := c.ImageRemove(ctx, tagged, nil); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	loaded, err := c.ImageLoad(ctx, file, nil)
	if err != nil {
		return err
	}
	fmt.Println("saved", size, "bytes and loaded", loaded)
	show := c.ContainerRun(ctx, tagged)
	show.Config = &docker.ContainerConfig{Labels: throwaway.Labels}
	show.Stdout = os.Stdout
	return show.Run()
}
