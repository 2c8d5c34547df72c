package docker

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ResolutionSource is what named an engine's host.
type ResolutionSource string

// The sources, in the order in which they are looked at.
const (
	SourceOption             ResolutionSource = "option"         // WithHost or WithContext
	SourceEnvironmentHost    ResolutionSource = "DOCKER_HOST"    // the variable
	SourceEnvironmentContext ResolutionSource = "DOCKER_CONTEXT" // the variable
	SourceCurrentContext     ResolutionSource = "currentContext" // of config.json
	SourceStandard           ResolutionSource = "standard"       // the platform's socket or pipe
	SourceFound              ResolutionSource = "found"          // a socket of a user's own engine
)

// Resolution says which engine a client is for, and why.
type Resolution struct {
	Host    string           // of the engine
	Source  ResolutionSource // what named it
	Context string           // the docker context that the host is of; empty where it is of none
	TLS     bool             // whether it is spoken
	Tried   []Tried          // what was looked at, the last one being what was taken
}

// Tried is something that was looked at.
type Tried struct {
	Source ResolutionSource
	Name   string // of a context or a socket; empty else
	Result string // what was found there
}

// String explains the resolution in some lines, one for each thing that was looked at.
func (r *Resolution) String() string {
	var b strings.Builder
	b.WriteString(r.Host)
	if r.TLS {
		b.WriteString(" with TLS")
	}
	for _, t := range r.Tried {
		b.WriteString("\n  " + string(t.Source))
		if t.Name != "" {
			b.WriteString(" " + t.Name)
		}
		b.WriteString(": " + t.Result)
	}
	return b.String()
}

// Resolve tells which engine [New] with these options would call, and why, or returns the
// error that New would, beside what was tried. It is the first of: [WithHost] or [WithContext]; DOCKER_HOST;
// DOCKER_CONTEXT; the current context of the docker command; the platform's socket or
// pipe. Where nothing asks for any and there is no such socket, it is the first of these
// that exists: that of a rootless engine, $XDG_RUNTIME_DIR/docker.sock; of Docker
// Desktop, ~/.docker/run/docker.sock and ~/.docker/desktop/docker.sock; of Colima,
// ~/.colima/default/docker.sock; and of podman, $XDG_RUNTIME_DIR/podman/podman.sock and
// /run/podman/podman.sock.
func Resolve(opts ...Option) (*Resolution, error) {
	var s settings
	for _, set := range opts {
		if err := set(&s); err != nil {
			return nil, err
		}
	}
	_, err := s.resolve()
	return s.resolution, err
}

// resolve finds the host and its TLS, from what the options say and what they do not.
func (s *settings) resolve() (*host, error) {
	s.resolution = new(Resolution)
	err := s.findHost()
	if err != nil {
		return nil, err
	}
	h, err := parseHost(s.host)
	if err != nil {
		return nil, s.resolution.because(err)
	}
	if s.tls != nil {
		if h, err = h.secured(); err != nil {
			return nil, s.resolution.because(err)
		}
	}
	h.source = s.resolution.origin()
	s.resolution.TLS = h.scheme == "https"
	return h, nil
}

// because adds to an error what named the host, unless that is in the caller's own code.
func (r *Resolution) because(err error) error {
	if r.Source == SourceOption && r.Context == "" {
		return err
	}
	return invalid("%v (from %s)", err, r.origin())
}

// origin is what named the host, for messages.
func (r *Resolution) origin() string {
	switch {
	case r.Context == "" || r.Source == SourceStandard:
		return string(r.Source)
	case r.Source == SourceOption:
		return "the context " + r.Context
	default:
		return "the context " + r.Context + ", which " + string(r.Source) + " names"
	}
}

func (r *Resolution) tried(source ResolutionSource, name, result string) {
	r.Tried = append(r.Tried, Tried{source, name, result})
}

// findHost sets the host.
func (s *settings) findHost() error {
	r := s.resolution
	switch {
	case s.host != "" && s.context != "":
		return invalid("WithHost and WithContext exclude one another")
	case s.host != "":
		return s.take(SourceOption, s.host)
	case s.context != "":
		return s.takeContext(SourceOption, s.context)
	}
	r.tried(SourceOption, "", "none names a host or a context")
	if host := environmentHost(); host != "" {
		return s.take(SourceEnvironmentHost, host)
	}
	r.tried(SourceEnvironmentHost, "", "not set")
	name, source, err := currentContext()
	if err != nil {
		return err
	}
	if source != SourceEnvironmentContext {
		r.tried(SourceEnvironmentContext, "", "not set")
	}
	if name != "" {
		return s.takeContext(source, name)
	}
	r.tried(SourceCurrentContext, "", "none")
	return s.takeSocket()
}

// environmentHost is what DOCKER_HOST says.
func environmentHost() string { return strings.TrimSpace(os.Getenv("DOCKER_HOST")) }

// take takes a host, to which the certificates of the environment belong.
func (s *settings) take(source ResolutionSource, host string) error {
	s.host = host
	s.resolution.Host, s.resolution.Source = shown(host), source
	s.resolution.tried(source, "", "the host "+shown(host))
	if s.tls != nil || strings.HasPrefix(host, "unix:") || strings.HasPrefix(host, "npipe:") || strings.HasPrefix(host, "ssh:") {
		return nil
	}
	return s.tlsOfEnvironment()
}

// takeContext takes the host of a context with its own certificates.
func (s *settings) takeContext(source ResolutionSource, name string) error {
	r := s.resolution
	r.Context = name
	if name == defaultContext {
		host := environmentHost()
		if host == "" {
			host = standardHost()
		}
		r.tried(source, name, "the host of the environment, or the platform's own")
		return s.take(source, host)
	}
	c, err := contextNamed(name)
	if err != nil {
		if source != SourceOption {
			err = invalid("%v (%s names it)", err, source)
		}
		return err
	}
	s.host = c.Host
	r.Host, r.Source = shown(c.Host), source
	r.tried(source, name, "the host "+shown(c.Host))
	if s.tls != nil || c.TLSDir == "" && !c.SkipTLSVerify || !strings.HasPrefix(c.Host, "tcp:") && !strings.HasPrefix(c.Host, "http") {
		return nil
	}
	if s.tls, err = c.tls(); err != nil {
		return r.because(err)
	}
	return nil
}

// tls is the configuration of a context's certificates, of which each may be missing.
func (c *Context) tls() (*tls.Config, error) {
	var files [3]string
	for i, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		path := filepath.Join(c.TLSDir, name)
		if _, err := os.Stat(path); c.TLSDir != "" && !errors.Is(err, fs.ErrNotExist) {
			files[i] = path
		}
	}
	config, err := tlsFromFiles(files[0], files[1], files[2])
	if err != nil {
		return nil, invalid("the certificates of the context %q cannot be used: %v (docker context update replaces them)", c.Name, err)
	}
	config.InsecureSkipVerify = c.SkipTLSVerify
	return config, nil
}

// takeSocket takes the platform's socket or pipe, or where there is none another that is
// there.
func (s *settings) takeSocket() error {
	r := s.resolution
	if socket := standardSocket; runtime.GOOS == "windows" || isSocket(socket) {
		return s.take(SourceStandard, standardHost())
	}
	for _, path := range userSockets() {
		if isSocket(path) {
			r.tried(SourceStandard, standardSocket, "no socket")
			return s.take(SourceFound, "unix://"+path)
		}
		r.tried(SourceFound, path, "no socket")
	}
	return s.take(SourceStandard, standardHost())
}

// The sockets of engines that run as root; variables for the tests.
var (
	standardSocket = "/var/run/docker.sock"
	podmanSocket   = "/run/podman/podman.sock"
)

// standardHost is the socket or pipe of an engine that runs where it was installed.
func standardHost() string {
	if runtime.GOOS == "windows" {
		return "npipe:////./pipe/docker_engine"
	}
	return "unix://" + standardSocket
}

// userSockets are those of users' own engines, in the order in which they are tried.
func userSockets() (paths []string) {
	runtimeDir := os.Getenv("XDG_RUNTIME_DIR")
	if runtimeDir != "" {
		paths = append(paths, filepath.Join(runtimeDir, "docker.sock"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		for _, path := range []string{".docker/run/docker.sock", ".docker/desktop/docker.sock", ".colima/default/docker.sock"} {
			paths = append(paths, filepath.Join(home, path))
		}
	}
	if runtimeDir != "" {
		paths = append(paths, filepath.Join(runtimeDir, "podman/podman.sock"))
	}
	return append(paths, podmanSocket)
}

// isSocket tells whether there is a socket, or something that this user may not see.
func isSocket(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	return info.Mode().Type() == fs.ModeSocket
}
