// Fsouza inspects a container with go-dockerclient.
package main

import (
	"log"
	"os"

	docker "github.com/fsouza/go-dockerclient"
)

func main() {
	c, err := docker.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	container, err := c.InspectContainerWithOptions(docker.InspectContainerOptions{ID: os.Args[1]})
	if err != nil {
		log.Fatal(err)
	}
	println(container.ID, container.State.Status)
}
