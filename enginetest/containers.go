package enginetest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

var containerRoutes = table{
	"GET /containers/json":          plainHandler(containerList),
	"POST /containers/create":       plainHandler(containerCreate),
	"POST /containers/prune":        plainHandler(containerPrune),
	"GET /containers/{id}/json":     plainHandler(containerInspect),
	"GET /containers/{id}/top":      plainHandler(containerTop),
	"POST /containers/{id}/resize":  plainHandler(containerResize),
	"POST /containers/{id}/start":   plainHandler(containerStart),
	"POST /containers/{id}/stop":    plainHandler(containerStop),
	"POST /containers/{id}/restart": plainHandler(containerRestart),
	"POST /containers/{id}/kill":    plainHandler(containerKill),
	"POST /containers/{id}/update":  plainHandler(containerUpdate),
	"POST /containers/{id}/rename":  plainHandler(containerRename),
	"POST /containers/{id}/pause":   plainHandler(containerPause),
	"POST /containers/{id}/unpause": plainHandler(containerUnpause),
	"DELETE /containers/{id}":       plainHandler(containerRemove),
	"POST /containers/{id}/wait":    streamHandler(containerWait),
	"GET /containers/{id}/logs":     streamHandler(containerLogs),
	"GET /containers/{id}/stats":    streamHandler(containerStats),
}

// container is the one that the path names.
func (c *call) container() (*container, error) { return c.findContainer(c.vars["id"]) }

func containerStart(c *call) error {
	ct, err := c.container()
	if err != nil {
		return err
	}
	if c.param("checkpoint") != "" {
		return notImplemented("checkpoints are left out")
	}
	return c.startContainer(ct)
}

// stopTime is the parameter t, nil without one.
func (c *call) stopTime() (*time.Duration, error) {
	if c.param("t") == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(c.param("t"))
	if err != nil {
		return nil, badRequest("%v", err)
	}
	d := time.Duration(n) * time.Second
	return &d, nil
}

// stopSignal is the parameter signal, which is heeded from API 1.42 on.
func (c *call) stopSignal() (string, error) {
	if c.param("signal") == "" || !c.since(42) {
		return "", nil
	}
	return signalName(c.param("signal"))
}

func containerStop(c *call) error {
	ct, signal, limit, err := c.stopping()
	if err != nil {
		return err
	}
	return c.stopContainer(ct, signal, limit)
}

func (c *call) stopping() (ct *container, signal string, limit *time.Duration, err error) {
	if ct, err = c.container(); err != nil {
		return ct, signal, limit, err
	}
	if signal, err = c.stopSignal(); err != nil {
		return ct, signal, limit, err
	}
	limit, err = c.stopTime()
	return ct, signal, limit, err
}

func containerRestart(c *call) error {
	ct, signal, limit, err := c.stopping()
	if err != nil {
		return err
	}
	keep := ct.host.AutoRemove
	ct.host.AutoRemove = false
	err = c.stopContainer(ct, signal, limit)
	ct.host.AutoRemove = keep
	if err != nil && !errors.Is(err, errNotModified) {
		return err
	}
	if err := c.startContainer(ct); err != nil && !errors.Is(err, errNotModified) {
		return err
	}
	c.emitContainer(ct, "restart")
	return nil
}

func containerKill(c *call) error {
	words := "cannot kill container: " + c.vars["id"] + ": "
	name := "SIGKILL"
	if text := c.param("signal"); text != "" {
		var err error
		if name, err = signalName(text); err != nil {
			return c.badSignal(words, text)
		}
	}
	if c.apiVersion() < 44 {
		words = "C" + words[1:]
	}
	ct, err := c.container()
	if err != nil {
		return notFound("%s%v", words, err)
	}
	if !ct.running() {
		return conflict("%s%s", words, c.notRunningText(ct))
	}
	if ct.config.StopSignal == "" || name == ct.stopSignal() || name == "SIGKILL" {
		ct.stopped = true
	}
	c.signalContainer(ct, name)
	return nil
}

// badSignal refuses a signal, in the words of the engine's age.
func (c *call) badSignal(words, text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case c.apiVersion() < 44 && err == nil:
		return errorf(http.StatusInternalServerError, "C%sThe linux daemon does not support signal %d", words[1:], uint64(n)) //nolint:gosec // as engines do
	case c.apiVersion() < 44:
		return badRequest("Invalid signal: %s", text)
	case err == nil:
		return badRequest("%sthe linux daemon does not support signal %s", words, text)
	}
	return badRequest("%sinvalid signal: %s", words, text)
}

func containerPause(c *call) error {
	ct, err := c.container()
	switch {
	case err != nil:
		return err
	case ct.state == docker.ContainerPaused:
		return conflict("Container %s is already paused", ct.id)
	case !ct.running():
		return c.notRunning(ct)
	}
	c.pause(ct)
	return nil
}

func containerUnpause(c *call) error {
	ct, err := c.container()
	switch {
	case err != nil:
		return err
	case ct.state != docker.ContainerPaused:
		return errorf(http.StatusInternalServerError, "Container %s is not paused", ct.id)
	}
	c.unpause(ct)
	return nil
}

func containerRename(c *call) error {
	ct, err := c.container()
	if err != nil {
		return err
	}
	asked := c.param("name")
	switch {
	case asked == "":
		return badRequest("Neither old nor new names may be empty")
	case asked == ct.name || asked == "/"+ct.name:
		return badRequest("Renaming a container with the same name as its current name")
	}
	name, err := c.newName("/" + strings.TrimPrefix(asked, "/"))
	if err != nil {
		return errorf(statusOf(err), "Error when allocating new name: %v", err)
	}
	old := ct.name
	delete(c.containers.names, old)
	ct.name = name
	c.containers.names[name] = ct
	c.emitContainer(ct, "rename", "oldName", "/"+old)
	return nil
}

func containerUpdate(c *call) error {
	ct, err := c.container()
	if err != nil {
		return err
	}
	var asked docker.ContainerUpdateOptions
	if err := c.decode(&asked); err != nil {
		return err
	}
	if policy := asked.RestartPolicy; policy != nil && policy.Name != "" {
		if err := validHost(&docker.HostConfig{RestartPolicy: *policy, AutoRemove: ct.host.AutoRemove}); err != nil {
			return err
		}
		ct.host.RestartPolicy = *policy
	}
	if asked.Memory > 0 && asked.Memory < 6<<20 {
		return badRequest("Minimum memory limit allowed is 6MB")
	}
	updateResources(&ct.host.Resources, &asked.Resources)
	c.emitContainer(ct, "update")
	return c.json(http.StatusOK, docker.ContainerUpdateResult{Warnings: []string{}})
}

// updateResources takes over the limits that were given.
func updateResources(have, asked *docker.Resources) {
	set := func(to *int64, from int64) {
		if from != 0 {
			*to = from
		}
	}
	set(&have.CPUShares, asked.CPUShares)
	set(&have.NanoCPUs, asked.NanoCPUs)
	set(&have.CPUPeriod, asked.CPUPeriod)
	set(&have.CPUQuota, asked.CPUQuota)
	set(&have.CPURealtimePeriod, asked.CPURealtimePeriod)
	set(&have.CPURealtimeRuntime, asked.CPURealtimeRuntime)
	set(&have.Memory, asked.Memory)
	set(&have.MemoryReservation, asked.MemoryReservation)
	set(&have.MemorySwap, asked.MemorySwap)
	if asked.CpusetCpus != "" {
		have.CpusetCpus = asked.CpusetCpus
	}
	if asked.CpusetMems != "" {
		have.CpusetMems = asked.CpusetMems
	}
	if asked.BlkioWeight != 0 {
		have.BlkioWeight = asked.BlkioWeight
	}
	if asked.PidsLimit != nil {
		have.PidsLimit = asked.PidsLimit
	}
}

func containerRemove(c *call) error {
	ct, err := c.container()
	if err != nil {
		return err
	}
	if c.bool("link") {
		return notImplemented("links are left out")
	}
	return c.removeContainer(ct, c.vars["id"], c.bool("force"), c.bool("v"))
}

func containerPrune(c *call) error {
	f, err := c.filters("until", "label", "label!")
	if err != nil {
		return err
	}
	until, err := f.until()
	if err != nil {
		return err
	}
	result := docker.ContainerPruneResult{}
	for _, ct := range c.newest() {
		if ct.running() || ct.state == docker.ContainerRestarting || !until.IsZero() && ct.created.After(until) || !f.labels(ct.config.Labels) {
			continue
		}
		result.SpaceReclaimed += ct.files.changed().size()
		result.ContainersDeleted = append(result.ContainersDeleted, ct.id)
		c.discard(ct, false)
	}
	c.emit(docker.EventContainer, "prune", "", map[string]string{"reclaimed": strconv.FormatInt(result.SpaceReclaimed, 10)})
	return c.json(http.StatusOK, result)
}

// size reads the parameters of a resize.
func (c *call) size() (docker.TTYSize, error) {
	h, err := strconv.Atoi(c.param("h"))
	if err != nil {
		return docker.TTYSize{}, badRequest("invalid resize height %q: invalid syntax", c.param("h"))
	}
	w, err := strconv.Atoi(c.param("w"))
	if err != nil {
		return docker.TTYSize{}, badRequest("invalid resize width %q: invalid syntax", c.param("w"))
	}
	return docker.TTYSize{Height: uint(h), Width: uint(w)}, nil //nolint:gosec // as it was given
}

func containerResize(c *call) error {
	size, err := c.size()
	if err != nil {
		return err
	}
	ct, err := c.container()
	if err != nil {
		return err
	}
	if !ct.running() {
		return c.notRunning(ct)
	}
	ct.tty = size
	ct.main.resize(size)
	c.emitContainer(ct, "resize", "height", c.param("h"), "width", c.param("w"))
	return c.done(http.StatusOK)
}

// errorWords is an error within an answer.
type errorWords struct{ Message string }

// containerWait registers the wait, sends the head, and then waits.
func containerWait(c *call) error {
	condition := docker.WaitCondition(c.param("condition"))
	switch condition {
	case "", docker.WaitNotRunning, docker.WaitNextExit, docker.WaitRemoved:
	default:
		if c.apiVersion() >= 42 {
			return badRequest("invalid condition: %q", condition)
		}
	}
	c.mu.Lock()
	ct, err := c.container()
	if err != nil {
		c.mu.Unlock()
		return err
	}
	exits := ct.exits
	over := func() bool {
		switch condition {
		case docker.WaitNextExit:
			return ct.exits > exits || ct.removed
		case docker.WaitRemoved:
			return ct.removed
		default:
			return !ct.running() && ct.state != docker.ContainerRestarting
		}
	}
	changed := ct.changed.changed()
	c.mu.Unlock()
	w, err := c.stream("application/json")
	if err != nil {
		return err
	}
	c.mu.Lock()
	for !over() {
		if err := c.wait(changed, 0); err != nil {
			c.mu.Unlock()
			return err
		}
		changed = ct.changed.changed()
	}
	code, failure := ct.exitCode, ct.failure
	c.mu.Unlock()
	answer := map[string]any{"StatusCode": code}
	if c.apiVersion() < 42 {
		answer["Error"] = nil
	}
	if failure != "" {
		answer["Error"] = errorWords{failure}
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
