package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// writeContext keeps a context in a configuration folder, with the certificates, if any.
func writeContext(t *testing.T, dir, name, meta string, certs ...[]byte) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])
	path := filepath.Join(dir, "contexts", "meta", hash)
	require.NoError(t, os.MkdirAll(path, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(path, "meta.json"), []byte(meta), 0o600))
	tls := filepath.Join(dir, "contexts", "tls", hash, "docker")
	for i, text := range certs {
		require.NoError(t, os.MkdirAll(tls, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(tls, []string{"ca.pem", "cert.pem", "key.pem"}[i]), text, 0o600))
	}
}

func metaOf(name, host string) string {
	return fmt.Sprintf(`{"Name":%q,"Metadata":{"Description":"of %s","More":[1]},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, name, name, host)
}

// somewhere is a home without an engine and without anything of the environment.
func somewhere(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	standard, podman := standardSocket, podmanSocket
	t.Cleanup(func() { standardSocket, podmanSocket = standard, podman })
	podmanSocket = filepath.Join(home, "podman.sock")
	return home
}

// A resolution is that of the docker command, wherever there is one to ask.
type resolveCase struct {
	host, context       string // options
	env                 string // what else the environment has
	dockerHost, dockerC string
	current             string // of config.json; "{" is a broken one
	want                string // host and TLS; empty is an error
	differs             bool   // from the docker command: it goes on, looks for certificates that a socket needs none of, or says the port too
}

// resolveCases are all combinations of the places that name an engine, and what
// certificates do.
func resolveCases(certs string) (cases []resolveCase) {
	hosts := map[string]string{"one": "unix:///one.sock", "two": "tcp://two:2375", "three": "ssh://u@three:22", "default": "", "missing": ""}
	for _, host := range []string{"", "tcp://env:2375"} {
		for _, name := range []string{"", "two", "default", "missing"} {
			for _, current := range []string{"", "three", "default", "missing", "{"} {
				c := resolveCase{dockerHost: host, dockerC: name, current: current}
				switch {
				case host != "":
					c.want = host
				case name != "":
					c.want = hosts[name]
				case current == "{":
					c.differs = true
				default:
					c.want = hosts[current]
				}
				if c.want == "" && name+current != "" && (name == "default" || name == "" && current == "default") || host+name+current == "" {
					c.want = standardHost()
				}
				cases = append(cases, c)
			}
		}
	}
	for _, host := range []string{"", "unix:///env.sock"} {
		for _, name := range []string{"", "missing"} {
			for _, current := range []string{"{"} {
				base := resolveCase{dockerHost: host, dockerC: name, current: current}
				for _, option := range []resolveCase{
					{host: "tcp://option:2375", want: "tcp://option:2375"},
					{context: "one", want: hosts["one"]},
					{context: "missing"},
					{host: "unix:///x", context: "one"},
				} {
					option.dockerHost, option.dockerC, option.current = base.dockerHost, base.dockerC, base.current
					cases = append(cases, option)
				}
			}
		}
	}
	verify, path := "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH="+certs
	return append(cases,
		resolveCase{dockerHost: "tcp://env:2376", env: verify + " " + path, want: "tcp://env:2376 tls"},
		resolveCase{dockerHost: "tcp://env:2376", env: "DOCKER_TLS_VERIFY=0 " + path, want: "tcp://env:2376 tls"},
		resolveCase{dockerHost: "tcp://env:2376", env: "DOCKER_TLS=1 " + path, want: "tcp://env:2376 tls"},
		resolveCase{dockerHost: "tcp://env:2376", env: path, want: "tcp://env:2376 tls", differs: true},
		resolveCase{dockerHost: "tcp://env:2376", env: verify},
		resolveCase{dockerHost: "tcp://env:2376", env: verify + " DOCKER_CERT_PATH=/nowhere"},
		resolveCase{host: "tcp://option:2376", env: verify + " " + path, want: "tcp://option:2376 tls"},
		resolveCase{context: "default", env: verify + " " + path, dockerHost: "tcp://env:2376", want: "tcp://env:2376 tls"},
		resolveCase{context: "two", env: verify + " " + path, want: "tcp://two:2375"},
		resolveCase{context: "secure", want: "tcp://secure:2376 tls"},
		resolveCase{context: "ca", want: "tcp://ca:2376 tls"},
		resolveCase{context: "skip", want: "tcp://skip:2376 tls"},
		resolveCase{dockerC: "secure", env: verify, want: "tcp://secure:2376 tls"},
		resolveCase{current: "skip", want: "tcp://skip:2376 tls"},
		resolveCase{dockerC: "broken"},
		resolveCase{current: "broken"},
		resolveCase{dockerHost: "  unix:///env.sock ", want: "unix:///env.sock"},
		resolveCase{dockerHost: "carrier-pigeon://x"},
		resolveCase{dockerHost: "env:2375", want: "tcp://env:2375"},
		resolveCase{dockerHost: "env", want: "tcp://env", differs: true},
		resolveCase{dockerHost: "[::1]:2375", want: "tcp://[::1]:2375"},
		resolveCase{dockerHost: "/env.sock", differs: true},
		resolveCase{dockerHost: "unix:///env.sock", env: verify, want: "unix:///env.sock", differs: true},
	)
}

func TestResolutionIsThatOfTheDockerCommand(t *testing.T) {
	home := somewhere(t)
	config := filepath.Join(home, ".docker")
	certs := filepath.Join(home, "certs")
	ca, cert, key := certificates(t)
	require.NoError(t, os.MkdirAll(certs, 0o700))
	for name, text := range map[string][]byte{"ca.pem": ca, "cert.pem": cert, "key.pem": key} {
		require.NoError(t, os.WriteFile(filepath.Join(certs, name), text, 0o600))
	}
	writeContext(t, config, "one", metaOf("one", "unix:///one.sock"))
	writeContext(t, config, "two", metaOf("two", "tcp://two:2375"))
	writeContext(t, config, "three", metaOf("three", "ssh://u@three:22"))
	writeContext(t, config, "secure", metaOf("secure", "tcp://secure:2376"), ca, cert, key)
	writeContext(t, config, "ca", metaOf("ca", "tcp://ca:2376"), ca)
	writeContext(t, config, "skip", strings.Replace(metaOf("skip", "tcp://skip:2376"), "false", "true", 1))
	writeContext(t, config, "broken", `{"Name":`)
	cases := resolveCases(certs)
	require.Greater(t, len(cases), 40)
	folders := map[string]string{}
	for _, c := range cases {
		if folders[c.current] != "" {
			continue
		}
		dir := t.TempDir()
		folders[c.current] = dir
		require.NoError(t, os.Symlink(filepath.Join(config, "contexts"), filepath.Join(dir, "contexts")))
		text := fmt.Sprintf(`{"currentContext":%q}`, c.current)
		if c.current == "{" {
			text = c.current
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600))
	}
	answers := dockerAnswers(t, cases, folders)
	for i, c := range cases {
		name := fmt.Sprintf("%+v", c)
		t.Setenv("DOCKER_CONFIG", folders[c.current])
		t.Setenv("DOCKER_HOST", c.dockerHost)
		t.Setenv("DOCKER_CONTEXT", c.dockerC)
		for _, v := range []string{"DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"} {
			t.Setenv(v, "")
		}
		for _, v := range strings.Fields(c.env) {
			key, value, _ := strings.Cut(v, "=")
			t.Setenv(key, value)
		}
		r, err := Resolve(WithHost(c.host), WithContext(c.context))
		client, failed := New(WithHost(c.host), WithContext(c.context))
		require.Equal(t, err, failed, name)
		if c.want == "" {
			errorsIs(t, err, errdefs.ErrInvalidArgument)
		} else {
			require.NoError(t, err, name)
			require.Equal(t, c.want, strings.TrimSpace(r.Host+map[bool]string{true: " tls"}[r.TLS]), name)
			require.Equal(t, r.Host, client.Host())
		}
		if !c.differs && answers != nil {
			require.Equal(t, answers[i], c.want, name)
		}
	}
}

// dockerAnswers asks the docker command, nil where there is none.
func dockerAnswers(t *testing.T, cases []resolveCase, folders map[string]string) []string {
	program, err := exec.LookPath("docker")
	if err != nil {
		t.Log("there is no docker command to compare with")
		return nil
	}
	answers := make([]string, len(cases))
	limit := make(chan struct{}, 4)
	var all sync.WaitGroup
	for i, c := range cases {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			var args []string
			if c.host != "" {
				args = append(args, "--host", c.host)
			}
			if c.context != "" {
				args = append(args, "--context", c.context)
			}
			format := `{{.Endpoints.docker.Host}}{{if or .Endpoints.docker.SkipTLSVerify .TLSMaterial}} tls{{end}}`
			cmd := exec.Command(program, append(args, "context", "inspect", "--format", format)...)
			cmd.Env = append(os.Environ(), append(strings.Fields(c.env), "DOCKER_CONFIG="+folders[c.current], "DOCKER_HOST="+c.dockerHost, "DOCKER_CONTEXT="+c.dockerC)...)
			out, err := cmd.Output()
			if err == nil {
				answers[i] = strings.TrimSpace(string(out))
			}
		})
	}
	all.Wait()
	return answers
}

func TestResolutionFindsUserSockets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sockets are not looked for there")
	}
	home := somewhere(t)
	standardSocket = filepath.Join(home, "standard.sock")
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
	paths := append(userSockets(), standardSocket)
	r, err := Resolve()
	require.NoError(t, err)
	require.Equal(t, "unix://"+standardSocket, r.Host)
	require.Equal(t, SourceStandard, r.Source)
	require.Contains(t, r.String(), "found "+podmanSocket+": no socket\n")
	for i := len(paths) - 2; i >= -1; i-- { // each goes before all that were there
		path := standardSocket
		if i >= 0 {
			path = paths[i]
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		r, err = Resolve()
		require.NoError(t, err)
		require.NotEqual(t, i == len(paths)-2, r.Source == SourceFound, "a file is no socket")
		require.NoError(t, os.Remove(path))
		ln, err := net.Listen("unix", path)
		require.NoError(t, err)
		defer ln.Close()
		r, err = Resolve()
		require.NoError(t, err)
		require.Equal(t, "unix://"+path, r.Host)
	}
	require.Equal(t, SourceStandard, r.Source)
	for _, opt := range []Option{WithContext("default"), WithHost("unix://" + standardSocket)} {
		require.NoError(t, os.Remove(standardSocket))
		r, err = Resolve(opt)
		require.NoError(t, err)
		require.Equal(t, "unix://"+standardSocket, r.Host, "what is asked for is not searched for")
		require.NoError(t, os.WriteFile(standardSocket, nil, 0o600))
	}
}

func TestResolutionExplains(t *testing.T) {
	home := somewhere(t)
	writeContext(t, filepath.Join(home, ".docker"), "ci", metaOf("ci", "tcp://127.0.0.1:1"))
	t.Setenv("DOCKER_CONTEXT", "ci")
	r, err := Resolve()
	require.NoError(t, err)
	require.Equal(t, "tcp://127.0.0.1:1\n  option: none names a host or a context\n  DOCKER_HOST: not set\n  DOCKER_CONTEXT ci: the host tcp://127.0.0.1:1", r.String())
	require.Equal(t, "ci", r.Context)
	_, err = client(t).Info(t.Context(), nil)
	require.ErrorContains(t, err, "at tcp://127.0.0.1:1 (from the context ci, which DOCKER_CONTEXT names): ")
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:2")
	_, err = client(t).Info(t.Context(), nil)
	require.ErrorContains(t, err, "at tcp://127.0.0.1:2 (from DOCKER_HOST): ")
	t.Setenv("DOCKER_HOST", "pigeon://u:s3cr3t@x")
	_, err = New()
	require.ErrorContains(t, err, "(from DOCKER_HOST)")
	require.NotContains(t, err.Error(), "s3cr3t")
}

func TestBrokenContextsNameTheFix(t *testing.T) {
	home := somewhere(t)
	dir := filepath.Join(home, ".docker")
	ca, cert, key := certificates(t)
	writeContext(t, dir, "empty", `{"Name":"empty","Endpoints":{"docker":{}}}`)
	writeContext(t, dir, "other", `{"Name":"other","Endpoints":{"kubernetes":{"Host":"tcp://x"}}}`)
	writeContext(t, dir, "renamed", metaOf("somebody else", "tcp://x:1"))
	writeContext(t, dir, "array", `{"Name":"array","Endpoints":["s3cr3t"]}`)
	writeContext(t, dir, "text", `s3cr3t`)
	writeContext(t, dir, "pigeon", metaOf("pigeon", "pigeon://x"))
	writeContext(t, dir, "no-key", metaOf("no-key", "tcp://x:1"), ca, cert)
	writeContext(t, dir, "mixed", metaOf("mixed", "tcp://x:1"), ca, cert, ca)
	writeContext(t, dir, "http", metaOf("http", "http://x:1"), ca, cert, key)
	writeContext(t, dir, "large", `{"Name":"`+strings.Repeat("x", maxSmall)+`"}`)
	for name, want := range map[string]string{
		"empty": "docker context update", "other": "docker context update", "renamed": "docker context create",
		"array": "docker context create", "text": "docker context create", "pigeon": "the context pigeon",
		"no-key": "docker context update", "mixed": "docker context update", "http": "says plain http",
		"nowhere": "docker context ls", "../x": "docker context ls", "large": "larger than",
	} {
		for _, opts := range [][]Option{{WithContext(name)}, nil} {
			t.Setenv("DOCKER_CONTEXT", name)
			_, err := New(opts...)
			errorsIs(t, err, errdefs.ErrInvalidArgument)
			require.ErrorContains(t, err, want, name)
			require.NotContains(t, err.Error(), "s3cr3t", name)
			if opts == nil {
				require.ErrorContains(t, err, "DOCKER_CONTEXT", name)
			}
		}
	}
}

func TestContextList(t *testing.T) {
	home := somewhere(t)
	list, err := ContextList()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, standardHost(), list[0].Host)
	require.True(t, list[0].Current)
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	list, err = ContextList()
	require.NoError(t, err)
	require.Len(t, list, 1)

	dir := filepath.Join(home, "elsewhere")
	t.Setenv("DOCKER_CONFIG", dir)
	ca, cert, key := certificates(t)
	writeContext(t, dir, "b", metaOf("b", "tcp://b:2376"), ca, cert, key)
	writeContext(t, dir, "a", metaOf("a", "ssh://a"))
	writeContext(t, dir, "c", `nonsense`)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"currentContext":"b"}`), 0o600))
	list, err = ContextList()
	require.NoError(t, err)
	require.Len(t, list, 4)
	require.Equal(t, "default", list[0].Name)
	require.Error(t, list[1].Err)
	require.Equal(t, Context{Name: "a", Description: "of a", Host: "ssh://a"}, list[2])
	require.Equal(t, "b", list[3].Name)
	require.True(t, list[3].Current)
	require.FileExists(t, filepath.Join(list[3].TLSDir, "key.pem"))

	one, err := ContextInspect("a")
	require.NoError(t, err)
	require.Equal(t, "ssh://a", one.Host)
	_, err = ContextInspect("nowhere")
	errorsIs(t, err, errdefs.ErrInvalidArgument)
	t.Setenv("DOCKER_HOST", "tcp://env:1")
	one, err = ContextInspect("default")
	require.NoError(t, err)
	require.Equal(t, "tcp://env:1", one.Host)
	require.True(t, one.Current)
}

func FuzzContext(f *testing.F) {
	f.Add([]byte(metaOf("x", "tcp://x:1")))
	f.Add([]byte(`{"Name":"x","Metadata":[],"Endpoints":null}`))
	f.Fuzz(func(t *testing.T, meta []byte) {
		dir := t.TempDir()
		sum := sha256.Sum256([]byte("x"))
		hash := hex.EncodeToString(sum[:])
		path := filepath.Join(dir, "contexts", "meta", hash)
		require.NoError(t, os.MkdirAll(path, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(path, "meta.json"), meta, 0o600))
		c := readContext(dir, hash)
		if c.Err == nil {
			require.Equal(t, "x", c.Name)
			require.NotEmpty(t, c.Host)
			require.True(t, json.Valid(meta))
		} else {
			require.Less(t, len(c.Err.Error()), 400+4*len(c.Name))
		}
	})
}
