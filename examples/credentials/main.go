// Command credentials logs in to a registry, keeps the login where the docker command does,
// and lists whose it has.
//
//	REGISTRY_PASSWORD=… go run ./examples/credentials -registry registry.example.com -user me
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/signal"
	"slices"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/auth"
)

func main() {
	registry := flag.String("registry", "docker.io", "to log in to")
	user := flag.String("user", "", "to log in as, with the password REGISTRY_PASSWORD; empty lists alone")
	logout := flag.Bool("logout", false, "forget the login at the registry")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *registry, *user, *logout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, registry, user string, logout bool) error {
	kept := auth.Default() // config.json with its helpers; clients ask it for each pull and push
	if logout {
		return kept.Erase(ctx, registry)
	}
	if user != "" {
		if err := login(ctx, kept, registry, user); err != nil {
			return err
		}
	}
	all, err := kept.All(ctx)
	if err != nil {
		log.Print(err) // of some; the others are there
	}
	for _, registry := range slices.Sorted(maps.Keys(all)) {
		fmt.Println(registry, all[registry].Username)
	}
	return nil
}

func login(ctx context.Context, kept auth.Store, registry, user string) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()
	credentials := auth.Credentials{Username: user, Password: os.Getenv("REGISTRY_PASSWORD"), ServerAddress: registry}
	answer, err := c.RegistryLogin(ctx, credentials, &docker.RegistryLoginOptions{Store: kept})
	if err != nil {
		return err
	}
	fmt.Println(answer.Status)
	return nil
}
