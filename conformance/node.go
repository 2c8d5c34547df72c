package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// node is a type with its references and compositions resolved.
type node struct {
	id       string // the definition's name, or that of the property that holds it
	kind     string // object, map, array, string, integer, number, boolean or any
	format   string
	nullable bool
	props    map[string]*property // of an object
	elem     *node                // of a map or an array
	enum     []string
	example  any
	min, max *int64
}

// property is a member of an object. Its id is that of the definition that declares it,
// as HostConfig.Binds; in a type without a name, that of the place: Mount.BindOptions.Propagation.
type property struct {
	id string
	*node
}

// goTypes are definitions that the specification names only by the Go type.
var goTypes = map[string]string{
	"Volume": "Volume", "CacheRecord": "BuildCache", "ServiceInfo": "ServiceInfo",
}

// goFormats are forms of text that the specification names only by the Go type.
var goFormats = map[string]string{
	"Addr": "ip-address", "Prefix": "cidr", "HardwareAddr": "mac", "Time": "dateTime",
}

// definition resolves one of the named types.
func (s *specification) definition(name string) *node {
	if n := s.nodes[name]; n != nil {
		return n
	}
	n := &node{}
	s.nodes[name] = n // a type may hold itself
	x := s.Definitions[name]
	if x == nil {
		panic(fmt.Sprintf("version %d: no definition %q", s.version, name))
	}
	*n = *s.resolve(x, name)
	return n
}

// resolve makes the node of a schema; id names it where the schema has no name.
func (s *specification) resolve(x *schema, id string) *node {
	name := strings.TrimPrefix(x.Ref, "#/definitions/")
	if x.Type == "" && x.Ref == "" && x.GoType.Type != "" {
		name = s.named(x.GoType.Type, id)
	}
	if name != "" {
		n := *s.definition(name)
		n.nullable = n.nullable || x.Nullable
		if x.Example != nil {
			n.example = x.Example
		}
		return &n
	}
	n := &node{
		id: id, kind: x.Type, format: x.Format, nullable: x.Nullable, example: x.Example, min: x.Minimum, max: x.Maximum,
	}
	if f := goFormats[x.GoType.Type]; f != "" {
		n.format = f
	}
	for _, value := range x.Enum {
		if x.Type != "object" {
			n.enum = append(n.enum, fmt.Sprint(value))
		}
	}
	s.compose(n, x, id)
	return n
}

// named is the definition that a bare Go type means: a summary is of what the type
// around it counts.
func (s *specification) named(goType, id string) string {
	if goType == "Summary" {
		kind, _, _ := strings.Cut(id, "sDiskUsage")
		return kind + "Summary"
	}
	return goTypes[goType]
}

// compose fills in what a node is made of.
func (s *specification) compose(n *node, x *schema, id string) {
	switch {
	case len(x.AllOf) > 0:
		s.merge(n, x, id)
	case x.Properties != nil:
		n.kind = "object"
	case x.AdditionalProperties != nil:
		n.kind, n.elem = "map", s.resolve(x.AdditionalProperties, id+"{}")
	case x.Items != nil:
		n.kind, n.elem = "array", s.resolve(x.Items, id+"[]")
	case x.Type == "":
		n.kind = "any"
	}
	for name, p := range x.Properties {
		n.add(name, &property{id + "." + name, s.resolve(p, id+"."+name)})
	}
}

// merge fills in a composition: of objects their properties, of anything else the one part.
func (s *specification) merge(n *node, x *schema, id string) {
	for _, part := range x.AllOf {
		p := s.resolve(part, id)
		if n.kind == "" || n.kind == "object" && p.kind != "object" {
			n.kind, n.format, n.elem, n.enum, n.id = p.kind, p.format, p.elem, p.enum, p.id
		}
		n.nullable = n.nullable || p.nullable
		if n.example == nil {
			n.example = p.example
		}
		for name, prop := range p.props {
			n.add(name, prop)
		}
	}
}

func (n *node) add(name string, p *property) {
	if n.props == nil {
		n.props = make(map[string]*property)
	}
	n.props[name] = p
}

// bare tells of an object that the specification says nothing of.
func (n *node) bare() bool {
	return n.kind == "any" || n.kind == "object" && n.props == nil
}

// ids are the properties in n, at any depth.
func (n *node) ids() []string {
	seen := make(map[string]bool)
	n.collect(seen, 0)
	return sorted(seen)
}

func (n *node) collect(seen map[string]bool, depth int) {
	if depth > 20 {
		panic("a type without end: " + n.id)
	}
	if n.elem != nil {
		n.elem.collect(seen, depth+1)
	}
	for _, p := range n.props {
		seen[p.id] = true
		p.collect(seen, depth+1)
	}
}

// enumValue is a value that the enumeration has.
func (n *node) enumValue() string {
	return n.enum[max(0, slices.IndexFunc(n.enum, func(s string) bool { return s != "" }))]
}
