package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// tlsEngine is an engine that takes any client certificate and tells which it was.
func tlsEngine(t *testing.T, ca, cert, key []byte) string {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	require.NoError(t, err)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert})
	require.NoError(t, err)
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := "none"
		if len(r.TLS.PeerCertificates) > 0 {
			sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
			id = hex.EncodeToString(sum[:])
		}
		fmt.Fprintf(w, `{"ID":%q}`, id)
	})}
	done := make(chan struct{})
	go func() { server.Serve(ln); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	return "tcp://" + ln.Addr().String()
}

// seen is the client certificate that an engine of tlsEngine sees.
func seen(t *testing.T, c *Client) string {
	t.Helper()
	info, err := c.Info(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, c.Close()) // the next call connects anew
	return info.ID
}

func TestRenewedCertificatesAreUsed(t *testing.T) {
	home := somewhere(t)
	ca, cert, key := certificates(t)
	_, cert2, key2 := certificates(t)
	host := tlsEngine(t, ca, cert, key)
	dir := filepath.Join(home, "certs")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	write := func(name string, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	write("ca.pem", ca)
	write("cert.pem", cert)
	write("key.pem", key)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", dir)
	files := client(t, WithHost(host), pinned, WithTLSFiles(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")))
	environment := client(t, WithHost(host), pinned)
	require.NoError(t, os.MkdirAll(filepath.Join(home, ".docker"), 0o700))
	writeContext(t, filepath.Join(home, ".docker"), "secure", metaOf("secure", host), ca, cert, key)
	named := client(t, WithContext("secure"), pinned)
	old := seen(t, files)
	require.NotEqual(t, "none", old)
	require.Equal(t, old, seen(t, environment))
	require.Equal(t, old, seen(t, named))

	write("cert.pem", cert2) // the key is still the old one
	require.Equal(t, old, seen(t, files))
	write("key.pem", key2)
	renewed := seen(t, files)
	require.NotEqual(t, old, renewed)
	require.Equal(t, renewed, seen(t, environment))
	require.NoError(t, os.Remove(filepath.Join(dir, "cert.pem")))
	require.Equal(t, renewed, seen(t, files))
	require.Equal(t, old, seen(t, named))
}

func TestContextsOfferTheirOwnCertificates(t *testing.T) {
	home := somewhere(t)
	ca, cert, key := certificates(t)
	host := tlsEngine(t, ca, cert, key)
	dir := filepath.Join(home, ".docker")
	writeContext(t, dir, "ca", metaOf("ca", host), ca)
	writeContext(t, dir, "skip", strings.Replace(metaOf("skip", host), "false", "true", 1))
	writeContext(t, dir, "other", metaOf("other", host), first(certificates(t)))
	require.Equal(t, "none", seen(t, client(t, WithContext("ca"), pinned)))
	require.Equal(t, "none", seen(t, client(t, WithContext("skip"), pinned)))
	_, err := client(t, WithContext("other"), pinned).Info(t.Context(), nil)
	errorsIs(t, err, errdefs.ErrNotSent)
	require.ErrorContains(t, err, "failed to verify certificate")
	_, err = client(t, WithHost(host), WithTLSFiles("", "", ""), pinned).Info(t.Context(), nil)
	errorsIs(t, err, errdefs.ErrNotSent)
	require.ErrorContains(t, err, "failed to verify certificate", "the system's roots")
	for _, bad := range [][3]string{{"/nowhere", "", ""}, {"", "x", ""}, {"", "", "x"}, {"", "/nowhere", "/nowhere"}} {
		_, err := New(WithHost(host), WithTLSFiles(bad[0], bad[1], bad[2]))
		errorsIs(t, err, errdefs.ErrInvalidArgument)
	}
}

func first[T any](a, _, _ T) T { return a }

// TestProxyChild is run by the tests of proxies: net/http reads their variables only once.
func TestProxyChild(t *testing.T) {
	host := os.Getenv("PROXY_TEST_HOST")
	if host == "" {
		t.Skip("it is part of TestProxies")
	}
	opts := []Option{WithHost(host), pinned}
	if os.Getenv("PROXY_TEST_SKIP_VERIFY") != "" {
		opts = append(opts, WithTLSConfig(&tls.Config{InsecureSkipVerify: true}))
	}
	c := client(t, opts...)
	info, err := c.Info(t.Context(), nil)
	if err != nil {
		fmt.Println("plain:", err)
		return
	}
	fmt.Println("plain:", info.ID)
	conn, err := c.ContainerAttach(t.Context(), "x", &ContainerAttachOptions{Stdin: true, Stdout: true})
	require.NoError(t, err)
	io.WriteString(conn, "hello")
	require.NoError(t, conn.CloseWrite())
	var out bytes.Buffer
	require.NoError(t, conn.Copy(&out, io.Discard))
	fmt.Println("upgrade:", out.String())
}

// proxyEngine answers the calls of TestProxyChild.
func proxyEngine(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/attach") {
		io.WriteString(w, `{"ID":"far"}`)
		return
	}
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, upgraded)
	text, _ := io.ReadAll(rw)
	io.WriteString(conn, frame(1, string(text)))
}

// proxies are an HTTP and a SOCKS proxy that know one engine, whatever they are asked for.
type proxies struct {
	mu      sync.Mutex
	seen    []string
	engine  string // where a tunnel ends
	handler http.HandlerFunc
}

func (p *proxies) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, what)
}

// ServeHTTP forwards plain requests, by answering them, and makes tunnels.
func (p *proxies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.note(r.Method + " " + r.RequestURI)
	if r.Method != http.MethodConnect {
		p.handler(w, r)
		return
	}
	conn, _, _ := w.(http.Hijacker).Hijack()
	io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	p.tunnel(conn)
}

func (p *proxies) tunnel(conn net.Conn) {
	defer conn.Close()
	engine, err := net.Dial("tcp", p.engine)
	if err != nil {
		return
	}
	defer engine.Close()
	go func() {
		io.Copy(engine, conn)
		engine.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(conn, engine)
}

// socks serves SOCKS version 5 for names.
func (p *proxies) socks(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			head := make([]byte, 2)
			io.ReadFull(conn, head)
			io.CopyN(io.Discard, conn, int64(head[1]))
			conn.Write([]byte{5, 0})
			request := make([]byte, 5)
			io.ReadFull(conn, request)
			name := make([]byte, int(request[4])+2)
			io.ReadFull(conn, name)
			p.note(fmt.Sprintf("SOCKS %s:%d", name[:len(name)-2], binary.BigEndian.Uint16(name[len(name)-2:])))
			conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
			p.tunnel(conn)
		}()
	}
}

func TestProxies(t *testing.T) {
	engine := &http.Server{Handler: http.HandlerFunc(proxyEngine)}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	_, cert, key := certificates(t)
	pair, err := tls.X509KeyPair(cert, key)
	require.NoError(t, err)
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	require.NoError(t, err)
	for _, ln := range []net.Listener{tcp, unix, secure} {
		go engine.Serve(ln)
	}
	defer engine.Close()
	for _, c := range []struct {
		name, host string
		env        []string
		engine     net.Listener
		seen       []string
		want       string
	}{
		{
			"http", "tcp://engine.example:2375",
			[]string{"HTTP_PROXY=http://PROXY"},
			tcp,
			[]string{"GET http://engine.example:2375/v1.51/info", "POST http://engine.example:2375/v1.51/containers/x/attach?stdin=1&stdout=1&stream=1"},
			"plain: far\nupgrade: hello\n",
		},
		{
			"https", "https://engine.example:2376",
			[]string{"HTTPS_PROXY=http://PROXY", "PROXY_TEST_SKIP_VERIFY=1"},
			secure,
			[]string{"CONNECT engine.example:2376"},
			"plain: far\nupgrade: hello\n",
		},
		{
			"socks", "tcp://engine.example:2375",
			[]string{"HTTP_PROXY=socks5://SOCKS"},
			tcp,
			[]string{"SOCKS engine.example:2375"},
			"plain: far\nupgrade: hello\n",
		},
		{
			"socks and TLS", "tcp://engine.example",
			[]string{"HTTPS_PROXY=socks5://SOCKS", "PROXY_TEST_SKIP_VERIFY=1"},
			secure,
			[]string{"SOCKS engine.example:2376"},
			"plain: far\nupgrade: hello\n",
		},
		{"none by NO_PROXY", "tcp://127.1.2.3:9", []string{"HTTP_PROXY=http://PROXY", "NO_PROXY=127.1.2.3"}, tcp, nil, "plain: docker: GET /info: cannot connect to the engine at tcp://127.1.2.3:9: "},
		{"none for sockets", "unix://" + unix.Addr().String(), []string{"HTTP_PROXY=http://PROXY", "ALL_PROXY=socks5://SOCKS", "HTTPS_PROXY=http://PROXY"}, tcp, nil, "plain: far\nupgrade: hello\n"},
		{"none for ssh", "ssh://engine.example", []string{"HTTP_PROXY=http://PROXY", "HTTPS_PROXY=http://PROXY", "PATH="}, tcp, nil, "plain: docker: GET /info: cannot connect to the engine at ssh://engine.example: there is no ssh program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &proxies{engine: c.engine.Addr().String(), handler: proxyEngine}
			httpProxy, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			socksProxy, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := &http.Server{Handler: p}
			go server.Serve(httpProxy)
			go p.socks(socksProxy)
			defer server.Close()
			defer socksProxy.Close()
			program, err := os.Executable()
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmd := exec.CommandContext(ctx, program, "-test.run=^TestProxyChild$", "-test.v")
			cmd.Env = append(os.Environ(), "PROXY_TEST_HOST="+c.host)
			for _, v := range c.env {
				cmd.Env = append(cmd.Env, strings.NewReplacer("//PROXY", "//"+httpProxy.Addr().String(), "//SOCKS", "//"+socksProxy.Addr().String()).Replace(v))
			}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), c.want)
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, want := range c.seen {
				require.Contains(t, p.seen, want)
			}
			require.Equal(t, len(c.seen) == 0, len(p.seen) == 0, p.seen)
		})
	}
}
