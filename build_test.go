package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/internal/buildkit"
	"github.com/cleat-go/docker/streams"
)

// traced is what a classic build's stream becomes.
func traced(texts ...string) (*classicTrace, []streams.Build) {
	var all []streams.Build
	trace := &classicTrace{result: &ImageBuildResult{}, tell: func(m streams.Message) { all = append(all, *m.Build) }}
	for _, text := range texts {
		trace.see(streams.Message{Stream: text})
	}
	return trace, all
}

// story writes what has happened, one line for each thing.
func story(all []streams.Build) string {
	var b strings.Builder
	for _, build := range all {
		for _, l := range build.Logs {
			fmt.Fprintf(&b, "%s %s: %s\n", l.Step, l.Stream, l.Text)
		}
		for _, s := range build.Steps {
			state := "begins"
			switch {
			case s.Error != "":
				state = "fails: " + s.Error
			case s.Cached:
				state = "was cached"
			case !s.Completed.IsZero():
				state = "ends"
			}
			fmt.Fprintf(&b, "%s %s\n", s.Name, state)
		}
		for _, c := range build.Counters {
			fmt.Fprintf(&b, "%s %d/%d %t\n", c.Name, c.Current, c.Total, c.Done)
		}
		for _, w := range build.Warnings {
			fmt.Fprintf(&b, "warning: %s\n", w)
		}
	}
	return b.String()
}

func TestClassicTrace(t *testing.T) {
	trace, all := traced(
		"Step 1/3 : FROM busybox", "\n", " ---> e20e60f106a5\n",
		"Step 2/3 : ENV A=b", "\n", " ---> Using cache\n", " ---> 710133b50703\n",
		"Step 3/3 : RUN make", "\n", " ---> Running in d8006d302fa1\n",
		"one\npart", " of two\nStep 2/3 : no step\n", "\x1b[91mbad\n\x1b[0m", "Successfully built? no\n", "left",
	)
	failure := &streams.EngineError{Code: 7, Message: "The command 'make' returned a non-zero code: 7"}
	err := trace.end((&request{method: "POST", path: "/build"}).broken(failure))
	require.Equal(t, `[1/3] FROM busybox begins
[1/3] FROM busybox ends
[2/3] ENV A=b begins
[2/3] ENV A=b was cached
[3/3] RUN make begins
step 3 stdout: one
step 3 stdout: part of two
step 3 stdout: Step 2/3 : no step
step 3 stderr: bad
step 3 stdout: Successfully built? no
`, story(all))
	failed, ok := errors.AsType[*BuildError](err)
	require.True(t, ok)
	require.Equal(t, "RUN make", failed.Step)
	require.Equal(t, []int{3, 3, 7}, []int{failed.Number, failed.Total, failed.ExitCode})
	require.Equal(t, []string{"one", "part of two", "Step 2/3 : no step", "bad", "Successfully built? no", "left"}, failed.Log)
	require.Equal(t, "docker: POST /build: The command 'make' returned a non-zero code: 7", err.Error())
	require.ErrorIs(t, err, errdefs.ErrRefused)
}

func TestClassicTraceOfPodman(t *testing.T) {
	_, all := traced(
		"STEP 1/2: FROM busybox\n", "STEP 2/2: RUN x\n", "--> Using cache ee4937f2ee4043c8b91885324305a359850cdfb5a46ea995fb89deb47cebe54c\n",
		"COMMIT\n", "--> ee4937f2ee4\n", "[Warning] one or more build args were not consumed: [Z]\n",
		"64cf0d991d42a15decaef21492ff020e86a8b7fc1b08294e5b9c5494b1ccb438\n", "Successfully built 64cf0d991d42\n",
	)
	require.Equal(t, `[1/2] FROM busybox begins
[1/2] FROM busybox ends
[2/2] RUN x begins
[2/2] RUN x was cached
warning: one or more build args were not consumed: [Z]
`, story(all))
}

// The words of a failed command are not the kind of the error; those of a builder are.
func TestBuildErrorKinds(t *testing.T) {
	for _, c := range []struct {
		message string
		code    int
		is, not error
	}{
		{"The command 'echo not found' returned a non-zero code: 4", 4, errdefs.ErrRefused, errdefs.ErrNotFound},
		{"manifest for x not found", -1, errdefs.ErrNotFound, errdefs.ErrPermissionDenied},
		{"while running runtime: exit status 9\n", 9, errdefs.ErrRefused, errdefs.ErrNotFound},
	} {
		trace, _ := traced("Step 1/1 : RUN x")
		err := trace.end((&request{}).broken(&streams.EngineError{Message: c.message}))
		failed, ok := errors.AsType[*BuildError](err)
		require.True(t, ok)
		require.Equal(t, c.code, failed.ExitCode, c.message)
		require.ErrorIs(t, err, c.is)
		require.NotErrorIs(t, err, c.not)
	}
}

func TestLineBufferIsBounded(t *testing.T) {
	var b lineBuffer
	var lines []string
	emit := func(line string) { lines = append(lines, line) }
	for range 10 {
		b.add(strings.Repeat("x", maxLogLine/2+1), emit)
	}
	b.add("\n\r\nend", emit)
	last, ok := b.flush()
	require.True(t, ok)
	require.Equal(t, "end", last)
	total := 0
	for _, line := range lines {
		require.LessOrEqual(t, len(line), maxLogLine)
		total += len(line)
	}
	require.Equal(t, 10*(maxLogLine/2+1), total)
	require.Empty(t, lines[len(lines)-1])
}

// contextOf is what is sent of a source, by name, and the name of its Dockerfile.
func contextOf(t *testing.T, source BuildSource, o *ImageBuildOptions) (string, map[string]string) {
	t.Helper()
	files, err := contextFiles(source, o)
	require.NoError(t, err)
	r, err := files.archive()
	require.NoError(t, err)
	defer r.Close()
	return files.dockerfile, tarContent(t, r)
}

func TestContextFiles(t *testing.T) {
	fsys := tree("Dockerfile", "d", ".dockerignore", "*\n!a\n", "a", "1", "b", "2")
	for _, source := range []BuildSource{BuildFS(fsys), BuildDir(written(t, fsys))} {
		name, content := contextOf(t, source, &ImageBuildOptions{})
		require.Equal(t, "Dockerfile", name)
		require.Equal(t, map[string]string{"Dockerfile": "d", ".dockerignore": "*\n!a\n", "a": "1"}, content)

		name, content = contextOf(t, source, &ImageBuildOptions{DockerfileText: []byte("mine")})
		require.Equal(t, foreignDockerfile, name)
		require.Equal(t, map[string]string{foreignDockerfile: "mine", ".dockerignore": "*\n!a\n\n" + foreignDockerfile + "\n", "a": "1"}, content)

		from := BuildFS(tree("x/y", "theirs", "x/y.dockerignore", "a\n"))
		_, content = contextOf(t, source, &ImageBuildOptions{DockerfileFrom: from, Dockerfile: "./x/y"})
		require.Equal(t, map[string]string{
			foreignDockerfile: "theirs", ".dockerignore": "a\n\n" + foreignDockerfile + "\n", "Dockerfile": "d", "b": "2",
		}, content)
	}
	name, _ := contextOf(t, BuildFS(tree("dockerfile", "d")), &ImageBuildOptions{})
	require.Equal(t, "dockerfile", name)
	name, content := contextOf(t, BuildSource{}, &ImageBuildOptions{DockerfileText: []byte("x")})
	require.Equal(t, map[string]string{name: "x", ".dockerignore": ".dockerignore\n" + foreignDockerfile + "\n"}, content)
	_, err := contextFiles(BuildFS(fstest.MapFS{}), &ImageBuildOptions{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = contextFiles(BuildFS(tree("Dockerfile", "", ".dockerignore", "[")), &ImageBuildOptions{})
	require.ErrorContains(t, err, `"["`)
}

// The Dockerfile is sent also from a directory that is left out.
func TestContextFilesOfAnExcludedDirectory(t *testing.T) {
	_, content := contextOf(t, BuildFS(tree("sub/d", "x", "sub/e", "y", ".dockerignore", "sub\n")), &ImageBuildOptions{Dockerfile: "sub/d"})
	require.Equal(t, map[string]string{"sub": "/", "sub/d": "x", ".dockerignore": "sub\n"}, content)
}

// No link leads out of a context, and all belongs to root.
func TestContextFilesStayInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o600))
	dir := written(t, tree("a", "1"))
	if err := os.Symlink(outside, filepath.Join(dir, "Dockerfile")); err != nil {
		t.Skip(err)
	}
	_, err := contextFiles(BuildDir(dir), &ImageBuildOptions{})
	require.Error(t, err)
	files, err := contextFiles(BuildDir(dir), &ImageBuildOptions{DockerfileText: []byte("x")})
	require.NoError(t, err)
	r, err := files.archive()
	require.NoError(t, err)
	defer r.Close()
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.Zero(t, h.Uid+h.Gid, h.Name)
		text, err := io.ReadAll(archive)
		require.NoError(t, err)
		require.NotContains(t, string(text), "secret")
	}
}

// buildEngine answers builds of a classic builder, and keeps what it was sent.
func buildEngine(t *testing.T, answer string) (*Client, func() (*http.Request, []byte)) {
	t.Helper()
	var request *http.Request
	var body []byte
	c := client(t, WithHost("tcp://127.0.0.1:1"), WithMiddleware(func(http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"Api-Version": {"1.51"}, "Builder-Version": {"1"}, "Ostype": {"linux"}}
			text := ""
			if strings.HasSuffix(r.URL.Path, "/build") {
				request, text = r, answer
				if r.Body != nil {
					var err error
					if body, err = io.ReadAll(r.Body); err != nil {
						return nil, err
					}
				}
			}
			return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: r}, nil
		})
	}))
	return c, func() (*http.Request, []byte) { return request, body }
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const builtAnswer = `{"stream":"Step 1/1 : FROM scratch"}` + "\r\n" + `{"aux":{"ID":"sha256:05"}}` + "\r\n"

func TestBuildProgressIsCalledByTheCaller(t *testing.T) {
	c, _ := buildEngine(t, builtAnswer)
	var last streams.Message
	n, here := 0, goroutine()
	result, err := c.ImageBuild(t.Context(), BuildFS(tree("Dockerfile", "FROM scratch")), &ImageBuildOptions{Progress: func(m streams.Message) {
		require.Equal(t, here, goroutine())
		require.False(t, last.Done)
		n, last = n+1, m
	}})
	require.NoError(t, err)
	require.Equal(t, "sha256:05", result.ID)
	require.Greater(t, n, 3)
	require.True(t, last.Done)
}

func goroutine() string {
	buf := make([]byte, 64)
	text := string(buf[:runtime.Stack(buf, false)])
	return text[:strings.IndexByte(text, '[')]
}

// A Progress that panics ends the build and leaves nothing.
func TestBuildProgressPanics(t *testing.T) {
	noLeaks(t)
	c, _ := buildEngine(t, builtAnswer)
	require.PanicsWithValue(t, "no more", func() {
		c.ImageBuild(t.Context(), BuildFS(tree("Dockerfile", "FROM scratch")), &ImageBuildOptions{ //nolint:errcheck // it panics
			Progress: func(streams.Message) { panic("no more") },
		})
	})
}

func TestBuildParameters(t *testing.T) {
	c, sent := buildEngine(t, builtAnswer)
	_, err := c.ImageBuild(t.Context(), BuildRemote("https://git.example/a.git#main:sub"), &ImageBuildOptions{
		Tags: []string{"a", "b:c"}, Dockerfile: "/x", Credentials: map[string]auth.Credentials{"r.example": {Username: "u", Password: "p"}},
	})
	require.NoError(t, err)
	r, body := sent()
	require.Nil(t, body)
	q := r.URL.Query()
	require.Equal(t, []string{"a:latest", "b:c"}, q["t"])
	require.Equal(t, "https://git.example/a.git#main:sub", q.Get("remote"))
	require.Equal(t, "x", q.Get("dockerfile"))
	require.Equal(t, "1", q.Get("forcerm"))
	require.Empty(t, q["rm"])
	require.NotEmpty(t, r.Header.Get("X-Registry-Config"))
}

func TestBuildTruncated(t *testing.T) {
	c, _ := buildEngine(t, `{"stream":"Step 1/1 : FROM scratch"}`+"\r\n"+`{"aux":{"ID":`)
	_, err := c.ImageBuild(t.Context(), BuildFS(tree("Dockerfile", "")), nil)
	require.ErrorIs(t, err, errdefs.ErrTruncated)
}

func TestBuildRefusedHere(t *testing.T) {
	c, _ := buildEngine(t, builtAnswer)
	for _, o := range []*ImageBuildOptions{
		{Builder: "third"},
		{Tags: []string{"a@sha256:" + strings.Repeat("0", 64)}},
		{Builder: BuilderBuildKit, Tags: []string{"A"}},
		{Builder: BuilderBuildKit, Exports: []BuildExport{{}}},
		{Builder: BuilderBuildKit, NetworkMode: "bridge"},
		{Builder: BuilderBuildKit, Classic: &ClassicBuildOptions{}},
	} {
		_, err := c.ImageBuild(t.Context(), BuildFS(tree("Dockerfile", "")), o)
		require.ErrorIs(t, err, errdefs.ErrNotSent, "%+v", o)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	_, err := c.ImageBuild(ctx, BuildFS(tree("Dockerfile", "")), &ImageBuildOptions{Builder: BuilderClassic})
	require.ErrorIs(t, err, reason)
}

func TestBuildSecretsDoNotPrint(t *testing.T) {
	o := ImageBuildOptions{
		Secrets:     map[string]BuildSecret{"s": BuildSecretBytes([]byte("hunter2"))},
		Credentials: map[string]auth.Credentials{"r": {Password: "hunter2"}},
	}
	require.NotContains(t, fmt.Sprintf("%+v %#v", o, o), "hunter2")
}

// Output of BuildKit comes in pieces; a line is told when it ends, or its step does.
func TestBuildKitTrace(t *testing.T) {
	var all []streams.Build
	trace := newBuildKitTrace(func(m streams.Message) { all = append(all, *m.Build) })
	log := func(text string) []buildkit.Log { return []buildkit.Log{{Vertex: "v", Stream: 1, Data: []byte(text)}} }
	trace.see(&buildkit.Status{Vertices: []buildkit.Vertex{{Digest: "v", Name: "[2/3] RUN x"}}, Logs: log("a\nb")})
	trace.see(&buildkit.Status{Logs: log("c\r\nd"), Warnings: []buildkit.Warning{{Short: "odd", Source: &buildkit.Position{
		File: "Dockerfile", Text: "1\n2\n3\n", Ranges: []buildkit.Range{{FirstLine: 2, LastLine: 3}},
	}}}})
	trace.end()
	require.Equal(t, "v stdout: a\n[2/3] RUN x begins\nv stdout: bc\nwarning: odd (Dockerfile:2)\nv stdout: d\n", story(all))
	require.Equal(t, "2\n3", all[1].Warnings[0].Source.Text)

	step := buildKitStep(&buildkit.StepError{Step: "[app 2/13] RUN x", ExitCode: 3, Err: errors.New("no")})
	require.Equal(t, BuildError{Step: "RUN x", Number: 2, Total: 13, ExitCode: 3, Err: step.Err}, *step)
	require.Equal(t, "[internal] load", buildKitStep(&buildkit.StepError{Step: "[internal] load"}).Step)
	require.Nil(t, buildPosition(&buildkit.Position{Text: "x"}))
	require.Empty(t, buildPosition(&buildkit.Position{Text: "x", Ranges: []buildkit.Range{{FirstLine: 5, LastLine: 9}}}).Text)
}

func TestMemoryFile(t *testing.T) {
	require.NoError(t, fstest.TestFS(memoryFile{"Dockerfile", []byte("FROM scratch")}, "Dockerfile"))
	text, err := fs.ReadFile(memoryFile{"f", []byte("x")}, "f")
	require.NoError(t, err)
	require.True(t, bytes.Equal(text, []byte("x")))
}
