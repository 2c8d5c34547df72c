package main

import (
	"bytes"
	"strconv"
	"strings"
)

// direct has the modules that this one may require, and whether only its tests may use them.
var direct = map[string]struct{ testsOnly bool }{
	"github.com/docker/go-connections": {},
	"github.com/moby/term":             {},
	"golang.org/x/net":                 {},
	"github.com/stretchr/testify":      {testsOnly: true},
}

// indirect has what go.mod and go.sum may hold besides, and which of the above needs it.
var indirect = map[string]string{
	"github.com/Microsoft/go-winio": "github.com/docker/go-connections", // named pipes
	"github.com/sirupsen/logrus":    "github.com/docker/go-connections", // go-winio's tools
	"github.com/Azure/go-ansiterm":  "github.com/moby/term",             // the Windows console
	"github.com/creack/pty":         "github.com/moby/term",             // its tests
	"golang.org/x/sys":              "github.com/moby/term",             // and golang.org/x/net
	"golang.org/x/crypto":           "golang.org/x/net",
	"golang.org/x/mod":              "golang.org/x/net", // the tests of golang.org/x/text
	"golang.org/x/sync":             "golang.org/x/net", // the tests of golang.org/x/text
	"golang.org/x/term":             "golang.org/x/net",
	"golang.org/x/text":             "golang.org/x/net",
	"golang.org/x/tools":            "golang.org/x/net", // the tests of golang.org/x/text
	"github.com/stretchr/objx":      "github.com/stretchr/testify",
	"go.yaml.in/yaml/v3":            "github.com/stretchr/testify",
}

// below has the packages that the root package is built on.
var below = []string{"streams", "auth", "errdefs"}

// checkModule looks at go.mod and go.sum of the root.
func (r *repository) checkModule() {
	for _, q := range r.module.Require {
		if _, ok := direct[q.Mod.Path]; !ok && !(q.Indirect && indirect[q.Mod.Path] != "") {
			r.report("go.mod", q.Syntax.Start.Line, "requires %s, which is not among the modules that this one may need", q.Mod.Path)
		}
	}
	for _, p := range r.module.Replace {
		r.report("go.mod", p.Syntax.Start.Line, "replaces %s: the users of a module do not get its replacements", p.Old.Path)
	}
	for _, f := range r.files {
		if f.name == "go.sum" {
			r.checkSums(f)
		}
	}
}

func (r *repository) checkSums(f *file) {
	seen := make(map[string]bool)
	for i, line := range bytes.Split(f.text, []byte("\n")) {
		module, _, _ := strings.Cut(string(line), " ")
		if _, ok := direct[module]; ok || module == "" || indirect[module] != "" || seen[module] {
			continue
		}
		seen[module] = true
		r.report(f.name, i+1, "holds %s, which nothing that this module may need does need", module)
	}
}

// checkImports looks at one file of the root module.
func (r *repository) checkImports(f *file) {
	root := r.module.Module.Mod.Path
	for _, spec := range f.syntax.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		if why := importFault(name, root, f); why != "" {
			r.at(spec, "imports %s: %s", name, why)
		}
	}
}

func importFault(name, root string, f *file) string {
	if name == root {
		for _, dir := range below {
			if within(f.dir(), dir) {
				return "the root package is built on " + dir + ", not the other way round"
			}
		}
	}
	first, _, _ := strings.Cut(name, "/")
	if within(name, root) || !strings.Contains(first, ".") && name != "C" {
		return ""
	}
	for module, use := range direct {
		if within(name, module) {
			if use.testsOnly && !f.test() {
				return "only tests may"
			}
			return ""
		}
	}
	return "not the standard library, nor a module that this one may need"
}

// within reports whether the slashed name is parent or below it.
func within(name, parent string) bool {
	return name == parent || strings.HasPrefix(name, parent+"/")
}
