package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cleat-go/docker/streams"
)

// classic builds with POST /build.
func (b *build) classic(ctx context.Context) error {
	r := b.request
	b.setClassic()
	r.fail(b.setExtraHosts(ctx))
	credentials, err := b.registryConfig(ctx, b.opts.Credentials)
	r.fail(err)
	r.setHeader("X-Registry-Config", credentials)
	if r.err != nil {
		return r.failed(ctx, r.err)
	}
	sent := &watchedReader{}
	if b.source.url == "" {
		content, err := b.content()
		if err != nil {
			return r.unsent(err)
		}
		defer content.Close()
		sent.Reader = content
		if b.emit != nil {
			sent.Reader = newMeter(content, b.emit)
		}
		r.upload("application/x-tar", sent)
	}
	trace := &classicTrace{tell: b.tell, result: &b.result}
	err = b.job(ctx, r, trace.see, nil, trace.closes)
	if cause := sent.err.Load(); cause != nil && err != nil {
		return r.failed(ctx, *cause)
	}
	return trace.end(err)
}

// content is the archive to send. The request learns the name of the Dockerfile in it.
func (b *build) content() (io.ReadCloser, error) {
	files, err := contextFiles(b.source, b.opts)
	if err != nil {
		return nil, err
	}
	b.request.query.Del("dockerfile")
	b.request.set("dockerfile", files.dockerfile)
	return files.archive()
}

// setClassic sets all parameters.
func (b *build) setClassic() {
	r, o := b.request, b.opts
	if err := b.needsBuildKit(); err != nil {
		r.fail(err)
	}
	r.add("version", "1")
	for _, tag := range o.Tags {
		ref := r.reference(tag)
		if ref.digest != "" {
			r.fail(invalid("the tag %q has a digest, which a tag cannot", tag))
		}
		r.add("t", ref.name+":"+ref.tag)
	}
	r.set("remote", b.source.url)
	r.set("dockerfile", cleanName(o.Dockerfile))
	r.set("target", o.Target)
	r.setMap("buildargs", o.Args)
	r.setMap("labels", o.Labels)
	for _, platform := range o.Platforms {
		r.set("platform", platform)
	}
	r.set("nocache", o.NoCache)
	r.set("pull", o.Pull)
	r.set("networkmode", o.NetworkMode)
	r.set("shmsize", o.ShmSize)
	if len(o.Ulimits) > 0 {
		r.setJSON("ulimits", o.Ulimits)
	}
	r.set("cgroupparent", o.CgroupParent)
	r.setCacheFrom(o.CacheFrom)
	b.setOnlyClassic(value(o.Classic))
}

// setExtraHosts sets the hosts in the form that the engine reads: podman's own is JSON.
func (b *build) setExtraHosts(ctx context.Context) error {
	if len(b.opts.ExtraHosts) == 0 {
		return nil
	}
	facts, err := b.Facts(ctx)
	if err != nil {
		return err
	}
	if strings.HasPrefix(facts.Server, "Libpod/") {
		b.request.setJSON("extrahosts", b.opts.ExtraHosts)
	} else {
		b.request.set("extrahosts", b.opts.ExtraHosts)
	}
	return nil
}

// setOnlyClassic sets the parameters that BuildKit does not have.
func (b *build) setOnlyClassic(o ClassicBuildOptions) {
	r := b.request
	if o.KeepIntermediate {
		r.add("rm", "0")
	}
	r.set("forcerm", !o.KeepFailed && !o.KeepIntermediate)
	r.set("squash", o.Squash)
	r.set("memory", o.Memory)
	r.set("memswap", o.MemorySwap)
	r.set("cpushares", o.CPUShares)
	r.set("cpuperiod", o.CPUPeriod)
	r.set("cpuquota", o.CPUQuota)
	r.set("cpusetcpus", o.CPUSetCPUs)
	r.set("cpusetmems", o.CPUSetMems)
	r.set("securityopt", o.SecurityOpt)
	r.set("isolation", string(o.Isolation))
}

// setMap adds a map as JSON, unless it is empty.
func (r *request) setMap(key string, m map[string]string) {
	if len(m) > 0 {
		r.setJSON(key, m)
	}
}

// setCacheFrom adds the names of images to look for steps in.
func (r *request) setCacheFrom(caches []BuildCacheEntry) {
	var images []string
	for _, cache := range caches {
		if cache.Type != "" && cache.Type != "registry" || len(cache.Attrs) > 0 {
			r.fail(unsupported("a cache of the type %s needs BuildKit, and the classic builder builds", cache.Type))
		}
		images = append(images, cache.Ref)
	}
	if images != nil {
		r.setJSON("cachefrom", images)
	}
}

// meter tells how much of a context has been read.
type meter struct {
	io.Reader
	emit func(streams.Message)
	step streams.BuildStep
	n    int64
	told time.Time
	over atomic.Bool
}

const (
	contextStep   = "context"
	meterInterval = 100 * time.Millisecond
)

func newMeter(r io.Reader, emit func(streams.Message)) *meter {
	return &meter{Reader: r, emit: emit, step: streams.BuildStep{
		ID: contextStep, Name: "[internal] load build context", Started: time.Now(),
	}}
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n += int64(n)
	now := time.Now()
	if err == nil && now.Sub(m.told) < meterInterval || m.over.Load() {
		return n, err
	}
	m.told = now
	if err != nil {
		m.step.Completed = now
		m.over.Store(true)
		if err != io.EOF {
			m.step.Error = err.Error()
		}
	}
	m.emit(streams.Message{Build: &streams.Build{
		Steps:    []streams.BuildStep{m.step},
		Counters: []streams.BuildCounter{{Step: contextStep, ID: contextStep, Name: "transferring context", Current: m.n, Done: err != nil}},
	}})
	return n, err
}

// classicTrace makes steps of what the classic builder writes.
type classicTrace struct {
	tell   func(streams.Message)
	result *ImageBuildResult

	step   streams.BuildStep // the current one; without a name before the first
	number int               // of it
	total  int
	source string // the instruction
	lines  [3]lineBuffer
	log    logTail
	closed bool
}

// see takes one message.
func (t *classicTrace) see(m streams.Message) {
	if m.Done {
		return
	}
	out := &streams.Build{}
	switch {
	case len(m.Aux) > 0:
		var image struct{ ID string }
		if json.Unmarshal(m.Aux, &image) == nil && image.ID != "" {
			t.result.ID, t.closed = image.ID, true
		}
	case m.Stream != "":
		t.stream(out, m.Stream)
	case m.ID != "":
		out.Counters = []streams.BuildCounter{{
			Step: t.step.ID, ID: m.ID, Name: m.ID + " " + m.Status, Current: m.Current, Total: m.Total, Done: t.pulled(m),
		}}
	case m.Status != "":
		out.Logs = t.output(out.Logs, streams.Stdout, m.Status+"\n")
	}
	m.Build = out
	t.tell(m)
}

// pulled tells whether a layer of a base image is there.
func (t *classicTrace) pulled(m streams.Message) bool {
	return m.Status == "Pull complete" || m.Status == "Already exists"
}

func (t *classicTrace) closes(streams.Message) bool { return t.closed }

// end makes the error of a failed build, and ends the last step.
func (t *classicTrace) end(err error) error {
	out := &streams.Build{}
	failure, ok := errors.AsType[*streams.EngineError](err)
	if ok {
		t.finish(out, failure.Message)
	} else {
		t.finish(out, "")
	}
	if len(out.Steps) > 0 {
		t.tell(streams.Message{Build: out})
	}
	e, isError := errors.AsType[*Error](err)
	if !ok || !isError || t.step.Name == "" {
		return err
	}
	return stepFailed(e, &BuildError{
		Step: t.source, Number: t.number, Total: t.total, ExitCode: exitCodeOfStep(failure), Log: t.log.lines, Err: failure,
	})
}
