package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// tree is a file system of texts by name.
func tree(files ...string) fstest.MapFS {
	t := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		t[files[i]] = &fstest.MapFile{Data: []byte(files[i+1]), Mode: 0o644}
	}
	return t
}

// written is a tree as a directory.
func written(t *testing.T, fsys fs.FS) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, fsys))
	return dir
}

// built builds with a builder what carries the test's label.
func built(t *testing.T, c *Client, builder Builder, source BuildSource, opts *ImageBuildOptions) (*ImageBuildResult, error) {
	t.Helper()
	o := value(opts)
	o.Labels = marked(t, o.Labels)
	o.Builder = builder
	if o.NetworkMode == "" {
		o.NetworkMode = cheapNetwork
	}
	if testing.Verbose() && o.Progress == nil {
		o.Progress = streams.DisplayPlain(os.Stderr)
	}
	return c.ImageBuild(engineContext(t), source, &o)
}

// builders runs a test on every engine with every builder that it has.
func builders(t *testing.T, test func(t *testing.T, c *Client, builder Builder)) {
	t.Helper()
	engines(t, func(t *testing.T, c *Client) {
		facts, err := c.Facts(engineContext(t))
		require.NoError(t, err)
		t.Run(string(BuilderClassic), func(t *testing.T) { test(t, c, BuilderClassic) })
		if facts.OSType != "" {
			t.Run(string(BuilderBuildKit), func(t *testing.T) { test(t, c, BuilderBuildKit) })
		}
	})
}

// contentOf is what an image holds, by name: a file's text, a link's target, a directory's
// slash.
func contentOf(t *testing.T, c *Client, image string) map[string]string {
	t.Helper()
	made, err := c.ContainerCreate(engineContext(t), image, &ContainerCreateOptions{Config: &ContainerConfig{
		Cmd: Command{"/none"}, Labels: marked(t, nil),
	}})
	require.NoError(t, err)
	body, err := c.ContainerExport(engineContext(t), made.ID)
	require.NoError(t, err)
	defer body.Close()
	return tarContent(t, body)
}

// engineFiles are what an engine puts into every container.
var engineFiles = []string{"dev", "etc", "proc", "sys", ".dockerenv", "run"}

func tarContent(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	all := map[string]string{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		name := path.Clean(h.Name)
		first, _, _ := strings.Cut(name, "/")
		switch {
		case name == ".":
		case containsText(engineFiles, first):
		case h.Typeflag == tar.TypeDir:
			all[name] = "/"
		case h.Typeflag == tar.TypeSymlink:
			all[name] = "-> " + h.Linkname
		default:
			text, err := io.ReadAll(archive)
			require.NoError(t, err)
			all[name] = string(text)
		}
	}
}

func containsText(list []string, text string) bool {
	for _, s := range list {
		if s == text {
			return true
		}
	}
	return false
}

func TestEngineBuildScratch(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		fsys := tree("Dockerfile", "FROM scratch\nCOPY . /\n", "a", "1", "dir/b", "2", ".dockerignore", "Dockerfile\n.dockerignore\nskip\n", "skip", "3")
		name := unique("scratch")
		for what, source := range map[string]BuildSource{"dir": BuildDir(written(t, fsys)), "fs": BuildFS(fsys)} {
			result, err := built(t, c, builder, source, &ImageBuildOptions{Tags: []string{name, name + ":two"}, Labels: map[string]string{"k": "v w"}})
			require.NoError(t, err, what)
			require.Regexp(t, "^sha256:[0-9a-f]{64}$", result.ID)
			image, err := c.ImageInspect(engineContext(t), name+":two", nil)
			require.NoError(t, err)
			require.Equal(t, result.ID, image.ID)
			require.Equal(t, "v w", image.Config.Labels["k"])
			require.Equal(t, map[string]string{"a": "1", "dir": "/", "dir/b": "2"}, contentOf(t, c, name))
		}
	})
}

func TestEngineBuildTar(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		require.NoError(t, w.AddFS(tree("Dockerfile", "FROM scratch\nCOPY a /b\n", "a", "1")))
		require.NoError(t, w.Close())
		result, err := built(t, c, builder, BuildTar(bytes.NewReader(archive.Bytes())), nil)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"b": "1"}, contentOf(t, c, result.ID))

		result, err = built(t, c, builder, BuildTar(&archive), &ImageBuildOptions{DockerfileText: []byte("FROM scratch\nCOPY a /c\n")})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"c": "1"}, contentOf(t, c, result.ID))
	})
}

func TestEngineBuildDockerfiles(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		fsys := tree("Dockerfile", "FROM scratch\nCOPY a /wrong\n", "a", "1", "sub/other", "FROM scratch\nCOPY . /\n", ".dockerignore", "sub\n")
		all := map[string]string{"Dockerfile": "FROM scratch\nCOPY a /wrong\n", "a": "1", ".dockerignore": "sub\n"}
		result, err := built(t, c, builder, BuildFS(fsys), &ImageBuildOptions{Dockerfile: "sub/other"})
		require.NoError(t, err)
		content := contentOf(t, c, result.ID)
		delete(content, "sub") // an engine that removes the Dockerfile leaves its directory
		require.Equal(t, all, content)

		result, err = built(t, c, builder, BuildDir(written(t, fsys)), &ImageBuildOptions{DockerfileText: []byte("FROM scratch\nCOPY a /d\n")})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"d": "1"}, contentOf(t, c, result.ID))

		result, err = built(t, c, builder, BuildFS(fsys), &ImageBuildOptions{
			DockerfileFrom: BuildFS(tree("x/my", "FROM scratch\nCOPY . /\n", "x/my.dockerignore", "*\n!a\n")), Dockerfile: "x/my",
		})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"a": "1"}, contentOf(t, c, result.ID))

		result, err = built(t, c, builder, BuildSource{}, &ImageBuildOptions{DockerfileText: []byte("FROM scratch\nENV A=b\n")})
		require.NoError(t, err)
		image, err := c.ImageInspect(engineContext(t), result.ID, nil)
		require.NoError(t, err)
		require.Contains(t, image.Config.Env, "A=b")
	})
}

func TestEngineBuildArgsAndTarget(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		dockerfile := "FROM " + baseImage + " AS one\nARG V=unset\nRUN echo $V > /v; cat /etc/hosts > /h\nFROM one AS two\nRUN exit 3\n"
		result, err := built(t, c, builder, BuildFS(tree("Dockerfile", dockerfile)), &ImageBuildOptions{
			Target: "one", Args: map[string]string{"V": "a \"b\""}, ExtraHosts: []string{"there:10.1.2.3"}, NetworkMode: "none",
		})
		require.NoError(t, err)
		content := contentOf(t, c, result.ID)
		require.Equal(t, "a \"b\"\n", content["v"])
		require.Contains(t, content["h"], "10.1.2.3")
	})
}

func podmanEngine(c *Client) bool {
	hosts, _ := engineHosts()
	for _, h := range hosts {
		if h.host == c.Host() {
			return h.podman
		}
	}
	return false
}

// record keeps what a build has told.
type record struct {
	steps    []streams.BuildStep
	logs     []streams.BuildLog
	counters []streams.BuildCounter
	done     int
}

func (r *record) see(m streams.Message) {
	if m.Done {
		r.done++
		return
	}
	r.steps = append(r.steps, m.Build.Steps...)
	r.logs = append(r.logs, m.Build.Logs...)
	r.counters = append(r.counters, m.Build.Counters...)
}

func (r *record) last(instruction string) streams.BuildStep {
	var found streams.BuildStep
	for _, s := range r.steps {
		if strings.Contains(s.Name, instruction) {
			found = s
		}
	}
	return found
}

func TestEngineBuildProgress(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		source := BuildFS(tree("Dockerfile", "FROM "+baseImage+"\nCOPY a /a\nRUN echo "+unique("x")+"; printf par; echo t; echo err >&2\n", "a", strings.Repeat("x", 100_000)))
		var first, second record
		_, err := built(t, c, builder, source, &ImageBuildOptions{Progress: first.see, Args: map[string]string{"NONE": "x"}})
		require.NoError(t, err)
		require.Equal(t, 1, first.done)
		run := first.last("RUN echo")
		require.False(t, run.Started.IsZero())
		require.False(t, run.Completed.Before(run.Started))
		require.False(t, run.Cached, "%+v", first.steps)
		require.Empty(t, run.Error)
		var output []string
		for _, l := range first.logs {
			require.Equal(t, run.ID, l.Step, l.Text)
			if l.Stream == streams.Stdout || podmanEngine(c) {
				output = append(output, l.Text)
			} else {
				require.Equal(t, "err", l.Text)
			}
		}
		require.Contains(t, output, "part")
		var sent int64
		for _, counter := range first.counters {
			sent = max(sent, counter.Current)
		}
		require.Greater(t, sent, int64(100_000))

		_, err = built(t, c, builder, source, &ImageBuildOptions{Progress: second.see, Args: map[string]string{"NONE": "x"}})
		require.NoError(t, err)
		require.True(t, second.last("RUN echo").Cached, "%+v", second.steps)
		require.Empty(t, second.logs)
	})
}

func TestEngineBuildFailingStep(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		dockerfile := "FROM " + baseImage + "\nENV A=b\nRUN echo 'this is not found'; echo last; exit 7\n"
		var seen record
		_, err := built(t, c, builder, BuildFS(tree("Dockerfile", dockerfile)), &ImageBuildOptions{Progress: seen.see})
		failed, ok := errors.AsType[*BuildError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, 7, failed.ExitCode)
		require.Contains(t, failed.Step, "exit 7")
		require.Equal(t, []string{"this is not found", "last"}, failed.Log)
		require.ErrorIs(t, err, errdefs.ErrRefused)
		require.NotErrorIs(t, err, errdefs.ErrNotFound)
		require.NotEmpty(t, seen.last("exit 7").Error)
		require.Equal(t, 1, seen.done)
		if failed.Source != nil {
			require.Equal(t, 3, failed.Source.First)
		}
		leavesNothing(t, c)
	})
}

func TestEngineBuildRefused(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		_, err := built(t, c, builder, BuildFS(tree("a", "1")), nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = built(t, c, builder, BuildDir(filepath.Join(t.TempDir(), "none")), nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = built(t, c, builder, BuildFS(tree("Dockerfile", "FROM scratch\nCOPY none /\n")), nil)
		require.ErrorIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "none")
		_, err = built(t, c, builder, BuildFS(tree("Dockerfile", "FROM scratch\nNOSUCH x\n")), nil)
		require.ErrorIs(t, err, errdefs.ErrRefused)
		_, err = built(t, c, builder, BuildFS(tree("Dockerfile", "FROM scratch\n")), &ImageBuildOptions{Tags: []string{"UPPER"}})
		require.ErrorIs(t, err, errdefs.ErrInvalidArgument)
		require.ErrorIs(t, err, errdefs.ErrNotSent)
	})
}

// A file that cannot be read fails the build, with the reader's own error.
func TestEngineBuildUnreadableFile(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		failure := errors.New("the disk is gone")
		fsys := badFile{tree("Dockerfile", "FROM scratch\nCOPY . /\n", "a", strings.Repeat("x", 1<<20)), failure}
		_, err := built(t, c, builder, BuildFS(fsys), nil)
		require.ErrorIs(t, err, failure)
	})
}

type badFile struct {
	fstest.MapFS
	failure error
}

func (b badFile) Open(name string) (fs.File, error) {
	f, err := b.MapFS.Open(name)
	if name == "a" && err == nil {
		f = failingFile{f, b.failure}
	}
	return f, err
}

type failingFile struct {
	fs.File
	failure error
}

func (f failingFile) Read([]byte) (int, error) { return 0, f.failure }

func TestEngineBuildCancelled(t *testing.T) {
	builders(t, func(t *testing.T, c *Client, builder Builder) {
		ctx, cancel := context.WithCancel(engineContext(t))
		defer cancel()
		mark := unique("sleeper")
		dockerfile := fmt.Sprintf("FROM %s\nRUN echo begun %s; sleep 600\n", baseImage, mark)
		reason := errors.New("enough")
		ctx, stop := context.WithCancelCause(ctx)
		_, err := c.ImageBuild(ctx, BuildFS(tree("Dockerfile", dockerfile)), &ImageBuildOptions{
			Builder: builder, Labels: marked(t, nil), NetworkMode: cheapNetwork,
			Progress: func(m streams.Message) {
				if m.Build != nil && len(m.Build.Logs) > 0 {
					stop(reason)
				}
			},
		})
		require.ErrorIs(t, err, reason)
		require.ErrorIs(t, err, errdefs.ErrCancelled)
		poll(t, "the step is stopped", func() bool { return !processRuns(mark) })
	})
}

// processRuns tells whether a process of this machine has a text in its command line.
func processRuns(text string) bool {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range found {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte("begun "+text)) {
			return true
		}
	}
	return false
}

func TestEngineBuildNeedsBuildKit(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		for _, o := range []*ImageBuildOptions{
			{Secrets: map[string]BuildSecret{"a": BuildSecretBytes(nil)}},
			{Exports: []BuildExport{ExportDir("x")}},
			{Platforms: []string{"linux/amd64", "linux/arm64"}},
			{CacheFrom: []BuildCacheEntry{CacheInline()}},
		} {
			_, err := built(t, c, BuilderClassic, BuildFS(tree("Dockerfile", "FROM scratch\n")), o)
			require.ErrorIs(t, err, errors.ErrUnsupported)
			require.ErrorIs(t, err, errdefs.ErrNotSent)
		}
	})
}
