package conformance

import (
	"strings"
	"sync"
	"testing"
)

// run makes all checks once.
var run = sync.OnceValues(func() (*report, error) {
	all, err := specifications()
	if err != nil {
		return nil, err
	}
	s, err := readSource("..")
	if err != nil {
		return nil, err
	}
	r := newReport()
	return r, r.check(all, s)
})

// TestTable compares the client with the specification of every version.
func TestTable(t *testing.T) {
	r, err := run()
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + r.table())
	if lines := r.lines(); len(lines) > 0 {
		t.Error("differences that are not explained:\n" + strings.Join(lines, "\n"))
	}
}

// TestExplained wants every line of explained.go to explain something.
func TestExplained(t *testing.T) {
	r, err := run()
	if err != nil {
		t.Fatal(err)
	}
	for i := range corrections {
		if c := &corrections[i]; c.used == 0 {
			t.Errorf("the correction of %s changes nothing", c.about)
		}
	}
	for subject := range excuses {
		if r.excused[subject] == 0 {
			t.Errorf("nothing has to be excused about %q", subject)
		}
	}
	for name := range renamed {
		if !r.renamed[name] {
			t.Errorf("the name of %s does not have to be explained", name)
		}
	}
	for op := range pending {
		if !r.pending[op] {
			t.Errorf("%s is not pending", op)
		}
	}
}
