package streams

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// openTerminal returns the two ends of a pseudo-terminal of 40 columns and 10 lines.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	var unlock, number int32
	control(t, master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	control(t, master, syscall.TIOCGPTN, unsafe.Pointer(&number))
	size := [4]uint16{10, 40}
	control(t, master, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func control(t *testing.T, f *os.File, request uintptr, arg unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		t.Skip(errno)
	}
}

func TestDisplayOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	master, slave := openTerminal(t)
	p := Display(slave)
	p(Message{ID: "aaa", Status: "Downloading", Current: 1, Total: 4, HideCounts: true})
	p(Message{ID: "aaa", Status: "Pull complete"})
	p(Message{Done: true})
	buf := make([]byte, 4096)
	text := ""
	for !strings.Contains(text, "Pull complete") {
		n, err := master.Read(buf)
		require.NoError(t, err)
		text += string(buf[:n])
	}
	// A terminal turns a line feed into two bytes. A slow machine may draw one state more.
	require.True(t, strings.HasPrefix(text, "aaa: Downloading [=====>              ]\x1b[K\r\n"), "%q", text)
	require.Contains(t, text, "\x1b[K\r\n\x1b[1Aaaa: Pull complete\x1b[K\r\n")
}

func TestDisplayOnADumbTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	master, slave := openTerminal(t)
	p := Display(slave)
	p(Message{ID: "aaa", Status: "Waiting"})
	p(Message{Done: true})
	buf := make([]byte, 4096)
	n, err := master.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "aaa: Waiting\r\n", string(buf[:n]))
}
