package bench

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The contestants. Floor is what the same work costs without any client; what exactly it is
// stands with each contest.
const (
	cleat  = "cleat"
	moby   = "moby"
	fsouza = "fsouza"
	floor  = "floor"
	decode = "floor+json" // the floor, and json.Unmarshal into this client's type
)

// contest has its contestants do the same work.
type contest struct {
	name    string
	unit    string // what an operation goes through,
	units   int    // and how many of it
	payload int    // bytes of an operation, where the rate is of interest
	entries []entry
	rows    []metric // which of its measurements are of interest, with their goals
}

// entry is one contestant: start prepares it and returns its operation, which is an error
// where it did less than it should have.
type entry struct {
	who   string
	start func(tb testing.TB) func() error
}

// contests are all that are measured by repeating an operation.
func contests(tb testing.TB) []*contest {
	list := []*contest{demux(), decodeProgress(), pullImage(tb)}
	list = append(list, feeds(tb)...)
	return append(list, calls(tb)...)
}

func BenchmarkContests(b *testing.B) {
	for _, c := range contests(b) {
		for _, e := range c.entries {
			b.Run(c.name+"/"+e.who, func(b *testing.B) {
				op := e.start(b)
				b.SetBytes(int64(c.payload))
				b.ReportAllocs()
				for b.Loop() {
					if err := op(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed())/float64(b.N*c.units), "ns/"+c.unit)
			})
		}
	}
}

// Each contestant does its work once, and does it whole.
func TestContests(t *testing.T) {
	for _, c := range contests(t) {
		for _, e := range c.entries {
			t.Run(c.name+"/"+e.who, func(t *testing.T) { require.NoError(t, e.start(t)()) })
		}
	}
}

// measurement is what one unit of work has cost.
type measurement struct {
	time   float64 // nanoseconds
	allocs float64
}

// measure repeats the operation for about the time of -benchtime.
func (c *contest) measure(tb testing.TB, op func() error) measurement {
	var failed error
	var spent time.Duration
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		begin := clock()
		for b.Loop() {
			if failed = op(); failed != nil {
				b.FailNow()
			}
		}
		spent = clock() - begin
	})
	require.NoError(tb, failed)
	require.NotZero(tb, r.N)
	units := float64(r.N) * float64(c.units)
	return measurement{float64(spent.Nanoseconds()) / units, float64(r.MemAllocs) / units}
}

// clock is the time that this process has spent on its CPUs, or the time on the wall.
func clock() time.Duration {
	if *wall {
		return time.Since(began)
	}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

var began = time.Now()
