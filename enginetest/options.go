package enginetest

import (
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"

	"github.com/cleat-go/docker"
)

// Option is a setting of an engine, given to [NewServer] or [Start].
type Option func(*settings) error

// settings are what the options say.
type settings struct {
	network, address    string
	version, minVersion int
	images              []namedImage
	registries          []namedRegistry
	pushed              []pushedImage
	plugins             []pushedPlugin
}

// WithUnix lets the engine listen on a socket, so that any client can reach it, the
// docker command too. An empty path is one in a temporary folder.
func WithUnix(path string) Option {
	return func(s *settings) error {
		s.network, s.address = "unix", path
		return nil
	}
}

// WithTCP lets the engine listen on an address; empty is a free port of 127.0.0.1.
func WithTCP(address string) Option {
	return func(s *settings) error {
		if s.network, s.address = "tcp", address; address == "" {
			s.address = "127.0.0.1:0"
		}
		return nil
	}
}

// WithTLS lets the engine listen on an address as [WithTCP] does, with TLS that asks
// for the client's certificate: see [Server.Certificates].
func WithTLS(address string) Option {
	return func(s *settings) error {
		err := WithTCP(address)(s)
		s.network = "tls"
		return err
	}
}

// WithAPIVersion sets the newest API version that the engine speaks, "1.40" to
// [docker.MaxAPIVersion], which is the default.
func WithAPIVersion(version string) Option {
	return func(s *settings) (err error) {
		s.version, err = parseVersion(version)
		return err
	}
}

// WithMinAPIVersion sets the oldest API version that the engine speaks, 1.40 by default.
func WithMinAPIVersion(version string) Option {
	return func(s *settings) (err error) {
		s.minVersion, err = parseVersion(version)
		return err
	}
}

// WithImage gives the engine an image under a name, as "busybox" or "app:1.0".
func WithImage(name string, image Image) Option {
	return func(s *settings) error {
		s.images = append(s.images, namedImage{name, image})
		return nil
	}
}

// namedImage is an image that the engine has from the start.
type namedImage struct {
	name  string
	image Image
}

var minVersion, maxVersion = mustVersion(docker.MinAPIVersion), mustVersion(docker.MaxAPIVersion)

// parseVersion reads the minor number of a version that this engine can speak: 44 for "1.44".
func parseVersion(text string) (int, error) {
	minor, ok := strings.CutPrefix(text, "1.")
	n, err := strconv.Atoi(minor)
	if !ok || err != nil || n < minVersion || n > maxVersion {
		return 0, fmt.Errorf("enginetest: the API version %q is not one of %s to %s", text, docker.MinAPIVersion, docker.MaxAPIVersion)
	}
	return n, nil
}

func mustVersion(text string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "1."))
	if err != nil {
		panic(err)
	}
	return n
}

// discard is where net/http complains to.
var discard = log.New(io.Discard, "", 0)
