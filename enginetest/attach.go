package enginetest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"

	"golang.org/x/net/websocket"

	"github.com/cleat-go/docker"
)

var streamRoutes = table{
	"POST /containers/{id}/attach":   streamHandler(containerAttach),
	"GET /containers/{id}/attach/ws": streamHandler(containerAttachWebsocket),
}

// attachment is what a client asks of the streams of a container.
type attachment struct {
	set                   *streamSet
	stdin, stdout, stderr bool
	logs, stream          bool
	once                  bool   // the end of its input is the end of the container's
	detach                []byte // the keys that end it
	detached              func()
}

// attachTo looks at the container and the parameters.
func (c *call) attachTo() (*attachment, *container, error) {
	keys, err := detachKeys(c.param("detachKeys"))
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ct, err := c.container()
	switch {
	case err != nil:
		return nil, nil, err
	case ct.state == docker.ContainerPaused:
		return nil, nil, conflict("container %s is paused, unpause the container before attach", c.vars["id"])
	case ct.state == docker.ContainerRestarting:
		return nil, nil, conflict("container %s is restarting, wait until the container is running", c.vars["id"])
	}
	a := &attachment{
		set: ct.streams, stdin: c.bool("stdin") && ct.config.OpenStdin, stdout: c.bool("stdout"), stderr: c.bool("stderr"),
		logs: c.bool("logs"), stream: c.bool("stream"), once: ct.config.StdinOnce,
	}
	if ct.config.TTY {
		a.detach = keys
	}
	a.detached = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.emitContainer(ct, "detach")
	}
	return a, ct, nil
}

func containerAttach(c *call) error {
	a, ct, err := c.attachTo()
	if err != nil {
		return err
	}
	framed := !ct.config.TTY
	k := a.set.attach(a.stdout, a.stderr, framed, a.logs) // before the client knows, so that it misses nothing
	defer a.set.detach(k)
	c.mu.Lock()
	c.emitContainer(ct, "attach")
	c.mu.Unlock()
	conn, err := c.upgrade(c.rawType(framed))
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it is over
	return a.converse(c, conn, k)
}

// containerAttachWebsocket carries the same in binary messages, never in frames.
func containerAttachWebsocket(c *call) error {
	a, ct, err := c.attachTo()
	if err != nil {
		return err
	}
	if !c.since(42) {
		a.stdin, a.stdout, a.stderr = ct.config.OpenStdin, true, true
	}
	k := a.set.attach(a.stdout, a.stderr, false, a.logs)
	defer a.set.detach(k)
	c.mu.Lock()
	c.emitContainer(ct, "attach")
	c.mu.Unlock()
	c.sent, c.hijacked, c.status = true, true, 101
	if err := c.tap.head(); err != nil {
		return err
	}
	websocket.Server{Handler: func(ws *websocket.Conn) {
		ws.PayloadType = websocket.BinaryFrame
		c.tap.leave = c.tap.conn.gone
		a.converse(c, &upgraded{Conn: ws, in: ws, tap: c.tap}, k) //nolint:errcheck // it is over
	}}.ServeHTTP(c.raw, c.r)
	return nil
}

// converse carries input and output until the output ends, or the client leaves.
func (a *attachment) converse(c *call, conn net.Conn, k *sink) error {
	if !a.stream {
		k.set(func(h *half) { h.ended = true })
	}
	over := make(chan struct{})
	c.spawn(func() {
		defer close(over)
		err := a.read(conn)
		switch {
		case errors.Is(err, errDetach):
			a.detached()
			conn.Close() //nolint:errcheck // it is over
		case err != nil || !a.stdout && !a.stderr:
			k.set(func(h *half) { h.ended, h.reader = true, net.ErrClosed })
		}
	})
	_, err := io.Copy(conn, reader{k})
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() //nolint:errcheck // it is closed next
	}
	conn.Close() //nolint:errcheck // it is over
	<-over
	return err
}

// reader reads what a sink has got.
type reader struct{ k *sink }

func (r reader) Read(p []byte) (int, error) { return r.k.half.read(p) }

var errDetach = errors.New("the detach keys")

// read takes the client's input to its end. An error is that the client has left.
func (a *attachment) read(conn net.Conn) error {
	buf := make([]byte, 32<<10)
	keys := detector{keys: a.detach}
	for {
		n, err := conn.Read(buf)
		if a.stdin && n > 0 {
			p, detach := keys.feed(buf[:n])
			if a.set.input(p) != nil {
				a.stdin = false // the process does not read any more
			}
			if detach {
				return errDetach
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if a.stdin && a.once {
				a.set.endInput()
			}
			return nil
		case err != nil:
			return err
		}
	}
}

// detector finds the keys that end an attachment.
type detector struct {
	keys []byte
	seen int
}

// feed returns the input without the keys.
func (d *detector) feed(p []byte) (rest []byte, found bool) {
	if len(d.keys) == 0 {
		return p, false
	}
	for _, b := range p {
		if b == d.keys[d.seen] {
			if d.seen++; d.seen == len(d.keys) {
				d.seen = 0
				return rest, true
			}
			continue
		}
		rest = append(append(rest, d.keys[:d.seen]...), b)
		d.seen = 0
	}
	return rest, false
}

// detachKeys reads keys as "ctrl-p,ctrl-q" or "a".
func detachKeys(text string) ([]byte, error) {
	if text == "" {
		text = "ctrl-p,ctrl-q"
	}
	var keys []byte
	for key := range strings.SplitSeq(text, ",") {
		name, control := strings.CutPrefix(key, "ctrl-")
		switch {
		case len(name) != 1:
			return nil, badRequest("Invalid detach keys (%s) provided", text)
		case !control:
			keys = append(keys, name[0])
		case name[0] >= 'a' && name[0] <= 'z':
			keys = append(keys, name[0]-'a'+1)
		default:
			i := bytes.IndexByte([]byte("@[\\]^_"), name[0])
			if i < 0 {
				return nil, badRequest("Invalid detach keys (%s) provided", text)
			}
			keys = append(keys, []byte{0, 27, 28, 29, 30, 31}[i])
		}
	}
	return keys, nil
}
