package streams

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/internal/jsonscan"
)

// split returns readers of the same data that differ in how they cut it.
func split(data []byte, seed uint64) []io.Reader {
	return []io.Reader{
		bytes.NewReader(data),
		iotest.OneByteReader(bytes.NewReader(data)),
		iotest.DataErrReader(&randomReader{bytes.NewReader(data), rand.New(rand.NewPCG(seed, 0))}),
	}
}

func FuzzFrames(f *testing.F) {
	for _, data := range recorded {
		f.Add(data, uint64(0))
	}
	f.Add(frame(nil, Stdout, strings.Repeat("x", 5000)), uint64(1))
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'x'}, uint64(2))
	f.Add([]byte{3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'x'}, uint64(3))
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0}, uint64(4))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		checkFrames(t, data, readers["plain"])
		checkFrames(t, data, readers["one"])
		checkFrames(t, data, func(r io.Reader) io.Reader { return &randomReader{r, rand.New(rand.NewPCG(seed, 0))} })
	})
}

func FuzzLines(f *testing.F) {
	for _, test := range lineTests {
		flags := byte(0)
		for i, on := range []bool{test.opts.TTY, test.opts.Timestamps, test.opts.Details} {
			if on {
				flags |= 1 << i
			}
		}
		f.Add(test.data, flags, uint16(test.opts.MaxLength), uint64(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, flags byte, max uint16, seed uint64) {
		opts := &LinesOptions{TTY: flags&1 > 0, Timestamps: flags&2 > 0, Details: flags&4 > 0, MaxLength: int(max)}
		var want []Line
		var end string
		for i, r := range split(data, seed) {
			lines, err := collect(r, opts)
			if i == 0 {
				want, end = lines, kind(err)
				continue
			}
			require.Equal(t, end, kind(err))
			require.Equal(t, want, lines)
		}
		checkTexts(t, data, opts, want, end)
	})
}

// checkTexts checks that no byte of text is lost, added or too much for a line.
func checkTexts(t *testing.T, data []byte, opts *LinesOptions, lines []Line, end string) {
	want, wantEnd := naive(data)
	if opts.TTY {
		want, wantEnd = [3]string{Stdout: string(data)}, "end"
	}
	require.Equal(t, wantEnd, end)
	var got [3]string
	for _, l := range lines {
		require.NotContains(t, l.Text, "\n")
		if opts.MaxLength > 0 {
			require.LessOrEqual(t, len(l.Text), opts.MaxLength)
		}
		if got[l.Stream] += l.Text; !l.Partial {
			got[l.Stream] += "\n"
		}
	}
	if opts.Timestamps || opts.Details {
		return
	}
	for i := range want {
		if opts.TTY { // one carriage return goes with each line end
			want[i] = strings.ReplaceAll(want[i], "\r\n", "\n")
		}
		require.Equal(t, strings.TrimSuffix(want[i], "\n"), strings.TrimSuffix(got[i], "\n"))
	}
}

func FuzzJSON(f *testing.F) {
	for _, data := range itemStreams {
		f.Add([]byte(data), uint64(0))
	}
	for data := range proxied {
		f.Add([]byte(data), uint64(0))
	}
	for data := range failures {
		f.Add([]byte(data), uint64(0))
	}
	f.Add([]byte("\"\\\\\\\"}\"[[{}]]tru"), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		var list []json.RawMessage
		var err error
		for i, r := range split(data, seed) {
			again, againErr := take(JSON[json.RawMessage](r))
			if i == 0 {
				list, err = again, againErr
				continue
			}
			require.Equal(t, list, again)
			require.Equal(t, kind(err), kind(againErr))
		}
		want, end := decodeAll(string(data))
		if err == nil {
			require.Equal(t, "end", end)
			require.Equal(t, want, list)
		}
		if end == "end" && err != nil {
			// encoding/json takes 01 for two numbers and knows no error records, and decodeAll
			// takes RS for space everywhere.
			odd := bytes.Contains(data, []byte(`"error`)) || bytes.IndexByte(data, 0x1e) >= 0
			require.True(t, hasNumber(want) || odd, "%v", err)
		}
	})
}

func hasNumber(values []json.RawMessage) bool {
	for _, v := range values {
		if strings.ContainsAny(string(v[:1]), "-0123456789") {
			return true
		}
	}
	return false
}

func FuzzMessages(f *testing.F) {
	f.Add(pullStream(5), uint64(0))
	for data := range failures {
		f.Add([]byte(data), uint64(0))
	}
	f.Add([]byte(`{"id":"a","progressDetail":{"current":1.5e1,"total":null,"units":"s"},"aux":[1,{"a":"\u0000"}]}`), uint64(1))
	f.Add([]byte(`{"\u0069d":"\ud83d\ude80","status":"\xff","stream":"\n","id":"b"}`), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		var list []Message
		var err error
		for i, r := range split(data, seed) {
			again, againErr := take(Messages(r))
			if i == 0 {
				list, err = again, againErr
				continue
			}
			require.Equal(t, list, again)
			require.Equal(t, kind(err), kind(againErr))
		}
		checkMessages(t, string(data), list, err)
		var tr Tracker
		d := &display{w: io.Discard, size: func() (int, int) { return int(seed % 100), int(seed % 30) }}
		for _, m := range append(list, Message{Done: true}) {
			tr.Add(m)
			d.message(m)
		}
		s := tr.Summary()
		require.LessOrEqual(t, s.Done, s.Total)
		require.Len(t, s.Layers, s.Total)
	})
}

// checkMessages compares with encoding/json.
func checkMessages(t *testing.T, data string, list []Message, err error) {
	values, end := decodeAll(data)
	require.LessOrEqual(t, len(list), len(values))
	if err == nil {
		require.Equal(t, "end", end)
		require.Len(t, list, len(values))
	}
	for i, m := range list {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(values[i], &fields))
		for key, got := range map[string]string{"id": m.ID, "status": m.Status, "stream": m.Stream} {
			want, _ := fields[key].(string)
			require.Equal(t, want, got)
		}
		if m.Aux != nil {
			var aux any
			require.NoError(t, json.Unmarshal(m.Aux, &aux))
			require.Equal(t, fields["aux"], aux)
		}
		if s, ok := fields["error"].(string); ok {
			require.Empty(t, s)
		}
		_, detailed := fields["errorDetail"].(map[string]any)
		require.False(t, detailed)
	}
	require.NotErrorIs(t, err, jsonscan.ErrTooLarge)
}
