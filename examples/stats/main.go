// Command stats follows what a container uses, about once a second.
//
//	go run ./examples/stats -container web -n 0
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	container := flag.String("container", "", "to follow; empty makes one")
	image := flag.String("image", "busybox:local", "of the container that is made")
	n := flag.Int("n", 3, "samples; 0 goes on until it is interrupted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *container, *image, *n); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, container, image string, n int) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()
	id, remove, err := throwaway.Or(ctx, c, container, image, "sh", "-c", "while sleep 0.05; do :; done")
	if err != nil {
		return err
	}
	defer remove()

	feed, err := c.ContainerStats(ctx, id)
	if err != nil {
		return err
	}
	const row = "%8s %12s %12s %8s %24s %24s\n"
	fmt.Printf(row, "CPU", "MEMORY", "OF", "PIDS", "RECEIVED / SENT", "READ / WRITTEN")
	for s, err := range feed.All() {
		if err != nil {
			return err
		}
		received, sent := s.NetworkTotals()
		read, written := s.BlockTotals()
		fmt.Printf(row, fmt.Sprintf("%.2f %%", s.CPUPercent()), kib(s.MemoryUsed()), kib(s.Memory.Limit),
			fmt.Sprint(s.Pids.Current), kib(received)+" / "+kib(sent), kib(read)+" / "+kib(written))
		if n--; n == 0 {
			break // which closes the feed
		}
	}
	return nil
}

func kib(bytes uint64) string { return fmt.Sprintf("%d KiB", bytes>>10) }
