package archive

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// walker finds the entries of a file system one at a time, in the order of fs.WalkDir.
type walker struct {
	fsys       fs.FS
	filter     func(string, fs.DirEntry) (bool, error)
	executable bool // whatever the file system says of permissions
	begun      bool
	stack      []level
	ready      []*entry
}

// level is a directory that is being walked.
type level struct {
	dir  string
	rest []fs.DirEntry
	held *entry // of the directory itself, where the filter did not keep it
}

// next returns the next entry, or io.EOF.
func (w *walker) next() (*entry, error) {
	if !w.begun {
		w.begun = true
		if err := w.enter(".", nil); err != nil {
			return nil, err
		}
	}
	for len(w.ready) == 0 {
		if len(w.stack) == 0 {
			return nil, io.EOF
		}
		top := &w.stack[len(w.stack)-1]
		if len(top.rest) == 0 {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		d := top.rest[0]
		top.rest = top.rest[1:]
		if err := w.visit(path.Join(top.dir, d.Name()), d); err != nil {
			return nil, err
		}
	}
	e := w.ready[0]
	w.ready = w.ready[1:]
	return e, nil
}

func (w *walker) enter(dir string, held *entry) error {
	list, err := fs.ReadDir(w.fsys, dir)
	w.stack = append(w.stack, level{dir, list, held})
	return err
}

// visit makes the entry of one name ready, or holds it back.
func (w *walker) visit(name string, d fs.DirEntry) error {
	keep, err := w.ask(name, d)
	if err == fs.SkipDir || err == nil && !keep && !d.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	e, err := w.entry(name, info)
	if err != nil || e == nil {
		return err
	}
	if keep {
		w.keep(e)
		e = nil
	}
	if info.IsDir() {
		return w.enter(name, e)
	}
	return nil
}

func (w *walker) ask(name string, d fs.DirEntry) (keep bool, err error) {
	if w.filter == nil {
		return true, nil
	}
	return w.filter(name, d)
}

// keep makes an entry ready, after those of its directories that were held back.
func (w *walker) keep(e *entry) {
	for i := range w.stack {
		if held := w.stack[i].held; held != nil {
			w.ready = append(w.ready, held)
			w.stack[i].held = nil
		}
	}
	w.ready = append(w.ready, e)
}

// entry makes the entry of one name, or none for what is left out.
func (w *walker) entry(name string, info fs.FileInfo) (*entry, error) {
	mode := info.Mode()
	e := &entry{header: tar.Header{Name: name, Mode: modeBits(mode), ModTime: info.ModTime()}}
	if w.executable {
		e.header.Mode |= 0o111
	}
	switch mode.Type() {
	case 0:
		e.header.Typeflag = tar.TypeReg
		e.open = func() (io.ReadCloser, int64, error) { return w.open(name) }
	case fs.ModeDir:
		e.header.Typeflag = tar.TypeDir
		e.header.Name += "/"
	case fs.ModeSymlink:
		target, err := fs.ReadLink(w.fsys, name)
		if err != nil {
			return nil, err
		}
		e.header.Typeflag, e.header.Linkname = tar.TypeSymlink, filepath.ToSlash(target)
	case fs.ModeSocket:
		return nil, nil
	default:
		return nil, fmt.Errorf("archive %q: it is neither a file, a directory nor a link (%s)", name, mode)
	}
	return e, nil
}

// single makes the entry of one file in root.
func (w *walker) single(root *os.Root, name string) (*entry, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "archive", Path: name, Err: syscall.EISDIR}
	}
	e, err := w.entry(name, info)
	if err == nil && e == nil {
		err = fmt.Errorf("archive %q: it is a socket", name)
	}
	return e, err
}

// open opens a file that was a regular one when it was found, and tells its size.
func (w *walker) open(name string) (io.ReadCloser, int64, error) {
	f, err := w.fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("archive %q: it was replaced while it was read", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// RootFS is a local directory. Names are not checked to be UTF-8, and opening never waits
// for the other end of a pipe.
func RootFS(root *os.Root) fs.FS { return rootFS{root} }

// rootFS is a local directory. Unlike the file system of [os.Root.FS] it has names that
// are not UTF-8 too, looks at no file by a path from outside, and never waits for
// the other end of a pipe.
type rootFS struct{ root *os.Root }

func (f rootFS) Open(name string) (fs.File, error) {
	return f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func (f rootFS) Lstat(name string) (fs.FileInfo, error) { return f.root.Lstat(name) }

func (f rootFS) ReadLink(name string) (string, error) { return f.root.Readlink(name) }

func (f rootFS) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	list, err := dir.ReadDir(-1)
	for i, d := range list {
		list[i] = rootEntry{d, f.root, path.Join(name, d.Name())}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, err
}

type rootEntry struct {
	fs.DirEntry
	root *os.Root
	name string
}

func (d rootEntry) Info() (fs.FileInfo, error) { return d.root.Lstat(d.name) }
