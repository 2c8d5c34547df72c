package conformance

import (
	"cmp"
	"net/http"
	"slices"
)

// place is a position in the bodies of one operation, with the versions that have it.
type place struct {
	*node       // of the newest version that has it
	id          string
	at          string   // "POST /path request.Property"
	kinds       []string // in the versions that have it
	first, last int
	bareSince   int // of the versions that say nothing of what is in it, the first
	bare        bool
	props       map[string]*place
	inner       *place // of a map or an array
	values      map[string]int
	valuesSince int
}

// absorb adds a version's view of the place.
func (p *place) absorb(n *node, v, first int) {
	inside := v
	if p.first == 0 {
		p.first, inside = first, first
	}
	p.node, p.last = n, v
	if !slices.Contains(p.kinds, n.kind) {
		p.kinds = append(p.kinds, n.kind)
	}
	if p.bare {
		inside = p.bareSince // it was there before it was written down
	}
	if p.bare = n.bare() || n.kind == "map"; p.bare && p.bareSince == 0 {
		p.bareSince = v
	}
	p.absorbEnum(n, v)
	if n.elem != nil {
		if p.inner == nil {
			p.inner = &place{id: n.elem.id, at: p.at}
		}
		p.inner.absorb(n.elem, v, inside)
	}
	for name, prop := range n.props {
		if p.props == nil {
			p.props = make(map[string]*place)
		}
		if p.props[name] == nil {
			p.props[name] = &place{at: p.at + "." + name}
		}
		p.props[name].id = prop.id
		p.props[name].absorb(prop.node, v, cmp.Or(sinceOf(p.props[name].at), sinceOf(prop.id), inside))
	}
}

func (p *place) absorbEnum(n *node, v int) {
	if len(n.enum) == 0 {
		return
	}
	if p.values == nil {
		p.values, p.valuesSince = make(map[string]int), v
	}
	for _, value := range n.enum {
		if _, known := p.values[value]; known {
			continue
		}
		p.values[value] = v
		if v == p.valuesSince {
			p.values[value] = p.first // it was there before it was written down
		}
	}
}

// route is an operation with its parameters over all versions.
type route struct {
	name          string
	first         int
	query, header map[string]*place
	filters       map[string]int // keys, since when
	body          *place         // JSON; nil where no version has one
	upload        bool           // the body is bytes
	mayUpload     bool           // and can be left out
	statuses      map[string]bool
}

// routes are those of all versions.
func routes(all map[int]*specification) map[string]*route {
	list := make(map[string]*route)
	for _, v := range versions() {
		for name, op := range all[v].operations {
			r := list[name]
			if r == nil {
				r = &route{
					name: name, first: v, query: make(map[string]*place), header: make(map[string]*place),
					filters: make(map[string]int), statuses: make(map[string]bool),
				}
				list[name] = r
			}
			r.absorb(all[v], op)
		}
	}
	return list
}

func (r *route) absorb(s *specification, op *operation) {
	r.absorbParameters(r.query, op.parameters("query"), s.version)
	r.absorbParameters(r.header, op.parameters("header"), s.version)
	for status := range op.Responses {
		r.statuses[status] = true
	}
	for _, p := range op.parameters("query") {
		if p.Name == "filters" {
			r.absorbFilters(p, s.version)
		}
	}
	for _, p := range op.parameters("body") {
		if p.Schema != nil && p.Schema.Type == "string" {
			r.upload, r.mayUpload = true, !p.Required
		}
	}
	if n := s.request(r.name); n != nil {
		if r.body == nil {
			r.body = &place{id: r.name + " request", at: r.name + " request"}
		}
		r.body.absorb(n, s.version, s.version)
	}
}

func (r *route) absorbParameters(to map[string]*place, list []*parameter, v int) {
	for _, p := range list {
		name, mark := p.Name, "?"
		if p.In == "header" {
			name, mark = http.CanonicalHeaderKey(name), ":"
		}
		if to[name] == nil {
			to[name] = &place{id: r.name + mark + name}
		}
		n := &node{kind: p.Type}
		for _, value := range p.Enum {
			n.enum = append(n.enum, value.(string))
		}
		to[name].absorb(n, v, cmp.Or(sinceOf(to[name].id), v))
	}
}

func (r *route) absorbFilters(p *parameter, v int) {
	for _, key := range filterKeys(p.Description) {
		if r.filters[key] == 0 {
			r.filters[key] = v
		}
	}
}
