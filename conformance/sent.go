package conformance

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// note adds to what was seen.
func (c *requestCheck) note(call *call, list []*sent, err error, how string) {
	if err != nil {
		c.add(newest, "call "+call.method, how, "it fails: %v", err)
	}
	reached := false
	for _, s := range list {
		reached = reached || s.op == call.op
		c.noteSent(s)
	}
	if !reached {
		c.add(newest, "call "+call.method, how, "it does not call %s", call.op)
	}
}

func (c *requestCheck) noteSent(s *sent) {
	o, r := c.seen[s.op], c.routes[s.op]
	if o == nil {
		o = &observed{make(map[string]bool), make(map[string]bool), make(map[string]bool)}
		c.seen[s.op] = o
	}
	for key, values := range s.query {
		o.query[key] = true
		if p := r.query[key]; p == nil {
			c.add(newest, s.op+"?"+key, "", "it is sent, and the specification has no such parameter")
		} else if !fits(p, values) {
			c.add(newest, p.id, s.op, "it is sent as %q, and is of type %s", values, p.kind)
		}
	}
	for key := range s.header {
		if own(key) {
			continue
		}
		o.header[key] = true
		if r.header[key] == nil {
			c.add(newest, s.op+":"+key, "", "it is sent, and the specification has no such header")
		}
	}
	if s.upload != r.upload && s.body == nil && (s.upload || !r.mayUpload) {
		c.add(newest, s.op+" request", "", "is it an upload? It is sent: %t, specified: %t", s.upload, r.upload)
	}
	if s.body == nil {
		return
	}
	if r.body == nil {
		c.add(newest, s.op+" request", "", "a JSON body is sent, and the specification has none")
		return
	}
	visit(r.body, s.body, "", func(path string, p *place, v any) {
		o.places[path] = true
		if p == nil {
			c.add(newest, s.op+" request"+path, "", "it is sent, and the specification has no such property")
		} else if !(v == nil && p.nullable) && !slices.ContainsFunc(p.kinds, func(kind string) bool { return isKind(v, kind) }) {
			c.add(newest, p.id, s.op, "it is sent as %s, and is of type %s", encode(v), p.kind)
		}
	})
}

// own tells of a header that is HTTP's own.
func own(header string) bool {
	list := []string{"User-Agent", "Content-Type", "Connection", "Upgrade", "Accept", "Origin"}
	return slices.Contains(list, header) || strings.HasPrefix(header, "Sec-Websocket-")
}

// fits tells whether the values are such as a parameter takes.
func fits(p *place, values []string) bool {
	if len(values) > 1 && !slices.Contains(p.kinds, "array") {
		return false
	}
	switch p.kind {
	case "boolean":
		return slices.Contains([]string{"1", "0", "true", "false"}, values[0])
	case "integer":
		_, err := strconv.ParseInt(values[0], 10, 64)
		return err == nil
	}
	return true
}

// isKind tells whether a JSON value is of a type.
func isKind(v any, kind string) bool {
	switch v := v.(type) {
	case map[string]any:
		return kind == "object" || kind == "map" || kind == "any"
	case []any:
		return kind == "array" || kind == "any"
	case string:
		return kind == "string" || kind == "any"
	case bool:
		return kind == "boolean" || kind == "any"
	case json.Number:
		return kind == "number" || kind == "any" || kind == "integer" && !strings.ContainsAny(v.String(), ".e")
	default:
		return false
	}
}

// visit walks a body along its places. What has no place is visited once, not what is in it.
func visit(p *place, v any, path string, f func(path string, p *place, v any)) {
	f(path, p, v)
	if p == nil {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if p.inner != nil {
				visit(p.inner, x, path+"[]", f)
			}
		}
	case map[string]any:
		for _, name := range sorted(v) {
			switch {
			case p.inner != nil && p.props == nil:
				visit(p.inner, v[name], path+"{}", f)
			case p.props != nil || !p.bare:
				visit(p.props[name], v[name], path+"."+name, f)
			}
		}
	}
}

// compare looks for what was never sent to a route, and counts.
func (c *requestCheck) compare(r *route) {
	o := c.seen[r.name]
	if o == nil {
		o = &observed{}
	}
	missing := func(subject string, at int) {
		if !pending[r.name] {
			c.add(at, subject, "", "it is never sent")
		}
	}
	for name, p := range r.query {
		if !o.query[name] {
			missing(p.id, p.last)
		}
		c.countIn(p, "query", o.query[name])
	}
	for name, p := range r.header {
		if !o.header[name] {
			missing(p.id, p.last)
		}
		c.countIn(p, "headers", o.header[name])
	}
	if r.body != nil {
		c.comparePlaces(r.body, "", o.places, missing)
	}
}

func (c *requestCheck) countIn(p *place, what string, covered bool) {
	for v := p.first; v <= p.last; v++ {
		c.count(v, what, covered)
	}
}

func (c *requestCheck) comparePlaces(p *place, path string, seen map[string]bool, missing func(string, int)) {
	for _, name := range sorted(p.props) {
		inner := p.props[name]
		covered := seen[path+"."+name]
		c.countIn(inner, "request fields", covered)
		if !covered && (path == "" || seen[path]) {
			missing(inner.id, inner.last)
		}
		c.comparePlaces(inner, path+"."+name, seen, missing)
	}
	if p.inner != nil {
		step := "[]"
		if slices.Contains(p.kinds, "map") {
			step = "{}"
		}
		c.comparePlaces(p.inner, path+step, seen, missing)
	}
}
