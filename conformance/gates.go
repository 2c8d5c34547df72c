package conformance

import (
	"errors"
	"reflect"
	"slices"
	"strings"
)

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
		case v < since && !names(err, v, since):
			c.add(v, "gate "+subject, by, "the refusal does not name the versions: %v", err)
		case v >= since && err != nil:
			c.add(v, "gate "+subject, by, "it fails: %v", err)
		}
	}
}

// names tells whether a refusal names the version in use, and a newer one that is needed.
func names(err error, inUse, since int) bool {
	text := err.Error()
	if !strings.Contains(text, "in "+versionText(inUse)) {
		return false
	}
	for v := inUse + 1; v <= since; v++ {
		if namesVersion(text, v) {
			return true
		}
	}
	return false
}
