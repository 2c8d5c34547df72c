package buildkit

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// noLeaks requires that a test leaves no goroutine and no descriptor behind.
func noLeaks(t *testing.T) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		for range 100 {
			if runtime.NumGoroutine() <= goroutines && openFiles() <= files {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		stacks := make([]byte, 1<<20)
		t.Errorf("left behind: %d goroutines for %d, %d files for %d\n%s", runtime.NumGoroutine(), goroutines,
			openFiles(), files, stacks[:runtime.Stack(stacks, true)])
	})
}

// openFiles counts descriptors, where that can be done.
func openFiles() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}
