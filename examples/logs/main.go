// Command logs follows what a container writes, line by line, until the container ends.
//
//	go run ./examples/logs -container web
package main

import (
	"context"
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
	container := flag.String("container", "", "to follow; empty makes one")
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
	id, remove, err := throwaway.Or(ctx, c, container, image,
		"sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.2; done; echo that was all >&2")
	if err != nil {
		return err
	}
	defer remove()

	logs, err := c.ContainerLogs(ctx, id, &docker.ContainerLogsOptions{Follow: true, Tail: 100, Timestamps: true})
	if err != nil {
		return err
	}
	for line, err := range logs.Lines() { // or logs.Copy(os.Stdout, os.Stderr)
		if err != nil {
			return err
		}
		fmt.Println(line.Time.Local().Format(time.StampMilli), line.Stream, line.Text)
	}
	return nil
}
