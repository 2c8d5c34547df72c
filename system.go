package docker

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cleat-go/docker/auth"
)

// Version returns the versions of the engine and of its parts.
//
//docker:operation GET /version
func (c *Client) Version(ctx context.Context) (*Version, error) {
	return fetch[Version](ctx, c, newRequest("GET /version"))
}

// InfoOptions say how an info is returned.
type InfoOptions struct {
	Raw *json.RawMessage // where not nil, receives the answer as it came
}

// Info returns what the engine says of itself and of its machine. Nil options are
// those of almost every caller.
//
//docker:operation GET /info
func (c *Client) Info(ctx context.Context, opts *InfoOptions) (*Info, error) {
	return fetchRaw[Info](ctx, c, newRequest("GET /info"), value(opts).Raw)
}

// DiskUsageType is a kind of object that takes space.
type DiskUsageType string

// Kinds of objects that take space.
const (
	DiskUsageContainers DiskUsageType = "container"
	DiskUsageImages     DiskUsageType = "image"
	DiskUsageVolumes    DiskUsageType = "volume"
	DiskUsageBuildCache DiskUsageType = "build-cache"
)

// DiskUsageOptions narrow what is counted.
type DiskUsageOptions struct {
	Types   []DiskUsageType // none is all (API 1.42)
	Verbose bool            // list the objects, and leave the old fields out (API 1.52)
}

// DiskUsage returns the space that objects take, which can take the engine long to
// count. Nil options count all kinds. From API 1.52 on the answer has the Usage fields,
// up to 1.52 and in engines that still send them the lists.
//
//docker:operation GET /system/df
func (c *Client) DiskUsage(ctx context.Context, opts *DiskUsageOptions) (*DiskUsage, error) {
	o, r := value(opts), newRequest("GET /system/df")
	for _, kind := range o.Types {
		r.set("type", string(kind))
	}
	r.set("verbose", o.Verbose)
	return fetch[DiskUsage](ctx, c, r)
}

// RegistryLoginOptions say what becomes of credentials that a registry accepts.
type RegistryLoginOptions struct {
	Store auth.Store // keeps them, as auth.Default does where the docker command finds them
}

// RegistryLogin asks the engine to try credentials at their registry. The answer may
// hold an identity token to use in place of the password, which is then kept in its place.
// Credentials that the registry refuses are errdefs.ErrUnauthenticated. Nil options keep
// nothing. Where they cannot be kept, there are both an answer and an error.
//
//docker:operation POST /auth
func (c *Client) RegistryLogin(ctx context.Context, credentials auth.Credentials, opts *RegistryLoginOptions) (*AuthResponse, error) {
	r := newRequest("POST /auth")
	r.registry = true
	answer, err := fetch[AuthResponse](ctx, c, r.json(credentials.Body()))
	if store := value(opts).Store; err == nil && store != nil {
		if answer.IdentityToken != "" {
			credentials.Password, credentials.IdentityToken = "", answer.IdentityToken
		}
		if err = store.Store(ctx, credentials); err != nil {
			err = fmt.Errorf("docker: the registry accepts the credentials, which cannot be kept: %w", err)
		}
	}
	return answer, err
}
