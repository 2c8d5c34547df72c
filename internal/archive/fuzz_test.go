package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallLimits keep one archive of the fuzzer from filling the disk.
var smallLimits = ExtractOptions{MaxBytes: 1 << 20, MaxEntries: 200, MaxDepth: 30, SpecialBits: true}

// script reads entries from lines: the type's letter, the mode's last digits, then the
// name, the link's target and the content with bars between.
func script(text string) []tar.Header {
	var entries []tar.Header
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) < 2 {
			continue
		}
		parts := append(strings.Split(line[2:], "|"), "", "")
		h := file(parts[0], parts[2])
		h.Typeflag, h.Linkname, h.Mode = line[0], parts[1], int64(line[1])*0o111
		if h.Typeflag != tar.TypeReg {
			h.Size, h.PAXRecords = 0, nil
		}
		entries = append(entries, h)
	}
	return entries
}

// scripted is the reverse of script.
func scripted(entries []tar.Header) string {
	var b strings.Builder
	for _, h := range entries {
		fmt.Fprintf(&b, "%c%c%s|%s|%s\n", h.Typeflag, h.Mode/0o111, h.Name, h.Linkname, h.PAXRecords["TEST.content"])
	}
	return b.String()
}

// FuzzExtract makes archives of scripts. The root is in a tree that must not change.
func FuzzExtract(f *testing.F) {
	for _, entries := range hostile("/OUTSIDE") {
		f.Add(scripted(entries))
	}
	for name, entries := range lawful() {
		if !strings.Contains(name, "many") && !strings.Contains(name, "200 KiB") {
			f.Add(scripted(entries))
		}
	}
	root, outside, unchanged := sentinel(f)
	f.Fuzz(func(t *testing.T, text string) {
		archive := archived(script(strings.ReplaceAll(text, "/OUTSIDE", outside))...)
		extractInto(t, root, archive)
		unchanged(t)
	})
}

// FuzzExtractBytes takes archives as they are, with the checksums of headers mended.
func FuzzExtractBytes(f *testing.F) {
	for _, entries := range hostile("/OUTSIDE") {
		f.Add(archived(entries...))
	}
	for name, entries := range lawful() {
		if !strings.Contains(name, "many") && !strings.Contains(name, "200 KiB") {
			f.Add(archived(entries...))
		}
	}
	root, _, unchanged := sentinel(f)
	f.Fuzz(func(t *testing.T, archive []byte) {
		extractInto(t, root, mended(archive))
		unchanged(t)
	})
}

// extractInto extracts into an empty root within the limits, and empties it again.
func extractInto(t *testing.T, dir string, archive []byte) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	err = Extract(bytes.NewReader(archive), root, &smallLimits)
	var written int64
	entries := 0
	openUp(t, dir)
	list, lerr := fs.ReadDir(root.FS(), ".")
	require.NoError(t, lerr)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			written += info.Size()
		}
		entries++
		return err
	}))
	require.LessOrEqual(t, entries, smallLimits.MaxEntries+1)
	if err == nil || !errors.Is(err, ErrLimit) {
		require.LessOrEqual(t, written, smallLimits.MaxBytes*int64(smallLimits.MaxEntries))
	}
	for _, d := range list {
		require.NoError(t, root.RemoveAll(d.Name()))
	}
}

// mended gives every block that could be a header the checksum that it must have.
func mended(archive []byte) []byte {
	archive = bytes.Clone(archive)
	for block := archive; len(block) >= blockSize; block = block[blockSize:] {
		if !bytes.HasPrefix(block[257:], []byte("ustar")) {
			continue
		}
		copy(block[148:156], "        ")
		sum := 0
		for _, c := range block[:blockSize] {
			sum += int(c)
		}
		copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	}
	return archive
}

// The fuzzers' own means work: a script and its archive say the same.
func TestScript(t *testing.T) {
	entries := []tar.Header{file("a", "content"), dir("d"), link("l", "../x"), hard("h", "a"), node("p", tar.TypeFifo)}
	list, contents := headers(t, archived(script(scripted(entries))...))
	require.Equal(t, []string{"a", "d", "l", "h", "p"}, names(list))
	require.Equal(t, "content", contents["a"])
	require.Equal(t, "../x", list[2].Linkname)
	broken := archived(entries...)
	broken[0] = 'b'
	r := tar.NewReader(bytes.NewReader(broken))
	_, err := r.Next()
	require.Error(t, err)
	r = tar.NewReader(bytes.NewReader(mended(broken)))
	h, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "b", h.Name)
	_, err = io.Copy(io.Discard, r)
	require.NoError(t, err)
}
