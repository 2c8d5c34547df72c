package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// apiVersion is the newest that the engine here speaks; prefix is what it does to a path.
const (
	apiVersion = "1.51"
	prefix     = "/v" + apiVersion
)

// engine is the least of a Docker Engine: it answers with bytes that were made beforehand, and
// allocates nothing for a request, so that what is counted is the client's.
type engine struct {
	socket  string
	answers map[string]answer // by method and path, without the version
}

type answer struct {
	text []byte // head and body
	held bool   // the body has no end: the engine waits until the client hangs up
}

// serve starts an engine with these answers, and a ping. It ends with the test.
func serve(tb testing.TB, answers map[string]answer) *engine {
	dir, err := os.MkdirTemp("", "bench") // shorter than tb.TempDir: a socket's path has a limit
	require.NoError(tb, err)
	e := &engine{socket: filepath.Join(dir, "s"), answers: answers}
	e.answers["HEAD /_ping"] = sized("text/plain", nil)
	e.answers["GET /_ping"] = sized("text/plain", []byte("OK"))
	listener, err := net.Listen("unix", e.socket)
	require.NoError(tb, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.accept(listener)
	}()
	tb.Cleanup(func() {
		listener.Close()
		<-done
		os.RemoveAll(dir)
	})
	return e
}

// accept serves until the listener is closed, and returns when all clients have hung up.
func (e *engine) accept(listener net.Listener) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		running.Go(func() { e.answer(conn) })
	}
}

// answer serves one connection until it breaks.
func (e *engine) answer(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		a, err := e.request(r)
		if err != nil {
			return
		}
		if _, err := conn.Write(a.text); err != nil {
			return
		}
		if a.held {
			r.Peek(1) //nolint:errcheck // the client hangs up
			return
		}
	}
}

// request reads one and finds its answer.
func (e *engine) request(r *bufio.Reader) (answer, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return answer{}, err
	}
	a, ok := e.find(line)
	if !ok {
		return answer{}, fmt.Errorf("no answer to %q", line)
	}
	length := 0
	for {
		field, err := r.ReadSlice('\n')
		if err != nil {
			return answer{}, err
		}
		if len(field) <= 2 {
			_, err = r.Discard(length)
			return a, err
		}
		if value, ok := bytes.CutPrefix(field, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
}

// find looks for the answer to a request line. It works on the line in place.
func (e *engine) find(line []byte) (answer, bool) {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	path, _, _ := bytes.Cut(rest, []byte(" "))
	path, _, _ = bytes.Cut(path, []byte("?"))
	if bytes.HasPrefix(path, []byte("/v1.")) {
		path = path[1+bytes.IndexByte(path[1:], '/'):]
	}
	key := line[:copy(line[len(method)+1:], path)+len(method)+1]
	a, ok := e.answers[string(key)]
	return a, ok
}

// head is the head of an answer, as an engine sends it.
func head(contentType, field string) []byte {
	return []byte(strings.Join([]string{
		"HTTP/1.1 200 OK", "Api-Version: " + apiVersion, "Content-Type: " + contentType,
		"Docker-Experimental: false", "Ostype: linux", "Server: Docker/28.5.2 (linux)",
		"Date: Thu, 01 Jan 2026 00:00:00 GMT", field, "", "",
	}, "\r\n"))
}

// sized is an answer that tells its length, as an engine does with a short one.
func sized(contentType string, body []byte) answer {
	return answer{text: append(head(contentType, fmt.Sprintf("Content-Length: %d", len(body))), body...)}
}

// chunked is an answer in these chunks. One that is held has no end.
func chunked(contentType string, held bool, chunks ...[]byte) answer {
	text := head(contentType, "Transfer-Encoding: chunked")
	for _, c := range chunks {
		text = fmt.Appendf(text, "%x\r\n%s\r\n", len(c), c)
	}
	if !held {
		text = append(text, "0\r\n\r\n"...)
	}
	return answer{text, held}
}
