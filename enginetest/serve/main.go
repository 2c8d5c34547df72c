// Serve is an engine of package enginetest that any client can use, the docker command
// too:
//
//	go run ./enginetest/serve -unix /tmp/engine.sock &
//	docker -H unix:///tmp/engine.sock run --rm busybox echo hello
//
// It has the images busybox:latest and busybox:local.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cleat-go/docker/enginetest"
)

func main() {
	path := flag.String("unix", "", "the path of the socket; empty is one in a temporary folder")
	tcp := flag.String("tcp", "", "an address to listen on instead")
	version := flag.String("api", "1.56", "the newest API version that it speaks")
	flag.Parse()
	if err := run(*path, *tcp, *version); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path, tcp, version string) error {
	transport := enginetest.WithUnix(path)
	if tcp != "" {
		transport = enginetest.WithTCP(tcp)
	}
	s, err := enginetest.Start(
		transport, enginetest.WithAPIVersion(version),
		enginetest.WithImage("busybox:latest", enginetest.Busybox()), enginetest.WithImage("busybox:local", enginetest.Busybox()),
	)
	if err != nil {
		return err
	}
	fmt.Println(s.Host())
	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt, syscall.SIGTERM)
	<-end
	return s.Close()
}
