package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// registries runs a test on every engine with the addresses of two registries, as the
// engine sees them: DOCKER_TEST_REGISTRY, which is open, and the one on its next port,
// which wants the user "user" with the password "pass".
func registries(t *testing.T, test func(t *testing.T, c *Client, open, closed string)) {
	t.Helper()
	open := os.Getenv("DOCKER_TEST_REGISTRY")
	if open == "" {
		t.Skip("DOCKER_TEST_REGISTRY is empty: no registry to test with")
	}
	name, port, err := net.SplitHostPort(open)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	closed := net.JoinHostPort(name, strconv.Itoa(number+1))
	engines(t, func(t *testing.T, c *Client) { test(t, c, open, closed) })
}

func credentials(registry string) *auth.Credentials {
	return &auth.Credentials{Username: "user", Password: "pass", ServerAddress: registry}
}

func TestEnginePushAndPull(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, _ string) {
		ctx, name := engineContext(t), open+"/"+unique("push")+":v1"
		id := imported(t, c, name)
		var messages []streams.Message
		record := func(m streams.Message) { messages = append(messages, m) }
		pushed, err := c.ImagePush(ctx, name, &ImagePushOptions{Progress: record})
		require.NoError(t, err)
		require.Equal(t, "v1", pushed.Tag)
		require.True(t, strings.HasPrefix(pushed.Digest, "sha256:"))
		require.Positive(t, pushed.Size)
		countsBytes(t, messages)

		_, err = c.ImageRemove(ctx, name, nil)
		require.NoError(t, err)
		_, err = c.ImageInspect(ctx, id, nil)
		errorsIs(t, err, errdefs.ErrNotFound)

		messages = nil
		pulled, err := c.ImagePull(ctx, name, &ImagePullOptions{Progress: record})
		require.NoError(t, err)
		require.True(t, pulled.Updated)
		require.Equal(t, pushed.Digest, pulled.Digest)
		require.Contains(t, pulled.Status, name)
		countsBytes(t, messages)
		image, err := c.ImageInspect(ctx, name, nil)
		require.NoError(t, err)
		require.Equal(t, id, image.ID)

		again, err := c.ImagePull(ctx, name, nil)
		require.NoError(t, err)
		require.False(t, again.Updated)
		require.Equal(t, pushed.Digest, again.Digest)
		repository, _, _ := strings.Cut(name, ":v1")
		byDigest, err := c.ImagePull(ctx, repository+"@"+pushed.Digest, nil)
		require.NoError(t, err)
		require.False(t, byDigest.Updated)
	})
}

// countsBytes requires that the messages of a job count bytes, and that the last one ends it.
func countsBytes(t *testing.T, messages []streams.Message) {
	t.Helper()
	var tracker streams.Tracker
	counted := false
	for _, m := range messages {
		tracker.Add(m)
		counted = counted || m.ID != "" && m.Current > 0
	}
	require.Truef(t, counted, "%+v", messages)
	require.True(t, messages[len(messages)-1].Done)
	sum := tracker.Summary()
	require.Equal(t, streams.PhaseDone, sum.Phase)
	require.Equal(t, sum.Total, sum.Done)
	require.Positive(t, sum.Total)
}

func TestEnginePushAndPullAllTags(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, _ string) {
		ctx, repository := engineContext(t), open+"/"+unique("all")
		id := imported(t, c, repository+":v1")
		require.NoError(t, c.ImageTag(ctx, id, repository+":v2"))
		_, err := c.ImagePush(ctx, repository, &ImagePushOptions{AllTags: true})
		require.NoError(t, err)
		_, err = c.ImageRemove(ctx, id, &ImageRemoveOptions{Force: true})
		require.NoError(t, err)
		_, err = c.ImagePull(ctx, repository, &ImagePullOptions{AllTags: true})
		require.NoError(t, err)
		image, err := c.ImageInspect(ctx, id, nil)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{repository + ":v1", repository + ":v2"}, image.RepoTags)
	})
}

func TestEnginePullByARun(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, _ string) {
		ctx, name := engineContext(t), open+"/"+unique("run")+":v1"
		container := created(t, c, nil, "true")
		_, err := c.ImageCommit(ctx, container, &ImageCommitOptions{Reference: name})
		require.NoError(t, err)
		_, err = c.ImagePush(ctx, name, nil)
		require.NoError(t, err)
		_, err = c.ImageRemove(ctx, name, nil)
		require.NoError(t, err)
		for _, policy := range []PullPolicy{PullMissing, PullNever, PullAlways} {
			done := 0
			run := runOf(t, ctx, c, "echo", "pulled")
			run.Image, run.Pull = name, policy
			run.Progress = func(m streams.Message) {
				if m.Done {
					done++
				}
			}
			out, err := run.Output()
			require.NoError(t, err)
			require.Equal(t, "pulled\n", string(out))
			require.Equal(t, map[PullPolicy]int{PullMissing: 1, PullAlways: 1}[policy], done, policy)
		}
	})
}

func TestEnginePullOfWhatIsNotThere(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, closed string) {
		ctx, repository := engineContext(t), open+"/"+unique("there")
		imported(t, c, repository+":v1")
		_, err := c.ImagePush(ctx, repository+":v1", nil)
		require.NoError(t, err)
		for _, name := range []string{repository + ":v2", open + "/" + unique("nowhere") + ":v1", repository + "@sha256:" + strings.Repeat("0123456789abcdef", 4)} {
			_, err = c.ImagePull(ctx, name, nil)
			errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
		}
		_, err = c.ImagePush(ctx, open+"/"+unique("never-made")+":v1", nil)
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
		_, err = c.ImagePull(ctx, closed+"/"+unique("nowhere")+":v1", &ImagePullOptions{Auth: credentials(closed)})
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
	})
}

func TestEnginePushWithCredentials(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, _, closed string) {
		ctx, name := engineContext(t), closed+"/"+unique("secret")+":v1"
		imported(t, c, name)
		wrong := credentials(closed)
		wrong.Password = "open-sesame"
		for _, bad := range []*auth.Credentials{nil, wrong} {
			_, err := c.ImagePush(ctx, name, &ImagePushOptions{Auth: bad})
			refusesCredentials(t, err)
		}
		pushed, err := c.ImagePush(ctx, name, &ImagePushOptions{Auth: credentials(closed)})
		require.NoError(t, err)
		_, err = c.ImageRemove(ctx, name, nil)
		require.NoError(t, err)
		for _, bad := range []*auth.Credentials{nil, wrong} {
			_, err := c.ImagePull(ctx, name, &ImagePullOptions{Auth: bad})
			refusesCredentials(t, err)
		}
		pulled, err := c.ImagePull(ctx, name, &ImagePullOptions{Auth: credentials(closed)})
		require.NoError(t, err)
		require.True(t, pulled.Updated)
		require.Equal(t, pushed.Digest, pulled.Digest)
	})
}

// refusesCredentials requires an error of a registry that wants other credentials.
func refusesCredentials(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.Truef(t, errors.Is(err, errdefs.ErrUnauthenticated) || errors.Is(err, errdefs.ErrPermissionDenied), "%v is neither", err)
	errorsIs(t, err, errdefs.ErrRefused)
	require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), "open-sesame")
}

func TestEngineRegistryLogin(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, closed string) {
		ctx := engineContext(t)
		answer, err := c.RegistryLogin(ctx, *credentials(closed), nil)
		require.NoError(t, err)
		require.Equal(t, "Login Succeeded", answer.Status)
		require.Empty(t, answer.IdentityToken)
		_, err = c.RegistryLogin(ctx, *credentials(open), nil)
		require.NoError(t, err)

		wrong := credentials(closed)
		wrong.Password = "open-sesame"
		_, err = c.RegistryLogin(ctx, *wrong, nil)
		errorsIs(t, err, errdefs.ErrUnauthenticated, errdefs.ErrRefused)
		require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), "open-sesame")
	})
}

func TestEnginePushCancelled(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, _ string) {
		name := open + "/" + unique("cancelled") + ":v1"
		imported(t, c, name)
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(engineContext(t))
		_, err := c.ImagePush(ctx, name, &ImagePushOptions{Progress: func(streams.Message) { cancel(reason) }})
		errorsIs(t, err, reason, errdefs.ErrCancelled)
		_, err = c.ImageInspect(engineContext(t), name, nil)
		require.NoError(t, err)
	})
}

// The client's source has the credentials of the closed registry alone.
func TestEngineCredentialsOfASource(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, open, closed string) {
		dir := t.TempDir()
		t.Setenv("DOCKER_CONFIG", dir)
		ctx, name := engineContext(t), closed+"/"+unique("found")+":v1"
		imported(t, c, name)
		_, err := c.ImagePush(ctx, name, nil)
		refusesCredentials(t, err)

		wrong := credentials(closed)
		wrong.Password = "open-sesame"
		_, err = c.RegistryLogin(ctx, *wrong, &RegistryLoginOptions{Store: auth.Default()})
		errorsIs(t, err, errdefs.ErrUnauthenticated)
		_, err = c.RegistryLogin(ctx, *credentials(closed), &RegistryLoginOptions{Store: auth.Default()})
		require.NoError(t, err)
		pushed, err := c.ImagePush(ctx, name, nil)
		require.NoError(t, err)
		found, err := c.DistributionInspect(ctx, name, nil)
		require.NoError(t, err)
		require.Equal(t, pushed.Digest, found.Descriptor.Digest)
		_, err = c.ImageRemove(ctx, name, nil)
		require.NoError(t, err)
		_, err = c.ImagePull(ctx, name, &ImagePullOptions{Auth: &auth.Credentials{}})
		refusesCredentials(t, err)
		pulled, err := c.ImagePull(ctx, name, nil)
		require.NoError(t, err)
		require.Equal(t, pushed.Digest, pulled.Digest)

		require.NoError(t, auth.Config{}.Erase(ctx, closed))
		_, err = c.ImagePull(ctx, name, nil)
		refusesCredentials(t, err)

		// what is kept here serves the docker command, and the other way round
		if _, err := exec.LookPath("docker"); err != nil || !strings.HasPrefix(c.Host(), "unix:") {
			return
		}
		docker := func(input string, args ...string) {
			cmd := exec.CommandContext(ctx, "docker", append([]string{"-H", c.Host()}, args...)...)
			cmd.Stdin = strings.NewReader(input)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
		docker("pass", "login", "--username", "user", "--password-stdin", closed)
		_, err = c.ImagePull(ctx, name, nil)
		require.NoError(t, err)
		docker("", "logout", closed)
		_, err = c.RegistryLogin(ctx, *credentials(closed), &RegistryLoginOptions{Store: auth.Default()})
		require.NoError(t, err)
		docker("", "pull", name)
	})
}

// Credentials that are wrong first and right when the source is asked again.
func TestEngineCredentialsAreRenewed(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, _, closed string) {
		ctx, name := engineContext(t), closed+"/"+unique("renewed")+":v1"
		imported(t, c, name)
		for _, call := range []func(c *Client) error{
			func(c *Client) error { return second(c.ImagePush(ctx, name, nil)) },
			func(c *Client) error { return second(c.ImagePull(ctx, name, nil)) },
			func(c *Client) error { return second(c.DistributionInspect(ctx, name, nil)) },
		} {
			source := &userSource{asked{answers: []string{"open-sesame", "pass"}}}
			require.NoError(t, call(sibling(t, c, WithCredentials(source))))
			require.Equal(t, []string{closed, closed}, source.names)
			source = &userSource{asked{answers: []string{"open-sesame", "sesame-open"}}}
			refusesCredentials(t, call(sibling(t, c, WithCredentials(source))))
		}
	})
}

// userSource is asked with the name of the registries' user.
type userSource struct{ asked }

func (s *userSource) Credentials(ctx context.Context, registry string) (auth.Credentials, error) {
	found, err := s.asked.Credentials(ctx, registry)
	found.Username = "user"
	return found, err
}

// A credential helper keeps a login and is asked for it.
func TestEngineLoginThroughAHelper(t *testing.T) {
	registries(t, func(t *testing.T, c *Client, _, closed string) {
		if runtime.GOOS == "windows" {
			t.Skip("the helper is a link")
		}
		program, err := os.Executable()
		require.NoError(t, err)
		dir := t.TempDir()
		require.NoError(t, os.Symlink(program, filepath.Join(dir, "docker-credential-cleat")))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"credHelpers":{"`+closed+`":"cleat"}}`), 0o600))
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		t.Setenv("DOCKER_CONFIG", dir)
		t.Setenv("HELPER_FILE", filepath.Join(dir, "kept"))
		ctx, name := engineContext(t), closed+"/"+unique("helper")+":v1"
		imported(t, c, name)
		_, err = c.ImagePush(ctx, name, nil)
		refusesCredentials(t, err)
		_, err = c.RegistryLogin(ctx, *credentials(closed), &RegistryLoginOptions{Store: auth.Default()})
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(dir, "config.json"))
		require.NoError(t, err)
		require.NotContains(t, string(text), `"auth"`)
		require.FileExists(t, filepath.Join(dir, "kept"))
		_, err = c.ImagePush(ctx, name, nil)
		require.NoError(t, err)
	})
}

// The test binary is a credential helper of one entry, under its name.
func init() {
	if filepath.Base(os.Args[0]) != "docker-credential-cleat" {
		return
	}
	path := os.Getenv("HELPER_FILE")
	switch os.Args[1] {
	case "get":
		text, err := os.ReadFile(path)
		if err != nil {
			fmt.Println("credentials not found in native keychain")
			os.Exit(1)
		}
		os.Stdout.Write(text)
	case "store":
		text, _ := io.ReadAll(os.Stdin)
		os.WriteFile(path, text, 0o600)
	}
	os.Exit(0)
}
