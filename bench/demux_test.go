package bench

import (
	"bytes"
	"io"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"

	"github.com/cleat-go/docker/streams"
)

const (
	frames     = 10_000
	frameSize  = 100
	bufferSize = 56 << 10 // of this client's decoders
)

// demux takes log frames apart: from memory, by a reader that has nothing but Read, to
// a writer that counts. The floor reads the same bytes by the same reader into a buffer of
// the same size as this client's, and writes the payload of each frame that has come, which
// it knows beforehand.
func demux() *contest {
	text, payloads := logFrames(frames, frameSize)
	demuxer := func(run func(w io.Writer, r io.Reader) (int64, error)) func(testing.TB) func() error {
		return func(testing.TB) func() error {
			var source bytes.Reader
			var written counter
			return func() error {
				source.Reset(text)
				written = 0
				if _, err := run(&written, onlyReader{&source}); err != nil {
					return err
				}
				return equal("bytes of payload", frames*frameSize, int(written))
			}
		}
	}
	return &contest{
		name: "demux/100-byte frames", unit: "frame", units: frames, payload: frames * frameSize,
		entries: []entry{
			{cleat, demuxer(func(w io.Writer, r io.Reader) (int64, error) { return streams.Demux(w, w, r) })},
			{moby, demuxer(func(w io.Writer, r io.Reader) (int64, error) { return stdcopy.StdCopy(w, w, r) })},
			{floor, demuxer(func(w io.Writer, r io.Reader) (int64, error) { return 0, writePayloads(w, r, payloads) })},
		},
		rows: []metric{
			{kind: rate, goal: either(atLeast(5000), within(4, floor))},
			{kind: allocs, goal: atMost(0.001)},
		},
	}
}

// writePayloads is the floor of demux.
func writePayloads(w io.Writer, r io.Reader, payloads [][]byte) error {
	buf := demuxBuffer[:]
	read, written := 0, 0
	for {
		n, err := r.Read(buf)
		read += n
		for (written+1)*(8+frameSize) <= read {
			if _, err := w.Write(payloads[written]); err != nil {
				return err
			}
			written++
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var demuxBuffer [bufferSize]byte
