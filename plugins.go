package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// PluginListOptions narrow a list of plugins.
type PluginListOptions struct {
	Filters Filters // capability, enabled
}

// PluginList lists plugins. Nil options list all.
//
//docker:operation GET /plugins
func (c *Client) PluginList(ctx context.Context, opts *PluginListOptions) ([]Plugin, error) {
	r := newRequest("GET /plugins")
	r.set("filters", value(opts).Filters)
	return list[Plugin](ctx, c, r)
}

// PluginInspectOptions say how a plugin is returned.
type PluginInspectOptions struct {
	Raw *json.RawMessage // where not nil, receives the answer as it came
}

// PluginInspect returns a plugin by its name or ID. A missing one is
// errdefs.ErrNotFound. Nil options return no raw JSON.
//
//docker:operation GET /plugins/{name}/json
func (c *Client) PluginInspect(ctx context.Context, name string, opts *PluginInspectOptions) (*Plugin, error) {
	return fetchRaw[Plugin](ctx, c, newRequest("GET /plugins/{name}/json", name), value(opts).Raw)
}

// PluginPrivilegesOptions say who asks.
type PluginPrivilegesOptions struct {
	Auth *auth.Credentials // nil asks the client's source; a zero one is anonymous
}

// PluginPrivileges asks a registry what a plugin there wants to be allowed. Engines
// answer that it is nothing where they do not find the plugin, or not the registry. Nil
// options ask with the credentials of the client's source.
//
//docker:operation GET /plugins/privileges
func (c *Client) PluginPrivileges(ctx context.Context, remote string, opts *PluginPrivilegesOptions) ([]PluginPrivilege, error) {
	r := newRequest("GET /plugins/privileges")
	r.reference(remote)
	r.set("remote", remote)
	c.authorize(r, auth.Registry(remote), value(opts).Auth)
	return list[PluginPrivilege](ctx, c, r)
}

// PluginInstallOptions say how a plugin is installed and who is told of it.
type PluginInstallOptions struct {
	Name      string                                // here; empty is that of the remote, without its digest
	Auth      *auth.Credentials                     // nil asks the client's source; a zero one is anonymous
	Grant     func([]PluginPrivilege) (bool, error) // is asked for what the plugin wants, if it wants anything; nil grants nothing
	AcceptAll bool                                  // grant what it wants and do not ask
	Settings  []string                              // as of PluginSet
	Disabled  bool                                  // do not enable it
	Progress  streams.Progress                      // is called with every message of the pull, from this goroutine
}

// PluginInstall pulls a plugin, changes its settings, enables it, and returns it. The
// tag is latest where the reference has neither a tag nor a digest. Nil options
// install one that wants no privileges. Where it fails after the pull, the plugin is
// removed again; only a pull whose outcome is unknown may leave one, disabled. Engines
// of API 1.41 crash on a reference with a digest. Errors:
// errdefs.ErrPermissionDenied where privileges were not granted, errdefs.ErrNotFound,
// errdefs.ErrInvalidArgument where the name is taken.
//
//docker:operation POST /plugins/pull
func (c *Client) PluginInstall(ctx context.Context, remote string, opts *PluginInstallOptions) (*Plugin, error) {
	o, r := value(opts), newRequest("POST /plugins/pull")
	ref := r.reference(remote)
	if o.Name != "" {
		ref = r.reference(o.Name)
	}
	r.set("remote", remote)
	r.set("name", o.Name)
	if err := c.pluginPull(ctx, r, remote, &PluginUpgradeOptions{o.Auth, o.Grant, o.AcceptAll, o.Progress}); err != nil {
		return nil, err
	}
	name := ref.name + ":" + cmp.Or(ref.tag, "latest")
	plugin, err := c.pluginSetUp(ctx, name, &o)
	if err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		c.PluginRemove(undo, name, &PluginRemoveOptions{Force: true}) //nolint:errcheck // the first error is the one to tell
	}
	return plugin, err
}

// pluginSetUp makes a plugin that was pulled ready.
func (c *Client) pluginSetUp(ctx context.Context, name string, o *PluginInstallOptions) (*Plugin, error) {
	if len(o.Settings) > 0 {
		if err := c.PluginSet(ctx, name, o.Settings...); err != nil {
			return nil, err
		}
	}
	if !o.Disabled {
		if err := c.PluginEnable(ctx, name, nil); err != nil {
			return nil, err
		}
	}
	return c.PluginInspect(ctx, name, nil)
}

// PluginUpgradeOptions say how a plugin is upgraded and who is told of it.
type PluginUpgradeOptions struct {
	Auth      *auth.Credentials                     // nil asks the client's source; a zero one is anonymous
	Grant     func([]PluginPrivilege) (bool, error) // is asked for what the plugin wants, if it wants anything; nil grants nothing
	AcceptAll bool                                  // grant what it wants and do not ask
	Progress  streams.Progress                      // is called with every message, from this goroutine
}

// PluginUpgrade replaces a plugin, which keeps its name and settings, by what a registry
// has. Nil options take one that wants no privileges. Errors: errdefs.ErrConflict where
// the plugin is enabled, errdefs.ErrPermissionDenied where privileges were not granted,
// errdefs.ErrNotFound. Where it fails, the plugin stays as it was.
//
//docker:operation POST /plugins/{name}/upgrade
func (c *Client) PluginUpgrade(ctx context.Context, name, remote string, opts *PluginUpgradeOptions) error {
	o, r := value(opts), newRequest("POST /plugins/{name}/upgrade", name)
	r.reference(remote)
	r.set("remote", remote)
	return c.pluginPull(ctx, r, remote, &o)
}

// pluginPull grants a plugin what it wants and sends r, which pulls it. The engine
// refuses it where it wants something else by then. No message ends such a pull: what
// the body's own end does not show to be whole counts as cut.
func (c *Client) pluginPull(ctx context.Context, r *request, remote string, o *PluginUpgradeOptions) error {
	wanted, err := c.pluginGranted(ctx, r, remote, o)
	if err != nil {
		jobEnded(o.Progress)
		return err
	}
	c.authorize(r, auth.Registry(remote), o.Auth)
	return c.job(ctx, r.json(wanted), o.Progress, nil, func(streams.Message) bool { return false })
}

// pluginGranted returns what a plugin wants, where it is granted.
func (c *Client) pluginGranted(ctx context.Context, r *request, remote string, o *PluginUpgradeOptions) ([]PluginPrivilege, error) {
	if r.err != nil {
		return nil, r.failed(ctx, r.err)
	}
	wanted, err := c.PluginPrivileges(ctx, remote, &PluginPrivilegesOptions{o.Auth})
	if err != nil {
		return nil, err
	}
	if err := o.allow(remote, wanted); err != nil {
		return nil, &Error{Method: r.method, Path: r.path, Err: err, class: errdefs.ErrNotSent}
	}
	if wanted == nil {
		wanted = []PluginPrivilege{}
	}
	return wanted, nil
}

// allow returns an error unless all that is wanted is granted.
func (o *PluginUpgradeOptions) allow(remote string, wanted []PluginPrivilege) error {
	granted := o.AcceptAll || len(wanted) == 0
	if !granted && o.Grant != nil {
		var err error
		if granted, err = o.Grant(slices.Clone(wanted)); err != nil {
			return err
		}
	}
	if granted {
		return nil
	}
	words := make([]string, len(wanted))
	for i, p := range wanted {
		words[i] = fmt.Sprintf("%s %q", p.Name, p.Value)
	}
	text := "the plugin " + remote + " wants what it was not granted: " + strings.Join(words, ", ")
	return &inputError{kind: errdefs.ErrPermissionDenied, text: bounded(text)}
}

// PluginEnableOptions say how a plugin is enabled.
type PluginEnableOptions struct {
	Timeout time.Duration // of the engine's calls to the plugin, in whole seconds; 0 is none
}

// PluginEnable starts a plugin. A missing one is errdefs.ErrNotFound. Nil options set
// no bound to the engine's calls to it.
//
//docker:operation POST /plugins/{name}/enable
func (c *Client) PluginEnable(ctx context.Context, name string, opts *PluginEnableOptions) error {
	o, r := value(opts), newRequest("POST /plugins/{name}/enable", name)
	if o.Timeout < 0 {
		r.fail(invalid("the timeout %v is negative", o.Timeout))
	}
	r.set("timeout", strconv.FormatInt(wholeSeconds(o.Timeout), 10)) // engines insist on one
	return c.call(ctx, r, nil)
}

// PluginDisableOptions say how a plugin is disabled.
type PluginDisableOptions struct {
	Force bool // also where something uses it
}

// PluginDisable stops a plugin. A missing one is errdefs.ErrNotFound. Nil options
// disable a plugin that is not in use.
//
//docker:operation POST /plugins/{name}/disable
func (c *Client) PluginDisable(ctx context.Context, name string, opts *PluginDisableOptions) error {
	r := newRequest("POST /plugins/{name}/disable", name)
	r.set("force", value(opts).Force)
	return c.call(ctx, r, nil)
}

// PluginRemoveOptions say how a plugin is removed.
type PluginRemoveOptions struct {
	Force bool // disable it first, if it is enabled, also where something uses it
}

// PluginRemove removes a plugin. A missing one is errdefs.ErrNotFound, an enabled one
// errdefs.ErrConflict unless forced. Nil options remove a disabled plugin.
//
//docker:operation DELETE /plugins/{name}
func (c *Client) PluginRemove(ctx context.Context, name string, opts *PluginRemoveOptions) error {
	r := newRequest("DELETE /plugins/{name}", name)
	r.set("force", value(opts).Force)
	return c.call(ctx, r, nil)
}

// PluginPushOptions say as whom a plugin is pushed and who is told of it.
type PluginPushOptions struct {
	Auth     *auth.Credentials // nil asks the client's source; a zero one is anonymous
	Progress streams.Progress  // is called with every message, from this goroutine
}

// PluginPush pushes a plugin to the registry of its name and returns when it is there.
// A missing one is errdefs.ErrNotFound; an engine that went away is
// errdefs.ErrTruncated. Nil options push with the
// credentials of the client's source.
//
//docker:operation POST /plugins/{name}/push
func (c *Client) PluginPush(ctx context.Context, name string, opts *PluginPushOptions) (*ImagePushResult, error) {
	o, r := value(opts), newRequest("POST /plugins/{name}/push", name)
	c.authorize(r, auth.Registry(name), o.Auth)
	result := &ImagePushResult{}
	if err := c.job(ctx, r, o.Progress, result.see, closesPush); err != nil {
		return nil, err
	}
	return result, nil
}

// PluginCreate makes a plugin, which is not enabled, from a tar of its config.json and
// of a folder rootfs beside it. The caller closes the tar. A name that is taken is
// errdefs.ErrConflict.
//
//docker:operation POST /plugins/create
func (c *Client) PluginCreate(ctx context.Context, name string, plugin io.Reader) error {
	r := newRequest("POST /plugins/create")
	r.reference(name)
	r.set("name", name)
	return c.call(ctx, r.upload("application/x-tar", plugin), nil)
}

// PluginSet changes settings of a plugin that is not enabled. Each is KEY=value, or
// KEY.field=value for a mount, a device or arguments; the plugin says which it has. A
// missing plugin is errdefs.ErrNotFound; of an enabled one the engine refuses it.
//
//docker:operation POST /plugins/{name}/set
func (c *Client) PluginSet(ctx context.Context, name string, settings ...string) error {
	r := newRequest("POST /plugins/{name}/set", name)
	if len(settings) == 0 {
		r.fail(invalid("no settings are given"))
	}
	return c.call(ctx, r.json(settings), nil)
}
