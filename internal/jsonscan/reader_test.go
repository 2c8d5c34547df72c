package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func readAll(r *Reader) (values []string, err error) {
	for {
		v, err := r.Next()
		if err != nil {
			return values, err
		}
		values = append(values, string(v))
	}
}

// The same values, with all that may stand between them.
var framings = map[string]string{
	"lf":       "{\"a\":\"b\\\"}\"}\n[1,{\"c\":[]}]\n\"s\\\\\"\n{}\n",
	"crlf":     "{\"a\":\"b\\\"}\"}\r\n[1,{\"c\":[]}]\r\n\"s\\\\\"\r\n{}\r\n",
	"none":     "{\"a\":\"b\\\"}\"}[1,{\"c\":[]}]\"s\\\\\"{}",
	"json-seq": "\x1e{\"a\":\"b\\\"}\"}\n\x1e[1,{\"c\":[]}]\n\x1e\"s\\\\\"\n\x1e{}\n",
	"mixed":    " \r\n\t {\"a\":\"b\\\"}\"} \x1e\x1e [1,{\"c\":[]}]\r\r\"s\\\\\"\t{} ",
}

var framed = []string{`{"a":"b\"}"}`, `[1,{"c":[]}]`, `"s\\"`, `{}`}

func TestReaderFramings(t *testing.T) {
	for name, data := range framings {
		for i := range len(data) + 1 {
			r := io.MultiReader(strings.NewReader(data[:i]), strings.NewReader(data[i:]))
			values, err := readAll(NewReader(r, 0))
			require.Equal(t, io.EOF, err, "%s at %d", name, i)
			require.Equal(t, framed, values, "%s at %d", name, i)
		}
	}
}

func TestReaderPrefixes(t *testing.T) {
	for name, data := range framings {
		for i := range len(data) {
			values, err := readAll(NewReader(strings.NewReader(data[:i]), 0))
			require.Equal(t, strings.Join(framed[:len(values)], "\n"), strings.Join(values, "\n"))
			rest := strings.Trim(strings.TrimPrefix(squeeze(data[:i]), strings.Join(values, "")), " ")
			if rest == "" {
				require.Equal(t, io.EOF, err, "%s at %d", name, i)
			} else {
				require.ErrorIs(t, err, errdefs.ErrTruncated, "%s at %d", name, i)
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
		}
	}
}

// squeeze drops what separates values. The values of framings have none of it.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, s)
}

func TestReaderIotest(t *testing.T) {
	boom := errors.New("boom")
	for name, data := range framings {
		for kind, wrap := range map[string]func(io.Reader) io.Reader{
			"one": iotest.OneByteReader, "half": iotest.HalfReader, "dataerr": iotest.DataErrReader,
			"nothing": func(r io.Reader) io.Reader { return &lazyReader{r: r} },
		} {
			values, err := readAll(NewReader(wrap(strings.NewReader(data)), 0))
			require.Equal(t, io.EOF, err, "%s %s", name, kind)
			require.Equal(t, framed, values, "%s %s", name, kind)
		}
		values, err := readAll(NewReader(io.MultiReader(strings.NewReader(data), iotest.ErrReader(boom)), 0))
		require.Equal(t, boom, err)
		require.Equal(t, framed, values)
		_, err = readAll(NewReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(data))), 0))
		require.ErrorIs(t, err, iotest.ErrTimeout)
	}
}

// A lazyReader returns nothing every other time.
type lazyReader struct {
	r    io.Reader
	lazy bool
}

func (l *lazyReader) Read(p []byte) (int, error) {
	if l.lazy = !l.lazy; l.lazy {
		return 0, nil
	}
	return l.r.Read(p)
}

type emptyReader struct{ n int }

func (e *emptyReader) Read([]byte) (int, error) { e.n++; return 0, nil }

func TestReaderNoProgress(t *testing.T) {
	var e emptyReader
	r := NewReader(&e, 0)
	for range 2 {
		_, err := r.Next()
		require.Equal(t, io.ErrNoProgress, err)
	}
	require.Equal(t, 100, e.n)
}

func TestReaderScalars(t *testing.T) {
	values, err := readAll(NewReader(iotest.OneByteReader(strings.NewReader("1 -2.5e3true false\nnull\"\"[]7")), 0))
	require.Equal(t, io.EOF, err)
	require.Equal(t, []string{"1", "-2.5e3", "true", "false", "null", `""`, "[]", "7"}, values)
}

func TestReaderText(t *testing.T) {
	page := "<html>\n" + strings.Repeat("é", 4<<10)
	for text, shown := range map[string]string{
		"copying response body: connection reset": "copying response body: connection reset",
		page:              page[:maxErrorText],
		"trouble":         "trouble",
		"not found":       "not found",
		"}":               "}",
		"\xff\xfe\x00":    "\xff\xfe\x00",
		"null\x1b[31mred": "\x1b[31mred",
	} {
		r := NewReader(io.MultiReader(strings.NewReader(`{"a":1}`), strings.NewReader(text)), 0)
		v, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, `{"a":1}`, string(v))
		_, err = readAll(r)
		var textErr *TextError
		require.ErrorAs(t, err, &textErr, text)
		require.True(t, strings.HasPrefix(shown, textErr.Text), "%q", textErr.Text)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NotContains(t, err.Error(), "\x1b")
		_, again := r.Next()
		require.Same(t, err, again)
	}
	r := NewReader(strings.NewReader(page), 0)
	_, err := r.Next()
	require.LessOrEqual(t, len(err.(*TextError).Text), maxErrorText)
}

func TestReaderReject(t *testing.T) {
	r := NewReader(strings.NewReader("{} 404 page not found\n"), 0)
	_, err := r.Next()
	require.NoError(t, err)
	v, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "404", string(v))
	require.EqualError(t, r.Reject(), `not JSON at byte 3: "404 page not found\n"`)
}

func TestReaderLimit(t *testing.T) {
	for _, limit := range []int{1, 10, 511, 512, 513, 64 << 10, 100_000} {
		for size, ok := range map[int]bool{limit - 1: true, limit: true, limit + 1: false, 3 * limit: false} {
			if size < 2 {
				continue
			}
			value := `"` + strings.Repeat("x", size-2) + `"`
			values, err := readAll(NewReader(strings.NewReader(`1 `+value+` 2`), limit))
			if ok {
				require.Equal(t, []string{"1", value, "2"}, values, "limit %d, size %d", limit, size)
				require.Equal(t, io.EOF, err)
			} else {
				require.ErrorIs(t, err, ErrTooLarge, "limit %d, size %d", limit, size)
				require.ErrorContains(t, err, "byte 2:")
			}
		}
	}
}

func TestReaderEndlessValue(t *testing.T) {
	for _, start := range []string{`"`, `{"a":"`, `[`, `1`} {
		endless := io.MultiReader(strings.NewReader(start), repeat('1'))
		before := allocated()
		_, err := NewReader(endless, 1<<20).Next()
		require.ErrorIs(t, err, ErrTooLarge)
		require.Less(t, allocated()-before, uint64(4<<20))
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// repeat is a stream of one byte without end.
type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// Values of many sizes, in pieces of many sizes.
func TestReaderRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var want []string
	var data bytes.Buffer
	for range 200 {
		text, err := json.Marshal(map[string]string{"text": strings.Repeat(`\"{x`, rnd.IntN(1<<rnd.IntN(16)))})
		require.NoError(t, err)
		want = append(want, string(text))
		data.Write(text)
		data.WriteString("\r\n"[:rnd.IntN(3)])
	}
	r := &randomReader{r: &data, rnd: rnd}
	values, err := readAll(NewReader(r, 0))
	require.Equal(t, io.EOF, err)
	require.Equal(t, want, values)
}

type randomReader struct {
	r   io.Reader
	rnd *rand.Rand
}

func (r *randomReader) Read(p []byte) (int, error) {
	return r.r.Read(p[:min(len(p), r.rnd.IntN(1<<r.rnd.IntN(17)))])
}

func TestReaderClose(t *testing.T) {
	r := NewReader(strings.NewReader(`{} {}`), 0)
	_, err := r.Next()
	require.NoError(t, err)
	r.Close()
	r.Close()
	_, err = r.Next()
	require.Error(t, err)
}

func TestReaderDoesNotAllocate(t *testing.T) {
	data := strings.NewReader("")
	r := NewReader(data, 0)
	text := strings.Repeat(`{"status":"Downloading"}`+"\r\n", 1000)
	n := testing.AllocsPerRun(10, func() {
		// A reader at its end stays there, so that each run is a new one over the same memory.
		*r = Reader{limit: r.limit}
		data.Reset(text)
		r.buf.Init(data, r.limit)
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
	})
	require.LessOrEqual(t, n, 2.0)
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{100, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			value := fmt.Sprintf(`{"stream":"%s","list":[1,2,3]}`+"\r\n", strings.Repeat("x", size))
			data := []byte(strings.Repeat(value, 1<<20/len(value)))
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				r := NewReader(bytes.NewReader(data), 0)
				for {
					if _, err := r.Next(); err != nil {
						break
					}
				}
			}
		})
	}
}
