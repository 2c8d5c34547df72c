package docker_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"testing/fstest"
	"time"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

var ctx = context.Background()

func ExampleNew() {
	_, done := exampleEngine()
	defer done()

	c, err := docker.New() // the engine that the docker command would use
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	containers, err := c.ContainerList(ctx, &docker.ContainerListOptions{
		All:     true,
		Filters: docker.Filters{"label": {"app=web"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, container := range containers {
		fmt.Println(container.Names[0], container.Image, container.State)
	}
	// Output:
	// /web app:1 running
	// /old app:0 exited
}

func ExampleClient_ContainerRun() {
	c, done := exampleEngine()
	defer done()

	run := c.ContainerRun(ctx, "golang:1.26", "go", "test", "./...")
	run.Stdout, run.Stderr = os.Stdout, os.Stderr
	err := run.Run() // pull, create, attach, start, wait, remove
	if exit, ok := errors.AsType[*docker.ExitError](err); ok {
		fmt.Println("it ended with", exit.Code)
	} else if err != nil {
		log.Fatal(err)
	}
	// Output:
	// FAIL app 0.2s
	// it ended with 1
}

func ExampleClient_ContainerExec() {
	c, done := exampleEngine()
	defer done()

	out, err := c.ContainerExec(ctx, "db", "psql", "-tc", "select 1").Output()
	if err != nil {
		log.Fatal(err) // of another exit code than 0: *docker.ExitError
	}
	fmt.Printf("%s", out)
	// Output: 1
}

func ExampleClient_ContainerLogs() {
	c, done := exampleEngine()
	defer done()

	logs, err := c.ContainerLogs(ctx, "old", &docker.ContainerLogsOptions{Follow: true, Tail: 100})
	if err != nil {
		log.Fatal(err)
	}
	for line, err := range logs.Lines() { // or logs.Copy(os.Stdout, os.Stderr)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(line.Stream, line.Text)
	}
	// Output:
	// stdout listening
	// stderr no such user
}

func ExampleClient_ImageBuild() {
	c, done := exampleEngine()
	defer done()

	built, err := c.ImageBuild(ctx, docker.BuildDir("testdata/app"), &docker.ImageBuildOptions{
		Tags:     []string{"app:dev"},
		Args:     map[string]string{"VERSION": "1.2"},
		Progress: streams.Display(os.Stderr), // as the docker command shows it
	})
	if failed, ok := errors.AsType[*docker.BuildError](err); ok {
		fmt.Println(failed.Step, "ended with", failed.ExitCode, failed.Log)
	} else if err != nil {
		log.Fatal(err)
	} else {
		fmt.Println("built", built.ID)
	}
	// Output:
	// RUN make ended with 2 [no rule to make it]
}

func ExampleClient_ImagePull() {
	c, done := exampleEngine()
	defer done()

	pulled, err := c.ImagePull(ctx, "alpine:3.22", &docker.ImagePullOptions{
		Progress: streams.Display(os.Stdout),
	})
	if err != nil {
		log.Fatal(err) // also where the engine reports it after it has begun
	}
	fmt.Println(pulled.Digest)
	// Output:
	// 3.22: Pulling from library/alpine
	// 8a487d1987fc: Pulling fs layer
	// 8a487d1987fc: Downloading
	// 8a487d1987fc: Download complete
	// 8a487d1987fc: Extracting
	// 8a487d1987fc: Pull complete
	// Digest: sha256:c64429bcb667d1bde61dfa9405470bb47c830823d986ba817209e661bac58686
	// Status: Downloaded newer image for alpine:3.22
	// sha256:c64429bcb667d1bde61dfa9405470bb47c830823d986ba817209e661bac58686
}

func ExampleClient_Events() {
	c, done := exampleEngine()
	defer done()

	events, err := c.Events(ctx, &docker.EventsOptions{
		Filters: docker.Filters{"type": {"container"}},
		Retry:   docker.RetryForever,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.ContainerStart(ctx, "job", nil); err != nil { // nothing is missed any more
		log.Fatal(err)
	}
	for e, err := range events.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Actor.Attributes["name"], e.Action)
		if e.Action == "die" {
			break // which closes the feed
		}
	}
	// Output:
	// job start
	// job die
}

func ExampleClient_ContainerWait() {
	c, done := exampleEngine()
	defer done()

	exit, err := c.ContainerWait(ctx, "job", &docker.ContainerWaitOptions{Condition: docker.WaitNextExit})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.ContainerStart(ctx, "job", nil); err != nil { // its end cannot be missed any more
		log.Fatal(err)
	}
	code, err := exit.Code()
	if err != nil {
		log.Fatal(err) // the code is not known, which is not the same as 0
	}
	fmt.Println(code)
	// Output: 7
}

func ExampleError() {
	c, done := exampleEngine()
	defer done()

	_, err := c.ContainerInspect(ctx, "nowhere", nil)
	switch {
	case errors.Is(err, errdefs.ErrNotFound):
		fmt.Println(err)
	case errors.Is(err, errdefs.ErrNotSent):
		fmt.Println("the engine saw nothing of it, so it can be repeated:", err)
	case errors.Is(err, errdefs.ErrOutcomeUnknown):
		fmt.Println("it may have happened:", err)
	}
	// Output: docker: GET /containers/nowhere/json: No such container: nowhere (status 404)
}

func ExampleResolve() {
	os.Setenv("DOCKER_HOST", "ssh://me@build.example.com")
	defer os.Unsetenv("DOCKER_HOST")

	found, err := docker.Resolve()
	if err != nil {
		log.Fatal(err) // with what would repair it
	}
	fmt.Println(found)
	// Output:
	// ssh://me@build.example.com
	//   option: none names a host or a context
	//   DOCKER_HOST: the host ssh://me@build.example.com
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func ExampleWithMiddleware() {
	_, done := exampleEngine()
	defer done()

	c, err := docker.New(docker.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			fmt.Println(req.Method, req.URL.Path, err)
			return resp, err
		})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.ContainerStart(ctx, "web", nil); err != nil {
		log.Fatal(err)
	}
	// Output:
	// HEAD /_ping <nil>
	// POST /v1.51/containers/web/start <nil>
}

// exampleEngine starts an engine with what the examples need, and makes it the
// environment's until done is called.
func exampleEngine() (c *docker.Client, done func()) {
	engine, err := enginetest.Start(
		enginetest.WithUnix(""), enginetest.WithAPIVersion("1.51"),
		enginetest.WithImage("golang:1.26", enginetest.Image{Run: golang}),
		enginetest.WithImage("app:0", enginetest.Image{Run: oldApp}),
		enginetest.WithImage("app:1", enginetest.Image{Run: app}),
		enginetest.WithImage("postgres", enginetest.Image{Run: app, Programs: map[string]enginetest.Program{"psql": psql}}),
		enginetest.WithRegistry("docker.io", enginetest.Registry{Images: map[string]enginetest.Image{"alpine:3.22": {
			Created: time.Date(2025, 10, 8, 0, 0, 0, 0, time.UTC),
			Files:   fstest.MapFS{"etc/alpine-release": {Data: []byte("3.22.2"), Mode: 0o644}},
		}}}),
	)
	if err != nil {
		log.Fatal(err)
	}
	c = engine.Client()
	for _, made := range []struct{ name, image, app string }{{"job", "golang:1.26", ""}, {"db", "postgres", ""}, {"old", "app:0", "web"}, {"web", "app:1", "web"}} {
		config := &docker.ContainerConfig{Cmd: docker.Command{"serve"}, Labels: map[string]string{"app": made.app}}
		if _, err := c.ContainerCreate(ctx, made.image, &docker.ContainerCreateOptions{Name: made.name, Config: config}); err != nil {
			log.Fatal(err)
		}
	}
	for _, name := range []string{"db", "web", "old"} {
		if err := c.ContainerStart(ctx, name, nil); err != nil {
			log.Fatal(err)
		}
	}
	if exit, err := c.ContainerWait(ctx, "old", nil); err != nil {
		log.Fatal(err)
	} else if _, err := exit.Code(); err != nil {
		log.Fatal(err)
	}
	before := os.Getenv("DOCKER_HOST")
	os.Setenv("DOCKER_HOST", engine.Host())
	return c, func() {
		engine.Close()
		os.Setenv("DOCKER_HOST", before)
	}
}

// golang is the process of containers in which something fails.
func golang(_ context.Context, p *enginetest.Process) int {
	switch args := strings.Join(p.Args, " "); {
	case args == "go test ./...":
		fmt.Fprintln(p.Stdout, "FAIL app 0.2s")
		return 1
	case strings.HasSuffix(args, "make"):
		fmt.Fprintln(p.Stderr, "no rule to make it")
		return 2
	default:
		return 7
	}
}

// app is the process of containers that run until they are stopped.
func app(ctx context.Context, _ *enginetest.Process) int {
	<-ctx.Done()
	return 0
}

// oldApp ends by itself.
func oldApp(_ context.Context, p *enginetest.Process) int {
	fmt.Fprintln(p.Stdout, "listening")
	fmt.Fprintln(p.Stderr, "no such user")
	return 1
}

func psql(_ context.Context, p *enginetest.Process) int {
	fmt.Fprintln(p.Stdout, "1")
	return 0
}

// A program is tested on an engine in memory that fails when it is told to.
func Example_enginetest() {
	engine, err := enginetest.Start( // in a test: enginetest.NewServer(t, …), which closes it
		enginetest.WithImage("busybox", enginetest.Busybox()),
		enginetest.WithAPIVersion("1.44"),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	engine.Fail("POST /containers/create", enginetest.Fault{Times: 1, Status: 503})
	for range 2 {
		out, err := engine.Client().ContainerRun(ctx, "busybox", "echo", "hello").Output()
		fmt.Printf("%q %v\n", out, errors.Is(err, errdefs.ErrUnavailable))
	}
	// Output:
	// "" true
	// "hello\n" false
}
