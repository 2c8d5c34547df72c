package buildkit

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// fetched is what the engine gets of a request's files.
func fetched(t *testing.T, r *Request, metadata http.Header) ([]sent, error) {
	t.Helper()
	var list []sent
	var failure error
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		list, failure = b.fetch(metadata)
		return imageMade(), nil
	})
	_, err := Solve(testContext(t), f.engine(), r)
	require.NoError(t, err)
	return list, failure
}

func paths(list []sent) (all []string) {
	for _, e := range list {
		all = append(all, e.path)
	}
	return all
}

func contextOf(extra ...string) http.Header {
	h := http.Header{"dir-name": {"context"}}
	for i := 0; i < len(extra); i += 2 {
		h[extra[i]] = append(h[extra[i]], extra[i+1])
	}
	return h
}

func TestFileSyncSelections(t *testing.T) {
	noLeaks(t)
	tree := files(map[string]string{
		"Dockerfile": "", ".dockerignore": "", "a/b/c": "", "a/b/d": "", "a/e": "", "f.txt": "", "g.txt": "", "h/i.txt": "",
		"link": "->a/b", "abs": "->/h/i.txt", "up": "->../../../g.txt", "root": "->.", "loop": "->loop2", "loop2": "->loop",
		"x*y": "", "xzy": "", "lit": "->x*y",
	})
	for name, c := range map[string]struct {
		metadata []string
		want     []string
	}{
		"a file":              {[]string{"followpaths", ".dockerignore"}, []string{".dockerignore"}},
		"none":                {[]string{"followpaths", "missing", "followpaths", "a/missing/x"}, nil},
		"deep":                {[]string{"followpaths", "/a/b/c"}, []string{"a", "a/b", "a/b/c"}},
		"directory":           {[]string{"followpaths", "./a/b/"}, []string{"a", "a/b", "a/b/c", "a/b/d"}},
		"wildcard":            {[]string{"followpaths", "*.txt"}, []string{"f.txt", "g.txt"}},
		"wildcard in between": {[]string{"followpaths", "a/*/c", "followpaths", "?/i.txt"}, []string{"a", "a/b", "a/b/c", "h", "h/i.txt"}},
		"two stars":           {[]string{"followpaths", "a/**/c"}, []string{"a", "a/b", "a/b/c", "a/b/d", "a/e"}},
		"link":                {[]string{"followpaths", "link"}, []string{"a", "a/b", "a/b/c", "a/b/d", "link"}},
		"through a link":      {[]string{"followpaths", "link/c"}, []string{"a", "a/b", "a/b/c", "link"}},
		"absolute link":       {[]string{"followpaths", "abs"}, []string{"abs", "h", "h/i.txt"}},
		"link upwards":        {[]string{"followpaths", "up"}, []string{"g.txt", "up"}},
		"loop":                {[]string{"followpaths", "loop"}, []string{"loop", "loop2"}},
		"link is literal":     {[]string{"followpaths", "lit"}, []string{"lit", "x*y"}},
		"escaped":             {[]string{"followpaths", `x\*y`}, []string{"x*y"}},
		"encoded":             {[]string{"followpaths", "f%2Etxt", "followpaths-encoded", "1"}, []string{"f.txt"}},
		"excluded":            {[]string{"followpaths", "a", "exclude-patterns", "a/b"}, []string{"a", "a/e"}},
		"re-included":         {[]string{"exclude-patterns", "*", "exclude-patterns", "!a/b/d"}, []string{"a", "a/b", "a/b/d"}},
		"included":            {[]string{"include-patterns", "a/b", "include-patterns", "*.txt"}, []string{"a", "a/b", "a/b/c", "a/b/d", "f.txt", "g.txt"}},
	} {
		list, err := fetched(t, &Request{Context: Source{FS: tree}}, contextOf(c.metadata...))
		require.NoError(t, err, name)
		require.Equal(t, c.want, paths(list), name)
	}
	list, err := fetched(t, &Request{Context: Source{FS: tree}}, contextOf("followpaths", "root"))
	require.NoError(t, err)
	require.Len(t, list, 20, "a link to the root is everything")
	_, err = fetched(t, &Request{Context: Source{FS: tree}}, contextOf("exclude-patterns", "[x"))
	require.Equal(t, codeInvalidArgument, code(t, err))
	_, err = fetched(t, &Request{Context: Source{FS: tree}}, http.Header{"dir-name": {"other"}})
	require.Equal(t, codeNotFound, code(t, err))
}

// A tree of random names is listed in an order that the engine takes.
func TestFileSyncOrder(t *testing.T) {
	noLeaks(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		tree := make(fstest.MapFS)
		for range 200 {
			var elements []string
			for range 1 + rnd.IntN(4) {
				elements = append(elements, string("-./0Aaé"[rnd.IntN(2)*3:][:1])+string(rune('a'+rnd.IntN(3))))
			}
			name := path.Join(elements...)
			if f := tree[name]; fs.ValidPath(name) && f == nil {
				tree[name] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
			}
		}
		list, err := fetched(t, &Request{Context: Source{FS: tree}}, contextOf())
		require.NoError(t, err)
		require.NotEmpty(t, list)
		seen := map[string]bool{".": true}
		for i, e := range list {
			require.True(t, seen[path.Dir(e.path)], e.path)
			seen[e.path] = true
			if i > 0 { // elements are compared one by one
				require.Negative(t, slices.Compare(strings.Split(list[i-1].path, "/"), strings.Split(e.path, "/")))
			}
		}
	}
}

func TestFileSyncKeys(t *testing.T) {
	dir, memory := Source{Dir: t.TempDir()}, Source{FS: files(map[string]string{"Dockerfile": "FROM scratch"})}
	key := func(r Request) string {
		all, err := openTrees(&r)
		require.NoError(t, err)
		defer all.close()
		return all.key()
	}
	require.Equal(t, key(Request{Context: dir}), key(Request{Context: dir}))
	require.NotEqual(t, key(Request{Context: dir}), key(Request{Context: Source{Dir: t.TempDir()}}))
	require.NotEqual(t, key(Request{Context: memory}), key(Request{Context: memory}))
	require.Equal(t, key(Request{Context: dir, Dockerfile: memory}), key(Request{Context: dir, Dockerfile: memory}))
	mixed := Request{Context: dir, Contexts: map[string]Source{"m": memory}}
	require.NotEqual(t, key(mixed), key(mixed))

	contents := []string{"FROM a", "FROM b"}
	var times []int64
	for _, content := range contents {
		r := Request{Dockerfile: Source{FS: files(map[string]string{"Dockerfile": content})}}
		list, err := fetched(t, &r, http.Header{"dir-name": {"dockerfile"}})
		require.NoError(t, err)
		times = append(times, list[0].time)
		require.Positive(t, list[0].time)
	}
	require.NotEqual(t, times[0], times[1])
}

// What an engine asks for beyond what it may ends the transfer, not more.
func TestFileSyncRefusals(t *testing.T) {
	noLeaks(t)
	req := func(id uint64) message { return message(nil).number(1, packetReq).number(3, id) }
	for name, packets := range map[string][]message{
		"no such file": {req(7)}, "a directory": {req(1)}, "twice": {req(0), req(0)}, "huge": {req(1 << 40)},
		"malformed": {message("\x08")}, "its error": {message(nil).number(1, packetErr).text(4, "disk full")}, "its end": nil,
	} {
		var status error
		f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
			o, err := b.open(pathFiles, contextOf())
			require.NoError(t, err)
			for range 3 {
				_, err := o.next()
				require.NoError(t, err)
			}
			for _, m := range packets {
				require.NoError(t, o.send(m))
			}
			status = o.end()
			return imageMade(), nil
		})
		_, err := Solve(testContext(t), f.engine(), &Request{Context: Source{FS: files(map[string]string{"a": "x", "b/": ""})}})
		require.NoError(t, err)
		require.Error(t, status, name)
		t.Log(name, status)
	}
}

// A failure of the tree is told in its own words, and is the build's error.
func TestFileSyncFailures(t *testing.T) {
	noLeaks(t)
	tree := files(map[string]string{"d/f": "content", "g": "x"})
	for name, c := range map[string]struct {
		fs fs.FS
		is error
	}{
		"open": {refusing{tree, "d/f"}, fs.ErrPermission}, "list": {refusing{tree, "d"}, fs.ErrPermission},
		"grown": {resized{tree, "g", -1}, errChanged}, "cut": {resized{tree, "g", 1}, errChanged},
		"name": {fstest.MapFS{"a\xff": {Data: []byte("x")}}, nil},
	} {
		f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
			_, err := b.fetch(contextOf())
			return nil, err
		})
		_, err := Solve(testContext(t), f.engine(), &Request{Context: Source{FS: c.fs}})
		var own *sourceError
		require.ErrorAs(t, err, &own, name)
		if c.is != nil {
			require.ErrorIs(t, err, c.is, name)
		}
	}
}

func (r refusing) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == r.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return r.MapFS.ReadDir(name)
}

// A directory on the way to a file may become a link to anywhere while the build runs.
func TestFileSyncNeverLeavesTheDirectory(t *testing.T) {
	noLeaks(t)
	dir := on(t, map[string]string{"d/secret": "harmless"})
	outside := on(t, map[string]string{"secret": "harmful!"})
	var failure error
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		o, err := b.open(pathFiles, contextOf())
		require.NoError(t, err)
		for range 3 {
			_, err := o.next()
			require.NoError(t, err)
		}
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "d")))
		require.NoError(t, os.Symlink(outside, filepath.Join(dir, "d")))
		require.NoError(t, o.send(message(nil).number(1, packetReq).number(3, 1)))
		m, err := o.next()
		require.NoError(t, err)
		kind, _, text, _ := packet(m)
		require.Equal(t, packetErr, kind, string(text))
		failure = errors.New(string(text))
		return nil, failure
	})
	_, err := Solve(testContext(t), f.engine(), &Request{Context: Source{Dir: dir}})
	var own *sourceError
	require.ErrorAs(t, err, &own)
}

// Many files, asked for all at once and answered by pieces that mix.
func TestFileSyncOfManyFiles(t *testing.T) {
	noLeaks(t)
	contents := make(map[string]string)
	for i := range 3000 {
		contents[strings.Repeat("d/", i%5)+"f"+string(rune('0'+i%10))+randomID()] = strings.Repeat("x", i*7%200_000)
	}
	list, err := fetched(t, &Request{Context: Source{FS: files(contents)}}, contextOf())
	require.NoError(t, err)
	for _, e := range list {
		if e.mode&uint64(fs.ModeDir) == 0 {
			require.Equal(t, len(contents[e.path]), len(e.content))
			delete(contents, e.path)
		}
	}
	require.Empty(t, contents)
}
