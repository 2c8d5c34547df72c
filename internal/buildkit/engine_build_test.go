package buildkit

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
)

// baseImage is busybox, which the engines of the tests have.
const baseImage = "busybox:local"

// files are a tree in memory. Names that end with / are directories, contents that begin
// with -> are links.
func files(contents map[string]string) fstest.MapFS {
	tree := make(fstest.MapFS)
	for name, content := range contents {
		f := &fstest.MapFile{Data: []byte(content), Mode: 0o644, ModTime: time.Unix(1700000000, 0)}
		if to, ok := strings.CutPrefix(content, "->"); ok {
			f = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
		}
		if strings.HasSuffix(name, "/") {
			f.Mode = fs.ModeDir | 0o755
		}
		tree[strings.TrimSuffix(name, "/")] = f
	}
	return tree
}

// on writes a tree to a directory.
func on(t *testing.T, contents map[string]string) string {
	dir := t.TempDir()
	for name, content := range contents {
		at := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(at, 0o755))
		} else if to, ok := strings.CutPrefix(content, "->"); ok {
			require.NoError(t, os.Symlink(to, at))
		} else {
			require.NoError(t, os.WriteFile(at, []byte(content), 0o644))
		}
	}
	return dir
}

// told is what a build has told.
type told struct {
	mu       sync.Mutex
	vertices map[string]Vertex
	progress map[string]Progress
	log      bytes.Buffer
	warnings []Warning
}

func (o *told) add(s *Status) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, v := range s.Vertices {
		o.vertices[v.Name] = v
	}
	for _, p := range s.Progress {
		o.progress[p.ID] = p
	}
	for _, l := range s.Logs {
		o.log.Write(l.Data)
	}
	o.warnings = append(o.warnings, s.Warnings...)
}

func (o *told) logged() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.String()
}

// transferred is how many bytes of the context were sent.
func (o *told) transferred() (n int64) {
	for _, p := range o.progress {
		if strings.Contains(p.ID, "transferring context") {
			n += p.Current
		}
	}
	return n
}

func listen(r *Request) *told {
	o := &told{vertices: make(map[string]Vertex), progress: make(map[string]Progress)}
	r.Status = o.add
	return o
}

// output is an export to memory.
type output struct {
	bytes.Buffer
	closed int
	failed error
}

func (o *output) Close() error { o.closed++; return nil }

func (o *output) CloseWithError(err error) error { o.failed = err; return nil }

func (o *output) open(context.Context) (io.WriteCloser, error) { return o, nil }

// built runs a build, which has to succeed, and returns the files that it has made.
func built(t *testing.T, e *testEngine, r *Request) map[string]string {
	t.Helper()
	made, err := tryBuild(t, e, r)
	require.NoError(t, err)
	return made
}

func tryBuild(t *testing.T, e *testEngine, r *Request) (map[string]string, error) {
	t.Helper()
	o := new(output)
	r.Exports = []Export{{Type: "tar", Output: o.open}}
	if _, err := Solve(testContext(t), e.Engine, r); err != nil {
		return nil, err
	}
	require.Equal(t, 1, o.closed)
	return untar(t, &o.Buffer), nil
}

func untar(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	made := make(map[string]string)
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if err == io.EOF {
			return made
		}
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		require.NoError(t, err)
		if made[h.Name] = string(content); h.Typeflag == tar.TypeSymlink {
			made[h.Name] = "->" + h.Linkname
		}
	}
}

// run is a Dockerfile whose steps run in busybox and leave /out.
func run(lines ...string) string {
	return "FROM " + baseImage + " AS base\n" + strings.Join(lines, "\n") + "\nFROM scratch\nCOPY --from=base /out /out\n"
}

func TestEngineImage(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		to, name := e.image(t)
		r := &Request{
			Context: Source{Dir: on(t, map[string]string{
				"Dockerfile": "FROM scratch AS one\nARG A=no\nCOPY hello /\nLABEL of=$A\nFROM scratch\nCOPY none /",
				"hello":      "hello\n",
			})},
			Exports: []Export{to}, Target: "one", BuildArgs: map[string]string{"A": "arg"}, Labels: map[string]string{"more": "label"},
		}
		o := listen(r)
		made, err := Solve(testContext(t), e.Engine, r)
		require.NoError(t, err)
		var image struct {
			ID     string `json:"Id"`
			Config struct{ Labels map[string]string }
		}
		e.get(t, "/images/"+name+"/json", &image)
		require.Equal(t, image.ID, made.ImageID)
		require.Equal(t, map[string]string{"of": "arg", "more": "label"}, image.Config.Labels)
		require.Equal(t, e.store, made.Digest != "", made)
		v := o.vertices["[internal] load build context"]
		require.False(t, v.Started.IsZero() || v.Completed.IsZero(), v)
		require.Contains(t, o.vertices, "exporting to image")
	})
}

func TestEngineRun(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		args := map[string]string{"WORD": unique("word")}
		dockerfile := run("ARG WORD", "RUN --network=none --mount=type=cache,target=/cache,id=cleat-test "+
			"echo $WORD >/out; echo out; echo err >&2; cat /etc/hosts; : >/cache/x")
		if e.old() {
			dockerfile = run("ARG WORD", "RUN --mount=type=cache,target=/cache,id=cleat-test echo $WORD >/out; echo out; echo err >&2; cat /etc/hosts")
		}
		r := &Request{Context: Source{FS: files(map[string]string{"Dockerfile": dockerfile})}, BuildArgs: args}
		if !e.old() {
			r.ExtraHosts = []string{"elsewhere:192.0.2.7", "six:2001:db8::1"}
		}
		o := listen(r)
		made := built(t, e, r)
		require.Equal(t, args["WORD"]+"\n", made["out"])
		require.Contains(t, o.logged(), "out\n")
		require.Contains(t, o.logged(), "err\n")
		o = listen(r)
		require.Equal(t, made, built(t, e, r))
		for name, v := range o.vertices {
			require.Equal(t, strings.Contains(name, "RUN") || strings.Contains(name, "COPY"), v.Cached, name)
		}
	})
}

func TestEngineExtraHosts(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		dockerfile := run("RUN cat /etc/hosts >/out")
		r := &Request{Context: Source{FS: files(map[string]string{"Dockerfile": dockerfile})}, NoCache: true}
		r.ExtraHosts = []string{"elsewhere:192.0.2.7", "six:[2001:db8::1]", "six2:2001:db8::2"}
		made := built(t, e, r)
		require.Regexp(t, `(?m)^192\.0\.2\.7\s+elsewhere$`, made["out"])
		require.Regexp(t, `(?m)^2001:db8::1\s+six$`, made["out"])
		require.Regexp(t, `(?m)^2001:db8::2\s+six2$`, made["out"])
		r.ExtraHosts = []string{"gate:host-gateway"}
		made, err := tryBuild(t, e, r)
		if e.old() {
			require.ErrorIs(t, err, errdefs.ErrNotImplemented)
			return
		}
		require.NoError(t, err)
		require.Regexp(t, `(?m)^[0-9.]+\s+gate$`, made["out"])
	})
}

func TestEngineOptions(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		if e.old() {
			t.Skip("needs 23.0")
		}
		dockerfile := run("RUN (ulimit -n; df -k /dev/shm | tail -1; cat /sys/class/net/*/address) >/out")
		r := &Request{
			Context: Source{FS: files(map[string]string{"Dockerfile": dockerfile})}, NoCache: true, NetworkMode: "none",
			ShmSize: 8 << 20, Ulimits: []string{"nofile=111:222", "nproc=2222"},
		}
		made := built(t, e, r)
		lines := strings.Split(made["out"], "\n")
		require.Equal(t, "111", lines[0])
		require.Equal(t, "8192", strings.Fields(lines[1])[1])
		require.Equal(t, []string{"00:00:00:00:00:00", ""}, lines[2:], "only the loopback device")
		r.NetworkMode = "host"
		require.Greater(t, strings.Count(built(t, e, r)["out"], "\n"), 3)
	})
}

func TestEngineSecrets(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		secret := "with\x00NUL\n" + unique("secret")
		file := filepath.Join(t.TempDir(), "s")
		require.NoError(t, os.WriteFile(file, []byte("of a file"), 0o600))
		t.Setenv("CLEAT_TEST_SECRET", "of the environment")
		r := &Request{
			Context: Source{FS: files(map[string]string{"Dockerfile": run(
				"RUN --mount=type=secret,id=a --mount=type=secret,id=f --mount=type=secret,id=e --mount=type=secret,id=none " +
					"(cat /run/secrets/a; cat /run/secrets/f /run/secrets/e; ls /run/secrets) >/out",
			)})},
			NoCache: true,
			Secrets: map[string]Secret{
				"a": func(context.Context) ([]byte, error) { return []byte(secret), nil },
				"f": FileSecret(file), "e": EnvSecret("CLEAT_TEST_SECRET"),
			},
		}
		require.Equal(t, secret+"of a fileof the environment"+"a\ne\nf\n", built(t, e, r)["out"])
		r.Secrets["f"] = FileSecret(file + "not")
		_, err := tryBuild(t, e, r)
		require.ErrorIs(t, err, fs.ErrNotExist)
		r.Context.FS = files(map[string]string{"Dockerfile": run("RUN --mount=type=secret,id=none,required=true cat /run/secrets/none >/out")})
		_, err = tryBuild(t, e, r)
		require.ErrorContains(t, err, "none")
	})
}

func TestEngineExports(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		r := &Request{Context: Source{FS: files(map[string]string{
			"Dockerfile": "FROM scratch\nCOPY d /d\nCOPY f /d/g", "d/f": "content", "d/l": "->f", "d/sub/": "", "f": strings.Repeat("x", 3<<20),
		})}}
		dir := filepath.Join(t.TempDir(), "a", "b")
		r.Exports = []Export{{Type: "local", Receive: ToDir(dir)}}
		for range 2 { // the second finds the files of the first
			_, err := Solve(testContext(t), e.Engine, r)
			require.NoError(t, err)
			text, err := os.ReadFile(filepath.Join(dir, "d", "l"))
			require.NoError(t, err)
			require.Equal(t, "content", string(text))
			info, err := os.Stat(filepath.Join(dir, "d", "g"))
			require.NoError(t, err)
			require.EqualValues(t, 3<<20, info.Size())
			require.DirExists(t, filepath.Join(dir, "d", "sub"))
		}
		for _, kind := range []string{"oci", "docker"} {
			o := new(output)
			r.Exports = []Export{{Type: kind, Output: o.open, Attrs: map[string]string{"name": "x.example/y:z"}}}
			_, err := Solve(testContext(t), e.Engine, r)
			if !e.store {
				var said *Error
				require.ErrorAs(t, err, &said)
				require.ErrorIs(t, err, errdefs.ErrRefused)
				require.Contains(t, said.Message, "exporter")
				continue
			}
			require.NoError(t, err)
			require.Contains(t, untar(t, &o.Buffer), "index.json")
		}
		failure := errors.New("no room")
		r.Exports = []Export{{Type: "tar", Output: func(context.Context) (io.WriteCloser, error) { return nil, failure }}}
		_, err := Solve(testContext(t), e.Engine, r)
		require.ErrorIs(t, err, failure)
	})
}

func TestEngineSeveralExports(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		if e.old() {
			t.Skip("needs 26.0")
		}
		to, name := e.image(t)
		a, b := new(output), new(output)
		dir := t.TempDir()
		r := &Request{
			Context: Source{FS: files(map[string]string{"Dockerfile": "FROM scratch\nCOPY f /", "f": "x"})},
			Exports: []Export{{Type: "tar", Output: a.open}, to, {Type: "local", Receive: ToDir(dir)}, {Type: "tar", Output: b.open}},
		}
		_, err := Solve(testContext(t), e.Engine, r)
		require.NoError(t, err)
		e.get(t, "/images/"+name+"/json", new(struct{}))
		require.Equal(t, a.Bytes(), b.Bytes())
		require.Equal(t, "x", untar(t, &a.Buffer)["f"])
		require.FileExists(t, filepath.Join(dir, "f"))
	})
}

func TestEngineFailures(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		failing := func(dockerfile string) error {
			_, err := tryBuild(t, e, &Request{Context: Source{FS: files(map[string]string{"Dockerfile": dockerfile})}})
			require.Error(t, err)
			t.Logf("%v", err)
			require.ErrorIs(t, err, errdefs.ErrRefused)
			return err
		}
		var step *StepError
		err := failing("FROM " + baseImage + "\n\nRUN for i in $(seq 40); do echo $i; done; \\\n  exit 7\n")
		require.ErrorAs(t, err, &step)
		require.Equal(t, 7, step.ExitCode)
		require.Contains(t, step.Step, "RUN for i in")
		require.Len(t, step.Log, maxTailLines)
		require.Equal(t, "40", step.Log[maxTailLines-1])
		if !e.old() {
			require.NotNil(t, step.Source)
			require.Equal(t, "Dockerfile", step.Source.File)
			require.Equal(t, []Range{{3, 4}}, step.Source.Ranges)
			require.Contains(t, step.Source.Text, "exit 7")
		}
		step = nil
		err = failing("FROM " + baseImage + "\nCOPY missing /\n")
		require.ErrorAs(t, err, &step)
		require.Contains(t, step.Step, "COPY missing")
		require.Equal(t, -1, step.ExitCode)
		require.ErrorContains(t, err, "missing")
		require.ErrorContains(t, failing("FROM scratch\nNONSENSE x\n"), "NONSENSE")
		require.ErrorContains(t, failing(""), "Dockerfile")
		require.ErrorContains(t, failing("FROM 127.0.0.1:1/none\nRUN x"), "127.0.0.1:1/none")
	})
}

// A source that cannot be read, or changes while it is, fails the build with its own error.
func TestEngineSourceFailures(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		tree := files(map[string]string{"Dockerfile": "FROM scratch\nCOPY . /", "f": unique("f")})
		for name, broken := range map[string]fs.FS{
			"unreadable": refusing{tree, "f"}, "shorter": resized{tree, "f", 3}, "longer": resized{tree, "f", -3},
		} {
			_, err := tryBuild(t, e, &Request{Context: Source{FS: broken}})
			t.Log(name, err)
			if name == "unreadable" {
				require.ErrorIs(t, err, fs.ErrPermission, name)
			} else {
				require.ErrorIs(t, err, errChanged, name)
			}
			require.ErrorContains(t, err, "f: ")
		}
		_, err := tryBuild(t, e, &Request{Context: Source{Dir: filepath.Join(t.TempDir(), "none")}})
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

// refusing does not open a file.
type refusing struct {
	fstest.MapFS
	name string
}

func (r refusing) Open(name string) (fs.File, error) {
	if name == r.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return r.MapFS.Open(name)
}

// resized lists a file with another size than it has.
type resized struct {
	fstest.MapFS
	name string
	by   int64
}

func (r resized) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := r.MapFS.ReadDir(name)
	for i, d := range list {
		if d.Name() == r.name {
			list[i] = resizedEntry{d, r.by}
		}
	}
	return list, err
}

type resizedEntry struct {
	fs.DirEntry
	by int64
}

func (d resizedEntry) Info() (fs.FileInfo, error) {
	info, err := d.DirEntry.Info()
	return resizedInfo{info, d.by}, err
}

type resizedInfo struct {
	fs.FileInfo
	by int64
}

func (i resizedInfo) Size() int64 { return i.FileInfo.Size() + i.by }

// What the engine has of a directory is not sent again; what is in memory always is.
func TestEngineIncremental(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		contents := map[string]string{"Dockerfile": "FROM scratch\nCOPY . /", "big": strings.Repeat(unique("x"), 20_000), "small": unique("s")}
		dir := on(t, contents)
		r := &Request{Context: Source{Dir: dir}}
		o := listen(r)
		built(t, e, r)
		require.Greater(t, o.transferred(), int64(200_000))
		o = listen(r)
		require.Equal(t, contents["big"], built(t, e, r)["big"])
		require.Less(t, o.transferred(), int64(10_000))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "small"), []byte("new"), 0o644))
		require.NoError(t, os.Remove(filepath.Join(dir, "big")))
		require.Equal(t, map[string]string{"Dockerfile": contents["Dockerfile"], "small": "new"}, built(t, e, r))

		memory := Request{Context: Source{FS: files(map[string]string{"Dockerfile": "FROM scratch\nCOPY f /", "f": "one"})}}
		require.Equal(t, "one", built(t, e, &memory)["f"])
		memory.Context.FS = files(map[string]string{"Dockerfile": "FROM scratch\nCOPY f /", "f": "two"})
		require.Equal(t, "two", built(t, e, &memory)["f"])

		r.DockerfileName = "file/D"
		for _, name := range []string{"a", "b"} {
			r.Dockerfile.FS = files(map[string]string{"file/D": "FROM scratch\nCOPY small /" + name})
			require.Equal(t, map[string]string{name: "new"}, built(t, e, r))
		}
		r.Dockerfile.FS = files(map[string]string{"file/D": "FROM scratch\nCOPY . /", "file/D.dockerignore": "*\n!small"})
		require.Equal(t, map[string]string{"small": "new"}, built(t, e, r))
	})
}

func TestEngineStream(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		pack := func(contents map[string]string) io.Reader {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for _, name := range slices.Sorted(maps.Keys(contents)) {
				w.WriteHeader(&tar.Header{Name: name, Size: int64(len(contents[name])), Mode: 0o644})
				io.WriteString(w, contents[name])
			}
			w.Close()
			return &b
		}
		contents := map[string]string{"Dockerfile": "FROM scratch\nCOPY f /", "f": unique("f")}
		require.Equal(t, contents["f"], built(t, e, &Request{Context: Source{Stream: pack(contents)}})["f"])
		alone := strings.NewReader(run("RUN echo alone >/out"))
		require.Equal(t, "alone\n", built(t, e, &Request{Context: Source{Stream: alone}})["out"])
		r := &Request{Context: Source{Stream: pack(contents)}}
		r.Dockerfile.FS = files(map[string]string{"D": "FROM scratch\nCOPY f /g"})
		r.DockerfileName = "D"
		require.Equal(t, contents["f"], built(t, e, r)["g"])
		failure := errors.New("a broken pipe")
		r = &Request{Context: Source{Stream: io.MultiReader(pack(contents), failing{failure})}}
		_, err := tryBuild(t, e, r)
		require.ErrorIs(t, err, failure)
	})
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

func TestEngineNamedContexts(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		if e.old() {
			t.Skip("needs 23.0")
		}
		dockerfile := "AS i\nRUN echo x >/x\nFROM scratch\nCOPY --from=more f /\nCOPY --from=dir . /d\nCOPY --from=i x /"
		r := &Request{
			Context: Source{FS: files(map[string]string{"Dockerfile": "FROM image " + dockerfile})},
			Contexts: map[string]Source{
				"more": {FS: files(map[string]string{"f": "more"})}, "dir": {Dir: on(t, map[string]string{"g": "dir"})},
				"image": {URL: "docker-image://" + baseImage},
			},
		}
		if e.store { // it would ask the registry for the image first
			delete(r.Contexts, "image")
			r.Context.FS = files(map[string]string{"Dockerfile": "FROM " + baseImage + " " + dockerfile})
		}
		require.Equal(t, map[string]string{"f": "more", "d/": "", "d/g": "dir", "x": "x\n"}, built(t, e, r))
	})
}

// Cancelling ends the build, also on the engine, where no process of it stays.
func TestEngineCancel(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		word := unique("sleeper")
		r := &Request{Context: Source{FS: files(map[string]string{"Dockerfile": run("RUN echo begun; sh -c 'sleep 300' " + word + "; echo >/out")})}}
		ctx, cancel := context.WithCancelCause(testContext(t))
		cause := errors.New("enough")
		r.Exports = []Export{{Type: "tar", Output: new(output).open}}
		o := listen(r)
		go func() {
			for !strings.Contains(o.logged(), "begun") {
				time.Sleep(10 * time.Millisecond)
			}
			cancel(cause)
		}()
		_, err := Solve(ctx, e.Engine, r)
		require.ErrorIs(t, err, errdefs.ErrCancelled)
		require.ErrorIs(t, err, cause)
		require.Contains(t, o.logged(), "begun")
		require.Eventually(t, func() bool { return !processRuns(word) }, 10*time.Second, 20*time.Millisecond)
	})
}

// processRuns looks for a word in the commands of this machine's processes, on which the
// engines of the tests run.
func processRuns(word string) bool {
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range list {
		text, _ := os.ReadFile(file)
		if bytes.Contains(text, []byte(word)) && !strings.HasPrefix(file, fmt.Sprintf("/proc/%d/", os.Getpid())) {
			return true
		}
	}
	return false
}

// A base image of a registry that asks for credentials.
func TestEnginePrivateBase(t *testing.T) {
	engines(t, func(t *testing.T, e *testEngine) {
		const registry = "127.0.0.1:5001"
		repository := registry + "/" + unique("base")
		e.do(t, http.MethodPost, "/images/"+baseImage+"/tag?tag=x&repo="+repository)
		header := auth.Credentials{Username: "user", Password: "pass", ServerAddress: registry}.Header()
		if text := e.push(t, repository, header); !strings.Contains(text, "digest: sha256:") {
			t.Skip("no registry of the tests here: " + text)
		}
		e.do(t, http.MethodDelete, "/images/"+repository+":x")
		t.Cleanup(func() { e.do(t, http.MethodDelete, "/images/"+repository+":x") })
		r := &Request{
			Context: Source{FS: files(map[string]string{"Dockerfile": "FROM " + repository + ":x AS b\nRUN echo y >/out\nFROM scratch\nCOPY --from=b out /"})},
		}
		for name, source := range map[string]auth.Source{
			"none":  nil,
			"wrong": auth.Static{registry: {Username: "user", Password: "wrong"}},
			"other": auth.Static{"127.0.0.1:5000": {Username: "user", Password: "pass"}},
		} {
			r.Auth = source
			_, err := tryBuild(t, e, r)
			t.Log(name, err)
			require.ErrorIs(t, err, errdefs.ErrRefused, name)
			require.ErrorContains(t, err, registry)
		}
		r.Auth = auth.Static{registry: {Username: "user", Password: "pass"}}
		require.Equal(t, "y\n", built(t, e, r)["out"])
		failure := errors.New("the keychain is locked")
		r.Auth, r.NoCache, r.Pull = failingSource{failure}, true, true
		_, err := tryBuild(t, e, r)
		require.ErrorIs(t, err, failure)
	})
}

type failingSource struct{ error }

func (f failingSource) Credentials(context.Context, string) (auth.Credentials, error) {
	return auth.Credentials{}, f.error
}

func (e *testEngine) push(t *testing.T, repository, header string) string {
	req, err := http.NewRequest(http.MethodPost, "/images/"+repository+"/push?tag=x", nil)
	require.NoError(t, err)
	req.Header.Set("X-Registry-Auth", header)
	resp, err := e.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}
