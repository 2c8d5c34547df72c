package bench

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// onlyReader hides everything but Read, as a body of net/http does.
type onlyReader struct{ r io.Reader }

func (o onlyReader) Read(p []byte) (int, error) { return o.r.Read(p) }

// counter is a writer that counts.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// equal is the error of a count that is not as it should be.
func equal(what string, want, got int) error {
	if want != got {
		return fmt.Errorf("%s: %d, and not %d", what, got, want)
	}
	return nil
}

// logFrames are n frames of stdout, and their payloads, which are size bytes each.
func logFrames(n, size int) (frames []byte, payloads [][]byte) {
	line := append(bytes.Repeat([]byte("x"), size-1), '\n')
	for range n {
		frames = binary.BigEndian.AppendUint64(frames, 1<<56|uint64(size))
		frames = append(frames, line...)
	}
	for i := range n {
		end := (i + 1) * (8 + size)
		payloads = append(payloads, frames[end-size:end])
	}
	return frames, payloads
}

// message is one record of a pull, with its fields in an engine's order.
type message struct {
	Status   string  `json:"status"`
	Detail   *detail `json:"progressDetail,omitempty"`
	Progress string  `json:"progress,omitempty"`
	ID       string  `json:"id,omitempty"`
}

type detail struct {
	Current int64 `json:"current,omitempty"`
	Total   int64 `json:"total,omitempty"`
}

const (
	layers   = 8
	messages = 5000
)

// pull is the progress of a pull of 5,000 messages: of each layer that it waits, is downloaded,
// checked and extracted, mixed as an engine mixes them, each message with its line end.
var pull = sync.OnceValue(func() [][]byte {
	list := []message{{Status: "Pulling from library/golang", ID: "1.26"}}
	for _, status := range []string{"Pulling fs layer", "Waiting"} {
		for l := range layers {
			list = append(list, message{Status: status, Detail: new(detail), ID: layer(l)})
		}
	}
	const closing = 3*layers + 2
	half := (messages - len(list) - closing) / 2
	list = transfer(list, "Downloading", half)
	for l := range layers {
		list = append(list,
			message{Status: "Verifying Checksum", Detail: new(detail), ID: layer(l)},
			message{Status: "Download complete", Detail: new(detail), ID: layer(l)})
	}
	list = transfer(list, "Extracting", messages-len(list)-layers-2)
	for l := range layers {
		list = append(list, message{Status: "Pull complete", Detail: new(detail), ID: layer(l)})
	}
	return lines(append(list,
		message{Status: "Digest: sha256:" + strings.Repeat("4f3a9c1e", 8)},
		message{Status: "Status: Downloaded newer image for golang:1.26"}))
})

// layer is the short ID of a layer.
func layer(l int) string { return fmt.Sprintf("%012x", 0x3c7e5b2fa91d*(l+1)&0xffffffffffff) }

// transfer appends n messages of what comes in pieces, of all layers in turn.
func transfer(list []message, status string, n int) []message {
	for i := range n {
		total := int64(65_600_000 + 1_234_567*(i%layers))
		now := total * int64(i+1) / int64(n)
		done := int(now * 50 / total)
		bar := strings.Repeat("=", done) + ">" + strings.Repeat(" ", 50-done)
		list = append(list, message{
			status, &detail{now, total},
			fmt.Sprintf("[%s]  %.2fMB/%.1fMB", bar, float64(now)/1e6, float64(total)/1e6), layer(i % layers),
		})
	}
	return list
}

func lines(list []message) [][]byte {
	var texts [][]byte
	for _, m := range list {
		text, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		texts = append(texts, append(text, "\r\n"...))
	}
	return texts
}

// recorded is what a real engine has sent, by what was asked.
func recorded(tb testing.TB, file string) map[string]json.RawMessage {
	text, err := os.ReadFile("../testdata/wire/" + file)
	require.NoError(tb, err)
	var answers map[string]json.RawMessage
	require.NoError(tb, json.Unmarshal(text, &answers))
	return answers
}

var (
	fullID   = regexp.MustCompile(`[0-9a-f]{64}`)
	unixTime = regexp.MustCompile(`"time(Nano)?":1795`)
)

// events are n events: the recorded ones again and again, each time of other containers
// and of another time.
func events(tb testing.TB, n int) [][]byte {
	var once []json.RawMessage
	require.NoError(tb, json.Unmarshal(recorded(tb, "docker-28.5.json")["events"], &once))
	var list [][]byte
	for i := range n {
		cycle := i / len(once)
		text := fullID.ReplaceAllFunc(once[i%len(once)], func(id []byte) []byte {
			return fmt.Appendf(nil, "%08x%s", uint32(cycle+1)*2654435761, id[8:])
		})
		text = unixTime.ReplaceAll(text, fmt.Appendf(nil, `"time${1}":%d`, 1800+cycle))
		list = append(list, append(text, '\n'))
	}
	return list
}

// samples are n samples of stats: those recorded of several engines, in turn.
func samples(tb testing.TB, n int) [][]byte {
	var list [][]byte
	for _, file := range []string{"docker-20.10.json", "docker-26.1.json", "docker-28.5.json"} {
		list = append(list, append(bytes.Clone(recorded(tb, file)["stats"]), '\n'))
	}
	for i := range n {
		list = append(list, list[i])
	}
	return list[:n]
}
