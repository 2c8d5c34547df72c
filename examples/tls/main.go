// Command tls connects with certificates that are held in memory, as they come from a
// secret store: in PEM form, in TLS_CA, TLS_CERT and TLS_KEY. Without -host it stands
// between itself and the engine of DOCKER_HOST with certificates that it makes.
//
//	TLS_CA=… TLS_CERT=… TLS_KEY=… go run ./examples/tls -host tcp://10.0.0.1:2376
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/cleat-go/docker"
)

func main() {
	host := flag.String("host", "", "of an engine with TLS; empty makes one of the engine of DOCKER_HOST")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ca, cert, key := []byte(os.Getenv("TLS_CA")), []byte(os.Getenv("TLS_CERT")), []byte(os.Getenv("TLS_KEY"))
	if *host == "" {
		f, err := newFront(cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"))
		if err != nil {
			log.Fatal(err)
		}
		*host, ca, cert, key = f.host, f.cert, f.cert, f.key
	}
	if err := run(ctx, *host, ca, cert, key); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, host string, ca, cert, key []byte) error {
	c, err := docker.New(docker.WithHost(host), docker.WithTLSPEM(ca, cert, key))
	if err != nil {
		return err
	}
	defer c.Close()
	version, err := c.Version(ctx)
	if err != nil {
		return err
	}
	fmt.Println("spoke TLS to", host+":", "engine", version.Version)
	return nil
}
