package buildkit

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func digestOf(content string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content))) }

// ingest writes messages to one blob and returns the last answer's action and offset.
func (b *fakeBuild) ingest(store string, messages ...message) (action, offset uint64, err error) {
	o, err := b.open(contentService+"Write", http.Header{"buildkit-attachable-store-id": {store}})
	if err != nil {
		return 0, 0, err
	}
	for _, m := range messages {
		if o.send(m) != nil {
			break
		}
		answer, err := o.next()
		if err != nil {
			break
		}
		f := fields{rest: answer}
		for action, offset = 0, 0; f.next(); {
			switch f.number {
			case 1:
				action = f.value
			case 4:
				offset = f.value
			}
		}
	}
	return action, offset, o.end()
}

func TestLocalCaches(t *testing.T) {
	noLeaks(t)
	dir := filepath.Join(t.TempDir(), "cache")
	id := "local:" + dir
	store := http.Header{"buildkit-attachable-store-id": {id}}
	content := strings.Repeat("content ", 50_000)
	write := func(action uint64, offset int, text, expected string) message {
		return message(nil).number(1, action).text(2, "ref").text(4, expected).number(5, uint64(offset)).text(6, text)
	}
	r := &Request{CacheTo: []CacheEntry{LocalCache(dir, map[string]string{"tag": "t"})}}
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		action, offset, err := b.ingest(id, write(actionStat, 0, "", digestOf(content)), write(actionWrite, 0, content[:1000], ""),
			write(actionWrite, 1000, content[1000:], ""), write(actionCommit, len(content), "", digestOf(content)))
		require.NoError(t, err)
		require.EqualValues(t, actionCommit, action)
		require.EqualValues(t, len(content), offset)
		_, _, err = b.ingest(id, write(actionStat, 0, "", digestOf(content)))
		require.Equal(t, codeAlreadyExists, code(t, err))
		_, _, err = b.ingest(id, write(actionCommit, 0, "", digestOf("")))
		require.NoError(t, err, "an empty blob")
		for name, messages := range map[string][]message{
			"other content": {write(actionCommit, 0, "other", digestOf("another"))}, "offset": {write(actionWrite, 5, "x", "")},
			"digest": {write(actionWrite, 0, "x", "sha256:../../../../x")}, "upper": {write(actionWrite, 0, "x", "sha256:"+strings.Repeat("A", 64))},
			"malformed": {message("\x08")}, "size": {write(actionCommit, 0, "x", "").number(3, 7)},
		} {
			_, _, err = b.ingest(id, messages...)
			require.Equal(t, name == "malformed", code(t, err) == codeUnknown, name)
		}
		_, _, err = b.ingest(id, write(actionWrite, 0, "left", ""))
		require.NoError(t, err, "the engine may give up")
		_, _, err = b.ingest("local:/etc", write(actionStat, 0, "", ""))
		require.Equal(t, codeNotFound, code(t, err))
		return message(nil).dict(1, map[string]string{"cache.manifest": `{"digest":"` + digestOf(content) + `","size":7}`}), nil
	})
	_, err := Solve(testContext(t), f.engine(), r)
	require.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "blobs"), filepath.Join(dir, "index.json"), filepath.Join(dir, "oci-layout")}, left)

	from := LocalCache(dir, map[string]string{"tag": "t"})
	none := LocalCache(dir, map[string]string{"tag": "other"})
	nowhere := LocalCache(filepath.Join(dir, "x"), nil)
	require.NoError(t, during(t, &Request{CacheFrom: []CacheEntry{from, none, nowhere}}, func(b *fakeBuild) {
		var imports []CacheEntry
		require.NoError(t, json.Unmarshal([]byte(b.attrs["cache-imports"]), &imports))
		require.Equal(t, []CacheEntry{{Type: "local", Attrs: map[string]string{"src": dir, "tag": "t", "digest": digestOf(content)}}}, imports)
		read := func(digest string, offset, size uint64) (string, error) {
			var text strings.Builder
			err := b.each(b.ctx, contentService+"Read", message(nil).text(1, digest).number(2, offset).number(3, size), func([]byte) error { return nil })
			require.Equal(t, codeNotFound, code(t, err), "without the store's id")
			o, err := b.open(contentService+"Read", store)
			require.NoError(t, err)
			require.NoError(t, o.send(message(nil).text(1, digest).number(2, offset).number(3, size)))
			o.out.Close()
			for {
				m, err := o.next()
				if err != nil {
					return text.String(), o.end()
				}
				s, err := textField(m, 2)
				require.NoError(t, err)
				text.WriteString(s)
			}
		}
		text, err := read(digestOf(content), 0, 0)
		require.NoError(t, err)
		require.Equal(t, content, text)
		text, err = read(digestOf(content), 100_000, 16)
		require.NoError(t, err)
		require.Equal(t, content[100_000:100_016], text)
		_, err = read(digestOf(content), 1<<40, 16)
		require.Equal(t, codeInvalidArgument, code(t, err))
		_, err = read(digestOf("x"), 0, 0)
		require.Equal(t, codeNotFound, code(t, err))
		o, err := b.open(contentService+"Info", store)
		require.NoError(t, err)
		require.NoError(t, o.send(message(nil).text(1, digestOf(content))))
		m, err := o.next()
		require.NoError(t, err)
		info, err := textField(m, 1)
		require.NoError(t, err)
		require.Equal(t, string(message(nil).text(1, digestOf(content)).number(2, uint64(len(content)))), info)
		require.NoError(t, o.end())
	}))
	require.NotContains(t, from.Attrs, "digest", "the request is not changed")

	require.NoError(t, os.WriteFile(filepath.Join(dir, indexFile), []byte("{"), 0o644))
	_, err = Solve(t.Context(), Engine{}, &Request{CacheFrom: []CacheEntry{from}})
	require.ErrorContains(t, err, indexFile)
	_, err = Solve(t.Context(), Engine{}, &Request{CacheTo: []CacheEntry{{Type: "local"}}})
	require.ErrorIs(t, err, errdefs.ErrInvalidArgument)
}
