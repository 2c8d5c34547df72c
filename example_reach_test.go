package docker_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/auth"
)

// A connection that is open already serves the first call; more are opened where they are
// needed.
func ExampleWithDialer_openConnection() {
	addr, done := farEngine()
	defer done()
	conn, err := net.Dial("unix", addr) // or whatever gave it
	if err != nil {
		log.Fatal(err)
	}

	open := make(chan net.Conn, 1)
	open <- conn
	c, err := docker.New(docker.WithHost("tcp://engine.internal:2375"), docker.WithDialer(
		func(ctx context.Context, _, _ string) (net.Conn, error) {
			select {
			case conn := <-open:
				return conn, nil
			default:
				return nil, fmt.Errorf("there is one connection only")
			}
		},
	))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	version, err := c.Version(ctx)
	fmt.Println(version.Version, err)
	// Output: 28.5.2 <nil>
}

// systemd hands a service sockets as descriptors from 3 on: here a connection to the
// engine that a socket unit has made.
func ExampleWithDialer_systemd() {
	dial := func(context.Context, string, string) (net.Conn, error) {
		if os.Getenv("LISTEN_PID") != fmt.Sprint(os.Getpid()) {
			return nil, fmt.Errorf("systemd has handed over no socket")
		}
		file := os.NewFile(3, "engine")
		defer file.Close() // FileConn duplicates it
		return net.FileConn(file)
	}
	c, err := docker.New(docker.WithDialer(dial))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	_, err = c.Version(ctx)
	fmt.Println(strings.Contains(err.Error(), "systemd has handed over no socket"))
	// Output: true
}

// The engine of a virtual machine, by vsock: Firecracker and Cloud Hypervisor show the
// machine's ports behind a socket that wants to be told which. With AF_VSOCK the
// dialer is that of a vsock package.
func ExampleWithDialer_vsock() {
	machine, done := farEngine()
	defer done()

	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", machine)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(conn, "CONNECT %d\n", 2375)
		answer := make([]byte, 0, 32) // byte by byte: what follows is the engine's
		for one := make([]byte, 1); !strings.HasSuffix(string(answer), "\n") && len(answer) < cap(answer); answer = append(answer, one...) {
			if _, err := conn.Read(one); err != nil {
				conn.Close()
				return nil, err
			}
		}
		if !strings.HasPrefix(string(answer), "OK ") {
			conn.Close()
			return nil, fmt.Errorf("the machine says %q", answer)
		}
		return conn, nil
	}
	c, err := docker.New(docker.WithHost("tcp://machine:2375"), docker.WithDialer(dial))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	version, err := c.Version(ctx)
	fmt.Println(version.Version, err)
	// Output: 28.5.2 <nil>
}

func ExampleWithCredentials() {
	_, done := exampleEngine()
	defer done()

	c, err := docker.New(docker.WithCredentials(auth.Chain{
		auth.Static{"registry.example.com": {Username: "me", Password: os.Getenv("REGISTRY_PASSWORD")}},
		auth.Default(), // what the docker command has
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	pulled, err := c.ImagePull(ctx, "alpine:3.22", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pulled.Digest != "")
	// Output: true
}

// farEngine is an engine at a socket, which may first be asked for a port.
func farEngine() (addr string, done func()) {
	dir, err := os.MkdirTemp("", "cleat-example-")
	if err != nil {
		log.Fatal(err)
	}
	addr = filepath.Join(dir, "engine.sock")
	ln, err := net.Listen("unix", addr)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerVersions(conn)
		}
	}()
	return addr, func() { ln.Close(); os.RemoveAll(dir) }
}

func answerVersions(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	if start, _ := r.Peek(8); string(start) == "CONNECT " {
		line, _ := r.ReadString('\n')
		fmt.Fprint(conn, "OK ", strings.TrimPrefix(line, "CONNECT "))
	}
	for {
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		const body = `{"Version":"28.5.2"}`
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
		if request.Method != http.MethodHead {
			fmt.Fprint(conn, body)
		}
	}
}
