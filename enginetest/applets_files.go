package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// lines reads the lines of the inputs, without their ends.
func (a *applet) lines(f func(line string) bool) int {
	return a.inputs(func(_ string, r io.Reader) error {
		l := &lineReader{r: r}
		for a.ctx.Err() == nil {
			line, err := l.line()
			if line == "" && err != nil {
				return nil
			}
			if !f(strings.TrimSuffix(line, "\n")) {
				return nil
			}
		}
		return a.ctx.Err()
	})
}

// count is the number of lines of head and tail, as -n 3 or -3.
func (a *applet) count() (int, map[byte]string) {
	if len(a.args) > 0 {
		if n, err := strconv.Atoi(a.args[0]); err == nil && n < 0 {
			a.args = a.args[1:]
			return -n, nil
		}
	}
	set := a.flags("nc")
	if n, err := strconv.Atoi(set['n']); err == nil {
		return n, set
	}
	return 10, set
}

func head(a *applet) int {
	n, set := a.count()
	if size, err := strconv.ParseInt(set['c'], 10, 64); err == nil {
		return a.inputs(func(_ string, r io.Reader) error {
			_, err := io.CopyN(a.out, r, size)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		})
	}
	if n == 0 {
		return 0
	}
	return a.lines(func(line string) bool {
		a.say("%s\n", line)
		n--
		return n > 0
	})
}

func tail(a *applet) int {
	n, set := a.count()
	var last []string
	code := a.lines(func(line string) bool {
		if last = append(last, line); len(last) > n {
			last = last[1:]
		}
		return true
	})
	for _, line := range last {
		a.say("%s\n", line)
	}
	if set['f'] != "" {
		<-a.ctx.Done()
	}
	return code
}

func wc(a *applet) int {
	set := a.flags("")
	return a.inputs(func(name string, r io.Reader) error {
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		counts := []struct {
			option byte
			n      int
		}{{'l', bytes.Count(content, []byte("\n"))}, {'w', len(bytes.Fields(content))}, {'c', len(content)}}
		var parts []string
		for _, c := range counts {
			if len(set) == 0 || set[c.option] != "" {
				parts = append(parts, strconv.Itoa(c.n))
			}
		}
		if name != "-" {
			parts = append(parts, name)
		}
		a.say("%s\n", strings.Join(parts, " "))
		return nil
	})
}

// byteSet is the bytes of a set of tr, as "a-z".
func byteSet(text string) []byte {
	text = unescape(text)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "[:lower:]", "a-z"), "[:upper:]", "A-Z")
	var set []byte
	for i := 0; i < len(text); i++ {
		if i+2 < len(text) && text[i+1] == '-' && text[i] <= text[i+2] {
			for b := int(text[i]); b <= int(text[i+2]); b++ {
				set = append(set, byte(b))
			}
			i += 2
			continue
		}
		set = append(set, text[i])
	}
	return set
}

func tr(a *applet) int {
	set := a.flags("")
	if len(a.args) == 0 {
		return a.wrong("missing operand")
	}
	from, to := byteSet(a.args[0]), []byte(nil)
	if len(a.args) > 1 {
		to = byteSet(a.args[1])
	}
	a.args = nil
	buf := make([]byte, 4096)
	for {
		n, err := a.in.Read(buf)
		out := make([]byte, 0, n)
		for _, b := range buf[:n] {
			at := bytes.IndexByte(from, b)
			switch {
			case at < 0:
				out = append(out, b)
			case set['d'] == "" && len(to) > 0:
				out = append(out, to[min(at, len(to)-1)])
			}
		}
		if len(out) > 0 {
			a.out.Write(out) //nolint:errcheck // nobody listens
		}
		if err != nil {
			return 0
		}
	}
}

func sort(a *applet) int {
	set := a.flags("kt")
	var all []string
	code := a.lines(func(line string) bool {
		all = append(all, line)
		return true
	})
	slices.SortStableFunc(all, func(x, y string) int {
		if set['n'] != "" {
			m, _ := strconv.ParseFloat(x, 64) //nolint:errcheck // what is no number is 0
			n, _ := strconv.ParseFloat(y, 64) //nolint:errcheck // what is no number is 0
			return int(m - n)
		}
		return strings.Compare(x, y)
	})
	if set['r'] != "" {
		slices.Reverse(all)
	}
	if set['u'] != "" {
		all = slices.Compact(all)
	}
	for _, line := range all {
		a.say("%s\n", line)
	}
	return code
}

func uniq(a *applet) int {
	first, last := true, ""
	return a.lines(func(line string) bool {
		if first || line != last {
			a.say("%s\n", line)
		}
		first, last = false, line
		return true
	})
}

func ls(a *applet) int {
	set := a.flags("")
	names := a.args
	if len(names) == 0 {
		names = []string{"."}
	}
	code := 0
	for _, name := range names {
		info, err := a.p.Files.Lstat(a.path(name))
		if err != nil {
			code = a.wrong("%s: %s", name, reason(err))
			continue
		}
		if target, err := a.p.Files.Stat(a.path(name)); err == nil && set['l'] == "" {
			info = target
		}
		if !info.IsDir() || set['d'] != "" {
			a.entry(name, info, set)
			continue
		}
		if len(names) > 1 {
			a.say("%s:\n", name)
		}
		entries, _ := a.p.Files.ReadDir(a.path(name)) //nolint:errcheck // it is there
		for _, e := range entries {
			if info, err := e.Info(); err == nil && (e.Name()[0] != '.' || set['a'] != "" || set['A'] != "") {
				a.entry(e.Name(), info, set)
			}
		}
	}
	return code
}

func (a *applet) entry(name string, info fs.FileInfo, set map[byte]string) {
	if set['l'] == "" {
		a.say("%s\n", name)
		return
	}
	mode := strings.ToLower(info.Mode().String())
	if info, ok := info.(fileInfo); ok && info.node.link != "" {
		name += " -> " + info.node.link
	}
	a.say("%s    1 root     root     %9d %s %s\n", mode, info.Size(), info.ModTime().UTC().Format("Jan _2 15:04"), name)
}

func mkdir(a *applet) int {
	set := a.flags("m")
	for _, name := range a.args {
		at := a.path(name)
		_, err := a.p.Files.Lstat(at)
		switch {
		case err == nil && set['p'] == "":
			return a.wrong("can't create directory '%s': File exists", name)
		case set['p'] == "":
			if _, err := a.p.Files.Stat(path.Dir(path.Clean(at))); err != nil {
				return a.wrong("can't create directory '%s': %s", name, reason(err))
			}
		}
		if err := a.p.Files.MkdirAll(at, 0o755); err != nil {
			return a.wrong("can't create directory '%s': %s", name, reason(err))
		}
	}
	return 0
}

func rm(a *applet) int {
	set := a.flags("")
	code := 0
	for _, name := range a.args {
		info, err := a.p.Files.Lstat(a.path(name))
		switch {
		case err != nil && set['f'] != "":
			continue
		case err != nil:
			code = a.wrong("can't remove '%s': %s", name, reason(err))
			continue
		case info.IsDir() && a.name == "rm" && set['r'] == "" && set['R'] == "":
			code = a.wrong("'%s' is a directory", name)
			continue
		}
		if err := a.p.Files.RemoveAll(a.path(name)); err != nil {
			code = a.wrong("can't remove '%s': %s", name, reason(err))
		}
	}
	return code
}

func touch(a *applet) int {
	a.flags("dtr")
	for _, name := range a.args {
		if err := a.p.Files.AppendFile(a.path(name), nil, 0o644); err != nil {
			return a.wrong("%s: %s", name, reason(err))
		}
	}
	return 0
}

func ln(a *applet) int {
	set := a.flags("")
	if len(a.args) != 2 {
		return a.wrong("missing file operand")
	}
	at := a.path(a.args[1])
	if info, err := a.p.Files.Stat(at); err == nil && info.IsDir() {
		at = path.Join(at, path.Base(a.args[0]))
	}
	if set['f'] != "" {
		a.p.Files.RemoveAll(at) //nolint:errcheck // the next call tells
	}
	var err error
	if set['s'] != "" {
		err = a.p.Files.Symlink(a.args[0], at)
	} else {
		err = a.p.Files.link(a.path(a.args[0]), at)
	}
	if err != nil {
		return a.wrong("%s: %s", a.args[1], reason(err))
	}
	return 0
}

// cp copies, and moves as mv.
func cp(a *applet) int {
	set := a.flags("")
	if len(a.args) < 2 {
		return a.wrong("missing file operand")
	}
	to := a.args[len(a.args)-1]
	for _, name := range a.args[:len(a.args)-1] {
		at := a.path(to)
		if info, err := a.p.Files.Stat(at); err == nil && info.IsDir() {
			at = path.Join(at, path.Base(name))
		}
		from, err := a.p.Files.resolve(a.path(name), a.name == "cp")
		if err == nil {
			var n *node
			if n, err = a.p.Files.lookup(from); err == nil && n.mode.IsDir() && a.name == "cp" && set['r']+set['R']+set['a'] == "" {
				return a.wrong("omitting directory '%s'", name)
			}
		}
		if err == nil {
			var target string
			if target, err = a.p.Files.resolve(at, false); err == nil {
				err = a.p.Files.copyTree(from, target)
			}
		}
		if err != nil {
			return a.wrong("can't %s '%s': %s", map[string]string{"cp": "stat", "mv": "rename"}[a.name], name, reason(err))
		}
		if a.name == "mv" {
			a.p.Files.put(from, nil)
		}
	}
	return 0
}

// link gives a file a second name.
func (f *Files) link(from, to string) error {
	_, n, err := f.get(from)
	if err != nil {
		return err
	}
	at, err := f.resolve(to, false)
	if err == nil {
		f.put(at, n)
	}
	return err
}

// copyTree copies what is at a path and below to another.
func (f *Files) copyTree(from, to string) error {
	nodes := layer{}
	err := f.walk(from, func(at string, n *node) error {
		nodes[strings.TrimPrefix(at, from)] = n
		return nil
	})
	for rest, n := range nodes {
		own := *n
		f.put(key(to+rest), &own)
	}
	return err
}

func chmod(a *applet) int {
	a.flags("")
	if len(a.args) < 2 {
		return a.wrong("missing operand")
	}
	for _, name := range a.args[1:] {
		at, n, err := a.p.Files.get(a.path(name))
		if err != nil {
			return a.wrong("%s: %s", name, reason(err))
		}
		changed := *n
		mode, err := strconv.ParseUint(a.args[0], 8, 32)
		switch {
		case err == nil:
			changed.mode = n.mode.Type() | fs.FileMode(mode).Perm()
		case strings.HasSuffix(a.args[0], "+x"):
			changed.mode |= 0o111
		case strings.HasSuffix(a.args[0], "-x"):
			changed.mode &^= 0o111
		case strings.HasSuffix(a.args[0], "-w"):
			changed.mode &^= 0o222
		}
		a.p.Files.put(at, &changed)
	}
	return 0
}

func stat(a *applet) int {
	format := a.flags("c")['c']
	for _, name := range a.args {
		info, err := a.p.Files.Lstat(a.path(name))
		if err != nil {
			return a.wrong("can't stat '%s': %s", name, reason(err))
		}
		if format == "" {
			format = "  File: %n\n  Size: %s\nAccess: (0%a)"
		}
		r := strings.NewReplacer("%n", name, "%s", strconv.FormatInt(info.Size(), 10), "%a", fmt.Sprintf("%o", info.Mode().Perm()),
			"%U", "root", "%u", "0", "%Y", strconv.FormatInt(info.ModTime().Unix(), 10))
		a.say("%s\n", r.Replace(format))
	}
	return 0
}

func readlink(a *applet) int {
	set := a.flags("")
	for _, name := range a.args {
		if set['f'] != "" {
			at, err := a.p.Files.resolve(a.path(name), true)
			if err != nil {
				return 1
			}
			a.say("/%s\n", at)
			continue
		}
		at, err := a.p.Files.resolve(a.path(name), false)
		if err != nil {
			return 1
		}
		n, err := a.p.Files.lookup(at)
		if err != nil || n.link == "" {
			return 1
		}
		a.say("%s\n", n.link)
	}
	return 0
}

func find(a *applet) int {
	start, name, kind := ".", "", ""
	for i := 0; i < len(a.args); i++ {
		switch {
		case a.args[i] == "-name" && i+1 < len(a.args):
			i++
			name = a.args[i]
		case a.args[i] == "-type" && i+1 < len(a.args):
			i++
			kind = a.args[i]
		case !strings.HasPrefix(a.args[i], "-"):
			start = a.args[i]
		}
	}
	at, err := a.p.Files.resolve(a.path(start), false)
	if err == nil {
		err = a.p.Files.walk(at, func(file string, n *node) error {
			if (name == "" || matches(name, path.Base("/"+file))) && (kind == "" || (kind == "d") == n.mode.IsDir()) {
				a.say("%s\n", strings.TrimSuffix(start, "/")+strings.TrimPrefix("/"+file, "/"+at))
			}
			return nil
		})
	}
	if err != nil {
		return a.wrong("%s: %s", start, reason(err))
	}
	return 0
}

// dd writes so many blocks: of zeros, of a file or of the input.
func dd(a *applet) int {
	size, count, in, out := 512, -1, "", ""
	for _, arg := range a.args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "bs":
			size = bytesOf(value)
		case "count":
			count = bytesOf(value)
		case "if":
			in = value
		case "of":
			out = value
		}
	}
	var r io.Reader = a.in
	switch in {
	case "":
	case "/dev/zero", "/dev/urandom", "/dev/random":
		r = zeros{}
	default:
		content, err := a.read(in)
		if err != nil {
			return a.wrong("%v", err)
		}
		r = bytes.NewReader(content)
	}
	w := a.out
	if out != "" {
		var err error
		if w, err = a.create(out, false); err != nil {
			return a.wrong("%v", err)
		}
	}
	if count >= 0 {
		r = io.LimitReader(r, int64(size)*int64(count))
	}
	if err := copyUntil(a.ctx, w, r); err != nil {
		return 1
	}
	return 0
}

func bytesOf(text string) int {
	factor := 1
	switch {
	case strings.HasSuffix(strings.ToLower(text), "k"):
		factor = 1 << 10
	case strings.HasSuffix(strings.ToLower(text), "m"):
		factor = 1 << 20
	}
	n, _ := strconv.Atoi(strings.TrimRight(text, "kKmM")) //nolint:errcheck // what is no number is 0
	return n * factor
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
