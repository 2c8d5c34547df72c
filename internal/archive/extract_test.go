package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile makes archives that try to leave the root beside which outside is.
func hostile(outside string) map[string][]tar.Header {
	all := make(map[string][]tar.Header)
	escapes := []string{
		"../evil", "../../evil", "/../evil", "a/../../evil", "./../evil", "a/b/../../../evil", "..", "../",
		"../outside/secret", "../root2/evil", outside + "/secret", "//" + outside + "/evil", "a/..//../evil",
	}
	for _, name := range escapes {
		all["file "+name] = []tar.Header{file(name, "evil")}
		all["directory "+name] = []tar.Header{{Typeflag: tar.TypeDir, Name: name, Mode: 0o777, ModTime: day}}
		all["link "+name] = []tar.Header{link(name, "secret"), file(name, "evil")}
		all["hard link "+name] = []tar.Header{file("a", "a"), hard(name, "a")}
		all["hard link to "+name] = []tar.Header{hard("h", name), file("h", "evil")}
		all["device "+name] = []tar.Header{node(name, tar.TypeChar)}
	}
	for _, to := range []string{"../outside", outside, "..", "/", "./../outside", "sub/../../outside", "../outside/sub/.."} {
		over := []tar.Header{dir("sub"), link("l", to)}
		for what, then := range map[string][]tar.Header{
			"file in it":          {file("l/x", "evil")},
			"file in outside":     {file("l/outside/x", "evil"), file("l"+outside+"/x", "evil")},
			"file over it":        {file("l", "evil")},
			"directory over it":   {{Typeflag: tar.TypeDir, Name: "l", Mode: 0o777, ModTime: day}},
			"directory in it":     {{Typeflag: tar.TypeDir, Name: "l/sub", Mode: 0o777, ModTime: day}},
			"link in it":          {link("l/secret", "gone"), link("l/new", "gone")},
			"hard link in it":     {file("f", "f"), hard("l/secret", "f"), hard("l/new", "f")},
			"hard link from it":   {hard("h", "l/secret"), file("h", "evil")},
			"hard link of it":     {hard("h", "l"), file("h/x", "evil"), dir("h"), file("h", "evil")},
			"a link to the link":  {link("m", "l"), file("m/x", "evil"), dir("m/y")},
			"directory to link":   {dir("d"), file("d/f", "f"), link("d", to), file("d/x", "evil")},
			"empty one to link":   {{Typeflag: tar.TypeDir, Name: "e", Mode: 0o777, ModTime: day}, link("e", to), file("e/x", "evil")},
			"deep parents":        {file("l/a/b/c/x", "evil")},
			"dotted":              {file("./l/./x", "evil"), file("l//x", "evil")},
			"hard link to parent": {hard("l/p", "sub"), hard("sub/p", "l/sub/deep"), file("sub/p", "evil")},
		} {
			all["link to "+to+", "+what] = append(over[:2:2], then...)
		}
	}
	for _, to := range []string{"../outside/secret", outside + "/secret", "../outside/new", outside + "/new", "../outside/link"} {
		all["file link to "+to] = []tar.Header{link("l", to), file("l", "evil")}
		all["hard link of file link to "+to] = []tar.Header{link("l", to), hard("h", "l"), file("h", "evil"), file("l", "evil")}
		all["mode of file link to "+to] = []tar.Header{link("l", to), {Typeflag: tar.TypeDir, Name: "l", Mode: 0o777, ModTime: day}}
		all["chain to "+to] = []tar.Header{link("a", "b"), link("b", "c"), link("c", to), file("a", "evil"), file("b", "evil")}
	}
	return all
}

func TestExtractStaysInRoot(t *testing.T) {
	_, somewhere, _ := sentinel(t)
	require.Greater(t, len(hostile(somewhere)), 150)
	plants := map[string]func(root, outside string){
		"nothing": func(_, _ string) {},
		"links": func(root, outside string) {
			os.Symlink("../outside", filepath.Join(root, "l"))
			os.Symlink(outside, filepath.Join(root, "a"))
			os.Symlink("../outside/secret", filepath.Join(root, "h"))
			os.Symlink("l", filepath.Join(root, "m"))
		},
		"hard links": func(root, outside string) {
			for _, name := range []string{"l", "a", "h", "m"} {
				os.Link(filepath.Join(outside, "secret"), filepath.Join(root, name))
			}
		},
	}
	for planted, plant := range plants {
		for name := range hostile(somewhere) {
			t.Run(planted+" there/"+strings.ReplaceAll(strings.ReplaceAll(name, somewhere, "OUTSIDE"), "/", "∕"), func(t *testing.T) {
				root, outside, unchanged := sentinel(t)
				plant(root, outside)
				if planted == "hard links" { // their count and change time differ, not what is in them
					unchanged(t)
				}
				entries := hostile(outside)[strings.ReplaceAll(name, somewhere, outside)]
				require.NotNil(t, entries)
				for _, opts := range []*ExtractOptions{nil, {SpecialBits: true, MaxBytes: -1, MaxEntries: -1, MaxDepth: -1}} {
					err := Extract(bytes.NewReader(archived(entries...)), openRoot(t, root), opts)
					if err != nil {
						require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
					}
					unchanged(t)
				}
			})
		}
	}
}

// What goes wrong is said, not left out without a word.
func TestExtractRefuses(t *testing.T) {
	for i, test := range []struct {
		entries []tar.Header
		words   string
	}{
		{[]tar.Header{file("../x", "")}, `".."`},
		{[]tar.Header{file("a/../x", "")}, `".."`},
		{[]tar.Header{hard("h", "../x")}, `".."`},
		{[]tar.Header{link("l", "/tmp"), file("l/x", "")}, "escapes"},
		{[]tar.Header{link("l", ".."), file("l/x", "")}, "escapes"},
		{[]tar.Header{link("/", "x")}, "no name"},
		{[]tar.Header{file("a", ""), file("a/b", "")}, "not a directory"},
		{[]tar.Header{dir("a"), file("a/b", ""), file("a", "")}, "not empty"},
		{[]tar.Header{hard("h", "nothing")}, "no such file"},
		{[]tar.Header{link("a", "b"), link("b", "a"), file("a/x", "")}, "too many levels"},
		{[]tar.Header{{Typeflag: 'Q', Name: "x", ModTime: day}}, "not known"},
		{[]tar.Header{file(strings.Repeat("n", 300), "")}, "too long"},
	} {
		err := Extract(bytes.NewReader(archived(test.entries...)), openRoot(t, t.TempDir()), nil)
		require.ErrorContains(t, err, test.words, i)
		require.ErrorContains(t, err, "extract ")
	}
}

func TestExtractReplaces(t *testing.T) {
	top := t.TempDir()
	root := filepath.Join(top, "root")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "empty"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "target"), []byte("kept"), 0o600))
	require.NoError(t, os.Symlink("target", filepath.Join(root, "link")))
	require.NoError(t, os.Symlink("created", filepath.Join(root, "dangling")))
	require.NoError(t, os.Link(filepath.Join(root, "target"), filepath.Join(root, "other")))
	archive := archived(file("link", "new"), file("dangling", "new"), file("other", "new"), file("empty", "new"))
	require.NoError(t, Extract(bytes.NewReader(archive), openRoot(t, root), nil))
	for name, want := range map[string]string{"link": "new", "dangling": "new", "other": "new", "empty": "new", "target": "kept"} {
		info, err := os.Lstat(filepath.Join(root, name))
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular(), name)
		content, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, want, string(content), name)
	}
	require.NoFileExists(t, filepath.Join(root, "created"))
}

func TestExtractLimits(t *testing.T) {
	deep := strings.Repeat("d/", 300) + "f"
	many := archived(file("a/b/c/d", ""), file("e", ""), file("f", ""))
	for _, test := range []struct {
		archive []byte
		opts    *ExtractOptions
		words   string // empty where it fits
	}{
		{archived(file("a", "123456"), file("b", "7890")), &ExtractOptions{MaxBytes: 10}, ""},
		{archived(file("a", "123456"), file("b", "7890")), &ExtractOptions{MaxBytes: 9}, "more than 9 bytes"},
		{archived(file("a", "123456"), file("a", "7890")), &ExtractOptions{MaxBytes: 9}, "more than 9 bytes"},
		{archived(file("a", "")), &ExtractOptions{MaxBytes: -1}, ""},
		{many, &ExtractOptions{MaxEntries: 6}, ""},
		{many, &ExtractOptions{MaxEntries: 5}, "more than 5 entries"},
		{many, &ExtractOptions{MaxEntries: -1}, ""},
		{many, &ExtractOptions{MaxDepth: 4}, ""},
		{many, &ExtractOptions{MaxDepth: 3}, "more than 3 elements"},
		{archived(file(deep, "")), nil, "more than 256 elements"},
		{archived(file(deep, "")), &ExtractOptions{MaxDepth: -1}, ""},
	} {
		err := Extract(bytes.NewReader(test.archive), openRoot(t, t.TempDir()), test.opts)
		if test.words == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrLimit)
		require.ErrorContains(t, err, test.words)
	}
}

// A size that is only claimed, of 8 EiB, is refused before anything is written.
func TestExtractGiant(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 1<<63 - 1}))
	root := t.TempDir()
	err := Extract(io.MultiReader(&b, zeros{}), openRoot(t, root), nil)
	require.ErrorIs(t, err, ErrLimit)
	require.Empty(t, snapshot(t, root))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Every cut of an archive is an error, and leaves no half of a file.
func TestExtractCut(t *testing.T) {
	whole := archived(dir("d"), file("d/f", "content"), link("l", "d"), file("g", strings.Repeat("g", 600)))
	end := len(whole) - 2*blockSize
	dir := t.TempDir()
	root := openRoot(t, dir)
	for n := range whole {
		err := Extract(bytes.NewReader(whole[:n]), root, nil)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d of %d", n, end)
		if info, err := root.Lstat("g"); err == nil {
			require.EqualValues(t, 600, info.Size())
			require.NoError(t, root.Remove("g"))
		}
		requireClosed(t, filepath.Join(dir, "g"))
	}
	broken := errors.New("broken")
	err := Extract(io.MultiReader(bytes.NewReader(whole[:end]), iotest.ErrReader(broken)), openRoot(t, t.TempDir()), nil)
	require.ErrorIs(t, err, broken)
	for _, r := range []io.Reader{
		bytes.NewReader(whole), iotest.OneByteReader(bytes.NewReader(whole)),
		iotest.HalfReader(bytes.NewReader(whole)), iotest.DataErrReader(bytes.NewReader(whole)),
	} {
		require.NoError(t, Extract(r, openRoot(t, t.TempDir()), nil))
	}
}

func TestExtractModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	all := file("f", "")
	all.Mode = 0o7751
	top := dir("d")
	top.Mode = 0o7711
	for special, want := range map[bool]string{false: "drwx--x--x -rwxr-x--x", true: "dugtrwx--x--x ugtrwxr-x--x"} {
		root := t.TempDir()
		err := Extract(bytes.NewReader(archived(top, all)), openRoot(t, root), &ExtractOptions{SpecialBits: special})
		require.NoError(t, err)
		d, err := os.Lstat(filepath.Join(root, "d"))
		require.NoError(t, err)
		f, err := os.Lstat(filepath.Join(root, "f"))
		require.NoError(t, err)
		require.Equal(t, want, fmt.Sprint(d.Mode(), " ", f.Mode()))
	}
}

func TestExtractSpecial(t *testing.T) {
	archive := archived(node("c", tar.TypeChar), node("b", tar.TypeBlock), node("p", tar.TypeFifo), file("f", "f"))
	root := t.TempDir()
	require.NoError(t, Extract(bytes.NewReader(archive), openRoot(t, root), nil))
	require.Equal(t, 1, strings.Count(snapshot(t, root), "\n")+1)
	refused := errors.New("no devices")
	err := Extract(bytes.NewReader(archive), openRoot(t, root), &ExtractOptions{Special: func(h *tar.Header) error {
		require.Equal(t, "c", h.Name)
		return refused
	}})
	require.ErrorIs(t, err, refused)
}

func TestExtractMap(t *testing.T) {
	below := func(name string) (string, bool) { return strings.CutPrefix(name, "top/") }
	archive := archived(dir("top"), file("./top/f", "f"), hard("top/h", "/top/f"), file("other", ""))
	root := t.TempDir()
	require.NoError(t, Extract(bytes.NewReader(archive), openRoot(t, root), &ExtractOptions{Map: below}))
	require.FileExists(t, filepath.Join(root, "h"))
	require.NoFileExists(t, filepath.Join(root, "other"))

	out := func(string) (string, bool) { return "../x", true }
	err := Extract(bytes.NewReader(archive), openRoot(t, root), &ExtractOptions{Map: out})
	require.ErrorContains(t, err, "not possible here")
	err = Extract(bytes.NewReader(archived(file("other", ""), hard("top/h", "other"))), openRoot(t, root), &ExtractOptions{Map: below})
	require.ErrorContains(t, err, "left out")
}

// A hard link to itself, under whatever name, does not remove the file.
func TestExtractHardLinkToItself(t *testing.T) {
	for _, entries := range [][]tar.Header{
		{file("f", "kept"), hard("f", "f")},
		{file("f", "kept"), link("d", "."), hard("d/f", "f")},
		{file("f", "kept"), hard("g", "f"), hard("f", "g")},
	} {
		root := t.TempDir()
		require.NoError(t, Extract(bytes.NewReader(archived(entries...)), openRoot(t, root), nil))
		content, err := os.ReadFile(filepath.Join(root, "f"))
		require.NoError(t, err)
		require.Equal(t, "kept", string(content))
	}
}

func TestFile(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"},
	}))
	require.NoError(t, w.Flush())
	r, h, err := File(io.MultiReader(&b, bytes.NewReader(archived(file("f", "content"), file("g", "")))))
	require.NoError(t, err)
	require.Equal(t, "f", h.Name)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "content", string(content))

	for words, archive := range map[string][]byte{
		`"d/" is a directory`:         archived(dir("d/"), file("d/f", "")),
		`"l" is a link to "f"`:        archived(link("l", "f")),
		`"h" is a link to "f"`:        archived(hard("h", "f")),
		`"p" is not a regular file`:   archived(node("p", tar.TypeFifo)),
		"the archive is empty":        archived(),
		"the archive has no end":      nil,
		"unexpected EOF":              archived(file("f", ""))[:100],
		"archive/tar: invalid tar he": bytes.Repeat([]byte("x"), 1024),
	} {
		_, _, err := File(bytes.NewReader(archive))
		require.ErrorContains(t, err, words)
	}
	r, _, err = File(bytes.NewReader(archived(file("f", "content"))[:blockSize+3]))
	require.NoError(t, err)
	content, err = io.ReadAll(r)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "con", string(content))
}

func TestExtractKeepsTimes(t *testing.T) {
	root := t.TempDir()
	old := dir("d")
	old.ModTime = time.Unix(-5, 0)
	require.NoError(t, Extract(bytes.NewReader(archived(old, file("d/f", ""))), openRoot(t, root), nil))
	info, err := os.Stat(filepath.Join(root, "d"))
	require.NoError(t, err)
	require.EqualValues(t, -5, info.ModTime().Unix())
	require.NoError(t, Extract(bytes.NewReader(archived(tar.Header{
		Typeflag: tar.TypeReg, Name: "far", ModTime: time.Unix(1<<62, 0),
	})), openRoot(t, root), nil))
}
