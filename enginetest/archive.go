package enginetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cleat-go/docker"
)

var archiveRoutes = table{
	"HEAD /containers/{id}/archive": streamHandler(archiveGet),
	"GET /containers/{id}/archive":  streamHandler(archiveGet),
	"PUT /containers/{id}/archive":  streamHandler(archivePut),
	"GET /containers/{id}/export":   streamHandler(containerExport),
	"GET /containers/{id}/changes":  plainHandler(containerChanges),
}

// archived is the container of an archive call and its path.
func (c *call) archived() (*container, string, error) {
	name := c.param("path")
	if name == "" {
		return nil, "", badRequest("bad parameter: pathcannot be empty")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ct, err := c.container()
	return ct, name, err
}

func (c *call) noFile(name string) error {
	return notFound("Could not find the file %s in container %s", name, c.vars["id"])
}

// pathStat is the header that describes a path.
type pathStat struct {
	Name       string      `json:"name"`
	Size       int64       `json:"size"`
	Mode       fs.FileMode `json:"mode"`
	Mtime      time.Time   `json:"mtime"`
	LinkTarget string      `json:"linkTarget"`
}

func archiveGet(c *call) error {
	ct, name, err := c.archived()
	if err != nil {
		return err
	}
	at, err := ct.files.resolve(name, strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/."))
	if errors.Is(err, syscall.ENOTDIR) {
		return errorf(http.StatusInternalServerError, "lstat %s: not a directory", name)
	}
	if err != nil {
		return c.noFile(name)
	}
	n, err := ct.files.lookup(at)
	if err != nil {
		return c.noFile(name)
	}
	stat := pathStat{Name: base(at), Size: fileInfo{node: n}.Size(), Mode: n.mode, Mtime: n.modified}
	if n.mode&fs.ModeSymlink != 0 {
		if target, err := ct.files.resolve(name, true); err == nil {
			stat.LinkTarget = "/" + target
		}
	}
	b, err := json.Marshal(stat)
	if err != nil {
		return err
	}
	c.header.Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(b))
	if c.r.Method == http.MethodHead {
		c.status = http.StatusOK
		return nil
	}
	w, err := c.stream("application/x-tar")
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.emitContainer(ct, "archive-path")
	c.mu.Unlock()
	top := base(at)
	if strings.HasSuffix(name, "/.") {
		top = "."
	}
	return writeFiles(w, ct.files, at, top)
}

// base is the last element of a path, "/" for the root.
func base(at string) string { return path.Base("/" + at) }

// writeFiles writes a path and what is below as a tar, in which it is called top.
func writeFiles(w io.Writer, files *Files, at, top string) error {
	t := newTarWriter(w)
	err := files.walk(at, func(name string, n *node) error {
		rest := strings.TrimPrefix(strings.TrimPrefix(name, at), "/")
		if rest != "" && top == "." {
			return t.write("./"+rest, n)
		}
		return t.write(path.Join(top, rest), n)
	})
	return errors.Join(err, t.Close())
}

// tarWriter writes a tar, in which a file with two names is a hard link.
type tarWriter struct {
	*tar.Writer
	names map[*node]string
}

func newTarWriter(w io.Writer) *tarWriter {
	return &tarWriter{tar.NewWriter(w), make(map[*node]string)}
}

func (t *tarWriter) write(name string, n *node) error {
	if name == "/" || name == "." && n.mode.IsDir() {
		name = "./"
	}
	h, err := tar.FileInfoHeader(fileInfo{path.Base(name), n}, n.link)
	if err != nil {
		return err
	}
	if h.Name = strings.TrimPrefix(name, "/"); n.mode.IsDir() && !strings.HasSuffix(h.Name, "/") {
		h.Name += "/"
	}
	h.Uid, h.Gid = n.uid, n.gid
	if h.ModTime.IsZero() {
		h.ModTime = time.Unix(0, 0)
	}
	data := n.data
	if first := t.names[n]; first != "" && n.mode.IsRegular() {
		h.Typeflag, h.Linkname, h.Size, data = tar.TypeLink, first, 0, nil
	}
	t.names[n] = h.Name
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = t.Write(data)
	return err
}

// readTar reads a tar, plain or with gzip. The two names of a hard link have one node.
func readTar(r io.Reader) (layer, error) {
	head := make([]byte, 2)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	if bytes.Equal(head, []byte{0x1f, 0x8b}) {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, err
		}
	}
	l := layer{}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return nil, err
		}
		if err := l.add(t, h); err != nil {
			return nil, err
		}
	}
}

// maxFiles bounds what an archive may bring.
const maxFiles = 1 << 30

func (l layer) add(t *tar.Reader, h *tar.Header) error {
	n := &node{mode: h.FileInfo().Mode(), uid: h.Uid, gid: h.Gid, modified: h.ModTime}
	at := key(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		if h.Size > maxFiles {
			return badRequest("the file %s is too large", h.Name)
		}
		var err error
		if n.data, err = io.ReadAll(t); err != nil {
			return err
		}
	case tar.TypeSymlink:
		n.link = h.Linkname
	case tar.TypeLink:
		n = l[key(h.Linkname)]
	}
	if name, ok := strings.CutPrefix(path.Base(at), ".wh."); ok {
		at, n = key(path.Dir(at)+"/"+name), nil
	}
	if n != nil || strings.Contains(path.Base(h.Name), ".wh.") {
		l[at] = n
	}
	return nil
}

func archivePut(c *call) error {
	ct, name, err := c.archived()
	if err != nil {
		return err
	}
	at, n, err := ct.files.get(name)
	switch {
	case err != nil:
		return c.noFile(name)
	case !n.mode.IsDir() && c.apiVersion() < 48:
		return errorf(http.StatusInternalServerError, "extraction point is not a directory")
	case !n.mode.IsDir():
		return badRequest("extraction point is not a directory")
	case ct.host.ReadonlyRootfs:
		return errorf(http.StatusForbidden, "container rootfs is marked read-only")
	}
	files, err := readTar(c.r.Body)
	if err != nil {
		return errorf(http.StatusInternalServerError, "%v", err)
	}
	if err := ct.files.unpack(at, files, c.bool("noOverwriteDirNonDir")); err != nil {
		return c.notUnpacked(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.emitContainer(ct, "extract-to-dir")
	c.status = http.StatusOK
	return nil
}

// overwriteError refuses to put a file in the place of a folder, or the other way round.
type overwriteError struct{ is, name, other, at string }

func (e *overwriteError) Error() string {
	return fmt.Sprintf("cannot overwrite %s %q with %s %q", e.is, e.name, e.other, "/"+e.at)
}

// notUnpacked has the words of the engine's age.
func (c *call) notUnpacked(err error) error {
	var refused *overwriteError
	if !errors.As(err, &refused) || c.apiVersion() >= 48 {
		return err
	}
	refused.name = path.Join("/", refused.at, refused.name)
	if c.apiVersion() < 42 {
		return fmt.Errorf("Error processing tar file(exit status 1): %w", err) //nolint:staticcheck // the engine's words
	}
	return err
}

// unpack puts files into a folder.
func (f *Files) unpack(at string, files layer, keepKinds bool) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		n := files[name]
		if n == nil || name == "" {
			continue
		}
		to := strings.TrimPrefix(at+"/"+name, "/")
		if old, err := f.lookup(to); err == nil && old.mode.IsDir() != n.mode.IsDir() {
			if keepKinds {
				kinds := []string{"non-directory", "directory"}
				if n.mode.IsDir() {
					slices.Reverse(kinds)
				}
				return &overwriteError{kinds[1], name, kinds[0], at}
			}
			f.put(to, nil)
		}
		if err := f.MkdirAll(path.Dir("/"+to), 0o755); err != nil {
			return err
		}
		dir, err := f.resolve(path.Dir("/"+to), true)
		if err != nil {
			return err
		}
		f.put(strings.TrimPrefix(dir+"/"+path.Base(to), "/"), n)
	}
	return nil
}

func containerExport(c *call) error {
	c.mu.Lock()
	ct, err := c.container()
	if err == nil {
		c.emitContainer(ct, "export")
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	w, err := c.stream("application/octet-stream")
	if err != nil {
		return err
	}
	t := newTarWriter(w)
	err = ct.files.walk("", func(name string, n *node) error {
		if name == "" {
			return nil
		}
		return t.write(name, n)
	})
	return errors.Join(err, t.Close())
}

func containerChanges(c *call) error {
	ct, err := c.container()
	if err != nil {
		return err
	}
	kinds := make(map[string]docker.ChangeKind)
	for name, n := range ct.files.changed() {
		old := below(ct.files.lower, name)
		switch {
		case n == nil && old == nil:
			continue
		case n == nil:
			kinds[name] = docker.ChangeDeleted
		case old == nil:
			kinds[name] = docker.ChangeAdded
		default:
			kinds[name] = docker.ChangeModified
		}
		for dir := parent(name); dir != ""; dir = parent(dir) {
			if _, there := kinds[dir]; !there {
				kinds[dir] = docker.ChangeModified
			}
		}
	}
	var changes []docker.FilesystemChange
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		changes = append(changes, docker.FilesystemChange{Path: "/" + name, Kind: kinds[name]})
	}
	return c.json(http.StatusOK, changes)
}
