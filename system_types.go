package docker

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"
)

// Info is what an engine tells about itself and its host.
type Info struct {
	ID                 string
	Name               string   // of the host
	Labels             []string // of the engine
	ServerVersion      string
	ExperimentalBuild  bool
	Containers         int
	ContainersRunning  int
	ContainersPaused   int
	ContainersStopped  int
	Images             int
	Driver             string      // of the image store
	DriverStatus       [][2]string // label and value
	SystemStatus       [][2]string `json:",omitempty"` // until API 1.40
	DockerRootDir      string
	Plugins            PluginsInfo
	Debug              bool
	NFd                int // open file descriptors; 0 unless Debug
	NGoroutines        int // 0 unless Debug
	NEventsListener    int
	SystemTime         Timestamp `json:",omitzero"`
	LiveRestoreEnabled bool

	// The host.
	KernelVersion   string
	OperatingSystem string // "Debian GNU/Linux 12 (bookworm)"
	OSVersion       string // API 1.41
	OSType          string // "linux" or "windows"
	Architecture    string // "x86_64"
	NCPU            int
	MemTotal        int64 // bytes

	// What the host can limit.
	MemoryLimit       bool
	SwapLimit         bool
	KernelMemory      bool `json:",omitempty"` // until API 1.41
	KernelMemoryTCP   bool `json:",omitempty"` // until API 1.51
	CPUCfsPeriod      bool `json:"CpuCfsPeriod"`
	CPUCfsQuota       bool `json:"CpuCfsQuota"`
	CPUShares         bool
	CPUSet            bool
	PidsLimit         bool
	OomKillDisable    bool
	IPv4Forwarding    bool
	BridgeNfIptables  bool `json:",omitempty"` // until API 1.49
	BridgeNfIp6tables bool `json:",omitempty"` // until API 1.49

	// Defaults of new containers.
	LoggingDriver       string
	CgroupDriver        string // "cgroupfs", "systemd" or "none"
	CgroupVersion       string `json:",omitempty"` // "1" or "2"; API 1.41
	DefaultRuntime      string
	Runtimes            map[string]Runtime
	Isolation           Isolation
	InitBinary          string
	SecurityOptions     []string      // "name=seccomp,profile=builtin"
	DefaultAddressPools []AddressPool `json:",omitempty"` // API 1.41
	FirewallBackend     FirewallInfo  `json:",omitzero"`  // API 1.49
	DiscoveredDevices   []DeviceInfo  `json:",omitempty"` // API 1.50
	CDISpecDirs         []string      `json:",omitempty"` // API 1.44
	NRI                 NRIInfo       `json:",omitzero"`  // API 1.53
	GenericResources    []GenericResource

	// The network of the engine itself. Passwords in the URLs are masked.
	IndexServerAddress string
	RegistryConfig     RegistryConfig
	HTTPProxy          string `json:"HttpProxy"`
	HTTPSProxy         string `json:"HttpsProxy"`
	NoProxy            string

	Swarm            SwarmInfo
	ClusterStore     string `json:",omitempty"` // until API 1.41
	ClusterAdvertise string `json:",omitempty"` // until API 1.41

	Containerd       ContainerdInfo `json:",omitzero"` // API 1.46
	ContainerdCommit Commit
	RuncCommit       Commit
	InitCommit       Commit
	ProductLicense   string `json:",omitempty"`
	Warnings         []string
}

// PluginsInfo is the names of the plugins by kind.
type PluginsInfo struct {
	Volume        []string
	Network       []string
	Authorization []string
	Log           []string
}

// Runtime is a program that runs containers.
type Runtime struct {
	Path    string            `json:"path,omitempty"`
	Args    []string          `json:"runtimeArgs,omitempty"`
	Type    string            `json:"runtimeType,omitempty"` // a containerd shim, in place of Path
	Options map[string]any    `json:"options,omitempty"`     // of a Type
	Status  map[string]string `json:"status,omitempty"`      // API 1.44
}

// AddressPool is where the subnets of new networks come from.
type AddressPool struct {
	Base netip.Prefix
	Size int // length of a subnet's prefix
}

// FirewallInfo is how an engine filters packets.
type FirewallInfo struct {
	Driver string      `json:",omitempty"` // "iptables", "nftables", ...
	Info   [][2]string `json:",omitempty"` // label and value
}

// DeviceInfo is a device that a device driver offers.
type DeviceInfo struct {
	Source string // the driver
	ID     string // "vendor.com/gpu=0"
}

// NRIInfo is the state of the Node Resource Interface; empty if it is off.
type NRIInfo struct {
	Info [][2]string `json:",omitempty"` // label and value
}

// RegistryConfig is how an engine treats registries.
type RegistryConfig struct {
	InsecureRegistryCIDRs []netip.Prefix
	IndexConfigs          map[string]IndexInfo // by host
	Mirrors               []string             // of Docker Hub

	AllowNondistributableArtifactsCIDRs     []netip.Prefix `json:",omitempty"` // until API 1.48
	AllowNondistributableArtifactsHostnames []string       `json:",omitempty"` // until API 1.48
}

// IndexInfo is how an engine treats one registry.
type IndexInfo struct {
	Name     string
	Mirrors  []string
	Secure   bool // TLS with verification
	Official bool // Docker Hub
}

// ContainerdInfo is how an engine uses containerd.
type ContainerdInfo struct {
	Address    string               `json:",omitempty"` // of its socket
	Namespaces ContainerdNamespaces `json:",omitzero"`
}

// ContainerdNamespaces is where an engine keeps its things in containerd.
type ContainerdNamespaces struct {
	Containers string
	Plugins    string
}

// Commit is the version of a program.
type Commit struct {
	ID       string
	Expected string `json:",omitempty"` // until API 1.48
}

// Version is the version of an engine.
type Version struct {
	Platform      VersionPlatform
	Components    []VersionComponent
	Version       string
	APIVersion    string `json:"ApiVersion"` // the highest that it speaks
	MinAPIVersion string // the lowest that it speaks
	GitCommit     string
	GoVersion     string
	OS            string `json:"Os"`
	Arch          string // as Go names it
	KernelVersion string `json:",omitempty"`
	Experimental  bool   `json:",omitempty"`
	BuildTime     string `json:",omitempty"` // RFC 3339 where the builder set it so
}

// VersionPlatform is the product that an engine belongs to.
type VersionPlatform struct {
	Name string
}

// VersionComponent is one part of an engine.
type VersionComponent struct {
	Name    string
	Version string
	Details map[string]string `json:",omitempty"`
}

// EventType is the kind of object that an event is about.
type EventType string

// The types of event.
const (
	EventBuilder   EventType = "builder"
	EventConfig    EventType = "config"
	EventContainer EventType = "container"
	EventDaemon    EventType = "daemon"
	EventImage     EventType = "image"
	EventNetwork   EventType = "network"
	EventNode      EventType = "node"
	EventPlugin    EventType = "plugin"
	EventSecret    EventType = "secret"
	EventService   EventType = "service"
	EventVolume    EventType = "volume"
)

// Event is something that happened to an object.
type Event struct {
	Type   EventType
	Action string // "start", "die", "exec_start: sh", ...
	Actor  EventActor
	Scope  EventScope
	Time   time.Time
}

// EventActor is the object that an event is about.
type EventActor struct {
	ID         string
	Attributes map[string]string // name, image, labels, exitCode, ...
}

// EventScope is where an event happened.
type EventScope string

// The scopes of events.
const (
	EventLocal EventScope = "local" // on this engine
	EventSwarm EventScope = "swarm" // in the cluster
)

// DiskUsage is what an engine keeps on disk, for the kinds that were asked for.
// Engines from API 1.52 fill the first four, others the rest.
type DiskUsage struct {
	ImageUsage      *Usage[ImageSummary]     `json:",omitempty"`
	ContainerUsage  *Usage[ContainerSummary] `json:",omitempty"`
	VolumeUsage     *Usage[Volume]           `json:",omitempty"`
	BuildCacheUsage *Usage[BuildCache]       `json:",omitempty"`

	// Until API 1.51. Some later engines send them, too.
	LayersSize  int64              `json:",omitempty"` // bytes
	Images      []ImageSummary     `json:",omitempty"`
	Containers  []ContainerSummary `json:",omitempty"`
	Volumes     []Volume           `json:",omitempty"`
	BuildCache  []BuildCache       `json:",omitempty"`
	BuilderSize int64              `json:",omitempty"` // bytes; until API 1.41
}

// Usage is what one kind of object keeps on disk.
type Usage[T any] struct {
	ActiveCount int64 // in use
	TotalCount  int64
	Reclaimable int64 // bytes that are not in use
	TotalSize   int64 // bytes
	Items       []T   `json:",omitempty"` // nil unless asked for
}

// BuildCache is one record of the build cache.
type BuildCache struct {
	ID          string
	Parent      string   `json:",omitempty"`         // until API 1.41
	Parents     []string `json:" Parents,omitempty"` // API 1.42; engines do write the space
	Type        BuildCacheType
	Description string
	InUse       bool
	Shared      bool
	Size        int64 // bytes
	CreatedAt   time.Time
	LastUsedAt  time.Time `json:",omitzero"` // zero if never
	UsageCount  int
}

// UnmarshalJSON reads the parents under both spellings of their name.
func (b *BuildCache) UnmarshalJSON(data []byte) error {
	type plain BuildCache
	wire := struct {
		*plain
		Spelled []string `json:"Parents"`
	}{plain: (*plain)(b)}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	if b.Parents == nil {
		b.Parents = wire.Spelled
	}
	return nil
}

// BuildCacheType is the kind of a build cache record.
type BuildCacheType string

// The kinds of build cache record.
const (
	BuildCacheInternal       BuildCacheType = "internal"
	BuildCacheFrontend       BuildCacheType = "frontend"
	BuildCacheSourceLocal    BuildCacheType = "source.local"
	BuildCacheSourceGit      BuildCacheType = "source.git.checkout"
	BuildCacheExecCacheMount BuildCacheType = "exec.cachemount"
	BuildCacheRegular        BuildCacheType = "regular"
)

// BuildPruneResult is what a prune of the build cache removed.
type BuildPruneResult struct {
	CachesDeleted  []string
	SpaceReclaimed int64 // bytes
}

// AuthResponse is a registry's answer to a login. It prints without the token.
type AuthResponse struct {
	Status        string
	IdentityToken string // stands for the password from now on
}

// Format writes the status alone, under every verb.
func (a AuthResponse) Format(s fmt.State, _ rune) { io.WriteString(s, a.Status) }

// LogValue is the status alone.
func (a AuthResponse) LogValue() slog.Value { return slog.StringValue(a.Status) }

// MarshalJSON encodes the status alone.
func (a AuthResponse) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"Status": a.Status})
}
