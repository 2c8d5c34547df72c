package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

func TestPluginRequests(t *testing.T) {
	c, got := recorder(t, ``)
	ctx := t.Context()
	sent := func(err error) recorded {
		t.Helper()
		require.NoError(t, err)
		return got()
	}
	require.Equal(t, "POST /plugins/h:5000/a/b:1/enable?timeout=0", sent(c.PluginEnable(ctx, "h:5000/a/b:1", nil)).uri)
	require.Equal(t, "POST /plugins/a/enable?timeout=2", sent(c.PluginEnable(ctx, "a", &PluginEnableOptions{Timeout: 1001 * time.Millisecond})).uri)
	require.Equal(t, "POST /plugins/a/disable", sent(c.PluginDisable(ctx, "a", nil)).uri)
	require.Equal(t, "POST /plugins/a/disable?force=1", sent(c.PluginDisable(ctx, "a", &PluginDisableOptions{true})).uri)
	require.Equal(t, "DELETE /plugins/a", sent(c.PluginRemove(ctx, "a", nil)).uri)
	require.Equal(t, "DELETE /plugins/a?force=1", sent(c.PluginRemove(ctx, "a", &PluginRemoveOptions{true})).uri)
	require.Equal(t, recorded{uri: "POST /plugins/a/set", body: `["A=1","B="]`}, sent(c.PluginSet(ctx, "a", "A=1", "B=")))
	require.Equal(t, recorded{uri: "POST /plugins/create?name=a%3A1", body: "tar"}, sent(c.PluginCreate(ctx, "a:1", strings.NewReader("tar"))))

	list, got := recorder(t, `[{"Id":"p","Name":"a:1"}]`)
	plugins, err := list.PluginList(ctx, &PluginListOptions{Filters{"enabled": {"true"}}})
	require.NoError(t, err)
	require.Equal(t, []Plugin{{ID: "p", Name: "a:1"}}, plugins)
	require.Equal(t, "GET /plugins?filters=%7B%22enabled%22%3A%5B%22true%22%5D%7D", got().uri)
	who := &auth.Credentials{Username: "u", Password: "p"}
	asked, err := list.PluginPrivileges(ctx, "h/a:1", &PluginPrivilegesOptions{who})
	require.NoError(t, err)
	require.Len(t, asked, 1)
	require.Equal(t, recorded{uri: "GET /plugins/privileges?remote=h%2Fa%3A1", auth: who.Header()}, got())

	object, got := recorder(t, `{"Id":"p","Name":"a:1"}`)
	var raw json.RawMessage
	plugin, err := object.PluginInspect(ctx, "x/a", &PluginInspectOptions{&raw})
	require.NoError(t, err)
	require.Equal(t, "p", plugin.ID)
	require.JSONEq(t, `{"Id":"p","Name":"a:1"}`, string(raw))
	require.Equal(t, "GET /plugins/x/a/json", got().uri)

	push, got := recorder(t, `{"status":"Upload complete","id":"1"}`+"\r\n"+`{"progressDetail":{},"aux":{"Tag":"1","Digest":"sha256:d","Size":418}}`+"\r\n")
	var seen []streams.Message
	result, err := push.PluginPush(ctx, "h/a:1", &PluginPushOptions{who, func(m streams.Message) { seen = append(seen, m) }})
	require.NoError(t, err)
	require.Equal(t, &ImagePushResult{Tag: "1", Digest: "sha256:d", Size: 418}, result)
	require.Equal(t, recorded{uri: "POST /plugins/h/a:1/push", auth: who.Header()}, got())
	require.Len(t, seen, 3)
}

const pluginPullStream = `{"status":"Pulling from a","id":"1"}` + "\r\n" +
	`{"status":"Digest: sha256:94dd3ef031429909c9eae4096ed0cc79173db4a3ce8b20676c82e1145e94488e"}` + "\r\n" +
	`{"status":"Complete","progressDetail":{},"id":"e23212d6e167"}` + "\r\n" +
	`{"status":"Download complete","progressDetail":{},"id":"e23212d6e167"}` + "\r\n"

const privileges = `[{"Name":"network","Description":"","Value":["host"]},{"Name":"device","Description":"d","Value":null}]`

// pluginHost is an engine that notes what it is asked, and fails what fail begins with.
func pluginHost(t *testing.T, wants, fail string) (c *Client, asked func() []string) {
	t.Helper()
	var all []string
	c = serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		line := strings.TrimSpace(r.Method + " " + strings.TrimPrefix(r.RequestURI, "/v1.51") + " " + string(body))
		all = append(all, line)
		switch {
		case fail != "" && strings.HasPrefix(line, fail):
			w.WriteHeader(500)
			io.WriteString(w, `{"message":"it fails"}`)
		case strings.Contains(line, "privileges"):
			io.WriteString(w, wants)
		case strings.Contains(line, "/plugins/pull"), strings.Contains(line, "/upgrade"):
			w.Header().Set("Docker-Plugin-Name", "a:latest")
			io.WriteString(w, pluginPullStream)
		case strings.HasSuffix(line, "/json"):
			io.WriteString(w, `{"Id":"p","Name":"a:latest","Enabled":true}`)
		}
	}), pinned)
	return c, func() []string { return all }
}

func TestPluginInstall(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	granted := &PluginInstallOptions{AcceptAll: true}
	for name, test := range map[string]struct {
		wants, remote string
		opts          *PluginInstallOptions
		want          []string
	}{
		"plain": {"null", "a", nil, []string{
			"GET /plugins/privileges?remote=a", "POST /plugins/pull?remote=a []",
			"POST /plugins/a:latest/enable?timeout=0", "GET /plugins/a:latest/json",
		}},
		"privileges": {privileges, "h:5000/x/a:2", granted, []string{
			"GET /plugins/privileges?remote=h%3A5000%2Fx%2Fa%3A2", "POST /plugins/pull?remote=h%3A5000%2Fx%2Fa%3A2 " + privileges,
			"POST /plugins/h:5000/x/a:2/enable?timeout=0", "GET /plugins/h:5000/x/a:2/json",
		}},
		"disabled, with settings": {"[]", "a", &PluginInstallOptions{Name: "b", Disabled: true, Settings: []string{"A=1"}}, []string{
			"GET /plugins/privileges?remote=a", "POST /plugins/pull?name=b&remote=a []",
			`POST /plugins/b:latest/set ["A=1"]`, "GET /plugins/b:latest/json",
		}},
		"digest": {"[]", "a@" + digest, nil, []string{
			"GET /plugins/privileges?remote=a%40sha256%3A" + digest[7:], "POST /plugins/pull?remote=a%40sha256%3A" + digest[7:] + " []",
			"POST /plugins/a:latest/enable?timeout=0", "GET /plugins/a:latest/json",
		}},
		"tag and digest": {"[]", "a:3@" + digest, &PluginInstallOptions{Disabled: true}, []string{
			"GET /plugins/privileges?remote=a%3A3%40sha256%3A" + digest[7:], "POST /plugins/pull?remote=a%3A3%40sha256%3A" + digest[7:] + " []",
			"GET /plugins/a:3/json",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, asked := pluginHost(t, test.wants, "")
			plugin, err := c.PluginInstall(t.Context(), test.remote, test.opts)
			require.NoError(t, err)
			require.Equal(t, &Plugin{ID: "p", Name: "a:latest", Enabled: true}, plugin)
			require.Equal(t, test.want, asked())
		})
	}
}

func TestPluginPullSendsCredentialsAndReports(t *testing.T) {
	who := &auth.Credentials{Username: "u", Password: "p"}
	c, got := recorder(t, `[]`)
	_, err := c.PluginInstall(t.Context(), "a", &PluginInstallOptions{Auth: who})
	require.Error(t, err) // the answer is no pull's
	require.Equal(t, recorded{"GET /plugins/privileges?remote=a", who.Header(), ""}, got())
	require.Equal(t, recorded{"POST /plugins/pull?remote=a", who.Header(), "[]"}, got())
	var seen []streams.Message
	c, asked := pluginHost(t, privileges, "")
	require.NoError(t, c.PluginUpgrade(t.Context(), "x/b", "a:2", &PluginUpgradeOptions{
		AcceptAll: true, Progress: func(m streams.Message) { seen = append(seen, m) },
	}))
	require.Equal(t, []string{"GET /plugins/privileges?remote=a%3A2", "POST /plugins/x/b/upgrade?remote=a%3A2 " + privileges}, asked())
	require.Len(t, seen, 5)
	require.Equal(t, streams.Message{Done: true}, seen[4])
}

// Nothing is pulled before its privileges are granted.
func TestPluginPrivilegesAreAskedFor(t *testing.T) {
	reason := errors.New("not on a Sunday")
	for name, test := range map[string]struct {
		grant func([]PluginPrivilege) (bool, error)
		is    error
	}{
		"nil":     {nil, errdefs.ErrPermissionDenied},
		"refused": {func([]PluginPrivilege) (bool, error) { return false, nil }, errdefs.ErrPermissionDenied},
		"error":   {func([]PluginPrivilege) (bool, error) { return true, reason }, reason},
	} {
		t.Run(name, func(t *testing.T) {
			c, asked := pluginHost(t, privileges, "")
			_, err := c.PluginInstall(t.Context(), "a", &PluginInstallOptions{Grant: test.grant})
			errorsIs(t, err, test.is, errdefs.ErrNotSent)
			err = c.PluginUpgrade(t.Context(), "a", "a", &PluginUpgradeOptions{Grant: test.grant})
			errorsIs(t, err, test.is, errdefs.ErrNotSent)
			require.Equal(t, []string{"GET /plugins/privileges?remote=a", "GET /plugins/privileges?remote=a"}, asked())
			if name == "nil" {
				require.ErrorContains(t, err, `network ["host"], device []`)
			}
		})
	}
	var wanted []PluginPrivilege
	c, _ := pluginHost(t, privileges, "")
	_, err := c.PluginInstall(t.Context(), "a", &PluginInstallOptions{Grant: func(p []PluginPrivilege) (bool, error) {
		wanted = p
		return true, nil
	}})
	require.NoError(t, err)
	require.Equal(t, []PluginPrivilege{{"network", "", []string{"host"}}, {"device", "d", nil}}, wanted)
	c, _ = pluginHost(t, "[]", "")
	_, err = c.PluginInstall(t.Context(), "a", &PluginInstallOptions{Grant: func([]PluginPrivilege) (bool, error) {
		t.Error("nothing is wanted, and it is asked for")
		return false, nil
	}})
	require.NoError(t, err)
}

// An installation leaves nothing behind when it fails after the pull, and touches
// nothing when the pull fails.
func TestPluginInstallUndoes(t *testing.T) {
	remove := "DELETE /plugins/a:latest?force=1"
	for _, step := range []string{"POST /plugins/a:latest/set", "POST /plugins/a:latest/enable", "GET /plugins/a:latest/json"} {
		c, asked := pluginHost(t, "[]", step)
		_, err := c.PluginInstall(t.Context(), "a", &PluginInstallOptions{Settings: []string{"A=1"}})
		require.ErrorContains(t, err, "it fails")
		lines := asked()
		require.Equal(t, remove, lines[len(lines)-1])
	}
	for _, step := range []string{"GET /plugins/privileges", "POST /plugins/pull"} {
		c, asked := pluginHost(t, "[]", step)
		_, err := c.PluginInstall(t.Context(), "a", nil)
		require.ErrorContains(t, err, "it fails")
		require.NotContains(t, asked(), remove)
	}
	// Also after the end of the context.
	ctx, cancel := context.WithCancel(t.Context())
	removed := make(chan struct{}, 1)
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/enable"):
			cancel()
			<-r.Context().Done()
		case r.Method == "DELETE":
			removed <- struct{}{}
		case strings.HasSuffix(r.URL.Path, "/privileges"):
			io.WriteString(w, "[]")
		case strings.HasSuffix(r.URL.Path, "/pull"):
			io.WriteString(w, pluginPullStream)
		}
	}), pinned)
	_, err := c.PluginInstall(ctx, "a", nil)
	errorsIs(t, err, context.Canceled, errdefs.ErrCancelled)
	<-removed
}

// A pull that is cut is an error, and so is one whose body does not show its end.
func TestACutPluginPullIsAnError(t *testing.T) {
	for name, framed := range framings {
		whole := framed(pluginPullStream)
		for _, cut := range []int{len(whole), len(whole) - 1, len(whole) - 40, len(whole) / 2} {
			c := script(t, "unix", func(w *wire) {
				for r := w.drained(); r != nil; r = w.drained() {
					if strings.HasSuffix(r.URL.Path, "/upgrade") {
						w.say(whole[:cut])
						return
					}
					w.say(framings["length"]("[]"))
				}
			}, pinned)
			err := c.PluginUpgrade(t.Context(), "a", "a", nil)
			if cut == len(whole) && name != "until the end" {
				require.NoError(t, err, name)
				continue
			}
			errorsIs(t, err, errdefs.ErrTruncated, io.ErrUnexpectedEOF)
		}
	}
}

func TestAnErrorInsideAPluginPull(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/privileges") {
			io.WriteString(w, "[]")
			return
		}
		io.WriteString(w, `{"status":"Complete","id":"1"}`+"\r\n"+`{"errorDetail":{"message":"incorrect privileges"},"error":"incorrect privileges"}`)
	}), pinned)
	_, err := c.PluginInstall(t.Context(), "a", nil)
	require.ErrorContains(t, err, "incorrect privileges")
	errorsIs(t, err, errdefs.ErrRefused)
}
