package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

func TestABlockedAttachReadEndsWithItsContext(t *testing.T) {
	eachNetwork(t, func(t *testing.T, network string) {
		c := script(t, network, func(w *wire) { w.drained(); w.say(upgraded); w.hold() }, pinned)
		for range 10 {
			ctx, cancel := context.WithCancelCause(t.Context())
			stream, err := c.ContainerAttach(ctx, "a", nil)
			require.NoError(t, err)
			failed := make(chan error, 1)
			go func() { failed <- stream.Copy(io.Discard, io.Discard) }()
			time.Sleep(5 * time.Millisecond)
			cause := errors.New("enough")
			start := time.Now()
			cancel(cause)
			err = <-failed
			require.LessOrEqual(t, time.Since(start), 50*time.Millisecond)
			errorsIs(t, err, cause, errdefs.ErrCancelled)
		}
	})
}

func TestABlockedAttachWriteEndsWithItsContext(t *testing.T) {
	eachNetwork(t, func(t *testing.T, network string) {
		stop := make(chan struct{})
		defer close(stop)
		c := script(t, network, func(w *wire) { w.drained(); w.say(upgraded); <-stop }, pinned)
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := c.ContainerAttach(ctx, "a", &ContainerAttachOptions{Stdin: true})
		require.NoError(t, err)
		failed := make(chan error, 1)
		go func() { _, err := io.Copy(stream, zeros{}); failed <- err }()
		time.Sleep(50 * time.Millisecond)
		start := time.Now()
		cancel()
		err = <-failed
		require.LessOrEqual(t, time.Since(start), 50*time.Millisecond)
		errorsIs(t, err, context.Canceled, errdefs.ErrCancelled)
	})
}

// Bytes that arrive with the headers of the answer are not lost, wherever they are cut.
func TestNoFirstByteIsLost(t *testing.T) {
	text := upgraded + frame(1, "first ") + frame(2, "error") + frame(1, "second")
	eachNetwork(t, func(t *testing.T, network string) {
		cuts := make(chan int, 1)
		c := script(t, network, func(w *wire) {
			w.drained()
			cut := <-cuts
			w.say(text[:cut])
			if cut < len(text) {
				time.Sleep(200 * time.Microsecond)
				w.say(text[cut:])
			}
		}, pinned)
		for cut := 1; cut <= len(text); cut++ {
			cuts <- cut
			stream, err := c.ContainerAttach(t.Context(), "a", nil)
			require.NoError(t, err)
			var out, errs bytes.Buffer
			require.NoError(t, stream.Copy(&out, &errs))
			require.Equal(t, "first second", out.String(), cut)
			require.Equal(t, "error", errs.String(), cut)
		}
	})
}

// An engine reads the input to its end, and only then answers.
func TestHalfClose(t *testing.T) {
	eachNetwork(t, func(t *testing.T, network string) {
		c := script(t, network, func(w *wire) {
			w.drained()
			w.say(upgraded + frame(1, "ready\n"))
			text, _ := io.ReadAll(w)
			for len(text) > 0 {
				n := min(len(text), 20_000)
				w.say(frame(1, string(text[:n])))
				text = text[n:]
			}
		}, pinned)
		input := strings.Repeat("0123456789abcdef", 1<<16)
		stream, err := c.ContainerAttach(t.Context(), "a", &ContainerAttachOptions{Stdin: true})
		require.NoError(t, err)
		_, err = io.WriteString(stream, input)
		require.NoError(t, err)
		require.NoError(t, stream.CloseWrite())
		var out bytes.Buffer
		require.NoError(t, stream.Copy(&out, nil))
		require.True(t, "ready\n"+input == out.String())
	})
}

func TestARefusedUpgradeKeepsMessageAndKind(t *testing.T) {
	for name, answer := range map[string]struct {
		status  int
		body    string
		message string
		is      error
	}{
		"conflict":  {409, `{"message":"Container x is not running"}`, "Container x is not running", errdefs.ErrConflict},
		"not found": {404, `{"message":"No such exec instance: x"}`, "No such exec instance: x", errdefs.ErrNotFound},
		"podman":    {500, `{"cause":"c","message":"m","response":500}`, "m", errdefs.ErrInternal},
		"proxy":     {403, "<html>no</html>", "<html>no</html>", errdefs.ErrPermissionDenied},
		"empty":     {400, "", "", errdefs.ErrInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			eachNetwork(t, func(t *testing.T, network string) {
				c := serve(t, network, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(answer.status)
					io.WriteString(w, answer.body)
				}), pinned)
				_, err := c.ExecStart(t.Context(), "x", nil)
				var e *Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, answer.status, e.Status)
				require.Equal(t, answer.message, e.Message)
				errorsIs(t, err, answer.is, errdefs.ErrRefused)
				_, err = c.ContainerAttach(t.Context(), "x", nil)
				errorsIs(t, err, answer.is, errdefs.ErrRefused)
			})
		})
	}
}

// An answer 200 is a stream that can be read only.
func TestUpgradeAnswered200(t *testing.T) {
	for name, head := range map[string]string{
		"until the end": "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: close\r\n\r\n" + frame(1, "hi"),
		"chunked":       "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" + frame(1, "hi") + "\r\n0\r\n\r\n",
		"empty":         "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := script(t, "unix", func(w *wire) { w.drained(); w.say(head) }, pinned)
			stream, err := c.ContainerAttach(t.Context(), "a", &ContainerAttachOptions{Stdin: true})
			require.NoError(t, err)
			_, err = stream.Write([]byte("x"))
			errorsIs(t, err, errors.ErrUnsupported)
			errorsIs(t, stream.CloseWrite(), errors.ErrUnsupported)
			var out bytes.Buffer
			require.NoError(t, stream.Copy(&out, nil))
			require.Equal(t, strings.Contains(head, "hi"), out.String() == "hi")
		})
	}
}

// How output is sent is told by its content type, or by the container; its bytes tell nothing.
func TestRawOrMultiplexed(t *testing.T) {
	for _, test := range []struct {
		version, kind string
		tty           bool
		inspected     bool
	}{
		{"1.51", multiplexedType, false, false},
		{"1.51", rawType, true, false},
		{"1.42", rawType, true, false},
		{"1.41", rawType, true, true},
		{"1.41", rawType, false, true},
		{"1.41", "", false, true},
		{"1.51", "", true, true},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			body := frame(1, "one") // a terminal can write these very bytes
			inspected := false
			c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/json") {
					inspected = true
					fmt.Fprintf(w, `{"Config":{"Tty":%v}}`, test.tty)
					return
				}
				w.Header()["Content-Type"] = nil
				if test.kind != "" {
					w.Header().Set("Content-Type", test.kind)
				}
				io.WriteString(w, body)
			}), WithAPIVersion(test.version))
			logs, err := c.ContainerLogs(t.Context(), "a", nil)
			require.NoError(t, err)
			require.Equal(t, test.tty, logs.TTY())
			var out bytes.Buffer
			require.NoError(t, logs.Copy(&out, nil))
			require.Equal(t, map[bool]string{true: body, false: "one"}[test.tty], out.String())
			require.Equal(t, test.inspected, inspected)
		})
	}
}

func TestLogsThatAreCut(t *testing.T) {
	body := frame(1, "one\n") + frame(2, "two\n") + frame(1, "three\n")
	heads := map[string]string{
		"chunked": "HTTP/1.1 200 OK\r\nContent-Type: " + multiplexedType + "\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n", len(body)) + body + "\r\n0\r\n\r\n",
		"length":  "HTTP/1.1 200 OK\r\nContent-Type: " + multiplexedType + "\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body,
	}
	for name, whole := range heads {
		t.Run(name, func(t *testing.T) {
			head := strings.Index(whole, "\r\n\r\n") + 4
			cuts := make(chan int, 1)
			c := script(t, "unix", func(w *wire) { w.drained(); w.say(whole[:<-cuts]) }, pinned)
			for cut := head; cut <= len(whole); cut++ {
				cuts <- cut
				logs, err := c.ContainerLogs(t.Context(), "a", nil)
				require.NoError(t, err)
				err = logs.Copy(io.Discard, io.Discard)
				if cut == len(whole) {
					require.NoError(t, err)
				} else {
					errorsIs(t, err, errdefs.ErrTruncated, io.ErrUnexpectedEOF)
				}
			}
		})
	}
}

// 1,000 streams are cancelled at random moments, 20 at a time.
func TestSoakOfCancelledStreams(t *testing.T) {
	c := script(t, "unix", func(w *wire) {
		for w.drained() != nil {
			w.say("HTTP/1.1 200 OK\r\nContent-Type: " + multiplexedType + "\r\nTransfer-Encoding: chunked\r\n\r\n")
			for range 1000 {
				if _, err := io.WriteString(w.Conn, "a\r\n"+frame(1, "x\n")+"\r\n"); err != nil {
					return
				}
				time.Sleep(100 * time.Microsecond)
			}
		}
	}, pinned)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var running sync.WaitGroup
	places := make(chan struct{}, 20)
	for range 1000 {
		after := time.Duration(rnd.IntN(10_000)) * time.Microsecond
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			logs, err := c.ContainerLogs(ctx, "a", &ContainerLogsOptions{Follow: true})
			if err == nil {
				err = logs.Copy(io.Discard, io.Discard)
			}
			errorsIs(t, err, errdefs.ErrCancelled)
		})
	}
	running.Wait()
}

func TestAttachOverWebsocket(t *testing.T) {
	eachNetwork(t, func(t *testing.T, network string) {
		c := serve(t, network, websocket.Server{Handler: func(ws *websocket.Conn) {
			ws.PayloadType = websocket.BinaryFrame
			io.WriteString(ws, "hello ")
			buf := make([]byte, 5)
			io.ReadFull(ws, buf)
			ws.Write(buf)
		}}, pinned)
		stream, err := c.ContainerAttachWebsocket(t.Context(), "a", &ContainerAttachOptions{Stdin: true, Stdout: true})
		require.NoError(t, err)
		_, err = stream.Write([]byte("world"))
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, stream.Copy(&out, nil))
		require.Equal(t, "hello world", out.String())
	})
	t.Run("refused", func(t *testing.T) {
		c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			io.WriteString(w, `{"message":"No such container: a"}`)
		}), pinned)
		_, err := c.ContainerAttachWebsocket(t.Context(), "a", nil)
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
		require.ErrorContains(t, err, "No such container: a")
	})
	t.Run("cancelled", func(t *testing.T) {
		c := serve(t, "unix", websocket.Server{Handler: func(ws *websocket.Conn) { io.Copy(io.Discard, ws) }}, pinned)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		stream, err := c.ContainerAttachWebsocket(ctx, "a", nil)
		require.NoError(t, err)
		within(t, time.Second, func() {
			errorsIs(t, stream.Copy(io.Discard, nil), errdefs.ErrCancelled)
		})
	})
}

func TestOutputLines(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "0", r.URL.Query().Get("tail"))
		w.Header().Set("Content-Type", multiplexedType)
		io.WriteString(w, frame(1, "2026-11-26T10:00:00.000000001Z one\n")+frame(2, "2026-11-26T10:00:00.000000002Z two\n"))
	}), pinned)
	logs, err := c.ContainerLogs(t.Context(), "a", &ContainerLogsOptions{Timestamps: true, Tail: -1})
	require.NoError(t, err)
	var got []string
	for line, err := range logs.Lines() {
		require.NoError(t, err)
		got = append(got, fmt.Sprint(line.Stream, " ", line.Time.Nanosecond(), " ", line.Text))
	}
	require.Equal(t, []string{"stdout 1 one", "stderr 2 two"}, got)
	require.Equal(t, "stdout", streams.Stdout.String())
}

// A connection that is reset inside a stream is a stream that was cut.
func TestAResetStreamIsTruncated(t *testing.T) {
	c := script(t, "tcp", func(w *wire) {
		w.request()
		w.say(upgraded + frame(1, "x"))
		time.Sleep(20 * time.Millisecond)
		w.Conn.(*net.TCPConn).SetLinger(0)
	}, pinned)
	stream, err := c.ContainerAttach(t.Context(), "a", &ContainerAttachOptions{Stdin: true})
	require.NoError(t, err)
	var out bytes.Buffer
	err = stream.Copy(&out, nil)
	require.Equal(t, "x", out.String())
	errorsIs(t, err, errdefs.ErrTruncated, syscall.ECONNRESET)
}

// A peer that does not read cannot hold a cancelled TLS stream open.
func TestACancelledTLSStreamDoesNotWaitToTakeItsLeave(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	c := script(t, "tls", func(w *wire) { w.drained(); w.say(upgraded); <-stop }, pinned)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := c.ContainerAttach(ctx, "a", &ContainerAttachOptions{Stdin: true})
	require.NoError(t, err)
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		io.Copy(stream, zeros{})
	}()
	failed := make(chan error, 1)
	go func() { failed <- stream.Copy(io.Discard, nil) }()
	time.Sleep(50 * time.Millisecond)
	start := time.Now()
	cancel()
	errorsIs(t, <-failed, errdefs.ErrCancelled)
	<-wrote
	require.Less(t, time.Since(start), 250*time.Millisecond)
}
