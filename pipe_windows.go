package docker

import (
	"context"
	"net"
	"net/http"

	"github.com/docker/go-connections/sockets"
)

// openPipe opens a named pipe.
func openPipe(ctx context.Context, addr string) (net.Conn, error) {
	var t http.Transport
	if err := sockets.ConfigureTransport(&t, "npipe", addr); err != nil {
		return nil, err
	}
	return t.DialContext(ctx, "npipe", addr)
}
