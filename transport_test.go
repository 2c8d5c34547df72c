package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func TestParseHost(t *testing.T) {
	for text, want := range map[string]host{
		"unix:///var/run/docker.sock":    {network: "unix", addr: "/var/run/docker.sock", scheme: "http", authority: "docker"},
		"unix://relative.sock":           {network: "unix", addr: "relative.sock", scheme: "http", authority: "docker"},
		"npipe:////./pipe/docker_engine": {network: "npipe", addr: filepath.FromSlash("//./pipe/docker_engine"), scheme: "http", authority: "docker"},
		"tcp://h":                        {network: "tcp", addr: "h:2375", scheme: "http", authority: "h:2375", portless: "h"},
		"tcp://h:1":                      {network: "tcp", addr: "h:1", scheme: "http", authority: "h:1"},
		"tcp://[::1]:1/base/path/":       {network: "tcp", addr: "[::1]:1", scheme: "http", authority: "[::1]:1", path: "/base/path"},
		"http://h":                       {network: "tcp", addr: "h:80", scheme: "http", authority: "h"},
		"https://h":                      {network: "tcp", addr: "h:443", scheme: "https", authority: "h"},
	} {
		got, err := parseHost(text)
		require.NoError(t, err, text)
		want.text = text
		require.Equal(t, &want, got)
	}
	secured, err := (&host{text: "tcp://h", network: "tcp", addr: "h:2375", scheme: "http", authority: "h:2375", portless: "h"}).secured()
	require.NoError(t, err)
	require.Equal(t, "h:2376", secured.addr)
	require.Equal(t, "https", secured.scheme)
	for _, bad := range []string{
		"", "/var/run/docker.sock", "unix://", "unix:///", "npipe://", "tcp://", "tcp://:2375", "ftp://h", "tcp://h?x=1",
		"tcp://h#f", "tcp://u:p@h", "tcp://h:1/../x", "tcp://h:port", "unix:///a b", "unix:///a\nb", "tcp://h\x00",
	} {
		_, err := parseHost(bad)
		errorsIs(t, err, errdefs.ErrInvalidArgument)
	}
	_, err = parseHost("tcp://user:s3cret@h:1")
	require.NotContains(t, err.Error(), "s3cret")
	_, err = parseHost("ssh://user:s3cret@h")
	require.NotContains(t, err.Error(), "s3cret")
}

func FuzzParseHost(f *testing.F) {
	for _, seed := range []string{"unix:///a", "tcp://h:1/p", "npipe:////./pipe/x", "https://[::1]:2", "tcp://u@h", "ssh://h", "://", "unix://%00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHost(text)
		if err != nil {
			return
		}
		if h.addr == "" || h.authority == "" || strings.ContainsAny(h.addr+h.authority+h.path, "\r\n\x00") {
			t.Fatalf("%q gives %+v", text, h)
		}
		if h.network == "tcp" {
			if _, _, err := net.SplitHostPort(h.addr); err != nil {
				t.Fatalf("%q gives %+v: %v", text, h, err)
			}
		}
		if _, err := h.secured(); err != nil {
			errorsIs(t, err, errdefs.ErrInvalidArgument)
		}
	})
}

func TestTLSAskedForIsNeverPlainText(t *testing.T) {
	var plain atomic.Int32
	c := script(t, "tcp", func(w *wire) {
		first, err := w.Peek(1)
		if err == nil && first[0] != 0x16 { // a TLS handshake
			plain.Add(1)
		}
	})
	host := c.Host()
	empty := t.TempDir()
	for name, env := range map[string][2]string{
		"verify without certificates": {"1", empty},
		"certificates alone":          {"", empty},
		"a missing folder":            {"1", filepath.Join(empty, "none")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DOCKER_TLS_VERIFY", env[0])
			t.Setenv("DOCKER_CERT_PATH", env[1])
			t.Setenv("DOCKER_HOST", host)
			_, err := New()
			errorsIs(t, err, errdefs.ErrInvalidArgument)
		})
	}
	t.Run("no home certificates", func(t *testing.T) {
		t.Setenv("DOCKER_TLS_VERIFY", "1")
		t.Setenv("DOCKER_CERT_PATH", "")
		t.Setenv("HOME", empty)
		_, err := New(WithHost(host))
		errorsIs(t, err, errdefs.ErrInvalidArgument)
	})
	t.Run("to an engine that speaks plain text", func(t *testing.T) {
		_, err := client(t, WithHost(host), WithTLSConfig(nil)).Version(t.Context())
		errorsIs(t, err, errdefs.ErrNotSent, errdefs.ErrUnavailable)
	})
	t.Run("with a plain scheme", func(t *testing.T) {
		_, err := New(WithHost(strings.Replace(host, "tcp", "http", 1)), WithTLSConfig(nil))
		errorsIs(t, err, errdefs.ErrInvalidArgument)
	})
	require.Zero(t, plain.Load())
}

func TestTLSFromTheEnvironment(t *testing.T) {
	ca, cert, key := certificates(t)
	pair, err := tls.X509KeyPair(cert, key)
	require.NoError(t, err)
	noLeaks(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"Version":"7"}`) })}
	done := make(chan struct{})
	go func() { server.Serve(ln); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	dir := t.TempDir()
	for name, text := range map[string][]byte{"ca.pem": ca, "cert.pem": cert, "key.pem": key} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", dir)
	t.Setenv("DOCKER_HOST", "tcp://"+ln.Addr().String())
	t.Setenv("DOCKER_API_VERSION", "1.44")
	v, err := client(t).Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "7", v.Version)
	t.Run("an engine that another authority signed", func(t *testing.T) {
		other, _, _ := certificates(t)
		_, err := client(t, WithTLSPEM(other, cert, key)).Version(t.Context())
		errorsIs(t, err, errdefs.ErrNotSent)
		require.ErrorContains(t, err, "authority")
	})
	t.Run("no client certificate", func(t *testing.T) {
		_, err := client(t, WithTLSPEM(ca, nil, nil)).Version(t.Context())
		require.ErrorContains(t, err, "certificate required")
	})
}

// An engine that refuses an upload while it is being sent has its words heard.
func TestAnUploadRefusedEarlyGivesTheEnginesMessage(t *testing.T) {
	answer := "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 29\r\nConnection: close\r\n\r\n{\"message\":\"no room for this\"}"
	answer = strings.Replace(answer, "29", fmt.Sprint(len(`{"message":"no room for this"}`)), 1)
	for _, network := range []string{"unix", "tcp", "tls"} {
		for _, offset := range []int{0, 1, 64 << 10, 1 << 20} {
			t.Run(fmt.Sprint(network, offset), func(t *testing.T) {
				c := script(t, network, func(w *wire) {
					r := w.request()
					if r == nil {
						return
					}
					io.CopyN(io.Discard, r.Body, int64(offset))
					w.say(answer)
				}, pinned)
				lost := 0
				defer func() { t.Logf("%d of 30 answers were lost to a reset", lost) }()
				for range 30 {
					_, err := c.ImageLoad(t.Context(), io.LimitReader(zeros{}, 64<<20), nil)
					var e *Error
					require.ErrorAs(t, err, &e)
					if network != "unix" && e.Status == 0 {
						// The peer's reset can overtake its answer on its own side.
						require.NotErrorIs(t, err, errdefs.ErrNotSent)
						lost++
						continue
					}
					require.Equal(t, 400, e.Status)
					require.Equal(t, "no room for this", e.Message)
					errorsIs(t, err, errdefs.ErrRefused, errdefs.ErrInvalidArgument)
				}
			})
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A connection that died while it was idle is no failure of the next call, where
// nothing was sent or the call only reads.
func TestIdleConnectionsThatDied(t *testing.T) {
	var conns, executed atomic.Int32
	c := script(t, "unix", func(w *wire) {
		conns.Add(1)
		if w.drained() != nil {
			executed.Add(1)
			w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		}
	}, pinned)
	var failed int
	for range 200 {
		_, err := c.Version(t.Context())
		require.NoError(t, err)
		before := executed.Load()
		if _, err = c.ContainerUpdate(t.Context(), "a", nil); err != nil {
			failed++
			if errors.Is(err, errdefs.ErrNotSent) {
				require.Equal(t, before, executed.Load())
			} else {
				errorsIs(t, err, errdefs.ErrOutcomeUnknown)
			}
		}
	}
	t.Logf("%d of 200 writes had an unknown outcome", failed)
	require.GreaterOrEqual(t, conns.Load(), int32(200))
}

func TestProxyIsForNetworkHostsOnly(t *testing.T) {
	var hits atomic.Int32
	proxy := script(t, "tcp", func(w *wire) {
		for r := w.drained(); r != nil; r = w.drained() {
			hits.Add(1)
			w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		}
	})
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }), pinned)
	require.Nil(t, c.transport.calls.Proxy)
	_, err := c.Version(t.Context())
	require.NoError(t, err)
	require.Zero(t, hits.Load())
	own, err := New(WithHost("tcp://h:1"), WithDialer(func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }))
	require.NoError(t, err)
	require.Nil(t, own.transport.calls.Proxy)
	require.NotNil(t, proxy.transport.calls.Proxy)
}

// The handshake of an upgrade ends with its context, wherever it stands.
func TestCancelAtEachStageOfAnUpgrade(t *testing.T) {
	stages := map[string]func(w *wire){
		"nothing is read":       func(w *wire) { time.Sleep(300 * time.Millisecond) },
		"nothing is answered":   func(w *wire) { w.drained(); w.hold() },
		"half a status line":    func(w *wire) { w.drained(); w.say("HTTP/1.1 10"); w.hold() },
		"half of the headers":   func(w *wire) { w.drained(); w.say("HTTP/1.1 101 UPGRADED\r\nConn"); w.hold() },
		"a refusal's headers":   func(w *wire) { w.drained(); w.say("HTTP/1.1 500 E\r\nContent-Length: 9\r\n\r\n"); w.hold() },
		"a stream that is mute": func(w *wire) { w.drained(); w.say(upgraded); w.hold() },
	}
	for name, talk := range stages {
		t.Run(name, func(t *testing.T) {
			eachNetwork(t, func(t *testing.T, network string) {
				c := script(t, network, talk, pinned)
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				within(t, time.Second, func() {
					stream, err := c.ContainerAttach(ctx, "a", nil)
					if err == nil {
						err = stream.Copy(io.Discard, io.Discard)
					}
					errorsIs(t, err, context.DeadlineExceeded)
				})
			})
		})
	}
	t.Run("the dial hangs", func(t *testing.T) {
		noLeaks(t)
		c := client(t, pinned, WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		within(t, time.Second, func() {
			_, err := c.ContainerAttach(ctx, "a", nil)
			errorsIs(t, err, context.DeadlineExceeded, errdefs.ErrCancelled)
		})
	})
	t.Run("the dial timeout", func(t *testing.T) {
		noLeaks(t)
		c := client(t, pinned, WithDialTimeout(20*time.Millisecond), WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		_, err := c.Version(t.Context())
		errorsIs(t, err, errdefs.ErrNotSent, context.DeadlineExceeded)
		require.NotErrorIs(t, err, errdefs.ErrCancelled)
	})
	t.Run("the TLS handshake hangs", func(t *testing.T) {
		noLeaks(t)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer ln.Close()
		c := client(t, pinned, WithHost("tcp://"+ln.Addr().String()), WithTLSConfig(nil), WithDialTimeout(50*time.Millisecond))
		_, err = c.Version(t.Context())
		errorsIs(t, err, errdefs.ErrNotSent, context.DeadlineExceeded)
	})
}

// Idle connections are closed with the client.
func TestManyCallsLeaveNothing(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "missing") {
			http.Error(w, `{"message":"gone"}`, 404)
			return
		}
		io.WriteString(w, "{}")
	}), pinned)
	for i := range 2000 {
		id := "a"
		if i%3 == 0 {
			id = "missing"
		}
		_, err := c.ContainerInspect(t.Context(), id, nil)
		require.Equal(t, id == "missing", err != nil)
	}
}
