//go:build !unix

package docker

import (
	"os"
	"syscall"
)

// forwardsSockets tells whether ssh can listen on a local socket.
const forwardsSockets = false

func newStdio() (*stdio, error) { return newPipes() }

func apart() *syscall.SysProcAttr { return nil }

func kill(p *os.Process) {
	p.Kill() //nolint:errcheck // it has ended then
}
