package enginetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

var buildRoutes = table{
	"POST /build":       streamHandler(imageBuild),
	"POST /build/prune": plainHandler(buildPrune),
}

// build is a build of the classic builder. Every build runs all its steps: there is no
// cache.
type build struct {
	call    *call
	out     *progress
	context *Files
	args    map[string]string // that the client gave
	stages  []*stage
	globals map[string]string // of the ARGs before the first FROM
}

// stage is what one FROM begins.
type stage struct {
	name  string
	img   *image // what it makes
	files *Files
	vars  map[string]string // of its ARGs
}

func imageBuild(c *call) error {
	if c.param("version") == "2" {
		return notImplemented("builds with BuildKit are left out: the classic builder is there")
	}
	if c.param("remote") != "" {
		return notImplemented("builds of a remote context are left out")
	}
	files, err := readTar(c.r.Body)
	if err != nil {
		return errorf(http.StatusInternalServerError, "Error processing tar file: %v", err)
	}
	b := &build{call: c, out: c.progress(), context: newFiles(files), args: map[string]string{}, globals: map[string]string{}}
	if text := c.param("buildargs"); text != "" {
		if err := json.Unmarshal([]byte(text), &b.args); err != nil {
			return badRequest("error reading build args: %v", err)
		}
	}
	name := c.param("dockerfile")
	if name == "" {
		name = "Dockerfile"
	}
	text, err := b.context.ReadFile(name)
	if err != nil {
		return errorf(http.StatusInternalServerError, "Cannot locate specified Dockerfile: %s", name)
	}
	steps, err := instructions(string(text))
	if err != nil {
		return err
	}
	return b.out.fail(b.run(steps))
}

// instructions are the lines of a Dockerfile, those that continue made one.
func instructions(text string) ([]string, error) {
	var steps []string
	now := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, more := strings.CutSuffix(line, "\\"); more {
			now += rest
			continue
		}
		steps = append(steps, now+line)
		now = ""
	}
	if len(steps) == 0 {
		return nil, badRequest("the Dockerfile (Dockerfile) cannot be empty")
	}
	return steps, nil
}

func (b *build) say(format string, args ...any) error {
	return b.out.send(message{Stream: fmt.Sprintf(format, args...)})
}

func (b *build) run(steps []string) error {
	for i, step := range steps {
		if err := b.say("Step %d/%d : %s\n", i+1, len(steps), step); err != nil {
			return err
		}
		name, rest, _ := strings.Cut(step, " ")
		done, err := b.step(strings.ToUpper(name), strings.TrimSpace(rest))
		if err != nil {
			return err
		}
		if done {
			break
		}
	}
	if len(b.stages) == 0 {
		return badRequest("no build stage in current context")
	}
	return b.finish()
}

// step runs an instruction. It tells whether the stage that was asked for is done.
func (b *build) step(name, rest string) (done bool, err error) {
	if name == "FROM" {
		if target := b.call.param("target"); target != "" && len(b.stages) > 0 && b.stages[len(b.stages)-1].name == target {
			return true, nil
		}
		return false, b.from(strings.Fields(b.expanded(rest, b.globals)))
	}
	if name == "ARG" {
		return false, b.arg(rest)
	}
	if len(b.stages) == 0 {
		return false, badRequest("no build stage in current context")
	}
	s := b.stages[len(b.stages)-1]
	switch name {
	case "RUN":
		err = b.exec(s, commandOf(&s.img.config, rest))
	case "COPY", "ADD":
		err = b.copy(s, listOf(b.expanded(rest, s.known())))
	case "MAINTAINER":
		s.img.author = rest
	case "CMD", "ENTRYPOINT", "SHELL", "ONBUILD", "HEALTHCHECK":
		err = changeConfig(&s.img.config, name+" "+rest)
	default:
		if err = changeConfig(&s.img.config, name+" "+b.expanded(rest, s.known())); err != nil {
			err = badRequest("dockerfile parse error: unknown instruction: %s", name)
		}
	}
	if err == nil {
		changed := s.files.changed()
		s.img.history = append([]docker.ImageHistoryItem{{
			Created: docker.UnixTime{Time: time.Now()}, CreatedBy: "/bin/sh -c #(nop) " + name + " " + rest, Size: changed.size(),
		}}, s.img.history...)
	}
	return false, err
}

// known are the variables that an instruction may use.
func (s *stage) known() map[string]string {
	known := maps.Clone(s.vars)
	for _, entry := range s.img.config.Env {
		name, value, _ := strings.Cut(entry, "=")
		known[name] = value
	}
	return known
}

// expanded replaces $NAME and ${NAME:-word}.
func (b *build) expanded(text string, known map[string]string) string {
	sh := &shell{env: maps.Clone(known)}
	var out strings.Builder
	for {
		at := strings.IndexByte(text, '$')
		if at < 0 || at+1 == len(text) {
			return out.String() + text
		}
		out.WriteString(text[:at])
		p := &parser{text: text, at: at}
		if next := text[at+1]; next == '{' || nameByte(next) && (next < '0' || next > '9') {
			out.WriteString(sh.variable(p.dollar(false).text))
		} else {
			out.WriteByte('$')
			p.at = at + 1
		}
		text = text[p.at:]
	}
}

func (b *build) arg(text string) error {
	name, value, _ := strings.Cut(text, "=")
	value = strings.Trim(value, `"'`)
	known := b.globals
	if len(b.stages) > 0 {
		known = b.stages[len(b.stages)-1].vars
		if global, ok := b.globals[name]; ok && value == "" {
			value = global
		}
	}
	if given, ok := b.args[name]; ok {
		value = given
	}
	known[name] = value
	return nil
}

func (b *build) from(words []string) error {
	if len(words) == 0 {
		return badRequest("FROM requires either one or three arguments")
	}
	c, s := b.call, &stage{vars: make(map[string]string)}
	if len(words) == 3 {
		s.name = words[2]
	}
	base := &image{}
	if earlier := b.stage(words[0]); earlier != nil {
		base = earlier.sealed()
	} else if words[0] != "scratch" {
		c.mu.Lock()
		found, err := c.findImage(words[0])
		if err != nil {
			host, name := split(words[0])
			if found = c.registry.images[host+"/"+name]; found != nil {
				c.storeImage(found)
				c.images.tags[withTag(words[0])], err = found.id, nil
			}
		}
		c.mu.Unlock()
		if err != nil {
			return notFound("pull access denied for %s, repository does not exist or may require 'docker login'", words[0])
		}
		base = found
	}
	made := *base
	made.id, made.parent, made.digests = "", base.id, nil
	made.config = committed(docker.ImageConfig{}, docker.ContainerConfig{
		User: base.config.User, ExposedPorts: base.config.ExposedPorts, Env: base.config.Env, Cmd: base.config.Cmd, Healthcheck: base.config.Healthcheck,
		Volumes: base.config.Volumes, WorkingDir: base.config.WorkingDir, Entrypoint: base.config.Entrypoint, Labels: base.config.Labels,
		StopSignal: base.config.StopSignal, Shell: base.config.Shell,
	})
	made.layers, made.history = slices.Clone(base.layers), slices.Clone(base.history)
	s.img, s.files = &made, newFiles(base.layers...)
	b.stages = append(b.stages, s)
	return b.say(" ---> %s\n", short(base.id))
}

// stage finds a stage by its name or number.
func (b *build) stage(name string) *stage {
	for i, s := range b.stages {
		if s.name == name && name != "" || fmt.Sprint(i) == name {
			return s
		}
	}
	return nil
}

// sealed is what a stage makes, with its files as a layer.
func (s *stage) sealed() *image {
	img := *s.img
	if changed := s.files.changed(); len(changed) > 0 {
		img.layers = append(slices.Clone(img.layers), changed)
	}
	return &img
}

// exec runs a command in the files of a stage, with a program of its image.
func (b *build) exec(s *stage, args []string) error {
	c := b.call
	ct := &container{
		id: newID(), image: s.img, files: s.files, log: &containerLog{}, name: "build",
		config: docker.ContainerConfig{Hostname: "buildkitsandbox", Env: s.img.config.Env},
	}
	program, err := ct.program(args)
	if err != nil {
		return err
	}
	if dir := s.img.config.WorkingDir; dir != "" {
		s.files.MkdirAll(dir, 0o755) //nolint:errcheck // the program will see
	}
	env := slices.Clone(s.img.config.Env)
	for name, value := range s.vars {
		env = mergeEnv([]string{name + "=" + value}, env)
	}
	c.mu.Lock()
	p := c.newProcess(newStreamSet(nil, false, false), docker.TTYSize{})
	p.listens = s.img.listens
	about := c.process(ct, args, env, s.img.config.WorkingDir, s.img.config.User, p)
	c.mu.Unlock()
	defer p.cancel()
	about.Stdout, about.Stderr = buildOutput{b}, buildOutput{b}
	if code := p.run(program, about); code != 0 {
		return &buildFailure{code, fmt.Sprintf("The command '%s' returned a non-zero code: %d", strings.Join(args, " "), code)}
	}
	return nil
}

// buildFailure is the failure of a RUN.
type buildFailure struct {
	code int
	text string
}

func (f *buildFailure) Error() string { return f.text }

// buildOutput tells of what a RUN writes.
type buildOutput struct{ b *build }

func (o buildOutput) Write(p []byte) (int, error) { return len(p), o.b.say("%s", p) }

// copy copies from the context, or from another stage or image.
func (b *build) copy(s *stage, words []string) error {
	from := b.context
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		if name, ok := strings.CutPrefix(words[0], "--from="); ok {
			if earlier := b.stage(name); earlier != nil {
				from = earlier.files
			} else {
				b.call.mu.Lock()
				img, err := b.call.findImage(name)
				b.call.mu.Unlock()
				if err != nil {
					return err
				}
				from = newFiles(img.layers...)
			}
		}
		words = words[1:]
	}
	if len(words) < 2 {
		return badRequest("COPY requires at least two arguments")
	}
	to := words[len(words)-1]
	if !strings.HasPrefix(to, "/") {
		to = path.Join("/", s.img.config.WorkingDir, to) + to[len(strings.TrimRight(to, "/")):]
	}
	for _, name := range words[:len(words)-1] {
		if err := b.copyOne(s, from, name, to, len(words) > 2); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) copyOne(s *stage, from *Files, name, to string, many bool) error {
	at, n, err := from.get(name)
	if err != nil {
		return notFound("COPY failed: file not found in build context or excluded by .dockerignore: stat %s: file does not exist", name)
	}
	if !n.mode.IsDir() && (many || strings.HasSuffix(to, "/") || s.isDir(to)) {
		to = path.Join(to, path.Base("/"+name))
	}
	if err := s.files.MkdirAll(path.Dir(path.Clean(to)), 0o755); err != nil {
		return err
	}
	return from.walk(at, func(file string, n *node) error {
		target := key(to + strings.TrimPrefix(file, at))
		if at == "" {
			target = key(to + "/" + file)
		}
		if !n.mode.IsDir() {
			s.files.put(target, n)
			return nil
		}
		return s.files.MkdirAll(target, n.mode.Perm())
	})
}

func (s *stage) isDir(name string) bool {
	info, err := s.files.Stat(name)
	return err == nil && info.IsDir()
}

// finish stores what the last stage has made.
func (b *build) finish() error {
	c := b.call
	img := b.stages[len(b.stages)-1].sealed()
	if text := c.param("labels"); text != "" {
		labels := map[string]string{}
		if err := json.Unmarshal([]byte(text), &labels); err != nil {
			return badRequest("error reading labels: %v", err)
		}
		img.config.Labels = mergeMaps(img.config.Labels, labels)
	}
	img.created = time.Now()
	c.mu.Lock()
	c.storeImage(img)
	var tags []string
	for _, tag := range c.query["t"] {
		tags = append(tags, c.tagImage(img, tag, ""))
	}
	c.mu.Unlock()
	if err := b.out.send(message{Aux: map[string]string{"ID": img.id}}); err != nil {
		return err
	}
	if c.bool("q") {
		return b.say("%s\n", img.id)
	}
	if err := b.say("Successfully built %s\n", short(img.id)); err != nil {
		return err
	}
	for _, tag := range tags {
		if err := b.say("Successfully tagged %s\n", tag); err != nil {
			return err
		}
	}
	return nil
}

func buildPrune(c *call) error {
	return c.json(http.StatusOK, map[string]any{"CachesDeleted": nil, "SpaceReclaimed": 0})
}
