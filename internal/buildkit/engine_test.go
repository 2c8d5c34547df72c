package buildkit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests of the engine_*_test.go files build on the engines of DOCKER_TEST_HOSTS, which are
// written as for the tests of package docker.

// testEngine is an engine to test on.
type testEngine struct {
	Engine
	client *http.Client
	name   string // its version and transport
	store  bool   // containerd's image store
}

// engines runs a test on every engine that has BuildKit.
func engines(t *testing.T, test func(t *testing.T, e *testEngine)) {
	t.Helper()
	hosts := strings.Fields(os.Getenv("DOCKER_TEST_HOSTS"))
	if len(hosts) == 0 {
		t.Skip("DOCKER_TEST_HOSTS is empty: no engine to test on")
	}
	for _, host := range hosts {
		e := newTestEngine(t, host)
		if e == nil {
			continue
		}
		t.Run(e.name, func(t *testing.T) { noLeaks(t); test(t, e) })
	}
}

// newTestEngine connects to a host. One without BuildKit gives nil.
func newTestEngine(t *testing.T, host string) *testEngine {
	u, err := url.Parse(host)
	require.NoError(t, err)
	e := &testEngine{}
	transport := &http.Transport{DisableKeepAlives: true}
	e.client = &http.Client{Transport: transport}
	base := "http://docker"
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		if u.Scheme == "unix" {
			return d.DialContext(ctx, "unix", u.Path)
		}
		return d.DialContext(ctx, "tcp", u.Host)
	}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	kind := u.Scheme
	if certs := u.Query().Get("certs"); certs != "" {
		kind, base = "tls", "https://"+u.Host
		transport.TLSClientConfig = testCerts(t, certs)
	}
	e.Upgrade = func(ctx context.Context, path string, header http.Header) (io.ReadWriteCloser, error) {
		return e.upgrade(ctx, base+path, header)
	}
	e.client.Transport = rebased{transport, base}
	var info struct {
		ServerVersion string
		DriverStatus  [][2]string
		OSType        string
	}
	e.get(t, "/info", &info)
	for _, s := range info.DriverStatus {
		e.store = e.store || s == [2]string{"driver-type", "io.containerd.snapshotter.v1"}
	}
	version, _, _ := strings.Cut(info.ServerVersion, "+")
	e.name = version + "-" + kind
	if e.store {
		e.name += "-containerd"
	}
	resp, err := e.client.Post("/session", "", nil)
	require.NoError(t, err)
	resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil
	}
	return e
}

// rebased sends requests for a bare path to a host.
type rebased struct {
	http.RoundTripper
	base string
}

func (r rebased) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == "" {
		u, err := url.Parse(r.base + req.URL.String())
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.URL = u
	}
	return r.RoundTripper.RoundTrip(req)
}

func testCerts(t *testing.T, dir string) *tls.Config {
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
}

func (e *testEngine) upgrade(ctx context.Context, address string, header http.Header) (io.ReadWriteCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		return nil, err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "h2c")
	resp, err := e.client.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return nil, fmt.Errorf("%s: %s", resp.Status, text)
	}
	conn := resp.Body.(io.ReadWriteCloser)
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}

// get decodes an answer of the engine.
func (e *testEngine) get(t *testing.T, path string, into any) {
	t.Helper()
	resp, err := e.client.Get(path)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(text))
	require.NoError(t, json.Unmarshal(text, into))
}

func (e *testEngine) do(t *testing.T, method, path string) {
	t.Helper()
	req, err := http.NewRequest(method, path, nil)
	require.NoError(t, err)
	resp, err := e.client.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func unique(name string) string { return "cleat-" + name + "-" + randomID()[:8] }

// image is an export to the engine, which is removed at the test's end.
func (e *testEngine) image(t *testing.T) (Export, string) {
	name := unique("build")
	t.Cleanup(func() { e.do(t, http.MethodDelete, "/images/"+name+"?force=1") })
	return Export{Type: "moby", Attrs: map[string]string{"name": name}}, name
}

// old tells BuildKit 0.8, of 20.10.
func (e *testEngine) old() bool { return strings.HasPrefix(e.name, "20.10") }
