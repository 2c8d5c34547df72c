package buildkit

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeEngine is the engine's side of both connections. Its solve runs as the engine's
// build: it may call the session and tell what happens, and its answer is the build's.
type fakeEngine struct {
	t     *testing.T
	solve func(b *fakeBuild) (message, error)
	order []string // of the upgrades

	mu       sync.Mutex
	sessions map[string]*control
	headers  map[string]http.Header
	arrived  chan struct{}
	builds   map[string]chan message // of Status, by ref
	servers  []*http.Server
	conns    []net.Conn
}

// fakeBuild is one call of Solve.
type fakeBuild struct {
	*control // calls the session
	ctx      context.Context
	request  map[int][]byte // fields of the request, the last of each
	attrs    map[string]string
	header   http.Header // of the session
	status   chan message
	engine   *fakeEngine
}

func newFakeEngine(t *testing.T, solve func(b *fakeBuild) (message, error)) *fakeEngine {
	f := &fakeEngine{
		t: t, solve: solve, sessions: make(map[string]*control), headers: make(map[string]http.Header),
		arrived: make(chan struct{}, 10), builds: make(map[string]chan message),
	}
	t.Cleanup(f.stop)
	return f
}

func (f *fakeEngine) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.servers {
		s.Close()
	}
	for _, c := range f.conns {
		c.Close()
	}
}

// pair are the two ends of a connection.
func pair(t *testing.T) (near, far net.Conn) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	defer l.Close()
	near, err = net.Dial("unix", l.Addr().String())
	require.NoError(t, err)
	far, err = l.Accept()
	require.NoError(t, err)
	return near, far
}

func (f *fakeEngine) engine() Engine {
	return Engine{Upgrade: func(ctx context.Context, path string, header http.Header) (io.ReadWriteCloser, error) {
		near, far := pair(f.t)
		context.AfterFunc(ctx, func() { near.Close() })
		f.mu.Lock()
		f.order = append(f.order, path)
		f.conns = append(f.conns, far)
		f.mu.Unlock()
		switch path {
		case "/grpc":
			f.serve(far)
		case "/session":
			f.session(far, header)
		default:
			return nil, errors.New("no such path: " + path)
		}
		return near, nil
	}}
}

// native is the same engine as it is reached without an upgrade.
func (f *fakeEngine) native() Engine {
	return Engine{Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
		near, far := pair(f.t)
		context.AfterFunc(ctx, func() { near.Close() })
		f.mu.Lock()
		f.conns = append(f.conns, far)
		f.mu.Unlock()
		f.serve(far)
		return near, nil
	}}
}

func (f *fakeEngine) session(conn io.ReadWriteCloser, header http.Header) {
	c, err := newControl(context.Background(), conn)
	require.NoError(f.t, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	id := header.Get("X-Docker-Expose-Session-Uuid")
	f.sessions[id], f.headers[id] = c, header
	f.arrived <- struct{}{}
}

// serve serves the Control service.
func (f *fakeEngine) serve(conn net.Conn) {
	server := &http.Server{Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods := map[string]method{
			controlService + "Solve": f.serveSolve, controlService + "Status": f.serveStatus,
			controlService + "Session": f.serveSession, controlService + "ListWorkers": unary(f.listWorkers).serve,
		}
		serveCall(methods[r.URL.Path], w, r, func(context.Context, error) {})
	})
	f.mu.Lock()
	f.servers = append(f.servers, server)
	f.mu.Unlock()
	l := listenOn(newRawConn(conn))
	go server.Serve(l)
}

func (f *fakeEngine) listWorkers(context.Context, []byte) (message, error) {
	labels := map[string]string{"org.mobyproject.buildkit.worker.moby.host-gateway-ip": "192.0.2.1"}
	return message(nil).embed(1, message(nil).text(1, "id").dict(2, labels)), nil
}

func (f *fakeEngine) statusOf(ref string) chan message {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.builds[ref] == nil {
		f.builds[ref] = make(chan message, 100)
	}
	return f.builds[ref]
}

func (f *fakeEngine) serveStatus(s *stream) error {
	m, err := s.recv()
	if err != nil {
		return err
	}
	ref, err := textField(m, 1)
	if err != nil {
		return err
	}
	told := f.statusOf(ref)
	for {
		select {
		case m, ok := <-told:
			if !ok {
				return nil
			}
			if err := s.send(m); err != nil {
				return err
			}
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

func (f *fakeEngine) serveSolve(s *stream) error {
	m, err := s.recv()
	if err != nil {
		return err
	}
	b := &fakeBuild{ctx: s.ctx, request: make(map[int][]byte), attrs: make(map[string]string), engine: f}
	r := fields{rest: m}
	for r.next() {
		if b.request[r.number] = append([]byte(nil), r.data...); r.number == 7 {
			r.entry(b.attrs)
		}
	}
	if r.err != nil {
		return r.err
	}
	select {
	case <-f.arrived:
	case <-time.After(5 * time.Second):
		return errors.New("no session came")
	}
	f.mu.Lock()
	b.control, b.header = f.sessions[string(b.request[5])], f.headers[string(b.request[5])]
	f.mu.Unlock()
	if b.control == nil {
		return errors.New("no such session")
	}
	b.status = f.statusOf(string(b.request[1]))
	defer close(b.status)
	answer, err := f.solve(b)
	if err != nil {
		return err
	}
	return s.send(answer)
}

// serveSession takes a session that comes within the Control service.
func (f *fakeEngine) serveSession(s *stream) error {
	near, far := pair(f.t)
	defer near.Close()
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := near.Read(buf)
			if err != nil {
				return
			}
			if s.send(message(nil).bytes(1, buf[:n])) != nil {
				return
			}
		}
	}()
	f.session(far, s.header)
	_, err := io.Copy(near, &received{in: frames{r: s.body}})
	return err
}

// opened is a call of a session in both directions.
type opened struct {
	frames
	body io.ReadCloser
	out  *io.PipeWriter
	resp *http.Response
}

// open begins a call of the session.
func (b *fakeBuild) open(path string, metadata http.Header) (*opened, error) {
	r, w := io.Pipe()
	resp, err := b.start(b.ctx, path, metadata, r)
	if err != nil {
		return nil, err
	}
	return &opened{frames{r: resp.Body}, resp.Body, w, resp}, nil
}

func (o *opened) send(m message) error {
	_, err := o.out.Write(appendFrame(nil, m))
	return err
}

// end half-closes the call and returns its status.
func (o *opened) end() error {
	o.out.Close()
	io.Copy(io.Discard, o.body)
	return callStatus(o.resp)
}

const (
	pathHealth    = "/grpc.health.v1.Health/Check"
	pathFiles     = "/moby.filesync.v1.FileSync/DiffCopy"
	pathExport    = "/moby.filesync.v1.FileSend/DiffCopy"
	pathAuth      = "/moby.filesync.v1.Auth/"
	pathSecret    = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
	pathSSHCheck  = "/moby.sshforward.v1.SSH/CheckAgent"
	pathSSH       = "/moby.sshforward.v1.SSH/ForwardAgent"
	pathUpload    = "/moby.upload.v1.Upload/Pull"
	pathUnknown   = "/moby.nothing.v1.Nothing/Nothing"
	fakeImage     = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	digestOfImage = "containerimage.digest"
)

// imageMade is the answer of a build that has made the fake image.
func imageMade() message { return message(nil).dict(1, map[string]string{digestOfImage: fakeImage}) }

// sent is one entry that came by file sync.
type sent struct {
	path, link string
	mode       uint64
	size, time int64
	content    string
}

// fetch plays the engine's part of file sync: it asks for everything.
func (b *fakeBuild) fetch(metadata http.Header) ([]sent, error) {
	o, err := b.open(pathFiles, metadata)
	if err != nil {
		return nil, err
	}
	defer o.body.Close()
	var list []sent
	waiting, listed := 0, false
	for !listed || waiting > 0 {
		m, err := o.next()
		if err != nil {
			return list, errors.Join(err, o.end())
		}
		kind, id, data, stat := packet(m)
		switch {
		case kind == packetErr:
			return list, errors.New("error from sender: " + string(data))
		case kind == packetData && len(data) == 0:
			waiting--
		case kind == packetData:
			list[id].content += string(data)
		case kind == packetStat && stat == nil:
			listed = true
		case kind == packetStat:
			e := decodeSent(stat)
			list = append(list, e)
			if e.mode&(1<<31|1<<27|1<<26|1<<25) == 0 && e.link == "" {
				waiting++
				if err := o.send(message(nil).number(1, packetReq).number(3, uint64(len(list)-1))); err != nil {
					return list, err
				}
			}
		}
	}
	if err := o.send(message(nil).number(1, packetFin)); err != nil {
		return list, err
	}
	m, err := o.next()
	if err != nil {
		return list, err
	}
	if kind, _, _, _ := packet(m); kind != packetFin {
		return list, errors.New("no end of the transfer")
	}
	return list, o.end()
}

func packet(m []byte) (kind int, id uint64, data, stat []byte) {
	kind, id, data, _ = decodePacket(m)
	f := fields{rest: m}
	for f.next() {
		if f.number == 2 {
			stat = f.data
		}
	}
	return kind, id, data, stat
}

func decodeSent(stat []byte) (e sent) {
	f := fields{rest: stat}
	for f.next() {
		switch f.number {
		case 1:
			e.path = f.text()
		case 2:
			e.mode = f.value
		case 5:
			e.size = int64(f.value)
		case 6:
			e.time = int64(f.value)
		case 7:
			e.link = f.text()
		}
	}
	return e
}
