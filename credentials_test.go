package docker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// The tests know nothing of the configuration of whoever runs them.
func init() {
	for _, name := range []string{"DOCKER_CONTEXT", "DOCKER_AUTH_CONFIG"} {
		os.Unsetenv(name)
	}
	os.Setenv("DOCKER_CONFIG", filepath.Join(os.TempDir(), "cleat-tests-have-no-configuration"))
}

// asked is a source that notes who is asked for, and gives its answers one by one, the
// last one again and again.
type asked struct {
	mu      sync.Mutex
	names   []string
	answers []string // passwords
	err     error
}

func (a *asked) Credentials(_ context.Context, registry string) (auth.Credentials, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names = append(a.names, registry)
	if a.err != nil || len(a.answers) == 0 {
		return auth.Credentials{}, a.err
	}
	password := a.answers[min(len(a.names), len(a.answers))-1]
	return auth.Credentials{Username: "u", Password: password, ServerAddress: registry}, nil
}

// sentTo decodes the header of the credentials, nil where there is none.
func sentTo(r *http.Request) map[string]string {
	var sent map[string]string
	text, err := base64.URLEncoding.DecodeString(r.Header.Get(registryAuth))
	if err != nil || json.Unmarshal(text, &sent) != nil {
		return nil
	}
	return sent
}

// registryCalls are all calls that hand over credentials for r.example:5000.
func registryCalls(given *auth.Credentials) map[string]func(context.Context, *Client) error {
	const image = "r.example:5000/team/app:1"
	spec := ServiceSpec{TaskTemplate: TaskSpec{ContainerSpec: &ContainerSpec{Image: image}}}
	return map[string]func(context.Context, *Client) error{
		"pull": func(ctx context.Context, c *Client) error {
			_, err := c.ImagePull(ctx, image, &ImagePullOptions{Auth: given})
			return err
		},
		"push": func(ctx context.Context, c *Client) error {
			_, err := c.ImagePush(ctx, image, &ImagePushOptions{Auth: given})
			return err
		},
		"search": func(ctx context.Context, c *Client) error {
			_, err := c.ImageSearch(ctx, "r.example:5000/app", &ImageSearchOptions{Auth: given})
			return err
		},
		"distribution": func(ctx context.Context, c *Client) error {
			_, err := c.DistributionInspect(ctx, image, &DistributionInspectOptions{Auth: given})
			return err
		},
		"plugin privileges": func(ctx context.Context, c *Client) error {
			_, err := c.PluginPrivileges(ctx, image, &PluginPrivilegesOptions{Auth: given})
			return err
		},
		"plugin install": func(ctx context.Context, c *Client) error {
			_, err := c.PluginInstall(ctx, image, &PluginInstallOptions{Auth: given, Disabled: true})
			return err
		},
		"plugin upgrade": func(ctx context.Context, c *Client) error {
			return c.PluginUpgrade(ctx, "mine", image, &PluginUpgradeOptions{Auth: given})
		},
		"plugin push": func(ctx context.Context, c *Client) error {
			_, err := c.PluginPush(ctx, image, &PluginPushOptions{Auth: given})
			return err
		},
		"service create": func(ctx context.Context, c *Client) error {
			_, err := c.ServiceCreate(ctx, spec, &ServiceCreateOptions{Auth: given, FindAuth: true})
			return err
		},
		"service update": func(ctx context.Context, c *Client) error {
			_, err := c.ServiceUpdate(ctx, "id", ObjectVersion{Index: 1}, spec, &ServiceUpdateOptions{Auth: given, FindAuth: true})
			return err
		},
	}
}

// registryEngine answers calls that carry the password, which may be empty, and refuses all others.
func registryEngine(t *testing.T, password string, seen func(*http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen(r)
		plain := strings.HasSuffix(r.URL.Path, "/plugins/r.example:5000/team/app:1/json")
		switch sent := sentTo(r); {
		case !plain && sent["password"] != password:
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"message":"unauthorized: authentication required"}`)
		case strings.HasSuffix(r.URL.Path, "/privileges"), strings.HasSuffix(r.URL.Path, "/search"):
			fmt.Fprint(w, `[]`)
		case strings.HasSuffix(r.URL.Path, "/push"):
			fmt.Fprint(w, `{"aux":{"Tag":"1","Digest":"sha256:0","Size":1}}`)
		case strings.HasSuffix(r.URL.Path, "/images/create"):
			fmt.Fprint(w, `{"status":"Status: Downloaded newer image for r.example:5000/team/app:1"}`)
		default:
			fmt.Fprint(w, `{}`)
		}
	})
}

func TestCallsFindCredentialsInTheSource(t *testing.T) {
	for name, call := range registryCalls(nil) {
		t.Run(name, func(t *testing.T) {
			source := &asked{answers: []string{"right"}}
			c := serve(t, "unix", registryEngine(t, "right", func(*http.Request) {}), pinned, WithCredentials(source))
			require.NoError(t, call(t.Context(), c))
			for _, registry := range source.names {
				require.Equal(t, "r.example:5000", registry)
			}
			require.NotEmpty(t, source.names)
		})
	}
}

func TestCredentialsThatAreGivenAreNotLookedUp(t *testing.T) {
	for name, given := range map[string]*auth.Credentials{"anonymous": {}, "own": {Username: "u", Password: "own"}} {
		for call, do := range registryCalls(given) {
			t.Run(name+" "+call, func(t *testing.T) {
				source := &asked{answers: []string{"other"}}
				c := serve(t, "unix", registryEngine(t, given.Password, func(*http.Request) {}), pinned, WithCredentials(source))
				require.NoError(t, do(t.Context(), c))
				require.Empty(t, source.names)
			})
		}
	}
}

func TestWithoutASourceCallsAreAnonymous(t *testing.T) {
	t.Setenv("DOCKER_AUTH_CONFIG", `{"auths":{"r.example:5000":{"username":"u","password":"env"}}}`)
	for call, do := range registryCalls(nil) {
		t.Run(call, func(t *testing.T) {
			c := serve(t, "unix", registryEngine(t, "", func(*http.Request) {}), pinned, WithCredentials(nil))
			require.NoError(t, do(t.Context(), c))
			c = serve(t, "unix", registryEngine(t, "env", func(*http.Request) {}), pinned)
			require.NoError(t, do(t.Context(), c))
		})
	}
}

func TestServicesGetNoCredentialsUnasked(t *testing.T) {
	source := &asked{answers: []string{"any"}}
	c := serve(t, "unix", registryEngine(t, "", func(*http.Request) {}), pinned, WithCredentials(source))
	spec := ServiceSpec{TaskTemplate: TaskSpec{ContainerSpec: &ContainerSpec{Image: "r.example/x"}}}
	_, err := c.ServiceCreate(t.Context(), spec, nil)
	require.NoError(t, err)
	_, err = c.ServiceUpdate(t.Context(), "id", ObjectVersion{Index: 1}, spec, nil)
	require.NoError(t, err)
	require.Empty(t, source.names)
}

// A registry's refusal asks the source once more, and another answer is tried once.
func TestCredentialsAreRenewedOnce(t *testing.T) {
	for name, call := range registryCalls(nil) {
		for _, c := range []struct {
			answers []string
			asked   int
			sent    int
			ok      bool
		}{
			{[]string{"old", "right"}, 2, 2, true},
			{[]string{"old", "old"}, 2, 1, false},
			{[]string{"old", "older", "right"}, 2, 2, false},
			{nil, 2, 1, false},
		} {
			t.Run(fmt.Sprint(name, c.answers), func(t *testing.T) {
				var mu sync.Mutex
				sent := map[string]int{}
				source := &asked{answers: c.answers}
				client := serve(t, "unix", registryEngine(t, "right", func(r *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					sent[r.URL.Path]++
				}), pinned, WithCredentials(source))
				err := call(t.Context(), client)
				if !c.ok {
					errorsIs(t, err, errdefs.ErrRefused)
					require.Len(t, source.names, c.asked)
					require.Len(t, sent, 1)
				} else {
					require.NoError(t, err)
				}
				for path, n := range sent {
					require.LessOrEqual(t, n, c.sent, path)
				}
			})
		}
	}
}

func TestAPullThatIsRefusedInItsStreamIsRenewed(t *testing.T) {
	tries := 0
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tries++
		fmt.Fprintln(w, `{"status":"Pulling from team/app","id":"1"}`)
		if sentTo(r)["password"] != "right" {
			fmt.Fprintln(w, `{"errorDetail":{"message":"unauthorized: incorrect username or password"},"error":"unauthorized"}`)
			return
		}
		fmt.Fprintln(w, `{"status":"Digest: sha256:0"}`)
		fmt.Fprintln(w, `{"status":"Status: Image is up to date for r.example/team/app:1"}`)
	}), pinned, WithCredentials(&asked{answers: []string{"old", "right"}}))
	done := 0
	result, err := c.ImagePull(t.Context(), "r.example/team/app:1", &ImagePullOptions{Progress: func(m streams.Message) {
		if m.Done {
			done++
		}
	}})
	require.NoError(t, err)
	require.Equal(t, "sha256:0", result.Digest)
	require.Equal(t, 2, tries)
	require.Equal(t, 1, done)
}

func TestASourceThatFailsFailsTheCallsThatNeedIt(t *testing.T) {
	reason := errors.New("the keychain is locked")
	c := serve(t, "unix", registryEngine(t, "", func(*http.Request) {}), pinned, WithCredentials(&asked{err: reason}))
	for _, call := range registryCalls(nil) {
		errorsIs(t, call(t.Context(), c), reason, errdefs.ErrNotSent)
	}
	_, err := c.Info(t.Context(), nil)
	require.NoError(t, err)
	for name, call := range registryCalls(&auth.Credentials{}) {
		require.NoError(t, call(t.Context(), c), name)
	}
}

func TestABrokenConfigurationFailsTheCallsThatNeedIt(t *testing.T) {
	const canary = "s3cr3t-canary"
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	c := serve(t, "unix", registryEngine(t, "", func(*http.Request) {}), pinned)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths": `+canary), 0o600))
	_, err := c.ImagePull(t.Context(), "r.example:5000/x", nil)
	errorsIs(t, err, errdefs.ErrNotSent)
	require.ErrorContains(t, err, filepath.Join(dir, "config.json"))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), canary)
	_, err = c.Info(t.Context(), nil)
	require.NoError(t, err)
}

func TestRegistryConfigOfABuild(t *testing.T) {
	decode := func(header string) (sent map[string]map[string]string) {
		text, err := base64.URLEncoding.DecodeString(header)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &sent))
		return sent
	}
	all := auth.Static{"docker.io": {Username: "h"}, "r.example:5000": {Username: "r"}}
	c := client(t, WithHost("tcp://127.0.0.1:1"), WithCredentials(all))
	header, err := c.registryConfig(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, map[string]map[string]string{"https://index.docker.io/v1/": {"username": "h"}, "r.example:5000": {"username": "r"}}, decode(header))
	header, err = c.registryConfig(t.Context(), map[string]auth.Credentials{"x.example": {Username: "x"}})
	require.NoError(t, err)
	require.Equal(t, map[string]map[string]string{"x.example": {"username": "x"}}, decode(header))
	header, err = c.registryConfig(t.Context(), map[string]auth.Credentials{})
	require.NoError(t, err)
	require.Empty(t, header)
	for _, source := range []auth.Source{nil, &asked{answers: []string{"p"}}} {
		header, err = client(t, WithHost("tcp://127.0.0.1:1"), WithCredentials(source)).registryConfig(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, header)
	}
}

func TestRegistryLoginKeepsWhatItIsToldTo(t *testing.T) {
	token := ""
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got map[string]string
		json.NewDecoder(r.Body).Decode(&got)
		if got["password"] != "right" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message":"incorrect username or password"}`)
			return
		}
		fmt.Fprintf(w, `{"Status":"Login Succeeded","IdentityToken":"%s"}`, token)
	}), pinned)
	store := auth.Config{Path: filepath.Join(t.TempDir(), "config.json")}
	login := auth.Credentials{Username: "u", Password: "wrong", ServerAddress: "r.example"}
	_, err := c.RegistryLogin(t.Context(), login, &RegistryLoginOptions{Store: store})
	errorsIs(t, err, errdefs.ErrUnauthenticated)
	kept, err := store.Credentials(t.Context(), "r.example")
	require.NoError(t, err)
	require.Empty(t, kept)

	login.Password = "right"
	for _, token = range []string{"", "identity"} {
		_, err = c.RegistryLogin(t.Context(), login, &RegistryLoginOptions{Store: store})
		require.NoError(t, err)
		kept, err = store.Credentials(t.Context(), "r.example")
		require.NoError(t, err)
		require.Equal(t, token, kept.IdentityToken)
		require.Equal(t, token == "", kept.Password == "right")
	}
	require.NoError(t, os.WriteFile(store.Path, []byte("{"), 0o600))
	answer, err := c.RegistryLogin(t.Context(), login, &RegistryLoginOptions{Store: store})
	require.ErrorContains(t, err, store.Path)
	require.Equal(t, "Login Succeeded", answer.Status)
}

// Each of 100,000 pulls carries the entry of its own registry, or none.
func TestScopingOfRandomPulls(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	hosts := []string{"r.example", "r.example:443", "r.example:5000", "my.r.example", "r.example.io", "docker.io", "index.docker.io", "registry-1.docker.io", "localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"}
	found := 0
	for range 100_000 {
		source := auth.Static{}
		for range rnd.IntN(5) {
			host := auth.Registry(hosts[rnd.IntN(len(hosts))] + "/x")
			source[host] = auth.Credentials{Username: "u", Password: host, ServerAddress: host}
		}
		host := hosts[rnd.IntN(len(hosts))]
		c, r := &Client{credentials: source}, newRequest("POST /images/create")
		c.authorize(r, auth.Registry(host+[]string{"/x", "/x/y:1", "/a/b/c@sha256:0"}[rnd.IntN(3)]), nil)
		require.NoError(t, r.authorized(t.Context()))
		if header := r.header.Get(registryAuth); header != "" {
			found++
			sent := sentTo(&http.Request{Header: r.header})
			require.Equal(t, auth.Registry(host+"/x"), sent["password"])
		}
	}
	require.Greater(t, found, 1000)
}

func TestClientsDoNotPrintSecrets(t *testing.T) {
	const canary = "s3cr3t-canary"
	creds := auth.Credentials{Username: "u", Password: canary, IdentityToken: canary, RegistryToken: canary}
	c := client(t, WithHost("tcp://127.0.0.1:1"), WithCredentials(auth.Static{"r.example": creds}), WithHeader(http.Header{"Authorization": {canary}}))
	var out bytes.Buffer
	holder := struct{ Client *Client }{c}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&out, verb, c)
		fmt.Fprintf(&out, verb, holder)
		fmt.Fprintf(&out, verb, c.credentials)
		fmt.Fprintf(&out, verb, ImagePullOptions{Auth: &creds})
		fmt.Fprintf(&out, verb, &RegistryLoginOptions{Store: auth.Default()})
	}
	for name, call := range registryCalls(&creds) {
		err := call(t.Context(), c)
		require.Error(t, err, name)
		fmt.Fprintf(&out, "%v %+v %#v", err, err, err)
	}
	_, err := c.RegistryLogin(t.Context(), creds, nil)
	fmt.Fprintf(&out, "%v %+v %#v", err, err, err)
	require.NotContains(t, out.String(), canary)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", canary))
}

// A registry's refusal has its kind also where the engine gives it the status 500.
func TestKindsOfARegistrysRefusal(t *testing.T) {
	message := ""
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"message":%q}`, message)
	}), pinned, WithCredentials(nil))
	for _, m := range []struct {
		message string
		kind    error
	}{
		{`Head "http://127.0.0.1:5001/v2/x/manifests/v1": no basic auth credentials`, errdefs.ErrUnauthenticated},
		{"unauthorized: authentication required", errdefs.ErrUnauthenticated},
		{"login attempt to http://127.0.0.1:5001/v2/ failed with status: 401 Unauthorized", errdefs.ErrUnauthenticated},
		{"denied: requested access to the resource is denied", errdefs.ErrPermissionDenied},
		{"something else", errdefs.ErrInternal},
	} {
		message = m.message
		_, err := c.ImagePull(t.Context(), "x", nil)
		errorsIs(t, err, m.kind, errdefs.ErrRefused)
		_, err = c.RegistryLogin(t.Context(), auth.Credentials{}, nil)
		errorsIs(t, err, m.kind, errdefs.ErrRefused)
		_, err = c.Info(t.Context(), nil)
		errorsIs(t, err, errdefs.ErrInternal)
	}
}
