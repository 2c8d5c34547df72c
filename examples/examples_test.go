package examples

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
)

// examples are all of them, with what each has to print on an engine.
var examples = []struct {
	name string
	args []string
	want []string // regular expressions
}{
	{name: "build", args: []string{"-dir", "build/app"}, want: []string{`cleat-example:built is sha256:[0-9a-f]{64}\n`}},
	{name: "contexts", want: []string{`^\* default \S+://\S+\n`, `DOCKER_HOST: the host \S+\n`, `engine \d+\.`}},
	{name: "copy", args: []string{"-dir", "copy"}, want: []string{`in the container: a note\n`, `back here: \[\S+main\.go\]`}},
	{name: "credentials"},
	{name: "dialer", want: []string{`(?s)open already is used\n.*another is opened.*hello through the dialer\n`}},
	{name: "errors", want: []string{
		`(?s)status: 404 .*errors.Is not found\n  errors.Is refused\n`,
		`(?s)status: 409 .*errors.Is conflict\n  errors.Is refused\n`,
		`errors.Is invalid argument\n  errors.Is not sent\n`,
		`errors.Is unavailable\n  errors.Is not sent\n`,
		`error:  \S.* enough\n  errors.Is not sent\n  errors.Is cancelled\n$`,
	}},
	{name: "events", want: []string{`^listed: \d+ run\n`, `start /\w+: \d+ run\n`, `die /\w+: \d+ run\n$`}},
	{name: "exec", want: []string{`root:x:0:0:`, `lines of input: 3\n`, `ls ended with [1-9]`}},
	{name: "health", want: []string{`the first is healthy\nthe second is unhealthy for good: .*no database\n`}},
	{name: "import", want: []string{
		`imported sha256:[0-9a-f]{64}\ncommitted sha256:[0-9a-f]{64}\n`,
		`saved \d{5,} bytes and loaded \[\S*cleat-example:tagged\]\nwritten before the commit\n$`,
	}},
	{name: "logs", want: []string{`(?s)\d stdout line 1\n.*\d stdout line 2\n.*\d stdout line 3\n.*\d stderr that was all\n$`}},
	{name: "middleware", want: []string{`method=HEAD path=/_ping`, `/attach .* status=101\n`, `Authorization:\[REDACTED\]`, `hello\n`}},
	{name: "prune", want: []string{`removed 2 containers and 0 images`}},
	{name: "pull"},
	{name: "quickstart", want: []string{
		`1\.\d+ in use\n`, `hello from a container\nexit code 3, and on its error output: it went wrong\n`,
		`(?s)stdout line 1\n.*stdout line 3\n.*stderr done\n`, `(?m)^WRITTEN TO ITS INPUT$`, `"hello, file"`,
		`CPU \d+\.\d\d %, memory [1-9]\d* KiB`, `exit status 137\n`, ` exec`, ` die\n$`,
	}},
	{name: "run", want: []string{`to the output\n`, `to the error output\n`}},
	{name: "shell", want: []string{`/dev/\S+\r\nuid=0\(root\)`}},
	{name: "ssh", want: []string{`^hello from ssh://\S+\n$`}},
	{name: "stats", args: []string{"-n", "2"}, want: []string{`CPU +MEMORY`, `(?m)^ *\d+\.\d\d % +[1-9]\d* KiB +[1-9]\d* KiB +[1-9]`}},
	{name: "tls", want: []string{`spoke TLS to tcp://127\.0\.0\.1:\d+: engine \d+\.`}},
	{name: "wait", want: []string{`^it ended with 7\n$`}},
}

// binaries is the folder of the built examples.
var binaries string

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "cleat-examples-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(binaries)
	os.Exit(code)
}

// build runs go build for the examples, without the debug information, which takes long.
func build(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command("go", append([]string{"build", "-buildvcs=false", "-ldflags=-s -w"}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// program returns the binary of an example, which it builds once.
func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(binaries, name+".exe")
	if _, err := os.Stat(path); err != nil {
		build(t, "-o", path, "./"+name)
	}
	return path
}

func TestEveryExampleCompilesAndIsListed(t *testing.T) {
	build(t, "./...")
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	var folders, names []string
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "internal" {
			folders = append(folders, entry.Name())
		}
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, e := range examples {
		names = append(names, e.name)
		require.Regexp(t, `(?m)^//	`+e.name+`  +\w`, string(doc))
	}
	require.Equal(t, folders, names)
}

// result is what became of a program.
type result struct {
	code   int
	output string // both of them
}

// start runs an example without an input and with the engine that env names.
func start(t *testing.T, env []string, name string, args ...string) result {
	t.Helper()
	path := program(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "DOCKER_") }), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "it takes too long; so far:\n%s", out.String())
	if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		require.NoError(t, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String()}
}

// hosts are the engines of DOCKER_TEST_HOSTS, each as the environment that names it.
func hosts(t *testing.T) (envs [][]string) {
	for _, text := range strings.Fields(os.Getenv("DOCKER_TEST_HOSTS")) {
		host, query, _ := strings.Cut(text, "?")
		env := []string{"DOCKER_HOST=" + host}
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		if certs := values.Get("certs"); certs != "" {
			env = append(env, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH="+certs)
		}
		envs = append(envs, env)
	}
	return envs
}

// TestOnEngines runs quickstart on every engine, and all others on the first one.
func TestOnEngines(t *testing.T) {
	envs := hosts(t)
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			switch {
			case e.name == "pull" || e.name == "credentials":
				t.Skip("it is tested without an engine")
			case len(envs) == 0:
				t.Skip("DOCKER_TEST_HOSTS is empty: no engine to run it on")
			}
			for i, env := range envs {
				if i > 0 && e.name != "quickstart" {
					break
				}
				if e.name == "ssh" {
					env = overSSH(t, env)
				}
				if e.name == "tls" && len(env) > 1 {
					t.Skip("the first engine speaks TLS itself")
				}
				check(t, env, e.name, e.args, e.want)
			}
		})
	}
}

// overSSH is the environment of the engine of env at the far end of ssh, which is the one
// of DOCKER_TEST_SSH, or this test under its name.
func overSSH(t *testing.T, env []string) []string {
	if host := os.Getenv("DOCKER_TEST_SSH"); host != "" {
		return []string{"DOCKER_HOST=" + host}
	}
	socket, ok := strings.CutPrefix(env[0], "DOCKER_HOST=unix://")
	if !ok {
		t.Skip("DOCKER_TEST_SSH is empty, and the first engine is at no socket")
	}
	program, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(program, filepath.Join(dir, "ssh")))
	return []string{"DOCKER_HOST=ssh://far", "SSH_TEST_ENGINE=" + socket, "PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH")}
}

// Under the name of ssh, the test carries a connection to an engine's socket.
func init() {
	if filepath.Base(os.Args[0]) != "ssh" {
		return
	}
	engine, err := net.Dial("unix", os.Getenv("SSH_TEST_ENGINE"))
	if err != nil {
		panic(err)
	}
	go func() {
		io.Copy(engine, os.Stdin)
		engine.(*net.UnixConn).CloseWrite()
	}()
	io.Copy(os.Stdout, engine)
	os.Exit(0)
}

// check runs an example on an engine, and requires that it leaves nothing there.
func check(t *testing.T, env []string, name string, args, want []string) {
	t.Helper()
	for _, v := range env {
		key, value, _ := strings.Cut(v, "=")
		t.Setenv(key, value)
	}
	c, err := docker.New()
	require.NoError(t, err)
	defer c.Close()
	before := left(t, c)

	got := start(t, env, name, args...)
	require.Equal(t, 0, got.code, "%v\n%s", env, got.output)
	for _, expr := range want {
		require.Regexp(t, expr, got.output, env)
	}
	require.NotContains(t, got.output, "12345", "a secret is printed")

	for _, id := range left(t, c) {
		require.Contains(t, before, id, "it is left behind on %v", env)
	}
}

// left lists what examples have made on an engine.
func left(t *testing.T, c *docker.Client) (ids []string) {
	t.Helper()
	containers, err := c.ContainerList(t.Context(), &docker.ContainerListOptions{
		All: true, Filters: docker.Filters{"label": {"cleat-example"}},
	})
	require.NoError(t, err)
	for _, container := range containers {
		ids = append(ids, container.ID)
	}
	images, err := c.ImageList(t.Context(), &docker.ImageListOptions{Filters: docker.Filters{"reference": {"cleat-example", "cleat-quickstart"}}})
	require.NoError(t, err)
	for _, image := range images {
		ids = append(ids, image.ID)
	}
	return ids
}

// TestQuickstartWithoutEngine is what a fresh machine sees: an engine in memory where there
// is none, and a failure where there is something else.
func TestQuickstartWithoutEngine(t *testing.T) {
	for host, hint := range map[string]string{
		"unix:///nonexistent": "there is no socket: is the engine running",
		"tcp://127.0.0.1:1":   "nothing listens there: is the engine running",
	} {
		if runtime.GOOS == "windows" {
			t.Skip("other errors there")
		}
		got := start(t, []string{"DOCKER_HOST=" + host}, "quickstart")
		require.Equal(t, 0, got.code, got.output)
		require.Contains(t, got.output, "No engine answers there")
		require.Contains(t, got.output, "cannot connect to the engine at "+host)
		require.Contains(t, got.output, hint)
		require.Contains(t, got.output, "in memory, of package enginetest")
		require.Contains(t, got.output, "hello from a container")
		require.Contains(t, got.output, `/hello.txt holds "hello, file"`)
		require.Contains(t, got.output, "WRITTEN TO ITS INPUT")
	}

	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for want, env := range map[string][]string{
		"status 404":                       {"DOCKER_HOST=" + strings.Replace(other.URL, "http", "tcp", 1)},
		"its certificates cannot be read":  {"DOCKER_HOST=tcp://127.0.0.1:1", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/nonexistent"},
		`the unknown scheme "carrier-pig"`: {"DOCKER_HOST=carrier-pig://home"},
	} {
		got := start(t, env, "quickstart")
		require.Equal(t, 1, got.code, got.output)
		require.Contains(t, got.output, want)
	}
}

// TestPull pulls from an engine that knows one user, since real ones may have no network.
func TestPull(t *testing.T) {
	const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.51")
		if r.URL.Path == "/_ping" {
			return
		}
		if user, password := credentialsOf(r); user != "me" || password != "12345" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message":"authentication required"}`)
			return
		}
		fmt.Fprintln(w, `{"status":"Pulling fs layer","progressDetail":{},"id":"9a7d5ca9e973"}`)
		fmt.Fprintln(w, `{"status":"Pull complete","progressDetail":{},"id":"9a7d5ca9e973"}`)
		fmt.Fprintf(w, "{\"status\":\"Digest: %s\"}\n", digest)
		fmt.Fprintf(w, "{\"status\":\"Status: Downloaded newer image for %s:%s\"}\n", r.FormValue("fromImage"), r.FormValue("tag"))
	}))
	defer engine.Close()
	env := []string{"DOCKER_HOST=" + strings.Replace(engine.URL, "http", "tcp", 1), "REGISTRY_PASSWORD=12345"}

	got := start(t, env, "pull", "-image", "registry.example.com/app:1", "-user", "me")
	require.Equal(t, 0, got.code, got.output)
	require.Contains(t, got.output, "9a7d5ca9e973: Pull complete")
	require.Contains(t, got.output, "registry.example.com/app:1 is "+digest+", new here: true\n")
	require.NotContains(t, got.output, "12345")

	got = start(t, env, "pull")
	require.Equal(t, 1, got.code, got.output)
	require.Contains(t, got.output, "these credentials will not do")
}

// TestCredentials logs in, lists and logs out with an engine that knows one user.
func TestCredentials(t *testing.T) {
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.51")
		if r.URL.Path == "/_ping" {
			return
		}
		var sent struct{ Username, Password string }
		if json.NewDecoder(r.Body).Decode(&sent) != nil || sent.Username != "me" || sent.Password != "12345" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message":"incorrect username or password"}`)
			return
		}
		fmt.Fprint(w, `{"Status":"Login Succeeded"}`)
	}))
	defer engine.Close()
	dir := t.TempDir()
	env := []string{"DOCKER_HOST=" + strings.Replace(engine.URL, "http", "tcp", 1), "DOCKER_CONFIG=" + dir, "REGISTRY_PASSWORD=12345"}
	login := []string{"-registry", "registry.example.com", "-user"}

	got := start(t, env, "credentials", append(login, "you")...)
	require.Equal(t, 1, got.code, got.output)
	require.Contains(t, got.output, "incorrect username or password")
	got = start(t, env, "credentials", append(login, "me")...)
	require.Equal(t, result{0, "Login Succeeded\nregistry.example.com me\n"}, got)
	require.FileExists(t, filepath.Join(dir, "config.json"))
	require.Equal(t, result{0, "registry.example.com me\n"}, start(t, env, "credentials"))
	require.Equal(t, result{0, ""}, start(t, env, "credentials", "-registry", "registry.example.com", "-logout"))
	require.Equal(t, result{0, ""}, start(t, env, "credentials"))
}

func credentialsOf(r *http.Request) (user, password string) {
	var sent struct{ Username, Password string }
	text, err := base64.URLEncoding.DecodeString(r.Header.Get("X-Registry-Auth"))
	if err != nil || json.Unmarshal(text, &sent) != nil {
		return "", ""
	}
	return sent.Username, sent.Password
}

// TestRunOnAnEngineEndsWithTheCode looks at the code of the command that run runs.
func TestRunOnAnEngineEndsWithTheCode(t *testing.T) {
	envs := hosts(t)
	if len(envs) == 0 {
		t.Skip("DOCKER_TEST_HOSTS is empty: no engine to run it on")
	}
	got := start(t, envs[0], "run", "--", "sh", "-c", "echo $GREETING; exit 42")
	require.Equal(t, result{42, "hello\n"}, got)
}
