package buildkit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// session opens a connection for the engine's calls within a call of this side.
func (c *control) session(ctx context.Context, header http.Header) (io.ReadWriteCloser, error) {
	metadata := make(http.Header)
	for key, values := range header {
		metadata[strings.ToLower(key)] = values
	}
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	resp, err := c.start(ctx, controlService+"Session", metadata, in)
	if err != nil {
		cancel()
		return nil, err
	}
	return &tunnel{received: received{in: frames{r: resp.Body}}, body: resp.Body, out: out, cancel: cancel}, nil
}

// tunnel is a connection that is carried as messages.
type tunnel struct {
	received
	body   io.Closer
	out    *io.PipeWriter
	cancel context.CancelFunc
}

func (t *tunnel) Write(p []byte) (int, error) {
	if _, err := t.out.Write(appendFrame(nil, message(nil).bytes(1, p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t *tunnel) Close() error {
	t.cancel()
	return errors.Join(t.out.Close(), t.body.Close())
}
