package buildkit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func TestMessages(t *testing.T) {
	m := message(nil).number(1, 0).text(2, "").bytes(3, nil)
	require.Empty(t, m)
	m = m.number(1, 1<<63).text(2, "text").embed(3, nil).dict(4, map[string]string{"b": "", "a": "x"}).texts(5, []string{"", "y"})
	var numbers []int
	dict := make(map[string]string)
	f := fields{rest: m}
	for f.next() {
		numbers = append(numbers, f.number)
		switch f.number {
		case 1:
			require.Equal(t, uint64(1<<63), f.value)
		case 2:
			require.Equal(t, "text", f.text())
		case 4:
			f.entry(dict)
		}
	}
	require.NoError(t, f.err)
	require.Equal(t, []int{1, 2, 3, 4, 4, 5, 5}, numbers)
	require.Equal(t, map[string]string{"a": "x", "b": ""}, dict)
	for _, wrong := range []string{
		"\x08", "\x12\x05a", "\x0b", "\x00", "\x09\x01", "\x0d\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x0f",
	} {
		f := fields{rest: []byte(wrong)}
		for f.next() {
		}
		require.Error(t, f.err, "%q", wrong)
	}
}

// sampleStatus has every field of a status.
func sampleStatus() message {
	at := message(nil).number(1, 1700000000).number(2, 5)
	vertex := message(nil).text(1, "d").texts(2, []string{"i", "j"}).text(3, "name").number(4, 1).embed(5, at).embed(6, at).text(7, "err").
		embed(8, message(nil).text(1, "g").text(2, "group"))
	progress := message(nil).text(1, "id").text(2, "d").text(3, "n").number(4, 3).number(5, 4).embed(6, at).embed(7, at).embed(8, at)
	log := message(nil).text(1, "d").embed(2, at).number(3, 2).text(4, "line\n")
	line := func(n uint64) message { return message(nil).number(1, n).number(2, 9) }
	between := func(a, b uint64) message { return message(nil).embed(1, line(a)).embed(2, line(b)) }
	warning := message(nil).text(1, "d").number(2, 1).text(3, "short").texts(4, []string{"de", "tail"}).text(5, "url").
		embed(6, message(nil).text(1, "Dockerfile").text(2, "FROM x")).embed(7, between(1, 2)).embed(7, between(3, 3)).embed(7, between(9, 9))
	return message(nil).embed(1, vertex).embed(2, progress).embed(3, log).embed(4, warning).number(99, 7)
}

func TestStatus(t *testing.T) {
	at := time.Unix(1700000000, 5)
	s, err := decodeStatus(sampleStatus())
	require.NoError(t, err)
	require.Equal(t, &Status{
		Vertices: []Vertex{{
			Digest: "d", Name: "name", Inputs: []string{"i", "j"}, Started: at, Completed: at, Cached: true, Error: "err", Group: "g", GroupName: "group",
		}},
		Progress: []Progress{{ID: "id", Vertex: "d", Name: "n", Current: 3, Total: 4, Time: at, Started: at, Completed: at}},
		Logs:     []Log{{Vertex: "d", Time: at, Stream: 2, Data: []byte("line\n")}},
		Warnings: []Warning{{
			Vertex: "d", Level: 1, Short: "short", Detail: []string{"de", "tail"}, URL: "url",
			Source: &Position{File: "Dockerfile", Text: "FROM x", Ranges: []Range{{1, 3}, {9, 9}}},
		}},
	}, s)
	whole := sampleStatus()
	for cut := range whole {
		s, err := decodeStatus(whole[:cut])
		require.NotNil(t, s)
		_ = err // a cut between fields is none
	}
}

func TestFrames(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789"), 100_000)
	var whole []byte
	for _, m := range [][]byte{[]byte("one"), nil, big} {
		whole = appendFrame(whole, m)
	}
	for _, r := range []io.Reader{bytes.NewReader(whole), iotest.HalfReader(bytes.NewReader(whole)), iotest.DataErrReader(bytes.NewReader(whole))} {
		f := frames{r: r}
		for _, want := range []string{"one", "", string(big)} {
			m, err := f.next()
			require.NoError(t, err)
			require.Equal(t, want, string(m))
		}
		_, err := f.next()
		require.Equal(t, io.EOF, err)
	}
	small := whole[:len(whole)-len(big)]
	for cut := range small {
		f := frames{r: bytes.NewReader(small[:cut])}
		var err error
		for err == nil {
			_, err = f.next()
		}
		if cut == 0 || cut == 8 || cut == 13 {
			require.Equal(t, io.EOF, err, cut)
		} else {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, cut)
		}
	}
	failure := errors.New("gone")
	f := frames{r: io.MultiReader(bytes.NewReader(whole[:20]), iotest.ErrReader(failure))}
	f.next()
	f.next()
	_, err := f.next()
	require.ErrorIs(t, err, failure)
	require.ErrorIs(t, err, errdefs.ErrTruncated)
}

// A length that is only claimed costs no memory, and one past the limit is refused.
func TestFramesOfClaimedLength(t *testing.T) {
	f := frames{r: bytes.NewReader(append(binary.BigEndian.AppendUint32([]byte{0}, maxMessage), 1, 2, 3))}
	_, err := f.next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, cap(f.buf), minBuffer)
	f = frames{r: bytes.NewReader(binary.BigEndian.AppendUint32([]byte{0}, maxMessage+1))}
	_, err = f.next()
	require.ErrorIs(t, err, errMalformed)
	f = frames{r: bytes.NewReader([]byte{1, 0, 0, 0, 0})}
	_, err = f.next()
	require.Equal(t, codeUnimplemented, code(t, err))
}

func TestTextsOfStatuses(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		b := make([]byte, rnd.IntN(100))
		for i := range b {
			b[i] = byte(rnd.IntN(256))
		}
		require.Equal(t, string(b), unescapeText(escapeText(string(b))))
	}
	for text, want := range map[string]string{"%": "%", "%4": "%4", "%41": "A", "%zz%41": "%zzA", "a%": "a%"} {
		require.Equal(t, want, unescapeText(text))
	}
}

// details makes a status as an engine adds it to a failure.
func details(values ...string) message {
	m := message(nil).number(1, 2).text(2, "failed")
	for i := 0; i < len(values); i += 2 {
		m = m.embed(3, message(nil).text(1, values[i]).text(2, values[i+1]))
	}
	return m
}

func sampleDetails() (binary, json message) {
	source := message(nil).embed(1, message(nil).text(1, "Dockerfile").text(2, "FROM x")).
		embed(2, message(nil).embed(1, message(nil).number(1, 3)).embed(2, message(nil).number(1, 4)))
	binary = details("type/errdefs.Vertex", string(message(nil).text(1, "sha256:1")), "github.com/moby/buildkit/errdefs.Source+json", string(source))
	json = details("github.com/moby/buildkit/errdefs.Vertex+json", `{"digest":"sha256:1"}`, "github.com/moby/buildkit/errdefs.Source+json",
		`{"info":{"filename":"Dockerfile","data":"RlJPTSB4"},"ranges":[{"start":{"line":3},"end":{"line":4}}]}`, "other", "x")
	return binary, json
}

func TestDetails(t *testing.T) {
	binary, json := sampleDetails()
	for _, m := range []message{binary, json} {
		var e Error
		e.decodeDetails(m)
		require.Equal(t, "sha256:1", e.vertex)
		require.Equal(t, &Position{File: "Dockerfile", Text: "FROM x", Ranges: []Range{{3, 4}}}, e.Source)
		for cut := range m {
			new(Error).decodeDetails(m[:cut])
		}
	}
}

func FuzzMessages(f *testing.F) {
	binary, json := sampleDetails()
	f.Add([]byte(sampleStatus()))
	f.Add([]byte(binary))
	f.Add([]byte(json))
	f.Add([]byte(data(7, []byte("content"))))
	f.Add([]byte(message(nil).dict(1, map[string]string{"a": "b"})))
	f.Add([]byte("\x08"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, _ := decodeStatus(b)
		var h history
		h.add(s)
		var e Error
		e.decodeDetails(b)
		h.explain(&e)
		decodePacket(b)
		decodePosition(b)
		decodeResponse(b)
		textField(b, 1)
		unescapeText(string(b))
		in := frames{r: bytes.NewReader(b)}
		for {
			if _, err := in.next(); err != nil {
				break
			}
		}
		if cap(in.buf) > max(minBuffer, 2*len(b)) {
			t.Fatalf("%d bytes for %d", cap(in.buf), len(b))
		}
		io.Copy(io.Discard, &received{in: frames{r: bytes.NewReader(b)}})
	})
}
