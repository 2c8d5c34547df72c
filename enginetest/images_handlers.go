package enginetest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

var imageRoutes = table{
	"GET /images/json":           plainHandler(imageList),
	"GET /images/{name}/json":    plainHandler(imageInspect),
	"GET /images/{name}/history": plainHandler(imageHistory),
	"POST /images/{name}/tag":    plainHandler(imageTag),
	"DELETE /images/{name}":      plainHandler(imageRemove),
	"POST /images/prune":         plainHandler(imagePrune),
	"GET /images/get":            streamHandler(imageSave),
	"GET /images/{name}/get":     streamHandler(imageSave),
	"POST /images/load":          streamHandler(imageLoad),
	"POST /images/create":        streamHandler(imageCreate),
}

func imageList(c *call) error {
	f, err := c.filters("before", "dangling", "label", "reference", "since", "until")
	if err != nil {
		return err
	}
	pass, err := c.imageFilter(f)
	if err != nil {
		return err
	}
	list := []docker.ImageSummary{}
	for _, img := range c.newestImages() {
		if pass(img) && (c.bool("all") || len(c.tagsOf(img.id)) > 0 || len(c.children(img)) == 0) {
			list = append(list, c.imageSummary(img))
		}
	}
	return c.json(http.StatusOK, list, until(43, "VirtualSize"))
}

// newestImages are the images, the newest first.
func (e *engine) newestImages() []*image {
	all := slices.Collect(maps.Values(e.images.byID))
	slices.SortFunc(all, func(a, b *image) int { return cmp.Or(b.created.Compare(a.created), strings.Compare(a.id, b.id)) })
	return all
}

func (c *call) imageFilter(f filters) (func(*image) bool, error) {
	dangling, err := f.bool("dangling", false)
	if err != nil {
		return nil, err
	}
	until, err := f.until()
	if err != nil {
		return nil, err
	}
	var after, before *image
	for _, ref := range f["since"] {
		if after, err = c.findImage(ref); err != nil {
			return nil, err
		}
	}
	for _, ref := range f["before"] {
		if before, err = c.findImage(ref); err != nil {
			return nil, err
		}
	}
	return func(img *image) bool {
		tags := c.tagsOf(img.id)
		return f.labels(img.config.Labels) && (len(f["dangling"]) == 0 || dangling == (len(tags) == 0)) &&
			(until.IsZero() || img.created.Before(until)) && (after == nil || img.created.After(after.created)) &&
			(before == nil || img.created.Before(before.created)) &&
			f.any("reference", func(v string) bool {
				return slices.ContainsFunc(tags, func(tag string) bool { return refers(v, tag) })
			})
	}, nil
}

// refers compares a pattern with a reference, with and without its tag.
func refers(pattern, tag string) bool {
	name := tag[:max(strings.LastIndexByte(tag, ':'), 0)]
	pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "docker.io/"), "library/")
	return matches(pattern, tag) || matches(pattern, name)
}

func (c *call) imageSummary(img *image) docker.ImageSummary {
	s := docker.ImageSummary{
		ID: img.id, ParentID: img.parent, RepoTags: c.tagsOf(img.id), RepoDigests: append([]string{}, img.digests...),
		Created: docker.UnixTime{Time: img.created}, Size: img.size(), SharedSize: -1, Labels: img.config.Labels, Containers: -1,
	}
	if c.bool("shared-size") && c.since(42) {
		s.SharedSize = 0
	}
	if !c.since(44) {
		s.VirtualSize = s.Size
	}
	if !c.since(43) && len(s.RepoTags) == 0 {
		s.RepoTags = []string{"<none>:<none>"}
	}
	return s
}

// children are the images that were made from one.
func (e *engine) children(img *image) []*image {
	var all []*image
	for _, other := range e.images.byID {
		if other.parent == img.id {
			all = append(all, other)
		}
	}
	return all
}

func imageHistory(c *call) error {
	img, err := c.findImage(c.vars["name"])
	if err != nil {
		return err
	}
	items := slices.Clone(img.history)
	for i := range items {
		items[i].ID = "<missing>"
	}
	for i, at := 0, img; at != nil && i < len(items); i, at = i+1, c.images.byID[at.parent] {
		items[i].ID = at.id
		items[i].Tags = c.tagsOf(at.id)
		if len(items[i].Tags) == 0 {
			items[i].Tags = nil
		}
	}
	return c.json(http.StatusOK, items)
}

func imageTag(c *call) error {
	img, err := c.findImage(c.vars["name"])
	if err != nil {
		return err
	}
	if err := validRepository(c.param("repo")); err != nil {
		return err
	}
	c.tagImage(img, c.param("repo"), c.param("tag"))
	return c.done(http.StatusCreated)
}

// tagImage gives an image a name, which another may lose, and tells of it.
func (e *engine) tagImage(img *image, repo, tag string) string {
	if tag != "" {
		repo += ":" + tag
	}
	ref := withTag(repo)
	e.images.tags[ref], img.tagged = img.id, time.Now()
	e.emit(docker.EventImage, "tag", img.id, withName(img.config.Labels, ref))
	return ref
}

// imageUsers are the containers of an image.
func (e *engine) imageUsers(img *image) []*container {
	var users []*container
	for _, ct := range e.newest() {
		if ct.image == img || ct.image.id == img.id {
			users = append(users, ct)
		}
	}
	return users
}

func imageRemove(c *call) error {
	name := c.vars["name"]
	img, err := c.findImage(name)
	if err != nil {
		return err
	}
	force, tags := c.bool("force"), c.tagsOf(img.id)
	_, byTag := c.images.tags[withTag(name)]
	if byTag && len(tags) > 1 {
		c.untag(img, withTag(name))
		return c.json(http.StatusOK, []docker.ImageDeleteItem{{Untagged: withTag(name)}})
	}
	if !byTag && len(tags) > 1 && !force {
		return conflict("conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", short(img.id))
	}
	for _, ct := range c.imageUsers(img) {
		switch {
		case ct.running():
			return conflict("conflict: unable to %s (cannot be forced) - image is being used by running container %s", removal(byTag, name, img), short(ct.id))
		case !force && byTag:
			return conflict("conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s",
				name, short(ct.id), short(img.id))
		case !force:
			return conflict("conflict: unable to delete %s (must be forced) - image is being used by stopped container %s", short(img.id), short(ct.id))
		}
	}
	if len(c.children(img)) > 0 && !byTag {
		return conflict("conflict: unable to delete %s (cannot be forced) - image has dependent child images", short(img.id))
	}
	return c.json(http.StatusOK, c.dropImage(img, !c.bool("noprune")))
}

func removal(byTag bool, name string, img *image) string {
	if byTag {
		return "remove repository reference \"" + name + "\""
	}
	return "delete " + short(img.id)
}

func (e *engine) untag(img *image, ref string) {
	delete(e.images.tags, ref)
	e.emit(docker.EventImage, "untag", img.id, withName(img.config.Labels, img.id))
}

// dropImage takes the names of an image, and the image if nothing was made from it; with
// parents those of its parents that have no name left, too.
func (e *engine) dropImage(img *image, parents bool) []docker.ImageDeleteItem {
	items := []docker.ImageDeleteItem{}
	for _, tag := range e.tagsOf(img.id) {
		e.untag(img, tag)
		items = append(items, docker.ImageDeleteItem{Untagged: tag})
	}
	for _, digest := range img.digests {
		items = append(items, docker.ImageDeleteItem{Untagged: digest})
	}
	for img != nil && len(e.children(img)) == 0 {
		delete(e.images.byID, img.id)
		e.emit(docker.EventImage, "delete", img.id, withName(img.config.Labels, img.id))
		items = append(items, docker.ImageDeleteItem{Deleted: img.id})
		img = e.images.byID[img.parent]
		if !parents || img == nil || len(e.tagsOf(img.id)) > 0 || len(e.imageUsers(img)) > 0 {
			break
		}
	}
	return items
}

func imagePrune(c *call) error {
	f, err := c.filters("dangling", "label", "label!", "until")
	if err != nil {
		return err
	}
	dangling, err := f.bool("dangling", true)
	if err != nil {
		return err
	}
	until, err := f.until()
	if err != nil {
		return err
	}
	result := docker.ImagePruneResult{ImagesDeleted: []docker.ImageDeleteItem{}}
	for _, img := range c.newestImages() {
		if dangling && len(c.tagsOf(img.id)) > 0 || len(c.imageUsers(img)) > 0 || len(c.children(img)) > 0 || !f.labels(img.config.Labels) ||
			!until.IsZero() && img.created.After(until) {
			continue
		}
		result.SpaceReclaimed += img.size()
		result.ImagesDeleted = append(result.ImagesDeleted, c.dropImage(img, false)...)
	}
	c.emit(docker.EventImage, "prune", "", map[string]string{"reclaimed": strconv.FormatInt(result.SpaceReclaimed, 10)})
	return c.json(http.StatusOK, result)
}
