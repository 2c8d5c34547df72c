package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/cleat-go/docker/errdefs"
)

// AgentSocket is the ssh agent at a socket; where that is empty, at SSH_AUTH_SOCK.
func AgentSocket(socket string) Agent {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		at := socket
		if at == "" {
			at = os.Getenv("SSH_AUTH_SOCK")
		}
		if at == "" {
			return nil, fmt.Errorf("no ssh agent: SSH_AUTH_SOCK is not set: %w", errdefs.ErrNotFound)
		}
		var d net.Dialer
		return d.DialContext(ctx, "unix", at)
	}
}

// agents are forwarded to by their ids.
type agents map[string]Agent

// defaultAgent is the id of a mount that names none.
const defaultAgent = "default"

func (a agents) find(id string) (Agent, error) {
	if id == "" {
		id = defaultAgent
	}
	if agent := a[id]; agent != nil {
		return agent, nil
	}
	return nil, &Error{Code: codeNotFound, Message: "no ssh agent " + id}
}

// check tells whether there is an agent.
func (a agents) check(_ context.Context, request []byte) (message, error) {
	id, err := textField(request, 1)
	if err == nil {
		_, err = a.find(id)
	}
	return nil, err
}

// forward carries one connection that is made in a step.
func (a agents) forward(s *stream) error {
	id := s.header.Get("Buildkit.ssh.id")
	agent, err := a.find(id)
	if err != nil {
		return err
	}
	conn, err := agent(s.ctx)
	if err != nil {
		return &sourceError{"the ssh agent " + id, err}
	}
	defer conn.Close()
	stop := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer stop()
	go toAgent(conn, s)
	return fromAgent(conn, s)
}

// toAgent ends with the engine's messages, or with the call.
func toAgent(conn io.ReadWriteCloser, s *stream) {
	for {
		m, err := s.recv()
		if err != nil {
			break
		}
		data, err := textField(m, 1)
		if err != nil {
			break
		}
		if _, err := io.WriteString(conn, data); err != nil {
			break
		}
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && s.ctx.Err() == nil {
		half.CloseWrite() //nolint:errcheck // an agent that is gone has ended already
		return
	}
	conn.Close()
}

func fromAgent(conn io.Reader, s *stream) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			if err := s.send(message(nil).bytes(1, buf[:n])); err != nil {
				return err
			}
		}
		if err == io.EOF || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
