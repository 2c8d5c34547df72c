package docker

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/cleat-go/docker/internal/archive"
	"github.com/cleat-go/docker/internal/ignore"
)

// BuildSource is where a build finds files: what COPY and ADD of a Dockerfile name, or
// the Dockerfile itself. The zero source has no files.
type BuildSource struct {
	dir    string
	fsys   fs.FS
	stream io.Reader
	url    string
}

// BuildDir is a local directory. What its ignore file excludes is not sent, no link in it
// is followed, and all that is sent belongs to root. A build that follows on another sends
// with BuildKit what has changed.
func BuildDir(dir string) BuildSource { return BuildSource{dir: dir} }

// BuildFS is any tree of files, such as an [embed.FS], read as [BuildDir] is, and sent whole
// each time. Links are for an [fs.ReadLinkFS].
func BuildFS(fsys fs.FS) BuildSource { return BuildSource{fsys: fsys} }

// BuildTar is a tar archive, plain or compressed with gzip, bzip2 or xz, or for BuildKit a
// lone Dockerfile. It is sent as it is: an ignore file in it does not count, owners
// do. It is read once and not closed.
func BuildTar(archive io.Reader) BuildSource { return BuildSource{stream: archive} }

// BuildRemote is what the engine fetches itself: a git repository, with branch and folder
// as in "https://host/repository.git#branch:folder", or the http address of a tar archive
// or of a lone Dockerfile. As a named context it can be "docker-image://name".
func BuildRemote(url string) BuildSource { return BuildSource{url: url} }

func (s BuildSource) empty() bool {
	return s.dir == "" && s.fsys == nil && s.stream == nil && s.url == ""
}

// files tells whether this side reads the source file by file.
func (s BuildSource) files() bool { return s.dir != "" || s.fsys != nil }

// readFile returns a file of a directory or tree.
func (s BuildSource) readFile(name string) ([]byte, error) {
	if s.fsys != nil {
		return fs.ReadFile(s.fsys, name)
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(name)
}

// The names that a Dockerfile has where none is given.
const (
	defaultDockerfile = "Dockerfile"
	lowerDockerfile   = "dockerfile"
	ignoreFile        = ".dockerignore"
	foreignDockerfile = ".dockerfile.cleat" // in a context that has another, or none
)

// buildFiles is a context for the classic builder, before it is sent.
type buildFiles struct {
	context    BuildSource
	dockerfile string // its name in the context
	matcher    *ignore.Matcher
	extra      []archive.Bytes // files that the context does not have as they are sent
}

// contextFiles finds the Dockerfile and the ignore file of a build.
func contextFiles(source BuildSource, o *ImageBuildOptions) (*buildFiles, error) {
	f := &buildFiles{context: source, dockerfile: cleanName(o.Dockerfile)}
	from, text := source, o.DockerfileText
	if text == nil && !o.DockerfileFrom.empty() {
		from = o.DockerfileFrom
		name, content, err := findDockerfile(from, f.dockerfile)
		if err != nil {
			return nil, err
		}
		f.dockerfile, text = name, content
	}
	if text == nil && source.files() {
		name, _, err := findDockerfile(source, f.dockerfile)
		if err != nil {
			return nil, err
		}
		f.dockerfile = name
	}
	ignored, err := ignoreText(source, from, f.dockerfile)
	if err != nil {
		return nil, err
	}
	if f.matcher, err = ignore.New(ignore.Parse(ignored)); err != nil {
		return nil, err
	}
	if text != nil {
		f.add(text, ignored)
	}
	return f, nil
}

// cleanName is a file's name in a tree, whatever it begins with.
func cleanName(name string) string {
	if name == "" {
		return ""
	}
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// findDockerfile reads the file of a name, or of the names that it can have.
func findDockerfile(source BuildSource, name string) (string, []byte, error) {
	if !source.files() {
		return "", nil, invalid("the Dockerfile's source is neither a directory nor a file system")
	}
	if name != "" {
		text, err := source.readFile(name)
		return name, text, err
	}
	text, err := source.readFile(defaultDockerfile)
	if !errors.Is(err, fs.ErrNotExist) {
		return defaultDockerfile, text, err
	}
	if text, lower := source.readFile(lowerDockerfile); lower == nil {
		return lowerDockerfile, text, nil
	}
	return "", nil, err
}

// ignoreText returns what leaves out files: of the Dockerfile's own ignore file where it
// has one, or else of the context's.
func ignoreText(source, from BuildSource, dockerfile string) ([]byte, error) {
	if dockerfile == "" {
		dockerfile = defaultDockerfile
	}
	for _, place := range []struct {
		BuildSource
		name string
	}{{from, dockerfile + ignoreFile}, {source, ignoreFile}} {
		if !place.files() {
			continue
		}
		text, err := place.readFile(place.name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	return nil, nil
}

// add puts a Dockerfile into the context that it is not a part of. An engine leaves it out
// of what it copies, as the ignore file that it comes with says.
func (f *buildFiles) add(dockerfile, ignored []byte) {
	f.dockerfile = foreignDockerfile
	lines := ignored
	if len(ignored) == 0 {
		lines = []byte(ignoreFile)
	}
	lines = append(bytes.Clone(lines), "\n"+foreignDockerfile+"\n"...)
	f.extra = []archive.Bytes{
		{Name: foreignDockerfile, Data: dockerfile, Mode: 0o600},
		{Name: ignoreFile, Data: lines, Mode: 0o644},
	}
}

// keeps decides about each file of the context. The two files that the engine itself reads
// are sent even where they are excluded: it leaves them out then.
func (f *buildFiles) keeps() func(string, fs.DirEntry) (bool, error) {
	filter := f.matcher.Filter()
	return func(name string, d fs.DirEntry) (bool, error) {
		if d.Type()&(fs.ModeNamedPipe|fs.ModeDevice|fs.ModeIrregular) != 0 {
			return false, nil
		}
		if f.extra != nil && name == ignoreFile {
			return false, nil
		}
		keep, prune := filter(name, d.IsDir())
		needed := f.extra == nil && (name == f.dockerfile || name == ignoreFile)
		if prune && !(f.extra == nil && strings.HasPrefix(f.dockerfile, name+"/")) {
			return false, fs.SkipDir
		}
		return keep || needed, nil
	}
}

// archive is the context as one tar. Its caller closes it.
func (f *buildFiles) archive() (io.ReadCloser, error) {
	opts := &archive.WriteOptions{Filter: f.keeps(), Header: readable, Extra: f.extra}
	switch {
	case f.context.fsys != nil:
		return archive.TarFS(f.context.fsys, opts), nil
	case f.context.dir != "":
		return archive.TarDir(f.context.dir, opts)
	case f.context.stream == nil:
		return archive.TarFiles(opts), nil
	case f.extra != nil:
		return f.prepended()
	}
	return io.NopCloser(f.context.stream), nil
}

// readable gives a mode to the files of trees that know none, as those in memory.
func readable(h *tar.Header) (bool, error) {
	if h.Mode == 0 && h.Typeflag == tar.TypeReg {
		h.Mode = 0o644
	}
	return true, nil
}

// prepended is an archive of the caller's with files of ours before it.
func (f *buildFiles) prepended() (io.ReadCloser, error) {
	var ours bytes.Buffer
	w := tar.NewWriter(&ours)
	for _, e := range f.extra {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.Name, Mode: int64(e.Mode), Size: int64(len(e.Data))})
		if err != nil {
			return nil, err
		}
		w.Write(e.Data) //nolint:errcheck // Flush tells
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return io.NopCloser(io.MultiReader(&ours, f.context.stream)), nil
}
