package docker

import (
	"context"
	"net/http"

	"github.com/cleat-go/docker/streams"
)

// upgrade sends r with the wish to turn its connection into one of the protocol's, and
// returns that connection and the answer's headers. Its caller closes it, and it ends
// with ctx. An answer 200 is taken too: then an old engine or a proxy sends its
// output as a plain body, which can be read only.
func (c *Client) upgrade(ctx context.Context, r *request, protocol string) (*streams.Conn, http.Header, error) {
	r.setHeader("Connection", "Upgrade")
	r.setHeader("Upgrade", protocol)
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	return streams.NewConn(ctx, resp.Body), resp.Header, nil
}
