package conformance

import (
	"bytes"
	"cmp"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// answerCheck feeds a full example of each answer to the client and looks for it in what
// comes back.
type answerCheck struct {
	*report
	lab    *lab
	before map[string]map[string]bool // by call and example: what was lost
}

func (r *report) checkAnswers(all map[int]*specification) error {
	c := &answerCheck{report: r, before: make(map[string]map[string]bool)}
	for _, v := range versions() {
		l, err := newLab(all, v)
		if err != nil {
			return err
		}
		c.lab = l
		c.version(all[v])
	}
	return nil
}

// version checks all answers of one version. A property counts as covered if no call
// loses it.
func (c *answerCheck) version(s *specification) {
	lost, ids := make(map[string]bool), make(map[string]bool)
	called := make(map[string]bool)
	for _, call := range calls {
		if s.operations[call.op] == nil {
			continue
		}
		called[call.op] = true
		n, _ := s.answer(call.op)
		if n == nil {
			continue
		}
		for id := range c.check(call, n, s.version) {
			lost[id] = true
		}
	}
	for _, op := range s.names() {
		n, _ := s.answer(op)
		if n == nil {
			continue
		}
		for _, id := range n.ids() {
			ids[id] = true
			lost[id] = lost[id] || !called[op]
		}
	}
	for id := range ids {
		c.count(s.version, "answer fields", !lost[id])
	}
}

// check runs one call with its example, and returns what is lost.
func (c *answerCheck) check(call *call, n *node, version int) map[string]bool {
	v, e := newExample(n)
	text := string(encode(v))
	if lost, done := c.before[call.method+text]; done && len(lost) == 0 {
		return lost
	}
	m := &matcher{lost: make(map[string]bool), top: make(map[string]bool), found: make(map[string]bool)}
	full := c.variant(call, n, v, version, "", m)
	if full == nil {
		m.lose(n, n.id)
		return m.lost
	}
	e.withoutValues(func() { c.variant(call, n, v, version, "null for all values", &matcher{}) })
	e.withUnknown(func() {
		again := c.variant(call, n, v, version, "unknown properties", &matcher{})
		if again != nil && !bytes.Equal(encode(known(decoded(again))), encode(decoded(full))) {
			c.add(version, "answer "+call.op, call.method, "unknown properties change what is returned")
		}
	})
	e.withNulls(func(id string) { c.variant(call, n, v, version, id+" null", m) })
	for id := range m.top {
		if !m.found[id] {
			c.add(version, "answer "+id, call.method, "it is lost")
		}
	}
	for id := range m.found {
		delete(m.lost, id)
	}
	c.before[call.method+text] = m.lost
	return m.lost
}

// known is a value without the members that no specification knows: what is passed on
// as it came has them.
func known(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = known(inner)
			if strings.HasPrefix(name, "Unknown") {
				delete(v, name)
			}
		}
	case []any:
		for i := range v {
			v[i] = known(v[i])
		}
	}
	return v
}

// variant makes a call with one form of the example, notes what of it comes back, and
// returns that. Streams of progress are failures where the example has an error: these
// are two variants.
func (c *answerCheck) variant(call *call, n *node, v any, version int, how string, m *matcher) []byte {
	if messages[call.op] {
		c.failure(call, n, v, version, m)
		v = decoded(encode(v))
		withoutError(v)
	}
	got, _, err := c.lab.do(call, call.base(), encode(v))
	if errors.Is(err, errors.ErrUnsupported) { // the least call is not for this version
		got, _, err = c.lab.do(call, call.full(), encode(v))
	}
	if err != nil {
		subject := "answer "
		if how == "null for all values" {
			subject = "null "
		}
		c.add(version, subject+call.op, call.method, "an answer with %s is an error: %v", cmp.Or(how, "everything"), err)
		return nil
	}
	text := encode(got)
	if m.lost != nil {
		m.value(n, n.id, decoded(encode(v)), decoded(text))
	}
	return text
}

// failure makes a call whose stream holds an error.
func (c *answerCheck) failure(call *call, n *node, v any, version int, m *matcher) {
	if m.lost == nil {
		return
	}
	fields, _ := v.(map[string]any)
	for _, name := range []string{"error", "errorDetail"} {
		if fields[name] == nil {
			continue
		}
		part := map[string]any{name: fields[name]}
		_, _, err := c.lab.do(call, call.base(), encode(part))
		var told *streams.EngineError
		if !errors.As(err, &told) {
			c.add(version, "answer "+n.props[name].id, call.method, "a failure in the stream is no error: %v", err)
			continue
		}
		got := map[string]any{"error": told.Message, "errorDetail": map[string]any{"code": told.Code, "message": told.Message}}
		m.value(n, n.id, decoded(encode(part)), decoded(encode(got)))
	}
}

// matcher looks for a value in another. What is found once counts.
type matcher struct {
	lost, top, found map[string]bool
}

func (m *matcher) value(n *node, id string, want, got any) {
	switch want := want.(type) {
	case nil:
	case map[string]any:
		m.object(n, id, want, got)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			m.lose(n, id)
			return
		}
		m.found[id] = true
		for i := range want {
			m.value(n.elem, n.elem.id, want[i], list[i])
		}
	default:
		if same(want, got) {
			m.found[id] = true
		} else {
			m.lose(n, id)
		}
	}
}

func (m *matcher) object(n *node, id string, want map[string]any, got any) {
	members, ok := got.(map[string]any)
	text, alone := got.(string)
	if !ok && !alone {
		m.lose(n, id)
		return
	}
	m.found[id] = true
	for name, w := range want {
		inner, innerID := n.elem, id
		if p := n.props[name]; p != nil {
			inner, innerID = p.node, p.id
		}
		if inner == nil || w == nil { // of an object that is not described
			continue
		}
		g, has := members[name]
		if alone {
			g, has = text, true // the one thing that a call returns of an object
		}
		if !has {
			m.lose(inner, innerID)
			continue
		}
		m.value(inner, innerID, w, g)
	}
}

// lose notes a loss with all that is in it.
func (m *matcher) lose(n *node, id string) {
	m.top[id], m.lost[id] = true, true
	for _, inner := range n.ids() {
		m.lost[inner] = true
	}
}

// same tells whether two JSON values mean the same.
func same(want, got any) bool {
	if want == got {
		return true
	}
	a, isText := want.(string)
	b, alsoText := got.(string)
	if !isText || !alsoText {
		return false
	}
	t, err := time.Parse(time.RFC3339Nano, a)
	u, err2 := time.Parse(time.RFC3339Nano, b)
	if err == nil && err2 == nil {
		return t.Equal(u)
	}
	p, err := netip.ParseAddr(a)
	q, err2 := netip.ParsePrefix(b)
	return err == nil && err2 == nil && q.Addr() == p && q.Bits() == p.BitLen()
}

// kinds are the errors that the statuses of the specification are.
var kinds = map[int]error{
	400: errdefs.ErrInvalidArgument, 401: errdefs.ErrUnauthenticated, 403: errdefs.ErrPermissionDenied,
	404: errdefs.ErrNotFound, 409: errdefs.ErrConflict, 500: errdefs.ErrInternal, 501: errdefs.ErrNotImplemented,
	503: errdefs.ErrUnavailable,
}

// checkStatuses looks at what becomes of each status that the specification declares.
func (r *report) checkStatuses(all map[int]*specification) error {
	routes := routes(all)
	l, err := newLab(all, newest)
	if err != nil {
		return err
	}
	covered := make(map[string]bool)
	for _, call := range calls {
		for status := range routes[call.op].statuses {
			covered[call.op+" "+status] = true
			switch code := number(status); {
			case code == 304:
				if err := l.fail(call, code); err != nil {
					r.add(newest, "status "+call.op, call.method, "status %s is an error: %v", status, err)
				}
			case code >= 400:
				r.checkFailure(call, code, l.fail(call, code))
			}
		}
	}
	for _, v := range versions() {
		for name, op := range all[v].operations {
			for status := range op.Responses {
				r.count(v, "statuses", covered[name+" "+status])
			}
		}
	}
	return nil
}

func (r *report) checkFailure(call *call, code int, err error) {
	subject := "status " + call.op
	var e *docker.Error
	switch kind := kinds[code]; {
	case !errors.As(err, &e) || e.Status != code:
		r.add(newest, subject, call.method, "status %d is the error %v", code, err)
	case kind == nil:
		r.add(newest, subject, call.method, "no kind is known for the status %d", code)
	case !errors.Is(err, kind) || !errors.Is(err, errdefs.ErrRefused):
		r.add(newest, subject, call.method, "status %d is not %v", code, kind)
	case !strings.Contains(e.Message, "the engine's own words"):
		r.add(newest, subject, call.method, "with status %d the engine's words are lost: %v", code, err)
	}
}

func number(status string) int {
	n := 0
	for _, digit := range status {
		n = 10*n + int(digit-'0')
	}
	return n
}
