package docker

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// copier is an engine with one container, "a", whose paths it describes and sends.
type copier struct {
	stats    map[string]PathStat
	archives map[string][]byte

	mu   sync.Mutex
	puts []put
}

// put is one upload that a copier got.
type put struct {
	header   http.Header
	encoding []string
	query    map[string][]string
	body     []byte
}

func (e *copier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stat, ok := e.stats[r.URL.Query().Get("path")]
	if r.URL.Path != "/v1.51/containers/a/archive" || !ok {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"Could not find it"}`)
		return
	}
	text, _ := json.Marshal(stat)
	w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(text))
	switch r.Method {
	case http.MethodGet:
		w.Header().Set("Content-Type", "application/x-tar")
		w.Write(e.archives[r.URL.Query().Get("path")])
	case http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.puts = append(e.puts, put{r.Header, r.TransferEncoding, r.URL.Query(), body})
	}
}

// newCopier is one whose container has the directories / and /dir.
func newCopier() *copier {
	d := PathStat{Name: "dir", Mode: fs.ModeDir | 0o755}
	return &copier{stats: map[string]PathStat{"/": d, "/dir": d}, archives: map[string][]byte{}}
}

// tarOf makes an archive of headers; a regular file's content is its link name.
func tarOf(headers ...tar.Header) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname, h.Size = h.Linkname, "", int64(len(h.Linkname))
		}
		w.WriteHeader(&h)
		io.WriteString(w, content)
	}
	w.Close()
	return b.Bytes()
}

func regular(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: content, Mode: 0o640, ModTime: time.Unix(1e9, 0)}
}

// untar reads an archive: the content, or else the link's target, by name.
func untar(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	all := make(map[string]string)
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		all[fmt.Sprintf("%s %o %d:%d", h.Name, h.Mode, h.Uid, h.Gid)] = string(content) + h.Linkname
	}
}

var copied = fstest.MapFS{
	"f":       {Data: []byte("content"), Mode: 0o600},
	"none":    {Data: []byte("no mode")},
	"d/g":     {Data: bytes.Repeat([]byte("g"), 100_000), Mode: 0o755},
	"d":       {Mode: fs.ModeDir | 0o700},
	"d/empty": {Mode: fs.ModeDir | 0o711},
	"l":       {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink | 0o777},
}

// Whatever the call, an upload is a plain tar in chunks, of type application/x-tar.
func TestContainerCopyToFraming(t *testing.T) {
	e := newCopier()
	c := serve(t, "unix", e, pinned)
	ctx := t.Context()
	local := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(local, "f"), []byte("content"), 0o640))
	require.NoError(t, os.Symlink("f", filepath.Join(local, "l")))
	caller := tarOf(regular("x", "y"))
	big := strings.Repeat("g", 100_000)
	for _, test := range []struct {
		call  func() error
		query map[string][]string
		want  map[string]string
	}{
		{
			func() error { return c.ContainerCopyTo(ctx, "a", "/dir", bytes.NewReader(caller), nil) },
			map[string][]string{"path": {"/dir"}},
			map[string]string{"x 640 0:0": "y"},
		},
		{
			func() error {
				opts := &ContainerCopyToOptions{NoOverwriteDirNonDir: true, CopyUIDGID: true}
				return c.ContainerCopyTo(ctx, "a", "/", iotest.OneByteReader(bytes.NewReader(caller)), opts)
			},
			map[string][]string{"path": {"/"}, "noOverwriteDirNonDir": {"1"}, "copyUIDGID": {"1"}},
			map[string]string{"x 640 0:0": "y"},
		},
		{
			func() error { return c.ContainerWriteFile(ctx, "a", "/dir/f", []byte("data"), fs.ModeSetuid|0o755) },
			map[string][]string{"path": {"/dir/"}, "noOverwriteDirNonDir": {"1"}},
			map[string]string{"f 4755 0:0": "data"},
		},
		{
			func() error { return c.ContainerWriteFile(ctx, "a", "BZh", nil, 0) },
			map[string][]string{"path": {"/"}, "noOverwriteDirNonDir": {"1"}},
			map[string]string{"./BZh 644 0:0": ""},
		},
		{
			func() error { return c.ContainerCopyFS(ctx, "a", "/dir", copied) },
			map[string][]string{"path": {"/dir"}, "noOverwriteDirNonDir": {"1"}},
			map[string]string{"d/empty/ 711 0:0": "", "d/g 755 0:0": big, "f 600 0:0": "content", "none 644 0:0": "no mode", "l 777 0:0": "/etc/passwd"},
		},
		{
			func() error { return c.ContainerCopyFS(ctx, "a", "/dir/x/../new/d/", copied) },
			map[string][]string{"path": {"/dir"}, "noOverwriteDirNonDir": {"1"}},
			map[string]string{
				"new/ 755 0:0": "", "new/d/ 755 0:0": "", "new/d/d/empty/ 711 0:0": "", "new/d/d/g 755 0:0": big,
				"new/d/f 600 0:0": "content", "new/d/none 644 0:0": "no mode", "new/d/l 777 0:0": "/etc/passwd",
			},
		},
		{
			func() error { return c.ContainerCopyDir(ctx, "a", "/new", local) },
			map[string][]string{"path": {"/"}, "noOverwriteDirNonDir": {"1"}},
			map[string]string{"new/ 755 0:0": "", "new/f 640 0:0": "content", "new/l 777 0:0": "f"},
		},
	} {
		e.stats["/dir/"] = e.stats["/dir"]
		e.puts = nil
		require.NoError(t, test.call())
		require.Len(t, e.puts, 1)
		got := e.puts[0]
		require.Equal(t, []string{"application/x-tar"}, got.header["Content-Type"])
		require.NotContains(t, got.header, "Content-Encoding")
		require.Equal(t, []string{"chunked"}, got.encoding)
		require.Equal(t, test.query, got.query)
		require.Equal(t, test.want, untar(t, got.body))
	}
}

func TestContainerCopyToCompressed(t *testing.T) {
	e := newCopier()
	c := serve(t, "unix", e, pinned)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write(tarOf(regular("x", "y")))
	w.Close()
	for name, content := range map[string]string{
		"gzip": zipped.String(), "bzip2": "BZh91AY&SY" + zipped.String(), "xz": "\xfd7zXZ\x00\x00\x04" + zipped.String(),
		"zstd": "\x28\xb5\x2f\xfd\x04" + zipped.String(), "zstd ": "\x5f\x2a\x4d\x18\x04" + zipped.String(),
	} {
		for _, r := range []io.Reader{strings.NewReader(content), iotest.OneByteReader(strings.NewReader(content))} {
			err := c.ContainerCopyTo(t.Context(), "a", "/dir", r, nil)
			errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
			require.ErrorContains(t, err, "compressed with "+strings.TrimSpace(name)+", and must be a plain tar")
		}
	}
	require.Empty(t, e.puts)
	whole := string(tarOf(regular("x", "y")))
	for n := range 20 {
		require.NoError(t, c.ContainerCopyTo(t.Context(), "a", "/dir", strings.NewReader(whole[:n]), nil))
		require.Equal(t, whole[:n], string(e.puts[n].body))
	}
}

func TestContainerCopyPaths(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("sent: %s %s", r.Method, r.URL)
	}), pinned)
	ctx := t.Context()
	for _, p := range []string{"", "\x00", "/a\nb", "/\x7f", "/dir/\r/x"} {
		for name, call := range map[string]func() error{
			"stat":    func() error { _, err := c.ContainerStatPath(ctx, "a", p); return err },
			"from":    func() error { _, err := c.ContainerCopyFrom(ctx, "a", p); return err },
			"to":      func() error { return c.ContainerCopyTo(ctx, "a", p, strings.NewReader("x"), nil) },
			"read":    func() error { _, err := c.ContainerReadFile(ctx, "a", p); return err },
			"write":   func() error { return c.ContainerWriteFile(ctx, "a", p, nil, 0) },
			"fs":      func() error { return c.ContainerCopyFS(ctx, "a", p, copied) },
			"dir":     func() error { return c.ContainerCopyDir(ctx, "a", p, ".") },
			"extract": func() error { return c.ContainerExtract(ctx, "a", p, t.TempDir(), nil) },
		} {
			errorsIs(t, call(), errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
			require.NotEmpty(t, name)
		}
	}
	for _, p := range []string{"/", "/dir/", ".", "..", "/dir/.", "/dir/.."} {
		errorsIs(t, c.ContainerWriteFile(ctx, "a", p, nil, 0), errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
	}
	errorsIs(t, c.ContainerCopyTo(ctx, "a", "/", nil, nil), errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
	errorsIs(t, c.ContainerCopyTo(ctx, "../images/x", "/", strings.NewReader("x"), nil), errdefs.ErrInvalidArgument)
}

func TestContainerStatPath(t *testing.T) {
	answer := ""
	status := http.StatusOK
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer != "" {
			w.Header().Set("X-Docker-Container-Path-Stat", answer)
		}
		w.WriteHeader(status)
	}), pinned)
	answer = base64.StdEncoding.EncodeToString([]byte(`{"name":"l>?","size":3,"mode":134218239,"mtime":"2026-11-26T21:25:01.5Z","linkTarget":"/dir"}`))
	stat, err := c.ContainerStatPath(t.Context(), "a", "/l")
	require.NoError(t, err)
	require.Equal(t, &PathStat{
		Name: "l>?", Size: 3, Mode: fs.ModeSymlink | 0o777, LinkTarget: "/dir",
		ModTime: time.Date(2026, 11, 26, 21, 25, 1, 5e8, time.UTC),
	}, stat)
	for _, bad := range []string{
		"", "*", "e30", base64.RawURLEncoding.EncodeToString([]byte(`{"name":"??>>"}`)), base64.StdEncoding.EncodeToString([]byte(`{"mode":-1}`)),
		base64.StdEncoding.EncodeToString([]byte(`{"mtime":"yesterday"}`)), base64.StdEncoding.EncodeToString([]byte(`[]`)),
	} {
		answer = bad
		_, err := c.ContainerStatPath(t.Context(), "a", "/l")
		require.ErrorContains(t, err, "X-Docker-Container-Path-Stat", bad)
		_, err = c.ContainerCopyFrom(t.Context(), "a", "/l")
		require.ErrorContains(t, err, "X-Docker-Container-Path-Stat", bad)
	}
	for code, kind := range map[int]error{400: errdefs.ErrInvalidArgument, 403: errdefs.ErrPermissionDenied, 404: errdefs.ErrNotFound, 500: errdefs.ErrInternal} {
		status = code
		_, err := c.ContainerStatPath(t.Context(), "a", "/l")
		errorsIs(t, err, kind, errdefs.ErrRefused)
		if code == http.StatusNotFound {
			require.ErrorContains(t, err, `no such container, or no "/l" in it (status 404)`)
		} else {
			require.ErrorContains(t, err, http.StatusText(code))
		}
	}
}

func TestContainerReadFile(t *testing.T) {
	e := newCopier()
	c := serve(t, "unix", e, pinned)
	file := func(mode fs.FileMode, target string) PathStat { return PathStat{Mode: mode, LinkTarget: target} }
	for name, p := range map[string]struct {
		stat    PathStat
		archive []byte
	}{
		"/f":     {file(0o644, ""), tarOf(regular("f", "content"))},
		"/empty": {file(0o644, ""), tarOf(regular("f", ""))},
		"/l":     {file(fs.ModeSymlink, "/m"), tarOf(tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "m"})},
		"/m":     {file(fs.ModeSymlink, "/f"), nil},
		"/loop":  {file(fs.ModeSymlink, "/loop"), nil},
		"/blank": {file(fs.ModeSymlink, ""), nil},
		"/gone":  {file(fs.ModeSymlink, "/nothing"), nil},
		"/dir":   {file(fs.ModeDir, ""), tarOf(tar.Header{Typeflag: tar.TypeDir, Name: "dir/"}, regular("dir/f", "x"))},
		"/lies":  {file(0o644, ""), tarOf(tar.Header{Typeflag: tar.TypeSymlink, Name: "f", Linkname: "/etc/passwd"})},
		"/cut":   {file(0o644, ""), tarOf(regular("f", "content"))[:514]},
		"/none":  {file(0o644, ""), nil},
		"/big":   {file(0o644, ""), claiming(t, maxReadFile+1)},
		"/huge":  {file(0o644, ""), claiming(t, 1<<62)},
		"/most":  {file(0o644, ""), claiming(t, maxReadFile)},
	} {
		e.stats[name], e.archives[name] = p.stat, p.archive
	}
	for name, want := range map[string]string{"/f": "content", "/l": "content", "/m": "content", "/empty": ""} {
		data, err := c.ContainerReadFile(t.Context(), "a", name)
		require.NoError(t, err)
		require.Equal(t, want, string(data), name)
	}
	for name, words := range map[string]string{
		"/loop": "leads to no file", "/blank": "leads to no file", "/dir": "not a regular file", "/lies": "is a link", "/cut": "EOF", "/none": "no end",
		"/gone": "Could not find", "/nothing": "Could not find", "/big": "use ContainerCopyFrom", "/huge": "use ContainerCopyFrom", "/most": "EOF",
	} {
		data, err := c.ContainerReadFile(t.Context(), "a", name)
		require.ErrorContains(t, err, words)
		require.Nil(t, data)
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, "/containers/a/archive", e.Path)
		switch name {
		case "/cut", "/none", "/most":
			errorsIs(t, err, errdefs.ErrTruncated, io.ErrUnexpectedEOF)
		case "/gone", "/nothing":
			errorsIs(t, err, errdefs.ErrNotFound)
		case "/big", "/huge":
			errorsIs(t, err, ErrArchiveLimit)
		}
	}
}

// A file that was read to its end leaves a connection for the next.
func TestContainerReadFileKeepsConnection(t *testing.T) {
	text, err := json.Marshal(PathStat{Name: "f", Mode: 0o644})
	require.NoError(t, err)
	whole := tarOf(regular("f", "content"))
	var conns atomic.Int32
	c := script(t, "unix", func(w *wire) {
		conns.Add(1)
		for w.drained() != nil {
			w.say("HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: " + base64.StdEncoding.EncodeToString(text) + "\r\n")
			w.say(fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(whole), whole))
		}
	}, pinned)
	for range 5 {
		data, err := c.ContainerReadFile(t.Context(), "a", "/f")
		require.NoError(t, err)
		require.Equal(t, "content", string(data))
	}
	require.EqualValues(t, 1, conns.Load())
}

// claiming is the start of an archive whose file claims a size.
func claiming(t *testing.T, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "f", Size: size}))
	return b.Bytes()
}

// An archive that is cut at any byte is an error of every call that reads it.
func TestContainerCopyFromCut(t *testing.T) {
	whole := tarOf(regular("f", strings.Repeat("x", 600)))
	text, err := json.Marshal(PathStat{Name: "f", Mode: 0o644})
	require.NoError(t, err)
	head := "HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: " + base64.StdEncoding.EncodeToString(text) + "\r\n"
	var length, sent int
	c := script(t, "unix", func(w *wire) {
		for r := w.drained(); r != nil; r = w.drained() {
			switch {
			case r.Method == http.MethodHead:
				w.say(head + "\r\n")
				continue
			case length >= 0:
				w.say(fmt.Sprintf("%sContent-Length: %d\r\n\r\n", head, length))
			default:
				w.say(head + "Connection: close\r\n\r\n")
			}
			w.say(string(whole[:sent]))
			return
		}
	}, pinned)
	for length = range []int{0, 1} {
		length = []int{-1, len(whole)}[length]
		for sent = 0; sent < len(whole); sent += 97 {
			err := c.ContainerExtract(t.Context(), "a", "/f", t.TempDir(), nil)
			errorsIs(t, err, errdefs.ErrTruncated, io.ErrUnexpectedEOF)
			if sent < 1112 { // the file's own bytes
				_, err = c.ContainerReadFile(t.Context(), "a", "/f")
				errorsIs(t, err, errdefs.ErrTruncated, io.ErrUnexpectedEOF)
			}
			if length >= 0 {
				a, err := c.ContainerCopyFrom(t.Context(), "a", "/f")
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, a)
				errorsIs(t, err, errdefs.ErrTruncated)
				require.NoError(t, a.Close())
			}
		}
	}
}

// What an engine sends of one file lands under the name that was asked for, and nothing
// of it beside; what it sends of a directory stays in the local one.
func TestContainerExtractHostile(t *testing.T) {
	e := newCopier()
	c := serve(t, "unix", e, pinned)
	top := t.TempDir()
	e.stats["/x/f"] = PathStat{Name: "../../evil", Mode: 0o644}
	e.archives["/x/f"] = tarOf(regular("other", "asked for"), regular("f", "evil"), regular("other2", "evil"), regular("./", "evil"), regular("../evil", "evil"))
	into := filepath.Join(top, "made", "into")
	err := c.ContainerExtract(t.Context(), "a", "/x/f", into, nil)
	require.ErrorContains(t, err, `".."`)
	content, err := os.ReadFile(filepath.Join(into, "f"))
	require.NoError(t, err)
	require.Equal(t, "asked for", string(content))

	require.NoError(t, os.Symlink("..", filepath.Join(into, "up")))
	for _, entries := range [][]tar.Header{
		{regular("../evil", "x")},
		{regular("up/evil", "x")},
		{{Typeflag: tar.TypeSymlink, Name: "l", Linkname: top}, regular("l/evil", "x")},
	} {
		e.archives["/dir/."] = tarOf(entries...)
		e.stats["/dir/."] = e.stats["/dir"]
		require.Error(t, c.ContainerExtract(t.Context(), "a", "/dir", into, nil))
	}
	e.archives["/dir/."] = tarOf(regular("up", "replaced"), regular("./g", "x"))
	require.NoError(t, c.ContainerExtract(t.Context(), "a", "/dir", into, nil))
	e.archives["/dir/."] = tarOf(regular("g", strings.Repeat("x", 1000)))
	err = c.ContainerExtract(t.Context(), "a", "/dir", into, &ContainerExtractOptions{MaxBytes: 999})
	errorsIs(t, err, ErrArchiveLimit)
	require.Equal(t, []string{"f", "g", "l", "up"}, namesIn(t, into))
	require.Equal(t, []string{"made"}, namesIn(t, top))
	require.Equal(t, []string{"into"}, namesIn(t, filepath.Join(top, "made")))
}

// An engine that follows a link itself, as podman does, loses nothing of it.
func TestContainerExtractFollowedLink(t *testing.T) {
	e := newCopier()
	c := serve(t, "unix", e, pinned)
	e.stats["/l"] = PathStat{Name: "dir", Mode: fs.ModeSymlink | 0o777, LinkTarget: "/dir"}
	e.stats["/l/"], e.stats["/l/."], e.stats["/dir/."] = e.stats["/l"], e.stats["/l"], e.stats["/dir"]
	e.archives["/l"] = tarOf(tar.Header{Typeflag: tar.TypeDir, Name: "l", Mode: 0o755}, regular("l/f", "x"), regular("lf", "x"))
	e.archives["/l/."] = tarOf(regular("f", "x"))
	e.archives["/dir/."] = e.archives["/l/."]
	for _, test := range []struct {
		path   string
		follow bool
		want   string
	}{{"/l", false, "l/f"}, {"/l/", false, "f"}, {"/l/.", false, "f"}, {"/l", true, "f"}} {
		local := t.TempDir()
		opts := &ContainerExtractOptions{FollowLink: test.follow}
		require.NoError(t, c.ContainerExtract(t.Context(), "a", test.path, local, opts))
		require.FileExists(t, filepath.Join(local, test.want))
		require.Len(t, namesIn(t, local), 1)
	}
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names
}

// Wherever an engine ends an upload, its words come back and nothing stays open.
func TestContainerCopyUploadFails(t *testing.T) {
	local := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(local, "f"), make([]byte, 3<<20), 0o600))
	stat := base64.StdEncoding.EncodeToString([]byte(`{"name":"dir","mode":2147484141}`))
	var take atomic.Int64
	var answer atomic.Bool
	c := script(t, "unix", func(w *wire) {
		for {
			r := w.request()
			switch {
			case r == nil:
				return
			case r.Method == http.MethodHead:
				w.say("HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: " + stat + "\r\n\r\n")
				continue
			}
			io.CopyN(io.Discard, r.Body, take.Load())
			if answer.Load() {
				w.say("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 33\r\n\r\n{\"message\":\"container read-only\"}\n")
			}
			return
		}
	}, pinned)
	calls := map[string]func() error{
		"dir": func() error { return c.ContainerCopyDir(t.Context(), "a", "/dir", local) },
		"fs":  func() error { return c.ContainerCopyFS(t.Context(), "a", "/dir", os.DirFS(local)) },
		"to": func() error {
			f, err := os.Open(filepath.Join(local, "f"))
			require.NoError(t, err)
			defer f.Close()
			return c.ContainerCopyTo(t.Context(), "a", "/dir", f, nil)
		},
	}
	for name, call := range calls {
		for _, n := range []int64{0, 1, 511, 512, 513, 4096, 64 << 10, 1 << 20, 3 << 20} {
			take.Store(n)
			answer.Store(true)
			err := call()
			errorsIs(t, err, errdefs.ErrPermissionDenied, errdefs.ErrRefused)
			require.ErrorContains(t, err, "container read-only", name)
			answer.Store(false)
			errorsIs(t, call(), errdefs.ErrOutcomeUnknown)
		}
	}
}

// An error of what is uploaded is the error of the call, also where the engine says
// something of the upload that was cut by it.
func TestContainerCopyContentFails(t *testing.T) {
	broken := errors.New("broken disk")
	c := serve(t, "unix", newCopier(), pinned)
	whole := tarOf(regular("f", strings.Repeat("x", 100_000)))
	for _, n := range []int{0, 1, 9, 10, 11, 512, 90_000, len(whole) - 1} {
		content := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken))
		err := c.ContainerCopyTo(t.Context(), "a", "/dir", content, nil)
		errorsIs(t, err, broken)
		require.Equal(t, n < 10, errors.Is(err, errdefs.ErrNotSent), n)
	}
	err := c.ContainerCopyDir(t.Context(), "a", "/dir", filepath.Join(t.TempDir(), "none"))
	errorsIs(t, err, fs.ErrNotExist, errdefs.ErrNotSent)
	err = c.ContainerCopyFS(t.Context(), "a", "/dir", fstest.MapFS{"p": {Mode: fs.ModeNamedPipe}})
	require.ErrorContains(t, err, `"p": it is neither a file, a directory nor a link`)
	err = c.ContainerCopyFS(t.Context(), "b", "/dir", copied)
	errorsIs(t, err, errdefs.ErrNotFound)
}

func TestContainerCopyCancelled(t *testing.T) {
	stat := base64.StdEncoding.EncodeToString([]byte(`{"name":"f","mode":420}`))
	done := make(chan struct{})
	c := script(t, "unix", func(w *wire) {
		if r := w.request(); r != nil && r.Method == http.MethodGet {
			w.say("HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: " + stat + "\r\nContent-Length: 2048\r\n\r\n")
			w.say(string(tarOf(regular("f", "content"))[:515]))
		}
		<-done // and reads nothing more
	}, pinned)
	defer close(done)
	cause := errors.New("enough")
	silent, end := io.Pipe()
	defer end.Close()
	for name, call := range map[string]func(ctx context.Context) error{
		"engine that does not read": func(ctx context.Context) error {
			return c.ContainerWriteFile(ctx, "a", "/dir/f", make([]byte, 8<<20), 0)
		},
		"content that does not come": func(ctx context.Context) error {
			return c.ContainerCopyTo(ctx, "a", "/dir", silent, nil)
		},
		"file that does not come": func(ctx context.Context) error {
			_, err := c.ContainerReadFile(ctx, "a", "/f")
			return err
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
		took := within(t, 5*time.Second, func() { errorsIs(t, call(ctx), cause, errdefs.ErrCancelled) })
		require.GreaterOrEqual(t, took, 100*time.Millisecond, name)
		timer.Stop()
		cancel(nil)
	}
}

// treeOf describes the files of a local directory: mode and content, or link target.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		info, err := d.Info()
		require.NoError(t, err)
		text := info.Mode().String()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(file)
			require.NoError(t, err)
			text += " " + to
		case info.Mode().IsRegular():
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			text += fmt.Sprintf(" %d %s", info.ModTime().Unix(), content)
		}
		name, err := filepath.Rel(dir, file)
		require.NoError(t, err)
		tree[filepath.ToSlash(name)] = text
		return nil
	}))
	return tree
}

func TestEngineCopyFiles(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := created(t, c, nil, "true")
		big := bytes.Repeat([]byte("0123456789abcdef"), 20<<16)
		odd := "/tmp/ä b'\"\\日"
		if strings.Contains(t.Name(), "podman") { // which finds no name with a backslash
			odd = "/tmp/ä b'\"日"
		}
		for name, data := range map[string][]byte{
			"/tmp/f": []byte("content"), "/tmp/empty": {}, "/tmp/big": big, "/BZh91AY": []byte("not bzip2"),
			odd: []byte("odd"), "/tmp/" + strings.Repeat("n", 200): []byte("long"), "relative": []byte("r"),
		} {
			require.NoError(t, c.ContainerWriteFile(ctx, id, name, data, 0o640), name)
			got, err := c.ContainerReadFile(ctx, id, name)
			require.NoError(t, err, name)
			require.True(t, bytes.Equal(data, got), name)
			stat, err := c.ContainerStatPath(ctx, id, name)
			require.NoError(t, err)
			require.Equal(t, path.Base(name), stat.Name)
			require.EqualValues(t, len(data), stat.Size)
			require.Equal(t, fs.FileMode(0o640), stat.Mode)
			require.WithinDuration(t, time.Now(), stat.ModTime, 5*time.Minute)
		}
		require.NoError(t, c.ContainerWriteFile(ctx, id, "/tmp/f", []byte("again"), 0))
		got, err := c.ContainerReadFile(ctx, id, "/tmp/f")
		require.NoError(t, err)
		require.Equal(t, "again", string(got))
		require.Error(t, c.ContainerWriteFile(ctx, id, "/tmp", []byte("over a directory"), 0))
		_, err = c.ContainerReadFile(ctx, id, "/tmp")
		require.ErrorContains(t, err, "not a regular file")
	})
}

func TestEngineCopyMissing(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := created(t, c, nil, "true")
		for _, of := range []string{id, unique("none")} {
			_, err := c.ContainerStatPath(ctx, of, "/none")
			errorsIs(t, err, errdefs.ErrNotFound)
			_, err = c.ContainerCopyFrom(ctx, of, "/none")
			errorsIs(t, err, errdefs.ErrNotFound)
			_, err = c.ContainerReadFile(ctx, of, "/none")
			errorsIs(t, err, errdefs.ErrNotFound)
			if of != id || !strings.Contains(t.Name(), "podman") { // which makes the directory
				errorsIs(t, c.ContainerCopyTo(ctx, of, "/none", bytes.NewReader(tarOf()), nil), errdefs.ErrNotFound)
				errorsIs(t, c.ContainerWriteFile(ctx, of, "/none/f", nil, 0), errdefs.ErrNotFound)
			}
			local := filepath.Join(t.TempDir(), "into")
			errorsIs(t, c.ContainerExtract(ctx, of, "/none", local, nil), errdefs.ErrNotFound)
			require.NoDirExists(t, local)
		}
		errorsIs(t, c.ContainerCopyFS(ctx, unique("none"), "/x", copied), errdefs.ErrNotFound)
	})
}

func TestEngineCopyTrees(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := created(t, c, nil, "true")
		from := t.TempDir()
		at := time.Unix(1e9, 0)
		for name, mode := range map[string]fs.FileMode{"a": 0o644, "x.sh": 0o755, "d/e/deep": 0o600, "d/secret": 0o400} {
			file := filepath.Join(from, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
			require.NoError(t, os.WriteFile(file, []byte(name), 0o600))
			require.NoError(t, os.Chmod(file, mode))
			require.NoError(t, os.Chtimes(file, at, at))
		}
		require.NoError(t, os.Mkdir(filepath.Join(from, "empty"), 0o711))
		for name, to := range map[string]string{"rel": "d/e/deep", "abs": "/etc/passwd", "d/up": "../a", "ldir": "d", "dangling": "none"} {
			require.NoError(t, os.Symlink(to, filepath.Join(from, name)))
		}
		for _, dir := range []string{"/tmp", "/tmp/../new2/below/it", "other"} {
			require.NoError(t, c.ContainerCopyDir(ctx, id, dir, from))
			for _, as := range []string{dir, dir + "/", dir + "/."} {
				if as != dir && dir != "/tmp" {
					break
				}
				into := filepath.Join(t.TempDir(), "a", "b")
				require.NoError(t, c.ContainerExtract(ctx, id, as, into, nil))
				require.Equal(t, treeOf(t, from), treeOf(t, into), as)
			}
		}
		for name, words := range map[string]string{"/tmp/rel": "d/e/deep", "/tmp/ldir/secret": "d/secret"} {
			got, err := c.ContainerReadFile(ctx, id, name)
			require.NoError(t, err)
			require.Equal(t, words, string(got))
		}
		_, err := c.ContainerReadFile(ctx, id, "/tmp/dangling")
		errorsIs(t, err, errdefs.ErrNotFound)
	})
}

func TestEngineCopyLinks(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := created(t, c, nil, "true")
		archive := tarOf(
			tar.Header{Typeflag: tar.TypeDir, Name: "d", Mode: 0o1777},
			tar.Header{Typeflag: tar.TypeReg, Name: "d/f", Linkname: "content", Mode: 0o4755},
			tar.Header{Typeflag: tar.TypeLink, Name: "d/twin", Linkname: "d/f", Mode: 0o4755},
			tar.Header{Typeflag: tar.TypeSymlink, Name: "ld", Linkname: "/d"},
			tar.Header{Typeflag: tar.TypeSymlink, Name: "lf", Linkname: "d/f"},
			tar.Header{Typeflag: tar.TypeFifo, Name: "d/pipe", Mode: 0o600},
		)
		require.NoError(t, c.ContainerCopyTo(ctx, id, "/", bytes.NewReader(archive), nil))
		stat, err := c.ContainerStatPath(ctx, id, "/ld")
		require.NoError(t, err)
		require.Equal(t, "/d", stat.LinkTarget)
		require.Equal(t, fs.ModeSymlink, stat.Mode.Type())

		for _, test := range []struct {
			path string
			opts *ContainerExtractOptions
			want []string
		}{
			{"/d", nil, []string{"f", "twin"}},
			{"/ld", nil, []string{"ld"}},
			{"/ld/", nil, []string{"f", "twin"}},
			{"/ld", &ContainerExtractOptions{FollowLink: true}, []string{"f", "twin"}},
			{"/lf", nil, []string{"lf"}},
			{"/lf", &ContainerExtractOptions{FollowLink: true, SpecialBits: true}, []string{"lf"}},
			{"d/twin", nil, []string{"twin"}},
		} {
			local := t.TempDir()
			require.NoError(t, c.ContainerExtract(ctx, id, test.path, local, test.opts))
			require.Equal(t, test.want, namesIn(t, local))
			if len(test.want) == 2 {
				f, err := os.Stat(filepath.Join(local, "f"))
				require.NoError(t, err)
				twin, err := os.Stat(filepath.Join(local, "twin"))
				require.NoError(t, err)
				require.True(t, os.SameFile(f, twin))
				require.Equal(t, fs.FileMode(0o755), f.Mode())
			}
			if value(test.opts).SpecialBits {
				f, err := os.Lstat(filepath.Join(local, "lf"))
				require.NoError(t, err)
				require.Equal(t, fs.ModeSetuid|0o755, f.Mode())
			}
		}
		require.NoError(t, c.ContainerWriteFile(ctx, id, "/lf", []byte("no longer a link"), 0))
		content, err := c.ContainerReadFile(ctx, id, "/d/f")
		require.NoError(t, err)
		require.Equal(t, "content", string(content))
		root := t.TempDir()
		require.NoError(t, c.ContainerExtract(ctx, id, "/", root, nil))
		require.FileExists(t, filepath.Join(root, "bin", "busybox"))
	})
}

func TestEngineCopyFS(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := sleeping(t, c)
		before, err := c.ContainerStatPath(ctx, id, "/tmp")
		require.NoError(t, err)
		tree := fstest.MapFS{"tmp/f": {Data: []byte("f")}, "new/dir/g": {Data: []byte("g"), Mode: 0o755}, "hollow": {Mode: fs.ModeDir | 0o700}}
		require.NoError(t, c.ContainerCopyFS(ctx, id, "/", tree))
		require.NoError(t, c.ContainerCopyFS(ctx, id, "/made/for/it", tree))
		require.NoError(t, c.ContainerCopyFS(ctx, id, "/nothing/in/it", fstest.MapFS{}))
		modes := map[string]fs.FileMode{
			"/tmp": before.Mode, "/tmp/f": 0o644, "/new": fs.ModeDir | 0o755, "/new/dir/g": 0o755, "/hollow": fs.ModeDir | 0o700,
			"/made/for": fs.ModeDir | 0o755, "/made/for/it/tmp": fs.ModeDir | 0o755, "/made/for/it/new/dir/g": 0o755, "/nothing/in/it": fs.ModeDir | 0o755,
		}
		for _, name := range slices.Sorted(maps.Keys(modes)) {
			stat, err := c.ContainerStatPath(ctx, id, name)
			require.NoError(t, err, name)
			require.Equal(t, modes[name], stat.Mode, name)
		}
		require.Error(t, c.ContainerCopyFS(ctx, id, "/", fstest.MapFS{"tmp": {Data: []byte("over a directory")}}))
		require.Error(t, c.ContainerCopyFS(ctx, id, "/tmp/f", tree), "a file is no directory")
	})
}
