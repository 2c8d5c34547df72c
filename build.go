package docker

import (
	"context"
	"errors"
	"slices"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// ImageBuildResult is what a build has made.
type ImageBuildResult struct {
	ID       string                 // of the image, which names it to this engine; empty where none was made
	Digest   string                 // of its manifest; empty where the builder did not tell
	Exports  map[string]string      // what BuildKit's exporters say of what they have made
	Warnings []streams.BuildWarning // in the order in which they came
}

// ImageBuild builds an image and returns when it is there. Nil options build what the
// Dockerfile of the source says, without a name.
//
// BuildKit builds where the engine has it, or else the classic builder. Nothing but this
// module is needed for it. What an engine cannot do is [errors.ErrUnsupported] before the
// build starts. A step that fails is a [*BuildError], which has its output; a missing base
// image is errdefs.ErrNotFound, one that cannot be had errdefs.ErrUnauthenticated or
// errdefs.ErrPermissionDenied. An error of the source, a secret or an export is found in
// the error of the build.
//
// Cancelling the context stops the build on the engine.
//
//docker:operation POST /build
func (c *Client) ImageBuild(ctx context.Context, source BuildSource, opts *ImageBuildOptions) (*ImageBuildResult, error) {
	o := value(opts)
	b := &build{Client: c, source: source, opts: &o, request: newRequest("POST /build")}
	if o.Progress == nil {
		return b.run(ctx)
	}
	return b.reported(ctx)
}

// build is one build under way.
type build struct {
	*Client
	source  BuildSource
	opts    *ImageBuildOptions
	request *request // POST /build, of whichever builder: errors name it
	emit    func(streams.Message)
	result  ImageBuildResult
}

// choose returns the builder to use.
func (b *build) choose(ctx context.Context) (Builder, error) {
	switch o := b.opts; {
	case o.Builder != "" && o.Builder != BuilderBuildKit && o.Builder != BuilderClassic:
		return "", invalid("the builder %q is neither %s nor %s", o.Builder, BuilderBuildKit, BuilderClassic)
	case o.Builder != "":
		return o.Builder, nil
	case o.Classic != nil:
		return BuilderClassic, nil
	}
	facts, err := b.Facts(ctx)
	switch {
	case err != nil:
		return "", err
	case facts.OSType != "linux": // podman says nothing of it
		return BuilderClassic, nil
	case facts.BuilderVersion == "1" && b.needsBuildKit() == nil:
		return BuilderClassic, nil
	}
	return BuilderBuildKit, nil
}

// reported builds in a goroutine of its own and calls Progress from this one.
func (b *build) reported(ctx context.Context) (*ImageBuildResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	messages, done := make(chan streams.Message), make(chan struct{})
	stopped := make(chan struct{})
	b.emit = func(m streams.Message) {
		select {
		case messages <- m:
		case <-stopped:
		}
	}
	var result *ImageBuildResult
	var err error
	go func() {
		defer close(done)
		result, err = b.run(ctx)
	}()
	defer func() { // also where Progress panics
		close(stopped)
		cancel()
		<-done
	}()
	for {
		select {
		case m := <-messages:
			b.opts.Progress(m)
		case <-done:
			jobEnded(b.opts.Progress)
			return result, err
		}
	}
}

// tell reports what happens, and keeps the warnings.
func (b *build) tell(m streams.Message) {
	b.result.Warnings = append(b.result.Warnings, m.Build.Warnings...)
	if b.emit != nil {
		b.emit(m)
	}
}

// run builds. Where the engine turns out to have no BuildKit, the other builder does it.
func (b *build) run(ctx context.Context) (*ImageBuildResult, error) {
	builder, err := b.choose(ctx)
	if err != nil {
		return nil, b.request.failed(ctx, err)
	}
	if builder == BuilderBuildKit {
		err = b.buildKit(ctx)
		if b.opts.Builder == "" && b.needsBuildKit() == nil && lacksBuildKit(err) {
			builder = BuilderClassic
		}
	}
	if builder == BuilderClassic {
		err = b.classic(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &b.result, nil
}

func lacksBuildKit(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Path == "/grpc" || e.Path == "/session") && errors.Is(err, errdefs.ErrNotFound)
}

// needsBuildKit refuses what the classic builder cannot do.
func (b *build) needsBuildKit() error {
	o := b.opts
	image := func(e BuildExport) bool { return e.kind == "moby" && len(e.attrs) == 0 }
	for _, need := range []struct {
		option string
		set    bool
	}{
		{"Platforms with several", len(o.Platforms) > 1},
		{"NoCacheStages", len(o.NoCacheStages) > 0},
		{"CacheTo", len(o.CacheTo) > 0},
		{"Contexts", len(o.Contexts) > 0},
		{"Secrets", len(o.Secrets) > 0},
		{"SSH", len(o.SSH) > 0},
		{"Exports", len(o.Exports) > 1 || !slices.ContainsFunc(o.Exports, image) && len(o.Exports) > 0},
		{"Attestations", len(o.Attestations) > 0},
		{"Allow", len(o.Allow) > 0},
		{"Attrs", len(o.Attrs) > 0},
		{"a Dockerfile that is not in the remote source", b.source.url != "" && (o.DockerfileText != nil || !o.DockerfileFrom.empty())},
	} {
		if need.set {
			return unsupported("the option %s needs BuildKit, and the classic builder builds", need.option)
		}
	}
	return nil
}
