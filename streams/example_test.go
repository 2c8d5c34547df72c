package streams_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// What an engine sends for a process that has written a line to each of its streams.
const multiplexed = "\x01\x00\x00\x00\x00\x00\x00\x06hello\n" +
	"\x02\x00\x00\x00\x00\x00\x00\x05oops\n"

func ExampleDemux() {
	var stderr strings.Builder
	n, err := streams.Demux(os.Stdout, &stderr, strings.NewReader(multiplexed))
	fmt.Printf("%d bytes, %v, stderr %q\n", n, err, stderr.String())
	// Output:
	// hello
	// 11 bytes, <nil>, stderr "oops\n"
}

func ExampleFrames() {
	cut := multiplexed[:len(multiplexed)-2]
	for f, err := range streams.Frames(strings.NewReader(cut)) {
		if err != nil {
			fmt.Println("truncated:", errors.Is(err, errdefs.ErrTruncated))
			break
		}
		fmt.Printf("%s %q\n", f.Stream, f.Data)
	}
	// Output:
	// stdout "hello\n"
	// stderr "oop"
	// truncated: true
}

func ExampleLines() {
	for line, err := range streams.Lines(strings.NewReader(multiplexed), nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(line.Stream, line.Text)
	}
	// Output:
	// stdout hello
	// stderr oops
}

func ExampleOutput() {
	body := io.NopCloser(strings.NewReader("2026-03-01T10:00:00.000000001Z hello\r\n"))
	output := streams.NewOutput(body, &streams.OutputOptions{TTY: true, Timestamps: true})
	for line, err := range output.Lines() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(line.Time.Format("15:04:05"), line.Text)
	}
	// Output:
	// 10:00:00 hello
}

func ExampleJSON() {
	type event struct{ Type, Action string }
	body := strings.NewReader(`{"Type":"container","Action":"start"}` + "\n" + `{"Type":"container","Action":"die"}`)
	for e, err := range streams.JSON[event](body) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Type, e.Action)
	}
	// Output:
	// container start
	// container die
}

func ExampleMessages() {
	body := strings.NewReader(`{"status":"Pulling from library/nothing","id":"latest"}` + "\r\n" +
		`{"errorDetail":{"code":404,"message":"no such manifest"},"error":"no such manifest"}`)
	for m, err := range streams.Messages(body) {
		if err != nil {
			fmt.Println("failed:", err, errors.Is(err, errdefs.ErrNotFound))
			return
		}
		fmt.Println(m.ID, m.Status)
	}
	// Output:
	// latest Pulling from library/nothing
	// failed: no such manifest true
}

func ExampleTracker() {
	var tracker streams.Tracker
	progress := func(m streams.Message) { // the callback of a job
		tracker.Add(m)
		s := tracker.Summary()
		fmt.Printf("%s: %d of %d layers, %d of %d bytes\n", s.Phase, s.Done, s.Total, s.Transfer.Current, s.Transfer.Total)
	}
	progress(streams.Message{ID: "a3ed95caeb02", Status: "Downloading", Current: 512, Total: 2048})
	progress(streams.Message{ID: "a3ed95caeb02", Status: "Pull complete"})
	// Output:
	// downloading: 0 of 1 layers, 512 of 2048 bytes
	// done: 1 of 1 layers, 2048 of 2048 bytes
}

func ExampleDisplay() {
	progress := streams.Display(os.Stdout) // no terminal here: plain lines
	progress(streams.Message{Status: "Pulling from library/alpine", ID: "3.22"})
	progress(streams.Message{ID: "a3ed95caeb02", Status: "Downloading", Current: 512, Total: 2048})
	progress(streams.Message{ID: "a3ed95caeb02", Status: "Pull complete"})
	progress(streams.Message{Done: true})
	// Output:
	// 3.22: Pulling from library/alpine
	// a3ed95caeb02: Downloading
	// a3ed95caeb02: Pull complete
}

func ExampleConn() {
	ctx, cancel := context.WithCancelCause(context.Background())
	client, server := net.Pipe()
	defer server.Close()

	conn := streams.NewConn(ctx, client)
	defer conn.Close()
	cancel(errors.New("the user pressed Ctrl-C"))
	_, err := conn.Read(make([]byte, 10))
	fmt.Println(err, errors.Is(err, errdefs.ErrCancelled))
	// Output:
	// context canceled: the user pressed Ctrl-C true
}
