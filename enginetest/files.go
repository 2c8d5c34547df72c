package enginetest

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// node is a file, folder, link or device. It never changes: what changes is another node.
type node struct {
	mode     fs.FileMode // with its type
	uid, gid int
	modified time.Time
	data     []byte // of a regular file
	link     string // of a symbolic link
}

// layer is files by their path, as "etc/passwd"; the root is "". A nil node takes away
// what layers below have at the path and under it. A layer never changes once it is
// part of an image.
type layer map[string]*node

// size is what the files of a layer hold.
func (l layer) size() (n int64) {
	for _, f := range l {
		if f != nil {
			n += int64(len(f.data))
		}
	}
	return n
}

// Files is the file system of a container, in memory: the layers of its image, what was
// changed, and its volumes. Paths are those of the container, from its root. Its methods
// may be called from any goroutine; their errors are an [*fs.PathError].
type Files struct {
	mu     sync.Mutex
	lower  []layer // lowest first
	upper  layer
	mounts map[string]*Files // by path, as in a layer
}

// newFiles makes a file system over layers.
func newFiles(lower ...layer) *Files { return &Files{lower: lower, upper: layer{}} }

// mount puts the root of another file system at a path.
func (f *Files) mount(at string, other *Files) {
	at = key(at)
	if _, err := f.lookup(at); err != nil {
		f.MkdirAll(at, 0o755) //nolint:errcheck // a file in the way is covered
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mounts == nil {
		f.mounts = make(map[string]*Files)
	}
	f.mounts[at] = other
}

// key is a path as in a layer.
func key(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// at is the file system that a path is in, and the path there.
func (f *Files) at(name string) (*Files, string) {
	best := ""
	for at := range f.mounts {
		if (name == at || strings.HasPrefix(name, at+"/")) && len(at) > len(best) {
			best = at
		}
	}
	if best == "" {
		return f, name
	}
	return f.mounts[best].at(strings.TrimPrefix(strings.TrimPrefix(name, best), "/"))
}

// lookup finds what is at a path, links not followed. It takes the locks.
func (f *Files) lookup(name string) (*node, error) {
	in, rest := f.at(name)
	in.mu.Lock()
	defer in.mu.Unlock()
	if n := in.find(rest); n != nil {
		return n, nil
	}
	return nil, fs.ErrNotExist
}

var rootNode = &node{mode: fs.ModeDir | 0o755}

// find expects the lock.
func (f *Files) find(name string) *node {
	if n, ok := f.upper[name]; ok {
		return n
	}
	if n := below(f.lower, name); n != nil && !f.hidden(name) {
		return n
	}
	if name == "" {
		return rootNode
	}
	return nil
}

// hidden tells whether a folder above a path was taken away.
func (f *Files) hidden(name string) bool {
	for dir := parent(name); dir != ""; dir = parent(dir) {
		if n, ok := f.upper[dir]; ok && (n == nil || !n.mode.IsDir()) {
			return true
		}
	}
	return false
}

// below finds a path in layers.
func below(layers []layer, name string) *node {
	for i, l := range slices.Backward(layers) {
		if n, ok := l[name]; ok {
			return n
		}
		for dir := parent(name); dir != ""; dir = parent(dir) {
			if n, ok := layers[i][dir]; ok && (n == nil || !n.mode.IsDir()) {
				return nil
			}
		}
	}
	return nil
}

func parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

// maxLinks bounds the links that are followed for one path.
const maxLinks = 40

// resolve follows the links of a path: the last element's too, where last is set. The
// last element need not exist.
func (f *Files) resolve(name string, last bool) (string, error) {
	todo := strings.Split(key(name), "/")
	at := ""
	for links := 0; len(todo) > 0; {
		element := todo[0]
		todo = todo[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			at = parent(at)
			continue
		}
		next := strings.TrimPrefix(at+"/"+element, "/")
		n, err := f.lookup(next)
		if err != nil {
			if len(todo) > 0 {
				return "", err
			}
			return next, nil
		}
		if n.mode&fs.ModeSymlink == 0 || len(todo) == 0 && !last {
			if len(todo) > 0 && !n.mode.IsDir() {
				return "", syscall.ENOTDIR
			}
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", syscall.ELOOP
		}
		if strings.HasPrefix(n.link, "/") {
			at = ""
		}
		todo = append(strings.Split(n.link, "/"), todo...)
	}
	return at, nil
}

// get finds what is at a path, links followed.
func (f *Files) get(name string) (string, *node, error) {
	at, err := f.resolve(name, true)
	if err != nil {
		return "", nil, err
	}
	n, err := f.lookup(at)
	return at, n, err
}

// put writes a node at a path whose folder exists, links not followed; nil removes.
func (f *Files) put(name string, n *node) {
	in, rest := f.at(name)
	in.mu.Lock()
	defer in.mu.Unlock()
	if n == nil || !n.mode.IsDir() {
		prefix := rest + "/"
		maps.DeleteFunc(in.upper, func(k string, _ *node) bool { return strings.HasPrefix(k, prefix) })
	}
	if n == nil && below(in.lower, rest) == nil {
		delete(in.upper, rest)
		return
	}
	in.upper[rest] = n
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// ReadFile returns what a file holds.
func (f *Files) ReadFile(name string) ([]byte, error) {
	_, n, err := f.get(name)
	if err == nil && n.mode.IsDir() {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return slices.Clone(n.data), nil
}

// WriteFile makes a file, or replaces what it holds. The folder has to exist.
func (f *Files) WriteFile(name string, data []byte, mode fs.FileMode) error {
	return pathError("open", name, f.write(name, slices.Clone(data), mode, false))
}

// AppendFile adds to what a file holds, or makes it.
func (f *Files) AppendFile(name string, data []byte, mode fs.FileMode) error {
	return pathError("open", name, f.write(name, data, mode, true))
}

func (f *Files) write(name string, data []byte, mode fs.FileMode, more bool) error {
	at, err := f.resolve(name, true)
	if err != nil {
		return err
	}
	if at == "" {
		return syscall.EISDIR
	}
	made := node{mode: mode.Perm()}
	if old, err := f.lookup(at); err == nil {
		if old.mode.IsDir() {
			return syscall.EISDIR
		}
		made = *old
	} else if dir, err := f.lookup(parent(at)); err != nil || !dir.mode.IsDir() {
		return fs.ErrNotExist
	}
	if more {
		data = slices.Concat(made.data, data)
	}
	made.data, made.modified = data, time.Now()
	f.put(at, &made)
	return nil
}

// MkdirAll makes a folder and those above it that are missing.
func (f *Files) MkdirAll(name string, mode fs.FileMode) error {
	at := ""
	for element := range strings.SplitSeq(key(name), "/") {
		next, n, err := f.get(at + "/" + element)
		switch {
		case err == nil && !n.mode.IsDir():
			return pathError("mkdir", name, syscall.ENOTDIR)
		case err == nil:
			at = next
			continue
		}
		if at, err = f.resolve(at+"/"+element, true); err != nil {
			return pathError("mkdir", name, err)
		}
		f.put(at, &node{mode: fs.ModeDir | mode.Perm(), modified: time.Now()})
	}
	return nil
}

// Symlink makes a link with that target.
func (f *Files) Symlink(target, name string) error {
	at, err := f.resolve(name, false)
	if err == nil {
		if _, missing := f.lookup(at); missing == nil {
			err = fs.ErrExist
		}
	}
	if err != nil {
		return pathError("symlink", name, err)
	}
	f.put(at, &node{mode: fs.ModeSymlink | 0o777, link: target, modified: time.Now()})
	return nil
}

// RemoveAll removes what is at a path, with all that is in it. Nothing there is no error.
func (f *Files) RemoveAll(name string) error {
	at, err := f.resolve(name, false)
	switch {
	case err != nil:
		return nil //nolint:nilerr // it is not there
	case at == "":
		return pathError("remove", name, syscall.EBUSY)
	}
	f.put(at, nil)
	return nil
}

// Stat describes what is at a path, links followed.
func (f *Files) Stat(name string) (fs.FileInfo, error) {
	_, n, err := f.get(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return fileInfo{path.Base("/" + name), n}, nil
}

// Lstat describes what is at a path, the last link not followed.
func (f *Files) Lstat(name string) (fs.FileInfo, error) {
	at, err := f.resolve(name, false)
	if err == nil {
		var n *node
		if n, err = f.lookup(at); err == nil {
			return fileInfo{path.Base("/" + name), n}, nil
		}
	}
	return nil, pathError("lstat", name, err)
}

// ReadDir lists a folder, sorted by name.
func (f *Files) ReadDir(name string) ([]fs.DirEntry, error) {
	at, n, err := f.get(name)
	if err == nil && !n.mode.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, pathError("open", name, err)
	}
	var entries []fs.DirEntry
	for _, name := range f.children(at) {
		if n, err := f.lookup(strings.TrimPrefix(at+"/"+name, "/")); err == nil {
			entries = append(entries, fs.FileInfoToDirEntry(fileInfo{name, n}))
		}
	}
	return entries, nil
}

// children are the names in a folder, sorted.
func (f *Files) children(dir string) []string {
	names := make(map[string]struct{})
	add := func(k, dir string) {
		rest, ok := strings.CutPrefix(k, dir+"/")
		if dir == "" {
			rest, ok = k, k != ""
		}
		if ok && !strings.Contains(rest, "/") {
			names[rest] = struct{}{}
		}
	}
	in, rest := f.at(dir)
	in.mu.Lock()
	for _, l := range append(slices.Clone(in.lower), in.upper) {
		for k := range l {
			add(k, rest)
		}
	}
	maps.DeleteFunc(names, func(name string, _ struct{}) bool {
		return in.find(strings.TrimPrefix(rest+"/"+name, "/")) == nil
	})
	in.mu.Unlock()
	for at := range f.mounts {
		add(at, dir)
	}
	return slices.Sorted(maps.Keys(names))
}

// walk calls visit for what is at a path and below, folders before what is in them.
func (f *Files) walk(at string, visit func(at string, n *node) error) error {
	n, err := f.lookup(at)
	if err != nil {
		return err
	}
	if err := visit(at, n); err != nil || !n.mode.IsDir() {
		return err
	}
	for _, name := range f.children(at) {
		if err := f.walk(strings.TrimPrefix(at+"/"+name, "/"), visit); err != nil {
			return err
		}
	}
	return nil
}

// changed is what was changed over the layers below, as a layer of its own.
func (f *Files) changed() layer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.upper)
}

// fileInfo is a node with its name.
type fileInfo struct {
	name string
	node *node
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Mode() fs.FileMode  { return i.node.mode }
func (i fileInfo) ModTime() time.Time { return i.node.modified }
func (i fileInfo) IsDir() bool        { return i.node.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

func (i fileInfo) Size() int64 {
	if i.node.mode&fs.ModeSymlink != 0 {
		return int64(len(i.node.link))
	}
	return int64(len(i.node.data))
}

// layerOf reads a tree of files, nil for none.
func layerOf(tree fs.FS) (layer, error) {
	l := layer{}
	if tree == nil {
		return l, nil
	}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		n := &node{mode: info.Mode(), modified: info.ModTime()}
		if n.mode.Perm() == 0 {
			n.mode |= 0o644
			if n.mode.IsDir() {
				n.mode |= 0o755
			}
		}
		if n.mode.IsRegular() {
			n.data, err = fs.ReadFile(tree, name)
		}
		l[name] = n
		return err
	})
	return l, err
}
