package streams

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// countWriter is a trivial writer.
type countWriter int64

func (w *countWriter) Write(p []byte) (int, error) {
	*w += countWriter(len(p))
	return len(p), nil
}

func BenchmarkDemux(b *testing.B) {
	for _, size := range []int{20, 100, 1000, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var data []byte
			payload := strings.Repeat("x", size)
			for len(data) < 8<<20 {
				data = frame(data, Stdout, payload)
			}
			var r bytes.Reader
			var w countWriter
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(data)
				if _, err := Demux(&w, &w, onlyReader{&r}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// onlyReader hides all but Read.
type onlyReader struct{ io.Reader }

func BenchmarkFrames(b *testing.B) {
	var data []byte
	payload := strings.Repeat("x", 100)
	for len(data) < 8<<20 {
		data = frame(data, Stdout, payload)
	}
	var r bytes.Reader
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(data)
		for _, err := range Frames(&r) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkLines(b *testing.B) {
	for _, opts := range []LinesOptions{{}, {Timestamps: true}, {Timestamps: true, Details: true}, {TTY: true}} {
		b.Run(fmt.Sprintf("tty=%t,times=%t,details=%t", opts.TTY, opts.Timestamps, opts.Details), func(b *testing.B) {
			prefix := ""
			if opts.Timestamps {
				prefix = "2026-03-01T10:00:00.123456789Z "
			}
			if opts.Details {
				prefix += "app=web,tier=front+end "
			}
			line := prefix + strings.Repeat("x", 99) + "\n"
			var data []byte
			for len(data) < 1<<20 {
				if opts.TTY {
					data = append(data, line...)
				} else {
					data = frame(data, Stdout, line)
				}
			}
			var r bytes.Reader
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				r.Reset(data)
				for _, err := range Lines(&r, &opts) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "lines/op")
		})
	}
}

// pullStream is the progress of a pull, as an engine sends it, of about n messages.
func pullStream(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"status":"Pulling from library/golang","id":"1.26"}` + "\r\n")
	for i := range n {
		id := fmt.Sprintf("a3ed95ca%04x", i%8)
		fmt.Fprintf(&b, `{"status":"Downloading","progressDetail":{"current":%d,"total":%d},"progress":"[====\u003e     ]  %d.1MB/65.6MB","id":"%s"}`+"\r\n",
			i*13000, 65600000, i%65, id)
	}
	return b.Bytes()
}

func BenchmarkMessages(b *testing.B) {
	data := pullStream(5000)
	var r bytes.Reader
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(data)
		for _, err := range Messages(&r) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	data := pullStream(5000)
	var r bytes.Reader
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	type message struct{ ID, Status string }
	for b.Loop() {
		r.Reset(data)
		for _, err := range JSON[message](&r) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
