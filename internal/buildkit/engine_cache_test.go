package buildkit

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Caches that are imported and exported.
func TestEngineCaches(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		word := unique("word")
		r := &Request{
			Context:   Source{FS: files(map[string]string{"Dockerfile": "FROM " + baseImage + " AS b\nRUN echo " + word + " >/out\nFROM scratch\nCOPY --from=b /out /"})},
			BuildArgs: map[string]string{"BUILDKIT_INLINE_CACHE": "1"},
		}
		to, _ := e.image(t)
		r.Exports = []Export{to}
		r.CacheTo = []CacheEntry{{Type: "inline"}}
		_, err := Solve(testContext(t), e.Engine, r)
		require.NoError(t, err)
		if !e.store {
			return
		}
		ref := "127.0.0.1:5000/" + unique("cache")
		r.CacheTo = []CacheEntry{{Type: "registry", Attrs: map[string]string{"ref": ref, "mode": "max"}}}
		_, err = Solve(testContext(t), e.Engine, r)
		if err != nil && strings.Contains(err.Error(), "connection refused") {
			t.Skip("no registry of the tests here")
		}
		require.NoError(t, err)
		r.CacheTo, r.CacheFrom = nil, []CacheEntry{{Type: "registry", Attrs: map[string]string{"ref": ref}}}
		o := listen(r)
		_, err = Solve(testContext(t), e.Engine, r)
		require.NoError(t, err)
		imported := o.vertices["importing cache manifest from "+ref]
		require.False(t, imported.Completed.IsZero())
		require.Empty(t, imported.Error)
	})
}

func TestEngineLocalCache(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		if !e.store {
			t.Skip("needs containerd's image store")
		}
		dir := filepath.Join(t.TempDir(), "cache")
		to := LocalCache(dir, map[string]string{"mode": "max"})
		from := LocalCache(dir, nil)
		for i := range 3 {
			r := &Request{
				Context: Source{FS: files(map[string]string{"Dockerfile": run("RUN echo " + t.Name() + " >/out")})},
				CacheTo: []CacheEntry{to}, CacheFrom: []CacheEntry{from},
			}
			o := listen(r)
			built(t, e, r)
			for name, v := range o.vertices {
				require.Empty(t, v.Error, name)
				t.Log(i, name, v.Cached)
			}
			require.Equal(t, i > 0, slices.ContainsFunc(slices.Collect(maps.Keys(o.vertices)), func(name string) bool {
				return strings.HasPrefix(name, "importing cache manifest from local:")
			}))
			require.FileExists(t, filepath.Join(dir, "index.json"))
		}
	})
}

func TestEnginePlatforms(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		if !e.store {
			t.Skip("needs containerd's image store")
		}
		to, name := e.image(t)
		r := &Request{
			Context:      Source{FS: files(map[string]string{"Dockerfile": "FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH\nCOPY f /", "f": "x"})},
			Platforms:    []string{"linux/amd64", "linux/arm64"},
			Attestations: map[string]string{"provenance": "mode=max"},
			Exports:      []Export{to},
		}
		made, err := Solve(testContext(t), e.Engine, r)
		require.NoError(t, err)
		require.Equal(t, made.ImageID, made.Digest)
		var image struct {
			ID string `json:"Id"`
		}
		e.get(t, "/images/"+name+"/json", &image)
		require.Equal(t, image.ID, made.ImageID)
	})
}
