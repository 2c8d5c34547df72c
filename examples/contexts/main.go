// Command contexts lists the contexts of the docker command, tells which engine New finds and
// why, and asks it for its version.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/cleat-go/docker"
)

func main() {
	name := flag.String("context", "", "to use; empty is what the docker command would")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *name); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, name string) error {
	contexts, err := docker.ContextList()
	if err != nil {
		return err
	}
	for _, c := range contexts {
		mark := " "
		if c.Current {
			mark = "*"
		}
		fmt.Println(mark, c.Name, c.Host)
		if c.Err != nil {
			fmt.Println("  cannot be used:", c.Err)
		}
	}

	found, err := docker.Resolve(docker.WithContext(name))
	if err != nil {
		return err
	}
	fmt.Println(found)

	c, err := docker.New(docker.WithContext(name))
	if err != nil {
		return err
	}
	defer c.Close()
	version, err := c.Version(ctx)
	if err != nil {
		return err
	}
	fmt.Println("engine", version.Version)
	return nil
}
