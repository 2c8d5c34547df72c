package docker

import (
	"context"
	"net/http"
	"strings"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// Session opens a connection on which the engine calls this side while it builds: the
// engine is the client of HTTP/2 without TLS and of gRPC, and the caller serves both.
// The headers say what is served: X-Docker-Expose-Session-Uuid names the session to
// builds and has to be new, each X-Docker-Expose-Session-Grpc-Method names a method.
// The engine's first bytes may have come when Session returns. The caller closes the
// connection, and it ends with the context.
//
//docker:operation POST /session
func (c *Client) Session(ctx context.Context, header http.Header) (*streams.Conn, error) {
	r := newRequest("POST /session")
	r.setHeaders(header)
	if r.header.Get("X-Docker-Expose-Session-Uuid") == "" {
		r.fail(invalid("the header X-Docker-Expose-Session-Uuid is missing"))
	}
	return c.upgradeH2C(ctx, r)
}

// upgradeH2C turns the connection of r into one of HTTP/2 without TLS.
func (c *Client) upgradeH2C(ctx context.Context, r *request) (*streams.Conn, error) {
	conn, answer, err := c.upgrade(ctx, r, "h2c")
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(answer.Get("Upgrade"), "h2c") {
		conn.Close()
		return nil, &Error{
			Method: r.method, Path: r.path, Status: http.StatusOK, class: errdefs.ErrRefused,
			Message: "the engine, or a proxy before it, answered without an upgrade to h2c",
		}
	}
	return conn, nil
}

// setHeaders adds headers, with all of their values.
func (r *request) setHeaders(header http.Header) {
	for key, values := range header {
		for _, v := range values {
			r.setHeader(key, v)
		}
		if r.header != nil {
			r.header[http.CanonicalHeaderKey(key)] = values
		}
	}
}
