// Build builds an image of a directory with this client, with BuildKit where it is.
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
	built, err := c.ImageBuild(context.Background(), docker.BuildDir(os.Args[1]), &docker.ImageBuildOptions{Tags: os.Args[2:]})
	if err != nil {
		log.Fatal(err)
	}
	println(built.ID)
}
