package docker

import (
	"context"
	"encoding/json"
)

// Config is a configuration that the cluster keeps for its services.
type Config struct {
	ID string
	ObjectMeta
	Spec ConfigSpec
}

// ConfigSpec is the settings of a config.
type ConfigSpec struct {
	Name       string            `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
	Data       []byte            `json:",omitempty"` // at most 1000 KiB
	Templating *Driver           `json:",omitempty"` // "golang" fills in a template for each task
}

// ConfigListOptions narrow a list of configs.
type ConfigListOptions struct {
	Filters Filters // id, label, name (a prefix), names (exact)
}

// ConfigList lists configs. Nil options list all. An engine that is no manager is
// errdefs.ErrUnavailable.
//
//docker:operation GET /configs
func (c *Client) ConfigList(ctx context.Context, opts *ConfigListOptions) ([]Config, error) {
	r := newRequest("GET /configs")
	r.set("filters", value(opts).Filters)
	return list[Config](ctx, c, r)
}

// ConfigCreate makes a config and returns its ID. A name that is taken is
// errdefs.ErrConflict.
//
//docker:operation POST /configs/create
func (c *Client) ConfigCreate(ctx context.Context, spec ConfigSpec) (string, error) {
	r := newRequest("POST /configs/create")
	if spec.Name == "" {
		r.fail(invalid("the name of the config is empty"))
	}
	return fetchID(ctx, c, r.json(spec))
}

// ConfigInspectOptions say what an inspect adds.
type ConfigInspectOptions struct {
	Raw *json.RawMessage // where not nil, receives the answer as it came
}

// ConfigInspect returns a config by its ID or name, with its data. A missing one is
// errdefs.ErrNotFound. Nil options return no raw JSON.
//
//docker:operation GET /configs/{id}
func (c *Client) ConfigInspect(ctx context.Context, id string, opts *ConfigInspectOptions) (*Config, error) {
	return fetchRaw[Config](ctx, c, newRequest("GET /configs/{id}", id), value(opts).Raw)
}

// ConfigUpdate replaces the labels of a config; all else has to stay as an inspect told
// it. The version is that of the inspect; one that has been updated since is
// errdefs.ErrConflict. To replace the data is to make another config.
//
//docker:operation POST /configs/{id}/update
func (c *Client) ConfigUpdate(ctx context.Context, id string, version ObjectVersion, spec ConfigSpec) error {
	r := newRequest("POST /configs/{id}/update", id)
	r.setVersion(version)
	return conflicting(c.call(ctx, r.json(spec), nil))
}

// ConfigRemove removes a config. A missing one is errdefs.ErrNotFound, one that a
// service uses errdefs.ErrInvalidArgument.
//
//docker:operation DELETE /configs/{id}
func (c *Client) ConfigRemove(ctx context.Context, id string) error {
	return c.call(ctx, newRequest("DELETE /configs/{id}", id), nil)
}

// ConfigReference gives a config to the containers of a service: as a file, or to the
// runtime, which takes it for a credential spec.
type ConfigReference struct {
	ConfigID   string
	ConfigName string
	File       *ReferenceFile `json:",omitempty"`
	Runtime    *ConfigRuntime `json:",omitempty"`
}

// ConfigRuntime is a config that no file holds; it has no settings.
type ConfigRuntime struct{}

// ConfigFile refers to a config as a file that all may read, at a path from /. An empty
// path is the name.
func ConfigFile(id, name, path string) ConfigReference {
	return ConfigReference{ConfigID: id, ConfigName: name, File: referenceFile(name, path)}
}
