// Command events keeps a list of the running containers up to date by the engine's
// events. It lists them anew when the feed was broken, since some may be missing then.
//
//	go run ./examples/events -follow
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
	image := flag.String("image", "busybox:local", "of the container that is made, so that something happens")
	follow := flag.Bool("follow", false, "go on until it is interrupted, and make no container")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *image, *follow); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, image string, follow bool) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()
	list := &running{client: c, names: map[string]string{}}

	// first the feed, then the list: what happens in between is in the feed
	events, err := c.Events(ctx, &docker.EventsOptions{
		Filters: docker.Filters{"type": {"container"}, "event": {"start", "die"}},
		Retry:   docker.RetryForever, OnReconnect: list.fill,
	})
	if err != nil {
		return err
	}
	defer events.Close()
	if err := list.fill(ctx); err != nil {
		return err
	}
	var own string
	if !follow {
		id, remove, err := throwaway.Container(ctx, c, image, "sleep", "0.5")
		if err != nil {
			return err
		}
		defer remove()
		own = id
	}
	for e, err := range events.All() {
		if err != nil {
			return err
		}
		list.apply(e)
		if e.Action == "die" && e.Actor.ID == own {
			break
		}
	}
	return nil
}

// running is the list of the running containers.
type running struct {
	client *docker.Client
	names  map[string]string // by ID
}

// fill asks the engine for the whole list.
func (r *running) fill(ctx context.Context) error {
	containers, err := r.client.ContainerList(ctx, nil)
	if err != nil {
		return err
	}
	clear(r.names)
	for _, container := range containers {
		r.names[container.ID] = container.Names[0]
	}
	fmt.Println("listed:", len(r.names), "run")
	return nil
}

// apply makes the change that an event tells of.
func (r *running) apply(e *docker.Event) {
	name := "/" + e.Actor.Attributes["name"]
	if e.Action == "start" {
		r.names[e.Actor.ID] = name
	} else {
		delete(r.names, e.Actor.ID)
	}
	fmt.Println(e.Action, name+":", len(r.names), "run")
}
