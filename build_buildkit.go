package docker

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/internal/buildkit"
)

// buildKit builds with the Control service of the engine's BuildKit.
func (b *build) buildKit(ctx context.Context) error {
	request, err := b.solveRequest()
	if err == nil {
		err = b.hasDockerfile()
	}
	if err == nil {
		err = b.canSolve(ctx)
	}
	if err != nil {
		return b.request.failed(ctx, err)
	}
	engine, err := b.engineOf(ctx)
	if err != nil {
		return b.request.failed(ctx, err)
	}
	trace := newBuildKitTrace(b.tell)
	request.Status = trace.see
	response, err := buildkit.Solve(ctx, engine, request)
	trace.end()
	if err != nil {
		return b.solveFailed(ctx, err)
	}
	b.result.ID, b.result.Digest, b.result.Exports = response.ImageID, response.Digest, response.Attrs
	return nil
}

// engineOf is the way to the engine's BuildKit. Newer engines understand HTTP/2 at once,
// save with TLS, and without anything in between.
func (b *build) engineOf(ctx context.Context) (buildkit.Engine, error) {
	e := buildkit.Engine{Upgrade: b.upgradeTo}
	agreed, err := b.engine(ctx)
	if err != nil {
		return e, err
	}
	dial := b.transport.calls.DialContext
	direct := b.host.scheme == "http" && b.transport.calls.Proxy == nil && b.roundTripper == http.RoundTripper(b.transport)
	if agreed.version >= 53 && direct {
		e.Dial = func(ctx context.Context) (io.ReadWriteCloser, error) { return dial(ctx, "tcp", b.host.authority) }
	}
	return e, nil
}

// upgradeTo opens the connection of a session, or of calls to BuildKit.
//
//docker:operation POST /grpc
func (b *build) upgradeTo(ctx context.Context, path string, header http.Header) (io.ReadWriteCloser, error) {
	r := newRequest("POST /grpc")
	if path == "/session" {
		r = newRequest("POST /session")
	}
	r.setHeaders(header)
	conn, err := b.upgradeH2C(ctx, r)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// solveRequest is what is asked of BuildKit.
func (b *build) solveRequest() (*buildkit.Request, error) {
	o := b.opts
	exports, err := b.exports()
	if err != nil {
		return nil, err
	}
	r := &buildkit.Request{
		Context: b.source.buildkit(), Dockerfile: o.DockerfileFrom.buildkit(), DockerfileName: cleanName(o.Dockerfile),
		Target: o.Target, BuildArgs: o.Args, Labels: o.Labels, Platforms: o.Platforms,
		NoCache: o.NoCache, NoCacheFrom: o.NoCacheStages, Pull: o.Pull,
		NetworkMode: strings.TrimPrefix(o.NetworkMode, "default"), ExtraHosts: o.ExtraHosts, ShmSize: o.ShmSize, CgroupParent: o.CgroupParent,
		Attestations: o.Attestations, Attrs: o.Attrs, Allow: o.Allow, Auth: b.credentials,
		Exports: exports, CacheFrom: cacheEntries(o.CacheFrom), CacheTo: cacheEntries(o.CacheTo),
	}
	if o.Credentials != nil {
		r.Auth = auth.Static(o.Credentials)
	}
	for _, u := range o.Ulimits {
		r.Ulimits = append(r.Ulimits, u.Name+"="+strconv.FormatInt(u.Soft, 10)+":"+strconv.FormatInt(u.Hard, 10))
	}
	if o.DockerfileText != nil {
		r.DockerfileName = memoryName(r.DockerfileName)
		r.Dockerfile = buildkit.Source{FS: memoryFile{r.DockerfileName, o.DockerfileText}}
	}
	r.Contexts = mapped(o.Contexts, BuildSource.buildkit)
	r.Secrets = mapped(o.Secrets, func(s BuildSecret) buildkit.Secret { return buildkit.Secret(s) })
	r.SSH = mapped(o.SSH, func(a BuildAgent) buildkit.Agent { return buildkit.Agent(a) })
	return r, nil
}

// hasDockerfile fails where the Dockerfile is missing on this side.
func (b *build) hasDockerfile() error {
	from := b.source
	if !b.opts.DockerfileFrom.empty() {
		from = b.opts.DockerfileFrom
	}
	if b.opts.DockerfileText != nil || b.opts.DockerfileFrom.empty() && !from.files() {
		return nil
	}
	_, _, err := findDockerfile(from, cleanName(b.opts.Dockerfile))
	return err
}

func (s BuildSource) buildkit() buildkit.Source {
	return buildkit.Source{Dir: s.dir, FS: s.fsys, Stream: s.stream, URL: s.url}
}

func mapped[A, B any](from map[string]A, f func(A) B) map[string]B {
	to := make(map[string]B, len(from))
	for key, v := range from {
		to[key] = f(v)
	}
	return to
}

// exports are those of the options, with the tags on the images.
func (b *build) exports() ([]buildkit.Export, error) {
	tags, err := imageTags(b.opts.Tags)
	if err != nil {
		return nil, err
	}
	exports := b.opts.Exports
	if len(exports) == 0 {
		exports = []BuildExport{ExportImage()}
	}
	list := make([]buildkit.Export, 0, len(exports))
	for _, e := range exports {
		if e.kind == "" {
			return nil, invalid("an export is none of those that the functions make")
		}
		attrs := maps.Clone(e.attrs)
		if attrs == nil {
			attrs = make(map[string]string)
		}
		if tags != "" && attrs["name"] == "" && e.kind != "local" && e.kind != "tar" {
			attrs["name"] = tags
		}
		list = append(list, buildkit.Export{Type: e.kind, Attrs: attrs, Receive: e.receive, Output: e.open})
	}
	return list, nil
}

// imageTags are names with their tags, and commas between.
func imageTags(names []string) (string, error) {
	var tags []string
	for _, name := range names {
		ref, err := parseReference(name)
		if err != nil {
			return "", err
		}
		if ref.digest != "" {
			return "", invalid("the tag %q has a digest, which a tag cannot", name)
		}
		tags = append(tags, ref.name+":"+ref.tag)
	}
	return strings.Join(tags, ","), nil
}

// cacheEntries are caches as BuildKit names them.
func cacheEntries(entries []BuildCacheEntry) []buildkit.CacheEntry {
	var list []buildkit.CacheEntry
	for _, e := range entries {
		if e.local != nil {
			list = append(list, e.local(e.Attrs))
			continue
		}
		attrs := map[string]string{}
		if e.Ref != "" {
			attrs["ref"] = e.Ref
		}
		maps.Copy(attrs, e.Attrs)
		list = append(list, buildkit.CacheEntry{Type: cmp.Or(e.Type, "registry"), Attrs: attrs})
	}
	return list
}

// canSolve refuses what the engine's BuildKit cannot do, or would ignore.
func (b *build) canSolve(ctx context.Context) error {
	o := b.opts
	if o.Classic != nil {
		return unsupported("the options Classic need the classic builder, and BuildKit builds")
	}
	if !slices.Contains([]string{"", "default", "none", "host"}, o.NetworkMode) {
		return unsupported("the network mode %q needs the classic builder, and BuildKit builds", o.NetworkMode)
	}
	e, err := b.engine(ctx)
	if err != nil {
		return err
	}
	for _, need := range []struct {
		option string
		set    bool
		since  apiVersion
	}{
		{"Contexts", len(o.Contexts) > 0, 42},
		{"ShmSize", o.ShmSize > 0, 42},
		{"Ulimits", len(o.Ulimits) > 0, 42},
		{"CgroupParent", o.CgroupParent != "", 42},
		{"Attestations", len(o.Attestations) > 0, 43},
		{"Exports with several", len(o.Exports) > 1, 45},
	} {
		if need.set && e.version < need.since {
			return unsupported("the option %s needs API %s, and the engine is spoken to in %s", need.option, need.since, e.version)
		}
	}
	return b.hasStoreFor(ctx)
}

// hasStoreFor refuses what only the containerd image store can do, where the engine has
// another.
func (b *build) hasStoreFor(ctx context.Context) error {
	what := b.needsContainerd()
	if what == "" {
		return nil
	}
	type store struct { // a part of Info, which is large
		Driver       string
		DriverStatus [][2]string
	}
	info, err := fetch[store](ctx, b.Client, newRequest("GET /info"))
	if err != nil {
		return err
	}
	for _, s := range info.DriverStatus {
		if s == [2]string{"driver-type", "io.containerd.snapshotter.v1"} {
			return nil
		}
	}
	return unsupported("%s needs the containerd image store, and the engine has %s", what, info.Driver)
}

func (b *build) needsContainerd() string {
	o := b.opts
	for _, e := range o.Exports {
		if e.kind == "oci" || e.kind == "docker" {
			return "an export of the type " + e.kind
		}
	}
	for _, c := range o.CacheTo {
		if c.Type != "inline" {
			return "the option CacheTo with the type " + cmp.Or(c.Type, "registry")
		}
	}
	switch {
	case len(o.Platforms) > 1:
		return "the option Platforms with several"
	case len(o.Attestations) > 0:
		return "the option Attestations"
	}
	return ""
}

// solveFailed makes the error of a build that did not succeed.
func (b *build) solveFailed(ctx context.Context, err error) error {
	if _, already := errors.AsType[*Error](err); already {
		return err
	}
	said, ok := errors.AsType[*buildkit.Error](err)
	if !ok {
		return b.request.failed(ctx, err)
	}
	e := &Error{
		Method: b.request.method, Path: b.request.path, Status: http.StatusOK, Message: bounded(said.Message), Err: err,
		kind: streamKind(said.Message), class: errdefs.ErrRefused,
	}
	if step, ok := errors.AsType[*buildkit.StepError](err); ok {
		return stepFailed(e, buildKitStep(step))
	}
	return e
}
