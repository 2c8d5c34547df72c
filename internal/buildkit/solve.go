package buildkit

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cleat-go/docker/errdefs"
)

func randomID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// Solve runs a build to its end. Errors are those of Upgrade and Dial; *[StepError] when a
// step fails; *[Error] for what else the engine says; errors of the request's own sources,
// secrets, agents and outputs, which wrap theirs; errdefs.ErrTruncated when the connection
// is lost; errdefs.ErrCancelled, which stops the build on the engine too. Nothing of a
// build is left running when Solve returns.
func Solve(ctx context.Context, e Engine, r *Request) (*Response, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	files, err := openTrees(r)
	if err != nil {
		return nil, err
	}
	defer files.close()
	cache, err := openCaches(r)
	if err != nil {
		return nil, err
	}
	defer cache.close()
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c, err := connect(within, e)
	if err != nil {
		return nil, err
	}
	defer c.close()
	s := newSession(r, files, cache)
	defer s.close()
	if err := s.open(within, e, c); err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-s.ended:
			cancel(errSessionEnded)
		case <-stop:
		}
	}()
	b := &build{control: c, session: s, request: r, cache: cache, ref: randomID()}
	response, err := b.run(within)
	if err == nil {
		return response, cache.written(response)
	}
	return nil, b.explain(ctx, within, err)
}

// connect opens the connection on which the engine is called.
func connect(ctx context.Context, e Engine) (*control, error) {
	if e.Dial != nil {
		c, err := connectNative(ctx, e)
		if c != nil || e.Upgrade == nil || ctx.Err() != nil {
			return c, err
		}
	}
	conn, err := e.Upgrade(ctx, "/grpc", nil)
	if err != nil {
		return nil, err
	}
	return newControl(ctx, conn)
}

// connectNative finds out whether the engine understands HTTP/2 at once.
func connectNative(ctx context.Context, e Engine) (*control, error) {
	conn, err := e.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c, err := newControl(ctx, conn)
	if err != nil {
		return nil, err
	}
	if _, err = c.call(ctx, controlService+"ListWorkers", nil); err != nil && !isStatus(err) {
		c.close()
		return nil, err
	}
	c.native = true
	return c, nil
}

func isStatus(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// build is one build that is being run.
type build struct {
	control *control
	session *session
	request *Request
	cache   *caches
	ref     string
	told    atomic.Bool // that there is a build
	history history
}

// How long the engine may take to tell the rest of a build that has ended, and of one of
// which it has told nothing.
const (
	statusGrace = 3 * time.Second
	statusNone  = 500 * time.Millisecond
)

// run starts the build and listens to what happens in it.
func (b *build) run(ctx context.Context) (*Response, error) {
	solve, err := b.message(ctx)
	if err != nil {
		return nil, err
	}
	listening, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan struct{})
	go func() {
		defer close(told)
		b.listen(listening)
	}()
	answer, err := b.control.call(ctx, controlService+"Solve", solve)
	timer := time.AfterFunc(b.grace(err), stop)
	defer timer.Stop()
	<-told
	if err != nil {
		return nil, err
	}
	return decodeResponse(answer)
}

func (b *build) grace(err error) time.Duration {
	if err != nil && !b.told.Load() {
		return statusNone
	}
	return statusGrace
}

// listen hands on what happens until the build has ended. That something is not told
// fails no build.
func (b *build) listen(ctx context.Context) {
	_ = b.control.each(ctx, controlService+"Status", message(nil).text(1, b.ref), func(m []byte) error {
		b.told.Store(true)
		s, err := decodeStatus(m)
		if err != nil {
			return nil // what cannot be read need not end a build
		}
		b.history.add(s)
		if b.request.Status != nil {
			b.request.Status(s)
		}
		return nil
	})
}

// explain finds the cause of a build's failure.
func (b *build) explain(ctx, within context.Context, err error) error {
	if ctx.Err() != nil {
		return errdefs.Cancelled(ctx)
	}
	if cause := context.Cause(within); cause == errSessionEnded && !isStatus(err) {
		err = cause
	}
	var said *Error
	if errors.As(err, &said) {
		err = b.history.explain(said)
	}
	if own := b.session.failure(); own != nil && (said == nil || strings.Contains(said.Message, own.Error())) {
		return fmt.Errorf("%w", own)
	}
	return err
}

func decodeResponse(answer []byte) (*Response, error) {
	r := &Response{Attrs: make(map[string]string)}
	f := fields{rest: answer}
	for f.next() {
		if f.number == 1 {
			f.entry(r.Attrs)
		}
	}
	r.ImageID = r.Attrs["containerimage.digest"]
	if r.Attrs["containerimage.descriptor"] != "" {
		r.Digest = r.ImageID // the engine knows its images by their manifests
	}
	return r, f.err
}

// message is the request in the form of the wire.
func (b *build) message(ctx context.Context) (message, error) {
	r := b.request
	attrs, err := b.attrs(ctx)
	if err != nil {
		return nil, err
	}
	m := message(nil).text(1, b.ref)
	for i, e := range r.Exports {
		if i == 0 {
			m = m.text(3, e.wireType()).dict(4, e.Attrs)
		}
	}
	m = m.text(5, b.session.id).text(6, "dockerfile.v0").dict(7, attrs)
	var cache message
	for _, e := range b.cache.to {
		cache = cache.embed(4, e.message())
	}
	for _, e := range b.cache.from {
		cache = cache.embed(5, e.message())
	}
	m = m.embed(8, cache).texts(9, r.entitlements())
	for _, e := range r.Exports {
		m = m.embed(13, message(nil).text(1, e.wireType()).dict(2, e.Attrs))
	}
	return m, nil
}

func (e *CacheEntry) message() message { return message(nil).text(1, e.Type).dict(2, e.Attrs) }

func (r *Request) entitlements() []string {
	allow := slices.Clone(r.Allow)
	if r.NetworkMode == "host" && !slices.Contains(allow, "network.host") {
		allow = append(allow, "network.host")
	}
	return allow
}

// attrs are the attributes of the Dockerfile frontend.
func (b *build) attrs(ctx context.Context) (map[string]string, error) {
	r := b.request
	a := map[string]string{"image-resolve-mode": "local"}
	set := func(key, value string) {
		if value != "" {
			a[key] = value
		}
	}
	if r.Pull {
		a["image-resolve-mode"] = "pull"
	}
	set("filename", r.DockerfileName)
	set("target", r.Target)
	set("platform", strings.Join(r.Platforms, ","))
	set("cgroup-parent", r.CgroupParent)
	for key, value := range r.BuildArgs {
		a["build-arg:"+key] = value
	}
	for key, value := range r.Labels {
		a["label:"+key] = value
	}
	for key, value := range r.Attestations {
		a["attest:"+key] = value
	}
	if r.ShmSize > 0 {
		a["shm-size"] = strconv.FormatInt(r.ShmSize, 10)
	}
	if r.NoCache || len(r.NoCacheFrom) > 0 {
		a["no-cache"] = strings.Join(r.NoCacheFrom, ",")
	}
	if r.NetworkMode != "default" {
		set("force-network-mode", r.NetworkMode)
	}
	ulimits, err := csvLine(r.Ulimits)
	if err != nil {
		return nil, err
	}
	set("ulimit", ulimits)
	hosts, err := b.extraHosts(ctx)
	if err != nil {
		return nil, err
	}
	set("add-hosts", hosts)
	b.sources(a)
	b.cacheImports(a)
	maps.Copy(a, r.Attrs)
	return a, nil
}

// sources says where the engine finds what it builds from.
func (b *build) sources(a map[string]string) {
	r := b.request
	remote := r.Context.URL
	if r.Context.Stream != nil {
		remote = "http://buildkit-session/" + b.session.id
	}
	if remote != "" {
		a["context"] = remote
		if !r.Dockerfile.none() {
			a["dockerfilekey"] = dockerfileName
		}
	}
	for name, s := range r.Contexts {
		a["context:"+name] = s.URL
		if s.URL == "" {
			a["context:"+name] = "local:" + name
		}
	}
}

// cacheImports tells the frontend of the caches too, in the old form and the new.
func (b *build) cacheImports(a map[string]string) {
	var refs []string
	for _, e := range b.cache.from {
		if e.Type == "registry" {
			refs = append(refs, e.Attrs["ref"])
		}
	}
	if len(b.cache.from) == 0 {
		return
	}
	text, _ := json.Marshal(b.cache.from) // texts alone cannot fail
	a["cache-imports"] = string(text)
	if len(refs) == len(b.cache.from) {
		a["cache-from"] = strings.Join(refs, ",")
	}
}

func csvLine(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	var line strings.Builder
	w := csv.NewWriter(&line)
	err := w.Write(values)
	w.Flush()
	return strings.TrimSuffix(line.String(), "\n"), err
}

const hostGateway = "host-gateway"

// extraHosts are the hosts in the form of the frontend. The engine's own address is the
// engine's to tell.
func (b *build) extraHosts(ctx context.Context) (string, error) {
	var hosts []string
	for _, h := range b.request.ExtraHosts {
		name, address, _ := cutHost(h)
		if address == hostGateway {
			var err error
			if address, err = b.control.hostGateway(ctx); err != nil {
				return "", err
			}
		}
		hosts = append(hosts, name+"="+address)
	}
	return csvLine(hosts)
}

// cutHost takes name:address or name=address apart.
func cutHost(h string) (name, address string, ok bool) {
	i := strings.IndexAny(h, ":=")
	if i <= 0 || i == len(h)-1 {
		return "", "", false
	}
	return h[:i], strings.Trim(h[i+1:], "[]"), true
}

// hostGateway asks the engine for the address by which containers reach its machine.
func (c *control) hostGateway(ctx context.Context) (string, error) {
	answer, err := c.call(ctx, controlService+"ListWorkers", nil)
	if err != nil {
		return "", err
	}
	f := fields{rest: answer}
	for f.next() {
		if f.number != 1 {
			continue
		}
		labels := make(map[string]string)
		worker := fields{rest: f.data}
		for worker.next() {
			if worker.number == 2 {
				worker.entry(labels)
			}
		}
		if address := labels["org.mobyproject.buildkit.worker.moby.host-gateway-ip"]; address != "" {
			return address, nil
		}
	}
	return "", unsupported("the host address host-gateway")
}

// check finds what no engine could do.
func (r *Request) check() error {
	for i := range r.Exports {
		if err := r.Exports[i].check(); err != nil {
			return err
		}
	}
	for _, h := range r.ExtraHosts {
		if _, _, ok := cutHost(h); !ok {
			return invalid("the host %q is not name:address", h)
		}
	}
	if !r.Dockerfile.none() && (r.Dockerfile.Stream != nil || r.Dockerfile.URL != "") {
		return invalid("the Dockerfile is to be in a directory or a file system")
	}
	for name, s := range r.Contexts {
		if s.Stream != nil || name == "" || name == contextName || name == dockerfileName {
			return invalid("the context %q", name)
		}
	}
	return nil
}

func (s Source) none() bool { return s.Dir == "" && s.FS == nil && s.Stream == nil && s.URL == "" }
