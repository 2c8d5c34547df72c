package conformance

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// correction is one thing that the specification has wrong, or leaves out. What it is
// about is a property (Definition.Property, or "POST /path request.Property"), a query
// parameter or header ("GET /path?name", "GET /path:Name"), a route ("POST /path"), or an
// answer ("GET /path 200").
type correction struct {
	about string
	why   string

	wire  string // its name on the wire
	to    string // the property's place
	add   string // what it is, in the specification's language
	is    string // what it is instead, in the same language
	drop  bool   // it does not exist
	since int    // the version from which on it is so, or has an effect
	until int    // the last such version; 0 is the newest

	used int // versions that it changes
}

// timing tells of a correction that only says since when.
func (c *correction) timing() bool {
	return c.since > 0 && c.wire+c.to+c.add+c.is == "" && !c.drop
}

// correct applies what explained.go says of this version.
func (s *specification) correct() error {
	for i := range corrections {
		c := &corrections[i]
		if c.timing() {
			continue // is for sinceOf
		}
		if s.version < c.since && c.add != "" || c.until > 0 && s.version > c.until {
			continue
		}
		changed, err := s.apply(c)
		if err != nil {
			return fmt.Errorf("the correction of %s: %w", c.about, err)
		}
		if changed {
			c.used++
		}
	}
	return nil
}

func (s *specification) apply(c *correction) (changed bool, err error) {
	name, param, isQuery := strings.Cut(c.about, "?")
	if !isQuery {
		name, param, _ = strings.Cut(c.about, ":")
	}
	isRoute := strings.HasPrefix(c.about[strings.Index(c.about, " ")+1:], "/") && !strings.Contains(c.about, ".")
	switch {
	case param != "":
		return s.correctParameter(c, name, param, isQuery)
	case isRoute:
		return s.correctRoute(c)
	default:
		return s.correctProperty(c)
	}
}

func (s *specification) correctParameter(c *correction, name, param string, isQuery bool) (bool, error) {
	op := s.operations[name]
	if op == nil {
		return false, nil
	}
	in := "header"
	if isQuery {
		in = "query"
	}
	for i, p := range op.Parameters {
		if p.In != in || p.Name != param {
			continue
		}
		switch {
		case c.drop:
			op.Parameters = append(op.Parameters[:i:i], op.Parameters[i+1:]...)
		case c.is != "":
			p.Enum = nil
			return true, yaml.Unmarshal([]byte(c.is), p)
		}
		return c.drop, nil
	}
	if c.add == "" {
		return false, nil
	}
	p := &parameter{Name: param, In: in}
	op.Parameters = append(op.Parameters, p)
	return true, yaml.Unmarshal([]byte(c.add), p)
}

// correctRoute adds a route, or changes what one answers.
func (s *specification) correctRoute(c *correction) (bool, error) {
	op := &operation{}
	if err := yaml.Unmarshal([]byte(c.add), op); err != nil {
		return false, err
	}
	name, status, isAnswer := cutStatus(c.about)
	if !isAnswer {
		_, known := s.operations[name]
		s.operations[name] = op
		return !known, nil
	}
	if s.operations[name] == nil {
		return false, nil
	}
	answer := s.operations[name].Responses[status]
	if answer == nil {
		answer = &response{}
		s.operations[name].Responses[status] = answer
	}
	answer.Schema = nil
	if c.drop {
		return true, nil
	}
	answer.Schema = &schema{}
	return true, yaml.Unmarshal([]byte(c.add), answer.Schema)
}

var withStatus = regexp.MustCompile(`^(\S+ \S+) (\d+)$`)

func cutStatus(about string) (name, status string, ok bool) {
	if m := withStatus.FindStringSubmatch(about); m != nil {
		return m[1], m[2], true
	}
	return about, "", false
}

func (s *specification) correctProperty(c *correction) (bool, error) {
	owner, name := s.owner(c.about)
	if owner == nil {
		return false, nil
	}
	x := owner.Properties[name]
	switch {
	case c.add != "":
		if x != nil {
			return false, nil
		}
		owner.Properties[name] = &schema{}
		return true, yaml.Unmarshal([]byte(c.add), owner.Properties[name])
	case x == nil:
		return false, nil
	case c.is != "":
		*x = schema{}
		return true, yaml.Unmarshal([]byte(c.is), x)
	case c.wire != "":
		delete(owner.Properties, name)
		owner.Properties[c.wire] = x
	case c.to != "":
		target, as := s.owner(c.to)
		delete(owner.Properties, name)
		target.Properties[as] = x
	case c.drop:
		delete(owner.Properties, name)
	}
	return true, nil
}

// owner is the type that a property is declared in, and its name there.
func (s *specification) owner(id string) (*schema, string) {
	root, rest, _ := strings.Cut(id, ".")
	x := s.root(root)
	steps := strings.Split(rest, ".")
	for _, step := range steps[:len(steps)-1] {
		name := strings.TrimRight(step, "[]{}")
		x = x.declares(name)
		if x == nil {
			return nil, ""
		}
		x = x.Properties[name]
		for range strings.Count(step, "[]") {
			x = x.Items
		}
		for range strings.Count(step, "{}") {
			x = x.AdditionalProperties
		}
	}
	last := steps[len(steps)-1]
	if with := x.declares(last); with != nil {
		return with, last
	}
	return x.own(), last
}

// own is the part of a type that can declare properties.
func (x *schema) own() *schema {
	if x == nil {
		return nil
	}
	for _, part := range x.AllOf {
		if part.Ref == "" {
			return part.own()
		}
	}
	if x.Properties == nil {
		x.Properties = make(map[string]*schema)
	}
	return x
}

// root is a definition, or the body of a request or an answer.
func (s *specification) root(name string) *schema {
	route, status, isAnswer := cutStatus(strings.TrimRight(name, "[]"))
	route, isRequest := strings.CutSuffix(route, " request")
	op := s.operations[route]
	var x *schema
	switch {
	case !isAnswer && !isRequest:
		return s.Definitions[name]
	case op == nil:
		return nil
	case isAnswer:
		if r := op.Responses[status]; r != nil {
			x = r.Schema
		}
	case isRequest:
		if list := op.parameters("body"); len(list) > 0 {
			x = list[0].Schema
		}
	}
	for range strings.Count(name, "[]") {
		x = x.Items
	}
	return x
}

// declares is the part of a type that declares a property, or nil.
func (x *schema) declares(name string) *schema {
	if x == nil {
		return nil
	}
	if x.Properties[name] != nil {
		return x
	}
	for _, part := range x.AllOf {
		if with := part.declares(name); with != nil {
			return with
		}
	}
	return nil
}

// sinceOf is the version from which on a property or parameter has an effect, where
// explained.go knows better than the specification, or 0.
func sinceOf(id string) int {
	for i := range corrections {
		if c := &corrections[i]; c.about == id && c.timing() {
			c.used++
			return c.since
		}
	}
	return 0
}

var bullet = regexp.MustCompile("(?m)^\\s*-\\s+`([a-z][a-z.-]*)")

// filterKeys are those that a description lists.
func filterKeys(description string) []string {
	var keys []string
	for _, m := range bullet.FindAllStringSubmatch(description, -1) {
		keys = append(keys, m[1])
	}
	return keys
}
