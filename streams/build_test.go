package streams

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var buildBegin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// tenths is a time so many tenths of a second after the begin of a build.
func tenths(n int) time.Time { return buildBegin.Add(time.Duration(n) * 100 * time.Millisecond) }

// aBuild is a build whose last step fails.
func aBuild() []Message {
	return []Message{
		{Build: &Build{Steps: []BuildStep{
			{ID: "c", Name: "[internal] load build context", Started: tenths(0)},
			{ID: "f", Name: "[1/3] FROM busybox"}, // not yet
		}}},
		{Build: &Build{Counters: []BuildCounter{{Step: "c", ID: "t", Name: "transferring context", Current: 1500, Total: 3000}}}},
		{Build: &Build{
			Counters: []BuildCounter{{Step: "c", ID: "t", Name: "transferring context", Current: 3000, Total: 3000, Done: true}},
			Steps: []BuildStep{
				{ID: "c", Name: "[internal] load build context", Started: tenths(0), Completed: tenths(5)},
				{ID: "f", Name: "[1/3] FROM busybox", Started: tenths(5), Completed: tenths(5), Cached: true},
				{ID: "r", Name: "[2/3] RUN one", Started: tenths(5)},
			},
		}},
		{Build: &Build{Logs: []BuildLog{{Step: "r", Time: tenths(8), Text: "odd \x1b[31mtext\x1b[0m"}, {Step: "r", Time: tenths(9), Text: "10%\r20%\r"}}}},
		{Build: &Build{
			Steps: []BuildStep{
				{ID: "r", Name: "[2/3] RUN one", Started: tenths(5), Completed: tenths(20)},
				{ID: "s", Name: "[3/3] RUN two", Started: tenths(20), Completed: tenths(30), Error: "exit code: 3"},
			},
			Logs: []BuildLog{{Step: "s", Time: tenths(25), Text: "no"}},
		}},
		{Build: &Build{Warnings: []BuildWarning{{Text: "old form", Source: &BuildPosition{File: "Dockerfile", First: 2}}, {Text: "old form", Source: &BuildPosition{File: "Dockerfile", First: 2}}}}},
		{Done: true},
	}
}

func TestDisplayPlainOfABuild(t *testing.T) {
	var out bytes.Buffer
	show := DisplayPlain(&out)
	for range 2 { // it is ready again
		out.Reset()
		for _, m := range aBuild() {
			show(m)
		}
		require.Equal(t, `#1 [internal] load build context
#1 transferring context 3.0 kB / 3.0 kB done
#1 DONE 0.5s

#2 [1/3] FROM busybox
#2 CACHED

#3 [2/3] RUN one
#3 0.300 odd text
#3 0.400 20%
#3 DONE 1.5s

#4 [3/3] RUN two
#4 0.500 no
#4 ERROR: exit code: 3
WARNING: old form (Dockerfile:2)
------
 > [3/3] RUN two:
0.500 no
------
`, out.String())
	}
}

func TestDisplayQuietOfABuild(t *testing.T) {
	var out bytes.Buffer
	show := DisplayQuiet(&out)
	show(Message{ID: "layer", Status: "Downloading"})
	for _, m := range aBuild() {
		show(m)
	}
	require.Equal(t, "------\n > [3/3] RUN two:\n0.500 no\n------\n", out.String())
}

func TestDisplayLiveOfABuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newScreen(t, 60, 12)
		now := time.Now()
		d.message(Message{Build: &Build{Steps: []BuildStep{{ID: "r", Name: "[1/1] RUN make", Started: now}}}})
		for i := range 9 {
			d.message(Message{Build: &Build{Logs: []BuildLog{{Step: "r", Time: now, Text: fmt.Sprint("line ", i)}}}})
		}
		d.message(Message{Build: &Build{Counters: []BuildCounter{{Step: "r", ID: "x", Name: "extracting", Current: 5, Total: 10}}}})
		time.Sleep(3*time.Second + time.Millisecond) // nothing comes, and the times go on
		s.mu.Lock()
		lines := strings.Join(s.lines, "\n")
		s.mu.Unlock()
		require.Regexp(t, `^\[\+\] Building (2\.[89]|3\.0)s \(0/1\)\n => \[1/1\] RUN make {36} (2\.[89]|3\.0)s\n => => extracting 5 B / 10 B\n => => # 0\.000 line 3\n(.*\n)*.*line 8\n`, lines)
		d.message(Message{Build: &Build{Steps: []BuildStep{{ID: "r", Name: "[1/1] RUN make", Started: now, Completed: now.Add(2 * time.Second)}}}})
		d.message(Message{Done: true})
		writes := s.writes
		time.Sleep(time.Second)
		require.Equal(t, writes, s.writes, "it is written to after the end")
		require.Equal(t, []string{"[+] Building 3.0s (1/1) ended", " => [1/1] RUN make" + strings.Repeat(" ", 36) + " 2.0s"}, s.lines[:2])
		require.Empty(t, strings.Trim(strings.Join(s.lines[2:], ""), "\x00"))
	})
}

// A terminal never gets more rows than it has, nor wider ones.
func TestDisplayLiveOfALargeBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d := newScreen(t, 30, 6)
		for i := range 40 {
			id := fmt.Sprint(i)
			d.message(Message{Build: &Build{
				Steps: []BuildStep{{ID: id, Name: strings.Repeat("long name 界 ", 10), Started: time.Now()}},
				Logs:  []BuildLog{{Step: id, Text: strings.Repeat("\x1b[2Jx", 100)}},
			}})
			time.Sleep(60 * time.Millisecond)
			for _, row := range d.build.rows(5, false) {
				require.LessOrEqual(t, columns(row(29)), 29)
			}
			require.LessOrEqual(t, len(d.build.rows(5, false)), 5)
		}
		d.build = nil // the end would scroll: what has been drawn is what counts
		d.message(Message{Done: true})
	})
}

// Whatever an engine tells, the display keeps little of it.
func TestBuildViewIsBounded(t *testing.T) {
	v := newBuildView()
	tell := func(string) {}
	for i := range 3 * maxSteps {
		id := fmt.Sprint(i)
		v.update(&Build{
			Steps:    []BuildStep{{ID: id, Name: id, Started: tenths(0)}},
			Logs:     []BuildLog{{Step: "0", Text: id}, {Step: id, Text: id}},
			Counters: []BuildCounter{{Step: "0", ID: id}},
			Warnings: []BuildWarning{{Text: id}},
		}, tell)
	}
	require.Len(t, v.steps, maxSteps)
	require.Len(t, v.steps[0].tail, maxLogTail)
	require.Len(t, v.steps[0].counters, maxCounters)
	require.LessOrEqual(t, len(v.said), maxSteps)
}

func TestBuildStep(t *testing.T) {
	s := BuildStep{Name: "[internal] x", Started: tenths(0), Completed: tenths(15)}
	require.True(t, s.Internal())
	require.Equal(t, 1500*time.Millisecond, s.Took())
	require.Zero(t, (&BuildStep{Completed: tenths(1)}).Took())
	require.Equal(t, "a (D:3)", BuildWarning{Text: "a", Source: &BuildPosition{File: "D", First: 3}}.String())
	require.Equal(t, "a", BuildWarning{Text: "a"}.String())
}
