package buildkit

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/cleat-go/docker/errdefs"
)

const controlService = "/moby.buildkit.v1.Control/"

// control calls the engine's Control service on a connection of its own.
type control struct {
	conn   *http.ClientConn
	raw    net.Conn
	native bool // the engine speaks h2c without an upgrade
}

func newControl(ctx context.Context, rwc io.ReadWriteCloser) (*control, error) {
	raw := newRawConn(rwc)
	t := &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return raw, nil },
		Protocols:          new(http.Protocols),
		DisableCompression: true,
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	conn, err := t.NewClientConn(ctx, "http", "buildkit:80")
	if err != nil {
		raw.Close()
		return nil, callFailed(ctx, err)
	}
	return &control{conn: conn, raw: raw}, nil
}

var errLost = errors.New("the connection to the engine's builder is lost")

func (c *control) close() {
	c.conn.Close()
	c.raw.Close()
}

// start sends a request and returns the answer once its headers have come.
func (c *control) start(ctx context.Context, path string, header http.Header, body io.ReadCloser) (*http.Response, error) {
	req := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: "buildkit", Path: path},
		Header: make(http.Header), Body: body,
	}).WithContext(ctx)
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Te", "trailers")
	resp, err := c.conn.RoundTrip(req)
	if err != nil {
		return nil, callFailed(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("the engine answers %s with the HTTP status %d: %w", path, resp.StatusCode, errdefs.ErrInternal)
	}
	return resp, nil
}

// each calls a method and hands each message of the answer over.
func (c *control) each(ctx context.Context, path string, request message, do func([]byte) error) error {
	resp, err := c.start(ctx, path, nil, io.NopCloser(bytes.NewReader(appendFrame(nil, request))))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := frames{r: resp.Body}
	for {
		m, err := answer.next()
		if err == io.EOF {
			return callStatus(resp)
		}
		if err != nil {
			return callFailed(ctx, err)
		}
		if err := do(m); err != nil {
			return err
		}
	}
}

// call calls a method that answers with one message.
func (c *control) call(ctx context.Context, path string, request message) (answer []byte, err error) {
	answered := false
	err = c.each(ctx, path, request, func(m []byte) error {
		answer, answered = bytes.Clone(m), true
		return nil
	})
	if err == nil && !answered {
		err = errdefs.Truncated(fmt.Errorf("%s was not answered", path))
	}
	return answer, err
}

// callFailed is the error of a call that came to no status.
func callFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errdefs.Cancelled(ctx)
	}
	return errdefs.Truncated(fmt.Errorf("%w: %w", errLost, err))
}

// callStatus is what the trailers of an answer say, or its headers where it has no body.
func callStatus(resp *http.Response) error {
	h := resp.Trailer
	if h.Get("Grpc-Status") == "" {
		h = resp.Header
	}
	code, err := strconv.Atoi(h.Get("Grpc-Status"))
	switch {
	case err != nil:
		return errdefs.Truncated(fmt.Errorf("%w: an answer without a status", errLost))
	case code == codeOK:
		return nil
	}
	e := &Error{Code: code, Message: unescapeText(h.Get("Grpc-Message"))}
	if details, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(h.Get("Grpc-Status-Details-Bin"), "=")); err == nil {
		e.decodeDetails(details)
	}
	return e
}
