package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The limits of an extraction that sets none.
const (
	DefaultMaxBytes   = 32 << 30
	DefaultMaxEntries = 1 << 20
	DefaultMaxDepth   = 256
)

// maxDirNames bounds the names that are held until the end.
const maxDirNames = 64 << 20

// ErrLimit is the error of an archive that goes past a limit.
var ErrLimit = errors.New("past a limit")

// ExtractOptions limit and change what is extracted. Nil is the defaults.
type ExtractOptions struct {
	MaxBytes   int64 // of all files together; 0 is DefaultMaxBytes, negative is no limit
	MaxEntries int   // with the directories that no entry names; 0 is DefaultMaxEntries, negative is no limit
	MaxDepth   int   // of elements in a name; 0 is DefaultMaxDepth, negative is no limit

	// SpecialBits keeps the setuid, setgid and sticky bits, which are dropped otherwise.
	SpecialBits bool

	// Map says where an entry goes, and a hard link finds its target, or leaves it out.
	// Names come without leading slashes and dots. Nil changes no name.
	Map func(name string) (to string, ok bool)

	// Special is told of devices and pipes, which are never made. Its error ends the
	// extraction. Nil leaves them out.
	Special func(h *tar.Header) error
}

// Extract makes the files of a tar archive below root, and nothing anywhere else. It
// refuses names with "..", takes the slash off absolute ones, and does not go through
// links that lead out of root. Links are made as they stand, wherever they point.
//
// What is in the way of an entry is removed first, links too, save for a directory that
// is not empty. Modes are those of the archive, owners are not kept, times where it can
// be done. The mode and times of root itself are left alone.
//
// An archive that lacks its end is [io.ErrUnexpectedEOF]; what came before was made.
func Extract(r io.Reader, root *os.Root, opts *ExtractOptions) error {
	x := &extraction{root: root, dirs: make(map[string]attributes), buf: make([]byte, 64<<10)}
	if opts != nil {
		x.opts = *opts
	}
	x.bytesLeft = orDefault(x.opts.MaxBytes, DefaultMaxBytes)
	x.entriesLeft = orDefault(x.opts.MaxEntries, DefaultMaxEntries)
	entries := newScanner(r)
	for {
		h, err := entries.next()
		if err == io.EOF {
			return x.finish()
		}
		if err != nil {
			return err
		}
		if err := x.entry(h, entries); err != nil {
			return fmt.Errorf("extract %q: %w", clip(h.Name), err)
		}
	}
}

func orDefault[T int | int64](limit, otherwise T) T {
	if limit == 0 {
		return otherwise
	}
	return limit
}

// clip keeps a peer's name short in an error.
func clip(name string) string {
	if len(name) > 256 {
		return name[:256] + "…"
	}
	return name
}

// extraction is one call of Extract.
type extraction struct {
	root        *os.Root
	opts        ExtractOptions
	bytesLeft   int64 // negative is no limit
	entriesLeft int
	dirs        map[string]attributes
	dirNames    int // bytes of all names in dirs
	buf         []byte
}

// attributes are what a directory is given at the end.
type attributes struct {
	mode fs.FileMode
	time time.Time
}

func (x *extraction) entry(h *tar.Header, content io.Reader) error {
	if err := x.count(); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, ok, err := x.local(h.Name)
	if err != nil || !ok || name == "." && h.Typeflag == tar.TypeDir {
		return err
	}
	if name == "." {
		return errors.New("it has no name")
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return x.file(name, h, content)
	case tar.TypeDir:
		return x.directory(name, h)
	case tar.TypeSymlink:
		return x.place(name, func() error { return x.root.Symlink(h.Linkname, name) })
	case tar.TypeLink:
		return x.hardLink(name, h)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return x.special(h)
	default:
		return fmt.Errorf("its type %q is not known", h.Typeflag)
	}
}

// count takes one entry off the limit.
func (x *extraction) count() error {
	if x.entriesLeft == 0 {
		return fmt.Errorf("%w: more than %d entries (MaxEntries)", ErrLimit, orDefault(x.opts.MaxEntries, DefaultMaxEntries))
	}
	if x.entriesLeft > 0 {
		x.entriesLeft--
	}
	return nil
}

// local makes a name of the archive one below the root, with slashes; "." is the root.
func (x *extraction) local(name string) (local string, ok bool, err error) {
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", false, fmt.Errorf("the name %q has the element %q", clip(name), part)
		}
		if part != "" && part != "." {
			depth++
		}
	}
	if most := orDefault(x.opts.MaxDepth, DefaultMaxDepth); most >= 0 && depth > most {
		return "", false, fmt.Errorf("%w: a name of more than %d elements (MaxDepth)", ErrLimit, most)
	}
	local = path.Clean(strings.TrimLeft(name, "/"))
	if x.opts.Map != nil {
		if local, ok = x.opts.Map(local); !ok {
			return "", false, nil
		}
		local = path.Clean(local)
	}
	if !filepath.IsLocal(local) || filepath.Separator == '\\' && strings.Contains(local, `\`) {
		return "", false, fmt.Errorf("the name %q is not possible here", clip(name))
	}
	return local, true, nil
}

// place makes something under a name. Directories that it needs are made, and what
// stands in its place is removed.
func (x *extraction) place(name string, create func() error) error {
	err := create()
	if errors.Is(err, fs.ErrNotExist) {
		if err := x.parents(name); err != nil {
			return err
		}
		err = create()
	}
	if errors.Is(err, fs.ErrExist) {
		if err := x.root.Remove(name); err != nil {
			return err
		}
		err = create()
	}
	return err
}

// parents makes the directories that hold a name.
func (x *extraction) parents(name string) error {
	dir := path.Dir(name)
	if dir == "." {
		return nil
	}
	err := x.root.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err := x.parents(dir); err != nil {
			return err
		}
		err = x.root.Mkdir(dir, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = x.count()
	}
	return err
}

// file writes a regular file. One that fails is removed.
func (x *extraction) file(name string, h *tar.Header, content io.Reader) error {
	if x.bytesLeft >= 0 {
		if h.Size > x.bytesLeft {
			return fmt.Errorf("%w: more than %d bytes (MaxBytes)", ErrLimit, orDefault(x.opts.MaxBytes, DefaultMaxBytes))
		}
		x.bytesLeft -= h.Size
	}
	var f *os.File
	err := x.place(name, func() (err error) {
		f, err = x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	if err := x.fill(f, h, content); err != nil {
		x.root.Remove(name) //nolint:errcheck // the first error counts
		return err
	}
	x.setTime(name, h.ModTime)
	return nil
}

func (x *extraction) fill(f *os.File, h *tar.Header, content io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{f}, content, x.buf)
	if err == nil {
		err = f.Chmod(x.mode(h))
	}
	return errors.Join(err, f.Close())
}

// directory makes a directory. Its mode and time are set at the end, when nothing is
// put into it any more; until then its owner may write.
func (x *extraction) directory(name string, h *tar.Header) error {
	err := x.place(name, func() error {
		err := x.root.Mkdir(name, x.mode(h).Perm()|0o700)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		info, lerr := x.root.Lstat(name)
		if lerr != nil || !info.IsDir() {
			return err
		}
		if perm := info.Mode().Perm(); perm&0o700 != 0o700 {
			return x.root.Chmod(name, perm|0o700)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if x.dirNames += len(name); x.dirNames > maxDirNames {
		return fmt.Errorf("%w: names of directories of more than %d bytes", ErrLimit, maxDirNames)
	}
	x.dirs[name] = attributes{x.mode(h), h.ModTime}
	return nil
}

// hardLink makes one more name of a file in the root. A link to itself is there already.
func (x *extraction) hardLink(name string, h *tar.Header) error {
	target, ok, err := x.local(h.Linkname)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the file %q that it links to is left out", clip(h.Linkname))
	}
	was, err := x.root.Lstat(target)
	if err != nil {
		return err
	}
	if is, err := x.root.Lstat(name); err == nil && os.SameFile(was, is) {
		return nil
	}
	return x.place(name, func() error { return x.root.Link(target, name) })
}

func (x *extraction) special(h *tar.Header) error {
	if x.opts.Special == nil {
		return nil
	}
	return x.opts.Special(h)
}

// finish sets the modes and times of the directories, the deepest first.
func (x *extraction) finish() error {
	names := slices.Sorted(maps.Keys(x.dirs))
	for _, name := range slices.Backward(names) {
		if info, err := x.root.Lstat(name); err != nil || !info.IsDir() {
			continue // replaced by a later entry
		}
		if err := x.root.Chmod(name, x.dirs[name].mode); err != nil {
			return err
		}
		x.setTime(name, x.dirs[name].time)
	}
	return nil
}

func (x *extraction) mode(h *tar.Header) fs.FileMode {
	mode := fs.FileMode(h.Mode & 0o777)
	if !x.opts.SpecialBits {
		return mode
	}
	for _, b := range specialBits {
		if h.Mode&b.bit != 0 {
			mode |= b.mode
		}
	}
	return mode
}

// setTime sets a time where the file system can hold it.
func (x *extraction) setTime(name string, t time.Time) {
	x.root.Chtimes(name, time.Time{}, t) //nolint:errcheck // no file is refused for its time
}
