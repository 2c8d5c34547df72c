package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// report is what the checks found: differences, and how much was compared.
type report struct {
	found    map[finding]*places
	excused  map[string]int // how often each excuse was used
	pending  map[string]bool
	renamed  map[string]bool // the lines of renamed that were used
	counters map[int]map[string]*counter
}

// finding is a difference. Its subject is what excuses go by.
type finding struct{ subject, text string }

// places is where a difference was seen: in which versions, 0 for none, and first by whom.
type places struct {
	versions []int
	first    string
	more     int
}

// counter is how many things there are, and how many the client covers.
type counter struct{ covered, total int }

func newReport() *report {
	return &report{
		found: make(map[finding]*places), excused: make(map[string]int), pending: make(map[string]bool), renamed: make(map[string]bool),
		counters: make(map[int]map[string]*counter),
	}
}

// check makes all checks.
func (r *report) check(all map[int]*specification, s *source) error {
	r.checkOperations(all, s)
	r.checkDocs(all, s)
	r.checkResultNames()
	if err := r.checkRequests(all, s); err != nil {
		return err
	}
	if err := r.checkAnswers(all); err != nil {
		return err
	}
	return r.checkStatuses(all)
}

// add notes a difference that was seen by someone, unless explained.go excuses its subject.
func (r *report) add(version int, subject, by, format string, args ...any) {
	for _, key := range []string{subject, subject + " in " + by} {
		if _, ok := excuses[key]; ok {
			r.excused[key]++
			return
		}
	}
	f := finding{subject, fmt.Sprintf(format, args...)}
	p := r.found[f]
	if p == nil {
		p = &places{first: by}
		r.found[f] = p
	}
	if !slices.Contains(p.versions, version) {
		p.versions = append(p.versions, version)
	}
	if by != p.first {
		p.more++
	}
}

// count counts one thing of a version.
func (r *report) count(version int, what string, covered bool) {
	if r.counters[version] == nil {
		r.counters[version] = make(map[string]*counter)
	}
	c := r.counters[version][what]
	if c == nil {
		c = &counter{}
		r.counters[version][what] = c
	}
	c.total++
	if covered {
		c.covered++
	}
}

// lines are the differences, each with its versions.
func (r *report) lines() []string {
	var list []string
	for f, p := range r.found {
		slices.Sort(p.versions)
		line := fmt.Sprintf("%s: %s%s", f.subject, f.text, span(p.versions))
		if p.first != "" {
			line += ", in " + p.first
		}
		if p.more > 0 {
			line += " and elsewhere"
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}

func span(at []int) string {
	switch {
	case at[0] == 0:
		return ""
	case len(at) == 1:
		return " (" + versionText(at[0]) + ")"
	default:
		return " (" + versionText(at[0]) + " to " + versionText(at[len(at)-1]) + ")"
	}
}

// differences is the number of them that a version has.
func (r *report) differences(version int) int {
	n := 0
	for _, p := range r.found {
		if slices.Contains(p.versions, version) {
			n++
		}
	}
	return n
}

var columns = []string{"operations", "query", "headers", "request fields", "answer fields", "statuses"}

// table is a line for each version.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-5s", "API")
	for _, c := range columns {
		fmt.Fprintf(&b, "%16s", c)
	}
	fmt.Fprintf(&b, "%14s\n", "unexplained")
	for _, v := range versions() {
		fmt.Fprintf(&b, "%-5s", versionText(v))
		for _, c := range columns {
			n := r.counters[v][c]
			if n == nil {
				n = &counter{}
			}
			fmt.Fprintf(&b, "%16s", fmt.Sprintf("%d/%d", n.covered, n.total))
		}
		fmt.Fprintf(&b, "%14d\n", r.differences(v))
	}
	fmt.Fprintf(&b, "corrections of the specification: %d, excused differences: %d, unexplained differences: %d\n",
		len(corrections), len(excuses), len(r.found))
	if len(r.pending) > 0 {
		fmt.Fprintf(&b, "not there yet: %s\n", strings.Join(sorted(r.pending), ", "))
	}
	return b.String()
}
