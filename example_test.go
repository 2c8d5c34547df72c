package docker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

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

	logs, err := c.ContainerLogs(ctx, "web", &docker.ContainerLogsOptions{Follow: true, Tail: 100})
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

	built, err := c.ImageBuild(ctx, docker.BuildDir("examples/build/app"), &docker.ImageBuildOptions{
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
	// 9824c27679d3: Pull complete
	// Digest: sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1
	// Status: Downloaded newer image for alpine:3.22
	// sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1
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
	// web start
	// web die
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

// exampleEngine starts an engine that gives the answers that the examples need, and
// makes it the environment's until done is called.
func exampleEngine() (c *docker.Client, done func()) {
	dir, err := os.MkdirTemp("", "cleat-")
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "docker.sock")
	engine := httptest.NewUnstartedServer(exampleAnswers())
	engine.Listener.Close()
	if engine.Listener, err = net.Listen("unix", path); err != nil {
		log.Fatal(err)
	}
	engine.Start()
	before := os.Getenv("DOCKER_HOST")
	os.Setenv("DOCKER_HOST", "unix://"+path)
	if c, err = docker.New(); err != nil {
		log.Fatal(err)
	}
	return c, func() {
		c.Close()
		engine.Close()
		os.Setenv("DOCKER_HOST", before)
		os.RemoveAll(dir)
	}
}

func exampleAnswers() http.Handler {
	mux := http.NewServeMux()
	says := func(pattern string, texts ...string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, strings.Join(texts, "\n"))
		})
	}
	mux.HandleFunc("GET /_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.51") })
	says("GET /{v}/containers/json",
		`[{"Names":["/web"],"Image":"app:1","State":"running"},{"Names":["/old"],"Image":"app:0","State":"exited"}]`)
	says("POST /{v}/containers/create", `{"Id":"d0ca8d7f8e12"}`)
	says("POST /{v}/containers/d0ca8d7f8e12/wait", `{"StatusCode":1}`)
	says("POST /{v}/containers/job/wait", `{"StatusCode":7}`)
	says("POST /{v}/containers/{id}/start")
	says("DELETE /{v}/containers/{id}")
	upgrades(mux, "POST /{v}/containers/{id}/attach", frame(1, "FAIL app 0.2s\n"))
	says("POST /{v}/containers/db/exec", `{"Id":"5f1b0e7a3c22"}`)
	upgrades(mux, "POST /{v}/exec/5f1b0e7a3c22/start", frame(1, "1\n"))
	says("GET /{v}/exec/5f1b0e7a3c22/json", `{"Running":false,"ExitCode":0}`)
	mux.HandleFunc("GET /{v}/containers/web/logs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.docker.multiplexed-stream")
		io.WriteString(w, frame(1, "listening\n")+frame(2, "no such user\n"))
	})
	says("POST /{v}/images/create",
		`{"status":"Pulling from library/alpine","id":"3.22"}`,
		`{"status":"Pull complete","progressDetail":{},"id":"9824c27679d3"}`,
		`{"status":"Digest: sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"}`,
		`{"status":"Status: Downloaded newer image for alpine:3.22"}`)
	says("POST /{v}/build",
		`{"stream":"Step 1/2 : FROM scratch"}`, `{"stream":"\n"}`, `{"stream":" ---\u003e 4bcff63911fc\n"}`,
		`{"stream":"Step 2/2 : RUN make"}`, `{"stream":"\n"}`, `{"stream":"no rule to make it\n"}`,
		`{"errorDetail":{"code":2,"message":"The command 'make' returned a non-zero code: 2"}}`)
	says("GET /{v}/events",
		`{"Type":"container","Action":"start","Actor":{"ID":"d0ca8d7f8e12","Attributes":{"name":"web"}}}`,
		`{"Type":"container","Action":"die","Actor":{"ID":"d0ca8d7f8e12","Attributes":{"name":"web"}}}`)
	mux.HandleFunc("GET /{v}/containers/nowhere/json", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"No such container: nowhere"}`)
	})
	return mux
}

// upgrades answers with a connection, over which it sends some output.
func upgrades(mux *http.ServeMux, pattern, output string) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			log.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"+
			"Content-Type: application/vnd.docker.multiplexed-stream\r\n\r\n"+output)
	})
}

// frame is a piece of output as engines send it: of stdout, which is 1, or stderr, 2.
func frame(stream byte, text string) string {
	header := binary.BigEndian.AppendUint32([]byte{stream, 0, 0, 0}, uint32(len(text)))
	return string(header) + text
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
