package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a secret of the cluster.
type Secret struct {
	ID string
	ObjectMeta
	Spec SecretSpec // without its data, which engines do not tell
}

// SecretSpec is the settings of a secret. It prints without the data.
type SecretSpec struct {
	Name       string            `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
	Data       []byte            `json:",omitempty"` // at most 500 KiB; none where a driver has it
	Driver     *Driver           `json:",omitempty"` // nil is the cluster's own store
	Templating *Driver           `json:",omitempty"` // "golang" fills in a template for each task
}

// Format leaves the data out.
func (s SecretSpec) Format(f fmt.State, verb rune) {
	type plain SecretSpec
	s.Data = nil
	fmt.Fprintf(f, fmt.FormatString(f, verb), plain(s))
}

// LogValue leaves the data out.
func (s SecretSpec) LogValue() slog.Value { return redacted(s) }

// SecretListOptions narrow a list of secrets.
type SecretListOptions struct {
	Filters Filters // id, label, name (a prefix), names (exact)
}

// SecretList lists secrets, without their data. Nil options list all. An engine that is
// no manager is errdefs.ErrUnavailable.
//
//docker:operation GET /secrets
func (c *Client) SecretList(ctx context.Context, opts *SecretListOptions) ([]Secret, error) {
	r := newRequest("GET /secrets")
	r.set("filters", value(opts).Filters)
	return list[Secret](ctx, c, r)
}

// SecretCreate makes a secret and returns its ID. A name that is taken is
// errdefs.ErrConflict.
//
//docker:operation POST /secrets/create
func (c *Client) SecretCreate(ctx context.Context, spec SecretSpec) (string, error) {
	r := newRequest("POST /secrets/create")
	if spec.Name == "" {
		r.fail(invalid("the name of the secret is empty"))
	}
	return fetchID(ctx, c, r.json(spec))
}

// SecretInspectOptions say what an inspect adds.
type SecretInspectOptions struct {
	Raw *json.RawMessage // where not nil, receives the answer as it came
}

// SecretInspect returns a secret by its ID or name, without its data. A missing one is
// errdefs.ErrNotFound. Nil options return no raw JSON.
//
//docker:operation GET /secrets/{id}
func (c *Client) SecretInspect(ctx context.Context, id string, opts *SecretInspectOptions) (*Secret, error) {
	return fetchRaw[Secret](ctx, c, newRequest("GET /secrets/{id}", id), value(opts).Raw)
}

// SecretUpdate replaces the labels of a secret; all else has to stay as an inspect told
// it. The version is that of the inspect; one that has been updated since is
// errdefs.ErrConflict. To replace the data is to make another secret.
//
//docker:operation POST /secrets/{id}/update
func (c *Client) SecretUpdate(ctx context.Context, id string, version ObjectVersion, spec SecretSpec) error {
	r := newRequest("POST /secrets/{id}/update", id)
	r.setVersion(version)
	return conflicting(c.call(ctx, r.json(spec), nil))
}

// SecretRemove removes a secret. A missing one is errdefs.ErrNotFound, one that a
// service uses errdefs.ErrInvalidArgument.
//
//docker:operation DELETE /secrets/{id}
func (c *Client) SecretRemove(ctx context.Context, id string) error {
	return c.call(ctx, newRequest("DELETE /secrets/{id}", id), nil)
}

// SecretReference gives a secret to the containers of a service.
type SecretReference struct {
	SecretID   string
	SecretName string
	File       *ReferenceFile `json:",omitempty"`
}

// ReferenceFile is the file in a container that holds a secret or a config.
type ReferenceFile struct {
	Name string // a path; relative to /run/secrets for secrets, to / for configs
	UID  string // "0"
	GID  string // "0"
	Mode uint32 // Unix permission bits, as 0o444; 0 lets nobody but root read it
}

// SecretFile refers to a secret as a file that all may read, at a path in /run/secrets
// or an absolute one. An empty path is the name.
func SecretFile(id, name, path string) SecretReference {
	return SecretReference{SecretID: id, SecretName: name, File: referenceFile(name, path)}
}

func referenceFile(name, path string) *ReferenceFile {
	if path == "" {
		path = name
	}
	return &ReferenceFile{Name: path, UID: "0", GID: "0", Mode: 0o444}
}
