package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// findImage takes a small image that the engine has, or brings one for remove to remove.
func findImage(ctx context.Context, c *docker.Client) (image string, remove func(), err error) {
	for _, image = range []string{"busybox:local", "alpine:latest", "busybox:latest"} {
		if _, err = c.ImageInspect(ctx, image, nil); !errors.Is(err, errdefs.ErrNotFound) {
			fmt.Println("the engine has", image)
			return image, func() {}, err
		}
	}
	pulling, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_, err = c.ImagePull(pulling, image, &docker.ImagePullOptions{Progress: streams.Display(os.Stderr)})
	if err != nil && ctx.Err() == nil {
		fmt.Println("it cannot be pulled:", err)
		image = "cleat-quickstart:latest"
		err = importBusybox(ctx, c, image)
	}
	return image, func() { c.ImageRemove(context.WithoutCancel(ctx), image, nil) }, err
}

// importBusybox makes an image of this machine's busybox.
func importBusybox(ctx context.Context, c *docker.Client, image string) error {
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return fmt.Errorf("nor made of this machine's busybox: %w", err)
	}
	var rootfs bytes.Buffer
	w := tar.NewWriter(&rootfs)
	w.WriteHeader(&tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(program))})
	w.Write(program)
	for _, name := range []string{"sh", "echo", "sleep", "tr", "uname"} {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox"})
	}
	w.Close()
	fmt.Println("so it is made of /bin/busybox, which has to be a static one (Debian: busybox-static)")
	_, err = c.ImageImport(ctx, &rootfs, &docker.ImageImportOptions{Reference: image})
	return err
}
