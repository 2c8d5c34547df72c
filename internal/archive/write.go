// Package archive writes and extracts tar archives: what is copied into and out of
// containers, and the contexts of builds. It never compresses.
package archive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const blockSize = 512

// WriteOptions say what is written and how. Nil is all of it, owned by root.
type WriteOptions struct {
	// Base is a directory such as "a/b" that everything is put below. Entries with
	// mode 0755 are written for it and for each of its parents. Empty is none.
	Base string

	// UID and GID own every entry.
	UID, GID int

	// Filter decides about each path below the root, before anything of it is read.
	// A directory that is not kept is still looked into, and is written after all
	// where something below it is kept. With the error fs.SkipDir it is left out with
	// all that it holds. Any other error ends the archive. Nil keeps everything.
	Filter func(path string, d fs.DirEntry) (keep bool, err error)

	// Header can change a header before it is written, save for its type and size, or
	// drop the entry. Nil changes nothing.
	Header func(h *tar.Header) (keep bool, err error)

	// Extra is written after everything else, so that it wins over what has the same
	// name, and is not filtered.
	Extra []Bytes
}

// Bytes is a regular file that is held in memory.
type Bytes struct {
	Name    string // with slashes
	Data    []byte
	Mode    fs.FileMode // its permission, setuid, setgid and sticky bits
	ModTime time.Time   // zero is 1970
}

// Reader is an archive that is made while it is read. It has no goroutine, and at most
// one file and one directory open. One goroutine may read while another closes.
type Reader struct {
	mu     sync.Mutex // held by Read
	closed atomic.Bool

	opts  WriteOptions
	base  string // of all names: empty, or with a slash at its end
	queue []*entry
	walk  *walker
	root  *os.Root // that walk reads, if any

	pending []byte // headers and padding that were not read yet
	file    io.ReadCloser
	name    string // of file
	left    int64  // of file
	pad     int64  // after file
	begun   bool
	ended   bool
	err     error // of all further reads
}

// entry is one entry before it is written. Only regular files have an open function;
// it tells their size.
type entry struct {
	header tar.Header
	open   func() (io.ReadCloser, int64, error)
}

// TarFS archives what a file system holds, in the order of [fs.WalkDir], without its
// root itself. Links are stored as links, for which fsys must be an [fs.ReadLinkFS].
// Sockets are left out; devices, pipes and irregular files are an error. Times are cut
// to whole seconds.
func TarFS(fsys fs.FS, opts *WriteOptions) *Reader {
	r := newReader(opts)
	r.walk = &walker{fsys: fsys, filter: r.opts.Filter}
	return r
}

// TarDir archives what a local directory holds, as [TarFS] does. No link in it is
// followed. Two names of one file become two files. Files of Windows are executable.
// The caller closes the reader.
func TarDir(dir string, opts *WriteOptions) (*Reader, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	r := TarFS(rootFS{root}, opts)
	r.root, r.walk.executable = root, runtime.GOOS == "windows"
	return r, nil
}

// TarFile archives one local file, or the link that it is, under a name of its own.
// A directory is an error. The options' filter is not asked. The caller closes the reader.
func TarFile(file, name string, opts *WriteOptions) (*Reader, error) {
	dir, base := filepath.Split(filepath.Clean(file))
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	e, err := (&walker{fsys: rootFS{root}, executable: runtime.GOOS == "windows"}).single(root, base)
	if err != nil {
		root.Close()
		return nil, err
	}
	r := newReader(opts)
	e.header.Name = name
	r.root, r.queue = root, append(r.queue, r.below(e))
	return r, nil
}

// TarFiles archives the options' extra files and nothing else.
func TarFiles(opts *WriteOptions) *Reader {
	return newReader(opts)
}

func newReader(opts *WriteOptions) *Reader {
	r := new(Reader)
	if opts != nil {
		r.opts = *opts
	}
	if base := path.Clean("/" + r.opts.Base)[1:]; base != "" {
		r.base = base + "/"
	}
	for i, c := range r.base {
		if c == '/' {
			h := tar.Header{Typeflag: tar.TypeDir, Name: r.base[:i+1], Mode: 0o755, ModTime: time.Now()}
			r.queue = append(r.queue, &entry{header: h})
		}
	}
	return r
}

// extra returns the entries of the extra files.
func (r *Reader) extra() []*entry {
	var entries []*entry
	for _, f := range r.opts.Extra {
		h := tar.Header{Typeflag: tar.TypeReg, Name: r.base + f.Name, Mode: modeBits(f.Mode), ModTime: f.ModTime}
		e := &entry{header: h}
		e.open = func() (io.ReadCloser, int64, error) {
			return io.NopCloser(bytes.NewReader(f.Data)), int64(len(f.Data)), nil
		}
		entries = append(entries, e)
	}
	r.opts.Extra = nil
	return entries
}

// Read reads on. An error names the file that it is about, and stays.
func (r *Reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.unlock()
	for r.err == nil {
		switch {
		case r.closed.Load():
			return 0, fs.ErrClosed
		case len(r.pending) > 0:
			n := copy(p, r.pending)
			r.pending = r.pending[n:]
			return n, nil
		case r.file == nil:
			r.err = r.advance()
		case r.left == 0:
			r.err = r.finish()
		default:
			n, err := r.content(p)
			r.err = err
			if n > 0 || err == nil {
				return n, nil
			}
		}
	}
	r.release()
	return 0, r.err
}

// Close ends the archive and closes what it has open. It never waits: while a Read is
// under way, that closes when it is done.
func (r *Reader) Close() error {
	r.closed.Store(true)
	if r.mu.TryLock() {
		r.unlock()
	}
	return nil
}

// unlock gives the lock up. Whoever does so last after Close, releases.
func (r *Reader) unlock() {
	if r.closed.Load() {
		r.release()
	}
	r.mu.Unlock()
	if r.closed.Load() && r.mu.TryLock() {
		r.release()
		r.mu.Unlock()
	}
}

func (r *Reader) release() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
	if r.root != nil {
		r.root.Close()
		r.root = nil
	}
}

// next returns the entry to write next: directories of the base or a single file,
// then what the walk finds, then the extra files. io.EOF follows the last.
func (r *Reader) next() (*entry, error) {
	for {
		switch {
		case len(r.queue) > 0:
			e := r.queue[0]
			r.queue = r.queue[1:]
			return e, nil
		case r.walk != nil:
			e, err := r.walk.next()
			if err != io.EOF {
				return r.below(e), err
			}
			r.walk = nil
		case len(r.opts.Extra) > 0:
			r.queue = r.extra()
		default:
			return nil, io.EOF
		}
	}
}

// below puts an entry below the base.
func (r *Reader) below(e *entry) *entry {
	if e != nil {
		e.header.Name = r.base + e.header.Name
	}
	return e
}

// advance begins the next entry, or the end.
func (r *Reader) advance() error {
	if r.ended {
		return io.EOF
	}
	e, err := r.next()
	if err == io.EOF {
		r.ended, r.pending = true, make([]byte, 2*blockSize)
		return nil
	}
	if err != nil {
		return err
	}
	if e.open != nil {
		if r.file, e.header.Size, err = e.open(); err != nil {
			return err
		}
	}
	return r.begin(&e.header)
}

// begin writes a header, unless it is dropped.
func (r *Reader) begin(h *tar.Header) error {
	h.Uid, h.Gid = r.opts.UID, r.opts.GID
	h.ModTime = h.ModTime.Truncate(time.Second)
	size := h.Size
	if r.opts.Header != nil {
		if keep, err := r.opts.Header(h); !keep || err != nil {
			r.drop()
			return err
		}
	}
	if !r.begun && strings.HasPrefix(h.Name, "BZh") {
		h.Name = "./" + h.Name // an engine would take the archive for one of bzip2
	}
	var text bytes.Buffer
	h.Size = size
	if err := tar.NewWriter(&text).WriteHeader(h); err != nil {
		return fmt.Errorf("archive %q: %w", h.Name, err)
	}
	r.begun, r.pending = true, text.Bytes()
	r.name, r.left, r.pad = h.Name, size, -size&(blockSize-1)
	return nil
}

func (r *Reader) drop() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// content reads from the open file.
func (r *Reader) content(p []byte) (int, error) {
	n, err := r.file.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case err == io.EOF && r.left > 0:
		return n, fmt.Errorf("archive %q: it became shorter while it was read: %w", r.name, io.ErrUnexpectedEOF)
	case err != nil && err != io.EOF:
		return n, fmt.Errorf("archive %q: %w", r.name, err)
	}
	return n, nil
}

// finish ends the open file, which must have no more than was announced.
func (r *Reader) finish() error {
	n, err := r.file.Read(make([]byte, 1))
	if n > 0 {
		return fmt.Errorf("archive %q: it became longer while it was read", r.name)
	}
	if err != nil && err != io.EOF {
		return fmt.Errorf("archive %q: %w", r.name, err)
	}
	r.drop()
	r.pending = make([]byte, r.pad)
	return nil
}

// modeBits are a header's mode: permissions, setuid, setgid, sticky.
func modeBits(mode fs.FileMode) int64 {
	bits := int64(mode.Perm())
	for _, b := range specialBits {
		if mode&b.mode != 0 {
			bits |= b.bit
		}
	}
	return bits
}

var specialBits = []struct {
	mode fs.FileMode
	bit  int64
}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}}
