package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var day = time.Date(2024, 2, 29, 12, 30, 15, 0, time.UTC)

// file, dir, link, hard and node are entries of archives.
func file(name, content string) tar.Header {
	return tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: day, Size: int64(len(content)),
		PAXRecords: map[string]string{"TEST.content": content},
	}
}

func dir(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: day}
}

func link(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777, ModTime: day}
}

func hard(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to, Mode: 0o644, ModTime: day}
}

func node(name string, kind byte) tar.Header {
	return tar.Header{Typeflag: kind, Name: name, Mode: 0o644, ModTime: day, Devmajor: 1, Devminor: 3}
}

// archived writes entries as an archive. A header that tar refuses is left out.
func archived(entries ...tar.Header) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := h.PAXRecords["TEST.content"]
		h.PAXRecords = nil
		if w.WriteHeader(&h) == nil {
			io.WriteString(w, content)
		}
	}
	w.Close()
	return b.Bytes()
}

// headers reads the headers of an archive, and its contents by name.
func headers(t *testing.T, archive []byte) ([]*tar.Header, map[string]string) {
	t.Helper()
	var list []*tar.Header
	contents := make(map[string]string)
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return list, contents
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		list = append(list, h)
		contents[h.Name] = string(content)
	}
}

func names(list []*tar.Header) []string {
	var names []string
	for _, h := range list {
		names = append(names, h.Name)
	}
	return names
}

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	return root
}

// snapshot describes each file of a tree: type, mode, time, content or target, and the
// first name of the same file. Times of directories in implied are not told, nor is
// that of the tree itself.
func snapshot(t testing.TB, top string, implied ...string) string {
	t.Helper()
	var lines []string
	var seen []os.FileInfo
	var first []string
	require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, path)
		if err != nil || name == "." {
			return err
		}
		line := fmt.Sprintf("%s %v", name, info.Mode())
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + to
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %x %d", len(content), sha256.Sum256(content), info.ModTime().Unix())
			for i, other := range seen {
				if os.SameFile(other, info) {
					line += " = " + first[i]
				}
			}
			seen, first = append(seen, info), append(first, name)
		case !contains(implied, name):
			line += fmt.Sprintf(" %d", info.ModTime().Unix())
		}
		lines = append(lines, line)
		return nil
	}))
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// openUp lets the owner of a tree into all directories in it, to look and to remove.
func openUp(t testing.TB, top string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != top {
			err = os.Chmod(path, 0o700)
		}
		return err
	}))
}

// extractDir makes a directory to extract into that can be removed whatever is in it.
func extractDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { openUp(t, dir) })
	return dir
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

// requireClosed fails where this process has a file of the tree open.
func requireClosed(t testing.TB, top string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, d := range list {
		to, _ := os.Readlink("/proc/self/fd/" + d.Name())
		require.False(t, to == top || strings.HasPrefix(to, top+"/"), "%s is open", to)
	}
}

// sentinel makes a tree with a root to extract into and one outside, and returns the
// root and a check that the outside is as it was.
func sentinel(t testing.TB) (root, outside string, unchanged func(testing.TB)) {
	t.Helper()
	top := t.TempDir()
	root, outside = filepath.Join(top, "root"), filepath.Join(top, "outside")
	for _, d := range []string{root, outside, filepath.Join(outside, "sub"), filepath.Join(top, "root2")} {
		require.NoError(t, os.Mkdir(d, 0o750))
	}
	for _, f := range []string{"secret", "sub/deep", "x"} {
		require.NoError(t, os.WriteFile(filepath.Join(outside, f), []byte("sentinel "+f), 0o640))
	}
	require.NoError(t, os.Symlink("secret", filepath.Join(outside, "link")))
	before := beside(t, top)
	return root, outside, func(t testing.TB) {
		t.Helper()
		require.Equal(t, before, beside(t, top), "something outside of the root was changed")
	}
}

// beside describes what is in top, save for the content of its root.
func beside(t testing.TB, top string) string {
	t.Helper()
	var b strings.Builder
	list, err := os.ReadDir(top)
	require.NoError(t, err)
	for _, d := range list {
		info, err := d.Info()
		require.NoError(t, err)
		fmt.Fprintf(&b, "%s %v\n", d.Name(), info.Mode())
		if d.IsDir() && d.Name() != "root" {
			fmt.Fprintf(&b, "%d\n%s\n", info.ModTime().UnixNano(), snapshot(t, filepath.Join(top, d.Name())))
		}
	}
	return b.String()
}
