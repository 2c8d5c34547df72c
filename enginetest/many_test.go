package enginetest_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
)

// talker writes ten lines, says that it is ready, and waits for its end.
func talker(ctx context.Context, p *enginetest.Process) int {
	for i := range 10 {
		fmt.Fprintf(p.Stdout, "line %d\n", i)
	}
	<-ctx.Done()
	return 0
}

func TestThousandContainers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second or two")
	}
	noLeaks(t)
	s := enginetest.NewServer(t, enginetest.WithImage("talker", enginetest.Image{Run: talker, Config: docker.ImageConfig{Cmd: docker.Command{"talk"}}}))
	c, ctx := s.Client(), t.Context()
	before := memory()
	const n = 1000
	ids := make([]string, n)
	var followers, heard sync.WaitGroup
	began := time.Now()
	for i := range n {
		made, err := c.ContainerCreate(ctx, "talker", &docker.ContainerCreateOptions{Name: fmt.Sprintf("c%d", i)})
		require.NoError(t, err)
		require.NoError(t, c.ContainerStart(ctx, made.ID, nil))
		ids[i] = made.ID
		logs, err := c.ContainerLogs(ctx, made.ID, &docker.ContainerLogsOptions{Follow: true})
		require.NoError(t, err)
		heard.Add(1)
		followers.Go(func() {
			lines := 0
			for line, err := range logs.Lines() {
				if err != nil || line.Text != fmt.Sprintf("line %d", lines) {
					t.Errorf("%v: %q", err, line.Text)
					break
				}
				if lines++; lines == 10 {
					heard.Done()
				}
			}
		})
	}
	heard.Wait()
	t.Logf("%d containers run and are followed after %v: %d KiB each, client and server", n, time.Since(began), (memory()-before)/n>>10)
	for _, id := range ids {
		require.NoError(t, c.ContainerStop(ctx, id, nil))
	}
	followers.Wait()
	pruned, err := c.ContainerPrune(ctx, nil)
	require.NoError(t, err)
	require.Len(t, pruned.ContainersDeleted, n)
	t.Logf("they are gone after %v", time.Since(began))
}

func memory() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func BenchmarkServerAndRun(b *testing.B) {
	for b.Loop() {
		s, err := enginetest.Start(enginetest.WithImage("busybox", enginetest.Busybox()))
		require.NoError(b, err)
		out, err := s.Client().ContainerRun(b.Context(), "busybox", "echo", "hello").Output()
		require.NoError(b, err)
		require.Equal(b, "hello\n", string(out))
		require.NoError(b, s.Close())
	}
}

func BenchmarkFollowedLines(b *testing.B) {
	lines := make(chan int)
	s := enginetest.NewServer(b, enginetest.WithImage("writer", enginetest.Image{
		Config: docker.ImageConfig{Cmd: docker.Command{"write"}},
		Run: func(_ context.Context, p *enginetest.Process) int {
			for range <-lines {
				if _, err := io.WriteString(p.Stdout, "a line of a hundred bytes or so, as programs write them to tell what they do and how they do it.....\n"); err != nil {
					return 1
				}
			}
			return 0
		},
	}))
	made, err := s.Client().ContainerCreate(b.Context(), "writer", nil)
	require.NoError(b, err)
	require.NoError(b, s.Client().ContainerStart(b.Context(), made.ID, nil))
	logs, err := s.Client().ContainerLogs(b.Context(), made.ID, &docker.ContainerLogsOptions{Follow: true})
	require.NoError(b, err)
	b.ResetTimer()
	lines <- b.N
	n := 0
	for _, err := range logs.Lines() {
		require.NoError(b, err)
		n++
	}
	require.Equal(b, b.N, n)
}
