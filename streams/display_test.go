package streams

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// A screen is a terminal that understands what a display needs. Lines that scroll off its
// top cannot be reached any more.
type screen struct {
	mu            sync.Mutex
	t             *testing.T
	width, height int
	lines         []string
	row           int
	writes        int
}

func newScreen(t *testing.T, width, height int) (*screen, *display) {
	s := &screen{t: t, width: width, height: height, lines: []string{""}}
	return s, &display{w: s, size: func() (int, int) { return s.width, s.height }}
}

var escapes = regexp.MustCompile(`^\x1b\[(\d*)([AJK])`)

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	for text := string(p); text != ""; {
		if m := escapes.FindStringSubmatch(text); m != nil {
			s.escape(m[1], m[2])
			text = text[len(m[0]):]
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		if r == '\n' {
			if s.row++; s.row == len(s.lines) {
				s.lines = append(s.lines, "")
			}
			continue
		}
		require.False(s.t, r < ' ' || r == 0x7f, "control character %q", r)
		s.put(r)
	}
	return len(p), nil
}

// put overwrites from the left: a display writes each line whole.
func (s *screen) put(r rune) {
	if i := strings.IndexByte(s.lines[s.row], 0); i >= 0 {
		s.lines[s.row] = s.lines[s.row][:i]
	}
	s.lines[s.row] += string(r)
}

func (s *screen) escape(n, kind string) {
	switch kind {
	case "A":
		up, err := strconv.Atoi(n)
		require.NoError(s.t, err)
		require.Less(s.t, up, s.height, "a line that has scrolled away")
		s.row -= up
		require.GreaterOrEqual(s.t, s.row, 0)
		for i := s.row; i < len(s.lines); i++ {
			s.lines[i] = "\x00" + s.lines[i] // to be overwritten from the left
		}
	case "J":
		s.lines = append(s.lines[:s.row], "")
	}
}

// String returns what is on the screen.
func (s *screen) String() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, line := range s.lines {
		b.WriteString(strings.TrimRight(strings.TrimPrefix(line, "\x00"), " "))
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestDisplayTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newScreen(t, 60, 24)
		show := func(m Message) {
			d.message(m)
			time.Sleep(time.Second)
		}
		show(Message{Status: "Pulling from library/alpine"})
		show(Message{ID: "aaa", Status: "Waiting"})
		show(Message{ID: "bbb", Status: "Downloading", Current: 250_000, Total: 1_000_000})
		require.Equal(t, "Pulling from library/alpine\naaa: Waiting\nbbb: Downloading [=====>                ] 250.0 kB / 1.0 MB\n", s.String())
		show(Message{ID: "aaa", Status: "Downloading", Current: 1_000_000, Total: 1_000_000})
		show(Message{ID: "bbb", Status: "Pull complete"})
		show(Message{Status: "a word between"})
		require.Equal(t, "Pulling from library/alpine\na word between\n"+
			"aaa: Downloading [========================] 1.0 MB / 1.0 MB\nbbb: Pull complete\n", s.String())
		show(Message{Done: true})
		// The display is ready for the next job, and leaves this one on the screen.
		show(Message{ID: "aaa", Status: "Pushing", Current: 7, Total: 9, Units: "files"})
		show(Message{Done: true})
		require.Equal(t, "Pulling from library/alpine\na word between\n"+
			"aaa: Downloading [========================] 1.0 MB / 1.0 MB\nbbb: Pull complete\n"+
			"aaa: Pushing [====================>     ] 7 files / 9 files\n", s.String())
	})
}

func TestDisplayRedrawsAtMost20TimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newScreen(t, 80, 24)
		for i := range 10_000 {
			d.message(Message{ID: strconv.Itoa(i % 5), Status: "Downloading", Current: int64(i), Total: 10_000})
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		require.LessOrEqual(t, s.writes, 201)
		require.GreaterOrEqual(t, s.writes, 150)
		d.message(Message{ID: "0", Status: "Pull complete"})
		d.message(Message{Done: true})
		n := s.writes
		require.Contains(t, s.String(), "0: Pull complete\n")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, n, s.writes, "nothing is written after Done")
	})
}

// What came last is shown soon, although no other message follows.
func TestDisplayShowsTheLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newScreen(t, 80, 24)
		d.message(Message{Stream: "Step 1/2 : FROM scratch\n"})
		d.message(Message{Stream: "Step 2/2 : RUN make\n"})
		require.Equal(t, "Step 1/2 : FROM scratch\n", s.String())
		time.Sleep(51 * time.Millisecond)
		require.Equal(t, "Step 1/2 : FROM scratch\nStep 2/2 : RUN make\n", s.String())
		d.message(Message{Done: true})
	})
}

func TestDisplayManyRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newScreen(t, 80, 10)
		for i := range 30 {
			status := "Pull complete"
			if i >= 15 {
				status = "Waiting"
			}
			d.message(Message{ID: fmt.Sprintf("layer%02d", i), Status: status})
			time.Sleep(time.Second)
		}
		lines := strings.Split(s.String(), "\n")
		require.Equal(t, "and 22 more", lines[len(lines)-2])
		require.Equal(t, "layer15: Waiting", lines[len(lines)-10])
		d.message(Message{Done: true})
		for i := range 30 {
			require.Contains(t, s.String(), fmt.Sprintf("layer%02d: ", i))
		}
		require.NotContains(t, s.String(), "more")
	})
}

func TestDisplayRespectsTheWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for width := 1; width < 130; width++ {
			s, d := newScreen(t, width, 24)
			d.message(Message{ID: "a3ed95caeb02", Status: "Downloading", Current: 123_456_789, Total: 987_654_321})
			d.message(Message{ID: "漢字漢字漢字", Status: "🚀🚀🚀e\u0301", Current: 5, Total: 9, Units: "漢字漢字漢字漢字"})
			d.message(Message{ID: "unknown", Status: "Downloading", Current: 12})
			d.message(Message{ID: "hidden", Status: "Downloading", Current: 12, Total: 24, HideCounts: true})
			time.Sleep(time.Second)
			for _, line := range strings.Split(s.String(), "\n") {
				require.LessOrEqual(t, columns(line), max(width-1, 0), "%q", line)
			}
			d.message(Message{Done: true})
		}
	})
}

func TestDisplayPlain(t *testing.T) {
	var b bytes.Buffer
	p := Display(&b)
	p(Message{Status: "Pulling from library/alpine"})
	for i := range 100 {
		p(Message{ID: "aaa", Status: "Downloading", Current: int64(i), Total: 100})
		p(Message{ID: "bbb", Status: "Waiting"})
	}
	p(Message{ID: "aaa", Status: "Pull complete"})
	p(Message{ID: "aaa", Current: 5}) // no status: nothing new
	p(Message{Stream: "Step 1 : "})
	p(Message{Stream: "FROM\r\n10%\r20%\nno line"})
	p(Message{Aux: []byte(`{}`)})
	p(Message{Done: true})
	p(Message{ID: "aaa", Status: "Waiting"})
	p(Message{Done: true})
	require.Equal(t, "Pulling from library/alpine\naaa: Downloading\nbbb: Waiting\naaa: Pull complete\n"+
		"Step 1 : FROM\n10%\n20%\nno line\naaa: Waiting\n", b.String())
}

func TestDisplayIsBounded(t *testing.T) {
	var b bytes.Buffer
	d := &display{w: &b}
	for i := range 10 * maxRows {
		d.message(Message{ID: strconv.Itoa(i), Status: "Waiting"})
	}
	require.Len(t, d.rows, maxRows)
	for range 1000 {
		d.message(Message{Stream: strings.Repeat("x", 1000)})
		require.LessOrEqual(t, len(d.partial)+len(d.lines), 2*maxPending)
	}
}

// Nothing of a peer's text acts on the terminal.
func TestDisplayStripsControls(t *testing.T) {
	evil := "a\x1b[31mb\x1b]0;title\ac\x1b]8;;http://x\x1b\\d\x1b[2Je\x07\x08\x00\x7f\u009b31mf\u202eg\u2066h\rI\ti\xffj\x1b"
	text := "abcdehe"
	for _, size := range []func() (int, int){nil, func() (int, int) { return 200, 24 }} {
		var b bytes.Buffer
		d := &display{w: &b, size: size}
		d.message(Message{Status: evil})
		d.message(Message{Stream: evil + "\n"})
		d.message(Message{ID: evil, Status: evil, Current: 1, Total: 2, Units: evil})
		d.message(Message{Done: true})
		got := regexp.MustCompile(`\x1b\[\d*[AJK]`).ReplaceAllString(b.String(), "")
		for _, r := range got {
			require.False(t, r != '\n' && isOdd(r) && r != utf8.RuneError, "%q in %q", r, got)
		}
		require.Contains(t, got, text[:5])
		require.NotContains(t, got, "title")
		require.NotContains(t, got, "http")
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "": "", "é漢🚀": "é漢🚀", "a\tb\nc": "a b c", "\x1b[1;31mred\x1b[0m": "red", "\x1b[": "", "\x1b": "", "\x1b7x": "7x",
		"\x1b[1\x07x": "x", "\x1b]unended": "", "\x1b]0;t\x1b": "", "\x1bPdata\x1b\\x": "x", "\xc3": "\ufffd", "a\u2028b": "ab",
	} {
		require.Equal(t, want, clean(in), "%q", in)
	}
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 65_600_000: "65.6 MB",
		1_000_000_000: "1.0 GB", 1_000_000_000_000: "1.0 TB", 1<<63 - 1: "9223.4 PB",
	} {
		require.Equal(t, want, byteSize(n))
	}
}

func TestBar(t *testing.T) {
	require.Equal(t, "[>         ]", bar(-5, 100, 12))
	require.Equal(t, "[>         ]", bar(0, 100, 12))
	require.Equal(t, "[=====>    ]", bar(50, 100, 12))
	require.Equal(t, "[==========]", bar(1<<62, 1<<62, 12))
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31mb\x1b]0;t\a\u202e\xff")
	f.Add("\x1b[\x1b[\x1b]\x1bP\x1b\\")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		require.True(t, utf8.ValidString(got))
		for _, r := range got {
			require.False(t, r != utf8.RuneError && isOdd(r), "%q", got)
		}
		require.Equal(t, got, clean(got))
		require.LessOrEqual(t, columns(fit(got, 10)), 10)
	})
}
