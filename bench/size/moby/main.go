// Moby inspects a container with moby's client.
package main

import (
	"context"
	"log"
	"os"

	"github.com/moby/moby/client"
)

func main() {
	c, err := client.New(client.FromEnv)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := c.ContainerInspect(context.Background(), os.Args[1], client.ContainerInspectOptions{})
	if err != nil {
		log.Fatal(err)
	}
	println(answer.Container.ID, answer.Container.State.Status)
}
