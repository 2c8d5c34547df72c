package idle

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// pieces returns one piece at each read.
type pieces struct {
	data [][]byte
	room []int // what each read had
}

func (p *pieces) Read(b []byte) (int, error) {
	p.room = append(p.room, len(b))
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[0])
	if p.data[0] = p.data[0][n:]; len(p.data[0]) == 0 {
		p.data = p.data[1:]
	}
	return n, nil
}

func open(r io.Reader, limit int) *Buffer {
	b := new(Buffer)
	b.Init(r, limit)
	return b
}

func TestSlowStreamHoldsLittle(t *testing.T) {
	p := &pieces{}
	for range 50 {
		p.data = append(p.data, []byte("a short line\n"))
	}
	b := open(p, Size)
	for range 50 {
		require.NoError(t, b.Fill())
		require.Nil(t, b.pooled)
		require.Equal(t, "a short line\n", string(b.Unread()))
		b.Discard(len(b.Unread()))
	}
	require.Equal(t, io.EOF, b.Fill())
	for _, room := range p.room {
		require.Equal(t, smallSize, room)
	}
}

func TestBurstThenIdle(t *testing.T) {
	p := &pieces{data: [][]byte{make([]byte, 100<<10), make([]byte, 20)}}
	b := open(p, Size)
	for len(p.data) > 0 {
		require.NoError(t, b.Fill())
		b.Discard(len(b.Unread()))
	}
	require.Equal(t, io.EOF, b.Fill())
	require.Equal(t, []int{smallSize, Size, Size}, p.room[:3])
	require.Equal(t, smallSize, p.room[len(p.room)-1])
	require.Nil(t, b.pooled)
}

func TestFastStreamStaysWithThePool(t *testing.T) {
	r := &pieces{data: [][]byte{make([]byte, 1<<20)}}
	b := open(r, Size)
	for range 10 {
		require.NoError(t, b.Fill())
		b.Discard(len(b.Unread()))
	}
	require.Equal(t, smallSize, r.room[0])
	for _, room := range r.room[1:] {
		require.Equal(t, Size, room)
	}
}

func TestUnreadSurvives(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, 4<<20)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	p := &pieces{}
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 1+rnd.IntN(1<<rnd.IntN(18)))
		p.data = append(p.data, rest[:n])
		rest = rest[n:]
	}
	limit := 256 << 10
	b := open(p, limit)
	at := 0
	for {
		err := b.Fill()
		require.Equal(t, int64(at), b.Offset())
		require.True(t, bytes.Equal(data[at:at+len(b.Unread())], b.Unread()))
		require.LessOrEqual(t, len(b.Unread()), limit)
		if err == io.EOF {
			break
		}
		n := len(b.Unread()) - rnd.IntN(1<<rnd.IntN(19))
		if n > 0 {
			b.Discard(n)
			at += n
		}
		if err == ErrFull {
			b.Discard(1)
			at++
		} else {
			require.NoError(t, err)
		}
	}
	require.Equal(t, len(data), at+len(b.Unread()))
}

func TestFull(t *testing.T) {
	for _, limit := range []int{0, Size, Size + 1, 3 * Size} {
		b := open(strings.NewReader(strings.Repeat("x", 1<<20)), limit)
		var err error
		for err == nil {
			err = b.Fill()
		}
		require.Equal(t, ErrFull, err)
		require.Len(t, b.Unread(), max(limit, Size))
	}
}

func TestErrors(t *testing.T) {
	boom := errors.New("boom")
	b := open(iotest.DataErrReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(boom))), 0)
	require.NoError(t, b.Fill())
	for range 2 {
		require.Equal(t, boom, b.Fill())
		require.Equal(t, "abc", string(b.Unread()))
	}
	for _, n := range []int{-1, 1 << 20} {
		b = open(liar(n), 0)
		require.ErrorContains(t, b.Fill(), "impossible")
		require.Empty(t, b.Unread())
	}
}

type liar int

func (l liar) Read([]byte) (int, error) { return int(l), nil }
