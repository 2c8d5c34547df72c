package docker

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
)

// VolumeListOptions narrow a list of volumes.
type VolumeListOptions struct {
	Filters Filters // dangling, driver, label, name (a part of it)
}

// VolumeList lists volumes, those of the cluster too. Nil options list all.
//
//docker:operation GET /volumes
func (c *Client) VolumeList(ctx context.Context, opts *VolumeListOptions) (*VolumeListResult, error) {
	r := newRequest("GET /volumes")
	r.set("filters", value(opts).Filters)
	return fetch[VolumeListResult](ctx, c, r)
}

// VolumeCreateOptions are the settings of a new volume. Zero is a folder of the
// engine's.
type VolumeCreateOptions struct {
	Name              string             `json:",omitempty"` // the engine makes one up where it is empty
	Driver            string             `json:",omitempty"` // empty is "local"
	DriverOpts        map[string]string  `json:",omitempty"`
	Labels            map[string]string  `json:",omitempty"`
	ClusterVolumeSpec *ClusterVolumeSpec `json:",omitempty"` // nil unless the cluster is to have it (API 1.42)
}

// VolumeCreate makes a volume. One that has the name and driver already is returned as
// it is, and nothing of it is changed. Nil options make one with a name of the engine's.
// A name that another driver has is errdefs.ErrConflict, a driver that the engine lacks
// errdefs.ErrNotFound.
//
//docker:operation POST /volumes/create
func (c *Client) VolumeCreate(ctx context.Context, opts *VolumeCreateOptions) (*Volume, error) {
	r := newRequest("POST /volumes/create")
	return fetch[Volume](ctx, c, r.json(value(opts)))
}

// VolumeInspectOptions say how a volume is returned.
type VolumeInspectOptions struct {
	Raw *json.RawMessage // where not nil, receives the answer as it came
}

// VolumeInspect returns a volume by its name, one of the cluster also by its ID. A
// missing one is errdefs.ErrNotFound. Nil options return no raw JSON.
//
//docker:operation GET /volumes/{name}
func (c *Client) VolumeInspect(ctx context.Context, name string, opts *VolumeInspectOptions) (*Volume, error) {
	return fetchRaw[Volume](ctx, c, newRequest("GET /volumes/{name}", name), value(opts).Raw)
}

// volumeUpdateRequest is the body of an update.
type volumeUpdateRequest struct {
	Spec ClusterVolumeSpec
}

// VolumeUpdate replaces the availability of a volume of the cluster; all else has to
// stay as an inspect told it. The version is that of the inspect's ClusterVolume; one
// that has been updated since is errdefs.ErrConflict. An engine that is no manager is
// errdefs.ErrUnavailable. It needs API 1.42.
//
//docker:operation PUT /volumes/{name}
func (c *Client) VolumeUpdate(ctx context.Context, id string, version ObjectVersion, spec ClusterVolumeSpec) error {
	r := newRequest("PUT /volumes/{name}", id)
	r.setVersion(version)
	return conflicting(c.call(ctx, r.json(volumeUpdateRequest{spec}), nil))
}

// VolumeRemoveOptions say how a volume is removed.
type VolumeRemoveOptions struct {
	Force bool // a missing one is no error, nor is one that its driver has lost
}

// VolumeRemove removes a volume with what is in it. A missing one is
// errdefs.ErrNotFound, one that a container uses, running or not, errdefs.ErrConflict,
// forced or not. Nil options remove a volume that its driver can.
//
//docker:operation DELETE /volumes/{name}
func (c *Client) VolumeRemove(ctx context.Context, name string, opts *VolumeRemoveOptions) error {
	r := newRequest("DELETE /volumes/{name}", name)
	r.set("force", value(opts).Force)
	return c.call(ctx, r, nil)
}

// VolumePruneOptions narrow what is removed.
type VolumePruneOptions struct {
	All     bool    // those with names too
	Filters Filters // label, label!
}

// VolumePrune removes volumes of this engine that no container uses: nil options, the
// anonymous ones. Below API 1.42 an engine cannot spare those with names, and without
// All it is [errors.ErrUnsupported].
//
//docker:operation POST /volumes/prune
func (c *Client) VolumePrune(ctx context.Context, opts *VolumePruneOptions) (*VolumePruneResult, error) {
	o, r := value(opts), newRequest("POST /volumes/prune")
	filters := Filters{"all": {strconv.FormatBool(o.All)}} // also false: an engine that would not heed it is not asked
	maps.Copy(filters, o.Filters)
	if e, err := c.engine(ctx); err == nil && o.All && e.version < gates["POST /volumes/prune?filters=all"] {
		delete(filters, "all") // there it is all that a prune does
	}
	r.set("filters", filters)
	return fetch[VolumePruneResult](ctx, c, r)
}
