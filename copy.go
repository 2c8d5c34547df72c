package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/internal/archive"
)

const (
	maxReadFile = 64 << 20
	maxLinks    = 8 // that ContainerReadFile follows
)

// ErrArchiveLimit is the error of a copy out of a container that goes past a limit.
var ErrArchiveLimit = archive.ErrLimit

// PathStat is what an engine says of a path in a container.
type PathStat struct {
	Name       string      `json:"name"` // the last element of the path
	Size       int64       `json:"size"` // in bytes
	Mode       fs.FileMode `json:"mode"`
	ModTime    time.Time   `json:"mtime"`
	LinkTarget string      `json:"linkTarget"` // of a link, resolved in the container
}

func (s *PathStat) isLink() bool { return s.Mode&fs.ModeSymlink != 0 }

// pathStat reads the header that describes a path.
func pathStat(h http.Header) (*PathStat, error) {
	const name = "X-Docker-Container-Path-Stat"
	stat := new(PathStat)
	text, err := base64.StdEncoding.DecodeString(h.Get(name))
	if err == nil {
		err = json.Unmarshal(text, stat)
	}
	if err != nil {
		return nil, fmt.Errorf("the answer's header %s: %w", name, err)
	}
	return stat, nil
}

// setPath sets the path in the container.
func (r *request) setPath(path string) {
	if path == "" {
		r.fail(invalid("the path in the container is empty"))
	}
	if strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		r.fail(invalid("the path %q is not valid: it has control characters", path))
	}
	r.set("path", path)
}

// ContainerStatPath describes a path in a container, running or not. A last element that
// is a link is not followed, unless the path ends in a slash. Where the container or
// the path is missing, it is errdefs.ErrNotFound; the engine has no words for which.
//
//docker:operation HEAD /containers/{id}/archive
func (c *Client) ContainerStatPath(ctx context.Context, id, path string) (*PathStat, error) {
	r := newRequest("HEAD /containers/{id}/archive", id)
	r.setPath(path)
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, wordless(err, path)
	}
	c.discard(resp)
	stat, err := pathStat(resp.Header)
	return stat, r.broken(err)
}

// wordless says of a path that is not found what the engine cannot: a HEAD has no body.
func wordless(err error, path string) error {
	if e, ok := err.(*Error); ok && e.Status == http.StatusNotFound && e.Message == "" {
		e.Err = fmt.Errorf("no such container, or no %q in it", path)
	}
	return err
}

// Archive is a tar archive of a path in a container while it is read. A read of one that
// is cut is errdefs.ErrTruncated.
type Archive struct {
	Stat PathStat // of the path that was asked for

	request *request
	body    io.ReadCloser
}

// Read reads the archive. The context of the call ends it.
func (a *Archive) Read(p []byte) (int, error) { return a.body.Read(p) }

// Close ends the archive, read to its end or not.
func (a *Archive) Close() error { return a.body.Close() }

// finish closes an archive that has little left, so that its connection can serve again.
func (a *Archive) finish() {
	timer := time.AfterFunc(finishTimeout, func() { a.body.Close() })
	defer timer.Stop()
	io.CopyN(io.Discard, a.body, 16<<10) //nolint:errcheck // it is closed next
	a.body.Close()
}

// ContainerCopyFrom returns a tar archive of a path in a container, running or not. Of
// a directory its names begin with that directory's own, or with "./" where the path
// ends in "/."; a link is not followed, unless the path ends in a slash. The caller
// closes it. A missing container or path is errdefs.ErrNotFound.
//
//docker:operation GET /containers/{id}/archive
func (c *Client) ContainerCopyFrom(ctx context.Context, id, path string) (*Archive, error) {
	r := newRequest("GET /containers/{id}/archive", id)
	r.setPath(path)
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	stat, err := pathStat(resp.Header)
	if err != nil {
		resp.Body.Close()
		return nil, r.broken(err)
	}
	return &Archive{*stat, r, resp.Body}, nil
}

// ContainerCopyToOptions say how an archive is extracted in a container.
type ContainerCopyToOptions struct {
	NoOverwriteDirNonDir bool // refuse to put a file in the place of a directory, and the reverse
	CopyUIDGID           bool // make the container's user the owner, instead of the archive's
}

// ContainerCopyTo extracts a tar archive into a directory of a container, running or
// not. Nil options keep the archive's owners, and let what it holds replace everything
// of the same name. The archive must not be compressed: an engine would run what it
// finds in the container to unpack it. One that is, is errdefs.ErrInvalidArgument, and
// nothing is sent. The content is not closed; a read of it that blocks when the context
// ends is not waited for.
//
// A missing container or directory is errdefs.ErrNotFound, a read-only one is
// errdefs.ErrPermissionDenied. After an error, part of the archive may be extracted.
//
//docker:operation PUT /containers/{id}/archive
func (c *Client) ContainerCopyTo(ctx context.Context, id, dir string, content io.Reader, opts *ContainerCopyToOptions) error {
	o, r := value(opts), newRequest("PUT /containers/{id}/archive", id)
	r.setPath(dir)
	r.set("noOverwriteDirNonDir", o.NoOverwriteDirNonDir)
	r.set("copyUIDGID", o.CopyUIDGID)
	if content == nil {
		r.fail(invalid("the archive to copy is nil"))
	}
	if r.err != nil {
		return r.failed(ctx, r.err)
	}
	plain, err := plainTar(ctx, content)
	if err != nil {
		return r.unsent(err)
	}
	return c.putArchive(ctx, r, plain)
}

// putArchive uploads a plain tar. An error of its reader is the error of the call,
// whatever the engine made of the cut archive.
func (c *Client) putArchive(ctx context.Context, r *request, content io.Reader) error {
	watched := &watchedReader{Reader: content}
	resp, err := c.exchange(ctx, r.upload("application/x-tar", watched))
	if err == nil {
		c.discard(resp)
		return nil
	}
	if cause := watched.err.Load(); cause != nil {
		return r.failed(ctx, *cause)
	}
	return err
}

// watchedReader remembers why it could not be read.
type watchedReader struct {
	io.Reader
	err atomic.Pointer[error]
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && err != io.EOF {
		w.err.Store(&err)
	}
	return n, err
}

// compressions are the first bytes by which engines know a compressed archive.
var compressions = []struct{ magic, name string }{
	{"\x1f\x8b", "gzip"},
	{"BZh", "bzip2"},
	{"\xfd7zXZ\x00", "xz"},
	{"\x28\xb5\x2f\xfd", "zstd"},
}

// plainTar reads the beginning of an archive and refuses a compressed one.
func plainTar(ctx context.Context, content io.Reader) (io.Reader, error) {
	head, err := peek(ctx, content)
	if err != nil {
		return nil, err
	}
	for _, c := range compressions {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return nil, invalid("the archive is compressed with %s, and must be a plain tar", c.name)
		}
	}
	if len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" {
		return nil, invalid("the archive is compressed with zstd, and must be a plain tar")
	}
	return io.MultiReader(bytes.NewReader(head), content), nil
}

// peek reads the first bytes of content, and waits for them no longer than ctx.
func peek(ctx context.Context, content io.Reader) ([]byte, error) {
	type result struct {
		head []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		head := make([]byte, 10)
		n, err := io.ReadFull(content, head)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = nil
		}
		done <- result{head[:n], err}
	}()
	select {
	case r := <-done:
		return r.head, r.err
	case <-ctx.Done():
		return nil, errdefs.Cancelled(ctx)
	}
}

// ContainerReadFile returns the content of a file of at most 64 MiB in a container,
// running or not. A link is followed, as the engine resolves it in the container. For a
// larger file, which is [ErrArchiveLimit], there is [Client.ContainerCopyFrom]. A missing
// container or file is errdefs.ErrNotFound; a directory is an error.
func (c *Client) ContainerReadFile(ctx context.Context, id, path string) ([]byte, error) {
	for link := 0; ; link++ {
		a, err := c.ContainerCopyFrom(ctx, id, path)
		if err != nil {
			return nil, err
		}
		if !a.Stat.isLink() {
			return a.readFile()
		}
		a.finish()
		if path = a.Stat.LinkTarget; path == "" || link == maxLinks {
			return nil, a.request.broken(fmt.Errorf("the link %q leads to no file", a.Stat.Name))
		}
	}
}

// readFile reads the one file of an archive and closes it.
func (a *Archive) readFile() ([]byte, error) {
	defer a.Close()
	if !a.Stat.Mode.IsRegular() {
		return nil, a.request.broken(fmt.Errorf("%q is not a regular file, but %s", a.Stat.Name, a.Stat.Mode))
	}
	content, h, err := archive.File(a)
	if err != nil {
		return nil, a.request.broken(cutShort(err))
	}
	if h.Size > maxReadFile {
		return nil, a.request.broken(fmt.Errorf("%w: a file of %d bytes is more than %d, use ContainerCopyFrom", ErrArchiveLimit, h.Size, maxReadFile))
	}
	var data bytes.Buffer
	data.Grow(int(min(h.Size, 1<<20)) + bytes.MinRead)
	if _, err := data.ReadFrom(content); err != nil {
		return nil, a.request.broken(cutShort(err))
	}
	a.finish()
	return data.Bytes(), nil
}

// cutShort gives the error of an archive without an end its class.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errdefs.Truncated(err)
	}
	return err
}

// ContainerWriteFile writes a file in a container, running or not, and replaces one that
// is there; a link in its place is replaced, not followed. It belongs to root. Of mode,
// the permission, setuid, setgid and sticky bits count; 0 is 0644. The path has slashes,
// and its directory must exist, or it is errdefs.ErrNotFound. A directory is not replaced.
//
//docker:operation PUT /containers/{id}/archive
func (c *Client) ContainerWriteFile(ctx context.Context, id, path string, data []byte, mode fs.FileMode) error {
	r := newRequest("PUT /containers/{id}/archive", id)
	dir, name := splitPath(path)
	if err := checkElement("file name", name); err != nil {
		r.fail(err)
	}
	if mode == 0 {
		mode = 0o644
	}
	r.setPath(dir)
	r.set("noOverwriteDirNonDir", true)
	return c.putArchive(ctx, r, archive.TarFiles(&archive.WriteOptions{
		Extra: []archive.Bytes{{Name: name, Data: data, Mode: mode, ModTime: time.Now()}},
	}))
}

// splitPath parts a path from its last element. Relative ones begin at the root, as
// they do for engines.
func splitPath(file string) (dir, name string) {
	dir, name = path.Split(file)
	if dir == "" {
		dir = "/"
	}
	return dir, name
}

// ContainerCopyFS copies a file system into a directory of a container, running or not,
// as [os.CopyFS] does locally, save that files that are there are replaced. Directories
// that are missing are made with mode 0755, those that are there are left as they are.
// Files keep their modes, 0644 where they have none, and belong to root. Links are
// copied as links, for which fsys must be an [fs.ReadLinkFS]. Nothing replaces a directory.
//
// A missing container is errdefs.ErrNotFound. After an error, part of fsys may be there.
func (c *Client) ContainerCopyFS(ctx context.Context, id, dir string, fsys fs.FS) error {
	return c.copyTree(ctx, id, dir, func(base string) (*archive.Reader, error) {
		return archive.TarFS(fsys, &archive.WriteOptions{Base: base, Header: func(h *tar.Header) (bool, error) {
			if h.Typeflag == tar.TypeReg && h.Mode == 0 {
				h.Mode = 0o644
			}
			return hasToBeMade(fsys, base, h)
		}}), nil
	})
}

// hasToBeMade tells whether an entry is written: a directory only where it is empty,
// since engines make the others, and change those that exist to be like their entry.
func hasToBeMade(fsys fs.FS, base string, h *tar.Header) (bool, error) {
	name := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(h.Name, "/"), base), "/")
	if h.Typeflag != tar.TypeDir || len(h.Name) <= len(base)+1 {
		return true, nil
	}
	list, err := fs.ReadDir(fsys, name)
	return len(list) == 0, err
}

// ContainerCopyDir copies what a local directory holds into a directory of a container,
// running or not, as the command docker cp localDir/. does. Missing parents of dir are
// made with mode 0755. Everything has its local mode and belongs to root, directories
// that were there too. Links are copied as links, and none is followed; sockets are left
// out; a device or a pipe is an error, and so is a file that changes its size. Engines
// before 28 refuse relative links that lead out of dir.
//
// A missing container is errdefs.ErrNotFound. After an error, part of it may be there.
func (c *Client) ContainerCopyDir(ctx context.Context, id, dir, localDir string) error {
	return c.copyTree(ctx, id, dir, func(base string) (*archive.Reader, error) {
		return archive.TarDir(localDir, &archive.WriteOptions{Base: base})
	})
}

// copyTree uploads an archive that is made for the part of dir that does not exist.
func (c *Client) copyTree(ctx context.Context, id, dir string, archived func(base string) (*archive.Reader, error)) error {
	r := newRequest("PUT /containers/{id}/archive", id)
	there, base, err := c.nearest(ctx, id, dir)
	if err != nil {
		return err
	}
	r.setPath(there)
	r.set("noOverwriteDirNonDir", true)
	content, err := archived(base)
	if err != nil {
		return r.unsent(err)
	}
	defer content.Close()
	return c.putArchive(ctx, r, content)
}

// nearest parts a directory into what exists of it and what is missing below.
func (c *Client) nearest(ctx context.Context, id, dir string) (there, missing string, err error) {
	if _, err = c.ContainerStatPath(ctx, id, dir); !errors.Is(err, errdefs.ErrNotFound) {
		return dir, "", err
	}
	for there = path.Clean(dir); there != "/" && there != "."; {
		missing = path.Join(path.Base(there), missing)
		there = path.Dir(there)
		if _, err = c.ContainerStatPath(ctx, id, there); !errors.Is(err, errdefs.ErrNotFound) {
			break
		}
	}
	return there, missing, err
}

// ContainerExtractOptions limit what is extracted. The limits' 0 is the default given,
// and a negative one is none.
type ContainerExtractOptions struct {
	FollowLink  bool  // where the path itself is a link
	SpecialBits bool  // keep setuid, setgid and sticky bits, which are dropped otherwise
	MaxBytes    int64 // of all files; 32 GiB
	MaxEntries  int   // of files, links and directories; 1,048,576
	MaxDepth    int   // of elements in a name; 256
}

// ContainerExtract copies a path of a container, running or not, into a local directory,
// which is made where it is missing.
//
// Of a directory, it copies what it holds: /etc/passwd becomes localDir/passwd where the
// path is /etc, /etc/ or /etc/. alike. A file or a link becomes one in localDir, with the
// name that the path has; podman sends what the link leads to. What is in the way is replaced, links too and never through
// them, save for directories that are not empty.
//
// Nothing is written outside of localDir, whatever the container or the engine sends.
// Links are made as they stand, so one may lead out of localDir when it is followed
// later. Modes and times are kept, owners are not; devices and pipes are left out.
//
// Nil options copy within the limits, and one that is passed is [ErrArchiveLimit]. A
// missing container or path is errdefs.ErrNotFound, an archive that is cut is
// errdefs.ErrTruncated; what came before the error stays.
func (c *Client) ContainerExtract(ctx context.Context, id, path, localDir string, opts *ContainerExtractOptions) error {
	o := value(opts)
	stat, err := c.ContainerStatPath(ctx, id, path)
	from := path
	if err == nil && o.FollowLink && stat.isLink() && stat.LinkTarget != "" {
		from = stat.LinkTarget
		stat, err = c.ContainerStatPath(ctx, id, from)
	}
	if err != nil {
		return err
	}
	limits := &archive.ExtractOptions{
		MaxBytes: o.MaxBytes, MaxEntries: o.MaxEntries, MaxDepth: o.MaxDepth, SpecialBits: o.SpecialBits,
	}
	if stat.Mode.IsDir() || stat.isLink() && (strings.HasSuffix(from, "/") || strings.HasSuffix(from, "/.")) {
		from = strings.TrimRight(strings.TrimSuffix(from, "/."), "/") + "/."
	} else {
		limits.Map = onlyAs(path)
	}
	a, err := c.ContainerCopyFrom(ctx, id, from)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := extractLocally(a, localDir, limits); err != nil {
		return a.request.broken(cutShort(err))
	}
	a.finish()
	return nil
}

// onlyAs gives the first entry the last element of a path for its name, puts what is
// below it there, and leaves out whatever else there is.
func onlyAs(file string) func(string) (string, bool) {
	var first string
	return func(name string) (string, bool) {
		if first == "" {
			first = name
		}
		below, ok := strings.CutPrefix(name, first)
		if !ok || below != "" && below[0] != '/' {
			return "", false
		}
		return path.Base(file) + below, true
	}
}

func extractLocally(r io.Reader, dir string, opts *archive.ExtractOptions) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return archive.Extract(r, root, opts)
}
