package streams

import (
	"bytes"
	"net/url"
	"strings"
	"time"
)

// addHead takes the beginning of a record until its prefix can be told from text.
func (a *assembler) addHead(data []byte) (rest []byte) {
	if len(a.head) == 0 {
		if n, ok := a.prefix(data, false); ok {
			a.inHead, a.open = false, true
			return data[n:]
		}
	}
	for i, c := range data {
		a.head = append(a.head, c)
		if n := len(a.head); c != ' ' && c != '\n' && n != maxTimeLen+1 && n <= maxDetailsLen {
			continue
		}
		if n, ok := a.prefix(a.head, false); ok {
			a.flushHead(n)
			return data[i+1:]
		}
	}
	return nil
}

// endHead decides on a record that has ended before its prefix did.
func (a *assembler) endHead() {
	for len(a.head) > 0 && !a.left { // the text of one can be the beginning of the next
		n, _ := a.prefix(a.head, true)
		a.flushHead(n)
	}
}

// dropHead forgets what may be a part of a prefix, where the rest was lost: it is no text.
func (a *assembler) dropHead() {
	if a.opts.Details || len(bytes.Trim(a.head, "0123456789-:.TZ+")) == 0 {
		a.head = nil
	}
}

// flushHead makes text of what follows the prefix.
func (a *assembler) flushHead(n int) {
	text := a.head[n:]
	a.inHead, a.open = false, true
	a.head = nil
	a.add(text)
}

// prefix reads the prefix of a record and returns its length, 0 if there is none. It is not ok
// if more data could tell, and there may be more. The prefix of a line's first record
// counts; that of a record that goes on with the line must agree with it.
func (a *assembler) prefix(data []byte, final bool) (n int, ok bool) {
	var t time.Time
	if a.opts.Timestamps {
		part, ok := word(data, maxTimeLen, final)
		if !ok {
			return 0, false
		}
		if part == nil || t.UnmarshalText(part) != nil {
			return 0, true
		}
		n = len(part) + 1
	}
	var details []byte
	if a.opts.Details {
		part, ok := word(data[n:], maxDetailsLen, final)
		if !ok {
			return 0, false
		}
		if part != nil && a.isDetails(part) {
			details = part
			n += len(part) + 1
		}
	}
	if !a.open {
		a.time, a.details = t, append(a.details[:0], details...)
	}
	return n, true
}

// isDetails reports whether the first word of a record is its details.
func (a *assembler) isDetails(part []byte) bool {
	if a.open {
		return bytes.Equal(part, a.details)
	}
	_, ok := a.cache.lookup(part)
	return ok
}

// word returns the bytes before the first space, nil if a line end or the limit comes
// before. It is not ok if more data could tell, and there may be more.
func word(data []byte, limit int, final bool) (part []byte, ok bool) {
	cut := data[:min(len(data), limit+1)]
	i := bytes.IndexByte(cut, ' ')
	switch {
	case i >= 0 && bytes.IndexByte(cut[:i], '\n') < 0:
		return cut[:i:i], true
	case i >= 0 || final || len(cut) > limit || bytes.IndexByte(cut, '\n') >= 0:
		return nil, true
	}
	return nil, false
}

// A detailsCache holds the details of the last line, which all lines of a container share.
type detailsCache struct {
	raw     string
	details map[string]string
}

// parse returns the details that lookup has found good.
func (c *detailsCache) parse(raw []byte) map[string]string {
	details, _ := c.lookup(raw)
	return details
}

// lookup parses k=v,k2=v2 with both sides escaped as in a query. Empty details are nil.
func (c *detailsCache) lookup(raw []byte) (details map[string]string, ok bool) {
	if len(raw) == 0 {
		return nil, true
	}
	if string(raw) == c.raw {
		return c.details, true
	}
	details, ok = parseDetails(string(raw))
	if ok {
		c.raw, c.details = string(raw), details
	}
	return details, ok
}

func parseDetails(raw string) (map[string]string, bool) {
	details := make(map[string]string)
	for pair := range strings.SplitSeq(raw, ",") {
		k, v, ok := strings.Cut(pair, "=")
		key, err1 := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if !ok || err1 != nil || err2 != nil {
			return nil, false
		}
		details[key] = value
	}
	return details, true
}
