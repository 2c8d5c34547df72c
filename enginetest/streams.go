package enginetest

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"syscall"
)

// The streams of a process, as frames number them.
const (
	stdoutStream = 1
	stderrStream = 2
)

// streamSet is what goes into a process and comes out of it, for one run. Clients may be
// attached before the run begins.
type streamSet struct {
	log *containerLog // nil for execs
	tty *terminal     // nil without one
	in  *half         // nil without input

	writing sync.Mutex // held by the write that is under way
	mu      sync.Mutex // guards the rest
	sinks   map[*sink]struct{}
	frozen  chan struct{} // while it is paused; closed when it goes on
	ended   bool
}

func newStreamSet(log *containerLog, stdin, tty bool) *streamSet {
	s := &streamSet{log: log, sinks: make(map[*sink]struct{})}
	if stdin {
		s.in = newHalf()
	}
	if tty {
		s.tty = &terminal{set: s}
	}
	return s
}

// sink is an attached client: what it has still to read.
type sink struct {
	*half
	stdout, stderr bool
	framed         bool
}

// attach adds a client. What the log has comes first where replay is set.
func (s *streamSet) attach(stdout, stderr, framed, replay bool) *sink {
	k := &sink{half: newHalf(), stdout: stdout, stderr: stderr, framed: framed}
	s.writing.Lock()
	defer s.writing.Unlock()
	if replay && s.log != nil {
		for _, entry := range s.log.all() {
			k.buf = k.append(k.buf, entry.stream, entry.text)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		k.ended = true
	}
	s.sinks[k] = struct{}{}
	return k
}

func (s *streamSet) detach(k *sink) {
	k.set(func(h *half) { h.ended, h.buf = true, nil })
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sinks, k)
}

// append adds output in the form that the client gets, if it gets it.
func (k *sink) append(to []byte, stream byte, p []byte) []byte {
	if stream == stdoutStream && !k.stdout || stream == stderrStream && !k.stderr {
		return to
	}
	if k.framed {
		to = append(to, stream, 0, 0, 0)
		to = binary.BigEndian.AppendUint32(to, uint32(len(p))) //nolint:gosec // a write in memory
	}
	return append(to, p...)
}

// write brings output to the log and to all clients; one that does not read holds it up.
func (s *streamSet) write(stream byte, p []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	for s.frozen != nil {
		frozen := s.frozen
		s.mu.Unlock()
		<-frozen
		s.mu.Lock()
	}
	if s.ended {
		s.mu.Unlock()
		return syscall.EPIPE
	}
	sinks := make([]*sink, 0, len(s.sinks))
	for k := range s.sinks {
		sinks = append(sinks, k)
	}
	s.mu.Unlock()
	if s.log != nil {
		s.log.write(stream, p)
	}
	for _, k := range sinks {
		if b := k.append(nil, stream, p); len(b) > 0 {
			k.write(b) //nolint:errcheck // the client has gone
		}
	}
	return nil
}

// end ends the output and the input. The clients still read what was written.
func (s *streamSet) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.frozen != nil {
		close(s.frozen)
		s.frozen = nil
	}
	for k := range s.sinks {
		k.set(func(h *half) { h.ended = true })
	}
	if s.in != nil {
		s.in.set(func(h *half) { h.ended = true })
	}
}

// freeze holds the output up until thaw.
func (s *streamSet) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen == nil && !s.ended {
		s.frozen = make(chan struct{})
	}
}

func (s *streamSet) thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen != nil {
		close(s.frozen)
		s.frozen = nil
	}
}

// outlet is what a process writes to.
type outlet struct {
	set    *streamSet
	stream byte
}

func (o outlet) Write(p []byte) (int, error) {
	text := p
	if o.set.tty != nil {
		text = bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	}
	if err := o.set.write(o.stream, text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// inlet is what a process reads from.
type inlet struct{ set *streamSet }

func (i inlet) Read(p []byte) (int, error) {
	if i.set.in == nil {
		return 0, io.EOF
	}
	return i.set.in.read(p)
}

// input takes what a client sends.
func (s *streamSet) input(p []byte) error {
	if s.tty != nil {
		return s.tty.input(p)
	}
	_, err := s.in.write(p)
	return err
}

// endInput lets the process read the end of its input.
func (s *streamSet) endInput() {
	if s.in != nil {
		s.in.set(func(h *half) { h.ended = true })
	}
}

// terminal does with input what the kernel's does: lines, echo, and a few keys.
type terminal struct {
	set    *streamSet
	signal func(name string) // nil until the process runs
	line   []byte
}

// input is called by one client at a time; more than one mix their keys as they like.
func (t *terminal) input(p []byte) error {
	for _, b := range p {
		switch b {
		case '\r', '\n':
			t.echo("\r\n")
			line := append(t.line, '\n')
			t.line = nil
			if _, err := t.set.in.write(line); err != nil {
				return err
			}
		case 3: // ctrl-c
			t.echo("^C")
			t.line = nil
			if t.signal != nil {
				t.signal("SIGINT")
			}
		case 4: // ctrl-d
			line := t.line
			if t.line = nil; len(line) == 0 {
				t.set.endInput()
			} else if _, err := t.set.in.write(line); err != nil {
				return err
			}
		case 8, 127: // backspace
			if len(t.line) > 0 {
				t.line = t.line[:len(t.line)-1]
				t.echo("\b \b")
			}
		default:
			t.line = append(t.line, b)
			t.echo(string([]byte{b}))
		}
	}
	return nil
}

func (t *terminal) echo(text string) {
	t.set.write(stdoutStream, []byte(text)) //nolint:errcheck // the process has ended
}
