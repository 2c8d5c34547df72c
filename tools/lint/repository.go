package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// repository is what one run looks at.
type repository struct {
	root     string
	module   *modfile.File // of the root
	nested   []string      // folders of the other modules
	files    []*file
	fset     *token.FileSet
	findings []string
	covered  map[string]bool // the operations that a directive names
}

// file is one file; syntax is nil unless it is Go.
type file struct {
	name   string // below the root, with slashes
	text   []byte
	syntax *ast.File
}

func (f *file) dir() string { return path.Dir(f.name) }
func (f *file) test() bool  { return strings.HasSuffix(f.name, "_test.go") }

// open reads the files that git has or would add.
func open(root string) (*repository, error) {
	list, err := exec.Command("git", "-c", "safe.directory=*", "-C", root,
		"ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	names := strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00")
	slices.Sort(names)
	return read(root, slices.Compact(names))
}

func read(root string, names []string) (*repository, error) {
	r := &repository{root: root, fset: token.NewFileSet(), covered: make(map[string]bool)}
	for _, name := range names {
		if err := r.add(name); err != nil {
			return nil, err
		}
	}
	if r.module == nil {
		return nil, errors.New("no go.mod in " + root)
	}
	return r, nil
}

func (r *repository) add(name string) error {
	local := filepath.Join(r.root, name)
	info, err := os.Lstat(local)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil // removed, and git does not know it yet; or a link
	}
	f := &file{name: name}
	if f.text, err = os.ReadFile(local); err != nil {
		return err
	}
	r.files = append(r.files, f)
	switch {
	case name == "go.mod":
		r.module, err = modfile.Parse(name, f.text, nil)
	case path.Base(name) == "go.mod":
		r.nested = append(r.nested, f.dir()+"/")
	case path.Ext(name) == ".go" && !unbuilt(name):
		f.syntax, err = parser.ParseFile(r.fset, name, f.text, parser.ParseComments|parser.SkipObjectResolution)
	}
	return err
}

// unbuilt reports whether the go command passes the file over.
func unbuilt(name string) bool {
	for element := range strings.SplitSeq(name, "/") {
		if element == "testdata" || element[0] == '.' || element[0] == '_' {
			return true
		}
	}
	return false
}

// packages returns the Go files of the root module.
func (r *repository) packages() []*file {
	var list []*file
	for _, f := range r.files {
		nested := slices.ContainsFunc(r.nested, func(dir string) bool { return strings.HasPrefix(f.name, dir) })
		if f.syntax != nil && !nested {
			list = append(list, f)
		}
	}
	return list
}

func (r *repository) report(file string, line int, format string, args ...any) {
	r.findings = append(r.findings, fmt.Sprintf("%s:%d: ", file, line)+fmt.Sprintf(format, args...))
}

// at reports a finding where the syntax stands.
func (r *repository) at(n ast.Node, format string, args ...any) {
	pos := r.fset.Position(n.Pos())
	r.report(pos.Filename, pos.Line, format, args...)
}

// lines counts as an editor does.
func lines(text []byte) int {
	n := bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		n++
	}
	return n
}
