package bench

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

var (
	rounds = flag.Int("rounds", 9, "how often the table measures each contestant")
	wall   = flag.Bool("wall", false, "measure the time on the wall, not the process's on its CPUs")
)

// kind is what a row of the table shows.
type kind int

const (
	cost   kind = iota // nanoseconds a unit
	rate               // MB of payload a second
	allocs             // allocations a unit
)

// metric is a row of the table, of one contest.
type metric struct {
	kind kind
	goal *goal
}

// row has one value for each contestant and round.
type row struct {
	name, unit string
	more       bool // is better
	values     map[string][]float64
	goal       *goal
}

// TestTable measures everything in turns and prints it. It runs only by its name; what follows
// the name narrows it to some contests: -run Table/calls.
func TestTable(t *testing.T) {
	if !strings.Contains(flag.Lookup("test.run").Value.String(), "Table") {
		t.Skip("-run Table")
	}
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.benchtime" })
	if !chosen {
		flag.Set("test.benchtime", "100ms")
	}
	var rows []row
	for _, c := range contests(t) {
		rows = append(rows, c.measureAll(t)...)
	}
	rows = append(rows, idleRows(t)...)
	rows = append(rows, sizeRows(t)...)
	rows = append(rows, buildRows(t)...)
	fmt.Printf("%s %s/%s, %d CPUs, %d rounds of %s, %s time\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), *rounds, flag.Lookup("test.benchtime").Value, map[bool]string{false: "CPU", true: "wall"}[*wall])
	writeTable(os.Stdout, rows)
}

// measureAll measures the contestants in turns, a different one first in each round.
func (c *contest) measureAll(t *testing.T) []row {
	results := make(map[string][]measurement)
	t.Run(c.name, func(t *testing.T) {
		ops := make([]func() error, len(c.entries))
		for i, e := range c.entries {
			ops[i] = e.start(t)
		}
		for round := range *rounds {
			for i := range c.entries {
				i = (i + round) % len(c.entries)
				who := c.entries[i].who
				results[who] = append(results[who], c.measure(t, ops[i]))
			}
		}
	})
	var rows []row
	for _, m := range c.rows {
		rows = append(rows, c.row(m, results))
	}
	return rows
}

func (c *contest) row(m metric, results map[string][]measurement) row {
	r := row{name: c.name, goal: m.goal, values: make(map[string][]float64), more: m.kind == rate}
	r.unit = [...]string{cost: "ns/" + c.unit, rate: "MB/s", allocs: "allocs/" + c.unit}[m.kind]
	for who, list := range results {
		for _, v := range list {
			x := [...]float64{
				cost: v.time, allocs: v.allocs,
				rate: float64(c.payload) / float64(c.units) / v.time * 1e3,
			}[m.kind]
			r.values[who] = append(r.values[who], x)
		}
	}
	return r
}

// value is the median of a contestant's rounds.
func (r *row) value(who string) float64 { return median(slices.Clone(r.values[who])) }

// ratio is the median of the rounds' ratios.
func (r *row) ratio(who, to string) float64 {
	var list []float64
	for i, v := range r.values[who] {
		list = append(list, v/r.values[to][i])
	}
	return median(list)
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	slices.Sort(list)
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

// writeTable writes the rows. Beside each value stands how many times this client's it is.
func writeTable(w io.Writer, rows []row) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer tab.Flush()
	contestants := []string{cleat, moby, fsouza, floor, decode, buildx}
	fmt.Fprintf(tab, "contest\tunit\t%s\tgoal\tmeasured\t\n", strings.Join(contestants, "\t"))
	for _, r := range rows {
		if len(r.values) == 0 {
			continue // left out by -run
		}
		fmt.Fprintf(tab, "%s\t%s\t", r.name, r.unit)
		for _, who := range contestants {
			fmt.Fprintf(tab, "%s\t", r.cell(who))
		}
		fmt.Fprintf(tab, "%s\n", r.verdict())
	}
}

func (r *row) cell(who string) string {
	if r.values[who] == nil {
		return "-"
	}
	text := number(r.value(who))
	if times := r.ratio(who, cleat); who != cleat && !math.IsInf(times, 0) && !math.IsNaN(times) {
		text += " ×" + number(times)
	}
	return text
}

func (r *row) verdict() string {
	if r.goal == nil {
		return "-\t-\t"
	}
	measured, met := r.goal.check(r)
	verdict := "MISSED"
	if met {
		verdict = "ok"
	}
	return r.goal.text + "\t" + measured + "\t" + verdict
}

func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.01:
		return fmt.Sprintf("%.4f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// goal is what this client has to reach: check tells what it has reached, and whether
// that is enough.
type goal struct {
	text  string
	check func(*row) (string, bool)
}

func atMost(limit float64) *goal {
	return &goal{"at most " + number(limit), func(r *row) (string, bool) {
		return number(r.value(cleat)), r.value(cleat) <= limit
	}}
}

func atLeast(limit float64) *goal {
	return &goal{"at least " + number(limit), func(r *row) (string, bool) {
		return number(r.value(cleat)), r.value(cleat) >= limit
	}}
}

// within asks for at most so many times the cost of another.
func within(times float64, who string) *goal {
	return &goal{"at most ×" + number(times) + " of " + who, func(r *row) (string, bool) {
		got := r.ratio(cleat, who)
		if r.more {
			got = r.ratio(who, cleat)
		}
		return "×" + number(got), got <= times
	}}
}

// fasterThan asks for so many times the rate of another.
func fasterThan(times float64, who string) *goal {
	return &goal{"at least " + number(times) + " times as fast as " + who, func(r *row) (string, bool) {
		got := r.ratio(who, cleat)
		return number(got) + " times", got >= times
	}}
}

// decodingAside asks for at most so many times the cost of the floor, after what decoding
// adds to the floor is taken off.
func decodingAside(times float64) *goal {
	return &goal{"at most ×" + number(times) + " of floor, decoding aside", func(r *row) (string, bool) {
		var list []float64
		for i, v := range r.values[cleat] {
			list = append(list, (v-r.values[decode][i]+r.values[floor][i])/r.values[floor][i])
		}
		got := median(list)
		return "×" + number(got), got <= times
	}}
}

// either asks for one of two.
func either(a, b *goal) *goal {
	return &goal{a.text + ", or " + b.text, func(r *row) (string, bool) {
		first, met := a.check(r)
		second, also := b.check(r)
		return first + ", " + second, met || also
	}}
}
