package docker

import "strings"

// reference is an image's name in its parts.
type reference struct{ name, tag, digest string }

// parseReference takes name[:tag][@digest] apart. The tag is latest where there is
// neither a tag nor a digest. It refuses what no engine takes, and leaves the finer
// rules to the engine.
func parseReference(text string) (reference, error) {
	rest, digest, digested := strings.Cut(text, "@")
	ref := reference{name: rest, digest: digest}
	tagged := false
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		ref.name, ref.tag, tagged = rest[:i], rest[i+1:], true
	}
	switch {
	case !validName(ref.name):
		return reference{}, invalid("the image reference %q has a name that is not valid", text)
	case tagged && !validTag(ref.tag):
		return reference{}, invalid("the image reference %q has a tag that is not valid", text)
	case digested && !validDigest(digest):
		return reference{}, invalid("the image reference %q has a digest that is not valid", text)
	case !tagged && !digested:
		ref.tag = "latest"
	}
	return ref, nil
}

// reference parses text and notes what is wrong with it.
func (r *request) reference(text string) reference {
	ref, err := parseReference(text)
	r.fail(err)
	return ref
}

func lower(c byte) bool  { return 'a' <= c && c <= 'z' }
func upper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return lower(c) || upper(c) || digit(c) }

// all tells whether each byte of text, which is not empty, is of a kind or one of extra.
func all(text string, kind func(byte) bool, extra string) bool {
	for i := range len(text) {
		if !kind(text[i]) && strings.IndexByte(extra, text[i]) < 0 {
			return false
		}
	}
	return text != ""
}

// validName takes a path of lower case words, and before it a registry's host and port,
// an IPv6 address in brackets among them.
func validName(name string) bool {
	if len(name) > 255 {
		return false
	}
	host, path, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" && all(host, lowerOrDigit, "._-") {
		host, path = "", name
	}
	if host != "" && (!all(host, letter, ".:-[]") || strings.ContainsAny(host[:1], ".:-]")) {
		return false
	}
	for word := range strings.SplitSeq(path, "/") {
		if !all(word, lowerOrDigit, "._-") || !lowerOrDigit(word[0]) || !lowerOrDigit(word[len(word)-1]) {
			return false
		}
	}
	return true
}

func lowerOrDigit(c byte) bool { return lower(c) || digit(c) }

func validTag(tag string) bool {
	return len(tag) <= 128 && all(tag, letter, "_.-") && (letter(tag[0]) || tag[0] == '_')
}

func validDigest(digest string) bool {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return all(algorithm, letter, "+._-") && len(hex) >= 32 && all(hex, digit, "abcdefABCDEF")
}
