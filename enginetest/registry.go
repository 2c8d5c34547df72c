package enginetest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cleat-go/docker"
)

var registryRoutes = table{
	"POST /images/{name}/push":      streamHandler(imagePush),
	"POST /auth":                    plainHandler(registryLogin),
	"GET /distribution/{name}/json": plainHandler(distributionInspect),
	"GET /images/search":            plainHandler(imageSearch),
}

// Registry is what the engine can pull from and push to, under a host's name.
type Registry struct {
	Username, Password string            // that it asks for; empty lets everyone in
	Images             map[string]Image  // by name, as "busybox:1.37" or "team/app"; no tag is latest
	Plugins            map[string]Plugin // by name, as images
}

// WithRegistry gives the engine a registry under the name of its host, as
// "registry.example:5000"; "docker.io" is the one of names without a host. A host that
// has no registry cannot be reached.
func WithRegistry(host string, r Registry) Option {
	return func(s *settings) error {
		for name, declared := range r.Images {
			img, err := declaredImage(withTag(name), declared)
			if err != nil {
				return fmt.Errorf("the image %s: %w", name, err)
			}
			s.pushed = append(s.pushed, pushedImage{host, withTag(name), img})
		}
		for name, declared := range r.Plugins {
			content, err := declared.content()
			if err != nil {
				return fmt.Errorf("the plugin %s: %w", name, err)
			}
			s.plugins = append(s.plugins, pushedPlugin{host, withTag(name), content})
		}
		s.registries = append(s.registries, namedRegistry{host, r.Username, r.Password})
		return nil
	}
}

// pushedImage is an image that a registry has from the start.
type pushedImage struct {
	host, name string
	image      *image
}

type namedRegistry struct{ host, username, password string }

// registry is the registries that the engine can reach, by host.
type registry struct {
	hosts   map[string]namedRegistry
	images  map[string]*image         // by host and name, as "docker.io/busybox:latest"
	plugins map[string]*pluginContent // likewise
}

func (e *engine) initRegistry(set *settings) {
	e.registry = registry{hosts: make(map[string]namedRegistry), images: make(map[string]*image), plugins: make(map[string]*pluginContent)}
	for _, r := range set.registries {
		e.registry.hosts[r.host] = r
	}
	for _, p := range set.pushed {
		if p.image.created.IsZero() {
			p.image.created = e.began
		}
		p.image.id = p.image.digest()
		e.registry.images[p.host+"/"+p.name] = p.image
	}
	for _, p := range set.plugins {
		e.registry.plugins[p.host+"/"+p.name] = p.content
	}
}

// split is the host of a reference, "docker.io" without one, and the rest with its tag.
func split(ref string) (host, name string) {
	first, rest, ok := strings.Cut(ref, "/")
	if !ok || !strings.ContainsAny(first, ".:") && first != "localhost" {
		return "docker.io", withTag(ref)
	}
	if first == "docker.io" {
		rest = strings.TrimPrefix(rest, "library/")
	}
	return first, withTag(rest)
}

// reach finds the registry of a host, and looks at the credentials of the call.
func (c *call) reach(host string) error {
	r, ok := c.registry.hosts[host]
	if !ok {
		return errorf(http.StatusInternalServerError, "Get \"https://%s/v2/\": dial tcp: lookup %s: connection refused", host, host)
	}
	if r.username == "" {
		return nil
	}
	var given struct{ Username, Password, IdentityToken string }
	if b, err := base64.URLEncoding.DecodeString(c.r.Header.Get("X-Registry-Auth")); err == nil {
		json.Unmarshal(b, &given) //nolint:errcheck // what cannot be read is none
	}
	if given.Username != r.username || given.Password != r.password {
		return errorf(http.StatusInternalServerError, "Head \"https://%s/v2/\": no basic auth credentials", host)
	}
	return nil
}

// manifest is the digest of an image in a registry.
func (img *image) manifest() string {
	sum := sha256.Sum256([]byte(img.id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// pull brings an image from its registry.
func (c *call) pull(ref, tag string) error {
	switch {
	case strings.HasPrefix(tag, "sha256:"):
		ref += "@" + tag
	case tag != "":
		ref += ":" + tag
	}
	if err := validRepository(strings.SplitN(ref, ":", 2)[0]); err != nil {
		return err
	}
	host, name := split(ref)
	c.mu.Lock()
	err := c.reach(host)
	img, plugin := c.registry.images[host+"/"+name], c.registry.plugins[host+"/"+name]
	c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case plugin != nil:
		return c.notAnImage()
	case img == nil && host == "docker.io":
		return notFound("pull access denied for %s, repository does not exist or may require 'docker login': denied: "+
			"requested access to the resource is denied", strings.SplitN(name, ":", 2)[0])
	case img == nil:
		return notFound("manifest for %s not found: manifest unknown: manifest unknown", withTag(ref))
	}
	return c.pulled(img, ref, name)
}

// pulled tells of a pull, and stores what it brought.
func (c *call) pulled(img *image, ref, name string) error {
	repo, tag, _ := strings.Cut(name, ":")
	if !strings.Contains(repo, "/") && strings.HasPrefix(withTag(ref), repo+":") {
		repo = "library/" + repo
	}
	p := c.progress()
	messages := []message{{Status: "Pulling from " + repo, ID: tag}}
	for i, digest := range img.layerDigests() {
		id, size := short(digest), max(img.layers[i].size(), 1)
		messages = append(messages, message{Status: "Pulling fs layer", ID: id, ProgressDetail: &messageDetail{}},
			message{Status: "Downloading", ID: id, ProgressDetail: &messageDetail{Current: size, Total: size}},
			message{Status: "Download complete", ID: id, ProgressDetail: &messageDetail{}},
			message{Status: "Extracting", ID: id, ProgressDetail: &messageDetail{Current: size, Total: size}},
			message{Status: "Pull complete", ID: id, ProgressDetail: &messageDetail{}})
	}
	c.mu.Lock()
	have := c.images.tags[withTag(ref)] == img.id
	if have {
		messages = messages[:1]
	}
	c.mu.Unlock()
	for _, m := range messages {
		if err := p.send(m); err != nil {
			return err
		}
	}
	c.mu.Lock()
	stored := *img
	stored.digests = []string{strings.SplitN(withTag(ref), ":", 2)[0] + "@" + img.manifest()}
	c.storeImage(&stored)
	c.images.tags[withTag(ref)] = stored.id
	c.emit(docker.EventImage, "pull", withTag(ref), withName(img.config.Labels, strings.SplitN(withTag(ref), ":", 2)[0]))
	c.mu.Unlock()
	status := "Status: Downloaded newer image for " + withTag(ref)
	if have {
		status = "Status: Image is up to date for " + withTag(ref)
	}
	if err := p.send(message{Status: "Digest: " + img.manifest()}); err != nil {
		return err
	}
	return p.send(message{Status: status})
}

func imagePush(c *call) error {
	ref := c.vars["name"]
	if tag := c.param("tag"); tag != "" {
		ref += ":" + tag
	}
	host, name := split(ref)
	c.mu.Lock()
	img, err := c.findImage(ref)
	if err != nil {
		c.mu.Unlock()
		return errorf(http.StatusNotFound, "An image does not exist locally with the tag: %s", c.vars["name"])
	}
	err = c.reach(host)
	c.mu.Unlock()
	p := c.progress()
	if err := p.send(message{Status: "The push refers to repository [" + host + "/" + strings.SplitN(name, ":", 2)[0] + "]"}); err != nil {
		return err
	}
	if err != nil {
		return p.fail(err)
	}
	for i, digest := range img.layerDigests() {
		id, size := short(digest), max(img.layers[i].size(), 1)
		for _, m := range []message{
			{Status: "Preparing", ID: id, ProgressDetail: &messageDetail{}},
			{Status: "Pushing", ID: id, ProgressDetail: &messageDetail{Current: size, Total: size}},
			{Status: "Pushed", ID: id, ProgressDetail: &messageDetail{}},
		} {
			if err := p.send(m); err != nil {
				return err
			}
		}
	}
	tag := name[strings.LastIndexByte(name, ':')+1:]
	c.mu.Lock()
	c.registry.images[host+"/"+name] = img
	delete(c.registry.plugins, host+"/"+name)
	c.emit(docker.EventImage, "push", ref, withName(img.config.Labels, c.vars["name"]))
	c.mu.Unlock()
	if err := p.send(message{Status: fmt.Sprintf("%s: digest: %s size: %d", tag, img.manifest(), 528)}); err != nil {
		return err
	}
	return p.send(message{ProgressDetail: &messageDetail{}, Aux: map[string]any{"Tag": tag, "Digest": img.manifest(), "Size": 528}})
}

func registryLogin(c *call) error {
	var given struct{ Username, Password, ServerAddress string }
	if err := c.decode(&given); err != nil {
		return err
	}
	host := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(given.ServerAddress, "https://"), "http://"), "/")
	if host == "" || strings.HasPrefix(host, "index.docker.io") {
		host = "docker.io"
	}
	r, ok := c.registry.hosts[host]
	switch {
	case !ok:
		return errorf(http.StatusInternalServerError, "Get \"https://%s/v2/\": dial tcp: lookup %s: connection refused", host, host)
	case r.username != given.Username || r.password != given.Password:
		return errorf(http.StatusUnauthorized, "Get \"https://%s/v2/\": unauthorized: incorrect username or password", host)
	}
	return c.json(http.StatusOK, map[string]string{"Status": "Login Succeeded", "IdentityToken": ""})
}

func distributionInspect(c *call) error {
	host, name := split(c.vars["name"])
	if err := c.reach(host); err != nil {
		return err
	}
	img := c.registry.images[host+"/"+name]
	if plugin := c.registry.plugins[host+"/"+name]; plugin != nil {
		return c.json(http.StatusOK, docker.Distribution{Descriptor: plugin.descriptor()})
	}
	if img == nil {
		return notFound("manifest unknown: manifest unknown")
	}
	return c.json(http.StatusOK, docker.Distribution{
		Descriptor: docker.Descriptor{MediaType: "application/vnd.docker.distribution.manifest.v2+json", Digest: img.manifest(), Size: 528},
		Platforms:  []docker.Platform{{OS: "linux", Architecture: "amd64"}},
	})
}

func imageSearch(c *call) error {
	if err := c.reach("docker.io"); err != nil {
		return err
	}
	found := []docker.ImageSearchResult{}
	for full := range c.registry.images {
		host, name, _ := strings.Cut(full, "/")
		name, _, _ = strings.Cut(name, ":")
		if host == "docker.io" && strings.Contains(name, c.param("term")) &&
			!slices.ContainsFunc(found, func(r docker.ImageSearchResult) bool { return r.Name == name }) {
			found = append(found, docker.ImageSearchResult{Name: name, IsOfficial: !strings.Contains(name, "/")})
		}
	}
	slices.SortFunc(found, func(a, b docker.ImageSearchResult) int { return strings.Compare(a.Name, b.Name) })
	return c.json(http.StatusOK, found)
}
