package enginetest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

var commitRoutes = table{"POST /commit": plainHandler(imageCommit)}

// imageCommit makes an image of a container.
func imageCommit(c *call) error {
	ct, err := c.findContainer(c.param("container"))
	if err != nil {
		return err
	}
	var config docker.ImageConfig
	if err := c.optional(&config); err != nil {
		return err
	}
	if b, err := json.Marshal(config); err == nil && string(b) == "{}" {
		config = committed(config, ct.config)
	}
	if err := validRepository(c.param("repo")); err != nil {
		return err
	}
	for _, text := range c.query["changes"] {
		for line := range strings.Lines(text) {
			if err := changeConfig(&config, strings.TrimSpace(line)); err != nil {
				return err
			}
		}
	}
	pause := c.param("pause") == "" || c.bool("pause")
	if pause = pause && ct.state == docker.ContainerRunning; pause {
		c.pause(ct)
	}
	img := &image{
		parent: ct.image.id, config: committed(config, ct.config), created: time.Now(), author: c.param("author"), comment: c.param("comment"),
		run: ct.image.run, programs: ct.image.programs, listens: ct.image.listens, layers: slices.Clone(ct.image.layers), history: slices.Clone(ct.image.history),
	}
	changed := ct.files.changed()
	if len(changed) > 0 {
		img.layers = append(img.layers, changed)
	}
	img.history = append([]docker.ImageHistoryItem{{
		Created: docker.UnixTime{Time: img.created}, CreatedBy: joined(ct.args()), Comment: img.comment, Size: changed.size(),
	}}, img.history...)
	c.storeImage(img)
	if c.apiVersion() >= 44 {
		c.emit(docker.EventImage, "create", img.id, withName(img.config.Labels, img.id))
	}
	ref := ""
	if repo := c.param("repo"); repo != "" {
		if ref = repo; c.param("tag") != "" {
			ref += ":" + c.param("tag")
		}
		ref = withTag(ref)
		c.images.tags[ref], img.tagged = img.id, time.Now()
		c.emit(docker.EventImage, "tag", img.id, withName(img.config.Labels, ref))
	}
	c.emitContainer(ct, "commit", "comment", img.comment, "imageID", img.id, "imageRef", ref)
	if pause {
		c.unpause(ct)
	}
	return c.json(http.StatusCreated, map[string]string{"Id": img.id})
}

// withName is the attributes of an image's event.
func withName(labels map[string]string, name string) map[string]string {
	return mergeMaps(labels, map[string]string{"name": name})
}

// validRepository refuses what cannot be a repository's name.
func validRepository(name string) error {
	if name != strings.ToLower(name) {
		return badRequest("invalid reference format: repository name (library/%s) must be lowercase", name)
	}
	if strings.ContainsAny(name, " \t\n\"'\\") {
		return badRequest("invalid reference format")
	}
	return nil
}

// committed is a configuration with what the container's has besides.
func committed(config docker.ImageConfig, of docker.ContainerConfig) docker.ImageConfig {
	from := docker.ImageConfig{
		User: of.User, ExposedPorts: of.ExposedPorts, Env: of.Env, Cmd: of.Cmd, Healthcheck: of.Healthcheck, Volumes: of.Volumes,
		WorkingDir: of.WorkingDir, Entrypoint: of.Entrypoint, OnBuild: of.OnBuild, Labels: of.Labels, StopSignal: of.StopSignal, Shell: of.Shell,
	}
	merged := container{config: docker.ContainerConfig{
		User: config.User, ExposedPorts: config.ExposedPorts, Env: config.Env, Cmd: config.Cmd, Healthcheck: config.Healthcheck,
		Volumes: config.Volumes, WorkingDir: config.WorkingDir, Entrypoint: config.Entrypoint, Labels: config.Labels, StopSignal: config.StopSignal,
		Shell: config.Shell,
	}}
	merged.inherit(&image{config: from})
	m := merged.config
	config.User, config.ExposedPorts, config.Env, config.Cmd, config.Healthcheck = m.User, m.ExposedPorts, m.Env, m.Cmd, m.Healthcheck
	config.Volumes, config.WorkingDir, config.Entrypoint, config.Labels = m.Volumes, m.WorkingDir, m.Entrypoint, m.Labels
	config.StopSignal, config.Shell = m.StopSignal, m.Shell
	return config
}

// changeConfig applies an instruction of a Dockerfile that changes a configuration alone.
func changeConfig(config *docker.ImageConfig, line string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToUpper(name) {
	case "CMD":
		config.Cmd = commandOf(config, rest)
	case "ENTRYPOINT":
		config.Entrypoint = commandOf(config, rest)
	case "ENV":
		for _, pair := range pairsOf(rest) {
			config.Env = mergeEnv(config.Env, []string{pair[0] + "=" + pair[1]})
		}
	case "LABEL":
		for _, pair := range pairsOf(rest) {
			config.Labels = mergeMaps(config.Labels, map[string]string{pair[0]: pair[1]})
		}
	case "EXPOSE":
		for port := range strings.FieldsSeq(rest) {
			if !strings.Contains(port, "/") {
				port += "/tcp"
			}
			config.ExposedPorts = mergeMaps(config.ExposedPorts, map[docker.Port]struct{}{docker.Port(port): {}})
		}
	case "VOLUME":
		for _, at := range listOf(rest) {
			config.Volumes = mergeMaps(config.Volumes, map[string]struct{}{at: {}})
		}
	case "USER":
		config.User = rest
	case "WORKDIR":
		if !strings.HasPrefix(rest, "/") {
			rest = strings.TrimSuffix(config.WorkingDir, "/") + "/" + rest
		}
		config.WorkingDir = rest
	case "STOPSIGNAL":
		config.StopSignal = rest
	case "SHELL":
		config.Shell = listOf(rest)
	case "ONBUILD":
		config.OnBuild = append(config.OnBuild, rest)
	case "HEALTHCHECK":
		return healthOf(config, rest)
	default:
		return badRequest("%s is not a valid change command", name)
	}
	return nil
}

// listOf reads a JSON list, or words.
func listOf(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil {
		return list
	}
	return strings.Fields(text)
}

// commandOf reads a command: a JSON list, or the text for a shell.
func commandOf(config *docker.ImageConfig, text string) docker.Command {
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil {
		return list
	}
	shell := []string(config.Shell)
	if len(shell) == 0 {
		shell = []string{"/bin/sh", "-c"}
	}
	return append(slices.Clone(shell), text)
}

// pairsOf reads NAME=value pairs with quotations, or one pair with a space between.
func pairsOf(text string) [][2]string {
	if name, value, ok := strings.Cut(text, " "); ok && !strings.Contains(name, "=") {
		return [][2]string{{name, strings.TrimSpace(value)}}
	}
	var pairs [][2]string
	p := &parser{text: text}
	for {
		w, ok := p.word()
		if !ok {
			return pairs
		}
		whole := ""
		for _, piece := range w {
			if piece.kind == '$' {
				whole += "$"
			}
			whole += piece.text
		}
		name, value, _ := strings.Cut(whole, "=")
		pairs = append(pairs, [2]string{name, value})
	}
}

// healthOf reads a HEALTHCHECK.
func healthOf(config *docker.ImageConfig, text string) error {
	if strings.EqualFold(text, "NONE") {
		config.Healthcheck = &docker.HealthConfig{Test: []string{"NONE"}}
		return nil
	}
	check := &docker.HealthConfig{}
	times := map[string]*time.Duration{
		"--interval": &check.Interval, "--timeout": &check.Timeout, "--start-period": &check.StartPeriod, "--start-interval": &check.StartInterval,
	}
	for strings.HasPrefix(text, "--") {
		option, rest, _ := strings.Cut(text, " ")
		name, value, _ := strings.Cut(option, "=")
		var err error
		if at := times[name]; at != nil {
			*at, err = time.ParseDuration(value)
		} else if name == "--retries" {
			check.Retries, err = strconv.Atoi(value)
		}
		if err != nil {
			return badRequest("%v", err)
		}
		text = strings.TrimSpace(rest)
	}
	kind, command, _ := strings.Cut(text, " ")
	if !strings.EqualFold(kind, "CMD") {
		return badRequest("Unknown type %q in HEALTHCHECK (try CMD)", kind)
	}
	var list []string
	if json.Unmarshal([]byte(command), &list) == nil {
		check.Test = append([]string{"CMD"}, list...)
	} else {
		check.Test = []string{"CMD-SHELL", strings.TrimSpace(command)}
	}
	config.Healthcheck = check
	return nil
}
