package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const goMod = "module example.com/m\n\ngo 1.26\n"

// clean is a repository without findings; the cases below change a file of it.
var clean = map[string]string{
	"go.mod": goMod + "\nrequire (\n\tgolang.org/x/net v0.1.0\n\tgithub.com/stretchr/testify v1.0.0\n)\n\nrequire golang.org/x/text v0.1.0 // indirect\n",
	"go.sum": "golang.org/x/net v0.1.0 h1:x=\ngithub.com/creack/pty v1.0.0/go.mod h1:x=\n",
	"client.go": `// Package m is one.
package m

import (
	"context"

	"golang.org/x/net/http2"

	"example.com/m/streams"
)

// Client is one.
type Client struct{ http2.Transport }

// Pause pauses.
//
//docker:operation POST /containers/{id}/pause
func (c *Client) Pause(ctx context.Context, id string) { newRequest("POST /containers/{id}/pause", id) }

func (c *Client) Error() string { return streams.Name }

func newRequest(op string, values ...string) {}

type hidden struct{}

func (hidden) Exported() {}
`,
	"client_test.go":     "package m\n\nimport _ \"github.com/stretchr/testify/require\"\n\nfunc Exported() {}\n",
	"streams/names.go":   "package streams\n\n// The names.\nconst Name, Other = \"a\", \"b\"\n",
	"bench/go.mod":       "module example.com/m/bench\n\nrequire github.com/anything/goes v1.0.0\n",
	"bench/b.go":         "package bench\n\nimport _ \"github.com/anything/goes\"\n\nfunc Exported() {}\n",
	"testdata/broken.go": "not Go",
	"README.md":          "make a folder: $HOME/work/x\n",
}

func TestLint(t *testing.T) {
	tests := []struct {
		name, file, text string
		want             string // nothing is to be found if empty
	}{
		{name: "clean"},
		{name: "module", file: "go.mod", text: goMod + "\nrequire github.com/evil/dep v1.0.0\n", want: "go.mod:5: requires github.com/evil/dep,"},
		{name: "hidden module", file: "go.mod", text: goMod + "\nrequire github.com/evil/dep v1.0.0 // indirect\n", want: "go.mod:5: requires github.com/evil/dep,"},
		{name: "indirect made direct", file: "go.mod", text: goMod + "\nrequire golang.org/x/text v0.1.0\n", want: "go.mod:5: requires golang.org/x/text,"},
		{name: "replacement", file: "go.mod", text: goMod + "\nreplace golang.org/x/net => ./net\n", want: "go.mod:5: replaces golang.org/x/net"},
		{name: "sum", file: "go.sum", text: "golang.org/x/net v0.1.0 h1:x=\ngithub.com/evil/dep v1.0.0/go.mod h1:x=\n", want: "go.sum:2: holds github.com/evil/dep,"},
		{name: "import", file: "streams/s.go", text: "package streams\n\nimport _ \"github.com/evil/dep/sub\"\n", want: "streams/s.go:3: imports github.com/evil/dep/sub: not the standard library"},
		{name: "import of a prefix", file: "streams/s.go", text: "package streams\n\nimport _ \"golang.org/x/network\"\n", want: "imports golang.org/x/network: not"},
		{name: "import behind a constraint", file: "s_plan9.go", text: "//go:build never\n\npackage m\n\nimport _ \"github.com/evil/dep\"\n", want: "imports github.com/evil/dep: not"},
		{name: "cgo", file: "streams/s.go", text: "package streams\n\nimport \"C\"\n", want: "imports C: not"},
		{name: "testify outside tests", file: "streams/s.go", text: "package streams\n\nimport _ \"github.com/stretchr/testify/require\"\n", want: "imports github.com/stretchr/testify/require: only tests may"},
		{name: "import of a test", file: "client_test.go", text: "package m\n\nimport _ \"github.com/evil/dep\"\n", want: "client_test.go:3: imports github.com/evil/dep: not"},
		{name: "layers", file: "auth/deep/a.go", text: "package deep\n\nimport _ \"example.com/m\"\n", want: "auth/deep/a.go:3: imports example.com/m: the root package is built on auth"},
		{name: "no layers elsewhere", file: "enginetest/e.go", text: "package enginetest\n\nimport _ \"example.com/m\"\n"},
		{name: "function without comment", file: "f.go", text: "package m\n\nfunc Do() {}\n", want: "f.go:3: Do is exported"},
		{name: "method without comment", file: "f.go", text: "package m\n\nfunc (c *Client) Do() {}\n", want: "f.go:3: Do is exported"},
		{name: "generic method without comment", file: "f.go", text: "package m\n\nfunc (c List[T]) Do() {}\n", want: "f.go:3: Do is exported"},
		{name: "type without comment", file: "f.go", text: "package m\n\n// Several.\ntype (\n\tT int\n)\n", want: "f.go:5: T is exported"},
		{name: "constant without comment", file: "f.go", text: "package m\n\nconst (\n\tA = 1 // one\n\tB = 2\n)\n", want: "f.go:5: B is exported"},
		{name: "command without comments", file: "examples/x/main.go", text: "package main\n\nfunc Do() {}\n"},
		{name: "unknown operation", file: "f.go", text: "package m\n\n//docker:operation GET /containers/jsn\nfunc f() {}\n", want: `f.go:3: "//docker:operation GET /containers/jsn" names no operation`},
		{name: "spaced directive", file: "f.go", text: "package m\n\n// docker:operation GET /info\nfunc f() {}\n", want: "f.go:3:"},
		{name: "unspecified operation", file: "f.go", text: "package m\n\n//docker:operation POST /build/cancel\nfunc f() {}\n"},
		{name: "unknown request", file: "f.go", text: "package m\n\nfunc f() { newRequest(\"GET /containers/jsn\") }\n", want: "f.go:3: \"GET /containers/jsn\" is no operation"},
		{name: "request without directive", file: "f.go", text: "package m\n\n// Info informs.\nfunc (c *Client) Info() { newRequest(\"GET /info\") }\n", want: "f.go:4: Info calls GET /info; its comment lacks //docker:operation GET /info"},
		{name: "request with another directive", file: "f.go", text: "package m\n\n// Info informs.\n//\n//docker:operation GET /version\nfunc (c *Client) Info() { newRequest(\"GET /info\") }\n", want: "its comment lacks //docker:operation GET /info"},
		{name: "long file", file: "f.go", text: "package m\n" + strings.Repeat("\n", 600), want: "f.go:601: the file has 601 lines"},
		{name: "file at the limit", file: "f.go", text: "package m\n" + strings.Repeat("\n", 599)},
		{name: "long test file", file: "f_test.go", text: "package m\n" + strings.Repeat("\n", 600)},
		{name: "long function", file: "bench/f.go", text: "package bench\n\nfunc f() {" + strings.Repeat("\n", 60) + "}\n", want: "bench/f.go:3: f has 61 lines"},
		{name: "function at the limit", file: "f.go", text: "package m\n\nfunc f() {" + strings.Repeat("\n", 59) + "}\n"},
		{name: "folder", file: "x.sh", text: "#!/bin/sh\ncd /wo" + "rk/main\n", want: "x.sh:2: mentions a folder of one machine: "},
		{name: "folder of the engines", file: "x.sh", text: "ls /tmp/en" + "gines/run\n", want: "x.sh:1: mentions a folder of one machine: "},
		{name: "registry", file: "bench/x.yml", text: "a: 1\nurl: https://proxy.go" + "lang.org\n", want: "bench/x.yml:2: mentions the host of a package registry: "},
		{name: "binary", file: "x.bin", text: "\x00 /wo" + "rk/main\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := lint(t, tt.file, tt.text).findings
			if tt.want == "" && len(found) > 0 {
				t.Fatalf("found %q", found)
			}
			if tt.want != "" && !(len(found) == 1 && strings.Contains(found[0], tt.want)) {
				t.Fatalf("found %q, want one that says %q", found, tt.want)
			}
		})
	}
}

func TestCoverage(t *testing.T) {
	r := lint(t, "f.go", "package m\n\n//docker:operation GET /info\n//docker:operation POST /grpc\nfunc f() {}\n")
	want := fmt.Sprintf("operations with a method: 2 of %d\n", len(specified))
	if got := r.coverage(); !strings.HasPrefix(got, want) || strings.Contains(got, "GET /info,") {
		t.Errorf("coverage is %q, want %q", got, want)
	}
}

func TestOperationList(t *testing.T) {
	all := slices.Concat(specified, unspecified)
	for i, op := range all {
		method, path, _ := strings.Cut(op, " ")
		if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE"}, method) || path == "" || path[0] != '/' {
			t.Errorf("%q is no operation", op)
		}
		if slices.Contains(all[:i], op) {
			t.Errorf("%q is listed twice", op)
		}
	}
	if len(specified) <= len(unspecified) {
		t.Errorf("%d operations and %d others: the list's parts are not told apart", len(specified), len(unspecified))
	}
}

func TestBrokenFile(t *testing.T) {
	dir := write(t, map[string]string{"go.mod": goMod, "f.go": "package"})
	if _, err := read(dir, []string{"go.mod", "f.go"}); err == nil || !strings.Contains(err.Error(), "f.go:1:8") {
		t.Errorf("error is %v", err)
	}
	if _, err := read(dir, nil); err == nil || !strings.Contains(err.Error(), "no go.mod") {
		t.Errorf("error is %v", err)
	}
}

// lint checks the clean repository with one file put in.
func lint(t *testing.T, file, text string) *repository {
	t.Helper()
	files := map[string]string{"gone.go": ""}
	for name, text := range clean {
		files[name] = text
	}
	if file != "" {
		files[file] = text
	}
	dir := write(t, files)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	if err := os.Remove(filepath.Join(dir, "gone.go")); err != nil { // as a removed file that git still has
		t.Fatal(err)
	}
	r, err := read(dir, names)
	if err != nil {
		t.Fatal(err)
	}
	r.check()
	return r
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
