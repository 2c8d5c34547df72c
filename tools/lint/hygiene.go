package main

import (
	"bytes"
	"go/ast"
	"regexp"
)

const (
	maxFileLines     = 600
	maxFunctionLines = 60
)

// mentions are what no file may say. Each is written so that it does not match itself.
var mentions = []struct {
	pattern *regexp.Regexp
	what    string
}{
	{regexp.MustCompile(`(^|[^\w~}.-])/[w]ork/|/tmp/[e]ngines|/root/[g]o\b`), "a folder of one machine"},
	{regexp.MustCompile(`(proxy|sum)\.golang\.org|(deb|ftp|security|snapshot)\.debian\.org|archive\.ubuntu\.com|` +
		`registry\.npmjs\.org|registry\.yarnpkg\.com|pypi\.org|files\.pythonhosted\.org|crates\.io\b|rubygems\.org`), "the host of a package registry"},
}

func (r *repository) checkMentions(f *file) {
	if bytes.IndexByte(f.text, 0) >= 0 {
		return // not text
	}
	for i, line := range bytes.Split(f.text, []byte("\n")) {
		for _, m := range mentions {
			if found := m.pattern.Find(line); found != nil {
				r.report(f.name, i+1, "mentions %s: %s", m.what, found)
			}
		}
	}
}

func (r *repository) checkLength(f *file) {
	if n := lines(f.text); n > maxFileLines {
		r.report(f.name, n, "the file has %d lines, more than %d", n, maxFileLines)
	}
	for _, decl := range f.syntax.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		n := r.fset.Position(d.End()).Line - r.fset.Position(d.Pos()).Line + 1
		if n > maxFunctionLines {
			r.at(d, "%s has %d lines, more than %d", d.Name.Name, n, maxFunctionLines)
		}
	}
}
