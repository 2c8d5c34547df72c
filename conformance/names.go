package conformance

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/cleat-go/docker"
)

// alike tells whether a field has the name that it has on the wire, or a part of it.
func alike(field, wire string) bool {
	a, b := plainName(field), plainName(wire)
	if len(b) == 1 {
		return strings.HasPrefix(a, b)
	}
	return strings.Contains(a, b) || strings.Contains(b, a)
}

func plainName(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(s))
}

// checkName wants what a setting changes in a request to have its name, so that no two
// are mixed up.
func (c *requestCheck) checkName(l leaf, got, base []*sent) {
	wires := changes(got, base)
	if len(wires) == 0 || local(l.kind) {
		return
	}
	field := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	for _, wire := range wires {
		if renamed[l.name] == wire {
			c.renamed[l.name] = true
			return
		}
		for _, name := range l.way {
			if alike(field(name), wire) {
				return
			}
		}
	}
	c.add(0, "name "+l.name, "", "it is sent as %s", strings.Join(wires, ", "))
}

// changes are the names of the parameters and properties that two calls differ in.
func changes(got, base []*sent) []string {
	before, now := flatCalls(base), flatCalls(got)
	names := make(map[string]bool)
	for _, at := range slices.Concat(sorted(before), sorted(now)) {
		if i := strings.LastIndexAny(at, ".?:"); i >= 0 && before[at] != now[at] {
			names[at[i+1:]] = true
		}
	}
	return sorted(names)
}

func flatCalls(list []*sent) map[string]string {
	all := make(map[string]string)
	for _, s := range list {
		s.flatten(all)
	}
	return all
}

// flatten adds all that a request has, by its place.
func (s *sent) flatten(all map[string]string) {
	for key, values := range s.query {
		all[s.op+"?"+key] = strings.Join(values, "\n")
	}
	for key, values := range s.header {
		if !own(key) {
			all[s.op+":"+key] = strings.Join(values, "\n")
		}
	}
	flatten(s.body, s.op, all)
}

// filled are the keys that maps are filled with.
var filled = regexp.MustCompile(`^s\d+$|/tcp$`)

func flatten(v any, at string, all map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			inner := at + "." + strings.ReplaceAll(name, ".", "-")
			if filled.MatchString(name) {
				inner = at
			}
			flatten(x, inner, all)
		}
		if len(v) == 0 {
			all[at] = "{}"
		}
	case []any:
		for _, x := range v {
			flatten(x, at, all)
		}
	case nil:
	default:
		all[at] = string(encode(v))
	}
}

// checkResultNames wants the same of the types that calls return.
func (r *report) checkResultNames() {
	seen := make(map[reflect.Type]bool)
	client := reflect.TypeFor[*docker.Client]()
	for i := range client.NumMethod() {
		m := client.Method(i).Type
		for j := range m.NumOut() {
			r.resultNames(m.Out(j), seen)
		}
	}
	r.resultNames(reflect.TypeFor[docker.Event](), seen)
	r.resultNames(reflect.TypeFor[docker.Stats](), seen)
}

func (r *report) resultNames(t reflect.Type, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] || !strings.HasPrefix(t.PkgPath(), "github.com/cleat-go/docker") {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		wire, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		name := t.Name() + "." + f.Name
		switch {
		case wire == "" || alike(f.Name, wire):
		case renamed[name] == wire:
			r.renamed[name] = true
		default:
			r.add(0, "name "+name, "", "on the wire it is %s", wire)
		}
		r.resultNames(f.Type, seen)
	}
}
