package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func readAll(t testing.TB, r io.ReadCloser) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return b
}

func tarDir(t testing.TB, dir string, opts *WriteOptions) *Reader {
	t.Helper()
	r, err := TarDir(dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

var small = fstest.MapFS{
	"b/z":    {Data: []byte("z"), Mode: 0o600, ModTime: day.Add(999 * time.Millisecond)},
	"b/a":    {Data: []byte("a"), Mode: 0o755 | fs.ModeSetuid},
	"b":      {Mode: fs.ModeDir | 0o750 | fs.ModeSticky, ModTime: day},
	"b-c":    {Data: bytes.Repeat([]byte("c"), 1000)},
	"l":      {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink | 0o777},
	"e":      {Mode: fs.ModeDir | 0o711},
	"socket": {Mode: fs.ModeSocket | 0o600},
}

func TestTarFS(t *testing.T) {
	archive := readAll(t, TarFS(small, nil))
	require.Equal(t, archive, readAll(t, TarFS(small, nil)), "not the same twice")
	list, contents := headers(t, archive)
	require.Equal(t, []string{"b/", "b/a", "b/z", "b-c", "e/", "l"}, names(list))
	require.Equal(t, map[string]string{"b/": "", "b/a": "a", "b/z": "z", "b-c": strings.Repeat("c", 1000), "e/": "", "l": ""}, contents)
	require.EqualValues(t, 0o1750, list[0].Mode)
	require.EqualValues(t, 0o4755, list[1].Mode)
	require.Equal(t, day, list[2].ModTime.UTC())
	require.Equal(t, "/etc/passwd", list[5].Linkname)
	for _, h := range list {
		require.Equal(t, [2]int{}, [2]int{h.Uid, h.Gid})
		require.Empty(t, h.Uname+h.Gname)
		require.Equal(t, tar.FormatUSTAR, h.Format)
	}
	require.Zero(t, len(archive)%blockSize)
	require.NoError(t, iotest.TestReader(TarFS(small, nil), archive))
}

func TestTarOptions(t *testing.T) {
	list, contents := headers(t, readAll(t, TarFS(small, &WriteOptions{
		Base: "/top/../x/y/", UID: 3 << 20, GID: 7,
		Filter: func(path string, d fs.DirEntry) (bool, error) { return path != "b-c", nil },
		Header: func(h *tar.Header) (bool, error) {
			h.Name = strings.ReplaceAll(h.Name, "z", "Z")
			h.Size = 99
			return h.Name != "x/y/e/", nil
		},
		Extra: []Bytes{{Name: "b/a", Data: []byte("other"), Mode: 0o400}, {Name: "f"}},
	})))
	require.Equal(t, []string{"x/", "x/y/", "x/y/b/", "x/y/b/a", "x/y/b/Z", "x/y/l", "x/y/b/a", "x/y/f"}, names(list))
	require.Equal(t, "other", contents["x/y/b/a"])
	require.EqualValues(t, 0o755, list[1].Mode)
	require.Equal(t, 3<<20, list[0].Uid)
	require.Equal(t, 7, list[7].Gid)
	require.Equal(t, tar.FormatPAX, list[0].Format)

	list, _ = headers(t, readAll(t, TarFiles(&WriteOptions{Extra: []Bytes{{Name: "f", Data: []byte("x")}}})))
	require.Equal(t, []string{"f"}, names(list))
	list, _ = headers(t, readAll(t, TarFiles(&WriteOptions{Base: "a/b"})))
	require.Equal(t, []string{"a/", "a/b/"}, names(list))
	require.Len(t, readAll(t, TarFiles(nil)), 1024)
}

func TestTarFilter(t *testing.T) {
	tree := fstest.MapFS{
		"a/b/c/kept": {}, "a/b/other": {}, "a/d/e": {}, "kept": {}, "skipped/kept": {}, "x/y/kept": {}, "x/y/z/kept": {},
	}
	var asked []string
	list, _ := headers(t, readAll(t, TarFS(tree, &WriteOptions{
		Filter: func(path string, d fs.DirEntry) (bool, error) {
			asked = append(asked, path)
			if d.Name() == "skipped" {
				return true, fs.SkipDir
			}
			return d.Name() == "kept", nil
		},
	})))
	require.Equal(t, []string{"a/", "a/b/", "a/b/c/", "a/b/c/kept", "kept", "x/", "x/y/", "x/y/kept", "x/y/z/", "x/y/z/kept"}, names(list))
	require.NotContains(t, asked, "skipped/kept")

	broken := errors.New("broken pattern")
	for _, opts := range []WriteOptions{
		{Filter: func(string, fs.DirEntry) (bool, error) { return true, broken }},
		{Header: func(*tar.Header) (bool, error) { return true, broken }},
	} {
		_, err := io.ReadAll(TarFS(tree, &opts))
		require.ErrorIs(t, err, broken)
	}
}

// An archive that begins with these letters would be taken for one of bzip2.
func TestTarBeginsAsTar(t *testing.T) {
	archive := readAll(t, TarFiles(&WriteOptions{Extra: []Bytes{{Name: "BZh9"}, {Name: "BZh8"}}}))
	list, _ := headers(t, archive)
	require.Equal(t, []string{"./BZh9", "BZh8"}, names(list))
}

func TestTarLongAndBig(t *testing.T) {
	long := strings.Repeat("long/", 80) + "name"
	tree := fstest.MapFS{
		long:  {Data: []byte("x")},
		"ä":   {ModTime: time.Unix(-1, 0)},
		"lnk": {Data: []byte(long), Mode: fs.ModeSymlink},
	}
	list, contents := headers(t, readAll(t, TarFS(tree, nil)))
	require.Equal(t, "x", contents[long])
	require.Equal(t, long, list[0].Linkname)
	require.EqualValues(t, -1, list[len(list)-1].ModTime.Unix())

	big := TarFS(odd{size: 9 << 30}, nil)
	defer big.Close()
	h, err := tar.NewReader(big).Next()
	require.NoError(t, err)
	require.Equal(t, int64(9<<30), h.Size)
	require.Equal(t, tar.FormatPAX, h.Format)
}

// odd is a file system with one file that claims a size and holds another.
type odd struct {
	size, real  int64
	mode        fs.FileMode
	then        fs.FileMode   // once it is open
	began, wait chan struct{} // around the start of a read, if any
	open        *atomic.Int32
}

func (o odd) Open(name string) (fs.File, error) {
	if o.open != nil {
		o.open.Add(1)
	}
	return &oddFile{odd: o, dir: name == "."}, nil
}

type oddFile struct {
	odd
	dir bool
}

func (f *oddFile) Name() string               { return "odd" }
func (f *oddFile) Size() int64                { return f.size }
func (f *oddFile) Mode() fs.FileMode          { return f.mode | 0o644 }
func (f *oddFile) Type() fs.FileMode          { return f.mode }
func (f *oddFile) ModTime() time.Time         { return day }
func (f *oddFile) IsDir() bool                { return f.dir }
func (f *oddFile) Sys() any                   { return nil }
func (f *oddFile) Info() (fs.FileInfo, error) { return f, nil }
func (f *oddFile) Stat() (fs.FileInfo, error) {
	open := *f
	open.mode |= f.then
	return &open, nil
}

func (f *oddFile) ReadDir(int) ([]fs.DirEntry, error) {
	return []fs.DirEntry{&oddFile{odd: f.odd}}, nil
}

func (f *oddFile) Read(p []byte) (int, error) {
	if f.wait != nil {
		f.began <- struct{}{}
		<-f.wait
	}
	n := int(min(int64(len(p)), f.real))
	if f.real -= int64(n); n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *oddFile) Close() error {
	if f.odd.open != nil {
		f.odd.open.Add(-1)
	}
	return nil
}

func TestTarFileChanges(t *testing.T) {
	for words, o := range map[string]odd{
		`"odd": it became shorter`: {size: 10, real: 9},
		`"odd": it became longer`:  {size: 10, real: 11},
		`"odd": it is neither`:     {mode: fs.ModeNamedPipe},
		`"odd": it was replaced`:   {then: fs.ModeNamedPipe},
		"is neither":               {mode: fs.ModeDevice},
		"neither":                  {mode: fs.ModeIrregular},
	} {
		o.open = new(atomic.Int32)
		r := TarFS(o, nil)
		_, err := io.ReadAll(r)
		require.ErrorContains(t, err, words)
		_, again := r.Read(make([]byte, 1))
		require.Equal(t, err, again)
		require.Zero(t, o.open.Load())
	}
}

// The same with a file of the disk that another process writes.
func TestTarDirChanges(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	for words, size := range map[string]int64{"shorter": 500, "longer": 100001} {
		require.NoError(t, os.WriteFile(f, make([]byte, 100000), 0o600))
		r := tarDir(t, dir, nil)
		_, err := io.ReadFull(r, make([]byte, 1000))
		require.NoError(t, err)
		require.NoError(t, os.Truncate(f, size))
		_, err = io.Copy(io.Discard, r)
		require.ErrorContains(t, err, `"f": it became `+words)
		requireClosed(t, dir)
	}
	r := tarDir(t, dir, nil)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "g"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "g", "h"), nil, 0o700))
	_, err := io.ReadFull(r, make([]byte, 600))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "g")))
	_, err = io.Copy(io.Discard, r)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "g")
	requireClosed(t, dir)
}

// Wherever a reader is abandoned, nothing stays open and nothing runs on.
func TestTarAbandoned(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	for _, name := range []string{"a/f", "a/b/g", "h"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat(name, 100)), 0o644))
	}
	whole := readAll(t, tarDir(t, dir, nil))
	before := runtime.NumGoroutine()
	for n := range len(whole) + 1 {
		r, err := TarDir(dir, nil)
		require.NoError(t, err)
		got := make([]byte, n)
		_, err = io.ReadFull(r, got)
		require.NoError(t, err)
		require.Equal(t, whole[:n], got)
		require.NoError(t, r.Close())
		require.NoError(t, r.Close())
		_, err = r.Read(make([]byte, 1))
		require.ErrorIs(t, err, fs.ErrClosed)
		if n%16 == 0 || n%blockSize < 2 {
			requireClosed(t, dir)
		}
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// Close does not wait for a read that hangs; that read closes when it ends.
func TestTarCloseDuringRead(t *testing.T) {
	o := odd{size: 10, real: 10, began: make(chan struct{}), wait: make(chan struct{}), open: new(atomic.Int32)}
	r := TarFS(o, nil)
	_, err := io.ReadFull(r, make([]byte, blockSize))
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := r.Read(make([]byte, 10))
		done <- err
	}()
	<-o.began
	require.NoError(t, r.Close())
	require.EqualValues(t, 1, o.open.Load())
	close(o.wait)
	require.NoError(t, <-done)
	require.Zero(t, o.open.Load())
	_, err = r.Read(make([]byte, 10))
	require.ErrorIs(t, err, fs.ErrClosed)
}

func TestTarDirLinks(t *testing.T) {
	_, outside, unchanged := sentinel(t)
	dir := t.TempDir()
	for name, to := range map[string]string{
		"out": filepath.Join(outside, "secret"), "dir": outside, "up": "../..", "in": "f", "none": "nowhere", "loop": "loop",
	} {
		require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o600))
	archive := readAll(t, tarDir(t, dir, nil))
	list, _ := headers(t, archive)
	require.Equal(t, []string{"dir", "f", "in", "loop", "none", "out", "up"}, names(list))
	for _, h := range list {
		require.Equal(t, h.Name != "f", h.Typeflag == tar.TypeSymlink)
	}
	require.Equal(t, outside, list[0].Linkname)
	require.NotContains(t, string(archive), "sentinel")
	unchanged(t)
}

func TestTarDirSpecial(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("makes pipes and sockets")
	}
	dir := t.TempDir()
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	defer socket.Close()
	require.Len(t, readAll(t, tarDir(t, dir, nil)), 1024)
	require.NoError(t, exec.Command("mkfifo", filepath.Join(dir, "p")).Run())
	_, err = io.ReadAll(tarDir(t, dir, nil))
	require.ErrorContains(t, err, `"p": it is neither a file, a directory nor a link (p`)
	noPipes := func(path string, d fs.DirEntry) (bool, error) { return d.Type()&fs.ModeNamedPipe == 0, nil }
	require.Len(t, readAll(t, tarDir(t, dir, &WriteOptions{Filter: noPipes})), 1024)
	_, err = rootFS{openRoot(t, dir)}.Open("p")
	require.NoError(t, err, "a pipe that takes the place of a file must not be waited for")
}

func TestTarDirErrors(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o600))
	_, err := TarDir(filepath.Join(dir, "none"), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = TarDir(filepath.Join(dir, "f"), nil)
	require.Error(t, err)
}

func TestTarFile(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(f, []byte("content"), 0o751))
	require.NoError(t, os.Symlink("f", filepath.Join(dir, "l")))
	r, err := TarFile(f, "other", &WriteOptions{UID: 5, Base: "b", Extra: []Bytes{{Name: "x"}}})
	require.NoError(t, err)
	list, contents := headers(t, readAll(t, r))
	require.Equal(t, []string{"b/", "b/other", "b/x"}, names(list))
	require.Equal(t, "content", contents["b/other"])
	require.EqualValues(t, 0o751, list[1].Mode)
	require.Equal(t, 5, list[1].Uid)

	r, err = TarFile(filepath.Join(dir, "l"), "l", nil)
	require.NoError(t, err)
	list, _ = headers(t, readAll(t, r))
	require.Equal(t, "f", list[0].Linkname)

	_, err = TarFile(dir, "d", nil)
	require.ErrorIs(t, err, syscall.EISDIR)
	_, err = TarFile(filepath.Join(dir, "none"), "d", nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	requireClosed(t, dir)
	t.Chdir(dir)
	r, err = TarFile("f", "f", nil)
	require.NoError(t, err)
	require.Len(t, readAll(t, r), 2048)
}

// grow makes a random tree.
func grow(t *testing.T, random *rand.Rand, dir string, depth int) {
	t.Helper()
	parts := []string{"a", "B", " c", "d.e", "ä", "日", "-f", "g\n", strings.Repeat("n", 120), "x\xff"}
	for range 1 + random.IntN(6) {
		path := filepath.Join(dir, parts[random.IntN(len(parts))]+parts[random.IntN(len(parts))])
		at := time.Unix(random.Int64N(4e9), random.Int64N(1e9))
		switch kind := random.IntN(4); {
		case kind == 0 && depth > 0:
			if os.Mkdir(path, 0o700) == nil {
				grow(t, random, path, depth-1)
				require.NoError(t, os.Chmod(path, 0o700|fs.FileMode(random.IntN(0o100))))
				require.NoError(t, os.Chtimes(path, at, at))
			}
		case kind == 1:
			os.Symlink(parts[random.IntN(len(parts))], path)
		default:
			if _, err := os.Lstat(path); err == nil {
				continue
			}
			content := make([]byte, random.IntN(3)*random.IntN(2000))
			for i := range content {
				content[i] = byte(random.Int())
			}
			require.NoError(t, os.WriteFile(path, content, 0o600|fs.FileMode(random.IntN(0o100))))
			require.NoError(t, os.Chtimes(path, at, at))
		}
	}
}

func TestRoundTrip(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such names")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		from, to := t.TempDir(), t.TempDir()
		grow(t, random, from, 4)
		r := tarDir(t, from, nil)
		require.NoError(t, Extract(r, openRoot(t, to), nil))
		require.NoError(t, r.Close())
		require.Equal(t, snapshot(t, from), snapshot(t, to))
		// A link's time is that of its making, which may be another second.
		noLinkTimes := &WriteOptions{Header: func(h *tar.Header) (bool, error) {
			if h.Typeflag == tar.TypeSymlink {
				h.ModTime = day
			}
			return true, nil
		}}
		require.True(t, bytes.Equal(readAll(t, tarDir(t, from, noLinkTimes)), readAll(t, tarDir(t, to, noLinkTimes))))
		requireClosed(t, from)
	}
}

// What is swapped while it is extracted into leads nowhere else.
func TestExtractRace(t *testing.T) {
	root, outside, unchanged := sentinel(t)
	archive := archived(dir("l"), file("l/x", "evil"), file("l/y", "evil"), link("l/z", "evil"), moded(dir("l/sub"), 0o777))
	stop := make(chan struct{})
	swapped := make(chan struct{})
	go func() {
		defer close(swapped)
		for {
			select {
			case <-stop:
				return
			default:
				os.RemoveAll(filepath.Join(root, "l"))
				os.Symlink(outside, filepath.Join(root, "l"))
				runtime.Gosched()
			}
		}
	}()
	into := openRoot(t, root)
	failed := 0
	for range 300 {
		if Extract(bytes.NewReader(archive), into, nil) != nil {
			failed++
		}
	}
	close(stop)
	<-swapped
	t.Logf("%d of 300 extractions failed", failed)
	unchanged(t)
}
