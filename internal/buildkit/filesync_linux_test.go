package buildkit

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFileSyncOfADirectory(t *testing.T) {
	noLeaks(t)
	dir := on(t, map[string]string{
		"a/b": "file", "a-b": "dash", "a.b": "dot", "a/sub/": "", "A": "upper", "żółw\n%": "odd", "loop": "->loop",
		"dangling": "->/none", "out": "->../../etc", "first/x": "two names",
	})
	require.NoError(t, os.Link(filepath.Join(dir, "first/x"), filepath.Join(dir, "second")))
	require.NoError(t, os.Link(filepath.Join(dir, "first/x"), filepath.Join(dir, "third")))
	require.NoError(t, os.Chmod(filepath.Join(dir, "A"), 0o751|fs.ModeSetuid))
	when := time.Unix(1234567890, 123456789)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "A"), when, when))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	require.NoError(t, err)
	defer l.Close()
	list, err := fetched(t, &Request{Context: Source{Dir: dir}}, contextOf())
	require.NoError(t, err)
	require.Equal(t, []string{
		"A", "a", "a/b", "a/sub", "a-b", "a.b", "dangling", "first", "first/x", "loop", "out", "pipe", "second", "socket", "third", "żółw\n%",
	}, paths(list)[:16])
	by := make(map[string]sent)
	for _, e := range list {
		by[e.path] = e
	}
	require.Equal(t, sent{path: "A", mode: 0o751 | uint64(fs.ModeSetuid), size: 5, time: when.UnixNano(), content: "upper"}, by["A"])
	require.Equal(t, uint64(fs.ModeDir|0o755), by["a"].mode)
	require.Equal(t, "->"+by["dangling"].link, "->/none")
	require.Equal(t, "../../etc", by["out"].link)
	require.Equal(t, uint64(fs.ModeSymlink|0o777), by["loop"].mode)
	require.Equal(t, "two names", by["first/x"].content)
	require.Equal(t, "first/x", by["second"].link)
	require.Equal(t, "first/x", by["third"].link)
	require.Zero(t, by["second"].size)
	require.Equal(t, uint64(0o644), by["second"].mode)
	require.Equal(t, uint64(fs.ModeNamedPipe|0o600), by["pipe"].mode)
	require.Zero(t, by["socket"].mode&uint64(fs.ModeSocket))
	require.Empty(t, by["socket"].content)

	list, err = fetched(t, &Request{Context: Source{Dir: dir}}, contextOf("exclude-patterns", "first"))
	require.NoError(t, err)
	for _, e := range list {
		switch e.path {
		case "second":
			require.Equal(t, "two names", e.content, "the first name that is sent has the content")
		case "third":
			require.Equal(t, "second", e.link)
		}
	}
}

func TestXattrs(t *testing.T) {
	dir := on(t, map[string]string{"f": "x"})
	if syscall.Setxattr(filepath.Join(dir, "f"), "user.cleat", []byte("a\x00b"), 0) != nil {
		t.Skip("this file system has no attributes")
	}
	tree, err := openTree(Source{Dir: dir})
	require.NoError(t, err)
	defer tree.root.Close()
	require.NoError(t, tree.walk(selection{}, func(e *entry) error {
		stat, err := tree.stat(e)
		require.NoError(t, err)
		attrs := make(map[string]string)
		f := fields{rest: stat}
		for f.next() {
			if f.number == 10 {
				f.entry(attrs)
			}
		}
		require.Equal(t, map[string]string{"user.cleat": "a\x00b"}, attrs)
		return nil
	}))
}
