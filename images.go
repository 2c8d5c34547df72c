package docker

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// ImageListOptions narrow a list of images and say what it tells of each.
type ImageListOptions struct {
	All        bool    // intermediate ones too
	Filters    Filters // before, dangling, label, reference, since, until (API 1.44)
	SharedSize bool    // fill in SharedSize (API 1.42)
	Manifests  bool    // fill in Manifests (API 1.47)
	Identity   bool    // fill in the identity of the manifests (API 1.54)
}

// ImageList lists images. Nil options list those that are no mere intermediates.
//
//docker:operation GET /images/json
func (c *Client) ImageList(ctx context.Context, opts *ImageListOptions) ([]ImageSummary, error) {
	o, r := value(opts), newRequest("GET /images/json")
	r.set("all", o.All)
	r.set("filters", o.Filters)
	r.set("shared-size", o.SharedSize)
	r.set("manifests", o.Manifests)
	r.set("identity", o.Identity)
	return list[ImageSummary](ctx, c, r)
}

// ImageInspectOptions say what an inspect adds.
type ImageInspectOptions struct {
	Manifests bool             // fill in Manifests (API 1.48)
	Platform  *Platform        // of the variant that is meant (API 1.49)
	Raw       *json.RawMessage // where not nil, receives the answer as it came
}

// ImageInspect returns all that the engine knows of an image. A missing one is
// errdefs.ErrNotFound. Nil options are of the engine's own platform, without the
// manifests.
//
//docker:operation GET /images/{name}/json
func (c *Client) ImageInspect(ctx context.Context, image string, opts *ImageInspectOptions) (*Image, error) {
	o, r := value(opts), newRequest("GET /images/{name}/json", image)
	r.set("manifests", o.Manifests)
	r.setPlatforms("platform", o.Platform)
	return fetchRaw[Image](ctx, c, r, o.Raw)
}

// setPlatforms adds platforms in the form of the image operations: JSON.
func (r *request) setPlatforms(key string, platforms ...*Platform) {
	for _, p := range platforms {
		if p != nil {
			r.setJSON(key, p)
		}
	}
}

// ImageHistoryOptions choose among the variants of an image.
type ImageHistoryOptions struct {
	Platform *Platform // (API 1.48)
}

// ImageHistory lists the layers of an image, the newest first. Nil options are of the
// engine's own platform.
//
//docker:operation GET /images/{name}/history
func (c *Client) ImageHistory(ctx context.Context, image string, opts *ImageHistoryOptions) ([]ImageHistoryItem, error) {
	r := newRequest("GET /images/{name}/history", image)
	r.setPlatforms("platform", value(opts).Platform)
	return list[ImageHistoryItem](ctx, c, r)
}

// ImageTag gives an image a further name: a reference, with the tag latest where it has
// none.
//
//docker:operation POST /images/{name}/tag
func (c *Client) ImageTag(ctx context.Context, image, reference string) error {
	r := newRequest("POST /images/{name}/tag", image)
	ref := r.reference(reference)
	if ref.digest != "" {
		r.fail(invalid("the reference %q has a digest, which a tag cannot", reference))
	}
	r.set("repo", ref.name)
	r.set("tag", ref.tag)
	return c.call(ctx, r, nil)
}

// ImageRemoveOptions say what goes with an image.
type ImageRemoveOptions struct {
	Force     bool        // also where stopped containers use it or it has several names
	NoPrune   bool        // keep untagged parents
	Platforms []*Platform // only these variants (API 1.50)
}

// ImageRemove removes a name of an image, and the image with its last name, and tells
// what went. A missing one is errdefs.ErrNotFound, one in use errdefs.ErrConflict. Nil
// options remove no image that is in use.
//
//docker:operation DELETE /images/{name}
func (c *Client) ImageRemove(ctx context.Context, image string, opts *ImageRemoveOptions) ([]ImageDeleteItem, error) {
	o, r := value(opts), newRequest("DELETE /images/{name}", image)
	r.set("force", o.Force)
	r.set("noprune", o.NoPrune)
	r.setPlatforms("platforms", o.Platforms...)
	return list[ImageDeleteItem](ctx, c, r)
}

// ImagePruneOptions narrow what is removed.
type ImagePruneOptions struct {
	All     bool    // all that no container uses, not only those without a name
	Filters Filters // until, label, label!
}

// ImagePrune removes images: nil options, those without a name that nothing uses.
//
//docker:operation POST /images/prune
func (c *Client) ImagePrune(ctx context.Context, opts *ImagePruneOptions) (*ImagePruneResult, error) {
	o, r := value(opts), newRequest("POST /images/prune")
	filters := Filters{}
	for key, values := range o.Filters {
		filters[key] = values
	}
	if o.All {
		filters["dangling"] = []string{"false"}
	}
	r.set("filters", filters)
	return fetch[ImagePruneResult](ctx, c, r)
}

// ImageSearchOptions narrow a search.
type ImageSearchOptions struct {
	Limit   int               // 0 is 25
	Filters Filters           // is-official, stars; is-automated up to API 1.44
	Auth    *auth.Credentials // nil asks the client's source; a zero one is anonymous
}

// ImageSearch searches a registry, Docker Hub where the term names none. Nil options
// search for 25, with the credentials of the client's source.
//
//docker:operation GET /images/search
func (c *Client) ImageSearch(ctx context.Context, term string, opts *ImageSearchOptions) ([]ImageSearchResult, error) {
	o, r := value(opts), newRequest("GET /images/search")
	if term == "" {
		r.fail(invalid("the term is empty"))
	}
	r.set("term", term)
	r.set("limit", o.Limit)
	r.set("filters", o.Filters)
	c.authorize(r, auth.Registry(term), o.Auth)
	return list[ImageSearchResult](ctx, c, r)
}

// ImageCommitOptions are what the new image gets.
type ImageCommitOptions struct {
	Reference string           // its name; none is one without
	Comment   string           // of the new layer
	Author    string           // of the new layer
	Changes   []string         // Dockerfile instructions, as "CMD [\"sh\"]"
	Config    *ContainerConfig // in place of the container's
	NoPause   bool             // do not pause the container while it is read
}

// ImageCommit makes an image of a container's file system and returns its ID. Nil
// options make one without a name. A missing container is errdefs.ErrNotFound.
//
//docker:operation POST /commit
func (c *Client) ImageCommit(ctx context.Context, container string, opts *ImageCommitOptions) (string, error) {
	o, r := value(opts), newRequest("POST /commit")
	if container == "" {
		r.fail(invalid("the container is empty"))
	}
	r.set("container", container)
	if o.Reference != "" {
		ref := r.reference(o.Reference)
		r.set("repo", ref.name)
		r.set("tag", ref.tag)
	}
	r.set("comment", o.Comment)
	r.set("author", o.Author)
	r.set("changes", o.Changes)
	if o.NoPause {
		r.add("pause", "0")
	}
	return fetchID(ctx, c, r.json(value(o.Config)))
}

// ImagePullOptions say what is pulled and who is told of it.
type ImagePullOptions struct {
	AllTags  bool              // of the repository; the reference then has none
	Platform string            // os[/arch[/variant]]; empty is the engine's own
	Auth     *auth.Credentials // nil asks the client's source; a zero one is anonymous
	Progress streams.Progress  // is called with every message, from this goroutine
}

// ImagePull pulls an image from its registry and returns when the engine has it. The
// tag is latest where the reference has neither a tag nor a digest. Nil options pull it
// for the engine's platform, with the credentials of the client's source. Cancelling the context stops the pull. Errors:
// errdefs.ErrNotFound, errdefs.ErrUnauthenticated, errdefs.ErrPermissionDenied, and
// errdefs.ErrTruncated where the engine went away.
//
//docker:operation POST /images/create
func (c *Client) ImagePull(ctx context.Context, image string, opts *ImagePullOptions) (*ImagePullResult, error) {
	o, r := value(opts), newRequest("POST /images/create")
	ref := r.reference(image)
	r.set("fromImage", ref.name)
	switch {
	case o.AllTags && strings.HasSuffix(ref.name, image):
	case o.AllTags:
		r.fail(invalid("the reference %q has a tag or a digest, and all tags are asked for", image))
	case ref.digest != "":
		r.set("tag", ref.digest)
	default:
		r.set("tag", ref.tag)
	}
	r.set("platform", o.Platform)
	c.authorize(r, auth.Registry(image), o.Auth)
	result := &ImagePullResult{}
	err := c.job(ctx, r, o.Progress, result.see, closesPull)
	if err != nil {
		return nil, err
	}
	return result, nil
}

// ImagePullResult is what a pull brought.
type ImagePullResult struct {
	Digest  string // of the manifest; empty where the engine did not tell it
	Updated bool   // the engine did not have it before
	Status  string // the engine's closing words
}

func (p *ImagePullResult) see(m streams.Message) {
	if digest, ok := strings.CutPrefix(m.Status, "Digest: "); ok {
		p.Digest = digest
	}
	if closesPull(m) {
		p.Status = m.Status
		p.Updated = strings.Contains(m.Status, "Downloaded newer image")
	}
}

func closesPull(m streams.Message) bool { return strings.HasPrefix(m.Status, "Status: ") }

// ImagePushOptions say what is pushed and who is told of it.
type ImagePushOptions struct {
	AllTags  bool              // of the repository; the reference then has none
	Platform *Platform         // only this variant (API 1.46)
	Auth     *auth.Credentials // nil asks the client's source; a zero one is anonymous
	Progress streams.Progress  // is called with every message, from this goroutine
}

// ImagePush pushes an image to the registry of its name and returns when it is there.
// The tag is latest where the reference has none. Cancelling the context stops the
// push. Errors: errdefs.ErrNotFound, errdefs.ErrUnauthenticated,
// errdefs.ErrPermissionDenied, and errdefs.ErrTruncated where the engine went away. Nil
// options push all platforms that are there, with the credentials of the client's source.
//
//docker:operation POST /images/{name}/push
func (c *Client) ImagePush(ctx context.Context, image string, opts *ImagePushOptions) (*ImagePushResult, error) {
	o := value(opts)
	ref, err := parseReference(image)
	r := newRequest("POST /images/{name}/push", ref.name)
	if err != nil {
		r = newRequest("POST /images/{name}/push", image)
		r.fail(err)
	}
	if ref.digest != "" {
		r.fail(invalid("the reference %q has a digest, which a push cannot", image))
	}
	if !o.AllTags {
		r.set("tag", ref.tag)
	} else if ref.name != image {
		r.fail(invalid("the reference %q has a tag, and all tags are asked for", image))
	}
	r.setPlatforms("platform", o.Platform)
	r.setHeader(registryAuth, auth.Credentials{}.Header()) // engines insist on one
	c.authorize(r, auth.Registry(image), o.Auth)
	result := &ImagePushResult{}
	if err := c.job(ctx, r, o.Progress, result.see, closesPush); err != nil {
		return nil, err
	}
	return result, nil
}

// ImagePushResult is what a push left at the registry: for all tags, the last one.
type ImagePushResult struct {
	Tag    string
	Digest string // of the manifest
	Size   int64  // of the manifest, in bytes
}

func (p *ImagePushResult) see(m streams.Message) {
	if len(m.Aux) > 0 {
		json.Unmarshal(m.Aux, p) //nolint:errcheck // another aux is none of a result's
	}
}

func closesPush(m streams.Message) bool { return len(m.Aux) > 0 }

// ImageImportOptions describe an image that is made of a file system.
type ImageImportOptions struct {
	Reference string           // its name; none is one without
	Message   string           // the comment of its layer
	Changes   []string         // Dockerfile instructions, as "CMD [\"sh\"]"
	Platform  string           // os[/arch[/variant]]; empty is the engine's own
	Progress  streams.Progress // is called with every message, from this goroutine
}

// ImageImport makes an image of one layer from a tar of a file system and returns its
// ID. Nil options make one without a name. The caller closes the tar.
//
//docker:operation POST /images/create
func (c *Client) ImageImport(ctx context.Context, rootfs io.Reader, opts *ImageImportOptions) (string, error) {
	r := newRequest("POST /images/create")
	r.set("fromSrc", "-")
	return c.imageImport(ctx, r.upload("application/x-tar", rootfs), opts)
}

// ImageImportURL is [Client.ImageImport] of a tar that the engine fetches itself.
//
//docker:operation POST /images/create
func (c *Client) ImageImportURL(ctx context.Context, url string, opts *ImageImportOptions) (string, error) {
	r := newRequest("POST /images/create")
	if url == "" || url == "-" {
		r.fail(invalid("the URL %q is not one", url))
	}
	r.set("fromSrc", url)
	return c.imageImport(ctx, r, opts)
}

func (c *Client) imageImport(ctx context.Context, r *request, opts *ImageImportOptions) (string, error) {
	o := value(opts)
	if o.Reference != "" {
		ref := r.reference(o.Reference)
		r.set("repo", ref.name)
		r.set("tag", ref.tag)
	}
	r.set("message", o.Message)
	r.set("changes", o.Changes)
	r.set("platform", o.Platform)
	var id string
	isID := func(m streams.Message) bool { return strings.HasPrefix(m.Status, "sha256:") }
	err := c.job(ctx, r, o.Progress, func(m streams.Message) {
		if isID(m) {
			id = m.Status
		}
	}, isID)
	if err == nil && id == "" {
		err = r.broken(errdefs.Truncated(io.EOF))
	}
	return id, err
}

// ImageSaveOptions choose what is saved.
type ImageSaveOptions struct {
	Platforms []*Platform // only these variants (API 1.48; several from API 1.52 on)
}

// ImageSave returns images, with their names and layers, as one tar. The caller closes
// it; a read of a cut one is errdefs.ErrTruncated, and the context ends it. A missing
// image is errdefs.ErrNotFound. Nil options save all platforms that are there.
//
//docker:operation GET /images/{name}/get
//docker:operation GET /images/get
func (c *Client) ImageSave(ctx context.Context, images []string, opts *ImageSaveOptions) (io.ReadCloser, error) {
	r := newRequest("GET /images/get")
	if len(images) == 1 {
		r = newRequest("GET /images/{name}/get", images[0])
	} else {
		r.set("names", images)
	}
	if len(images) == 0 {
		r.fail(invalid("no images are named"))
	}
	r.setPlatforms("platform", value(opts).Platforms...)
	return c.download(ctx, r)
}

// ImageLoadOptions choose what is loaded and who is told of it.
type ImageLoadOptions struct {
	Platforms []*Platform      // only these variants (API 1.48; several from API 1.52 on)
	Progress  streams.Progress // is called with every message, from this goroutine
}

// ImageLoad loads the images of a tar that [Client.ImageSave] made and returns their
// names, or the IDs of those without one. The caller closes the tar. Nil options load
// all platforms.
//
//docker:operation POST /images/load
func (c *Client) ImageLoad(ctx context.Context, images io.Reader, opts *ImageLoadOptions) ([]string, error) {
	o, r := value(opts), newRequest("POST /images/load")
	if o.Progress == nil {
		r.set("quiet", true)
	}
	r.setPlatforms("platform", o.Platforms...)
	var loaded []string
	isName := func(m streams.Message) bool { return strings.HasPrefix(m.Stream, "Loaded image") }
	err := c.job(ctx, r.upload("application/x-tar", images), o.Progress, func(m streams.Message) {
		if isName(m) {
			_, name, _ := strings.Cut(strings.TrimSpace(m.Stream), ": ")
			loaded = append(loaded, name)
		}
	}, isName)
	return loaded, err
}
