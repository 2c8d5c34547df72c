// Command dialer connects to the engine in a way of its own: here over a connection that
// is open already, and over new ones where the client needs more than one at a time. It
// is the way through ssh, through a tunnel, or over what another process has opened.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	host := flag.String("host", cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), "of the engine, unix:// or tcp://")
	image := flag.String("image", "busybox:local", "of the container")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *host, *image); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, host, image string) error {
	var d net.Dialer
	network, addr, _ := strings.Cut(host, "://")
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return err
	}
	opened := make(chan net.Conn, 1)
	opened <- conn

	c, err := docker.New(docker.WithHost(host), docker.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		select {
		case conn := <-opened:
			fmt.Println("the connection that is open already is used")
			return conn, nil
		default:
			fmt.Println("another is opened:", network, addr)
			return d.DialContext(ctx, network, addr)
		}
	}))
	if err != nil {
		return err
	}
	defer c.Close()

	hello := c.ContainerRun(ctx, image, "echo", "hello through the dialer")
	hello.Config = &docker.ContainerConfig{Labels: throwaway.Labels}
	hello.Stdout = os.Stdout
	return hello.Run()
}
