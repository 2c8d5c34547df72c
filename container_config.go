package docker

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ContainerConfig is what a container runs, apart from its host.
// What is zero is taken from the image or is the engine's default.
type ContainerConfig struct {
	Hostname        string              `json:",omitempty"`
	Domainname      string              `json:",omitempty"`
	User            string              `json:",omitempty"` // user or uid, and optionally ":group" or ":gid"
	AttachStdin     bool                `json:",omitempty"`
	AttachStdout    bool                `json:",omitempty"`
	AttachStderr    bool                `json:",omitempty"`
	ExposedPorts    map[Port]struct{}   `json:",omitempty"`
	TTY             bool                `json:"Tty,omitempty"`
	OpenStdin       bool                `json:",omitempty"`
	StdinOnce       bool                `json:",omitempty"` // close stdin when the first attached client leaves
	Env             []string            `json:",omitempty"` // "NAME=value"; "NAME" alone removes the variable
	Cmd             Command             `json:",omitzero"`
	Healthcheck     *HealthConfig       `json:",omitempty"`
	ArgsEscaped     bool                `json:",omitempty"` // Windows: Cmd is already escaped
	Image           string              `json:",omitempty"`
	Volumes         map[string]struct{} `json:",omitempty"` // mount points of anonymous volumes
	WorkingDir      string              `json:",omitempty"`
	Entrypoint      Command             `json:",omitzero"`
	NetworkDisabled bool                `json:",omitempty"`
	MacAddress      string              `json:",omitempty"` // until API 1.51; then in EndpointSettings
	OnBuild         []string            `json:",omitempty"`
	Labels          map[string]string   `json:",omitempty"`
	StopSignal      string              `json:",omitempty"`
	StopTimeout     *int                `json:",omitempty"` // seconds; nil is the engine's default
	Shell           Command             `json:",omitzero"`
}

// HealthConfig says how to find out whether a container is healthy.
// Zero durations and Retries are inherited from the image.
type HealthConfig struct {
	// Test is empty to inherit, {"NONE"} to disable, {"CMD", args...} to run a
	// program, or {"CMD-SHELL", command} to run a shell.
	Test          []string      `json:",omitempty"`
	Interval      time.Duration `json:",omitempty"`
	Timeout       time.Duration `json:",omitempty"`
	StartPeriod   time.Duration `json:",omitempty"`
	StartInterval time.Duration `json:",omitempty"` // API 1.44
	Retries       int           `json:",omitempty"`
}

// HostConfig is how a container uses its host. What is zero is the engine's default.
type HostConfig struct {
	Resources
	Binds           []string          `json:",omitempty"` // "source:target[:options]"
	ContainerIDFile string            `json:",omitempty"`
	LogConfig       LogConfig         `json:",omitzero"`
	NetworkMode     string            `json:",omitempty"` // "bridge", "host", "none", "container:ID" or a network
	PortBindings    PortMap           `json:",omitempty"`
	RestartPolicy   RestartPolicy     `json:",omitzero"`
	AutoRemove      bool              `json:",omitempty"`
	VolumeDriver    string            `json:",omitempty"`
	VolumesFrom     []string          `json:",omitempty"` // "container[:ro|rw]"
	Mounts          []Mount           `json:",omitempty"`
	ConsoleSize     [2]uint           `json:",omitzero"`  // height, width
	Annotations     map[string]string `json:",omitempty"` // API 1.43
	CapAdd          []string          `json:",omitempty"`
	CapDrop         []string          `json:",omitempty"`
	Capabilities    []string          `json:",omitempty"` // until API 1.40
	CgroupnsMode    CgroupnsMode      `json:",omitempty"` // API 1.41
	DNS             AddrList          `json:"Dns,omitempty"`
	DNSOptions      []string          `json:"DnsOptions,omitempty"`
	DNSSearch       []string          `json:"DnsSearch,omitempty"`
	ExtraHosts      []string          `json:",omitempty"` // "name:address"
	GroupAdd        []string          `json:",omitempty"`
	IpcMode         string            `json:",omitempty"` // "none", "private", "shareable", "host" or "container:ID"
	Cgroup          string            `json:",omitempty"`
	Links           []string          `json:",omitempty"` // "container:alias"
	OomScoreAdj     int               `json:",omitempty"`
	PidMode         string            `json:",omitempty"` // "host" or "container:ID"
	Privileged      bool              `json:",omitempty"`
	PublishAllPorts bool              `json:",omitempty"`
	ReadonlyRootfs  bool              `json:",omitempty"`
	SecurityOpt     []string          `json:",omitempty"`
	StorageOpt      map[string]string `json:",omitempty"`
	Tmpfs           map[string]string `json:",omitempty"` // target to mount options
	UTSMode         string            `json:",omitempty"` // "host"
	UsernsMode      string            `json:",omitempty"` // "host"
	ShmSize         int64             `json:",omitempty"` // bytes
	Sysctls         map[string]string `json:",omitempty"`
	Runtime         string            `json:",omitempty"`
	Umask           *uint32           `json:",omitempty"` // nil is the runtime's default; API 1.56
	Isolation       Isolation         `json:",omitempty"` // Windows
	Init            *bool             `json:",omitempty"` // run an init as PID 1; nil is the engine's default
	MaskedPaths     []string          `json:",omitzero"`  // nil masks the engine's own list, empty masks nothing
	ReadonlyPaths   []string          `json:",omitzero"`  // nil is the engine's own list, empty is none
}

// Resources are the limits of a container. Zero means no limit, or no change in
// an update.
type Resources struct {
	CPUShares          int64           `json:"CpuShares,omitempty"`          // relative weight
	NanoCPUs           int64           `json:"NanoCpus,omitempty"`           // 1e-9 CPUs
	CPUPeriod          int64           `json:"CpuPeriod,omitempty"`          // microseconds
	CPUQuota           int64           `json:"CpuQuota,omitempty"`           // microseconds in a period
	CPURealtimePeriod  int64           `json:"CpuRealtimePeriod,omitempty"`  // microseconds
	CPURealtimeRuntime int64           `json:"CpuRealtimeRuntime,omitempty"` // microseconds
	CpusetCpus         string          `json:",omitempty"`                   // "0-3" or "0,1"
	CpusetMems         string          `json:",omitempty"`
	Memory             int64           `json:",omitempty"` // bytes
	MemoryReservation  int64           `json:",omitempty"` // soft limit, bytes
	MemorySwap         int64           `json:",omitempty"` // memory and swap, bytes; -1 is unlimited swap
	MemorySwappiness   *int64          `json:",omitempty"` // 0 to 100
	KernelMemory       int64           `json:",omitempty"` // bytes; until API 1.41
	KernelMemoryTCP    int64           `json:",omitempty"` // bytes; until API 1.51
	OomKillDisable     *bool           `json:",omitempty"`
	PidsLimit          *int64          `json:",omitempty"` // 0 and -1 are unlimited
	CgroupParent       string          `json:",omitempty"`
	Ulimits            []Ulimit        `json:",omitzero"`
	Devices            []DeviceMapping `json:",omitzero"`
	DeviceCgroupRules  []string        `json:",omitzero"`
	DeviceRequests     []DeviceRequest `json:",omitzero"`

	BlkioWeight uint16 `json:",omitempty"` // 10 to 1000
	// The lists by device: in an update nil keeps the present rules and empty
	// clears them (API 1.55; ignored before).
	BlkioWeightDevice    []WeightDevice   `json:",omitzero"`
	BlkioDeviceReadBps   []ThrottleDevice `json:",omitzero"` // bytes a second
	BlkioDeviceWriteBps  []ThrottleDevice `json:",omitzero"` // bytes a second
	BlkioDeviceReadIOps  []ThrottleDevice `json:",omitzero"`
	BlkioDeviceWriteIOps []ThrottleDevice `json:",omitzero"`

	// Windows
	CPUCount           int64  `json:"CpuCount,omitempty"`
	CPUPercent         int64  `json:"CpuPercent,omitempty"`
	IOMaximumIOps      uint64 `json:",omitempty"`
	IOMaximumBandwidth uint64 `json:",omitempty"` // bytes a second
}

// Ulimit is a resource limit of a process, such as "nofile".
type Ulimit struct {
	Name string
	Soft int64 // -1 is unlimited
	Hard int64 // -1 is unlimited
}

// DeviceMapping gives a device of the host to a container.
type DeviceMapping struct {
	PathOnHost        string
	PathInContainer   string
	CgroupPermissions string `json:",omitempty"` // of "rwm"
}

// DeviceRequest asks a device driver for devices, such as GPUs.
type DeviceRequest struct {
	Driver       string            `json:",omitempty"`
	Count        int               `json:",omitempty"` // -1 is all
	DeviceIDs    []string          `json:",omitempty"`
	Capabilities [][]string        `json:",omitempty"` // an OR list of AND lists
	Options      map[string]string `json:",omitempty"`
}

// WeightDevice is the relative weight of a block device.
type WeightDevice struct {
	Path   string
	Weight uint16
}

// ThrottleDevice is the greatest rate of a block device.
type ThrottleDevice struct {
	Path string
	Rate uint64 // bytes or operations a second
}

// LogConfig names the logging driver of a container.
type LogConfig struct {
	Type   string            `json:",omitempty"` // "json-file", "local", "none", ...
	Config map[string]string `json:",omitempty"`
}

// RestartPolicy says when an exited container is started again.
type RestartPolicy struct {
	Name              RestartPolicyMode `json:",omitempty"`
	MaximumRetryCount int               `json:",omitempty"` // for RestartOnFailure; 0 is no limit
}

// RestartPolicyMode is the kind of a restart policy.
type RestartPolicyMode string

// The restart policies. Empty means RestartNo.
const (
	RestartNo            RestartPolicyMode = "no"
	RestartAlways        RestartPolicyMode = "always"
	RestartUnlessStopped RestartPolicyMode = "unless-stopped"
	RestartOnFailure     RestartPolicyMode = "on-failure"
)

// CgroupnsMode is whose cgroup namespace a container is in.
type CgroupnsMode string

// The cgroup namespace modes.
const (
	CgroupnsPrivate CgroupnsMode = "private"
	CgroupnsHost    CgroupnsMode = "host"
)

// Isolation is how a Windows container is kept apart from its host.
type Isolation string

// The isolation technologies.
const (
	IsolationDefault Isolation = "default"
	IsolationProcess Isolation = "process"
	IsolationHyperV  Isolation = "hyperv"
)

// PortMap is where the ports of a container are published on the host.
// A port without bindings is exposed, not published.
type PortMap map[Port][]PortBinding

// MarshalJSON writes ports with their protocol, tcp where they have none: engines would
// publish nothing, and not say so.
func (m PortMap) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	whole := make(map[Port][]PortBinding, len(m))
	for port, bindings := range m {
		if port != "" && !strings.Contains(string(port), "/") {
			port += "/tcp"
		}
		if already, ok := whole[port]; ok {
			bindings = slices.Concat(already, bindings)
		}
		whole[port] = bindings
	}
	return json.Marshal(whole)
}

// PortBinding is one place where a port is published.
type PortBinding struct {
	HostIP   netip.Addr `json:"HostIp,omitzero"` // zero is all addresses
	HostPort string     `json:",omitempty"`      // a port or a range; empty is any free port
}

// UnmarshalJSON takes a HostIp that is no address for none: engines hand back
// what they were given.
func (p *PortBinding) UnmarshalJSON(b []byte) error {
	var wire struct {
		HostIP   IP `json:"HostIp"`
		HostPort string
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*p = PortBinding{HostIP: wire.HostIP.Addr, HostPort: wire.HostPort}
	return nil
}

// Mount is something mounted into a container.
type Mount struct {
	Type           MountType       `json:",omitempty"`
	Source         string          `json:",omitempty"` // path, volume or image; none for tmpfs
	Target         string          `json:",omitempty"`
	ReadOnly       bool            `json:",omitempty"`
	Consistency    string          `json:",omitempty"` // "default", "consistent", "cached" or "delegated"
	BindOptions    *BindOptions    `json:",omitempty"`
	VolumeOptions  *VolumeOptions  `json:",omitempty"`
	ImageOptions   *ImageOptions   `json:",omitempty"` // API 1.48
	TmpfsOptions   *TmpfsOptions   `json:",omitempty"`
	ClusterOptions *ClusterOptions `json:",omitempty"` // API 1.42
}

// MountType is the kind of a mount.
type MountType string

// The kinds of mount.
const (
	MountBind      MountType = "bind"
	MountVolume    MountType = "volume"
	MountTmpfs     MountType = "tmpfs"
	MountNamedPipe MountType = "npipe"   // Windows
	MountCluster   MountType = "cluster" // a cluster volume; API 1.42
	MountImage     MountType = "image"   // API 1.48
)

// BindOptions are the options of a bind mount.
type BindOptions struct {
	Propagation            MountPropagation `json:",omitempty"`
	NonRecursive           bool             `json:",omitempty"`
	CreateMountpoint       bool             `json:",omitempty"` // make a missing source; API 1.42
	ReadOnlyNonRecursive   bool             `json:",omitempty"` // API 1.44
	ReadOnlyForceRecursive bool             `json:",omitempty"` // fail rather than leave submounts writable; API 1.44
}

// MountPropagation is how mounts below a bind mount reach its other side.
type MountPropagation string

// The propagation modes.
const (
	PropagationPrivate  MountPropagation = "private"
	PropagationRPrivate MountPropagation = "rprivate"
	PropagationShared   MountPropagation = "shared"
	PropagationRShared  MountPropagation = "rshared"
	PropagationSlave    MountPropagation = "slave"
	PropagationRSlave   MountPropagation = "rslave"
)

// VolumeOptions are the options of a volume mount.
type VolumeOptions struct {
	NoCopy       bool              `json:",omitempty"` // do not fill a new volume from the image
	Labels       map[string]string `json:",omitempty"`
	DriverConfig Driver            `json:",omitzero"`
	Subpath      string            `json:",omitempty"` // API 1.45; older engines mount the whole volume
}

// ImageOptions are the options of an image mount.
type ImageOptions struct {
	Subpath string `json:",omitempty"`
}

// TmpfsOptions are the options of a tmpfs mount.
type TmpfsOptions struct {
	SizeBytes int64      `json:",omitempty"`
	Mode      uint32     `json:",omitempty"` // Unix permission bits
	Options   [][]string `json:",omitempty"` // {"flag"} or {"key", "value"}; API 1.46
}

// ClusterOptions are the options of a cluster volume mount; there are none yet.
type ClusterOptions struct{}

// Driver names a plugin and its options.
type Driver struct {
	Name    string            `json:",omitempty"`
	Options map[string]string `json:",omitempty"`
}
