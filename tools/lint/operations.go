package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed operations.txt
var operationList string

// specified are the operations of the specification, unspecified the engine's other routes.
var specified, unspecified = operations(operationList)

func operations(text string) (specified, unspecified []string) {
	first, second, _ := strings.Cut(text, "\n\n")
	return entries(first), entries(second)
}

func entries(text string) []string {
	list := strings.Split(strings.TrimSpace(text), "\n")
	return slices.DeleteFunc(list, func(line string) bool { return strings.HasPrefix(line, "#") })
}

func known(op string) bool { return slices.Contains(specified, op) || slices.Contains(unspecified, op) }

var directive = regexp.MustCompile(`^//\s*docker:operation\b.*`)

const directivePrefix = "//docker:operation "

// checkOperations wants every directive to name an operation, and every exported method
// of Client to have a directive for each operation that it starts a request for.
func (r *repository) checkOperations(f *file) {
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if directive.MatchString(c.Text) {
				r.checkDirective(c)
			}
		}
	}
	for _, decl := range f.syntax.Decls {
		if d, ok := decl.(*ast.FuncDecl); ok && d.Body != nil {
			r.checkRequests(d)
		}
	}
}

func (r *repository) checkDirective(c *ast.Comment) {
	op, ok := strings.CutPrefix(c.Text, directivePrefix)
	if !ok || !known(op) {
		r.at(c, "%q names no operation; the form is //docker:operation METHOD /path, as in operations.txt", c.Text)
		return
	}
	r.covered[op] = true
}

// checkRequests looks at the calls newRequest("METHOD /path", …) of one function.
func (r *repository) checkRequests(d *ast.FuncDecl) {
	method := d.Recv != nil && d.Name.IsExported() && receiver(d, "") == "Client"
	ast.Inspect(d.Body, func(n ast.Node) bool {
		op, ok := requestedOperation(n)
		switch {
		case !ok:
		case !known(op):
			r.at(n, "%q is no operation of operations.txt", op)
		case method && !slices.Contains(directives(d.Doc), op):
			r.at(n, "%s calls %s; its comment lacks %s%s", d.Name.Name, op, directivePrefix, op)
		}
		return true
	})
}

// requestedOperation returns what n asks for, if it is a call of newRequest with a literal.
func requestedOperation(n ast.Node) (string, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", false
	}
	name, ok := call.Fun.(*ast.Ident)
	literal, isLiteral := call.Args[0].(*ast.BasicLit)
	if !ok || name.Name != "newRequest" || !isLiteral || literal.Kind != token.STRING {
		return "", false
	}
	op, err := strconv.Unquote(literal.Value)
	return op, err == nil
}

// directives returns the operations that a comment names.
func directives(doc *ast.CommentGroup) []string {
	var list []string
	if doc == nil {
		return nil
	}
	for _, c := range doc.List {
		if op, ok := strings.CutPrefix(c.Text, directivePrefix); ok {
			list = append(list, op)
		}
	}
	return list
}

// coverage tells how many operations have a method, and which have none.
func (r *repository) coverage() string {
	missing := slices.DeleteFunc(slices.Clone(specified), func(op string) bool { return r.covered[op] })
	text := fmt.Sprintf("operations with a method: %d of %d", len(specified)-len(missing), len(specified))
	if len(missing) > 0 {
		text += "\n  without: " + strings.Join(missing, ", ")
	}
	return text
}
