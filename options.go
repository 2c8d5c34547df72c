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
	"sync/atomic"
	"time"

	"github.com/cleat-go/docker/auth"
)

// Option is a setting of a client, given to [New].
type Option func(*settings) error

// settings are what the options say, before a client is made of them.
type settings struct {
	host            string
	context         string
	resolution      *Resolution
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
// unix, npipe, tcp or ssh, the address what the host names.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// WithHost sets the engine's address: unix:///path, npipe:////./pipe/name,
// tcp://host:port (with TLS where certificates are given), http://… or https://…, or
// ssh://user@host:port, which is reached through the ssh program and the docker command
// at the far end, or with a /path through that socket there. host:port is tcp, as the
// docker command has it. Without it, [Resolve] tells.
func WithHost(host string) Option {
	return func(s *settings) error {
		s.host = host
		return nil
	}
}

// WithContext takes the engine of a context of the docker command, with its certificates.
// "default" is the host of the environment, or the platform's own.
func WithContext(name string) Option {
	return func(s *settings) error {
		s.context = name
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

// WithTLSFiles speaks TLS to a tcp host with PEM files. The client's certificate is read
// anew for each connection, so that one that is renewed is used. Without a ca the system's
// roots verify the engine; cert and key go together and may both be empty.
func WithTLSFiles(ca, cert, key string) Option {
	return func(s *settings) error {
		if (cert == "") != (key == "") {
			return invalid("a client certificate and its key go together")
		}
		config, err := tlsFromFiles(ca, cert, key)
		if err != nil {
			return invalid("the certificates cannot be used: %v", err)
		}
		s.tls = config
		return nil
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

// WithHeader adds headers to every request. One that is given again replaces the former.
func WithHeader(header http.Header) Option {
	return func(s *settings) error {
		if s.header == nil {
			s.header = make(http.Header, len(header))
		}
		for key, values := range header {
			for _, v := range values {
				if strings.ContainsAny(key+v, "\r\n\x00") {
					return invalid("the header %q has control characters", key)
				}
			}
			s.header[http.CanonicalHeaderKey(key)] = slices.Clone(values)
		}
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

// tlsOfEnvironment is that of DOCKER_CERT_PATH, DOCKER_TLS_VERIFY and DOCKER_TLS.
func (s *settings) tlsOfEnvironment() error {
	dir := os.Getenv("DOCKER_CERT_PATH")
	if dir == "" && os.Getenv("DOCKER_TLS_VERIFY") == "" && os.Getenv("DOCKER_TLS") == "" {
		return nil
	}
	if dir == "" {
		var err error
		if dir, err = configDir(); err != nil {
			return invalid("DOCKER_TLS_VERIFY is set, DOCKER_CERT_PATH is not, and there is no home folder: %v", err)
		}
	}
	config, err := tlsFromFiles(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return invalid("TLS is asked for by the environment and its certificates cannot be read: %v (set DOCKER_CERT_PATH to their folder)", err)
	}
	s.tls = config
	return nil
}

// tlsFromFiles is a configuration whose client certificate is read anew at each handshake.
func tlsFromFiles(ca, cert, key string) (*tls.Config, error) {
	var texts [3][]byte
	for i, path := range []string{ca, cert, key} {
		if path == "" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	config, err := tlsFromPEM(texts[0], texts[1], texts[2])
	if err != nil || cert == "" {
		return config, err
	}
	var last atomic.Pointer[tls.Certificate]
	last.Store(&config.Certificates[0])
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if pair, err := tls.LoadX509KeyPair(cert, key); err == nil {
			last.Store(&pair)
		} // else it is being replaced
		return last.Load(), nil
	}
	return config, nil
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
