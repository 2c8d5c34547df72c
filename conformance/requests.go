package conformance

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/auth"
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
		if c.routes[call.op] != nil && s.methods[call.method] != nil {
			c.exercise(call)
		}
	}
	for _, name := range sorted(c.routes) {
		c.compare(c.routes[name])
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
	return t.Kind() == reflect.Func || t == reflect.TypeFor[auth.Store]() || t == reflect.TypeFor[*json.RawMessage]()
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

// differ tells whether two calls sent something else.
func differ(a, b []*sent) bool {
	return !slices.EqualFunc(a, b, func(x, y *sent) bool {
		return x.op == y.op && reflect.DeepEqual(x.query, y.query) && reflect.DeepEqual(x.header, y.header) && reflect.DeepEqual(x.body, y.body)
	})
}
