package buildkit

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

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
	set("no-cache", strings.Join(r.NoCacheFrom, ","))
	if r.NoCache {
		a["no-cache"] = "" // of all stages
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

// csvLine puts values into one, with commas between. None of them can have what would
// need quotes.
func csvLine(values []string) (string, error) {
	for _, v := range values {
		if strings.ContainsAny(v, ",\"\r\n") {
			return "", invalid("the value %q", v)
		}
	}
	return strings.Join(values, ","), nil
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
