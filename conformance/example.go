package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"time"
)

// example is a value of a type with everything in it, each time with another text or number.
type example struct {
	n       int
	objects []map[string]any // those whose members are properties
	nulls   []spot           // what may be null
}

// spot is a place in an example that may be null.
type spot struct {
	id   string
	set  func(any)
	full any
}

// newExample makes an example of n, or one that was corrected by hand.
func newExample(n *node) (any, *example) {
	e := &example{}
	return e.value(n, n.example), e
}

// value makes a value of n; like is the specification's own example, if it has one.
func (e *example) value(n *node, like any) any {
	if like == nil {
		like = n.example
	}
	switch n.kind {
	case "object":
		return e.object(n, like)
	case "map":
		return e.mapOf(n, like)
	case "array":
		return e.array(n, like)
	case "string":
		return e.text(n, like)
	case "boolean":
		return true
	case "integer":
		return e.integer(n)
	case "number":
		return json.Number(fmt.Sprintf("%d.5", e.next()))
	default:
		return map[string]any{"any": fmt.Sprintf("s%d", e.next())}
	}
}

func (e *example) next() int {
	e.n++
	return e.n
}

func (e *example) object(n *node, like any) any {
	members := make(map[string]any)
	likes, _ := like.(map[string]any)
	for _, name := range sorted(n.props) {
		p := n.props[name]
		members[name] = e.property(p, likes[name])
		if p.nullable {
			e.nulls = append(e.nulls, spot{p.id, func(v any) { members[name] = v }, members[name]})
		}
	}
	if len(members) > 0 {
		e.objects = append(e.objects, members)
	}
	return members
}

// property is a value of a property, in the form that explained.go knows of it.
func (e *example) property(p *property, like any) any {
	form, known := forms[p.id]
	if !known {
		return e.value(p.node, like)
	}
	formed := *p.node
	end := &formed
	for end.elem != nil {
		inner := *end.elem
		end.elem, end = &inner, &inner
	}
	end.format, end.example, end.enum = form, nil, nil
	return e.value(&formed, nil)
}

func (e *example) mapOf(n *node, like any) any {
	key, likes := fmt.Sprintf("key%d", e.next()), map[string]any{}
	if given, ok := like.(map[string]any); ok && len(given) > 0 {
		likes, key = given, sorted(given)[0]
	}
	if key == "" {
		key = "key"
	}
	members := map[string]any{key: e.value(n.elem, likes[key])}
	if n.elem.nullable {
		e.nulls = append(e.nulls, spot{n.elem.id, func(v any) { members[key] = v }, members[key]})
	}
	return members
}

// array has one element, or two where the specification's example has more than one.
func (e *example) array(n *node, like any) any {
	likes, _ := like.([]any)
	if len(likes) == 0 {
		likes = []any{nil}
	}
	if n.elem.kind == "integer" && n.elem.min != nil {
		likes = []any{nil, nil} // the size of a terminal
	}
	var list []any
	for _, like := range likes[:min(2, len(likes))] {
		list = append(list, e.value(n.elem, like))
	}
	return list
}

// text is a string of the form that the type has, by its format or its example.
func (e *example) text(n *node, like any) any {
	if len(n.enum) > 0 {
		return n.enumValue()
	}
	given, _ := like.(string)
	own, _ := n.example.(string)
	i := e.next()
	switch cmp.Or(form(n.format, given), form("", own)) {
	case "dateTime", "date-time":
		return time.Date(2026, 1, 2, 3, 4, 5, i, time.UTC).Format(time.RFC3339Nano)
	case "ip-address":
		return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String()
	case "ipv6":
		return netip.AddrFrom16([16]byte{0: 0xfd, 14: byte(i >> 8), 15: byte(i)}).String()
	case "cidr", "CIDR":
		return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}).String() + "/24"
	case "cidr6":
		return netip.AddrFrom16([16]byte{0: 0xfd, 6: byte(i >> 8), 7: byte(i)}).String() + "/64"
	case "mac":
		return net.HardwareAddr{2, 0, 0, 0, byte(i >> 8), byte(i)}.String()
	case "base64":
		return fmt.Sprintf("AAA%c", 'A'+i%26)
	default:
		return fmt.Sprintf("s%d", i)
	}
}

// form is what kind of text a string is.
func form(format, given string) string {
	if format != "" && format != "binary" {
		return format
	}
	if _, err := time.Parse(time.RFC3339Nano, given); err == nil {
		return "dateTime"
	}
	if _, err := net.ParseMAC(given); err == nil {
		return "mac"
	}
	if ip, err := netip.ParseAddr(given); err == nil {
		return map[bool]string{true: "ip-address", false: "ipv6"}[ip.Is4()]
	}
	if p, err := netip.ParsePrefix(given); err == nil {
		return map[bool]string{true: "cidr", false: "cidr6"}[p.Addr().Is4()]
	}
	return ""
}

// integer is near the end of the range that the type gives.
func (e *example) integer(n *node) any {
	i := uint64(e.next())
	if len(n.enum) > 0 {
		return json.Number(n.enum[len(n.enum)-1])
	}
	if n.max != nil {
		low := int64(0)
		if n.min != nil {
			low = *n.min
		}
		return json.Number(fmt.Sprint(low + int64(i)%(*n.max-low) + 1))
	}
	base := map[string]uint64{"uint8": 0, "uint16": 1 << 15, "uint32": 1 << 31, "int64": 1 << 40, "uint64": 1 << 63}
	top, sized := base[n.format]
	switch {
	case n.format == "uint8":
		i = i%200 + 1
	case sized:
		i += top
	default:
		i += 1 << 20
	}
	return json.Number(fmt.Sprint(i))
}

// withUnknown runs f while every object has a member that no specification knows.
func (e *example) withUnknown(f func()) {
	for i, o := range e.objects {
		o[fmt.Sprintf("Unknown%d", i)] = []any{map[string]any{"a": nil}, 1, "x"}
	}
	f()
	for _, o := range e.objects {
		maps.DeleteFunc(o, func(key string, _ any) bool { return strings.HasPrefix(key, "Unknown") })
	}
}

// withNulls runs f with each of the places null that may be, one after the other.
func (e *example) withNulls(f func(id string)) {
	for _, s := range e.nulls {
		s.set(nil)
		f(s.id)
		s.set(s.full)
	}
}

// withoutValues runs f while every property but the objects is null: engines write null
// for whatever is empty.
func (e *example) withoutValues(f func()) {
	var full []map[string]any
	for _, o := range e.objects {
		full = append(full, maps.Clone(o))
		for name, v := range o {
			if _, isObject := v.(map[string]any); !isObject {
				o[name] = nil
			}
		}
	}
	f()
	for i, o := range e.objects {
		maps.Copy(o, full[i])
	}
}

// encode is the JSON of an example.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
