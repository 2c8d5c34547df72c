// Lint holds the repository to the rules that no other linter knows: which modules and
// packages may be imported, that every operation is named as the API names it, that what
// is exported is documented, and how long a file or a function may be.
//
//	lint [ROOT]
//
// prints what it finds, one a line, with names below ROOT, and exits with 1 if that is
// anything.
package main

import (
	"fmt"
	"os"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	r, err := open(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	}
	r.check()
	for _, f := range r.findings {
		fmt.Println(f)
	}
	fmt.Println(r.coverage())
	if len(r.findings) > 0 {
		fmt.Printf("lint: %d findings\n", len(r.findings))
		os.Exit(1)
	}
}

func (r *repository) check() {
	r.checkModule()
	for _, f := range r.packages() {
		r.checkImports(f)
		if !f.test() {
			r.checkDocs(f)
			r.checkOperations(f)
		}
	}
	for _, f := range r.files {
		r.checkMentions(f)
		if f.syntax != nil && !f.test() {
			r.checkLength(f)
		}
	}
}
