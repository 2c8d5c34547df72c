// Package throwaway makes the containers that the examples are shown on.
package throwaway

import (
	"context"
	"log"

	"github.com/cleat-go/docker"
)

// Labels are those of all that the examples make.
var Labels = map[string]string{"cleat-example": "1"}

// Container starts a container that runs a command. The function that it returns removes
// it, also where ctx has ended.
func Container(ctx context.Context, c *docker.Client, image string, args ...string) (id string, remove func(), err error) {
	made, err := c.ContainerCreate(ctx, image, &docker.ContainerCreateOptions{
		Config: &docker.ContainerConfig{Cmd: args, Labels: Labels},
	})
	if err != nil {
		return "", nil, err
	}
	remove = func() { Remove(ctx, c, made.ID) }
	if err := c.ContainerStart(ctx, made.ID, nil); err != nil {
		remove()
		return "", nil, err
	}
	return made.ID, remove, nil
}

// Or returns the container that is given, where one is, and else makes one as
// [Container] does.
func Or(ctx context.Context, c *docker.Client, given, image string, args ...string) (id string, remove func(), err error) {
	if given != "" {
		return given, func() {}, nil
	}
	return Container(ctx, c, image, args...)
}

// Remove removes a container, also where ctx has ended.
func Remove(ctx context.Context, c *docker.Client, id string) {
	if err := c.ContainerRemove(context.WithoutCancel(ctx), id, &docker.ContainerRemoveOptions{Force: true}); err != nil {
		log.Print(err)
	}
}
