package buildkit

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// wanted are the paths that the engine asks for, with what they hold. Nil is everything.
type wanted struct {
	paths map[string]bool
	above map[string]bool // directories that lead to them
	root  bool            // one of them is the root
}

func (w *wanted) all() bool                { return w == nil || w.root }
func (w *wanted) has(name string) bool     { return w.all() || w.paths[name] }
func (w *wanted) leadsTo(name string) bool { return w.all() || w.above[name] }

// maxLinks bounds the links on the way to one path.
const maxLinks = 40

// part is one element of a path.
type part struct {
	text    string
	literal bool // not a pattern
}

// follow finds what the engine's paths mean in a tree: wildcards stand for the names that
// they match, and a link for itself and what it leads to. No link leads out of the tree.
func (t *tree) follow(paths []string) *wanted {
	if len(paths) == 0 {
		return nil
	}
	f := &follower{t.fs, &wanted{paths: make(map[string]bool), above: make(map[string]bool)}}
	for _, p := range paths {
		f.from("", parts(nil, p, false), 0)
	}
	return f.wanted
}

type follower struct {
	fs     fs.FS
	wanted *wanted
}

// parts appends the elements of a path, as seen from the root.
func parts(to []part, p string, literal bool) []part {
	for text := range strings.SplitSeq(path.Clean("/" + filepath.ToSlash(p))[1:], "/") {
		if text != "" {
			to = append(to, part{text, literal})
		}
	}
	return to
}

// add wants a path.
func (f *follower) add(name string) {
	if name == "" {
		f.wanted.root = true
		return
	}
	f.wanted.paths[name] = true
	for dir := path.Dir(name); dir != "." && !f.wanted.above[dir]; dir = path.Dir(dir) {
		f.wanted.above[dir] = true
	}
}

func (f *follower) from(dir string, rest []part, links int) {
	if len(rest) == 0 {
		f.add(dir)
		return
	}
	next := rest[0]
	if next.literal || !strings.ContainsAny(next.text, `*?[\`) {
		f.step(dir, next.text, rest[1:], links)
		return
	}
	if _, err := path.Match(next.text, ""); err != nil || next.text == "**" {
		f.add(dir)
		return
	}
	list, _ := fs.ReadDir(f.fs, path.Join(".", dir)) // there is nothing in what cannot be read
	for _, d := range list {
		if ok, _ := path.Match(next.text, d.Name()); ok {
			f.step(dir, d.Name(), rest[1:], links)
		}
	}
}

func (f *follower) step(dir, name string, rest []part, links int) {
	at := path.Join(dir, name)
	info, err := fs.Lstat(f.fs, at)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 || links == maxLinks {
		if err != nil {
			rest = nil
		}
		f.from(at, rest, links)
		return
	}
	f.add(at)
	target, err := fs.ReadLink(f.fs, at)
	if err != nil {
		return
	}
	if target = filepath.ToSlash(target); !path.IsAbs(target) {
		target = dir + "/" + target
	}
	f.from("", append(parts(nil, target, true), rest...), links+1)
}
