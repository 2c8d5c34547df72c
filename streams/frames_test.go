package streams

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/internal/jsonscan/idle"
)

// rocket comes over two frames of stdout with stderr between.
const rocket = "🚀"

// recorded are small streams with one thing each that can go wrong.
var recorded = map[string][]byte{
	"empty":   {},
	"one":     frame(nil, Stdout, "hello\n"),
	"rocket":  frame(frame(frame(nil, Stdout, "to the "+rocket[:2]), Stderr, "warning\n"), Stdout, rocket[2:]+"\n"),
	"zero":    frame(frame(frame(nil, Stdout, ""), Stderr, ""), Stdout, "x"),
	"stdin":   frame(frame(nil, Stdin, "echo"), Stdout, "out"),
	"system":  frame(frame(frame(nil, Stdout, "before"), System, "boom\n"), Stdout, "after"),
	"unknown": append(frame(nil, Stderr, "before"), 4, 0, 0, 0, 0, 0, 0, 1, 'x'),
	"tty":     []byte("no frames at all\r\n"),
}

// big is a stream of frames around the size of the buffer.
func big() []byte {
	var b []byte
	for i, size := range []int{1, idle.Size - 9, idle.Size - 8, idle.Size - 7, 3, idle.Size, 100, 3*idle.Size + 1, 16 << 10, 20} {
		b = frame(b, Stream(1+i%2), strings.Repeat(string(rune('a'+i)), size))
	}
	return b
}

// naive demultiplexes in the simplest way.
func naive(data []byte) (out [3]string, end string) {
	at := int64(0)
	for len(data) >= headerSize {
		size := binary.BigEndian.Uint32(data[4:])
		if data[0] > 3 || data[1] != 0 || data[2] != 0 || data[3] != 0 {
			return out, (&FrameError{at, [8]byte(data)}).Error()
		}
		stream := data[0]
		data = data[headerSize:]
		part := data[:min(uint64(size), uint64(len(data)))]
		if stream == 3 {
			text := part[:min(len(part), maxSystemError)]
			if len(part) < int(min(size, maxSystemError)) {
				return out, "truncated"
			}
			return out, "engine: 0 " + strings.TrimSpace(string(text))
		}
		out[stream] += string(part)
		if uint64(len(part)) < uint64(size) {
			return out, "truncated"
		}
		data = data[size:]
		at += headerSize + int64(size)
	}
	if len(data) > 0 {
		return out, "truncated"
	}
	return out, "end"
}

// checkFrames compares both decoders with naive.
func checkFrames(t *testing.T, data []byte, read func(io.Reader) io.Reader) {
	t.Helper()
	want, end := naive(data)
	var got [3]strings.Builder
	last := false
	for f, err := range Frames(read(bytes.NewReader(data))) {
		require.False(t, last, "a step after an error")
		if err != nil {
			require.Empty(t, f)
			require.Equal(t, end, kind(err))
			last = true
			continue
		}
		require.NotEmpty(t, f.Data)
		got[f.Stream].Write(f.Data)
	}
	require.Equal(t, end != "end", last)
	for i := range got {
		require.Equal(t, want[i], got[i].String())
	}

	var stdout, stderr strings.Builder
	n, err := Demux(&stdout, &stderr, read(bytes.NewReader(data)))
	require.Equal(t, end, kind(err))
	require.NotEqual(t, io.EOF, err)
	require.EqualValues(t, stdout.Len()+stderr.Len(), n)
	require.Equal(t, want[Stderr], stderr.String())
	require.Len(t, stdout.String(), len(want[Stdin])+len(want[Stdout]))
	if want[Stdin] == "" {
		require.Equal(t, want[Stdout], stdout.String())
	}
}

func TestFramesPrefixes(t *testing.T) {
	for name, data := range recorded {
		t.Run(name, func(t *testing.T) {
			for i := range len(data) + 1 {
				for _, read := range readers {
					checkFrames(t, data[:i], read)
				}
			}
		})
	}
}

func TestFramesSplits(t *testing.T) {
	for name, data := range recorded {
		t.Run(name, func(t *testing.T) {
			for i := range len(data) + 1 {
				checkFrames(t, data, func(r io.Reader) io.Reader {
					return io.MultiReader(io.LimitReader(r, int64(i)), r)
				})
			}
		})
	}
}

func TestFramesBig(t *testing.T) {
	data := big()
	for name, read := range readers {
		t.Run(name, func(t *testing.T) {
			checkFrames(t, data, read)
			checkFrames(t, data[:len(data)-1], read)
		})
	}
}

// Frames that fit the buffer come whole, however they are read.
func TestFramesComeWhole(t *testing.T) {
	data := big()
	for name, read := range readers {
		var sizes []int
		pieces := 0
		for f, err := range Frames(read(bytes.NewReader(data))) {
			require.NoError(t, err)
			if c := f.Data[0]; c == 'd' || c == 'f' || c == 'h' {
				pieces++
				continue
			}
			sizes = append(sizes, len(f.Data))
		}
		require.Equal(t, []int{1, idle.Size - 9, idle.Size - 8, 3, 100, 16 << 10, 20}, sizes, name)
		require.GreaterOrEqual(t, pieces, 3)
	}
}

func TestFramesAllTypes(t *testing.T) {
	for i := range 4 {
		for b := range 256 {
			header := [8]byte{1, 0, 0, 0, 0, 0, 0, 2}
			header[i] = byte(b)
			data := append(frame(nil, Stdout, "before"), header[:]...)
			data = append(data, "ok"...)
			checkFrames(t, data, readers["plain"])
			var stdout, stderr strings.Builder
			_, err := Demux(&stdout, &stderr, bytes.NewReader(data))
			if known := i == 0 && b <= 3 || i > 0 && b == 0; known {
				require.Equal(t, i == 0 && b == 3, err != nil)
				continue
			}
			var frameErr *FrameError
			require.ErrorAs(t, err, &frameErr)
			require.Equal(t, FrameError{Offset: headerSize + 6, Header: header}, *frameErr)
			require.NotErrorIs(t, err, errdefs.ErrTruncated)
			require.Equal(t, "before", stdout.String())
		}
	}
}

func TestFrameErrorOffsetIsFarIn(t *testing.T) {
	data := append(big(), "garbage, then"...)
	for _, read := range readers {
		_, err := Demux(nil, nil, read(bytes.NewReader(data)))
		var frameErr *FrameError
		require.ErrorAs(t, err, &frameErr)
		require.EqualValues(t, len(data)-len("garbage, then"), frameErr.Offset)
		require.Equal(t, "garbage,", string(frameErr.Header[:]))
	}
}

func TestSystemError(t *testing.T) {
	long := strings.Repeat("long ", 2000)
	for text, want := range map[string]string{
		"boom": "boom", "boom\n": "boom", "": "", long: strings.TrimSpace(long[:maxSystemError]),
	} {
		data := frame(frame(nil, Stdout, "out"), System, text)
		var stdout strings.Builder
		n, err := Demux(&stdout, nil, iotest.OneByteReader(bytes.NewReader(data)))
		var engine *EngineError
		require.ErrorAs(t, err, &engine)
		require.Equal(t, EngineError{Message: want}, *engine)
		require.NotEmpty(t, err.Error())
		require.ErrorIs(t, err, errdefs.ErrRefused)
		require.EqualValues(t, 3, n)
		require.Equal(t, "out", stdout.String())
	}
	// A cut error is a cut, and still shows what there is of it.
	_, err := Demux(nil, nil, bytes.NewReader(frame(nil, System, "no such container")[:15]))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "no such")
}

func TestEngineErrorKinds(t *testing.T) {
	require.ErrorIs(t, &EngineError{Code: 404, Message: "no such image"}, errdefs.ErrNotFound)
	require.ErrorIs(t, &EngineError{Code: 401}, errdefs.ErrUnauthenticated)
	for _, code := range []int{-1, 0, 1, 127, 200, 304, 600} {
		require.NoError(t, errors.Unwrap(&EngineError{Code: code}))
	}
	require.EqualError(t, &EngineError{Code: 3}, "the engine reported an error without a message, code 3")
}

func TestDemuxReadError(t *testing.T) {
	boom := errors.New("boom")
	full := recorded["rocket"]
	for i := range len(full) + 1 {
		r := io.MultiReader(bytes.NewReader(full[:i]), iotest.ErrReader(boom))
		var stdout, stderr strings.Builder
		n, err := Demux(&stdout, &stderr, r)
		want, _ := naive(full[:i])
		require.ErrorIs(t, err, boom)
		require.NotErrorIs(t, err, errdefs.ErrTruncated)
		require.EqualValues(t, len(want[1])+len(want[2]), n)
		require.Equal(t, want[1], stdout.String())

		_, err = Demux(nil, nil, io.MultiReader(bytes.NewReader(full[:i]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		require.ErrorIs(t, err, errdefs.ErrTruncated)
	}
	_, err := Demux(nil, nil, iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(full))))
	require.ErrorIs(t, err, iotest.ErrTimeout)
}

func TestNoProgress(t *testing.T) {
	var e emptyReader
	_, err := Demux(nil, nil, &e)
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.Equal(t, 100, e.n)
}

// A limitedWriter takes a number of bytes and then fails, or claims to have written more or less.
type limitedWriter struct {
	left int
	err  error
	add  int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) <= w.left {
		w.left -= len(p)
		return len(p) + w.add, nil
	}
	n := w.left
	w.left = 0
	return n, w.err
}

func TestDemuxWriteError(t *testing.T) {
	boom := errors.New("boom")
	data := frame(frame(nil, Stdout, "12345"), Stderr, "67890")
	for _, test := range []struct {
		w    *limitedWriter
		n    int64
		want error
	}{
		{&limitedWriter{3, boom, 0}, 3, boom},
		{&limitedWriter{3, nil, 0}, 3, io.ErrShortWrite},
		{&limitedWriter{5, boom, 0}, 5, boom},
		{&limitedWriter{5, nil, 1}, 0, errInvalidWrite},
		{&limitedWriter{5, nil, -6}, 0, errInvalidWrite},
		{&limitedWriter{10, boom, 0}, 10, nil},
	} {
		r := &countingReader{Reader: bytes.NewReader(data)}
		n, err := Demux(test.w, test.w, r)
		require.Equal(t, test.want, err)
		require.Equal(t, test.n, n)
	}
}

func TestDemuxNilWriters(t *testing.T) {
	data := recorded["rocket"]
	n, err := Demux(nil, nil, bytes.NewReader(data))
	require.NoError(t, err)
	require.EqualValues(t, len(data)-3*headerSize, n)
	var stderr strings.Builder
	_, err = Demux(nil, &stderr, bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, "warning\n", stderr.String())
}

func TestFramesBreak(t *testing.T) {
	r := &countingReader{Reader: iotest.OneByteReader(bytes.NewReader(recorded["rocket"]))}
	seq := Frames(r)
	for f, err := range seq {
		require.NoError(t, err)
		require.NotEmpty(t, f.Data)
		break
	}
	n := r.n
	for _, err := range seq {
		require.ErrorIs(t, err, errLeft)
	}
	require.Equal(t, n, r.n)
}

func TestFramesSecondLoopAfterTheEnd(t *testing.T) {
	seq := Frames(bytes.NewReader(recorded["rocket"]))
	for range seq {
	}
	for range seq {
		t.Error("a step after the end")
	}
}

// The memory that a stream costs does not depend on what its headers claim.
func TestFramesAllocation(t *testing.T) {
	for i := range 64 {
		size := uint32(0xffffffff) >> (i / 2)
		if i%2 == 1 {
			size ^= 0x5555
		}
		header := binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, size)
		data := append(header, "only ten b"...)
		if i%4 == 3 {
			data = append(data, make([]byte, 200<<10)...)
		}
		for _, decode := range []func(){
			func() { _, _ = Demux(nil, nil, bytes.NewReader(data)) },
			func() {
				for range Frames(bytes.NewReader(data)) {
				}
			},
		} {
			require.LessOrEqual(t, allocation(decode), uint64(64<<10), "size %#x", size)
		}
	}
}

// allocation returns how many bytes f allocates.
func allocation(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDemuxDoesNotAllocatePerFrame(t *testing.T) {
	var data []byte
	for range 1000 {
		data = frame(data, Stdout, "a line of a log\n")
	}
	n := testing.AllocsPerRun(20, func() {
		_, err := Demux(nil, nil, bytes.NewReader(data))
		require.NoError(t, err)
	})
	require.LessOrEqual(t, n, 10.0)
}

// Streams that wait hold about half a KiB each, whatever came before.
func TestIdleStreamsHoldLittle(t *testing.T) {
	var frames []byte
	for range 100 {
		frames = frame(frames, Stdout, strings.Repeat("x", 100)+"\n")
	}
	messages := pullStream(100)
	for name, test := range map[string]struct {
		data []byte
		read func(r io.ReadCloser)
	}{
		"frames":   {frames, func(r io.ReadCloser) { drain(Frames(r)) }},
		"demux":    {frames, func(r io.ReadCloser) { _, _ = Demux(nil, nil, r) }},
		"lines":    {frames, func(r io.ReadCloser) { drain(Lines(r, nil)) }},
		"raw":      {frames, func(r io.ReadCloser) { _ = NewOutput(r, &OutputOptions{TTY: true}).Copy(nil, nil) }},
		"messages": {messages, func(r io.ReadCloser) { drain(Messages(r)) }},
		"json":     {messages, func(r io.ReadCloser) { drain(JSON[struct{ ID string }](r)) }},
	} {
		t.Run(name, func(t *testing.T) { checkIdle(t, test.data, test.read) })
	}
}

func drain[T any](seq iter.Seq2[T, error]) {
	for range seq {
	}
}

func checkIdle(t *testing.T, data []byte, read func(r io.ReadCloser)) {
	noLeaks(t)
	const streams = 200
	var before, after runtime.MemStats
	bodies := make([]*blockedReader, streams)
	for i := range bodies {
		bodies[i] = newBlockedReader(bytes.NewReader(data))
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, body := range bodies {
		go read(body)
		defer body.Close()
	}
	for _, body := range bodies {
		<-body.idle
	}
	runtime.GC()
	runtime.GC() // empties the pools
	runtime.ReadMemStats(&after)
	require.Less(t, (int64(after.HeapAlloc)-int64(before.HeapAlloc))/streams, int64(5<<10))
}

func TestStreamString(t *testing.T) {
	require.Equal(t, "stdin stdout stderr system stream(9)", fmt.Sprint(Stdin, " ", Stdout, " ", Stderr, " ", System, " ", Stream(9)))
}
