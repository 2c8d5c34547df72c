package enginetest

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

// createRequest is the body of a create.
type createRequest struct {
	docker.ContainerConfig
	HostConfig       *docker.HostConfig
	NetworkingConfig *docker.NetworkingConfig
}

var nameForm = regexp.MustCompile(`^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

func containerCreate(c *call) error {
	var asked createRequest
	if err := c.decode(&asked); err != nil {
		return err
	}
	if asked.HostConfig == nil {
		asked.HostConfig = &docker.HostConfig{}
	}
	ct, err := c.createContainer(c.param("name"), asked)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, docker.ContainerCreateResult{ID: ct.id, Warnings: warnings(asked.HostConfig)})
}

// warnings are what the engine says of limits that it does not know.
func warnings(h *docker.HostConfig) []string {
	said := []string{}
	if h.OomKillDisable != nil && *h.OomKillDisable {
		said = append(said, "Your kernel does not support OomKillDisable. OomKillDisable discarded.")
	}
	if h.KernelMemory != 0 {
		said = append(said, "Specifying a kernel memory limit is deprecated and will be removed in a future release.")
	}
	return said
}

// createContainer makes a container; an empty name is one of the engine's choice.
func (e *engine) createContainer(name string, asked createRequest) (*container, error) {
	if err := validHost(asked.HostConfig); err != nil {
		return nil, err
	}
	var img *image
	if asked.Image != "" {
		var err error
		if img, err = e.findImage(asked.Image); err != nil {
			return nil, err
		}
	} else {
		img = &image{}
	}
	ct := &container{
		id: newID(), created: time.Now(), image: img, imageRef: asked.Image, config: asked.ContainerConfig,
		host: *asked.HostConfig, networks: asked.NetworkingConfig, state: docker.ContainerCreated,
		files: newFiles(img.layers...), log: &containerLog{},
	}
	ct.inherit(img)
	return ct, e.admit(ct, name)
}

// admit gives a container its name and place.
func (e *engine) admit(ct *container, name string) error {
	if len(ct.args()) == 0 {
		if e.apiVersion() < 42 {
			return badRequest("No command specified")
		}
		return badRequest("no command specified")
	}
	var err error
	if ct.name, err = e.newName(name); err != nil {
		return err
	}
	ct.setDefaults(e.apiVersion())
	if ct.mounts, err = e.mountVolumes(ct); err != nil {
		return err
	}
	if err := e.joinNetworks(ct, ct.networks); err != nil {
		e.unmountVolumes(ct, true)
		return err
	}
	ct.streams = newStreamSet(ct.log, ct.config.OpenStdin, ct.config.TTY)
	e.containers.count++
	ct.number = e.containers.count
	e.containers.byID[ct.id], e.containers.names[ct.name] = ct, ct
	e.emitContainer(ct, "create")
	return nil
}

func validHost(h *docker.HostConfig) error {
	switch policy := h.RestartPolicy; policy.Name {
	case "", docker.RestartNo:
		if policy.MaximumRetryCount != 0 {
			return badRequest("invalid restart policy: maximum retry count can only be used with 'on-failure'")
		}
	case docker.RestartAlways, docker.RestartUnlessStopped, docker.RestartOnFailure:
		if h.AutoRemove {
			return badRequest("can't create 'AutoRemove' container with restart policy")
		}
		if policy.MaximumRetryCount != 0 && policy.Name != docker.RestartOnFailure {
			return badRequest("invalid restart policy: maximum retry count can only be used with 'on-failure'")
		}
		if policy.MaximumRetryCount < 0 {
			return badRequest("invalid restart policy: maximum retry count cannot be negative")
		}
	default:
		return badRequest("invalid restart policy: unknown policy '%s'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'", policy.Name)
	}
	if h.Memory > 0 && h.Memory < 6<<20 {
		return badRequest("Minimum memory limit allowed is 6MB")
	}
	return nil
}

// setDefaults fills in what the engine does.
func (ct *container) setDefaults(version int) {
	h := &ct.host
	ct.config.Hostname = cmp.Or(ct.config.Hostname, short(ct.id))
	if h.NetworkMode == "" || h.NetworkMode == "default" && version >= 44 {
		h.NetworkMode = "default"
		if version >= 44 {
			h.NetworkMode = "bridge"
		}
	}
	if version >= 42 {
		h.RestartPolicy.Name = cmp.Or(h.RestartPolicy.Name, docker.RestartNo)
	}
	h.LogConfig.Type = cmp.Or(h.LogConfig.Type, "json-file")
	h.IpcMode, h.Runtime = cmp.Or(h.IpcMode, "private"), cmp.Or(h.Runtime, "runc")
	h.ShmSize = cmp.Or(h.ShmSize, 64<<20)
	h.CgroupnsMode = cmp.Or(h.CgroupnsMode, docker.CgroupnsPrivate)
	if h.MemorySwappiness != nil && *h.MemorySwappiness == -1 {
		h.MemorySwappiness = nil
	}
	if h.Memory > 0 && h.MemorySwap == 0 {
		h.MemorySwap = 2 * h.Memory
	}
	ct.tty = docker.TTYSize{Height: h.ConsoleSize[0], Width: h.ConsoleSize[1]}
}

// inherit takes from the image what the container leaves open.
func (ct *container) inherit(img *image) {
	c, from := &ct.config, &img.config
	if len(c.Entrypoint) == 0 {
		if len(c.Cmd) == 0 {
			c.Cmd = slices.Clone(from.Cmd)
		}
		if c.Entrypoint == nil {
			c.Entrypoint = slices.Clone(from.Entrypoint)
		}
	}
	if len(c.Entrypoint) == 1 && c.Entrypoint[0] == "" {
		c.Entrypoint = nil
	}
	c.Env = mergeImageEnv(from.Env, c.Env)
	c.User, c.WorkingDir = cmp.Or(c.User, from.User), cmp.Or(c.WorkingDir, from.WorkingDir)
	c.StopSignal = cmp.Or(c.StopSignal, from.StopSignal)
	if c.StopTimeout == nil {
		c.StopTimeout = from.StopTimeout
	}
	c.Labels = mergeMaps(from.Labels, c.Labels)
	c.ExposedPorts = mergeMaps(from.ExposedPorts, c.ExposedPorts)
	c.Volumes = mergeMaps(from.Volumes, c.Volumes)
	if len(c.Shell) == 0 {
		c.Shell = slices.Clone(from.Shell)
	}
	c.Healthcheck = inheritHealth(from.Healthcheck, c.Healthcheck)
}

// mergeImageEnv is the container's variables, then those of the image that it does not name.
func mergeImageEnv(image, own []string) []string {
	merged := slices.Clone(own)
	for _, entry := range image {
		name, _, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(own, func(have string) bool { key, _, _ := strings.Cut(have, "="); return key == name }) {
			merged = append(merged, entry)
		}
	}
	return merged
}

// mergeMaps is the first map with what the second sets.
func mergeMaps[K comparable, V any](base, over map[K]V) map[K]V {
	if base == nil {
		return maps.Clone(over)
	}
	merged := maps.Clone(base)
	maps.Copy(merged, over)
	return merged
}

func inheritHealth(from, own *docker.HealthConfig) *docker.HealthConfig {
	if from == nil || own == nil {
		return cmp.Or(own, from)
	}
	merged := *own
	if len(own.Test) == 0 {
		merged.Test = from.Test
	}
	merged.Interval, merged.Timeout = cmp.Or(own.Interval, from.Interval), cmp.Or(own.Timeout, from.Timeout)
	merged.StartPeriod, merged.StartInterval = cmp.Or(own.StartPeriod, from.StartPeriod), cmp.Or(own.StartInterval, from.StartInterval)
	merged.Retries = cmp.Or(own.Retries, from.Retries)
	return &merged
}

// newName is the name that was asked for, if it is free, or one that is made up.
func (e *engine) newName(asked string) (string, error) {
	if asked == "" {
		for suffix := ""; ; suffix = newID()[:4] {
			name := adjectives[rand.IntN(len(adjectives))] + "_" + surnames[rand.IntN(len(surnames))] + suffix
			if _, taken := e.containers.names[name]; !taken {
				return name, nil
			}
		}
	}
	if !nameForm.MatchString(asked) {
		return "", badRequest("Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", asked)
	}
	name := strings.TrimPrefix(asked, "/")
	if other, taken := e.containers.names[name]; taken {
		return "", conflict("Conflict. The container name \"/%s\" is already in use by container \"%s\". "+
			"You have to remove (or rename) that container to be able to reuse that name.", name, other.id)
	}
	return name, nil
}

var adjectives = []string{
	"amber", "brave", "calm", "clever", "eager", "fair", "gentle", "glad", "keen", "kind", "lively", "merry", "patient", "quiet", "swift", "wise",
}

var surnames = []string{
	"archimedes", "curie", "darwin", "euler", "faraday", "galileo", "gauss", "hopper", "kepler", "lovelace", "mendel", "newton", "noether", "pascal", "turing", "volta",
}
