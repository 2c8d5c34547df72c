package enginetest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

// archivedImage is an image in the manifest of an archive.
type archivedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// archivedConfig is the configuration of an image in an archive.
type archivedConfig struct {
	Created      time.Time          `json:"created"`
	Author       string             `json:"author,omitempty"`
	Comment      string             `json:"comment,omitempty"`
	Architecture string             `json:"architecture"`
	OS           string             `json:"os"`
	Config       docker.ImageConfig `json:"config"`
	RootFS       docker.RootFS      `json:"rootfs"`
	History      []archivedHistory  `json:"history"`
}

type archivedHistory struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by,omitempty"`
	Comment   string    `json:"comment,omitempty"`
}

// imageSave writes images as docker save does.
func imageSave(c *call) error {
	names := c.query["names"]
	if name := c.vars["name"]; name != "" {
		names = []string{name}
	}
	c.mu.Lock()
	tags := make(map[string][]string)
	var images []*image
	for _, name := range names {
		img, err := c.findImage(name)
		if err != nil {
			c.mu.Unlock()
			return err
		}
		if !slices.Contains(images, img) {
			images = append(images, img)
		}
		if c.images.tags[withTag(name)] == img.id {
			tags[img.id] = append(tags[img.id], withTag(name))
		}
	}
	for _, img := range images {
		c.emit(docker.EventImage, "save", img.id, withName(img.config.Labels, img.id))
	}
	c.mu.Unlock()
	w, err := c.stream("application/x-tar")
	if err != nil {
		return err
	}
	t := newTarWriter(w)
	var manifest []archivedImage
	for _, img := range images {
		entry, err := saveImage(t, img)
		if err != nil {
			return err
		}
		entry.RepoTags = tags[img.id]
		manifest = append(manifest, *entry)
	}
	b, err := json.Marshal(manifest)
	if err == nil {
		err = t.write("manifest.json", &node{mode: 0o644, data: b})
	}
	return errors.Join(err, t.Close())
}

func saveImage(t *tarWriter, img *image) (*archivedImage, error) {
	name := strings.TrimPrefix(img.id, "sha256:")
	entry := &archivedImage{Config: name + ".json"}
	digests := img.layerDigests()
	config := archivedConfig{
		Created: img.created, Author: img.author, Comment: img.comment, Architecture: "amd64", OS: "linux", Config: img.config,
		RootFS: docker.RootFS{Type: "layers", Layers: digests},
	}
	for _, item := range slices.Backward(img.history) {
		config.History = append(config.History, archivedHistory{item.Created.Time, item.CreatedBy, item.Comment})
	}
	b, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	if err := t.write(entry.Config, &node{mode: 0o644, data: b}); err != nil {
		return nil, err
	}
	for i, l := range img.layers {
		at := fmt.Sprintf("%s-%d/layer.tar", name, i)
		if err := t.write(at, &node{mode: 0o644, data: l.tar()}); err != nil {
			return nil, err
		}
		entry.Layers = append(entry.Layers, at)
	}
	return entry, nil
}

// tar is a layer as a tar, with marks for what it takes away.
func (l layer) tar() []byte {
	var out bytes.Buffer
	t := newTarWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(l)) {
		n := l[name]
		if n == nil {
			name, n = path.Join(path.Dir(name), ".wh."+path.Base(name)), &node{mode: 0o644}
		}
		t.write(name, n) //nolint:errcheck // to memory
	}
	t.Close() //nolint:errcheck // to memory
	return out.Bytes()
}

// imageLoad reads what docker save has written.
func imageLoad(c *call) error {
	files, err := readTar(c.r.Body)
	if err != nil {
		return errorf(http.StatusInternalServerError, "%v", err)
	}
	p := c.progress()
	manifest := files["manifest.json"]
	if manifest == nil {
		return errorf(http.StatusInternalServerError, "open manifest.json: no such file or directory")
	}
	var entries []archivedImage
	if err := json.Unmarshal(manifest.data, &entries); err != nil {
		return err
	}
	for _, entry := range entries {
		names, err := c.loadImage(files, &entry)
		if err != nil {
			return p.fail(err)
		}
		for _, text := range names {
			if err := p.send(message{Stream: text + "\n"}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *call) loadImage(files layer, entry *archivedImage) (words []string, err error) {
	file := files[key(entry.Config)]
	if file == nil {
		return nil, errorf(http.StatusInternalServerError, "open %s: no such file or directory", entry.Config)
	}
	var config archivedConfig
	if err := json.Unmarshal(file.data, &config); err != nil {
		return nil, err
	}
	img := &image{config: config.Config, created: config.Created, author: config.Author, comment: config.Comment}
	if id := strings.TrimSuffix(path.Base(entry.Config), ".json"); len(id) == 64 {
		if _, err := hex.DecodeString(id); err == nil {
			img.id = "sha256:" + id
		}
	}
	for _, h := range slices.Backward(config.History) {
		img.history = append(img.history, docker.ImageHistoryItem{Created: docker.UnixTime{Time: h.Created}, CreatedBy: h.CreatedBy, Comment: h.Comment})
	}
	for _, name := range entry.Layers {
		file := files[key(name)]
		if file == nil {
			return nil, errorf(http.StatusInternalServerError, "open %s: no such file or directory", name)
		}
		l, err := readTar(bytes.NewReader(file.data))
		if err != nil {
			return nil, err
		}
		img.layers = append(img.layers, l)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.storeImage(img)
	c.emit(docker.EventImage, "load", img.id, withName(img.config.Labels, img.id))
	for _, tag := range entry.RepoTags {
		c.tagImage(img, tag, "")
		words = append(words, "Loaded image: "+tag)
	}
	if len(words) == 0 {
		words = []string{"Loaded image ID: " + img.id}
	}
	return words, nil
}

// imageCreate pulls an image, or imports one.
func imageCreate(c *call) error {
	if c.param("fromImage") != "" {
		return c.pull(c.param("fromImage"), c.param("tag"))
	}
	switch source := c.param("fromSrc"); source {
	case "":
		return badRequest("the image is empty")
	case "-":
		return c.importImage()
	default:
		return errorf(http.StatusInternalServerError, "Get %q: dial tcp: connect: connection refused", source)
	}
}

func (c *call) importImage() error {
	img := &image{created: time.Now(), comment: c.param("message")}
	if img.comment == "" {
		img.comment = "Imported from -"
	}
	for _, text := range c.query["changes"] {
		for line := range strings.Lines(text) {
			if err := changeConfig(&img.config, strings.TrimSpace(line)); err != nil {
				return err
			}
		}
	}
	if err := validRepository(c.param("repo")); err != nil {
		return err
	}
	files, err := readTar(c.r.Body)
	if err != nil {
		return errorf(http.StatusInternalServerError, "%v", err)
	}
	img.layers = []layer{files}
	img.history = []docker.ImageHistoryItem{{Created: docker.UnixTime{Time: img.created}, Comment: img.comment, Size: files.size()}}
	c.mu.Lock()
	c.storeImage(img)
	c.emit(docker.EventImage, "import", img.id, withName(img.config.Labels, img.id))
	if repo := c.param("repo"); repo != "" {
		c.tagImage(img, repo, c.param("tag"))
	}
	c.mu.Unlock()
	return c.progress().send(message{Status: img.id})
}
