package docker

import (
	"net"
	"net/url"
	"strings"
)

// host is where an engine is reached.
type host struct {
	text      string // as it was given, for messages
	network   string // unix, npipe or tcp
	addr      string // what to dial on it
	scheme    string // http or https
	authority string // of the requests: the Host header
	path      string // before the version's prefix
	portless  string // the name or address of a tcp host that was given without a port
}

// localAuthority is the Host header of requests to sockets and pipes, whose own names
// are no valid one.
const localAuthority = "docker"

// parseHost reads the address of an engine: unix:///path, npipe:////./pipe/name,
// tcp://host:port, http://… or https://…, the last three with an optional path.
// The ports where none is given are 2375, or 2376 with TLS.
func parseHost(text string) (*host, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, invalid("the host %q has no scheme: write unix:///path or tcp://host:port", shown(text))
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return nil, invalid("the host %q has spaces or control characters", shown(text))
	}
	switch scheme {
	case "unix", "npipe":
		if rest == "" || strings.Trim(rest, "/.") == "" {
			return nil, invalid("the host %q has no path", text)
		}
		if scheme == "npipe" {
			rest = strings.ReplaceAll(rest, "/", `\`)
		}
		return &host{text: text, network: scheme, addr: rest, scheme: "http", authority: localAuthority}, nil
	case "tcp", "http", "https":
		return parseNetworkHost(text, scheme)
	case "ssh":
		return nil, unsupported("the host %q: connect by ssh through WithDialer", shown(text))
	default:
		return nil, invalid("the host %q has the unknown scheme %q", shown(text), scheme)
	}
}

func parseNetworkHost(text, scheme string) (*host, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, invalid("the host %q cannot be read", shown(text))
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, invalid("the host %q has more than an address and a path", shown(text))
	}
	if u.Hostname() == "" {
		return nil, invalid("the host %q has no name or address", text)
	}
	h := &host{text: text, network: "tcp", scheme: "http", authority: u.Host, path: strings.TrimRight(u.Path, "/")}
	for element := range strings.SplitSeq(h.path, "/") {
		if element == "." || element == ".." {
			return nil, invalid("the host %q has a dotted path", text)
		}
	}
	switch port := u.Port(); {
	case port != "":
		h.addr = net.JoinHostPort(u.Hostname(), port)
	case scheme == "tcp":
		h.portless = u.Hostname()
		h.addr = net.JoinHostPort(h.portless, "2375")
		h.authority = h.addr
	case scheme == "http":
		h.addr = net.JoinHostPort(u.Hostname(), "80")
	default:
		h.addr = net.JoinHostPort(u.Hostname(), "443")
	}
	if scheme == "https" {
		h.scheme = "https"
	}
	return h, nil
}

// secured is the host with TLS. A socket or pipe has none and stays as it is.
func (h *host) secured() (*host, error) {
	if h.network != "tcp" {
		return h, nil
	}
	if strings.HasPrefix(h.text, "http://") {
		return nil, invalid("TLS is asked for and the host %q says plain http", h.text)
	}
	s := *h
	s.scheme = "https"
	if h.portless != "" {
		s.addr = net.JoinHostPort(h.portless, "2376")
		s.authority = s.addr
	}
	return &s, nil
}

// shown is a host for a message: whatever stands before an @ may be a password.
func shown(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "…" + rest[at:]
	}
	return scheme + "://" + rest
}
