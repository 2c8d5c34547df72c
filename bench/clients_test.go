package bench

import (
	"context"
	"net"
	"net/http"
	"testing"

	godocker "github.com/fsouza/go-dockerclient"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
)

// Each client is made as its documentation has it, agrees on a version with the engine where
// it does that, and keeps its connections.

func newCleat(tb testing.TB, e *engine) *docker.Client {
	c, err := docker.New(docker.WithHost("unix://" + e.socket))
	require.NoError(tb, err)
	tb.Cleanup(func() { c.Close() })
	return c
}

func newMoby(tb testing.TB, e *engine) *client.Client {
	c, err := client.New(client.WithHost("unix://" + e.socket))
	require.NoError(tb, err)
	tb.Cleanup(func() { c.Close() })
	return c
}

func newFsouza(tb testing.TB, e *engine) *godocker.Client {
	c, err := godocker.NewClient("unix://" + e.socket)
	require.NoError(tb, err)
	tb.Cleanup(c.HTTPClient.CloseIdleConnections)
	return c
}

// newBare is net/http and nothing else.
func newBare(tb testing.TB, e *engine) *http.Client {
	c := &http.Client{Transport: &http.Transport{
		DisableCompression: true, // no engine compresses
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", e.socket)
		},
	}}
	tb.Cleanup(c.CloseIdleConnections)
	return c
}

// bareCall makes a call that succeeds, or none.
func bareCall(ctx context.Context, c *http.Client, method, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://docker"+prefix+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		answer.Body.Close()
		return nil, equal("status", http.StatusOK, answer.StatusCode)
	}
	return answer, nil
}
