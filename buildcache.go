package docker

import "context"

// BuildPruneOptions narrow what is removed of the build cache. Zero removes what no
// build uses, save internal records and what the engine needs for others.
type BuildPruneOptions struct {
	All           bool    // internal and frontend records too
	Filters       Filters // description, id, inuse, parent, private, shared, type, until
	ReservedSpace int64   // bytes to keep (API 1.48)
	MaxUsedSpace  int64   // bytes to keep at most (API 1.48)
	MinFreeSpace  int64   // bytes to make free on the disk (API 1.48)
	KeepStorage   int64   // until API 1.51: bytes to keep; ReservedSpace took its place
}

// BuildPrune removes records of the build cache. Nil options remove those that no build
// uses.
//
//docker:operation POST /build/prune
func (c *Client) BuildPrune(ctx context.Context, opts *BuildPruneOptions) (*BuildPruneResult, error) {
	o, r := value(opts), newRequest("POST /build/prune")
	r.set("all", o.All)
	r.set("filters", o.Filters)
	r.set("reserved-space", o.ReservedSpace)
	r.set("max-used-space", o.MaxUsedSpace)
	r.set("min-free-space", o.MinFreeSpace)
	r.set("keep-storage", o.KeepStorage)
	return fetch[BuildPruneResult](ctx, c, r)
}

// BuildCancel ends a BuildKit build by the ID that it was started with. One that is
// not under way, or not yet, is no error and is not stopped later.
//
//docker:operation POST /build/cancel
func (c *Client) BuildCancel(ctx context.Context, id string) error {
	r := newRequest("POST /build/cancel")
	if id == "" {
		r.fail(invalid("the ID of the build is empty"))
	}
	r.set("id", id)
	return c.call(ctx, r, nil)
}
