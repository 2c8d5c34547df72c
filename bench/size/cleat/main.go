// Cleat inspects a container with this client.
package main

import (
	"context"
	"log"
	"os"

	"github.com/cleat-go/docker"
)

func main() {
	c, err := docker.New()
	if err != nil {
		log.Fatal(err)
	}
	container, err := c.ContainerInspect(context.Background(), os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	println(container.ID, container.State.Status)
}
