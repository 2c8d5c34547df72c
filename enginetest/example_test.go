package enginetest_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
)

// A container's process is a function of the test.
func Example() {
	engine, err := enginetest.Start(enginetest.WithImage("greeter:1", enginetest.Image{
		Run: func(_ context.Context, p *enginetest.Process) int {
			in := bufio.NewScanner(p.Stdin)
			for in.Scan() {
				fmt.Fprintf(p.Stdout, "%s, %s!\n", p.Getenv("GREETING"), in.Text())
			}
			return 0
		},
		Config: docker.ImageConfig{Cmd: docker.Command{"greet"}, Env: []string{"GREETING=Hello"}},
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	run := engine.Client().ContainerRun(context.Background(), "greeter:1")
	run.Stdin = strings.NewReader("Ada\nGrace\n")
	out, err := run.Output()
	fmt.Printf("%s%v\n", out, err)
	// Output:
	// Hello, Ada!
	// Hello, Grace!
	// <nil>
}

// An image with a shell serves for most scripts.
func ExampleBusybox() {
	engine, err := enginetest.Start(enginetest.WithImage("busybox", enginetest.Busybox()))
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	out, err := engine.Client().ContainerRun(context.Background(), "busybox", "sh", "-c", "for i in 1 2 3; do echo $i; done | wc -l; exit 4").Output()
	fmt.Printf("%s%v\n", out, err)
	// Output:
	// 3
	// docker: exit status 4
}

// The engine fails as it is told to: here the first start is refused.
func ExampleServer_Fail() {
	engine, err := enginetest.Start(enginetest.WithImage("busybox", enginetest.Busybox()))
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	engine.Fail("POST /containers/{id}/start", enginetest.Fault{Times: 1, Status: http.StatusServiceUnavailable, Message: "try again"})
	for range 2 {
		out, err := engine.Client().ContainerRun(context.Background(), "busybox", "echo", "hello").Output()
		fmt.Printf("%q %t\n", out, err != nil)
	}
	// Output:
	// "" true
	// "hello\n" false
}
