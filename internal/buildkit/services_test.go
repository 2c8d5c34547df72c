package buildkit

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
)

// during runs a build of the scripted engine, which succeeds, and returns its error.
func during(t *testing.T, r *Request, do func(b *fakeBuild)) error {
	t.Helper()
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		do(b)
		return imageMade(), nil
	})
	_, err := Solve(testContext(t), f.engine(), r)
	return err
}

// recorded is a source that notes what it is asked for.
type recorded struct {
	auth.Static
	asked []string
}

func (r *recorded) Credentials(ctx context.Context, registry string) (auth.Credentials, error) {
	r.asked = append(r.asked, registry)
	return r.Static.Credentials(ctx, registry)
}

func TestCredentials(t *testing.T) {
	noLeaks(t)
	source := &recorded{Static: auth.Static{
		"docker.io": {Username: "hub", Password: "p"}, "r.example:5000": {Username: "u", IdentityToken: "it"},
	}}
	require.NoError(t, during(t, &Request{Auth: source}, func(b *fakeBuild) {
		for _, c := range []struct{ host, user, secret string }{
			{"registry-1.docker.io", "hub", "p"},
			{"index.docker.io", "hub", "p"},
			{"docker.io", "hub", "p"},
			{"r.example:5000", "", "it"},
			{"r.example", "", ""},
			{"evil.r.example:5000", "", ""},
			{"", "", ""},
		} {
			answer, err := b.call(b.ctx, pathAuth+"Credentials", message(nil).text(1, c.host))
			require.NoError(t, err)
			require.Equal(t, message(nil).text(1, c.user).text(2, c.secret), message(answer[:len(answer):len(answer)])[:len(answer):len(answer)], c.host)
		}
		_, err := b.call(b.ctx, pathAuth+"GetTokenAuthority", message(nil).text(1, "r.example"))
		require.Equal(t, codeUnimplemented, code(t, err))
	}))
	require.Equal(t, []string{"docker.io", "r.example:5000", "r.example", "evil.r.example:5000", ""}, source.asked, "each once")
}

func TestTokenAuthority(t *testing.T) {
	noLeaks(t)
	ask := func(c auth.Credentials, method string, request message) (answer []byte) {
		require.NoError(t, during(t, &Request{Auth: auth.Static{"r.example": c}}, func(b *fakeBuild) {
			var err error
			answer, err = b.call(b.ctx, pathAuth+method, request)
			require.NoError(t, err)
		}))
		s, err := textField(answer, 1)
		require.NoError(t, err)
		return []byte(s)
	}
	right, wrong := auth.Credentials{Username: "u", Password: "p"}, auth.Credentials{Username: "u", Password: "q"}
	get := message(nil).text(1, "r.example").text(2, "salt")
	key := ask(right, "GetTokenAuthority", get)
	require.Len(t, key, ed25519.PublicKeySize)
	require.Equal(t, key, ask(right, "GetTokenAuthority", get))
	require.NotEqual(t, key, ask(wrong, "GetTokenAuthority", get))
	require.NotEqual(t, key, ask(right, "GetTokenAuthority", message(nil).text(1, "r.example").text(2, "pepper")))
	verify := message(nil).text(1, "r.example").text(2, "payload").text(3, "salt")
	signed := ask(right, "VerifyTokenAuthority", verify)
	require.Equal(t, "payload", string(signed[ed25519.SignatureSize:]))
	require.True(t, ed25519.Verify(key, []byte("payload"), signed[:ed25519.SignatureSize]))
	signed = ask(wrong, "VerifyTokenAuthority", verify)
	require.False(t, ed25519.Verify(key, []byte("payload"), signed[:ed25519.SignatureSize]))
}

func TestFetchToken(t *testing.T) {
	noLeaks(t)
	var got *http.Request
	answer := `{"token":"T","expires_in":300,"issued_at":"2026-01-02T03:04:05Z"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		if got = r; r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		io.WriteString(w, answer)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	request := func(host, realm string) message {
		return message(nil).text(1, "client").text(2, host).text(3, realm).text(4, "service").texts(5, []string{"s1", "s2"})
	}
	fetch := func(c auth.Credentials, m message) (token []byte, err error) {
		failed := during(t, &Request{Auth: auth.Static{host: c, "r.example": c}}, func(b *fakeBuild) {
			token, err = b.call(b.ctx, pathAuth+"FetchToken", m)
		})
		require.NoError(t, failed)
		return token, err
	}
	token, err := fetch(auth.Credentials{Username: "u", Password: "p"}, request(host, server.URL+"/token?x=y"))
	require.NoError(t, err)
	require.Equal(t, message(nil).text(1, "T").number(2, 300).number(3, 1767323045), message(token))
	user, password, _ := got.BasicAuth()
	require.Equal(t, []string{"u", "p", http.MethodGet}, []string{user, password, got.Method})
	require.Equal(t, url.Values{
		"x": {"y"}, "scope": {"s1", "s2"}, "service": {"service"}, "client_id": {"client"}, "account": {"u"},
	}, got.Form)

	answer = `{"access_token":"A"}`
	token, err = fetch(auth.Credentials{IdentityToken: "refresh"}, request(host, server.URL))
	require.NoError(t, err)
	text, err := textField(token, 1)
	require.NoError(t, err)
	require.Equal(t, "A", text)
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "refresh", got.PostForm.Get("refresh_token"))
	require.Equal(t, "s1 s2", got.PostForm.Get("scope"))

	got = nil
	token, err = fetch(auth.Credentials{RegistryToken: "R"}, request(host, server.URL))
	require.NoError(t, err)
	require.Equal(t, message(nil).text(1, "R"), message(token))
	for name, m := range map[string]message{
		"plain text to another machine": request("r.example", server.URL), "no realm": request(host, ""), "no URL": request(host, "::"),
	} {
		_, err = fetch(auth.Credentials{Username: "u", Password: "p"}, m)
		require.Error(t, err, name)
		require.Nil(t, got, name)
	}
	_, err = fetch(auth.Credentials{Username: "u", Password: "p"}, request(host, server.URL+"/refuse"))
	require.ErrorContains(t, err, "401")
	for _, answer = range []string{"", "{}", "<html>", `{"token":1}`} {
		_, err = fetch(auth.Credentials{Username: "u", Password: "s3cret"}, request(host, server.URL))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestSecrets(t *testing.T) {
	noLeaks(t)
	failure := errors.New("the vault is closed")
	big := filepath.Join(t.TempDir(), "big")
	require.NoError(t, os.WriteFile(big, make([]byte, maxSecret+1), 0o600))
	r := &Request{Secrets: map[string]Secret{
		"a":      func(context.Context) ([]byte, error) { return []byte("a\x00b"), nil },
		"failed": func(context.Context) ([]byte, error) { return nil, failure },
		"big":    func(context.Context) ([]byte, error) { return make([]byte, maxSecret+1), nil },
		"file":   FileSecret(big), "env": EnvSecret("CLEAT_TEST_NOT_SET"),
	}}
	require.NoError(t, during(t, r, func(b *fakeBuild) {
		answer, err := b.call(b.ctx, pathSecret, message(nil).text(1, "a"))
		require.NoError(t, err)
		require.Equal(t, message(nil).text(1, "a\x00b"), message(answer))
		_, err = b.call(b.ctx, pathSecret, message(nil).text(1, "b"))
		require.Equal(t, codeNotFound, code(t, err))
		for _, id := range []string{"big", "file", "env"} {
			_, err = b.call(b.ctx, pathSecret, message(nil).text(1, id))
			require.Equal(t, codeUnknown, code(t, err), id)
		}
	}))
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		_, err := b.call(b.ctx, pathSecret, message(nil).text(1, "failed"))
		return nil, fmt.Errorf("failed to solve: %w", err)
	})
	_, err := Solve(testContext(t), f.engine(), r)
	require.ErrorIs(t, err, failure)
}

// Without secrets, agents and outputs in the request, nothing is served.
func TestOnlyWhatWasAskedForIsServed(t *testing.T) {
	noLeaks(t)
	require.NoError(t, during(t, scratch(), func(b *fakeBuild) {
		for _, path := range []string{pathSecret, pathSSH, pathSSHCheck, pathExport, pathUpload} {
			_, err := b.call(b.ctx, path, nil)
			require.Equal(t, codeUnimplemented, code(t, err), path)
			require.NotContains(t, b.header["X-Docker-Expose-Session-Grpc-Method"], path)
		}
	}))
}

func TestForwardAgent(t *testing.T) {
	noLeaks(t)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer l.Close()
	go func() { // reads to the end, and then answers
		conn, err := l.Accept()
		if err == nil {
			text, _ := io.ReadAll(conn)
			conn.Write(bytes.ToUpper(text))
			conn.Close()
		}
	}()
	require.NoError(t, during(t, &Request{SSH: map[string]Agent{"default": AgentSocket(socket)}}, func(b *fakeBuild) {
		_, err := b.call(b.ctx, pathSSHCheck, message(nil).text(1, "default"))
		require.NoError(t, err)
		_, err = b.call(b.ctx, pathSSHCheck, message(nil).text(1, "other"))
		require.Equal(t, codeNotFound, code(t, err))
		o, err := b.open(pathSSH, http.Header{"buildkit.ssh.id": {"default"}})
		require.NoError(t, err)
		require.NoError(t, o.send(message(nil).text(1, strings.Repeat("request ", 100_000))))
		require.NoError(t, o.out.Close())
		text, err := io.ReadAll(&received{in: o.frames})
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("REQUEST ", 100_000), string(text))
		require.NoError(t, o.end())
		l.Close()
		o, err = b.open(pathSSH, nil)
		require.NoError(t, err)
		require.Error(t, o.end())
	}))
}

func archived(contents map[string]string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range contents {
		w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644})
		io.WriteString(w, content)
	}
	w.Close()
	return b.Bytes()
}

// deliver sends an export, cut where the engine breaks it off.
func (b *fakeBuild) deliver(id string, content []byte, cut bool) error {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	whole := b.ctx
	b.ctx = ctx
	o, err := b.open(pathExport, http.Header{"buildkit-attachable-exporter-id": {id}})
	b.ctx = whole
	if err != nil {
		return err
	}
	for len(content) > 0 {
		n := min(len(content), 1000)
		if o.send(message(nil).bytes(1, content[:n])) != nil {
			break
		}
		content = content[n:]
	}
	if cut {
		cancel()
		return nil
	}
	return o.end()
}

func TestExports(t *testing.T) {
	noLeaks(t)
	dir := filepath.Join(t.TempDir(), "out")
	whole, cut := new(output), new(output)
	r := &Request{Exports: []Export{
		{Type: "moby"}, {Type: "tar", Output: whole.open}, {Type: "local", Receive: ToDir(dir)}, {Type: "oci", Output: cut.open},
	}}
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	require.NoError(t, during(t, r, func(b *fakeBuild) {
		require.NoError(t, b.deliver("1", content, false))
		require.NoError(t, b.deliver("2", archived(map[string]string{"a/b": "x"}), false))
		require.NoError(t, b.deliver("3", content[:5000], true))
		for _, id := range []string{"0", "4", "-1"} {
			require.Equal(t, codeNotFound, code(t, b.deliver(id, nil, false)), id)
		}
		require.Error(t, b.deliver("2", archived(map[string]string{"../evil": "x"}), false))
		require.NoFileExists(t, filepath.Join(filepath.Dir(dir), "evil"))
		require.Error(t, b.deliver("2", archived(map[string]string{"c": "x"})[:700], false))
	}))
	require.Equal(t, content, whole.Bytes())
	require.Equal(t, 1, whole.closed)
	require.FileExists(t, filepath.Join(dir, "a", "b"))
	require.Error(t, cut.failed, "an archive that is cut is not closed as if it were whole")
	require.Zero(t, cut.closed)
}

func TestEngineErrorsOfExports(t *testing.T) {
	noLeaks(t)
	failure := errors.New("disk full")
	r := &Request{Exports: []Export{{Type: "tar", Output: func(context.Context) (io.WriteCloser, error) { return full{failure}, nil }}}}
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) { return nil, b.deliver("", make([]byte, 100_000), false) })
	_, err := Solve(testContext(t), f.engine(), r)
	require.ErrorIs(t, err, failure)
}

type full struct{ error }

func (f full) Write([]byte) (int, error) { return 0, f.error }
func (f full) Close() error              { return nil }
