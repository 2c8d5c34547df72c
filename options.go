package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cleat-go/docker/auth"
)

// Option is a setting of a client, given to [New].
type Option func(*settings) error

// settings are what the options say, before a client is made of them.
type settings struct {
	host            string
	dial            DialFunc
	tls             *tls.Config
	version         string
	userAgent       string
	header          http.Header
	middleware      []func(http.RoundTripper) http.RoundTripper
	dialTimeout     time.Duration
	responseTimeout time.Duration
	credentials     auth.Source
	anonymous       bool
}

// DialFunc opens a connection, as [net.Dialer.DialContext] does. The network is
// unix, npipe or tcp, the address what the host names.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// WithHost sets the engine's address: unix:///path, npipe:////./pipe/name,
// tcp://host:port (with TLS where certificates are given), http://… or https://….
// Without it, DOCKER_HOST says, or it is the platform's default socket or pipe.
func WithHost(host string) Option {
	return func(s *settings) error {
		s.host = host
		return nil
	}
}

// WithDialer makes every connection through dial, upgraded ones too. TLS, where it is
// asked for, is spoken over what dial returns. No proxy is used.
func WithDialer(dial DialFunc) Option {
	return func(s *settings) error {
		s.dial = dial
		return nil
	}
}

// WithTLSConfig speaks TLS to a tcp host. The configuration is cloned; nil or a zero
// value verifies the engine by the system's roots. Sockets and pipes ignore it.
// It takes the place of DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
func WithTLSConfig(config *tls.Config) Option {
	return func(s *settings) error {
		if s.tls = config.Clone(); s.tls == nil {
			s.tls = new(tls.Config)
		}
		return nil
	}
}

// WithTLSPEM speaks mutual TLS to a tcp host with PEM texts that are held in memory.
// Without a ca the system's roots verify the engine; cert and key go together and may
// both be nil.
func WithTLSPEM(ca, cert, key []byte) Option {
	return func(s *settings) error {
		config, err := tlsFromPEM(ca, cert, key)
		s.tls = config
		return err
	}
}

// WithAPIVersion pins the API version, as "1.44"; nothing is negotiated then. Without
// it DOCKER_API_VERSION says, or the newest that client and engine both know is used.
func WithAPIVersion(version string) Option {
	return func(s *settings) error {
		s.version = version
		return nil
	}
}

// WithUserAgent sets the User-Agent header.
func WithUserAgent(agent string) Option {
	return func(s *settings) error {
		s.userAgent = agent
		return nil
	}
}

// WithHeader adds headers to every request.
func WithHeader(header http.Header) Option {
	return func(s *settings) error {
		for key, values := range header {
			for _, v := range values {
				if strings.ContainsAny(key+v, "\r\n\x00") {
					return invalid("the header %q has control characters", key)
				}
			}
		}
		s.header = header.Clone()
		return nil
	}
}

// WithMiddleware wraps the transport. The first given sees a request first. Every
// request passes through, pings and upgrades too: the body of a 101 answer is the
// connection, an [io.ReadWriteCloser], and has to reach the client as such.
func WithMiddleware(wrap func(http.RoundTripper) http.RoundTripper) Option {
	return func(s *settings) error {
		s.middleware = append(s.middleware, wrap)
		return nil
	}
}

// WithDialTimeout bounds the opening of a connection, TLS included: 30 seconds by
// default, no bound where negative.
func WithDialTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.dialTimeout = d
		return nil
	}
}

// WithResponseTimeout bounds the time from sending a plain call to its answer's
// headers; 0, the default, is no bound. Jobs, feeds, waits and upgraded connections are
// never bounded by it, nor is the reading of any body. A stop or restart counts as a
// plain call and answers only when it is done.
func WithResponseTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.responseTimeout = d
		return nil
	}
}

// fromEnvironment fills in what no option said.
func (s *settings) fromEnvironment() error {
	if s.host == "" {
		s.host = os.Getenv("DOCKER_HOST")
	}
	if s.host == "" {
		s.host = defaultHost()
	}
	if s.version == "" {
		s.version = os.Getenv("DOCKER_API_VERSION")
	}
	if s.tls != nil {
		return nil
	}
	dir := os.Getenv("DOCKER_CERT_PATH")
	if dir == "" && os.Getenv("DOCKER_TLS_VERIFY") == "" {
		return nil
	}
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return invalid("DOCKER_TLS_VERIFY is set, DOCKER_CERT_PATH is not, and there is no home folder: %v", err)
		}
		dir = filepath.Join(home, ".docker")
	}
	if strings.HasPrefix(s.host, "unix:") || strings.HasPrefix(s.host, "npipe:") {
		return nil
	}
	config, err := tlsFromFolder(dir)
	s.tls = config
	return err
}

// tlsFromFolder reads the three files that the docker command reads.
func tlsFromFolder(dir string) (*tls.Config, error) {
	var texts [3][]byte
	for i, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, invalid("TLS is asked for by the environment and its certificates cannot be read: %v", err)
		}
		texts[i] = text
	}
	return tlsFromPEM(texts[0], texts[1], texts[2])
}

// defaultHost is the socket or pipe of an engine that runs where it was installed.
func defaultHost() string {
	if runtime.GOOS == "windows" {
		return "npipe:////./pipe/docker_engine"
	}
	return "unix:///var/run/docker.sock"
}

func tlsFromPEM(ca, cert, key []byte) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, invalid("the certificate authority has no certificate in PEM form")
		}
	}
	if cert != nil || key != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, invalid("the client certificate cannot be used: %v", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// headers are those of every request.
func (s *settings) headers() http.Header {
	header := make(http.Header, len(s.header)+1)
	maps.Copy(header, s.header)
	agent := s.userAgent
	if agent == "" {
		agent = "cleat (" + runtime.GOOS + ")"
	}
	if _, given := header["User-Agent"]; !given || s.userAgent != "" {
		header["User-Agent"] = []string{agent}
	}
	return header
}

// wrapped is the transport within the middleware.
func (s *settings) wrapped(transport http.RoundTripper) http.RoundTripper {
	for _, wrap := range slices.Backward(s.middleware) {
		transport = wrap(transport)
	}
	return transport
}
