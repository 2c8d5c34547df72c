package main

import (
	"go/ast"
	"go/token"
	"slices"
)

// selfEvident are methods that say the same of every type.
var selfEvident = []string{"Error", "String", "Unwrap"}

// checkDocs wants a comment on every exported identifier. A comment on a group, or at
// the end of the line, serves constants and variables; members of a type need none.
func (r *repository) checkDocs(f *file) {
	if f.syntax.Name.Name == "main" {
		return
	}
	for _, decl := range f.syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			evident := d.Recv != nil && slices.Contains(selfEvident, d.Name.Name)
			if d.Doc == nil && !evident && d.Name.IsExported() && ast.IsExported(receiver(d, d.Name.Name)) {
				r.at(d, "%s is exported and has no comment", d.Name.Name)
			}
		case *ast.GenDecl:
			r.checkGroup(d)
		}
	}
}

func (r *repository) checkGroup(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			alone := d.Lparen == token.NoPos && d.Doc != nil
			if s.Name.IsExported() && !alone && s.Doc == nil && s.Comment == nil {
				r.at(s, "%s is exported and has no comment", s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					r.at(name, "%s is exported and has no comment", name.Name)
				}
			}
		}
	}
}

// receiver returns the name of the type that f is a method of, or otherwise if it is none.
func receiver(f *ast.FuncDecl, otherwise string) string {
	if f.Recv == nil {
		return otherwise
	}
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return otherwise
		}
	}
}
