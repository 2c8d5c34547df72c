package docker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// buildKits runs a test on every engine that has BuildKit.
func buildKits(t *testing.T, test func(t *testing.T, c *Client)) {
	t.Helper()
	engines(t, func(t *testing.T, c *Client) {
		facts, err := c.Facts(engineContext(t))
		require.NoError(t, err)
		if facts.OSType == "" {
			t.Skip("an engine without BuildKit")
		}
		test(t, c)
	})
}

// solved builds a Dockerfile of the base image with BuildKit.
func solved(t *testing.T, c *Client, steps string, opts *ImageBuildOptions) (*ImageBuildResult, error) {
	t.Helper()
	return built(t, c, BuilderBuildKit, BuildFS(tree("Dockerfile", "FROM "+baseImage+"\n"+steps)), opts)
}

// outputOf is what a step writes to /out.
func outputOf(t *testing.T, c *Client, steps string, opts *ImageBuildOptions) string {
	t.Helper()
	o, dir := value(opts), t.TempDir()
	o.Exports = []BuildExport{ExportDir(dir)}
	_, err := built(t, c, BuilderBuildKit, BuildFS(tree("Dockerfile", "FROM "+baseImage+" AS run\n"+steps+"\nFROM scratch\nCOPY --from=run /out /out\n")), &o)
	require.NoError(t, err)
	out, err := os.ReadFile(filepath.Join(dir, "out"))
	require.NoError(t, err)
	return string(out)
}

func hasContainerdStore(t *testing.T, c *Client) bool {
	t.Helper()
	info, err := c.Info(engineContext(t), nil)
	require.NoError(t, err)
	return slices.Contains(info.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"})
}

func TestEngineBuildChosen(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		facts, err := c.Facts(engineContext(t))
		require.NoError(t, err)
		var seen record
		_, err = built(t, c, "", BuildFS(tree("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")), &ImageBuildOptions{Progress: seen.see})
		require.NoError(t, err)
		kit := strings.HasPrefix(seen.steps[0].ID, "sha256:")
		require.Equal(t, facts.OSType == "linux", kit)
	})
}

func TestEngineBuildSecrets(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		file := filepath.Join(t.TempDir(), "secret")
		require.NoError(t, os.WriteFile(file, []byte("from a file"), 0o600))
		t.Setenv("CLEAT_TEST_SECRET", "from the environment")
		all := map[string]BuildSecret{
			"bytes": BuildSecretBytes([]byte("with\x00NUL")), "file": BuildSecretFile(file), "env": BuildSecretEnv("CLEAT_TEST_SECRET"),
			"func": func(context.Context) ([]byte, error) { return []byte("from a function"), nil },
		}
		var mounts strings.Builder
		for _, id := range slices.Sorted(maps.Keys(all)) {
			mounts.WriteString("--mount=type=secret,id=" + id + " ")
		}
		out := outputOf(t, c, "RUN "+mounts.String()+"--mount=type=secret,id=none cd /run/secrets; cat bytes env file func >/out; test ! -e none", &ImageBuildOptions{Secrets: all, NoCache: true})
		require.Equal(t, "with\x00NULfrom the environmentfrom a filefrom a function", out)

		_, err := solved(t, c, "RUN --mount=type=secret,id=none,required=true true\n", nil)
		require.ErrorIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "none")

		failure := errors.New("the vault is closed")
		_, err = solved(t, c, "RUN --mount=type=secret,id=f,required=true true\n", &ImageBuildOptions{NoCache: true, Secrets: map[string]BuildSecret{
			"f": func(context.Context) ([]byte, error) { return nil, failure },
		}})
		require.ErrorIs(t, err, failure)
	})
}

func TestEngineBuildSSH(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		key, socket := sshAgent(t)
		client := filepath.Join(t.TempDir(), "client")
		compile := exec.Command("go", "build", "-ldflags=-s -w", "-o", client, "./internal/buildkit/testdata/agentclient")
		compile.Env = append(os.Environ(), "CGO_ENABLED=0")
		output, err := compile.CombinedOutput()
		require.NoError(t, err, "%s", output)
		program, err := os.ReadFile(client)
		require.NoError(t, err)
		text, err := os.ReadFile(key)
		require.NoError(t, err)
		ours, err := BuildSSHKeys(text)
		require.NoError(t, err)

		fsys := tree("Dockerfile", "FROM "+baseImage+" AS run\nCOPY client /client\n"+
			"RUN --mount=type=ssh /client > /real\nRUN --mount=type=ssh,id=ours /client > /ours\nFROM scratch\nCOPY --from=run /real /ours /\n")
		fsys["client"] = &fstest.MapFile{Data: program, Mode: 0o755}
		dir := t.TempDir()
		_, err = built(t, c, BuilderBuildKit, BuildFS(fsys), &ImageBuildOptions{
			NoCache: true, SSH: map[string]BuildAgent{"default": BuildSSHAgent(socket), "ours": ours}, Exports: []BuildExport{ExportDir(dir)},
		})
		require.NoError(t, err)
		fromReal, err := os.ReadFile(filepath.Join(dir, "real"))
		require.NoError(t, err)
		fromOurs, err := os.ReadFile(filepath.Join(dir, "ours"))
		require.NoError(t, err)
		require.Regexp(t, `^test-key [0-9a-f]+ [0-9a-f]+\n`, string(fromReal))
		require.Equal(t, string(fromReal), string(fromOurs)) // ed25519 signs the same each time
	})
}

// sshAgent starts an agent with a new key.
func sshAgent(t *testing.T) (key, socket string) {
	t.Helper()
	for _, program := range []string{"ssh-agent", "ssh-add", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("no " + program + " here")
		}
	}
	dir := t.TempDir()
	key, socket = filepath.Join(dir, "key"), filepath.Join(dir, "s")
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test-key", "-f", key).CombinedOutput()
	require.NoError(t, err, "%s", out)
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	require.NoError(t, agent.Start())
	t.Cleanup(func() { agent.Process.Kill(); agent.Wait() }) //nolint:errcheck // it was killed
	poll(t, "the agent listens", func() bool { _, err := os.Stat(socket); return err == nil })
	add := exec.Command("ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	out, err = add.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return key, socket
}

func TestEngineBuildCacheMount(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		id := unique("mount")
		step := "ARG V\nRUN --mount=type=cache,id=" + id + ",target=/c echo $V >> /c/n; cat /c/n > /out"
		require.Equal(t, "1\n", outputOf(t, c, step, &ImageBuildOptions{Args: map[string]string{"V": "1"}}))
		require.Equal(t, "1\n2\n", outputOf(t, c, step, &ImageBuildOptions{Args: map[string]string{"V": "2"}}))
	})
}

func TestEngineBuildExports(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		source := BuildFS(tree("Dockerfile", "FROM "+baseImage+" AS b\nRUN mkdir -p /o/d; echo 1 >/o/d/f; chmod 0750 /o/d/f; ln -s d/f /o/l; ln -s /etc/passwd /o/p\nFROM scratch\nCOPY --from=b /o /\n"))
		dir := filepath.Join(t.TempDir(), "made", "here")
		result, err := built(t, c, BuilderBuildKit, source, &ImageBuildOptions{Exports: []BuildExport{ExportDir(dir)}})
		require.NoError(t, err)
		require.Empty(t, result.ID)
		text, err := os.ReadFile(filepath.Join(dir, "l"))
		require.NoError(t, err)
		require.Equal(t, "1\n", string(text))
		info, err := os.Stat(filepath.Join(dir, "d/f"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o750), info.Mode())

		var archive bytes.Buffer
		_, err = built(t, c, BuilderBuildKit, source, &ImageBuildOptions{Exports: []BuildExport{ExportTar(&archive)}})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"d": "/", "d/f": "1\n", "l": "-> d/f", "p": "-> /etc/passwd"}, tarContent(t, &archive))

		failure := errors.New("the disk is full")
		_, err = built(t, c, BuilderBuildKit, source, &ImageBuildOptions{Exports: []BuildExport{ExportTar(failingWriter{failure})}})
		require.ErrorIs(t, err, failure)
	})
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// What needs the containerd image store is refused without it, before anything is built.
func TestEngineBuildContainerdStore(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		source := BuildFS(tree("Dockerfile", "FROM scratch\nCOPY Dockerfile /f\n"))
		if !hasContainerdStore(t, c) {
			for _, o := range []*ImageBuildOptions{
				{Exports: []BuildExport{ExportOCI(io.Discard)}},
				{Exports: []BuildExport{ExportDocker(io.Discard)}},
				{Platforms: []string{"linux/amd64", "linux/arm64"}},
				{CacheTo: []BuildCacheEntry{CacheRegistry("127.0.0.1:5000/x")}},
				{Attestations: map[string]string{"provenance": "mode=max"}},
			} {
				var seen record
				o.Progress = seen.see
				_, err := built(t, c, BuilderBuildKit, source, o)
				errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
				require.Empty(t, seen.steps)
			}
			return
		}
		name := unique("oci")
		var oci, image bytes.Buffer
		_, err := built(t, c, BuilderBuildKit, source, &ImageBuildOptions{Exports: []BuildExport{ExportOCI(&oci)}, Tags: []string{name}})
		require.NoError(t, err)
		content := tarContent(t, &oci)
		require.Contains(t, content, "oci-layout")
		require.Contains(t, content["index.json"], name)

		_, err = built(t, c, BuilderBuildKit, source, &ImageBuildOptions{Exports: []BuildExport{ExportDocker(&image), ExportDir(t.TempDir())}, Tags: []string{name}})
		require.NoError(t, err)
		loaded, err := c.ImageLoad(engineContext(t), &image, nil)
		require.NoError(t, err)
		require.Equal(t, []string{name + ":latest"}, loaded)

		result, err := built(t, c, BuilderBuildKit, source, &ImageBuildOptions{Platforms: []string{"linux/amd64", "linux/arm64"}, Attestations: map[string]string{"provenance": "mode=max"}})
		require.NoError(t, err)
		require.NotEmpty(t, result.Digest, "%+v", result)
	})
}

// What older engines ignore without a word is refused.
func TestEngineBuildOldEngine(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		for option, o := range map[string]*ImageBuildOptions{
			"ShmSize":  {ShmSize: 1 << 20},
			"Ulimits":  {Ulimits: []Ulimit{{Name: "nofile", Soft: 100, Hard: 200}}},
			"Contexts": {Contexts: map[string]BuildSource{"more": BuildFS(tree("f", "named"))}},
		} {
			const step = "RUN ulimit -Sn > /out; ulimit -Hn >> /out; df -k /dev/shm | tail -1 >> /out"
			o.NoCache = true
			if !atLeast(t, c, 42) {
				_, err := solved(t, c, step, o)
				errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
				require.ErrorContains(t, err, option)
				continue
			}
			switch option {
			case "ShmSize":
				require.Regexp(t, `\s1024\s`, outputOf(t, c, step, o))
			case "Ulimits":
				require.Regexp(t, `^100\n200\n`, outputOf(t, c, step, o))
			case "Contexts":
				require.Equal(t, "named", outputOf(t, c, "COPY --from=more f /out", o))
			}
		}
	})
}

func TestEngineBuildNoCacheStages(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		source := BuildFS(tree("Dockerfile", "FROM "+baseImage+" AS one\nRUN echo "+unique("one")+"\nFROM "+baseImage+" AS two\nCOPY --from=one /bin/busybox /b\nRUN echo "+unique("two")+"\n"))
		build := func(stages ...string) (one, two bool) {
			var seen record
			_, err := built(t, c, BuilderBuildKit, source, &ImageBuildOptions{NoCacheStages: stages, Progress: seen.see})
			require.NoError(t, err)
			return seen.last("echo cleat-one").Cached, seen.last("echo cleat-two").Cached
		}
		build()
		one, two := build()
		require.True(t, one)
		require.True(t, two)
		one, two = build("two")
		require.True(t, one)
		require.False(t, two)
	})
}

func TestEngineBuildPrivateBase(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, _, closed string) {
		builders := []Builder{BuilderClassic}
		if facts, err := c.Facts(engineContext(t)); err == nil && facts.OSType != "" {
			builders = append(builders, BuilderBuildKit)
		}
		ctx, name := engineContext(t), closed+"/"+unique("base")+":v1"
		require.NoError(t, c.ImageTag(ctx, imported(t, c, ""), name))
		_, err := c.ImagePush(ctx, name, &ImagePushOptions{Auth: credentials(closed)})
		require.NoError(t, err)
		source := BuildFS(tree("Dockerfile", "FROM "+name+"\nCOPY Dockerfile /f\n"))
		right := map[string]auth.Credentials{closed: *credentials(closed)}
		wrong := map[string]auth.Credentials{closed: {Username: "user", Password: "no"}}
		for _, builder := range builders {
			remove := func() {
				_, err := c.ImageRemove(ctx, name, &ImageRemoveOptions{Force: true})
				require.True(t, err == nil || errors.Is(err, errdefs.ErrNotFound), "%v", err)
			}
			remove()
			for _, credentials := range []map[string]auth.Credentials{wrong, {}} {
				_, err := built(t, c, builder, source, &ImageBuildOptions{Credentials: credentials, Pull: true})
				require.ErrorIs(t, err, errdefs.ErrRefused, builder)
				refusesCredentials(t, err)
			}
			_, err = built(t, c, builder, source, &ImageBuildOptions{Credentials: right, Pull: true})
			require.NoError(t, err, builder)
			remove()
			listed := sibling(t, c, WithCredentials(auth.Static(right)))
			_, err = built(t, listed, builder, source, &ImageBuildOptions{NoCache: true})
			require.NoError(t, err, builder)
			remove()
		}
	})
}

func TestEngineBuildInlineCache(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, _ string) {
		if facts, err := c.Facts(engineContext(t)); err != nil || facts.OSType == "" {
			t.Skip("an engine without BuildKit")
		}
		ctx, name := engineContext(t), open+"/"+unique("cache")+":v1"
		steps := "RUN echo " + unique("x") + " > /x\n"
		_, err := solved(t, c, steps, &ImageBuildOptions{Tags: []string{name}, CacheTo: []BuildCacheEntry{CacheInline()}})
		require.NoError(t, err)
		_, err = c.ImagePush(ctx, name, nil)
		require.NoError(t, err)
		_, err = solved(t, c, steps, &ImageBuildOptions{CacheFrom: []BuildCacheEntry{CacheRegistry(name)}})
		require.NoError(t, err)
		_, err = c.ImageRemove(ctx, name, &ImageRemoveOptions{Force: true})
		require.NoError(t, err)
	})
}

func TestEngineBuildLocalCache(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		dir, steps := filepath.Join(t.TempDir(), "cache"), "RUN echo "+unique("x")+" > /x\n"
		read := []BuildCacheEntry{CacheDir(dir)}
		if !hasContainerdStore(t, c) {
			_, err := solved(t, c, steps, &ImageBuildOptions{CacheTo: read})
			errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
			return
		}
		_, err := solved(t, c, steps, &ImageBuildOptions{CacheFrom: read, CacheTo: read})
		require.NoError(t, err)
		_, err = os.Stat(filepath.Join(dir, "index.json"))
		require.NoError(t, err)
		_, err = solved(t, c, steps, &ImageBuildOptions{CacheFrom: read})
		require.NoError(t, err)
	})
}

// A base image that the engine has is taken without asking a registry.
func TestEngineBuildLocalBase(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		base := "registry.invalid/" + unique("local") + ":v1"
		imported(t, c, base)
		begun := time.Now()
		_, err := built(t, c, BuilderBuildKit, BuildFS(tree("Dockerfile", "FROM "+base+"\nCOPY Dockerfile /f\n")), nil)
		require.NoError(t, err)
		require.Less(t, time.Since(begun), 15*time.Second)
	})
}

func TestEngineBuildMissingBase(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		_, err := built(t, c, BuilderBuildKit, BuildFS(tree("Dockerfile", "FROM 127.0.0.1:9/none\n")), nil)
		require.ErrorIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "127.0.0.1:9")
		_, err = solved(t, c, "COPY --from=none /x /x\n", &ImageBuildOptions{Target: "nosuch"})
		require.ErrorIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "nosuch")
	})
}

func TestEngineBuildWarnings(t *testing.T) {
	buildKits(t, func(t *testing.T, c *Client) {
		if !atLeast(t, c, 48) {
			t.Skip("an engine whose Dockerfile frontend warns of nothing")
		}
		result, err := built(t, c, BuilderBuildKit, BuildFS(tree("Dockerfile", "FROM scratch\nENV a b\nCOPY Dockerfile /\n")), nil)
		require.NoError(t, err)
		require.NotEmpty(t, result.Warnings)
		w := result.Warnings[0]
		require.NotEmpty(t, w.Text)
		require.Equal(t, 2, w.Source.First)
		require.Equal(t, "ENV a b", w.Source.Text)
	})
}

// The displays show a build on a real engine.
func TestEngineBuildDisplays(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		source := BuildFS(tree("Dockerfile", "FROM "+baseImage+"\nRUN echo "+unique("hello")+"\nRUN echo bad; exit 3\n"))
		var plain, quiet bytes.Buffer
		_, err := built(t, c, builder, source, &ImageBuildOptions{Progress: streams.DisplayPlain(&plain)})
		require.Error(t, err)
		require.Regexp(t, `(?m)^#\d+ \[\d/\d\] FROM `, plain.String())
		require.Regexp(t, `(?m)^#\d+ (\d+\.\d+ )?cleat-hello-`, plain.String())
		require.Regexp(t, `(?m)^#\d+ DONE \d+\.\ds$`, plain.String())
		require.Regexp(t, `(?m)^#\d+ ERROR: `, plain.String())
		_, err = built(t, c, builder, source, &ImageBuildOptions{Progress: streams.DisplayQuiet(&quiet)})
		require.Error(t, err)
		require.Regexp(t, `^------\n > \[3/\d\] RUN echo bad; exit 3:\n(\d+\.\d+ )?bad\n------\n$`, quiet.String())
	})
}
