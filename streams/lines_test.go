package streams

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

const (
	stamp1 = "2026-03-01T10:00:00.000000001Z"
	stamp2 = "2026-03-01T10:00:00.000000002Z"
	stamp3 = "2026-03-01T12:00:00.000000003+02:00"
)

func at(ns int) time.Time { return time.Date(2026, 3, 1, 10, 0, 0, ns, time.UTC) }

// collect returns the lines of a stream, with their times in UTC, and the error.
func collect(r io.Reader, opts *LinesOptions) (lines []Line, err error) {
	for l, e := range Lines(r, opts) {
		if err != nil {
			return lines, errors.New("a step after an error")
		}
		if err = e; e == nil {
			if !l.Time.IsZero() {
				l.Time = l.Time.UTC()
			}
			lines = append(lines, l)
		}
	}
	return lines, err
}

type lineTest struct {
	name string
	opts LinesOptions
	data []byte
	want []Line
	kind string
}

func out(text string) Line { return Line{Stream: Stdout, Text: text} }

func record(s Stream, texts ...string) (b []byte) {
	for _, text := range texts {
		b = frame(b, s, text)
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var (
	full  = strings.Repeat("x", recordSize)
	env   = map[string]string{"app": "web", "a b": "1,2=3"}
	attrs = "app=web,a+b=1%2C2%3D3"
)

var lineTests = []lineTest{
	{name: "empty"},
	{name: "plain", data: record(Stdout, "one\ntwo\n", "\n", "three"), want: []Line{out("one"), out("two"), out(""), out("three")}},
	{
		name: "rocket", data: recorded["rocket"],
		want: []Line{{Stream: Stderr, Text: "warning"}, out("to the 🚀")},
	},
	{
		name: "interleaved", data: join(record(Stdout, "a"), record(Stderr, "b"), record(Stdout, "a\n"), record(Stderr, "b\nc")),
		want: []Line{out("aa"), {Stream: Stderr, Text: "bb"}, {Stream: Stderr, Text: "c"}},
	},
	{name: "no TTY, carriage returns stay", data: record(Stdout, "a\r\nb\r", "\n"), want: []Line{out("a\r"), out("b\r")}},
	{
		name: "TTY", opts: LinesOptions{TTY: true}, data: []byte("a\r\nb\r\r\n\r\n\nc\rd\r\n\x01\x00\x00\x00"),
		want: []Line{out("a"), out("b\r"), out(""), out(""), out("c\rd"), out("\x01\x00\x00\x00")},
	},
	{name: "not UTF-8", data: record(Stdout, "\xff\xfe\n", "\xf0\x9f"), want: []Line{out("\xff\xfe"), out("\xf0\x9f")}},
	{
		name: "cut", data: record(Stdout, "one\ntwo")[:headerSize+6], kind: "truncated",
		want: []Line{out("one"), {Stream: Stdout, Text: "tw", Partial: true}},
	},
	{
		name: "system", data: join(record(Stdout, "one\nt"), record(System, "boom"), record(Stdout, "wo\n")), kind: "engine: 0 boom",
		want: []Line{out("one"), {Stream: Stdout, Text: "t", Partial: true}},
	},
	{
		name: "pieces", opts: LinesOptions{MaxLength: 5}, data: record(Stdout, "12345\n", "123456\n", "1234🚀", "é\n", "12345", "67890"),
		want: []Line{
			out("12345"),
			{Stream: Stdout, Text: "12345", Partial: true},
			out("6"),
			{Stream: Stdout, Text: "1234", Partial: true},
			{Stream: Stdout, Text: "🚀", Partial: true},
			out("é"),
			{Stream: Stdout, Text: "12345", Partial: true},
			out("67890"),
		},
	},
	{
		name: "times", opts: LinesOptions{Timestamps: true},
		data: join(record(Stdout, stamp1+" one\n"), record(Stderr, stamp2+" two\n"), record(Stdout, stamp3+" \n", stamp1+" tail")),
		want: []Line{
			{Stream: Stdout, Time: at(1), Text: "one"},
			{Stream: Stderr, Time: at(2), Text: "two"},
			{Stream: Stdout, Time: at(3)},
			{Stream: Stdout, Time: at(1), Text: "tail"},
		},
	},
	{
		name: "times, rejoined", opts: LinesOptions{Timestamps: true},
		data: join(record(Stdout, stamp1+" "+full), record(Stderr, stamp2+" between\n"), record(Stdout, stamp2+" "+full, stamp3+" end\n")),
		want: []Line{{Stream: Stderr, Time: at(2), Text: "between"}, {Stream: Stdout, Time: at(1), Text: full + full + "end"}},
	},
	{
		name: "times, missing", opts: LinesOptions{Timestamps: true},
		data: record(Stdout, "bare\n", "2026-03-01 half\n", stamp1+"\n", stamp1, "\n", stamp1+" one\n"+stamp2+" two\nthree\n", "\n", full+"\n"),
		want: []Line{
			out("bare"), out("2026-03-01 half"), out(stamp1), out(stamp1),
			{Stream: Stdout, Time: at(1), Text: "one"},
			{Stream: Stdout, Time: at(2), Text: "two"},
			out("three"), out(""), out(full),
		},
	},
	{
		name: "times, only a prefix", opts: LinesOptions{Timestamps: true}, data: record(Stdout, stamp1+" "),
		want: []Line{{Stream: Stdout, Time: at(1)}},
	},
	{
		name: "details", opts: LinesOptions{Details: true},
		data: join(record(Stdout, attrs+" one\n"), record(Stderr, " two\n"), record(Stdout, "not details\n", "a=%zz b\n", "word\n", attrs+" "+full, attrs+" three\n")),
		want: []Line{
			{Stream: Stdout, Details: env, Text: "one"},
			{Stream: Stderr, Text: "two"},
			out("not details"), out("a=%zz b"), out("word"),
			{Stream: Stdout, Details: env, Text: full + "three"},
		},
	},
	{
		name: "times and details", opts: LinesOptions{Timestamps: true, Details: true},
		data: record(Stdout, stamp1+" "+attrs+" one\n", stamp2+"  two\n", stamp2+"  "+full, stamp3+"  three\n", stamp1+" none\n", stamp1+" "+attrs),
		want: []Line{
			{Stream: Stdout, Time: at(1), Details: env, Text: "one"},
			{Stream: Stdout, Time: at(2), Text: "two"},
			{Stream: Stdout, Time: at(2), Text: full + "three"},
			{Stream: Stdout, Time: at(1), Text: "none"},
			{Stream: Stdout, Time: at(1), Text: attrs},
		},
	},
	{
		name: "TTY, times", opts: LinesOptions{TTY: true, Timestamps: true},
		data: []byte(stamp1 + " one\r\n" + stamp2 + " " + full + stamp2 + " " + full + stamp3 + " end\r\n" + stamp1 + " tail"),
		want: []Line{
			{Stream: Stdout, Time: at(1), Text: "one"},
			{Stream: Stdout, Time: at(2), Text: full + full + "end"},
			{Stream: Stdout, Time: at(1), Text: "tail"},
		},
	},
	{
		name: "TTY, times, a line of a record's size", opts: LinesOptions{TTY: true, Timestamps: true},
		data: []byte(stamp1 + " " + full + "\n" + stamp2 + " " + full + "no time follows " + stamp1 + " \n"),
		want: []Line{
			{Stream: Stdout, Time: at(1), Text: full},
			{Stream: Stdout, Time: at(2), Text: full + "no time follows " + stamp1 + " "},
		},
	},
	{
		name: "TTY, times, missing", opts: LinesOptions{TTY: true, Timestamps: true}, data: []byte(full + "y\n" + full + "z"),
		want: []Line{out(full + "y"), out(full + "z")},
	},
	{
		name: "TTY, details, missing", opts: LinesOptions{TTY: true, Details: true}, data: []byte(full + "y\n" + full + "z"),
		want: []Line{out(full + "y"), out(full + "z")},
	},
	{
		name: "TTY, times and details", opts: LinesOptions{TTY: true, Timestamps: true, Details: true},
		data: []byte(stamp1 + " " + attrs + " " + full + stamp2 + " " + attrs + " end\r\n" + stamp2 + "  two\r\nbare"),
		want: []Line{
			{Stream: Stdout, Time: at(1), Details: env, Text: full + "end"}, {Stream: Stdout, Time: at(2), Text: "two"}, out("bare"),
		},
	},
	{
		name: "TTY, details", opts: LinesOptions{TTY: true, Details: true},
		data: []byte(attrs + " " + full + attrs + " end\r\n " + full + " more\r\n"),
		want: []Line{{Stream: Stdout, Details: env, Text: full + "end"}, out(full + "more")},
	},
}

func TestLines(t *testing.T) {
	for _, test := range lineTests {
		for name, read := range readers {
			t.Run(test.name+"/"+name, func(t *testing.T) { checkLines(t, test, read(bytes.NewReader(test.data))) })
		}
	}
}

func checkLines(t *testing.T, test lineTest, r io.Reader) {
	t.Helper()
	lines, err := collect(r, &test.opts)
	want := test.kind
	if want == "" {
		want = "end"
	}
	require.Equal(t, want, kind(err))
	require.Equal(t, test.want, lines)
}

func TestLinesSplits(t *testing.T) {
	for _, test := range lineTests {
		if len(test.data) > 1000 {
			continue
		}
		for i := range len(test.data) + 1 {
			checkLines(t, test, io.MultiReader(bytes.NewReader(test.data[:i]), bytes.NewReader(test.data[i:])))
		}
	}
}

// Around the places where records of a TTY meet, every split.
func TestLinesRecordSplits(t *testing.T) {
	for _, test := range lineTests {
		if len(test.data) <= 1000 || !test.opts.TTY {
			continue
		}
		for i := recordSize - 50; i < min(recordSize+200, len(test.data)); i++ {
			checkLines(t, test, io.MultiReader(bytes.NewReader(test.data[:i]), bytes.NewReader(test.data[i:])))
		}
	}
}

// Every prefix gives the lines so far, and an error unless it ends between frames.
func TestLinesPrefixes(t *testing.T) {
	for _, test := range lineTests {
		if len(test.data) > 1000 || test.opts.TTY {
			continue
		}
		for i := range len(test.data) {
			lines, err := collect(bytes.NewReader(test.data[:i]), &test.opts)
			_, end := naive(test.data[:i])
			require.Equal(t, end, kind(err), "%s at %d", test.name, i)
			for j := range lines {
				if last := j == len(lines)-1; lines[j].Partial && err != nil && !last && test.opts.MaxLength == 0 {
					require.Equal(t, Stderr, lines[j+1].Stream)
				}
			}
		}
	}
}

// A record that is cut inside its prefix is no line: a time that is half there is no text.
func TestLinesCutInsideAPrefix(t *testing.T) {
	whole, err := time.Parse(time.RFC3339Nano, stamp2)
	require.NoError(t, err)
	first := Line{Stream: Stdout, Time: at(1), Text: "one"}
	for _, test := range []struct {
		opts   LinesOptions
		prefix string
	}{
		{LinesOptions{Timestamps: true}, stamp2 + " "},
		{LinesOptions{TTY: true, Timestamps: true}, stamp2 + " "},
		{LinesOptions{Timestamps: true, Details: true}, stamp2 + " " + attrs + " "},
	} {
		data, begin := stamp1+" one\n"+test.prefix+"two\n", len(stamp1+" one\n")
		if test.opts.Details {
			data, begin = stamp1+"  one\n"+test.prefix+"two\n", len(stamp1+"  one\n")
		}
		raw := []byte(data)
		if !test.opts.TTY {
			raw, begin = record(Stdout, data[:begin], data[begin:]), begin+2*headerSize
		}
		for n := range len(test.prefix) {
			lines, err := collect(io.MultiReader(bytes.NewReader(raw[:begin+n]), iotest.ErrReader(io.ErrUnexpectedEOF)), &test.opts)
			require.ErrorIs(t, err, errdefs.ErrTruncated)
			require.Equal(t, []Line{first}, lines, "%+v %d", test.opts, n)
		}
		lines, err := collect(io.MultiReader(bytes.NewReader(raw[:begin+len(test.prefix)+1]), iotest.ErrReader(io.ErrUnexpectedEOF)), &test.opts)
		require.ErrorIs(t, err, errdefs.ErrTruncated)
		require.Len(t, lines, 2)
		require.True(t, lines[1].Partial && lines[1].Text == "t" && lines[1].Time.Equal(whole), "%+v", lines[1])
	}
}

// Text that cannot be the beginning of a time is one, be it cut or not; and what is known of
// a long line is not mixed with the prefix of its next record.
func TestLinesCutText(t *testing.T) {
	opts := &LinesOptions{TTY: true, Timestamps: true}
	lines, err := collect(io.MultiReader(strings.NewReader("bare"), iotest.ErrReader(io.ErrUnexpectedEOF)), opts)
	require.ErrorIs(t, err, errdefs.ErrTruncated)
	require.Equal(t, []Line{{Stream: Stdout, Text: "bare", Partial: true}}, lines)

	lines, err = collect(io.MultiReader(strings.NewReader(stamp1+" "+full+stamp2[:9]), iotest.ErrReader(io.ErrUnexpectedEOF)), opts)
	require.ErrorIs(t, err, errdefs.ErrTruncated)
	require.Equal(t, []Line{{Stream: Stdout, Time: at(1), Text: full, Partial: true}}, lines)
}

func TestLinesReadErrors(t *testing.T) {
	boom := errors.New("boom")
	for _, tty := range []bool{true, false} {
		data := []byte("one\ntwo")
		if !tty {
			data = record(Stdout, "one\ntwo")
		}
		for cause, class := range map[error]error{boom: boom, io.ErrUnexpectedEOF: errdefs.ErrTruncated, iotest.ErrTimeout: iotest.ErrTimeout} {
			lines, err := collect(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cause)), &LinesOptions{TTY: tty})
			require.ErrorIs(t, err, class)
			require.Equal(t, class == errdefs.ErrTruncated, errors.Is(err, io.ErrUnexpectedEOF))
			require.Equal(t, []Line{out("one"), {Stream: Stdout, Text: "two", Partial: true}}, lines)
		}
		_, err := collect(&emptyReader{}, &LinesOptions{TTY: tty})
		require.ErrorIs(t, err, io.ErrNoProgress)
	}
}

func TestLinesBreak(t *testing.T) {
	for _, tty := range []bool{true, false} {
		data := []byte("one\ntwo\nthree")
		if !tty {
			data = record(Stdout, "one\ntwo\nthree")
		}
		r := &countingReader{Reader: bytes.NewReader(data)}
		seq := Lines(r, &LinesOptions{TTY: tty})
		for l := range seq {
			require.Equal(t, "one", l.Text)
			break
		}
		require.Equal(t, 1, r.n)
		var last error
		for _, err := range seq {
			last = err
		}
		require.ErrorIs(t, last, errLeft)
		require.Equal(t, 1, r.n)
	}
}

func TestLinesSecondLoopAfterTheEnd(t *testing.T) {
	seq := Lines(bytes.NewReader(record(Stdout, "one\ntwo")), nil)
	n := 0
	for range 2 {
		for range seq {
			n++
		}
	}
	require.Equal(t, 2, n)
}

// A line without an end costs no more memory than the longest piece.
func TestLinesEndlessLine(t *testing.T) {
	const max = 100 << 10
	for _, opts := range []LinesOptions{{}, {TTY: true}, {Timestamps: true, Details: true}, {TTY: true, Timestamps: true, Details: true}} {
		opts.MaxLength = max
		var r io.Reader = io.LimitReader(repeat('='), 10<<20)
		if !opts.TTY {
			r = io.MultiReader(bytes.NewReader([]byte{1, 0, 0, 0, 0, 0xa0, 0, 0}), r)
		}
		total := 0
		n := allocation(func() {
			for l, err := range Lines(r, &opts) {
				require.NoError(t, err)
				require.LessOrEqual(t, len(l.Text), max)
				total += len(l.Text)
				require.Equal(t, total < 10<<20, l.Partial)
			}
		})
		require.Equal(t, 10<<20, total)
		// The texts themselves, rounded up by the allocator, and the buffers.
		require.Less(t, n, uint64(12<<20), "%+v", opts)
	}
}

// repeat is a stream of one byte without end.
type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestLinesDefaultLength(t *testing.T) {
	text := strings.Repeat("x", defaultMaxLength)
	lines, err := collect(strings.NewReader(text+"\n"+text+"y\n"), &LinesOptions{TTY: true})
	require.NoError(t, err)
	require.Len(t, lines, 3)
	require.Equal(t, []bool{false, true, false}, []bool{lines[0].Partial, lines[1].Partial, lines[2].Partial})
}

func TestLinesShareDetails(t *testing.T) {
	var data []byte
	for i := range 1000 {
		data = frame(data, Stdout, fmt.Sprintf("%s %s line %d\n", stamp1, attrs, i))
	}
	n := testing.AllocsPerRun(5, func() {
		for l := range Lines(bytes.NewReader(data), &LinesOptions{Timestamps: true, Details: true}) {
			if len(l.Details) != 2 {
				t.Fatal(l)
			}
		}
	})
	require.Less(t, n, 1100.0)
}
