package docker

import (
	"context"
	"strconv"
)

// ImageAttestationsOptions choose among the attestations of an image and say what is
// told of each.
type ImageAttestationsOptions struct {
	Platform  *Platform // whose image they are about; nil is the engine's own
	Types     []string  // URIs of predicate types, as "https://spdx.dev/Document"; none is all
	Statement bool      // fill in Statement
}

// ImageAttestations lists what is stated about an image of one platform. Nil options
// list it all, without the statements. A missing image, or one without the platform, is
// errdefs.ErrNotFound. It needs API 1.55.
//
//docker:operation GET /images/{name}/attestations
func (c *Client) ImageAttestations(ctx context.Context, image string, opts *ImageAttestationsOptions) ([]Attestation, error) {
	o, r := value(opts), newRequest("GET /images/{name}/attestations", image)
	r.setPlatforms("platform", o.Platform)
	r.set("type", o.Types)
	r.set("statement", strconv.FormatBool(o.Statement)) // also false, so that older engines are not asked
	return list[Attestation](ctx, c, r)
}
