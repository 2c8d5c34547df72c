package enginetest_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
)

// noLeaks checks, when the test ends, that no goroutine is left.
func noLeaks(t testing.TB) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				t.Errorf("leaked: %d goroutines where %d were\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}

func TestTransports(t *testing.T) {
	for name, opt := range map[string]enginetest.Option{
		"memory": enginetest.WithAPIVersion("1.56"), "unix": enginetest.WithUnix(""),
		"tcp": enginetest.WithTCP(""), "tls": enginetest.WithTLS(""),
	} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			s := enginetest.NewServer(t, opt)
			for range 2 {
				ping, err := s.Client().Ping(t.Context())
				require.NoError(t, err)
				require.Equal(t, "1.56", ping.APIVersion)
				require.NoError(t, s.Restart(nil))
			}
		})
	}
}

func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := enginetest.NewServer(t)
		s.Fail("HEAD /_ping", enginetest.Fault{Delay: time.Hour})
		start := time.Now()
		_, err := s.Client().Info(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, time.Hour, time.Since(start))
	})
}

func TestVersionPrefix(t *testing.T) {
	s := enginetest.NewServer(t, enginetest.WithAPIVersion("1.44"), enginetest.WithMinAPIVersion("1.41"))
	for version, words := range map[string]string{
		"1.45": "client version 1.45 is too new. Maximum supported API version is 1.44",
		"1.40": "client version 1.40 is too old. Minimum supported API version is 1.41",
	} {
		c, err := docker.New(append(s.Options(), docker.WithAPIVersion(version))...)
		require.NoError(t, err)
		_, err = c.Version(t.Context())
		require.ErrorContains(t, err, words)
		c.Close()
	}
}

// Images that differ in their programs alone are different images.
func TestImagesOfOtherPrograms(t *testing.T) {
	says := func(text string) enginetest.Image {
		return enginetest.Image{Run: func(_ context.Context, p *enginetest.Process) int {
			fmt.Fprint(p.Stdout, text)
			return 0
		}}
	}
	s := enginetest.NewServer(t, enginetest.WithImage("one", says("1")), enginetest.WithImage("two", says("2")))
	for image, want := range map[string]string{"one": "1", "two": "2"} {
		out, err := s.Client().ContainerRun(t.Context(), image, "x").Output()
		require.NoError(t, err)
		require.Equal(t, want, string(out))
	}
}
