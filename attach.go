package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"golang.org/x/net/websocket"

	"github.com/cleat-go/docker/streams"
)

// ContainerAttachOptions choose what an attached connection carries.
type ContainerAttachOptions struct {
	Stdin          bool // what is written goes to the container, where its OpenStdin is set
	Stdout, Stderr bool // neither means both
	Logs           bool // first what was written before
	NoStream       bool // end after the logs
	DetachKeys     string
}

func (r *request) setAttach(o *ContainerAttachOptions) {
	both := !o.Stdout && !o.Stderr
	r.set("stdin", o.Stdin)
	r.set("stdout", o.Stdout || both)
	r.set("stderr", o.Stderr || both)
	r.set("logs", o.Logs)
	r.set("stream", !o.NoStream)
	r.set("detachKeys", o.DetachKeys)
}

// AttachStream is a connection to the streams of a container or an exec: output that is
// read as of any [streams.Output], and an input to write. It ends with its context.
type AttachStream struct {
	*streams.Output
	conn io.ReadWriteCloser
}

// Write sends input.
func (s *AttachStream) Write(p []byte) (int, error) { return s.conn.Write(p) }

// CloseWrite ends the input and leaves the output open. Where the connection cannot, it
// is [errors.ErrUnsupported].
func (s *AttachStream) CloseWrite() error {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// ContainerAttach connects to the streams of a container and returns when the engine
// has attached: what a container writes that is started afterwards is not missed. Nil
// options attach to its output. The caller closes it. Output that is not read stops the
// container's writes after a while. A missing container is errdefs.ErrNotFound.
//
//docker:operation POST /containers/{id}/attach
func (c *Client) ContainerAttach(ctx context.Context, id string, opts *ContainerAttachOptions) (*AttachStream, error) {
	o, r := value(opts), newRequest("POST /containers/{id}/attach", id)
	r.setAttach(&o)
	return c.attach(ctx, r, func() (bool, error) { return c.containerTTY(ctx, id) })
}

// attach upgrades the connection of r to one of a container's or exec's streams.
func (c *Client) attach(ctx context.Context, r *request, tty func() (bool, error)) (*AttachStream, error) {
	conn, header, err := c.upgrade(ctx, r, "tcp")
	if err != nil {
		return nil, err
	}
	raw, err := c.isRaw(ctx, header, tty)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &AttachStream{streams.NewOutput(conn, &streams.OutputOptions{TTY: raw}), conn}, nil
}

// ContainerAttachWebsocket is [Client.ContainerAttach] over a websocket, for engines
// behind proxies that let no other upgrade through. Its output is never in frames:
// stdout and stderr come as one stream. Which streams are carried can be chosen from
// API 1.42 on, where none named carries none; before, nil options carry all. The input
// cannot be ended alone.
//
//docker:operation GET /containers/{id}/attach/ws
func (c *Client) ContainerAttachWebsocket(ctx context.Context, id string, opts *ContainerAttachOptions) (*AttachStream, error) {
	o, r := value(opts), newRequest("GET /containers/{id}/attach/ws", id)
	r.set("logs", o.Logs)
	r.set("stream", !o.NoStream)
	r.set("detachKeys", o.DetachKeys)
	r.set("stdin", o.Stdin)
	r.set("stdout", o.Stdout)
	r.set("stderr", o.Stderr)
	ws, err := c.websocket(ctx, r)
	if err != nil {
		return nil, err
	}
	return &AttachStream{streams.NewOutput(ws, &streams.OutputOptions{TTY: true}), ws}, nil
}

// websocket upgrades the connection of r to a websocket. The handshake that the
// websocket package wants to make itself is carried over by the client's own upgrade.
func (c *Client) websocket(ctx context.Context, r *request) (*websocket.Conn, error) {
	origin := "http://" + c.host.authority
	config, err := websocket.NewConfig("ws://"+c.host.authority+"/", origin)
	if err != nil {
		return nil, r.failed(ctx, err)
	}
	shake := &handshake{ctx: ctx, client: c, request: r}
	ws, err := websocket.NewClient(config, shake)
	if shake.err != nil {
		return nil, shake.err
	}
	if err != nil {
		if shake.Conn != nil {
			shake.Close()
		}
		return nil, r.failed(ctx, err)
	}
	ws.PayloadType = websocket.BinaryFrame
	return ws, nil
}

// handshake is a connection that is made by the first request written to it.
type handshake struct {
	*streams.Conn
	ctx     context.Context
	client  *Client
	request *request
	answer  io.Reader // the head of the engine's answer, until it is read
	err     error
}

func (h *handshake) Write(p []byte) (int, error) {
	if h.Conn != nil {
		return h.Conn.Write(p)
	}
	asked, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p)))
	if err != nil {
		return 0, err
	}
	for _, key := range []string{"Sec-Websocket-Key", "Sec-Websocket-Version", "Origin"} {
		h.request.setHeader(key, asked.Header.Get(key))
	}
	conn, header, err := h.client.upgrade(h.ctx, h.request, "websocket")
	if err != nil {
		h.err = err
		return 0, err
	}
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	header.Write(&head) //nolint:errcheck // to memory
	head.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	h.Conn, h.answer = conn, &head
	return len(p), nil
}

func (h *handshake) Read(p []byte) (int, error) {
	if h.answer != nil {
		n, err := h.answer.Read(p)
		if err != io.EOF {
			return n, err
		}
		h.answer = nil
	}
	return h.Conn.Read(p)
}
