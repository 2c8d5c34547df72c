package archive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// moded gives an entry other permissions, timed another time.
func moded(h tar.Header, mode int64) tar.Header {
	h.Mode = mode
	return h
}

func timed(h tar.Header, t time.Time) tar.Header {
	h.ModTime, h.Format = t, tar.FormatPAX
	return h
}

func format(h tar.Header, f tar.Format) tar.Header {
	h.Format = f
	return h
}

// lawful are archives that are extracted as tar does it.
func lawful() map[string][]tar.Header {
	long := strings.Repeat("long-", 40)
	deep := strings.TrimSuffix(strings.Repeat("deep/", 60), "/")
	return map[string][]tar.Header{
		"nothing":                      {},
		"one file":                     {file("f", "content")},
		"empty file":                   {file("f", "")},
		"file of one block":            {file("f", strings.Repeat("x", 512))},
		"file of a block and a byte":   {file("f", strings.Repeat("x", 513))},
		"file of 200 KiB":              {file("f", strings.Repeat("0123456789abcdef", 12800))},
		"file twice":                   {file("f", "first"), file("f", "second")},
		"executable":                   {moded(file("f", "#!"), 0o755)},
		"private":                      {moded(file("f", "s"), 0o600), moded(dir("d"), 0o700)},
		"no permissions":               {moded(file("f", "s"), 0), moded(dir("d"), 0)},
		"every special bit":            {moded(file("f", "s"), 0o7755), moded(dir("d"), 0o7777)},
		"read-only directory":          {moded(dir("d"), 0o555), file("d/f", "x"), moded(dir("d/e"), 0o500), file("d/e/f", "x")},
		"empty directory":              {dir("d")},
		"directory with slash":         {dir("d/")},
		"directory after its files":    {file("d/f", "x"), file("d/e/g", "y"), dir("d/e"), moded(dir("d"), 0o710)},
		"directory twice":              {moded(dir("d"), 0o700), file("d/f", "x"), moded(dir("d"), 0o711)},
		"parents that no entry names":  {file("a/b/c/f", "x")},
		"deep":                         {file(deep+"/f", "x")},
		"leading dot":                  {dir("./"), file("./f", "x"), dir("./d"), file("./d/g", "y")},
		"leading slash":                {dir("/d"), file("/d/f", "x")},
		"doubled slashes":              {dir("d//e/"), file("d//e///f", "x")},
		"dots inside":                  {file("./a/./b/./f", "x")},
		"names like dots":              {file("...", "x"), file("..a", "y"), file(".b..", "z"), dir("d..d")},
		"relative link":                {file("f", "x"), link("l", "f")},
		"link before its target":       {link("l", "f"), file("f", "x")},
		"dangling link":                {link("l", "nowhere")},
		"link to parent inside":        {dir("d"), file("f", "x"), link("d/l", "../f")},
		"absolute link":                {link("l", "/etc/hostname")},
		"link out":                     {dir("d"), link("d/l", "../../../up")},
		"link to itself":               {link("l", "l")},
		"links in a circle":            {link("a", "b"), link("b", "a")},
		"link with odd target":         {link("l", "./a//b/../c/"), link("m", "-x"), link("n", " ")},
		"long link target":             {link("l", strings.Repeat("target/", 50)+"x")},
		"file below a linked folder":   {dir("d"), link("l", "d"), file("l/f", "x")},
		"link replaced by file":        {file("f", "x"), link("l", "f"), file("l", "y")},
		"file replaced by link":        {file("f", "x"), file("l", "y"), link("l", "f")},
		"file replaced by directory":   {file("d", "x"), dir("d"), file("d/f", "y")},
		"empty directory to file":      {dir("d"), file("d", "x")},
		"empty directory to link":      {dir("d"), link("d", "x")},
		"link replaced by directory":   {dir("e"), link("d", "e"), dir("d"), file("d/f", "y")},
		"hard link":                    {file("f", "x"), hard("h", "f")},
		"hard links across folders":    {dir("a"), file("a/f", "x"), dir("b"), hard("b/h", "a/f"), hard("b/i", "b/h")},
		"hard link with dots":          {file("./a/f", "x"), hard("./h", "./a/f")},
		"absolute hard link":           {file("/a/f", "x"), hard("/h", "/a/f")},
		"hard link of a link":          {link("l", "nowhere"), hard("h", "l")},
		"hard link then replaced":      {file("f", "x"), hard("h", "f"), file("f", "y")},
		"hard link over a file":        {file("f", "x"), file("h", "y"), hard("h", "f")},
		"long name":                    {file(long+"f", "x")},
		"long name, GNU":               {format(file(long+long[:40]+"f", "x"), tar.FormatGNU)},
		"long directory":               {dir(long), file(long+"/"+long+"f", "x")},
		"long link name":               {link(long+"l", "x"), file(long+"f", "x"), hard(long+"h", long+"f")},
		"split name":                   {format(file(strings.Repeat("d/", 70)+"f", "x"), tar.FormatUSTAR)},
		"unicode":                      {file("ä/日本/🐳", "x"), link("ß", "ä/日本/🐳")},
		"not unicode":                  {file("latin-\xe9\xff", "x"), dir("d\xfe"), file("d\xfe/\xfd", "y")},
		"control characters":           {file("a\nb\tc\x01\x7f", "x"), file(" lead", "y"), file("trail ", "z")},
		"odd characters":               {file("a b'c\"d\\e$f*g?h", "x"), file("-rf", "y"), file("C:d", "z"), file("~", "t")},
		"time with fraction":           {timed(file("f", "x"), day.Add(123456789))},
		"time before 1970":             {timed(file("f", "x"), time.Unix(-86400, 0)), timed(dir("d"), time.Unix(-1, 0))},
		"time after 2038":              {timed(file("f", "x"), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))},
		"owner of another":             {{Typeflag: tar.TypeReg, Name: "f", Mode: 0o644, Uid: 4000000, Gid: 4000001, Uname: "nobody", ModTime: day}},
		"extended attributes":          {{Typeflag: tar.TypeReg, Name: "f", Mode: 0o644, ModTime: day, Format: tar.FormatPAX, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}}},
		"global header":                {{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "commit"}}, file("f", "x")},
		"pipe":                         {node("p", tar.TypeFifo), file("f", "x")},
		"a tree like a root":           {dir("usr"), dir("usr/bin"), link("bin", "usr/bin"), file("usr/bin/sh", "#!"), hard("usr/bin/ash", "usr/bin/sh"), moded(dir("tmp"), 0o1777), link("etc", "/usr/etc")},
		"contiguous file":              {{Typeflag: tar.TypeCont, Name: "f", Mode: 0o644, ModTime: day}},
		"many files of one directory":  many(500),
		"directories in reverse order": {file("a/b/c/f", "x"), dir("a/b/c"), dir("a/b"), dir("a")},
	}
}

func many(n int) []tar.Header {
	list := []tar.Header{dir("d")}
	for i := range n {
		list = append(list, file(fmt.Sprintf("d/%d", i), fmt.Sprint(i)))
	}
	return list
}

// implied are the directories of an archive that it has no entry for.
func implied(entries []tar.Header) []string {
	var all []string
	named := make(map[string]bool)
	for _, h := range entries {
		named[filepath.Clean("/" + h.Name)[1:]] = h.Typeflag == tar.TypeDir
	}
	for _, h := range entries {
		for d := filepath.Dir(filepath.Clean("/" + h.Name)); d != "/"; d = filepath.Dir(d) {
			if !named[d[1:]] {
				all = append(all, d[1:])
			}
		}
	}
	return all
}

// systemTar extracts as tar does, or skips the test where it is not GNU tar's.
func systemTar(t *testing.T, archive []byte, into string, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("tar")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no tar to compare with")
	}
	c := exec.Command(tool, append([]string{"-xpf", "-", "--no-same-owner", "--delay-directory-restore", "-C", into}, args...)...)
	c.Stdin = bytes.NewReader(archive)
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestExtractAsTarDoes(t *testing.T) {
	require.Greater(t, len(lawful()), 60)
	for name, entries := range lawful() {
		t.Run(name, func(t *testing.T) {
			theirs, ours := extractDir(t), extractDir(t)
			if name == "no permissions" && os.Geteuid() != 0 {
				t.Skip("only root can look into it")
			}
			var args []string
			if name == "pipe" {
				args = []string{"--exclude=p"}
			}
			systemTar(t, archived(entries...), theirs, args...)
			err := Extract(bytes.NewReader(archived(entries...)), openRoot(t, ours), &ExtractOptions{SpecialBits: true})
			require.NoError(t, err)
			require.Equal(t, snapshot(t, theirs, implied(entries)...), snapshot(t, ours, implied(entries)...))
			require.Equal(t, len(entries) == 0, snapshot(t, ours) == "")
		})
	}
}

// Archives that tar makes of a tree with holes, in each of its ways to note them.
func TestExtractTarsOfTar(t *testing.T) {
	tree := t.TempDir()
	f, err := os.Create(filepath.Join(tree, "sparse"))
	require.NoError(t, err)
	for _, at := range []int64{0, 1 << 20, 5<<20 + 3, 9 << 20} {
		_, err := f.WriteAt([]byte("data"), at)
		require.NoError(t, err)
	}
	require.NoError(t, f.Truncate(10<<20))
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(filepath.Join(tree, strings.Repeat("n", 200)), []byte("x"), 0o640))
	require.NoError(t, os.Link(filepath.Join(tree, "sparse"), filepath.Join(tree, "twin")))
	for _, args := range [][]string{
		{"--format=gnu"},
		{"--format=gnu", "-S"},
		{"--format=oldgnu", "-S"},
		{"--format=posix"},
		{"--format=posix", "-S", "--sparse-version=0.0"},
		{"--format=posix", "-S", "--sparse-version=0.1"},
		{"--format=posix", "-S", "--sparse-version=1.0"},
		{"--format=posix", "--pax-option=globexthdr.name=g,comment=hello"},
		{"--format=gnu", "--blocking-factor=1"},
		{"--format=gnu", "--numeric-owner", "--owner=0", "--group=0", "--sort=name"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			theirs, ours := extractDir(t), extractDir(t)
			systemTar(t, archived(), theirs)
			archive, err := exec.Command("tar", append(args, "-cf", "-", "-C", tree, ".")...).Output()
			require.NoError(t, err)
			systemTar(t, archive, theirs)
			require.NoError(t, Extract(bytes.NewReader(archive), openRoot(t, ours), nil))
			require.Equal(t, snapshot(t, theirs), snapshot(t, ours))
		})
	}
}

// Extracting over what an earlier extraction left gives the same again.
func TestExtractTwice(t *testing.T) {
	for name, entries := range lawful() {
		if strings.Contains(name, "replaced") || strings.HasPrefix(name, "empty directory to") || name == "no permissions" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			root := extractDir(t)
			for range 2 {
				require.NoError(t, Extract(bytes.NewReader(archived(entries...)), openRoot(t, root), nil))
			}
			once := extractDir(t)
			require.NoError(t, Extract(bytes.NewReader(archived(entries...)), openRoot(t, once), nil))
			require.Equal(t, snapshot(t, once, implied(entries)...), snapshot(t, root, implied(entries)...))
		})
	}
}

func BenchmarkExtract(b *testing.B) {
	archive := archived(many(1000)...)
	root := openRoot(b, b.TempDir())
	b.SetBytes(int64(len(archive)))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, Extract(bytes.NewReader(archive), root, nil))
	}
}

func BenchmarkTarDir(b *testing.B) {
	dir := b.TempDir()
	require.NoError(b, Extract(bytes.NewReader(archived(many(1000)...)), openRoot(b, dir), nil))
	b.ReportAllocs()
	for b.Loop() {
		r, err := TarDir(dir, nil)
		require.NoError(b, err)
		n, err := io.Copy(struct{ io.Writer }{io.Discard}, r)
		require.NoError(b, err)
		b.SetBytes(n)
		r.Close()
	}
}
