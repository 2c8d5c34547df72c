package docker

import (
	"context"

	"github.com/cleat-go/docker/auth"
)

// Distribution is what a registry has under an image's name.
type Distribution struct {
	Descriptor Descriptor // of the manifest, or of the index where there are several
	Platforms  []Platform
}

// DistributionInspectOptions say who asks.
type DistributionInspectOptions struct {
	Auth *auth.Credentials // nil asks the client's source; a zero one is anonymous
}

// DistributionInspect asks the registry of an image's name what it has, and pulls
// nothing. The tag is latest where the reference has neither a tag nor a digest. A
// missing image is errdefs.ErrNotFound, or errdefs.ErrUnauthenticated at a registry
// that does not tell it from one without access. Nil options ask with
// the credentials of the client's source.
//
//docker:operation GET /distribution/{name}/json
func (c *Client) DistributionInspect(ctx context.Context, image string, opts *DistributionInspectOptions) (*Distribution, error) {
	r := newRequest("GET /distribution/{name}/json", image)
	r.reference(image)
	c.authorize(r, auth.Registry(image), value(opts).Auth)
	return fetch[Distribution](ctx, c, r)
}
