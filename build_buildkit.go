package docker

import "context"

func (b *build) buildKit(ctx context.Context) error {
	return b.request.unsent(unsupported("BuildKit is not there yet"))
}
