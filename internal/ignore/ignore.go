// Package ignore reads .dockerignore files and tells what of a build's context they
// leave out, as the docker command does.
package ignore

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// Parse returns the patterns of an ignore file, one a line: without comments and blank
// lines, cleaned as paths are, and relative to the context. One that re-includes begins
// with "!".
func Parse(file []byte) []string {
	var patterns []string
	file = bytes.TrimPrefix(file, []byte("\uFEFF"))
	for line := range bytes.SplitSeq(file, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue
		}
		text, again := strings.CutPrefix(text, "!")
		text = relative(text)
		if again {
			text = "!" + text
		}
		patterns = append(patterns, text)
	}
	return patterns
}

// relative cleans a pattern and takes it for one of the context's, whatever it begins with.
func relative(pattern string) string {
	pattern = strings.TrimSpace(pattern)
	if pattern == "" {
		return ""
	}
	pattern = path.Clean(pattern)
	if len(pattern) > 1 {
		pattern = strings.TrimPrefix(pattern, "/")
	}
	return pattern
}

// Matcher tells what a list of patterns leaves out. Nil leaves out nothing. It can be
// used by several goroutines at once.
type Matcher struct {
	patterns []pattern
	again    bool // some re-include
}

// New makes a matcher of patterns as [Parse] returns them.
func New(patterns []string) (*Matcher, error) {
	m := &Matcher{patterns: make([]pattern, 0, len(patterns))}
	for _, text := range patterns {
		p, err := compile(text)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		m.patterns = append(m.patterns, *p)
		m.again = m.again || p.again
	}
	return m, nil
}

// compile makes a pattern of its text, or none of an empty one.
func compile(text string) (*pattern, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	glob, again := strings.CutPrefix(path.Clean(text), "!")
	if glob == "" {
		return nil, fmt.Errorf("the ignore pattern %q re-includes nothing", text)
	}
	if _, err := path.Match(glob, "."); err != nil {
		return nil, fmt.Errorf("the ignore pattern %q: %w", text, err)
	}
	return &pattern{again: again, glob: parseGlob(glob)}, nil
}

// pattern is one line of an ignore file.
type pattern struct {
	glob
	again bool // re-include what earlier ones have left out
}

// Excluded tells whether a path, relative and with slashes, is left out: whether the
// last pattern that matches it, or any directory above it, is one that excludes.
func (m *Matcher) Excluded(name string) bool {
	if m == nil {
		return false
	}
	for i := len(m.patterns) - 1; i >= 0; i-- {
		if m.patterns[i].matchesOrParent(name) {
			return !m.patterns[i].again
		}
	}
	return false
}

func (p *pattern) matchesOrParent(name string) bool {
	for i := range len(name) {
		if name[i] == '/' && p.match(name[:i]) {
			return true
		}
	}
	return p.match(name)
}

// Filter returns a function for one walk over a tree, in which directories come before
// what they hold. It tells whether an entry is kept, and whether nothing below one that
// is not can be: a directory that is not kept, but is not to be pruned either, belongs to
// the context if something below it does.
func (m *Matcher) Filter() func(name string, dir bool) (keep, prune bool) {
	if m == nil || len(m.patterns) == 0 {
		return func(string, bool) (bool, bool) { return true, false }
	}
	w := &walk{Matcher: m}
	return w.visit
}

// walk knows which patterns match the directories above the entry that is visited.
type walk struct {
	*Matcher
	dirs []level
}

// level is a directory with the patterns that match it or one above it.
type level struct {
	name    string
	matched []bool
}

func (w *walk) visit(name string, dir bool) (keep, prune bool) {
	above := w.ascend(name)
	if !dir {
		return !w.excluded(name, above), false
	}
	matched, last := make([]bool, len(w.patterns)), -1
	for i := range w.patterns {
		matched[i] = above != nil && above[i] || w.patterns[i].match(name)
		if matched[i] {
			last = i
		}
	}
	w.dirs = append(w.dirs, level{name, matched})
	keep = last < 0 || w.patterns[last].again
	return keep, !keep && !w.mayKeepBelow(name, last)
}

// ascend forgets the directories that do not hold name and returns what matches the
// nearest that does. Directories that were not visited are made up for.
func (w *walk) ascend(name string) []bool {
	for len(w.dirs) > 0 {
		top := w.dirs[len(w.dirs)-1]
		if len(name) > len(top.name) && name[len(top.name)] == '/' && name[:len(top.name)] == top.name {
			break
		}
		w.dirs = w.dirs[:len(w.dirs)-1]
	}
	cut := strings.LastIndexByte(name, '/')
	if cut <= 0 {
		return nil
	}
	if len(w.dirs) == 0 || len(w.dirs[len(w.dirs)-1].name) != cut {
		w.visit(name[:cut], true)
	}
	return w.dirs[len(w.dirs)-1].matched
}

func (w *walk) excluded(name string, above []bool) bool {
	for i := len(w.patterns) - 1; i >= 0; i-- {
		if above != nil && above[i] || w.patterns[i].match(name) {
			return !w.patterns[i].again
		}
	}
	return false
}

// mayKeepBelow tells whether something below a directory can be re-included, given the
// last pattern that leaves it out: by a later one only.
func (w *walk) mayKeepBelow(dir string, last int) bool {
	if !w.again {
		return false
	}
	for i := last + 1; i < len(w.patterns); i++ {
		if w.patterns[i].again && w.patterns[i].matchesBelow(dir) {
			return true
		}
	}
	return false
}
