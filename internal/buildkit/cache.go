package buildkit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"

	"github.com/cleat-go/docker/errdefs"
)

// caches are those that a build reads and writes.
type caches struct {
	from, to []CacheEntry
	methods  map[string]method       // by which the engine reads and writes caches of this machine
	written  []func(*Response) error // what is to be done when it has
	stores   map[string]*store       // by the ids under which the engine asks
}

// openCaches opens those that are of this machine.
func openCaches(r *Request) (c *caches, err error) {
	c = &caches{methods: make(map[string]method), stores: make(map[string]*store)}
	if c.to, err = c.open(r.CacheTo, true); err == nil {
		c.from, err = c.open(r.CacheFrom, false)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("the build's cache: %w", err)
	}
	return c, nil
}

func (c *caches) open(entries []CacheEntry, write bool) (opened []CacheEntry, err error) {
	for _, e := range entries {
		found := true
		switch {
		case e.open != nil:
			e, found, err = e.open(c, e, write)
		case e.Type == local:
			err = invalid("a local cache without a directory")
		}
		if err != nil {
			return nil, err
		}
		if found {
			opened = append(opened, e)
		}
	}
	return opened, nil
}

func (c *caches) close() {
	for _, s := range c.stores {
		s.root.Close()
	}
}

// done does what remains when the build has ended well.
func (c *caches) done(r *Response) error {
	for _, do := range c.written {
		if err := do(r); err != nil {
			return fmt.Errorf("the build's cache: %w", err)
		}
	}
	return nil
}

// LocalCache is the cache in a directory of this machine, in the form of an image layout,
// under the tag of the attributes, or latest. To write it is made where it is missing; to
// read it is left out where it, or the tag, is, as before the first build.
func LocalCache(dir string, attrs map[string]string) CacheEntry {
	e := CacheEntry{Type: local, Attrs: maps.Clone(attrs)}
	if e.Attrs == nil {
		e.Attrs = make(map[string]string)
	}
	e.open = func(c *caches, e CacheEntry, write bool) (CacheEntry, bool, error) {
		if write {
			return e.openTo(c, dir)
		}
		return e.openFrom(c, dir)
	}
	return e
}

func (e CacheEntry) openTo(c *caches, dir string) (with CacheEntry, found bool, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return e, false, err
	}
	s, err := c.store(dir)
	if err != nil {
		return e, false, err
	}
	c.written = append(c.written, func(r *Response) error {
		var m manifest
		if json.Unmarshal([]byte(r.Attrs["cache.manifest"]), &m) != nil || m == nil {
			return errdefs.Truncated(errors.New("the engine does not say what it has made"))
		}
		return s.add(m, tagOf(e))
	})
	return e.with("dest", dir), true, nil
}

// openFrom finds which of the directory's caches is meant.
func (e CacheEntry) openFrom(c *caches, dir string) (with CacheEntry, found bool, err error) {
	s, err := c.store(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return e, false, nil
	}
	e = e.with("src", dir)
	if err != nil || e.Attrs["digest"] != "" {
		return e, err == nil, err
	}
	index, err := s.index()
	if err != nil {
		return e, false, err
	}
	for _, m := range index.Manifests {
		if digest, _ := m["digest"].(string); digest != "" && m.name() == tagOf(e) {
			return e.with("digest", digest), true, nil
		}
	}
	return e, false, nil
}

// with is the entry with one more attribute.
func (e CacheEntry) with(key, value string) CacheEntry {
	e.Attrs = maps.Clone(e.Attrs)
	e.Attrs[key] = value
	return e
}

// store opens a directory and has the engine's calls served.
func (c *caches) store(dir string) (*store, error) {
	id := "local:" + dir
	if s := c.stores[id]; s != nil {
		return s, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	c.serve("Info", (*store).info)
	c.serve("Read", (*store).read)
	c.serve("Write", (*store).write)
	c.stores[id] = &store{root: root}
	return c.stores[id], nil
}

func (c *caches) serve(name string, do func(*store, *stream) error) {
	c.methods[contentService+name] = func(st *stream) error {
		s := c.stores[first(metadata(st.header, "Buildkit-Attachable-Store-Id"))]
		if s == nil {
			return &Error{Code: codeNotFound, Message: "no such cache"}
		}
		return do(s, st)
	}
}

func tagOf(e CacheEntry) string {
	if tag := e.Attrs["tag"]; tag != "" {
		return tag
	}
	return "latest"
}

const (
	contentService = "/containerd.services.content.v1.Content/"
	indexFile      = "index.json"
	layoutFile     = "oci-layout"
	refName        = "org.opencontainers.image.ref.name"
	maxIndex       = 4 << 20
)

// manifest is an entry of an index, of which all is kept.
type manifest map[string]any

func (m manifest) name() string {
	annotations, _ := m["annotations"].(map[string]any)
	name, _ := annotations[refName].(string)
	return name
}

type layoutIndex struct {
	SchemaVersion int        `json:"schemaVersion"`
	MediaType     string     `json:"mediaType,omitempty"`
	Manifests     []manifest `json:"manifests"`
}

// store is one directory.
type store struct {
	root *os.Root
}

// index reads the directory's index, which is empty where there is none.
func (s *store) index() (*layoutIndex, error) {
	index := &layoutIndex{SchemaVersion: 2, MediaType: "application/vnd.oci.image.index.v1+json"}
	f, err := s.root.Open(indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return index, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, index); err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	return index, nil
}

// add puts a manifest into the index, in place of the one of that name.
func (s *store) add(m manifest, name string) error {
	index, err := s.index()
	if err != nil {
		return err
	}
	m["annotations"] = map[string]any{refName: name}
	kept := []manifest{m}
	for _, other := range index.Manifests {
		if other.name() != name {
			kept = append(kept, other)
		}
	}
	index.Manifests = kept
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := s.root.WriteFile(layoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
		return err
	}
	next := indexFile + "." + randomID()
	if err := s.root.WriteFile(next, text, 0o644); err != nil {
		return err
	}
	return s.root.Rename(next, indexFile)
}

// blob is the file of a digest.
func blob(digest string) (string, error) {
	sum, ok := strings.CutPrefix(digest, "sha256:")
	if b, err := hex.DecodeString(sum); !ok || err != nil || len(b) != sha256.Size || strings.ToLower(sum) != sum {
		return "", &Error{Code: codeInvalidArgument, Message: "the digest " + digest}
	}
	return path.Join("blobs", "sha256", sum), nil
}

// open opens a blob, of which there may be none.
func (s *store) open(digest string) (*os.File, int64, error) {
	name, err := blob(digest)
	if err != nil {
		return nil, 0, err
	}
	f, err := s.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, &Error{Code: codeNotFound, Message: "no content " + digest}
	}
	if err != nil {
		return nil, 0, &sourceError{"the build's cache", err}
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, &sourceError{"the build's cache", err}
	}
	return f, info.Size(), nil
}

func (s *store) info(st *stream) error {
	m, err := st.recv()
	if err != nil {
		return err
	}
	digest, err := textField(m, 1)
	if err != nil {
		return err
	}
	f, size, err := s.open(digest)
	if err != nil {
		return err
	}
	f.Close()
	return st.send(message(nil).embed(1, message(nil).text(1, digest).number(2, uint64(size))))
}

// read sends a part of a blob, or all of it.
func (s *store) read(st *stream) error {
	m, err := st.recv()
	if err != nil {
		return err
	}
	var digest string
	var offset, size uint64
	r := fields{rest: m}
	for r.next() {
		switch r.number {
		case 1:
			digest = r.text()
		case 2:
			offset = r.value
		case 3:
			size = r.value
		}
	}
	if r.err != nil {
		return r.err
	}
	f, whole, err := s.open(digest)
	if err != nil {
		return err
	}
	defer f.Close()
	if offset > uint64(whole) {
		return &Error{Code: codeInvalidArgument, Message: "an offset behind the end"}
	}
	left := whole - int64(offset)
	if size > 0 && size < uint64(left) {
		left = int64(size)
	}
	return sendParts(st, io.NewSectionReader(f, int64(offset), left), offset)
}

func sendParts(st *stream, r io.Reader, offset uint64) error {
	buf := make([]byte, fileChunk)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := st.send(message(nil).number(1, offset).bytes(2, buf[:n])); err != nil {
				return err
			}
			offset += uint64(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &sourceError{"the build's cache", err}
		}
	}
}

// What a writer asks for.
const (
	actionStat   = 0
	actionWrite  = 1
	actionCommit = 2
)

// ingest is a blob that is being written.
type ingest struct {
	store    *store
	name     string
	file     *os.File
	sum      hash.Hash
	offset   uint64
	total    uint64
	expected string
}

// write takes one blob. What is not committed is removed.
func (s *store) write(st *stream) error {
	w := &ingest{store: s, sum: sha256.New(), name: path.Join("ingest", randomID())}
	defer w.discard()
	for {
		m, err := st.recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		action, err := w.apply(m)
		if err != nil {
			return err
		}
		answer := message(nil).number(1, action).number(4, w.offset).number(5, w.total)
		if err := st.send(answer.text(6, fmt.Sprintf("sha256:%x", w.sum.Sum(nil)))); err != nil {
			return err
		}
		if action == actionCommit {
			return nil
		}
	}
}

// apply does what one message asks for.
func (w *ingest) apply(m []byte) (action uint64, err error) {
	var content []byte
	var offset uint64
	r := fields{rest: m}
	for r.next() {
		switch r.number {
		case 1:
			action = r.value
		case 3:
			w.total = r.value
		case 4:
			w.expected = r.text()
		case 5:
			offset = r.value
		case 6:
			content = r.data
		}
	}
	if r.err != nil {
		return 0, r.err
	}
	if err := w.exists(); err != nil {
		return 0, err
	}
	if len(content) > 0 {
		if offset != w.offset {
			return 0, &Error{Code: codeInvalidArgument, Message: "an offset that is not the end"}
		}
		if err := w.append(content); err != nil {
			return 0, &sourceError{"the build's cache", err}
		}
	}
	if action == actionCommit {
		err = w.commit()
	}
	return action, err
}

// exists stops the writing of what is there.
func (w *ingest) exists() error {
	if w.expected == "" {
		return nil
	}
	f, _, err := w.store.open(w.expected)
	if err == nil {
		f.Close()
		return &Error{Code: codeAlreadyExists, Message: w.expected}
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Code == codeNotFound {
		return nil
	}
	return err
}

func (w *ingest) append(content []byte) (err error) {
	if w.file == nil {
		if err := w.store.root.MkdirAll(path.Dir(w.name), 0o777); err != nil {
			return err
		}
		if w.file, err = w.store.root.Create(w.name); err != nil {
			return err
		}
	}
	n, err := w.file.Write(content)
	w.sum.Write(content[:n])
	w.offset += uint64(n)
	return err
}

// commit puts the blob where it belongs, if it is what it was announced to be.
func (w *ingest) commit() error {
	digest := fmt.Sprintf("sha256:%x", w.sum.Sum(nil))
	if w.expected != "" && w.expected != digest || w.total > 0 && w.total != w.offset {
		return &Error{Code: codeInvalidArgument, Message: "the content is not what was announced"}
	}
	if err := w.append(nil); err != nil {
		return &sourceError{"the build's cache", err}
	}
	name, err := blob(digest)
	if err != nil {
		return err
	}
	file := w.file
	w.file = nil
	root := w.store.root
	if err := errors.Join(file.Close(), root.MkdirAll(path.Dir(name), 0o777), root.Rename(w.name, name)); err != nil {
		return &sourceError{"the build's cache", err}
	}
	return nil
}

func (w *ingest) discard() {
	if w.file != nil {
		w.file.Close()
		w.store.root.Remove(w.name) //nolint:errcheck // it can lie there
	}
	w.store.root.Remove(path.Dir(w.name)) //nolint:errcheck // others may use it
}
