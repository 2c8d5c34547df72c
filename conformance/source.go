package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// source is what the code of the client says of itself.
type source struct {
	methods map[string]*method // exported ones of Client
	fields  map[string]string  // the comments of fields, by Type.Field
}

// method is one of Client's.
type method struct {
	doc        string   // without the directives
	directives []string // the operations
	atEnd      bool     // nothing follows the directives
	options    string   // the type of those that may be nil, if there are any
}

const directive = "//docker:operation "

// readSource parses the package in a folder.
func readSource(dir string) (*source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{make(map[string]*method), make(map[string]string)}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			s.declaration(d)
		}
	}
	return s, nil
}

func (s *source) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && d.Name.IsExported() && receiver(d) == "*Client" {
			s.methods[d.Name.Name] = newMethod(d)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok {
				s.typeFields(t)
			}
		}
	}
}

func (s *source) typeFields(t *ast.TypeSpec) {
	st, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range st.Fields.List {
		for _, name := range f.Names {
			s.fields[t.Name.Name+"."+name.Name] = f.Doc.Text() + f.Comment.Text()
		}
	}
}

func receiver(d *ast.FuncDecl) string {
	star, ok := d.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return ""
	}
	return "*" + fmt.Sprint(star.X)
}

func newMethod(d *ast.FuncDecl) *method {
	m := &method{doc: strings.Join(strings.Fields(d.Doc.Text()), " "), atEnd: true}
	if d.Doc != nil {
		for _, c := range d.Doc.List {
			op, ok := strings.CutPrefix(c.Text, directive)
			if ok {
				m.directives = append(m.directives, op)
			} else if len(m.directives) > 0 {
				m.atEnd = false
			}
		}
	}
	for _, p := range d.Type.Params.List {
		star, ok := p.Type.(*ast.StarExpr)
		if ok && strings.HasSuffix(fmt.Sprint(star.X), "Options") {
			m.options = fmt.Sprint(star.X)
		}
	}
	return m
}

// checkOperations compares the directives with the routes, and the table of calls with both.
func (r *report) checkOperations(all map[int]*specification, s *source) {
	methods := make(map[string][]string) // by operation
	for name, m := range s.methods {
		for _, op := range m.directives {
			methods[op] = append(methods[op], name)
		}
	}
	for _, v := range versions() {
		for _, op := range all[v].names() {
			covered := len(methods[op]) > 0
			r.count(v, "operations", covered)
			switch {
			case covered && pending[op]:
				r.add(v, op, "", "it is called pending, and has a method")
			case !covered && pending[op]:
				r.pending[op] = true
			case !covered:
				r.add(v, op, "", "no method has its directive")
			}
		}
	}
	for _, op := range sorted(methods) {
		if all[newest].operations[op] == nil {
			r.add(0, op, "", "it is a directive of %s, and no operation", strings.Join(methods[op], ", "))
		}
		for _, name := range methods[op] {
			if !slices.ContainsFunc(calls, func(c *call) bool { return c.op == op && c.method == name }) {
				r.add(0, op, "", "no call of %s is in the table", name)
			}
		}
	}
	for _, c := range calls {
		if m := s.methods[c.method]; m == nil || !slices.Contains(m.directives, c.op) {
			r.add(0, c.op, "", "%s has no such directive", c.method)
		}
	}
}

// checkDocs looks for what the comments have to say.
func (r *report) checkDocs(all map[int]*specification, s *source) {
	routes := routes(all)
	for _, name := range sorted(s.methods) {
		m := s.methods[name]
		subject := "comment " + name
		first, _, _ := strings.Cut(m.doc, " ")
		if first != name {
			r.add(0, subject, "", "it does not begin with the name")
		}
		if !m.atEnd {
			r.add(0, subject, "", "something follows the directives")
		}
		if len(m.directives) > 0 && m.options != "" {
			r.checkOptions(s, name)
		}
		for _, op := range m.directives {
			if route := routes[op]; route != nil && route.first > oldest && !namesVersion(m.doc, route.first) {
				r.add(0, subject, "", "it does not name API %s", versionText(route.first))
			}
		}
	}
}

// checkOptions wants the comment to say what nil options mean, or to refer to one that
// does, and a call that sets them.
func (r *report) checkOptions(s *source, name string) {
	m := s.methods[name]
	says := func(doc string) bool { return strings.Contains(strings.ToLower(doc), "nil options") }
	said := says(m.doc)
	for _, other := range reference.FindAllStringSubmatch(m.doc, -1) {
		said = said || s.methods[other[1]] != nil && says(s.methods[other[1]].doc)
	}
	if !said {
		r.add(0, "comment "+name, "", "it does not say what nil options mean")
	}
	if !slices.ContainsFunc(calls, func(c *call) bool { return c.method == name && sets(c.inputType(), m.options) }) {
		r.add(0, "call "+name, "", "no call in the table sets its %s", m.options)
	}
}

var reference = regexp.MustCompile(`\[Client\.(\w+)\]`)

// sets tells whether an input is of a type, or has a field that is.
func sets(t reflect.Type, name string) bool {
	if t.Name() == name {
		return true
	}
	for i := range t.NumField() {
		if t.Field(i).Type.Name() == name {
			return true
		}
	}
	return false
}

// namesVersion tells whether a comment names an API version.
func namesVersion(doc string, v int) bool {
	i := strings.Index(doc, "API "+versionText(v))
	if i < 0 {
		return false
	}
	rest := doc[i+len("API "+versionText(v)):]
	return rest == "" || !unicode.IsDigit(rune(rest[0]))
}
