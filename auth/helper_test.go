//go:build unix

package auth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary is the helper, under its name.
func init() {
	if name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "docker-credential-"); ok {
		os.Exit(helperMain(name, os.Args[1]))
	}
}

// helperMain behaves as its name says, over a keychain in a file beside it.
func helperMain(name, action string) int {
	input, _ := io.ReadAll(os.Stdin)
	switch name {
	case "hang":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		fork()
		time.Sleep(time.Hour)
	case "flood":
		signal.Ignore(syscall.SIGPIPE)
		for block := strings.Repeat("flood ", 10_000); ; {
			os.Stdout.WriteString(block)
		}
	case "fork":
		fork()
	case "deny":
		fmt.Println("the keychain is locked")
		return 1
	case "leak":
		fmt.Printf(`{"Secret":"%s"}`, canary)
		return 1
	case "prose":
		fmt.Println("update available! " + canary)
		return 0
	case "mute":
		fmt.Fprintln(os.Stderr, "no bus")
		return 3
	}
	return keychain(action, string(input))
}

// fork leaves a child that holds the output open.
func fork() {
	child := exec.Command("sleep", "3600")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if child.Start() == nil {
		os.WriteFile(os.Getenv("HELPER_DIR")+"/child", []byte(strconv.Itoa(child.Process.Pid)), 0o600)
	}
}

func keychain(action, input string) int {
	path := os.Getenv("HELPER_DIR") + "/keychain"
	all := map[string]secret{}
	text, _ := os.ReadFile(path)
	json.Unmarshal(text, &all)
	switch action {
	case "get":
		s, ok := all[input]
		if !ok {
			fmt.Println(notFound)
			return 1
		}
		json.NewEncoder(os.Stdout).Encode(s)
	case "list":
		users := map[string]string{}
		for key, s := range all {
			users[key] = s.Username
		}
		json.NewEncoder(os.Stdout).Encode(users)
	case "store":
		var s secret
		json.Unmarshal([]byte(input), &s)
		all[s.ServerURL] = s
	case "erase":
		delete(all, input)
	}
	text, _ = json.Marshal(all)
	os.WriteFile(path, text, 0o600)
	return 0
}

// helpers puts the test's helpers into PATH and returns the folder of what they keep.
func helpers(t *testing.T, names ...string) string {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range names {
		require.NoError(t, os.Symlink(program, filepath.Join(dir, "docker-credential-"+name)))
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("HELPER_DIR", dir)
	return dir
}

func TestHelperProtocol(t *testing.T) {
	helpers(t, "works")
	h, ctx := Helper("works"), t.Context()
	got, err := h.Credentials(ctx, "r.example")
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, h.Store(ctx, Credentials{Username: "u", Password: canary, ServerAddress: "r.example"}))
	require.NoError(t, h.Store(ctx, Credentials{Username: "x", IdentityToken: "tok"}))
	got, err = h.Credentials(ctx, "r.example")
	require.NoError(t, err)
	require.True(t, got == Credentials{Username: "u", Password: canary, ServerAddress: "r.example"})
	got, err = h.Credentials(ctx, "docker.io")
	require.NoError(t, err)
	require.True(t, got == Credentials{IdentityToken: "tok", ServerAddress: "https://index.docker.io/v1/"})
	all, err := h.All(ctx)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, canary, all["r.example"].Password)
	require.NoError(t, h.Erase(ctx, "r.example"))
	require.NoError(t, h.Erase(ctx, "r.example"))
	got, err = h.Credentials(ctx, "r.example")
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestConfigAsksItsHelpers(t *testing.T) {
	helpers(t, "works", "deny")
	ctx := t.Context()
	c := written(t, `{"credsStore":"works","credHelpers":{"o.example:5000":"deny"},"auths":{"r.example":`+entry("file:p")+`}}`)
	require.NoError(t, c.Store(ctx, Credentials{Username: "u", Password: canary, ServerAddress: "s.example"}))
	text, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	require.NotContains(t, string(text), canary)
	require.Contains(t, string(text), `"s.example": {}`)
	got, err := c.Credentials(ctx, "s.example")
	require.NoError(t, err)
	require.Equal(t, "u", got.Username)
	got, err = c.Credentials(ctx, "r.example")
	require.NoError(t, err)
	require.Empty(t, got, "the helper is for all registries")
	_, err = c.Credentials(ctx, "o.example:5000")
	require.ErrorContains(t, err, "the keychain is locked")
	all, err := c.All(ctx)
	require.ErrorContains(t, err, "the keychain is locked")
	require.Len(t, all, 1)
	require.NoError(t, c.Erase(ctx, "s.example"))
	text, err = os.ReadFile(c.Path)
	require.NoError(t, err)
	require.NotContains(t, string(text), "s.example")
}

func TestHelperThatFails(t *testing.T) {
	helpers(t, "deny", "leak", "prose", "mute")
	for name, want := range map[string]string{
		"deny": "the keychain is locked", "leak": "is not shown", "prose": "something else", "mute": "no bus",
		"missing": "no program docker-credential-missing", "../x": "not valid", "a b": "not valid", "-x": "not valid", "": "not valid",
	} {
		_, err := Helper(name).Credentials(t.Context(), "r.example")
		require.ErrorContains(t, err, want)
		unechoed(t, err)
		_, err = Helper(name).All(t.Context())
		require.Error(t, err)
		unechoed(t, err)
	}
}

func TestHelperEndsWithItsContext(t *testing.T) {
	dir := helpers(t, "hang", "flood", "fork")
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(300*time.Millisecond, func() { cancel(reason) })
	start := time.Now()
	_, err := Helper("hang").Credentials(ctx, "r.example")
	require.ErrorIs(t, err, reason)
	require.Less(t, time.Since(start), 1300*time.Millisecond)
	gone(t, dir)
	_, err = Helper("hang").Credentials(ctx, "r.example")
	require.ErrorIs(t, err, reason)

	_, err = Helper("flood").Credentials(t.Context(), "r.example")
	require.ErrorIs(t, err, errFlood)

	start = time.Now()
	got, err := Helper("fork").Credentials(t.Context(), "r.example")
	require.NoError(t, err)
	require.Empty(t, got)
	require.Less(t, time.Since(start), 5*time.Second)
	gone(t, dir)
}

// gone requires that the child of a helper has ended.
func gone(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "child"))
	require.NoError(t, err)
	for deadline := time.Now().Add(5 * time.Second); running(string(text)); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "the child runs on")
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "child")))
}

// running tells whether a process has not ended; a zombie has.
func running(pid string) bool {
	f, err := os.Open("/proc/" + pid + "/stat")
	if err != nil {
		n, _ := strconv.Atoi(pid)
		return runtime.GOOS != "linux" && syscall.Kill(n, 0) == nil
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n')
	return !strings.Contains(line, ") Z ")
}
