package docker

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// networks are the ways to an engine that the tests take.
var networks = []string{"unix", "tcp", "tls", "dialer"}

// eachNetwork runs a test over every one of them.
func eachNetwork(t *testing.T, test func(t *testing.T, network string)) {
	for _, network := range networks {
		t.Run(network, func(t *testing.T) { test(t, network) })
	}
}

// noLeaks checks, when the test ends, that goroutines and descriptors are back where
// they are now.
func noLeaks(t *testing.T) {
	t.Helper()
	goroutines, fds := runtime.NumGoroutine(), descriptors()
	t.Cleanup(func() {
		deadline := time.Now().Add(5 * time.Second)
		for runtime.NumGoroutine() > goroutines || descriptors() > fds {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				stacks = stacks[:runtime.Stack(stacks, true)]
				t.Errorf("leaked: %d goroutines where %d were, %d descriptors where %d were\n%s",
					runtime.NumGoroutine(), goroutines, descriptors(), fds, stacks)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}

// descriptors counts the open files of this process, 0 where it cannot.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// listen opens a listener on a network, and returns the options of a client for it.
func listen(t *testing.T, network string) (net.Listener, []Option) {
	t.Helper()
	switch network {
	case "unix":
		path := filepath.Join(t.TempDir(), "s")
		ln, err := net.Listen("unix", path)
		require.NoError(t, err)
		return ln, []Option{WithHost("unix://" + path)}
	case "tls":
		ca, cert, key := certificates(t)
		pair, err := tls.X509KeyPair(cert, key)
		require.NoError(t, err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
			Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		})
		require.NoError(t, err)
		return ln, []Option{WithHost("tcp://" + ln.Addr().String()), WithTLSPEM(ca, cert, key)}
	default:
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		if network == "tcp" {
			return ln, []Option{WithHost("tcp://" + ln.Addr().String())}
		}
		return ln, []Option{WithHost("tcp://nowhere.invalid:1"), WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", ln.Addr().String())
		})}
	}
}

// pinned is the version of tests that do not negotiate.
var pinned = WithAPIVersion("1.51")

// client makes a client that is closed with the test.
func client(t *testing.T, opts ...Option) *Client {
	t.Helper()
	c, err := New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// serve answers with a handler, and returns a client of it.
func serve(t *testing.T, network string, h http.Handler, opts ...Option) *Client {
	t.Helper()
	noLeaks(t)
	ln, to := listen(t, network)
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { server.Serve(ln); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	return client(t, append(to, opts...)...)
}

// wire is the engine's end of a connection in a scripted test.
type wire struct {
	net.Conn
	*bufio.Reader
}

func (w *wire) Read(p []byte) (int, error) { return w.Reader.Read(p) }

// request reads one request with its body; nil at the end of the connection.
func (w *wire) request() *http.Request {
	r, err := http.ReadRequest(w.Reader)
	if err != nil {
		return nil
	}
	return r
}

// drained reads one request and its whole body.
func (w *wire) drained() *http.Request {
	r := w.request()
	if r != nil {
		io.Copy(io.Discard, r.Body)
	}
	return r
}

func (w *wire) say(text string) { io.WriteString(w.Conn, text) }

// hold keeps the connection open until the client closes it.
func (w *wire) hold() { io.Copy(io.Discard, w) }

// script answers each connection with a function, and returns a client of it.
func script(t *testing.T, network string, talk func(w *wire), opts ...Option) *Client {
	t.Helper()
	noLeaks(t)
	ln, to := listen(t, network)
	var talks sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]struct{}{}
	talks.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = struct{}{}
			mu.Unlock()
			talks.Go(func() {
				defer conn.Close()
				talk(&wire{conn, bufio.NewReader(conn)})
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		talks.Wait()
	})
	return client(t, append(to, opts...)...)
}

// upgraded is the answer that turns a connection into a stream.
const upgraded = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

// frame is a piece of multiplexed output.
func frame(stream byte, text string) string {
	n := len(text)
	return string([]byte{stream, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + text
}

// certificates makes an authority and one certificate for 127.0.0.1 that serves both sides.
func certificates(t *testing.T) (ca, cert, key []byte) {
	t.Helper()
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	require.NoError(t, err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, &leafKey.PublicKey, authorityKey)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(leafKey)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

// within fails the test unless f returns in time, and returns how long it took.
func within(t *testing.T, limit time.Duration, f func()) time.Duration {
	t.Helper()
	start := time.Now()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit + 5*time.Second):
		t.Fatalf("did not return within %v and 5 seconds", limit)
	}
	took := time.Since(start)
	require.LessOrEqual(t, took, limit)
	return took
}

// errorsIs requires that err is each of the targets.
func errorsIs(t *testing.T, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		require.Truef(t, errors.Is(err, target), "%v is not %v", err, target)
	}
}
