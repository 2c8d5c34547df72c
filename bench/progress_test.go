package bench

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	godocker "github.com/fsouza/go-dockerclient"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/streams"
)

const pullPath = "/images/create"

// decodeProgress decodes the progress of a pull from memory. Moby's client has its decoder
// in the answer of a pull, so its transport is one that answers from memory. The floor finds
// the line ends.
func decodeProgress() *contest {
	text := bytes.Join(pull(), nil)
	return &contest{
		name: "progress/decoder", unit: "message", units: messages,
		entries: []entry{
			{cleat, func(testing.TB) func() error { return decodeMessages(text) }},
			{moby, func(tb testing.TB) func() error { return mobyPull(tb, mobyOverMemory(tb, text)) }},
			{floor, func(testing.TB) func() error { return findLines(text, messages) }},
		},
		rows: []metric{
			{kind: cost, goal: fasterThan(5, moby)},
			{kind: allocs, goal: atMost(0.01)},
		},
	}
}

// pullImage pulls an image from an engine at a socket. Go-dockerclient decodes the progress
// and writes it as text, to nowhere. The floor is net/http, and finds the line ends.
func pullImage(tb testing.TB) *contest {
	e := serve(tb, map[string]answer{"POST " + pullPath: chunked("application/json", false, pull()...)})
	return &contest{
		name: "progress/pull", unit: "message", units: messages,
		entries: []entry{
			{cleat, func(tb testing.TB) func() error { return cleatPull(tb, newCleat(tb, e)) }},
			{moby, func(tb testing.TB) func() error { return mobyPull(tb, newMoby(tb, e)) }},
			{fsouza, func(tb testing.TB) func() error { return fsouzaPull(tb, newFsouza(tb, e)) }},
			{floor, func(tb testing.TB) func() error {
				return bareLines(tb, newBare(tb, e), http.MethodPost, pullPath+"?fromImage=golang&tag=1.26", messages, true)
			}},
		},
		rows: []metric{
			{kind: cost},
			{kind: allocs},
		},
	}
}

func decodeMessages(text []byte) func() error {
	var source bytes.Reader
	return func() error {
		source.Reset(text)
		n := 0
		for _, err := range streams.Messages(onlyReader{&source}) {
			if err != nil {
				return err
			}
			n++
		}
		return equal("messages", messages, n)
	}
}

func cleatPull(tb testing.TB, c *docker.Client) func() error {
	return func() error {
		n := 0
		_, err := c.ImagePull(tb.Context(), "golang:1.26", &docker.ImagePullOptions{
			Progress: func(streams.Message) { n++ },
		})
		if err != nil {
			return err
		}
		return equal("messages", messages+1, n) // and the one with Done
	}
}

func mobyPull(tb testing.TB, c *client.Client) func() error {
	return func() error {
		answer, err := c.ImagePull(tb.Context(), "golang:1.26", client.ImagePullOptions{})
		if err != nil {
			return err
		}
		defer answer.Close()
		n := 0
		for _, err := range answer.JSONMessages(tb.Context()) {
			if err != nil {
				return err
			}
			n++
		}
		return equal("messages", messages, n)
	}
}

func fsouzaPull(tb testing.TB, c *godocker.Client) func() error {
	return func() error {
		var text counter
		err := c.PullImage(godocker.PullImageOptions{
			Repository: "golang", Tag: "1.26", OutputStream: &text, Context: tb.Context(),
		}, godocker.AuthConfiguration{})
		if err == nil && text == 0 {
			return equal("bytes of text", 1, 0)
		}
		return err
	}
}

// memory answers every request with the same body.
type memory []byte

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(onlyReader{bytes.NewReader(m)}),
	}, nil
}

func mobyOverMemory(tb testing.TB, body []byte) *client.Client {
	c, err := client.New(client.WithHTTPClient(&http.Client{Transport: memory(body)}), client.WithAPIVersion(apiVersion))
	require.NoError(tb, err)
	return c
}

// findLines is the floor of decoders: what it takes to cut the text into values.
func findLines(text []byte, want int) func() error {
	var source bytes.Reader
	buf := make([]byte, bufferSize)
	return func() error {
		source.Reset(text)
		return countLines(onlyReader{&source}, buf, want)
	}
}

// bareLines is findLines with an answer of net/http.
func bareLines(tb testing.TB, c *http.Client, method, path string, want int, ends bool) func() error {
	buf := make([]byte, bufferSize)
	return func() error {
		ctx, cancel := context.WithCancel(tb.Context())
		defer cancel()
		answer, err := bareCall(ctx, c, method, path)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if err := countLines(answer.Body, buf, want); err != nil || !ends {
			return err
		}
		_, err = answer.Body.Read(buf) // its end, so that the connection is kept
		if err != io.EOF {
			return equal("bytes after the last line", 0, 1)
		}
		return nil
	}
}

// countLines reads until as many lines have come.
func countLines(r io.Reader, buf []byte, want int) error {
	for n := 0; n < want; {
		size, err := r.Read(buf)
		for line := buf[:size]; ; n++ {
			i := bytes.IndexByte(line, '\n')
			if i < 0 {
				break
			}
			line = line[i+1:]
		}
		if err != nil && n < want {
			return equal("lines", want, n)
		}
	}
	return nil
}
