package conformance

import (
	"strings"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/streams"
)

var imageCalls = []*call{
	plain("GET /images/json", client.ImageList),
	plain("GET /images/{name}/json", client.ImageInspect),
	plain("GET /images/{name}/history", client.ImageHistory),
	plain("GET /images/{name}/attestations", client.ImageAttestations),
	plain("POST /images/{name}/tag", client.ImageTag),
	plain("DELETE /images/{name}", client.ImageRemove),
	plain("POST /images/prune", client.ImagePrune),
	plain("GET /images/search", client.ImageSearch),
	plain("POST /commit", client.ImageCommit),
	apart(special("ImagePull", "POST /images/create", func(k kit, in *docker.ImagePullOptions) (any, error) {
		o := given(in)
		var seen first
		o.Progress = seen.see(o.Progress)
		_, err := k.ImagePull(k.ctx, "sample", &o)
		return seen.message, err
	})),
	special("ImagePush", "POST /images/{name}/push", func(k kit, in *docker.ImagePushOptions) (any, error) {
		o := given(in)
		var seen first
		o.Progress = seen.see(o.Progress)
		_, err := k.ImagePush(k.ctx, "sample", &o)
		return seen.message, err
	}),
	special("ImageImport", "POST /images/create", func(k kit, in *docker.ImageImportOptions) (any, error) {
		o := given(in)
		var seen first
		o.Progress = seen.see(o.Progress)
		_, err := k.ImageImport(k.ctx, strings.NewReader("tar"), &o)
		return seen.message, err
	}),
	special("ImageImportURL", "POST /images/create", func(k kit, in *docker.ImageImportOptions) (any, error) {
		o := given(in)
		var seen first
		o.Progress = seen.see(o.Progress)
		_, err := k.ImageImportURL(k.ctx, "https://files.example/root.tar", &o)
		return seen.message, err
	}),
	special("ImageLoad", "POST /images/load", func(k kit, in *docker.ImageLoadOptions) (any, error) {
		o := given(in)
		if _, err := k.ImageLoad(k.ctx, strings.NewReader("tar"), &o); err != nil {
			return nil, err
		}
		var seen first
		o.Progress = seen.see(o.Progress)
		_, err := k.ImageLoad(k.ctx, strings.NewReader("tar"), &o)
		return seen.message, err
	}),
	special("ImageSave", "GET /images/{name}/get", func(k kit, in *docker.ImageSaveOptions) (any, error) {
		body, err := k.ImageSave(k.ctx, []string{"sample"}, in)
		if err != nil {
			return nil, err
		}
		return readAll(body)
	}),
	special("ImageSave", "GET /images/get", func(k kit, in *docker.ImageSaveOptions) (any, error) {
		body, err := k.ImageSave(k.ctx, []string{"sample", "other"}, in)
		if err != nil {
			return nil, err
		}
		return readAll(body)
	}),
	special("ImageBuild", "POST /build", func(k kit, in *docker.ImageBuildOptions) (any, error) {
		o := withoutBuildKit(given(in))
		var seen first
		o.Progress = seen.see(o.Progress)
		_, err := k.ImageBuild(k.ctx, docker.BuildTar(strings.NewReader("tar")), &o)
		return seen.message, err
	}),
	special("ImageBuild", "POST /build", func(k kit, in *remoteBuild) (any, error) {
		var seen first
		o := docker.ImageBuildOptions{Builder: docker.BuilderClassic, Progress: seen.see(nil)}
		_, err := k.ImageBuild(k.ctx, docker.BuildRemote(in.Remote), &o)
		return seen.message, err
	}, func(in *remoteBuild) { in.Remote = "https://git.example/app.git" }),
	plain("GET /distribution/{name}/json", client.DistributionInspect),
	plain("POST /build/prune", client.BuildPrune),
	plain("POST /build/cancel", client.BuildCancel),
}

// given is what options are, or their zero value.
func given[T any](in *T) (o T) {
	if in != nil {
		o = *in
	}
	return o
}

// remoteBuild is a build of what the engine fetches.
type remoteBuild struct{ Remote string }

// withoutBuildKit leaves what POST /build takes: BuildKit is called in another way.
func withoutBuildKit(o docker.ImageBuildOptions) docker.ImageBuildOptions {
	o.Builder, o.NoCacheStages, o.CacheTo, o.Contexts = docker.BuilderClassic, nil, nil, nil
	o.Secrets, o.SSH, o.Exports, o.Attestations, o.Allow, o.Attrs = nil, nil, nil, nil, nil, nil
	for i := range o.CacheFrom {
		o.CacheFrom[i].Type, o.CacheFrom[i].Attrs = "", nil
	}
	return o
}

// first keeps the first message of a job, as it is on the wire.
type first struct{ message map[string]any }

func (f *first) see(next streams.Progress) streams.Progress {
	return func(m streams.Message) {
		if own := m.Build != nil && m.ID+m.Stream+m.Status == ""; f.message == nil && !own {
			f.message = map[string]any{
				"id": m.ID, "status": m.Status, "stream": m.Stream, "aux": m.Aux,
				"progressDetail": map[string]any{
					"current": m.Current, "total": m.Total, "hidecounts": m.HideCounts, "units": m.Units,
				},
			}
		}
		if next != nil {
			next(m)
		}
	}
}
