package ignore

import (
	"fmt"
	"math/rand/v2"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for file, want := range map[string][]string{
		"":                                   nil,
		"a\nb\n":                             {"a", "b"},
		"\uFEFFa\r\n\r\n b \r\n":             {"a", "b"},
		"# a\n#b\n #c\n\\#d":                 {"#c", `\#d`},
		"/a\n./b\n//c\n/d/\ne/../f\n../g\n/": {"a", "b", "c", "d", "f", "../g", "/"},
		"!/a\n! ./b/ \n!\n!!c\n.\n!.":        {"!a", "!b", "!", "!!c", ".", "!."},
		"a/**/\n**//b":                       {"a/**", "**/b"},
	} {
		require.Equal(t, want, Parse([]byte(file)), "%q", file)
	}
}

func TestExcluded(t *testing.T) {
	for _, c := range []struct{ patterns, excluded, kept string }{
		{"a", "a a/b a/b/c", "b ab b/a A"},
		{"a/b", "a/b a/b/c", "a a/c b"},
		{"*", "a a/b .x", ""},
		{"*.go", "a.go .go a.go/b", "a a/b.go a.gox"},
		{"*/*.go", "a/b.go", "b.go a/b/c.go"},
		{"**/*.go", "b.go a/b.go a/b/c.go", "go a/go"},
		{"**/a", "a b/a b/c/a b/a/c", "ba b/ba ab"},
		{"**a", "a ba b/ba", "ab"},
		{"**a?", "ab b/ac ac/b", "bab a b/bab"},
		{"a/**", "a/b a/b/c", "a b ab"},
		{"a/**/b", "a/b a/c/b a/c/d/b", "b a/cb ab"},
		{"a**b", "ab ac/b ab/c", "a/bb b"},
		{"a**", "a ab a/b ab/c", "b ba"},
		{"**", "a a/b", ""},
		{"a?c", "abc aéc", "ac a/c abbc"},
		{"[a-c]x", "ax cx", "dx -x"},
		{"[^a-c]x", "dx éx", "ax"},
		{`\*x`, "*x", "ax"},
		{`[\]a]x`, "]x ax", "bx"},
		{"a+(b).$*", "a+(b).$ a+(b).$c", "ab aab"},
		{"* !a", "b c/a", "a a/b"},
		{"a !a/b", "a a/c", "a/b a/b/c"},
		{"!a a", "a a/b", "b"},
		{"a !a a/b", "a/b", "a a/c"},
		{"* !**/keep", "a a/b", "keep a/keep a/keep/b"},
		{"a/b !a", "", "a a/b a/b/c"},
		{"/", "", "a"},
		{".", "", "a .a"},
		{"../a", "", "a"},
	} {
		m, err := New(strings.Fields(c.patterns))
		require.NoError(t, err)
		for _, name := range strings.Fields(c.excluded) {
			require.True(t, m.Excluded(name), "%s: %s", c.patterns, name)
		}
		for _, name := range strings.Fields(c.kept) {
			require.False(t, m.Excluded(name), "%s: %s", c.patterns, name)
		}
	}
}

func TestNoMatcherKeepsAll(t *testing.T) {
	var m *Matcher
	require.False(t, m.Excluded("a"))
	keep, prune := m.Filter()("a", true)
	require.True(t, keep)
	require.False(t, prune)
}

func TestBadPatterns(t *testing.T) {
	for _, text := range []string{"!", "a[", `a\`, "[]a]", "[a-]", "[", "!["} {
		_, err := New([]string{"a", text})
		require.ErrorContains(t, err, fmt.Sprintf("%q", text))
	}
	m, err := New([]string{"", " "})
	require.NoError(t, err)
	require.False(t, m.Excluded("a"))
}

// What is pruned is what no pattern can bring back.
func TestPrune(t *testing.T) {
	for _, c := range []struct {
		patterns, dir string
		prune         bool
	}{
		{"a", "a", true},
		{"*", "a", true},
		{"a b", "c", false},
		{"* !b", "a", true},
		{"* !a", "a", false},
		{"* !a/b", "a", false},
		{"* !a/b/c", "a/b", false},
		{"* !a/b/c", "a/c", true},
		{"* !ab", "a", true},
		{"!a/b *", "a", true}, // the later one wins
		{"* !**/b", "a", false},
		{"* !**b", "a", false},
		{"* !*/b", "a", false},
		{"* !*/b", "a/c", true},
		{"* !a*", "b", true},
		{"* !a/**", "a", false},
		{"* !a/**", "b", true},
		{"* !?/b", "ab", true},
		{"* !?/b", "a", false},
	} {
		m, err := New(strings.Fields(c.patterns))
		require.NoError(t, err)
		_, prune := m.Filter()(c.dir, true)
		require.Equal(t, c.prune, prune, "%s: %s", c.patterns, c.dir)
	}
}

// expression is the pattern as a regular expression, by which docker matches it.
func expression(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch ch := pattern[i]; {
		case ch == '*' && strings.HasPrefix(pattern[i:], "**"):
			i++
			if strings.HasPrefix(pattern[i+1:], "/") {
				i++
			}
			if i+1 == len(pattern) {
				b.WriteString("(?s:.*)")
			} else {
				b.WriteString("((?s:.*)/)?")
			}
		case ch == '*':
			b.WriteString("[^/]*")
		case ch == '?':
			b.WriteString("[^/]")
		default:
			b.WriteString(regexp.QuoteMeta(string(ch)))
		}
	}
	return "^" + b.String() + "$"
}

func random(r *rand.Rand, letters string, n int) string {
	var b strings.Builder
	for range 1 + r.IntN(n) {
		b.WriteByte(letters[r.IntN(len(letters))])
	}
	return b.String()
}

func TestRandomPatternsAreRegularExpressions(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		pattern := random(r, "ab*?/.", 10)
		if end, ok := strings.CutPrefix(pattern, "**"); ok && !strings.ContainsAny(end, "*?") {
			continue
		}
		name := random(r, "ab//.", 8)
		g := parseGlob(pattern)
		want := regexp.MustCompile(expression(pattern)).MatchString(name)
		require.Equal(t, want, g.match(name), "%q %q", pattern, name)
	}
}

// A walk finds what single questions find, and never prunes what is kept.
func TestRandomWalks(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var patterns []string
		for range 1 + r.IntN(4) {
			p := random(r, "ab*?/", 6)
			if r.IntN(2) == 0 {
				p = "!" + p
			}
			patterns = append(patterns, Parse([]byte(p))...)
		}
		m, err := New(patterns)
		if err != nil {
			continue // "!/"
		}
		filter := m.Filter()
		var visit func(dir string, depth int, pruned bool)
		visit = func(dir string, depth int, pruned bool) {
			for _, name := range []string{"a", "ab", "b", "bb"} {
				name, isDir := path.Join(dir, name), depth < 3
				keep, prune := filter(name, isDir)
				require.Equal(t, !m.Excluded(name), keep, "%q %s", patterns, name)
				require.False(t, keep && (prune || pruned), "%q %s", patterns, name)
				if isDir {
					visit(name, depth+1, prune || pruned)
				}
			}
		}
		visit("", 0, false)
	}
}

func TestWalkWithoutItsDirectories(t *testing.T) {
	m, err := New([]string{"a", "!a/b/c"})
	require.NoError(t, err)
	filter := m.Filter()
	for name, want := range map[string]bool{"a/b/c": true, "a/b/d": false, "b/c": true, "a/b/c/d/e": true} {
		keep, _ := filter(name, false)
		require.Equal(t, want, keep, name)
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"**/*.go\n!a", "a/b.go"},
		{"[a-z\\]]?**/", "ab/c"},
		{"!\n#\n\\", "\xff"},
		{strings.Repeat("*a", 100), strings.Repeat("a", 200)},
		{"**[^\xff]", "é"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, file, name string) {
		m, err := New(Parse([]byte(file)))
		if err != nil {
			return
		}
		excluded := m.Excluded(name)
		if path.Clean(name) != name || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "..") || name == "." {
			return
		}
		filter := m.Filter()
		keep, _ := filter(name, false)
		require.Equal(t, excluded, !keep)
		for i := range len(name) {
			if name[i] == '/' {
				if _, prune := filter(name[:i], true); prune {
					require.True(t, excluded)
				}
			}
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	m, err := New([]string{".git", "**/*.log", "node_modules", "**/tmp", "!keep/**/tmp", "*.md", "!README.md"})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		filter := m.Filter()
		for d := range 100 {
			dir := fmt.Sprint("src", d)
			filter(dir, true)
			file := dir + "/file-of-some-length.go"
			for range 100 {
				filter(file, false)
			}
		}
	}
}
