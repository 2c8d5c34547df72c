// Command middleware logs every request, without what may be a secret: the values of
// some headers, queries and bodies.
package main

import (
	"context"
	"flag"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	image := flag.String("image", "busybox:local", "of the container")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *image); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, image string) error {
	c, err := docker.New(
		docker.WithHeader(http.Header{"Authorization": {"Bearer 12345"}}), // of a proxy, perhaps
		docker.WithMiddleware(logged),
	)
	if err != nil {
		return err
	}
	defer c.Close()
	hello := c.ContainerRun(ctx, image, "echo", "hello")
	hello.Config = &docker.ContainerConfig{Labels: throwaway.Labels}
	hello.Stdout = os.Stdout
	return hello.Run()
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func logged(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		start := time.Now()
		resp, err := next.RoundTrip(req)
		entry := slog.With("method", req.Method, "path", req.URL.Path, "header", redacted(req.Header),
			"took", time.Since(start).Round(time.Microsecond))
		if err != nil {
			entry.Error("request", "err", err)
			return nil, err
		}
		entry.Info("request", "status", resp.StatusCode)
		return resp, nil // its body is the client's, and after a 101 the connection
	})
}

func redacted(h http.Header) http.Header {
	h = h.Clone()
	for _, key := range []string{"Authorization", "X-Registry-Auth", "X-Registry-Config"} {
		if h.Get(key) != "" {
			h.Set(key, "REDACTED")
		}
	}
	return h
}
