package buildkit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cleat-go/docker/internal/archive"
	"github.com/cleat-go/docker/internal/ignore"
)

// tree is a tree of files that the engine may ask for.
type tree struct {
	fs    fs.FS
	root  *os.Root // of a local directory; nil otherwise
	dir   string   // its absolute name
	times bool     // times are made of contents, so that these are never taken for old ones
}

// emptyFS holds nothing.
type emptyFS struct{}

func (emptyFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (emptyFS) ReadDir(string) ([]fs.DirEntry, error) { return nil, nil }

func openTree(s Source) (*tree, error) {
	if s.Dir == "" {
		if s.FS == nil {
			return &tree{fs: emptyFS{}}, nil
		}
		return &tree{fs: s.FS}, nil
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &tree{fs: archive.RootFS(root), root: root, dir: dir}, nil
}

// An entry is one name in a tree.
type entry struct {
	path string // with slashes
	info fs.FileInfo
	link string // what a symbolic link holds, or another name of the same file that was sent
	hard bool   // it is another name of link
}

// regular tells whether the entry has content of its own.
func (e *entry) regular() bool { return e.info.Mode().IsRegular() && !e.hard }

// selection says which entries of a tree are sent.
type selection struct {
	only    *wanted         // nil is all
	include *ignore.Matcher // nil is all
	exclude *ignore.Matcher // nil is none
}

// walk hands over the selected entries: a directory before what it holds, names in the
// order of their bytes.
func (t *tree) walk(s selection, send func(*entry) error) error {
	w := &walker{tree: t, selection: s, filter: s.exclude.Filter(), send: send, names: make(map[inode]string)}
	return w.dir(".", s.only.all())
}

type walker struct {
	tree *tree
	selection
	filter func(path string, dir bool) (keep, prune bool)
	send   func(*entry) error
	held   []*entry // directories that are sent if something in them is
	names  map[inode]string
}

func (w *walker) dir(dir string, within bool) error {
	list, err := fs.ReadDir(w.tree.fs, dir)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, d := range list {
		if err := w.visit(path.Join(dir, d.Name()), d, within); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) visit(name string, d fs.DirEntry, within bool) error {
	within = within || w.only.has(name)
	if !within && !w.only.leadsTo(name) {
		return nil
	}
	keep, prune := w.filter(name, d.IsDir())
	keep = keep && within && (w.include == nil || w.include.Excluded(name))
	if !keep && (prune || !d.IsDir()) {
		return nil
	}
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed since the directory was read
	}
	if err != nil {
		return err
	}
	e := &entry{path: name, info: info}
	if keep {
		err = w.emit(e)
	} else {
		w.held = append(w.held, e)
	}
	if err == nil && info.IsDir() {
		err = w.dir(name, within)
	}
	if n := len(w.held); n > 0 && w.held[n-1] == e {
		w.held = w.held[:n-1]
	}
	return err
}

// emit sends an entry, after the directories that were held back.
func (w *walker) emit(e *entry) error {
	for _, h := range w.held {
		if err := w.send(h); err != nil {
			return err
		}
	}
	w.held = w.held[:0]
	if !utf8.ValidString(e.path) {
		return fmt.Errorf("%q: the name is not UTF-8", e.path)
	}
	if err := w.resolve(e); err != nil {
		return err
	}
	return w.send(e)
}

// resolve finds what a link holds, and the first name of a file that has several.
func (w *walker) resolve(e *entry) (err error) {
	switch mode := e.info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		e.link, err = fs.ReadLink(w.tree.fs, e.path)
		e.link = filepath.ToSlash(e.link)
	case mode.IsRegular():
		id, several := inodeOf(e.info)
		if !several {
			return nil
		}
		if e.link, e.hard = w.names[id]; !e.hard {
			w.names[id] = e.path
		}
	}
	return err
}

// stat is the entry in the form of the wire. Everything belongs to root.
func (t *tree) stat(e *entry) (message, error) {
	mode := e.info.Mode() &^ fs.ModeSocket
	if runtime.GOOS == "windows" && t.root != nil {
		mode = mode&^0o022 | 0o111
	}
	m := message(nil).text(1, e.path).number(2, uint64(mode))
	if e.regular() {
		m = m.number(5, uint64(e.info.Size()))
	}
	when, err := t.time(e)
	if err != nil {
		return nil, err
	}
	m = m.number(6, uint64(when)).text(7, e.link)
	if mode&fs.ModeDevice != 0 {
		major, minor := deviceOf(e.info)
		m = m.number(8, major).number(9, minor)
	}
	if t.root != nil && mode&fs.ModeSymlink == 0 {
		attrs := xattrsOf(filepath.Join(t.dir, filepath.FromSlash(e.path)))
		m = m.dict(10, attrs)
	}
	return m, nil
}

// time is the entry's time in nanoseconds since 1970.
func (t *tree) time(e *entry) (int64, error) {
	if t.times && e.regular() {
		content, err := fs.ReadFile(t.fs, e.path)
		sum := sha256.Sum256(content)
		return int64(binary.BigEndian.Uint64(sum[:]) >> 2), err
	}
	when := e.info.ModTime()
	if when.Before(earliest) || when.After(latest) {
		return 0, nil
	}
	return when.UnixNano(), nil
}

// The times that fit into nanoseconds.
var (
	earliest = time.Unix(0, -1<<63)
	latest   = time.Unix(0, 1<<63-1)
)

// trees are the trees of a build, by the names under which the engine asks for them.
type trees map[string]*tree

const (
	contextName    = "context"
	dockerfileName = "dockerfile"
)

func openTrees(r *Request) (trees, error) {
	sources := map[string]Source{contextName: r.Context, dockerfileName: r.Dockerfile}
	if r.Dockerfile.none() {
		sources[dockerfileName] = r.Context
	}
	for name, s := range r.Contexts {
		if s.URL == "" {
			sources[name] = s
		}
	}
	all := make(trees)
	for name, s := range sources {
		t, err := openTree(s)
		if err != nil {
			all.close()
			return nil, fmt.Errorf("the build's files: %w", err)
		}
		t.times = name == dockerfileName && t.root == nil
		all[name] = t
	}
	return all, nil
}

func (all trees) close() {
	for _, t := range all {
		if t.root != nil {
			t.root.Close()
		}
	}
}

// key is one under which the engine may take files of equal size and time for equal: the
// same for the same local directories, and new otherwise.
func (all trees) key() string {
	sum := sha256.New()
	host, _ := os.Hostname()
	fmt.Fprintf(sum, "%q %d", host, os.Getuid())
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t := all[name]
		if t.root == nil {
			if _, none := t.fs.(emptyFS); none || t.times {
				continue
			}
			return randomID()
		}
		info, err := t.root.Stat(".")
		if err != nil {
			return randomID()
		}
		id, _ := inodeOf(info)
		fmt.Fprintf(sum, " %q %q %v", name, t.dir, id)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:16])
}
