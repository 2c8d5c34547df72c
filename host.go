package docker

import (
	"net"
	"net/url"
	"path/filepath"
	"strings"
)

// host is where an engine is reached.
type host struct {
	text      string // as it was given, for messages
	network   string // unix, npipe, tcp or ssh
	addr      string // what to dial on it
	scheme    string // http or https
	authority string // of the requests: the Host header
	path      string // before the version's prefix
	source    string // what named it, for messages
	ssh       *sshTarget
	portless  string // the name or address of a tcp host that was given without a port
}

// localAuthority is the Host header of requests to sockets and pipes, whose own names
// are no valid one.
const localAuthority = "docker"

// parseHost reads the address of an engine: unix:///path, npipe:////./pipe/name,
// tcp://host:port, http://… or https://…, the last three with an optional path, and ssh://.
// A name or address alone is one of tcp, whose port where none is given is 2375, or 2376
// with TLS.
func parseHost(text string) (*host, error) {
	if text != "" && !strings.Contains(text, "/") {
		text = "tcp://" + text
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, badHost(text, "has no scheme: write unix:///path or tcp://host:port")
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return nil, badHost(text, "has spaces or control characters")
	}
	switch scheme {
	case "unix", "npipe":
		if rest == "" || strings.Trim(rest, "/.") == "" {
			return nil, badHost(text, "has no path")
		}
		if scheme == "npipe" {
			rest = filepath.FromSlash(rest)
		}
		return &host{text: text, network: scheme, addr: rest, scheme: "http", authority: localAuthority}, nil
	case "tcp", "http", "https":
		return parseNetworkHost(text, scheme)
	case "ssh":
		return parseSSHHost(text)
	default:
		return nil, invalid("the host %q has the unknown scheme %q", shown(text), scheme)
	}
}

// sshTarget is where ssh connects to.
type sshTarget struct{ user, name, port, path string }

// parseSSHHost reads ssh://user@name:port/path, of which the name is needed. Nothing of it
// may look like an option, or mean something to a shell or to ssh's own expansions.
func parseSSHHost(text string) (*host, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, badHost(text, "cannot be read")
	}
	if _, has := u.User.Password(); has {
		return nil, badHost(text, "has a password, which ssh does not take: use a key or an agent")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, badHost(text, "has more than a user, a name, a port and a path")
	}
	t := &sshTarget{u.User.Username(), u.Hostname(), u.Port(), strings.TrimSuffix(u.Path, "/")}
	if t.name == "" || !sshWord(t.name, ".:%") || t.user != "" && !sshWord(t.user, `.@\+`) {
		return nil, badHost(text, "has no user or name that ssh takes")
	}
	if t.path != "" && (!all(t.path, letter, "/._+@,=~-") || strings.Contains(t.path+"/", "/../")) {
		return nil, badHost(text, "has a path of other characters than letters, digits and /._+@,=~-")
	}
	return &host{text: text, network: "ssh", addr: strings.TrimPrefix(text, "ssh://"), scheme: "http", authority: localAuthority, ssh: t}, nil
}

// sshWord tells whether a word is letters, digits, - and _ or one of extra, and no option.
func sshWord(word, extra string) bool {
	return word[0] != '-' && !strings.ContainsFunc(word, func(c rune) bool {
		return c < 0x80 && !letter(byte(c)) && !strings.ContainsRune("-_"+extra, c)
	})
}

func parseNetworkHost(text, scheme string) (*host, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, badHost(text, "cannot be read")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, badHost(text, "has more than an address and a path")
	}
	if u.Hostname() == "" {
		return nil, badHost(text, "has no name or address")
	}
	h := &host{text: text, network: "tcp", scheme: "http", authority: u.Host, path: strings.TrimRight(u.Path, "/")}
	for element := range strings.SplitSeq(h.path, "/") {
		if element == "." || element == ".." {
			return nil, badHost(text, "has a dotted path")
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

// badHost is the error of a host that is not as it should be.
func badHost(text, what string) error { return invalid("the host %q %s", shown(text), what) }

// shown is a host for a message: whatever stands before an @ may be a password, except
// for the user of an ssh host.
func shown(text string) string {
	if text != "" && !strings.Contains(text, "/") {
		text = "tcp://" + text
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	if user, _, _ := strings.Cut(rest, "@"); scheme == "ssh" && !strings.Contains(user, ":") {
		return text
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "…" + rest[at:]
	}
	return scheme + "://" + rest
}
