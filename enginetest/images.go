package enginetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

// Image is an image that the test declares. Zero has no files and no command.
type Image struct {
	Config docker.ImageConfig
	Files  fs.FS // nil is none
	// Run is the process of its containers, and of the execs in them; the arguments tell
	// what was asked for, by Config.Cmd too, without which each container has to name a
	// command. Nil leaves it to Programs.
	Run Program
	// Programs are programs by the name of their file: "sh" for /bin/sh. They come
	// before Run. A command that is neither here nor run by Run is not found.
	Programs map[string]Program
	Created  time.Time // zero is when the engine was started

	listens bool // its programs take all signals from their start
}

// imageStore has the images of the engine.
type imageStore struct {
	byID map[string]*image
	tags map[string]string // ID by reference, as "busybox:latest"

	known map[string]*image // all that there ever was, by ID
}

// image is an image that the engine has.
type image struct {
	id       string // with "sha256:"
	parent   string // ID, empty unless built or committed here
	config   docker.ImageConfig
	layers   []layer // lowest first
	history  []docker.ImageHistoryItem
	created  time.Time
	tagged   time.Time
	author   string
	comment  string
	digests  []string // references with a digest, of pulls and pushes
	runs     string   // the name under which its programs were declared, which tell it from others
	run      Program
	programs map[string]Program
	listens  bool // the programs take all signals from their start
}

func (e *engine) initImages() {
	e.images = imageStore{byID: make(map[string]*image), tags: make(map[string]string), known: make(map[string]*image)}
}

// declaredImage makes an image of a declaration. It has no ID yet.
func declaredImage(name string, declared Image) (*image, error) {
	files, err := layerOf(declared.Files)
	if declared.Run == nil && declared.Programs == nil {
		name = ""
	}
	return &image{
		runs:   name,
		config: declared.Config, layers: []layer{files}, created: declared.Created,
		run: declared.Run, programs: declared.Programs, listens: declared.listens,
	}, err
}

// addImage makes an image of a declaration and names it.
func (e *engine) addImage(name string, declared Image) error {
	img, err := declaredImage(withTag(name), declared)
	if err != nil {
		return fmt.Errorf("enginetest: the files of the image %s: %w", name, err)
	}
	if img.created.IsZero() {
		img.created = e.began
	}
	e.storeImage(img)
	e.images.tags[withTag(name)] = img.id
	return nil
}

// storeImage gives an image its ID and keeps it. An image with the same content takes
// the place of the one that is there.
func (e *engine) storeImage(img *image) {
	if img.id == "" {
		img.id = img.digest()
	}
	if len(img.history) == 0 {
		img.history = []docker.ImageHistoryItem{{CreatedBy: "enginetest", Size: img.size()}}
	}
	if img.run == nil && img.programs == nil {
		e.programsOf(img)
	}
	e.images.known[img.id] = img
	e.images.byID[img.id] = img
}

// programsOf finds the programs of an image that came from an archive: those of the image
// that it once was, or a shell's where its files have one.
func (e *engine) programsOf(img *image) {
	if known := e.images.known[img.id]; known != nil {
		img.run, img.programs, img.listens = known.run, known.programs, known.listens
	} else if below(img.layers, "bin/sh") != nil {
		img.programs, img.listens = busyboxPrograms(), true
	}
}

// digest is made of what an image holds.
func (img *image) digest() string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	enc.Encode([]any{img.config, img.parent, img.author, img.comment, img.created, img.runs}) //nolint:errcheck // to memory
	for _, digest := range img.layerDigests() {
		enc.Encode(digest) //nolint:errcheck // to memory
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// layerDigests name the layers of an image by what they hold.
func (img *image) layerDigests() []string {
	digests := make([]string, len(img.layers))
	for i, l := range img.layers {
		h := sha256.New()
		for _, name := range slices.Sorted(maps.Keys(l)) {
			fmt.Fprintf(h, "%q", name)
			if n := l[name]; n != nil {
				fmt.Fprintf(h, " %v %d %d %q %q\n", n.mode, n.uid, n.gid, n.link, n.data)
			}
		}
		digests[i] = "sha256:" + hex.EncodeToString(h.Sum(nil))
	}
	return digests
}

func (img *image) size() (n int64) {
	for _, l := range img.layers {
		n += l.size()
	}
	return n
}

// withTag is a reference with ":latest" where it has neither tag nor digest, without
// the host of Docker Hub.
func withTag(name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
	last := name[strings.LastIndexByte(name, '/')+1:]
	if strings.ContainsAny(last, ":@") {
		return name
	}
	return name + ":latest"
}

// findImage finds an image by reference, ID or the beginning of an ID.
func (e *engine) findImage(name string) (*image, error) {
	if id, ok := e.images.tags[withTag(name)]; ok {
		return e.images.byID[id], nil
	}
	var found *image
	hex := strings.TrimPrefix(name, "sha256:")
	for id, img := range e.images.byID {
		if hex != "" && strings.HasPrefix(id, "sha256:"+hex) {
			if found != nil {
				return nil, notFound("ambiguous reference: %s", name)
			}
			found = img
		}
		if slices.Contains(img.digests, name) {
			return img, nil
		}
	}
	if found == nil {
		return nil, notFound("No such image: %s", withTag(name))
	}
	return found, nil
}

// tagsOf are the references of an image, sorted.
func (e *engine) tagsOf(id string) []string {
	tags := []string{}
	for tag, of := range e.images.tags {
		if of == id {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

func imageInspect(c *call) error {
	img, err := c.findImage(c.vars["name"])
	if err != nil {
		return err
	}
	if platform := c.param("platform"); c.since(49) && platform != "" {
		var want docker.Platform
		if err := json.Unmarshal([]byte(platform), &want); err != nil || want.OS == "" || want.Architecture == "" {
			return badRequest("invalid platform: %s", platform)
		}
		if want.OS != "linux" || want.Architecture != "amd64" {
			return notFound("image with reference %s was found but does not provide the specified platform (%s/%s)", c.vars["name"], want.OS, want.Architecture)
		}
	}
	return c.json(200, docker.Image{
		ID: img.id, RepoTags: c.tagsOf(img.id), RepoDigests: slices.Clone(img.digests), Parent: img.parent,
		Comment: img.comment, Created: docker.Timestamp{Time: img.created}, Author: img.author, Config: img.config,
		Architecture: "amd64", OS: "linux", Size: img.size(),
		RootFS:   docker.RootFS{Type: "layers", Layers: img.layerDigests()},
		Metadata: docker.ImageMetadata{LastTagTime: img.tagged},
	}, until(51, "Parent"))
}
