package buildkit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"sync"

	"github.com/cleat-go/docker/internal/ignore"
)

// The types of packets by which files are sent.
const (
	packetStat = 0
	packetReq  = 1
	packetData = 2
	packetFin  = 3
	packetErr  = 4
)

const (
	fileChunk   = 64 << 10
	fileReaders = 4
	sendBatch   = 64 << 10
)

// serve sends the engine one of the trees.
func (all trees) serve(s *stream) error {
	name := first(metadata(s.header, "Dir-Name"))
	t := all[name]
	if t == nil {
		return &Error{Code: codeNotFound, Message: "no directory " + name}
	}
	sel := selection{only: t.follow(metadata(s.header, "Followpaths"))}
	var err error
	if sel.exclude, err = ignore.New(metadata(s.header, "Exclude-Patterns")); err != nil {
		return &Error{Code: codeInvalidArgument, Message: err.Error()}
	}
	if include := metadata(s.header, "Include-Patterns"); len(include) > 0 {
		if sel.include, err = ignore.New(include); err != nil {
			return &Error{Code: codeInvalidArgument, Message: err.Error()}
		}
	}
	x := &sending{tree: t, stream: s}
	x.ready.L = &x.mu
	return x.run(sel)
}

// metadata returns what a call says under a key.
func metadata(h http.Header, key string) []string {
	values := h[key]
	if h.Get(key+"-Encoded") != "1" {
		return values
	}
	plain := make([]string, len(values))
	for i, v := range values {
		plain[i] = v
		if text, err := url.QueryUnescape(v); err == nil {
			plain[i] = text
		}
	}
	return plain
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// sending is one transfer: the tree's entries are listed while the engine asks for the
// contents that it lacks.
type sending struct {
	tree   *tree
	stream *stream

	writing sync.Mutex // of out and the stream
	out     []byte

	mu     sync.Mutex // of the rest
	ready  sync.Cond
	files  []content // by the number of their entries
	queue  []int     // numbers of what is asked for
	ended  bool      // nothing more will be asked for
	failed error
}

// content is what can be asked for.
type content struct {
	path string // empty: nothing
	size int64  // of a socket, which looks like an empty file: -1
	sent bool
}

// run serves the requests, which are never kept waiting, until the engine has all.
func (x *sending) run(sel selection) error {
	var work sync.WaitGroup
	work.Go(func() { x.fail(x.list(sel)) })
	for range fileReaders {
		work.Go(func() { x.fail(x.contents()) })
	}
	err := x.requests()
	x.mu.Lock()
	x.ended = true
	x.queue = nil
	x.ready.Broadcast()
	x.mu.Unlock()
	work.Wait()
	switch {
	case x.failed != nil:
		return x.failed
	case err != nil:
		return err
	}
	return x.stream.send(message(nil).number(1, packetFin))
}

// fail ends the transfer. The engine is told why.
func (x *sending) fail(err error) {
	if err == nil {
		return
	}
	x.mu.Lock()
	already := x.failed != nil || x.ended
	if !already {
		x.failed = err
	}
	x.mu.Unlock()
	if already {
		return
	}
	x.stream.fail(x.stream.ctx, err)
	if _, own := errors.AsType[*sourceError](err); own {
		x.put(message(nil).number(1, packetErr).text(4, err.Error())) //nolint:errcheck // the status says it too
		x.push()                                                      //nolint:errcheck // the same
	}
	x.stream.close()
}

// requests takes what the engine asks for until it says that it has all.
func (x *sending) requests() error {
	for {
		m, err := x.stream.recv()
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		kind, id, text, err := decodePacket(m)
		switch {
		case err != nil:
			return err
		case kind == packetReq:
			if err := x.ask(id); err != nil {
				return err
			}
		case kind == packetFin:
			return nil
		case kind == packetErr:
			return fmt.Errorf("the engine: %s", text)
		}
	}
}

func decodePacket(m []byte) (kind int, id uint64, data []byte, err error) {
	f := fields{rest: m}
	for f.next() {
		switch f.number {
		case 1:
			kind = int(f.value)
		case 3:
			id = f.value
		case 4:
			data = f.data
		}
	}
	return kind, id, data, f.err
}

// ask queues a request. Each content is sent once at most.
func (x *sending) ask(id uint64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if id >= uint64(len(x.files)) || x.files[id].path == "" || x.files[id].sent {
		return &Error{Code: codeInvalidArgument, Message: fmt.Sprintf("no file %d to send", id)}
	}
	x.files[id].sent = true
	x.queue = append(x.queue, int(id))
	x.ready.Signal()
	return nil
}

// list sends all entries, and then that there are no more.
func (x *sending) list(sel selection) error {
	err := x.tree.walk(sel, func(e *entry) error {
		stat, err := x.tree.stat(e)
		if err != nil {
			return err
		}
		var c content
		switch mode := e.info.Mode(); {
		case e.regular():
			c = content{path: e.path, size: e.info.Size()}
		case mode&fs.ModeSocket != 0:
			c = content{path: e.path, size: -1}
		}
		x.mu.Lock()
		x.files = append(x.files, c)
		x.mu.Unlock()
		if err := x.put(message(nil).embed(2, stat)); err != nil {
			return sendError{err}
		}
		return nil
	})
	if sent, ok := errors.AsType[sendError](err); ok {
		return sent.error
	}
	if err != nil {
		return &sourceError{"the build's files", err}
	}
	if err := x.put(message{}); err != nil {
		return err
	}
	return x.push()
}

// sendError is an error of the stream, not of the tree.
type sendError struct{ error }

// contents sends what is asked for, until nothing more will be.
func (x *sending) contents() error {
	buf := make([]byte, fileChunk)
	for {
		id, file, ok, err := x.take()
		if err != nil || !ok {
			return err
		}
		if err := x.content(id, file, buf); err != nil {
			return err
		}
	}
}

// take waits for a request. What was sent is on its way before it waits.
func (x *sending) take() (id int, file content, ok bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.queue) == 0 {
		if x.ended {
			return 0, content{}, false, nil
		}
		x.mu.Unlock()
		err := x.push()
		x.mu.Lock()
		if err != nil {
			return 0, content{}, false, err
		}
		if len(x.queue) == 0 && !x.ended {
			x.ready.Wait()
		}
	}
	id = x.queue[0]
	x.queue = x.queue[1:]
	return id, x.files[id], true, nil
}

// content sends a file in pieces, and an empty piece as its end.
func (x *sending) content(id int, file content, buf []byte) error {
	if file.size >= 0 {
		if err := x.pieces(id, file, buf); err != nil {
			return err
		}
	}
	return x.put(data(id, nil))
}

func data(id int, piece []byte) message {
	return make(message, 0, len(piece)+16).number(1, packetData).number(3, uint64(id)).bytes(4, piece)
}

// pieces sends what a file holds. That must be as much as was announced.
func (x *sending) pieces(id int, file content, buf []byte) error {
	f, err := x.tree.fs.Open(file.path)
	if err != nil {
		return &sourceError{"the build's files", err}
	}
	defer f.Close()
	left := file.size
	for {
		n, err := f.Read(buf)
		left -= int64(n)
		if left < 0 || err == io.EOF && left > 0 {
			return &sourceError{"the build's files", &fs.PathError{Op: "read", Path: file.path, Err: errChanged}}
		}
		if n > 0 {
			if err := x.put(data(id, buf[:n])); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &sourceError{"the build's files", err}
		}
	}
}

var errChanged = errors.New("its size has changed during the build")

// put sends a packet, together with those that follow soon.
func (x *sending) put(packet message) error {
	x.writing.Lock()
	defer x.writing.Unlock()
	x.out = appendFrame(x.out, packet)
	if len(x.out) < sendBatch {
		return nil
	}
	return x.drain()
}

// push sends all packets that were put.
func (x *sending) push() error {
	x.writing.Lock()
	defer x.writing.Unlock()
	if len(x.out) == 0 {
		return nil
	}
	return x.drain()
}

func (x *sending) drain() error {
	_, err := x.stream.w.Write(x.out)
	x.out = x.out[:0]
	if err != nil {
		return err
	}
	return x.stream.flush.Flush()
}
