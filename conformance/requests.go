package conformance

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cleat-go/docker"
)

// requestCheck compares what the client sends with the parameters and bodies of the
// specification, and what it refuses with their versions.
type requestCheck struct {
	*report
	source *source
	routes map[string]*route
	labs   map[int]*lab
	seen   map[string]*observed
}

// observed is all that was ever sent to an operation.
type observed struct {
	query, header map[string]bool
	places        map[string]bool
}

func (r *report) checkRequests(all map[int]*specification, s *source) error {
	c := &requestCheck{r, s, routes(all), make(map[int]*lab), make(map[string]*observed)}
	for _, v := range versions() {
		l, err := newLab(all, v)
		if err != nil {
			return err
		}
		c.labs[v] = l
	}
	for _, call := range calls {
		if c.routes[call.op] != nil {
			c.exercise(call)
		}
	}
	for _, name := range sorted(c.routes) {
		c.compare(c.routes[name], all)
	}
	return nil
}

// exercise makes a call with nothing, with everything, and with each setting alone.
func (c *requestCheck) exercise(call *call) {
	l := c.labs[newest]
	_, base, err := l.do(call, call.base(), nil)
	c.note(call, base, err, "the least call")
	c.gate(call, call.base, c.needs(base, nil), "the least call")
	full := call.full()
	if !call.apart {
		_, all, err := l.do(call, full, nil)
		c.note(call, all, err, "the full call")
	}
	for _, leaf := range leaves(call.inputType()) {
		c.probe(call, leaf, full, base)
	}
}

// probe sets one leaf alone.
func (c *requestCheck) probe(call *call, l leaf, full reflect.Value, base []*sent) {
	in, had := call.only(l, full)
	_, got, err := c.labs[newest].do(call, in, nil)
	c.note(call, got, err, l.name)
	if !had && !local(l.kind) && !differ(got, base) {
		c.add(0, "option "+l.name, call.method, "it changes nothing of what is sent")
	}
	fill := func() reflect.Value {
		in, _ := call.only(l, full)
		return in
	}
	needs := c.needs(got, base)
	c.gate(call, fill, c.needs(got, nil), l.name)
	c.comment(call, l, needs)
	if !had {
		c.checkName(l, got, base)
	}
	c.probeValues(call, l, fill, needs)
	if l.kind == reflect.TypeFor[docker.Filters]() {
		c.probeFilters(call, l, fill)
	}
}

// local tells of settings that are not for the engine.
func local(t reflect.Type) bool {
	return t.Kind() == reflect.Func || t == reflect.TypeFor[*json.RawMessage]()
}

// comment wants the version that a setting needs in its comment, or in that of what it is in.
func (c *requestCheck) comment(call *call, l leaf, needs []need) {
	for _, n := range needs {
		if n.since <= oldest || n.place == nil {
			continue
		}
		said := namesVersion(c.source.methods[call.method].doc, n.since)
		for _, field := range l.way {
			said = said || namesVersion(c.source.fields[field], n.since)
		}
		if !said {
			c.add(0, "comment "+l.name, "", "it does not name API %s", versionText(n.since))
		}
	}
}

// probeValues sets a leaf to each value of its enumeration.
func (c *requestCheck) probeValues(call *call, l leaf, fill func() reflect.Value, needs []need) {
	for _, n := range needs {
		if n.place == nil || n.place.values == nil {
			continue
		}
		for _, value := range sorted(n.place.values) {
			set := func() reflect.Value {
				in := fill()
				leaf := at(in, l.steps)
				if leaf.Kind() == reflect.Slice && leaf.Len() > 0 {
					leaf = leaf.Index(0)
				}
				if leaf.Kind() == reflect.String && leaf.CanSet() {
					leaf.SetString(value)
				}
				return in
			}
			_, got, err := c.labs[newest].do(call, set(), nil)
			c.note(call, got, err, l.name+" "+value)
			c.gate(call, set, c.needs(got, nil), l.name+" "+value)
		}
	}
}

// probeFilters sets each filter that the specification lists.
func (c *requestCheck) probeFilters(call *call, l leaf, fill func() reflect.Value) {
	for _, key := range sorted(c.routes[call.op].filters) {
		c.filterComment(call, l, key)
		set := func() reflect.Value {
			in := fill()
			filters := reflect.MakeMap(l.kind)
			filters.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf([]string{"true"}))
			at(in, l.steps[:len(l.steps)-1]).Field(l.steps[len(l.steps)-1]).Set(filters)
			return in
		}
		_, got, err := c.labs[newest].do(call, set(), nil)
		c.note(call, got, err, "the filter "+key)
		c.gate(call, set, c.needs(got, nil), "the filter "+key)
	}
}

// filterComment wants the key in the field's comment, with the version that it needs.
func (c *requestCheck) filterComment(call *call, l leaf, key string) {
	r, comment := c.routes[call.op], c.source.fields[l.name]
	m := regexp.MustCompile(`(?:^|[ \n])` + regexp.QuoteMeta(key) + `(?:$|[ ,;:\n]([^,;]*))`).FindStringSubmatch(comment)
	switch since := r.filters[key]; {
	case m == nil:
		c.add(0, "filter "+call.op+" "+key, "", "the comment of %s does not name it", l.name)
	case since > oldest && !namesVersion(m[1], since):
		c.add(0, "filter "+call.op+" "+key, "", "the comment of %s does not say that it needs API %s", l.name, versionText(since))
	}
}

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
		if slices.Contains(ownHeaders, key) || strings.HasPrefix(key, "Sec-Websocket-") {
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

// ownHeaders are those of HTTP itself.
var ownHeaders = []string{"User-Agent", "Content-Type", "Connection", "Upgrade", "Accept", "Origin"}

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

// need is something in a request that not all versions have.
type need struct {
	subject string
	since   int
	place   *place // of a text
}

// needs are what a request has more than another, each with its first version.
func (c *requestCheck) needs(list, base []*sent) []need {
	had := make(map[string]bool)
	for _, s := range base {
		for _, n := range c.has(s) {
			had[n.subject] = true
		}
	}
	var more []need
	for _, s := range list {
		for _, n := range c.has(s) {
			if !had[n.subject] {
				more = append(more, n)
			}
		}
	}
	return more
}

// has is everything in one request.
func (c *requestCheck) has(s *sent) []need {
	r := c.routes[s.op]
	if r == nil {
		return nil
	}
	list := []need{{s.op, r.first, nil}}
	for key, values := range s.query {
		if p := r.query[key]; p != nil {
			list = append(list, need{p.id, p.first, p})
			for _, value := range values {
				list = append(list, need{p.id + "=" + value, p.values[value], nil})
			}
		}
		if key == "filters" {
			filters, _ := decoded([]byte(values[0])).(map[string]any)
			for name := range filters {
				list = append(list, need{s.op + "?filters=" + name, r.filters[name], nil})
			}
		}
	}
	for key := range s.header {
		if p := r.header[key]; p != nil {
			list = append(list, need{p.id, p.first, nil})
		}
	}
	if s.body != nil && r.body != nil {
		visit(r.body, s.body, "", func(path string, p *place, v any) {
			if p == nil {
				return
			}
			list = append(list, need{p.id, p.first, p})
			if text, ok := v.(string); ok {
				list = append(list, need{p.id + "=" + text, p.values[text], nil})
			}
		})
	}
	return list
}

// gate checks that a call is refused below the version that it needs, and passes above.
func (c *requestCheck) gate(call *call, in func() reflect.Value, needs []need, how string) {
	newestNeed := need{call.op, oldest, nil}
	for _, n := range needs {
		if n.since > newestNeed.since {
			newestNeed = n
		}
	}
	for _, v := range versions()[:newest-oldest] {
		since, subject := newestNeed.since, newestNeed.subject
		if first := c.routes[call.op].first; first > since {
			since, subject = first, call.op
		}
		_, list, err := c.labs[v].do(call, in(), nil)
		reached := slices.ContainsFunc(list, func(s *sent) bool { return s.op == call.op })
		by := call.method + " with " + how
		switch refused := errors.Is(err, errors.ErrUnsupported); {
		case v < since && !refused:
			c.add(v, "gate "+subject, by, "it needs %s and is not refused", versionText(since))
		case v < since && reached:
			c.add(v, "gate "+subject, by, "it is refused after it was sent")
		case v < since && !mentions(err, since, v):
			c.add(v, "gate "+subject, by, "the refusal does not name the versions: %v", err)
		case v >= since && err != nil:
			c.add(v, "gate "+subject, by, "it fails: %v", err)
		}
	}
}

func mentions(err error, versions ...int) bool {
	return !slices.ContainsFunc(versions, func(v int) bool { return !strings.Contains(err.Error(), versionText(v)) })
}

// differ tells whether two calls sent something else.
func differ(a, b []*sent) bool {
	return !slices.EqualFunc(a, b, func(x, y *sent) bool {
		return x.op == y.op && reflect.DeepEqual(x.query, y.query) && reflect.DeepEqual(x.header, y.header) && reflect.DeepEqual(x.body, y.body)
	})
}

// compare looks for what was never sent to a route, and counts.
func (c *requestCheck) compare(r *route, all map[int]*specification) {
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
