//go:build unix

package docker

import (
	"net"
	"os"
	"syscall"
)

// forwardsSockets tells whether ssh can listen on a local socket.
const forwardsSockets = true

// newStdio connects the input and output of a process to one end of a pair of sockets, so
// that the other end is a connection like any other.
func newStdio() (*stdio, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ssh"), os.NewFile(uintptr(fds[1]), "ssh")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, err
	}
	return &stdio{
		conn: conn, in: theirs, out: theirs, started: func() {},
		settle: func() int64 { return unread(fds[1]) },
		finish: func() { theirs.Close() },
	}, nil
}

// unread ends the writing to a socket whose process has ended, and counts what that did
// not read.
func unread(fd int) (n int64) {
	syscall.Shutdown(fd, syscall.SHUT_RD)
	syscall.SetNonblock(fd, true)
	block := make([]byte, 32<<10)
	for {
		m, err := syscall.Read(fd, block)
		if m <= 0 || err != nil {
			return n
		}
		n += int64(m)
	}
}

// apart starts a process in a session of its own: it is sent no signals of the
// terminal, nor does it ask there for passwords, and ends with its children.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func kill(p *os.Process) {
	syscall.Kill(-p.Pid, syscall.SIGKILL) //nolint:errcheck // it has ended then
}
