//go:build unix

package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/cleat-go/docker/errdefs"
)

// The test binary is ssh, under its name.
func init() {
	if filepath.Base(os.Args[0]) == "ssh" {
		os.Exit(sshMain(os.Args[1:]))
	}
}

// sshMain does what SSH_TEST says, with the engine at the socket SSH_TEST_ENGINE.
func sshMain(args []string) int {
	mode, value, _ := strings.Cut(os.Getenv("SSH_TEST"), " ")
	if log := os.Getenv("SSH_TEST_LOG"); log != "" {
		f, _ := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		fmt.Fprintf(f, "%q\n", args)
		f.Close()
	}
	switch mode {
	case "fail":
		code, words, _ := strings.Cut(value, " ")
		n, _ := strconv.Atoi(code)
		fmt.Fprint(os.Stderr, words)
		return n
	case "flood":
		os.Stderr.WriteString(strings.Repeat("noise ", 1<<20) + "the end")
		return 255
	case "swallow": // reads a request and dies
		os.Stdin.Read(make([]byte, 1))
		fmt.Fprint(os.Stderr, "Connection reset")
		return 255
	case "unreached": // reads a request, and has nowhere to bring it
		os.Stdin.Read(make([]byte, 1))
		fmt.Fprint(os.Stderr, "failed to open the raw stream connection: dial unix /x.sock: connect: no such file or directory")
		return 1
	case "hang":
		time.Sleep(time.Hour)
	}
	if i := strings.Index(strings.Join(args, " "), " -L "); i >= 0 {
		return sshForward(mode, args)
	}
	engine, err := net.Dial("unix", os.Getenv("SSH_TEST_ENGINE"))
	if err != nil {
		fmt.Fprint(os.Stderr, err)
		return 1
	}
	go func() {
		io.Copy(engine, os.Stdin)
		engine.(*net.UnixConn).CloseWrite()
	}()
	n, _ := strconv.ParseInt(value, 10, 64)
	switch mode {
	case "cut":
		io.CopyN(os.Stdout, engine, n)
		fmt.Fprint(os.Stderr, "client_loop: send disconnect: Broken pipe")
		return 255
	default:
		io.Copy(os.Stdout, engine)
		return 0
	}
}

// sshForward forwards one connection after another to the engine.
func sshForward(mode string, args []string) int {
	var local string
	for i, arg := range args {
		if arg == "-L" {
			local, _, _ = strings.Cut(args[i+1], ":")
		}
	}
	time.Sleep(50 * time.Millisecond)
	ln, err := net.Listen("unix", local)
	if err != nil {
		return 255
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return 255
		}
		engine, err := net.Dial("unix", os.Getenv("SSH_TEST_ENGINE"))
		if mode == "prohibited" || err != nil {
			fmt.Fprintln(os.Stderr, "channel 1: open failed: administratively prohibited: open failed")
			conn.Close()
			continue
		}
		go func() { io.Copy(engine, conn); engine.(*net.UnixConn).CloseWrite() }()
		io.Copy(conn, engine)
		conn.Close()
		if mode == "cut" {
			return 255
		}
	}
}

// fakeSSH puts the test's ssh into PATH.
func fakeSSH(t *testing.T, mode, engine string) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(program, filepath.Join(dir, "ssh")))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("SSH_TEST", mode)
	t.Setenv("SSH_TEST_ENGINE", engine)
}

// serveSSH answers with a handler at the far end of ssh, and returns a client of it.
func serveSSH(t *testing.T, host string, h http.Handler, opts ...Option) *Client {
	t.Helper()
	noLeaks(t)
	ln, _ := listen(t, "unix")
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { server.Serve(ln); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	fakeSSH(t, "relay", ln.Addr().String())
	return client(t, append([]Option{WithHost(host), pinned}, opts...)...)
}

// sshHosts are both ways through ssh.
var sshHosts = []string{"ssh://u@far:22", "ssh://far/run/engine.sock"}

func TestSSHConnIsAConn(t *testing.T) {
	for name, host := range map[string]string{"stdio": "ssh://far", "pipes": "ssh://far", "socket": "ssh://far/engine.sock"} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
			require.NoError(t, err)
			defer ln.Close()
			fakeSSH(t, "relay", ln.Addr().String())
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				h, err := parseHost(host)
				if err != nil {
					return nil, nil, nil, err
				}
				d := &dialer{host: h}
				if name == "pipes" {
					var pair *stdio
					pair, err = newPipes()
					require.NoError(t, err)
					program := filepath.Join(strings.SplitN(os.Getenv("PATH"), ":", 2)[0], "ssh")
					c1, err = d.startSSH(program, pair)
				} else {
					c1, err = d.openSSH(t.Context())
				}
				if err != nil {
					return nil, nil, nil, err
				}
				c2, err = ln.Accept()
				return c1, c2, func() { c1.Close(); c2.Close() }, err
			})
		})
	}
}

func TestSSHCallsStreamsAndUploads(t *testing.T) {
	for _, host := range sshHosts {
		t.Run(host, func(t *testing.T) {
			big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
			c := serveSSH(t, host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "docker", r.Host)
				switch {
				case strings.HasSuffix(r.URL.Path, "/attach"):
					conn, rw, _ := w.(http.Hijacker).Hijack()
					defer conn.Close()
					io.WriteString(conn, upgraded)
					text, _ := io.ReadAll(rw)
					io.WriteString(conn, frame(1, strings.ToUpper(string(text))))
				case strings.HasSuffix(r.URL.Path, "/load"):
					n, _ := io.Copy(io.Discard, r.Body)
					fmt.Fprintf(w, `{"stream":"Loaded image: of-%d\n"}`, n)
				default:
					io.WriteString(w, `{"ID":"far"}`)
				}
			}))
			info, err := c.Info(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, "far", info.ID)
			conn, err := c.ContainerAttach(t.Context(), "x", &ContainerAttachOptions{Stdin: true, Stdout: true})
			require.NoError(t, err)
			_, err = io.WriteString(conn, "half closed")
			require.NoError(t, err)
			require.NoError(t, conn.CloseWrite())
			var out bytes.Buffer
			require.NoError(t, conn.Copy(&out, io.Discard))
			require.Equal(t, "HALF CLOSED", out.String())
			loaded, err := c.ImageLoad(t.Context(), bytes.NewReader(big), nil)
			require.NoError(t, err)
			require.Equal(t, []string{fmt.Sprintf("of-%d", len(big))}, loaded)
		})
	}
}

func TestSSHThatFails(t *testing.T) {
	for _, host := range sshHosts {
		for mode, want := range map[string]string{
			"fail 255 u@far: Permission denied (publickey).": "Permission denied (publickey). (ssh is not asked for passwords",
			"fail 255 Host key verification failed.\r\n":     "Host key verification failed. (connect once with ssh",
			"fail 127 bash: docker: command not found":       "ssh: exit status 127: bash: docker: command not found (there is no docker command",
			"fail 255": "ssh: exit status 255",
			"flood":    "noise the end",
		} {
			t.Run(host+" "+mode, func(t *testing.T) {
				noLeaks(t)
				fakeSSH(t, mode, "")
				c := client(t, WithHost(host), pinned)
				_, err := c.Info(t.Context(), nil)
				errorsIs(t, err, errdefs.ErrNotSent, errdefs.ErrUnavailable)
				require.ErrorContains(t, err, "cannot connect to the engine at ssh://")
				require.ErrorContains(t, err, want)
				require.Equal(t, 1, strings.Count(err.Error(), "cannot connect"))
				require.Less(t, len(err.Error()), maxSSHWords+400)
				_, err = c.ImageLoad(t.Context(), strings.NewReader(strings.Repeat("x", 1<<20)), nil)
				errorsIs(t, err, errdefs.ErrNotSent)
				require.ErrorContains(t, err, want)
			})
		}
	}
}

func TestSSHToADockerCommandWithoutAnEngine(t *testing.T) {
	noLeaks(t)
	fakeSSH(t, "unreached", "")
	_, err := client(t, WithHost("ssh://far"), pinned).Info(t.Context(), nil)
	errorsIs(t, err, errdefs.ErrNotSent, errdefs.ErrUnavailable)
	require.ErrorContains(t, err, "/x.sock: connect: no such file or directory (the docker command at the far end reaches no engine")
}

func TestSSHThatDiesLaterLeavesTheOutcomeUnknown(t *testing.T) {
	noLeaks(t)
	fakeSSH(t, "swallow", "")
	c := client(t, WithHost("ssh://far"), pinned)
	_, err := c.Info(t.Context(), nil)
	errorsIs(t, err, errdefs.ErrOutcomeUnknown)
	require.False(t, errors.Is(err, errdefs.ErrNotSent))
	require.ErrorContains(t, err, "ssh: exit status 255: Connection reset")
}

func TestSSHThatDiesInAStreamCutsIt(t *testing.T) {
	body := "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nConnection: close\r\n\r\n" + strings.Repeat("x", 1000)
	for _, host := range sshHosts {
		noLeaks(t)
		ln, _ := listen(t, "unix")
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				conn.Read(make([]byte, 4096))
				io.WriteString(conn, body)
				conn.Close()
			}
		}()
		fakeSSH(t, fmt.Sprintf("cut %d", len(body)), ln.Addr().String())
		c := client(t, WithHost(host), pinned)
		out, err := c.ContainerExport(t.Context(), "x")
		require.NoError(t, err)
		text, err := io.ReadAll(out)
		require.Len(t, text, 1000)
		errorsIs(t, err, errdefs.ErrTruncated)
		require.NoError(t, out.Close())
		require.NoError(t, ln.Close())
	}
}

func TestSSHServerThatForwardsNothing(t *testing.T) {
	noLeaks(t)
	fakeSSH(t, "prohibited", "")
	_, err := client(t, WithHost("ssh://far/engine.sock"), pinned).Info(t.Context(), nil)
	errorsIs(t, err, errdefs.ErrNotSent)
	require.ErrorContains(t, err, "leave the path out")
}

func TestWithoutSSH(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := client(t, WithHost("ssh://far"), pinned).Info(t.Context(), nil)
	errorsIs(t, err, errdefs.ErrNotSent)
	require.ErrorContains(t, err, "there is no ssh program")
}

func TestSSHDialEndsWithItsContext(t *testing.T) {
	for _, host := range sshHosts {
		noLeaks(t)
		fakeSSH(t, "hang", "")
		c := client(t, WithHost(host), pinned)
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(reason) })
		within(t, 2*time.Second, func() {
			_, err := c.Info(ctx, nil)
			errorsIs(t, err, reason)
		})
	}
	noLeaks(t)
	fakeSSH(t, "hang", "")
	_, err := client(t, WithHost(sshHosts[1]), pinned, WithDialTimeout(100*time.Millisecond)).Info(t.Context(), nil)
	errorsIs(t, err, context.DeadlineExceeded, errdefs.ErrNotSent)
}

// Connections that are cancelled at any time leave no child.
func TestSSHLeavesNoChild(t *testing.T) {
	for _, host := range sshHosts {
		before := children(t)
		c := serveSSH(t, host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/events") {
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}
			io.WriteString(w, "{}")
		}))
		for i := range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Duration(i)*500*time.Microsecond, cancel)
			if feed, err := c.Events(ctx, nil); err == nil {
				for range feed.All() {
				}
			}
			cancel()
		}
		require.NoError(t, c.Close())
		poll(t, "the children are gone", func() bool { return len(children(t)) <= len(before) })
	}
}

// children lists the processes that this one started, zombies among them.
func children(t *testing.T) (pids []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			pids = append(pids, filepath.Base(filepath.Dir(path))+" "+fields[0])
		}
	}
	return pids
}

func TestSSHProcessesAreApart(t *testing.T) {
	c := serveSSH(t, "ssh://far", http.NotFoundHandler())
	d := &dialer{host: c.host}
	conn, err := d.openSSH(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	pid := conn.(*sshConn).process.Pid
	group, err := syscall.Getpgid(pid)
	require.NoError(t, err)
	require.Equal(t, pid, group)
}

func TestSSHArguments(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("SSH_TEST_LOG", log)
	fakeSSH(t, "fail 255", "")
	for host, want := range map[string]string{
		"ssh://far":         `["-T" "-o" "ConnectTimeout=7" "--" "far" "docker" "system" "dial-stdio"]`,
		"ssh://far/":        `["-T" "-o" "ConnectTimeout=7" "--" "far" "docker" "system" "dial-stdio"]`,
		"ssh://me@far:2222": `["-T" "-o" "ConnectTimeout=7" "-l" "me" "-p" "2222" "--" "far" "docker" "system" "dial-stdio"]`,
		"ssh://[::1]:22":    `["-T" "-o" "ConnectTimeout=7" "-p" "22" "--" "::1" "docker" "system" "dial-stdio"]`,
		`ssh://AD%5Cme@far`: `["-T" "-o" "ConnectTimeout=7" "-l" "AD\\me" "--" "far" "docker" "system" "dial-stdio"]`,
	} {
		os.Remove(log)
		_, err := client(t, WithHost(host), pinned, WithDialTimeout(7*time.Second)).Info(t.Context(), nil)
		require.Error(t, err)
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		require.Equal(t, want+"\n", string(text), host)
	}
	require.Equal(t, []string{"ssh", "-T", "-N", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none", "-L", `/a\:b%%c/s:/far.sock`, "--", "x"},
		(&sshTarget{name: "x", path: "/far.sock"}).args(-1, "/a:b%c/s"))
}

func TestSSHHostsThatAreRefused(t *testing.T) {
	for _, host := range []string{
		"ssh://", "ssh:///x", "ssh://-oProxyCommand=x", "ssh://-oProxyCommand=x@far", "ssh://u@-x", "ssh://far;x", "ssh://far x",
		"ssh://u:s3cr3t@far", "ssh://far?x", "ssh://far#x", "ssh://far:x", "ssh://far/$(x)", "ssh://far/a:b", "ssh://far/a%00b",
		"ssh://far/a%0Ab", "ssh://a%0Ab@far", "ssh://%2DoX@far", "ssh://far/x/../y", "ssh://far/%25h", "ssh://far/${HOME}", "ssh://u'@far", "ssh://$(x)@far",
	} {
		_, err := New(WithHost(host))
		errorsIs(t, err, errdefs.ErrInvalidArgument)
		require.NotContains(t, err.Error(), "s3cr3t")
	}
}

// Nothing from a host becomes an option, or means something to a shell.
func FuzzSSHHost(f *testing.F) {
	for _, host := range []string{"far", "u@far:22", "u@far:22/run/docker.sock", "-oX@-p", "[::1]:22/x", "a%0Ab", "u\\d@h", "%2dx", "é@ü"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		h, err := parseHost("ssh://" + rest)
		if err != nil {
			return
		}
		for _, local := range []string{"", "/tmp/s"} {
			args := h.ssh.args(time.Second, local)
			end := 0
			for end = range args {
				if args[end] == "--" {
					break
				}
			}
			require.Equal(t, h.ssh.name, args[end+1])
			for i, arg := range args[1:] {
				require.False(t, strings.ContainsAny(arg, "\x00\n\r\t '\"$`;&|<>()*?!{}"), args)
				if user := args[max(0, i)] == "-l"; user || i+1 > end {
					require.False(t, strings.HasPrefix(arg, "-") && arg != "--host", args)
				}
			}
			require.NotEqual(t, "--host", args[end+1])
		}
	})
}
