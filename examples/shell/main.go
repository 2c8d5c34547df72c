// Command shell is a shell in a container, on this terminal. Where the input is no
// terminal, it runs one command instead.
//
//	go run ./examples/shell -container web
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/moby/term"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/examples/internal/throwaway"
)

func main() {
	container := flag.String("container", "", "to run it in; empty makes one")
	image := flag.String("image", "busybox:local", "of the container that is made")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *container, *image); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, container, image string) error {
	c, err := docker.New()
	if err != nil {
		return err
	}
	defer c.Close()
	id, remove, err := throwaway.Or(ctx, c, container, image, "sleep", "86400")
	if err != nil {
		return err
	}
	defer remove()

	sh := c.ContainerExec(ctx, id, "sh")
	sh.TTY, sh.Stdout = true, os.Stdout
	fd, isTerminal := term.GetFdInfo(os.Stdin)
	if !isTerminal {
		sh.Args = []string{"sh", "-c", "tty; id"}
		return sh.Run()
	}
	sh.Stdin, sh.Env = os.Stdin, []string{"TERM=" + os.Getenv("TERM")}
	before, err := term.SetRawTerminal(fd)
	if err != nil {
		return err
	}
	defer term.RestoreTerminal(fd, before)
	if err := sh.Start(); err != nil {
		return err
	}
	go follow(sh, fd)
	return sh.Wait()
}

// follow gives the shell the size of this terminal, now and whenever it changes. It looks
// for that itself, since not every system has a signal for it.
func follow(sh *docker.ExecCmd, fd uintptr) {
	for last := (term.Winsize{}); ; time.Sleep(200 * time.Millisecond) {
		size, err := term.GetWinsize(fd)
		if err != nil || *size == last {
			continue
		}
		if sh.Resize(docker.TTYSize{Height: uint(size.Height), Width: uint(size.Width)}) == nil {
			last = *size
		}
	}
}
