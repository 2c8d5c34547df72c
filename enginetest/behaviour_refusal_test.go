package enginetest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
)

// raw makes a call of its own, and notes the status and the words of the answer.
func (b *trial) raw(method, path string, body any, query ...string) {
	b.Helper()
	opts := &docker.DoOptions{JSON: body, Query: url.Values{}}
	for i := 0; i < len(query); i += 2 {
		opts.Query.Add(query[i], query[i+1])
	}
	what := method + " " + path + " " + opts.Query.Encode()
	resp, err := b.Do(b.ctx, method, path, opts)
	if err != nil {
		b.err(what, err)
		return
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(b, err)
	b.note("%s: %d %s", what, resp.StatusCode, resp.Header.Get("Content-Type"))
}

var refusalBehaviours = []behaviour{
	{"a missing container", 0, func(b *trial) {
		for _, path := range []string{"start", "stop", "restart", "kill", "pause", "unpause", "wait", "update", "exec", "attach"} {
			var body any
			if path == "update" || path == "exec" {
				body = map[string]any{"Cmd": []string{"true"}}
			}
			b.raw(http.MethodPost, "/containers/no-such-one/"+path, body)
		}
		for _, path := range []string{"json", "top", "changes", "export", "stats"} {
			b.raw(http.MethodGet, "/containers/no-such-one/"+path, nil)
		}
		b.raw(http.MethodGet, "/containers/no-such-one/logs", nil, "stdout", "1")
		b.raw(http.MethodGet, "/containers/no-such-one/archive", nil, "path", "/")
		b.raw(http.MethodPost, "/containers/no-such-one/rename", nil, "name", "other")
		b.raw(http.MethodPost, "/containers/no-such-one/resize", nil, "h", "1", "w", "1")
		b.raw(http.MethodDelete, "/containers/no-such-one", nil)
	}},
	{"one that does not run", 0, func(b *trial) {
		id := b.ended("a", "true")
		b.err("kill", b.ContainerKill(b.ctx, id, nil))
		b.err("stop", b.ContainerStop(b.ctx, id, nil))
		b.err("pause", b.ContainerPause(b.ctx, id))
		b.err("unpause", b.ContainerUnpause(b.ctx, id))
		_, err := b.ContainerTop(b.ctx, id, nil)
		b.err("top", err)
		b.err("resize", b.ContainerResize(b.ctx, id, docker.TTYSize{Height: 1, Width: 1}))
		_, err = b.ExecCreate(b.ctx, id, []string{"true"}, nil)
		b.err("exec", err)
	}},
	{"create", 0, func(b *trial) {
		b.create("a", "true")
		_, err := b.tryCreate("a", func(*docker.ContainerCreateOptions) {}, "true")
		b.err("taken", err)
		_, err = b.tryCreate("", func(o *docker.ContainerCreateOptions) { o.Name = "no name" }, "true")
		b.err("name", err)
		_, err = b.tryCreate("", func(o *docker.ContainerCreateOptions) { o.Name = "x" }, "true")
		b.err("short name", err)
		_, err = b.ContainerCreate(b.ctx, "no-such-image", nil)
		b.err("image", err)
		_, err = b.ContainerCreate(b.ctx, "no-such-image:1", nil)
		b.err("tag", err)
		_, err = b.tryCreate("", func(o *docker.ContainerCreateOptions) {
			o.HostConfig.AutoRemove, o.HostConfig.RestartPolicy.Name = true, docker.RestartAlways
		}, "true")
		b.err("policy", err)
		_, err = b.tryCreate("", func(o *docker.ContainerCreateOptions) { o.HostConfig.Memory = 1 << 20 }, "true")
		b.err("memory", err)
	}},
	{"bad signals", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		for _, name := range []string{"NOPE", "99", "-1"} {
			b.err(name, b.ContainerKill(b.ctx, id, signal(name)))
		}
		b.state(id)
	}},
	{"bad parameters", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.raw(http.MethodGet, "/containers/json", nil, "limit", "x")
		b.raw(http.MethodGet, "/containers/json", nil, "filters", `{"nope":["x"]}`)
		b.raw(http.MethodGet, "/containers/"+id+"/logs", nil)
		b.raw(http.MethodPost, "/containers/"+id+"/rename", nil, "name", "")
		b.raw(http.MethodPost, "/containers/"+id+"/exec", map[string]any{"Cmd": []string{}})
		b.raw(http.MethodGet, "/containers/"+id+"/archive", nil, "path", "")
		b.raw(http.MethodGet, "/containers/"+id+"/top", nil, "ps_args", "-o comm")
	}},
	{"unknown paths", 0, func(b *trial) {
		b.raw(http.MethodGet, "/nope", nil)
		b.raw(http.MethodPost, "/version", nil)
		b.raw(http.MethodGet, "/containers/a/attach", nil)
		b.raw(http.MethodDelete, "/containers/json/x", nil)
	}},
	{"unknown execs", 0, func(b *trial) {
		b.raw(http.MethodGet, "/exec/no-such-one/json", nil)
		b.raw(http.MethodPost, "/exec/no-such-one/start", map[string]any{})
		b.raw(http.MethodPost, "/exec/no-such-one/resize", nil, "h", "1", "w", "1")
	}},
	{"prefixes of an identifier", 0, func(b *trial) {
		id := b.create("a", "true")
		for _, ref := range []string{id, id[:12], id[:20], "a-" + b.mark, "/a-" + b.mark} {
			ct, err := b.ContainerInspect(b.ctx, ref, nil)
			if err != nil {
				b.err("inspect", err)
				continue
			}
			b.note("%t %s", ct.ID == id, ct.Name)
		}
		b.show(id[:11]+"zz", "<no prefix>")
		_, err := b.ContainerInspect(b.ctx, id[:11]+"zz", nil)
		b.err("no prefix", err)
	}},
	{"lists", 0, func(b *trial) {
		b.ended("a", "sh", "-c", "exit 3")
		b.create("b", "true")
		b.running("c", "sleep", "100")
		b.list("running", docker.ContainerListOptions{})
		b.list("all", docker.ContainerListOptions{All: true})
		b.list("limit", docker.ContainerListOptions{Limit: 2})
		for _, f := range []string{
			"status=exited", "status=created", "status=running", "status=nope", "exited=3", "exited=0", "exited=x", "name=a-", "name=^b-", "name=^/c-",
			"name=nope", "ancestor=busybox:local", "ancestor=no-such-image", "network=none", "health=none", "health=nope", "is-task=true", "is-task=false",
			"is-task=x", "before=b-" + b.mark, "since=b-" + b.mark, "before=no-such-one", "label=" + markKey, "label=nope", "volume=nope", "publish=80", "expose=80",
		} {
			key, value, _ := strings.Cut(f, "=")
			b.list(f, docker.ContainerListOptions{All: true, Filters: docker.Filters{key: {value}}})
		}
	}},
	{"what a list tells", 0, func(b *trial) {
		b.running("a", "sh", "-c", "sleep 100; echo 'it is over'")
		found, err := b.ContainerList(b.ctx, &docker.ContainerListOptions{Filters: docker.Filters{"label": {markKey + "=" + b.mark}}})
		require.NoError(b, err)
		require.Len(b, found, 1)
		s := found[0]
		b.note("%s %s %q %s %s ports=%d mounts=%d networks=%d", s.Names, s.Image, s.Command, s.State, s.HostConfig.NetworkMode, len(s.Ports), len(s.Mounts),
			len(s.NetworkSettings.Networks))
	}},
	{"what an inspect tells", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) {
			o.Config.Env, o.Config.WorkingDir, o.Config.User = []string{"A=1", "B"}, "/tmp", "nobody"
			o.Config.Entrypoint = docker.Command{"sh", "-c"}
			o.Config.ExposedPorts = map[docker.Port]struct{}{"80/tcp": {}}
		}, "true")
		ct, err := b.ContainerInspect(b.ctx, id, nil)
		require.NoError(b, err)
		c, h := ct.Config, ct.HostConfig
		b.note("%s %s %v %v %v %s %s %v", ct.Name, ct.Path, ct.Args, c.Env, c.Cmd, c.WorkingDir, c.User, c.Entrypoint)
		b.note("%v %s %s %t %s", c.ExposedPorts, h.RestartPolicy.Name, h.NetworkMode, c.Hostname == id[:12], c.Image)
		b.note("%s %s %d %s %s", h.LogConfig.Type, h.IpcMode, h.ShmSize, h.Runtime, ct.Platform)
	}},
	{"the default command", 0, func(b *trial) {
		id := b.create("a")
		ct, err := b.ContainerInspect(b.ctx, id, nil)
		require.NoError(b, err)
		b.note("%s %v %v %v", ct.Path, ct.Args, ct.Config.Cmd, ct.Config.Entrypoint)
		b.start(id)
		b.note("code %d", b.wait(id))
	}},
}
