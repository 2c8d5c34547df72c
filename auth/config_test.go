package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// written is a configuration file with this text.
func written(t *testing.T, text string) Config {
	t.Helper()
	c := Config{Path: filepath.Join(t.TempDir(), "config.json")}
	require.NoError(t, os.WriteFile(c.Path, []byte(text), 0o600))
	return c
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func entry(text string) string { return `{"auth":"` + b64(text) + `"}` }

func TestConfigFindsTheEntryOfExactlyOneAuthority(t *testing.T) {
	hubNames := []string{"docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/"}
	for _, c := range []struct {
		auths, registry string
		want            Credentials
	}{
		{`"r.example":` + entry("u:p"), "r.example", Credentials{Username: "u", Password: "p", ServerAddress: "r.example"}},
		{`"r.example":` + entry("u:p:q"), "r.example", Credentials{Username: "u", Password: "p:q", ServerAddress: "r.example"}},
		{`"r.example":` + entry("u:p\x00\x00"), "r.example", Credentials{Username: "u", Password: "p", ServerAddress: "r.example"}},
		{`"r.example":{"auth":"` + strings.TrimRight(b64("u:p"), "=") + `"}`, "r.example", Credentials{Username: "u", Password: "p", ServerAddress: "r.example"}},
		{`"r.example":` + entry("u:p"), "r.example:443", Credentials{}},
		{`"r.example:443":` + entry("u:p"), "r.example", Credentials{}},
		{`"r.example":` + entry("u:p"), "myr.example", Credentials{}},
		{`"r.example":` + entry("u:p"), "r.example.evil", Credentials{}},
		{`"https://r.example/v1/":` + entry("u:p"), "r.example", Credentials{Username: "u", Password: "p", ServerAddress: "r.example"}},
		{`"http://r.example:5000/v2/":` + entry("u:p"), "r.example:5000", Credentials{Username: "u", Password: "p", ServerAddress: "r.example:5000"}},
		{`"https://r.example":` + entry("url:p") + `,"r.example":` + entry("plain:p"), "r.example", Credentials{Username: "plain", Password: "p", ServerAddress: "r.example"}},
		{`"http://r.example":` + entry("http:p") + `,"https://r.example":` + entry("https:p"), "r.example", Credentials{Username: "https", Password: "p", ServerAddress: "r.example"}},
		{`"r.example":{},"https://r.example":` + entry("url:p"), "r.example", Credentials{Username: "url", Password: "p", ServerAddress: "r.example"}},
		{`"https://":` + entry("u:p"), "docker.io", Credentials{}},
		{`"":` + entry("u:p"), "docker.io", Credentials{}},
		{`"https:///v1/":` + entry("u:p"), "docker.io", Credentials{}},
		{`"user@r.example":` + entry("u:p"), "r.example", Credentials{}},
		{`"[::1]:5000":` + entry("u:p"), "[::1]:5000", Credentials{Username: "u", Password: "p", ServerAddress: "[::1]:5000"}},
		{`"r.example":{"username":"u","password":"p"}`, "r.example", Credentials{Username: "u", Password: "p", ServerAddress: "r.example"}},
		{`"r.example":{"auth":"` + b64("u:p") + `","identitytoken":"t"}`, "r.example", Credentials{Username: "u", Password: "p", IdentityToken: "t", ServerAddress: "r.example"}},
		{`"r.example":{"registrytoken":"t"}`, "r.example", Credentials{RegistryToken: "t", ServerAddress: "r.example"}},
	} {
		got, err := written(t, `{"auths":{`+c.auths+`},"HttpHeaders":{"X":"y"}}`).Credentials(t.Context(), c.registry)
		require.NoError(t, err, c.auths)
		require.True(t, c.want == got, "%s for %s: %s", c.auths, c.registry, got)
	}
	for _, key := range hubNames {
		for _, name := range append(hubNames, "") {
			got, err := written(t, `{"auths":{"`+key+`":`+entry("u:p")+`}}`).Credentials(t.Context(), name)
			require.NoError(t, err)
			require.Equal(t, "u", got.Username, "%s for %s", key, name)
			require.Equal(t, "https://index.docker.io/v1/", got.ServerAddress)
		}
	}
}

func TestRegistryOfAnImage(t *testing.T) {
	for image, want := range map[string]string{
		"busybox": "docker.io", "busybox:1": "docker.io", "library/busybox": "docker.io", "docker.io/x": "docker.io",
		"index.docker.io/x/y": "docker.io", "r.example/x": "r.example", "r.example:5000/x:1": "r.example:5000",
		"localhost/x": "localhost", "localhost:1/x": "localhost:1", "Host/x": "Host", "a/b/c": "docker.io",
		"r.example/x@sha256:abc": "r.example", "x@sha256:abc": "docker.io", "[::1]:5000/x": "[::1]:5000",
	} {
		require.Equal(t, want, Registry(image), image)
	}
}

func TestConfigThatIsNotThere(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", filepath.Join(t.TempDir(), "nowhere"))
	t.Setenv("DOCKER_AUTH_CONFIG", "")
	for _, s := range []Lister{Config{}, Default()} {
		got, err := s.Credentials(t.Context(), "r.example")
		require.NoError(t, err)
		require.Empty(t, got)
		all, err := s.All(t.Context())
		require.NoError(t, err)
		require.Empty(t, all)
	}
}

// A process without a home folder, such as a service, has no configuration.
func TestConfigWithoutAHome(t *testing.T) {
	for _, name := range []string{"DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "HOME", "USERPROFILE"} {
		t.Setenv(name, "")
	}
	found, err := Default().Credentials(t.Context(), "docker.io")
	require.NoError(t, err)
	require.Zero(t, found)
	all, err := Default().All(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	require.NoError(t, Default().Erase(t.Context(), "docker.io"))
	require.ErrorContains(t, Default().Store(t.Context(), Credentials{Username: "u", Password: "p"}), "neither DOCKER_CONFIG nor a home folder")
}

func TestDefaultReadsTheEnvironmentBeforeTheFileAndBothEachTime(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("DOCKER_AUTH_CONFIG", `{"auths":{"r.example":`+entry("env:p")+`,"e.example":`+entry("env:p")+`},"credHelpers":{"f.example":"missing"}}`)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"r.example":`+entry("file:p")+`,"f.example":`+entry("file:p")+`}}`), 0o600))
	user := func(registry string) string {
		got, err := Default().Credentials(t.Context(), registry)
		require.NoError(t, err)
		return got.Username
	}
	require.Equal(t, []string{"env", "file", "env", ""}, []string{user("r.example"), user("f.example"), user("e.example"), user("docker.io")})
	all, err := Default().All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, "env", all["r.example"].Username)

	require.NoError(t, os.Remove(filepath.Join(dir, "config.json")))
	require.Equal(t, "", user("f.example"))
	t.Setenv("DOCKER_AUTH_CONFIG", canary)
	_, err = Default().Credentials(t.Context(), "r.example")
	require.ErrorContains(t, err, "DOCKER_AUTH_CONFIG")
	require.NotContains(t, err.Error(), canary)
}

func TestChain(t *testing.T) {
	chain := Chain{Static{"a": {Username: "1"}}, Static{"a": {Username: "2"}, "b": {Username: "2"}}}
	a, err := chain.Credentials(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "1", a.Username)
	all, err := chain.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1", all["a"].Username)
	require.Equal(t, "2", all["b"].Username)
	none, err := chain.Credentials(t.Context(), "c")
	require.NoError(t, err)
	require.Empty(t, none)
}

// Of names that look alike, an entry is found for its own alone: each is its own password.
func TestScopingOfRandomConfigs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	words := []string{"r", "my", "quay", "io", "example", "docker", "index", "localhost", "xn--r", "127.0.0.1", "[::1]"}
	name := func() string {
		parts := make([]string, 1+rnd.IntN(3))
		for i := range parts {
			parts[i] = words[rnd.IntN(len(words))]
		}
		host := strings.Join(parts, ".")
		if rnd.IntN(2) == 0 {
			host += []string{":443", ":80", ":5000", ":50"}[rnd.IntN(4)]
		}
		return host
	}
	found := 0
	for range 100_000 {
		var auths, helpers []string
		for range rnd.IntN(6) {
			key := name()
			item := `:` + entry("u:"+authority(key))
			key = []string{"", "https://", "http://"}[rnd.IntN(3)] + key + []string{"", "/", "/v1/", "/v2/" + name()}[rnd.IntN(4)]
			auths = append(auths, `"`+key+`"`+item)
			if rnd.IntN(8) == 0 {
				helpers = append(helpers, `"`+key+`":"`+strings.NewReplacer(":", "_", "/", "_", "[", "_", "]", "_").Replace(authority(key))+`"`)
			}
		}
		f, err := parse("config.json", []byte(`{"auths":{`+strings.Join(auths, ",")+`},"credHelpers":{`+strings.Join(helpers, ",")+`}}`))
		require.NoError(t, err)
		registry := Registry(name() + "/image:tag")
		if len(auths) > 0 && rnd.IntN(2) == 0 {
			key, _, _ := strings.Cut(auths[0][1:], `"`)
			registry = authority([]string{"", "my.", "r"}[rnd.IntN(3)] + authority(key) + []string{"", ".io", ":443", "0"}[rnd.IntN(4)])
		}
		got, err := f.credentials(registry)
		require.NoError(t, err)
		if got != (Credentials{}) {
			found++
			require.Equal(t, registry, got.Password)
			require.Equal(t, registry, authority(got.ServerAddress))
		}
		helper, err := f.helper(registry)
		require.NoError(t, err)
		if helper != "" {
			require.Equal(t, strings.NewReplacer(":", "_", "[", "_", "]", "_").Replace(registry), string(helper))
		}
	}
	require.Greater(t, found, 1000)
}

// The files of testdata/configs are named after what becomes of them: "ok" ones have
// entries for good.example, "part" ones too but a broken one for bad.example, and "bad"
// ones cannot be read at all. Whatever follows "canary" in them is never told.
func TestCorpusOfConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/configs/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 40)
	for _, path := range files {
		kind, _, _ := strings.Cut(filepath.Base(path), "-")
		c := Config{Path: path}
		good, err := c.Credentials(t.Context(), "good.example")
		unechoed(t, err)
		if kind == "bad" {
			require.Error(t, err, path)
			require.Contains(t, err.Error(), path)
		} else {
			require.NoError(t, err, path)
			require.Equal(t, "u", good.Username, path)
			require.Equal(t, "p", good.Password, path)
		}
		_, err = c.Credentials(t.Context(), "bad.example")
		unechoed(t, err)
		require.Equal(t, kind != "ok", err != nil, path)
		_, err = c.All(t.Context())
		unechoed(t, err)
		_, err = c.Credentials(t.Context(), "none.example")
		unechoed(t, err)
	}
}

func unechoed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), canary)
	}
}

func FuzzConfig(f *testing.F) {
	files, _ := filepath.Glob("testdata/configs/*.json")
	for _, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse("FILE", text)
		if err != nil {
			require.Equal(t, "FILE is no JSON object", err.Error())
			return
		}
		for _, registry := range []string{"docker.io", "r.example", "good.example"} {
			got, err := c.credentials(registry)
			if err == nil && got != (Credentials{}) {
				require.Equal(t, registry, authority(got.ServerAddress))
			}
			if err != nil {
				require.Less(t, len(err.Error()), 200)
			}
			c.helper(registry)
		}
		all, err := c.all()
		for registry, one := range all {
			require.Equal(t, registry, authority(one.ServerAddress))
		}
		_ = err
	})
}

func TestOddFiles(t *testing.T) {
	dir := t.TempDir()
	_, err := Config{Path: dir}.Credentials(t.Context(), "r.example")
	require.ErrorContains(t, err, "is no file")
	_, err = written(t, `{"a":"`+strings.Repeat("x", maxFile)+`"}`).Credentials(t.Context(), "r.example")
	require.ErrorContains(t, err, "larger than")
	got, err := written(t, " \n").Credentials(t.Context(), "r.example")
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestStoreInAFileKeepsWhatItDoesNotKnow(t *testing.T) {
	c := written(t, `{"psFormat":"<&>","big":12345678901234567890,"auths":{"https://r.example/v1/":{"auth":"b2xkOm9sZA=="},"s.example":{"auth":"czpz","future":[1.50]}},"currentContext":"x"}`)
	require.NoError(t, os.Chmod(c.Path, 0o644))
	require.NoError(t, c.Store(t.Context(), Credentials{Username: "u", Password: "p:q", ServerAddress: "r.example"}))
	require.NoError(t, c.Store(t.Context(), Credentials{Username: "h", IdentityToken: "token"}))
	text, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	require.Contains(t, string(text), `12345678901234567890`)
	require.Contains(t, string(text), `"<&>"`)
	require.JSONEq(t, `{"psFormat":"<&>","big":12345678901234567890,"currentContext":"x","auths":{
		"r.example":{"auth":"`+b64("u:p:q")+`"},"s.example":{"auth":"czpz","future":[1.50]},
		"https://index.docker.io/v1/":{"auth":"`+b64("h:")+`","identitytoken":"token"}}}`, string(text))
	if runtime.GOOS != "windows" {
		info, err := os.Stat(c.Path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	}
	got, err := c.Credentials(t.Context(), "docker.io")
	require.NoError(t, err)
	require.Equal(t, "token", got.IdentityToken)

	require.NoError(t, c.Erase(t.Context(), "r.example"))
	require.NoError(t, c.Erase(t.Context(), "nowhere.example"))
	got, err = c.Credentials(t.Context(), "r.example")
	require.NoError(t, err)
	require.Empty(t, got)
	entries, err := os.ReadDir(filepath.Dir(c.Path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing else stays behind")
	require.ErrorContains(t, c.Store(t.Context(), Credentials{Username: "a:b", Password: canary}), "colon")
}

func TestStoreFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "dotfiles", "real.json"), filepath.Join(dir, "config.json")
	if err := os.Symlink(filepath.Join("dotfiles", "real.json"), link); err != nil {
		t.Skip(err)
	}
	for range 2 { // the first time the link leads nowhere
		require.NoError(t, Config{Path: link}.Store(t.Context(), Credentials{Username: "u", Password: "p", ServerAddress: "r.example"}))
		info, err := os.Lstat(link)
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&fs.ModeSymlink)
		got, err := Config{Path: real}.Credentials(t.Context(), "r.example")
		require.NoError(t, err)
		require.Equal(t, "u", got.Username)
	}
}

func TestStoreLeavesABrokenFileAlone(t *testing.T) {
	for _, text := range []string{`{"auths":`, `[]`, `{"auths":[]}`, `{"credsStore":1}`} {
		c := written(t, text)
		require.Error(t, c.Store(t.Context(), Credentials{Username: "u", Password: "p"}))
		after, err := os.ReadFile(c.Path)
		require.NoError(t, err)
		require.Equal(t, text, string(after))
	}
	c := written(t, `{"auths":null}`)
	require.NoError(t, c.Store(t.Context(), Credentials{Username: "u", Password: "p"}))
}

// Readers see one whole file or another.
func TestConcurrentStores(t *testing.T) {
	c := written(t, `{"keep":1}`)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			registry := fmt.Sprintf("r%d.example", i)
			if err := c.Store(t.Context(), Credentials{Username: "u", Password: registry, ServerAddress: registry}); err != nil {
				t.Error(err)
			}
			if got, err := c.Credentials(t.Context(), registry); err != nil || got.Password != registry {
				t.Error(got, err)
			}
		})
	}
	all.Wait()
	text, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	var got struct {
		Keep  int
		Auths map[string]any
	}
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, 1, got.Keep)
	require.Len(t, got.Auths, 20)
}
