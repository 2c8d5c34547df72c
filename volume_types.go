package docker

// Volume is a volume of this engine or of the cluster.
type Volume struct {
	Name          string
	Driver        string
	Mountpoint    string         // path on the host
	CreatedAt     Timestamp      `json:",omitzero"`  // zero if the driver does not tell
	Status        map[string]any `json:",omitempty"` // what the driver tells of it
	Labels        map[string]string
	Scope         VolumeScope
	Options       map[string]string
	UsageData     *VolumeUsage   `json:",omitempty"` // nil outside of DiskUsage
	ClusterVolume *ClusterVolume `json:",omitempty"` // nil unless it belongs to the cluster; API 1.42
}

// VolumeScope is where a volume exists.
type VolumeScope string

// The scopes of volumes.
const (
	VolumeLocal  VolumeScope = "local"
	VolumeGlobal VolumeScope = "global"
)

// VolumeUsage is the use of a volume.
type VolumeUsage struct {
	Size     int64 // bytes; -1 if not known
	RefCount int64 // containers; -1 if not known
}

// ClusterVolume is a volume that the cluster manages through a CSI plugin.
type ClusterVolume struct {
	ID string
	ObjectMeta
	Spec          ClusterVolumeSpec
	PublishStatus []VolumePublishStatus `json:",omitempty"`
	Info          *ClusterVolumeInfo    `json:",omitempty"` // nil until the plugin has made the volume
}

// ClusterVolumeSpec is what is asked of a cluster volume.
type ClusterVolumeSpec struct {
	Group                     string               `json:",omitempty"`
	AccessMode                *VolumeAccessMode    `json:",omitempty"`
	AccessibilityRequirements *TopologyRequirement `json:",omitempty"`
	CapacityRange             *CapacityRange       `json:",omitempty"`
	Secrets                   []VolumeSecret       `json:",omitempty"` // for the plugin
	Availability              VolumeAvailability   `json:",omitempty"`
}

// VolumeAccessMode is how tasks may use a cluster volume. Just one of MountVolume
// and BlockVolume is set.
type VolumeAccessMode struct {
	Scope       VolumeAccessScope `json:",omitempty"`
	Sharing     VolumeSharing     `json:",omitempty"`
	MountVolume *FileSystemAccess `json:",omitempty"` // a file system
	BlockVolume *BlockAccess      `json:",omitempty"` // a block device
}

// VolumeAccessScope is how many nodes may use a cluster volume at a time.
type VolumeAccessScope string

// The access scopes. Empty means VolumeSingleNode.
const (
	VolumeSingleNode VolumeAccessScope = "single"
	VolumeMultiNode  VolumeAccessScope = "multi"
)

// VolumeSharing is how many tasks may use a cluster volume at a time.
type VolumeSharing string

// The ways of sharing. Empty means VolumeShareNone.
const (
	VolumeShareNone      VolumeSharing = "none"
	VolumeShareReadOnly  VolumeSharing = "readonly"
	VolumeShareOneWriter VolumeSharing = "onewriter"
	VolumeShareAll       VolumeSharing = "all"
)

// VolumeAvailability is whether tasks may use a cluster volume.
type VolumeAvailability string

// The availabilities. Empty means VolumeActive.
const (
	VolumeActive VolumeAvailability = "active"
	VolumePause  VolumeAvailability = "pause" // no new tasks
	VolumeDrain  VolumeAvailability = "drain" // no tasks
)

// FileSystemAccess is how the file system of a cluster volume is mounted.
type FileSystemAccess struct {
	FSType     string   `json:"FsType,omitempty"`
	MountFlags []string `json:",omitempty"`
}

// BlockAccess is a cluster volume as a device; it has no options.
type BlockAccess struct{}

// TopologyRequirement is where a cluster volume must be accessible from.
type TopologyRequirement struct {
	Requisite []Topology `json:",omitempty"`
	Preferred []Topology `json:",omitempty"` // best first
}

// Topology is a place: segments by domain.
type Topology struct {
	Segments map[string]string `json:",omitempty"`
}

// CapacityRange is the size of a cluster volume in bytes; 0 is no bound.
type CapacityRange struct {
	RequiredBytes int64
	LimitBytes    int64
}

// VolumeSecret names a secret of the cluster that is given to a CSI plugin.
type VolumeSecret struct {
	Key    string // for the plugin
	Secret string // name or ID
}

// ClusterVolumeInfo is what a CSI plugin made.
type ClusterVolumeInfo struct {
	CapacityBytes      int64             `json:",omitempty"` // 0 if not known
	VolumeContext      map[string]string `json:",omitempty"`
	VolumeID           string            `json:",omitempty"` // the plugin's
	AccessibleTopology []Topology        `json:",omitempty"`
}

// VolumePublishStatus is how far a cluster volume is published on a node.
type VolumePublishStatus struct {
	NodeID         string             `json:",omitempty"`
	State          VolumePublishState `json:",omitempty"`
	PublishContext map[string]string  `json:",omitempty"`
}

// VolumePublishState is a step of publishing.
type VolumePublishState string

// The steps of publishing.
const (
	VolumePendingPublish             VolumePublishState = "pending-publish"
	VolumePublished                  VolumePublishState = "published"
	VolumePendingNodeUnpublish       VolumePublishState = "pending-node-unpublish"
	VolumePendingControllerUnpublish VolumePublishState = "pending-controller-unpublish"
)

// VolumeListResult is the volumes of an engine.
type VolumeListResult struct {
	Volumes  []Volume
	Warnings []string // of drivers that could not tell theirs
}

// VolumePruneResult is what a prune of volumes removed.
type VolumePruneResult struct {
	VolumesDeleted []string
	SpaceReclaimed int64 // bytes
}
