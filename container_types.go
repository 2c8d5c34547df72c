package docker

import (
	"strconv"
	"strings"
	"time"
)

// ContainerSummary is one container of a list.
type ContainerSummary struct {
	ID                      string   `json:"Id"`
	Names                   []string // with a leading slash
	Image                   string   // as given when the container was created
	ImageID                 string
	ImageManifestDescriptor *Descriptor `json:",omitempty"` // nil unless the image store is multi-platform; API 1.48
	Command                 string
	Created                 UnixTime
	Ports                   []PortSummary
	SizeRw                  *int64 `json:",omitempty"` // bytes written; nil unless asked for
	SizeRootFs              *int64 `json:",omitempty"` // bytes of the image and written; nil unless asked for
	Labels                  map[string]string
	State                   ContainerStatus
	Status                  string // for people: "Up 2 hours"
	HostConfig              HostConfigSummary
	NetworkSettings         NetworkSettingsSummary
	Mounts                  []MountPoint
	Health                  HealthSummary `json:",omitzero"` // API 1.52
}

// Name is the first of the names, without the slash that lists put before it.
func (s *ContainerSummary) Name() string {
	if len(s.Names) == 0 {
		return ""
	}
	return strings.TrimPrefix(s.Names[0], "/")
}

// HostConfigSummary is what a list tells of a HostConfig.
type HostConfigSummary struct {
	NetworkMode string            `json:",omitempty"`
	Annotations map[string]string `json:",omitempty"` // API 1.46
}

// NetworkSettingsSummary is what a list tells of NetworkSettings.
type NetworkSettingsSummary struct {
	Networks map[string]EndpointSettings
}

// HealthSummary is what a list tells of Health.
type HealthSummary struct {
	Status        HealthStatus
	FailingStreak int
}

// PortSummary is a port of a container and where it is published.
type PortSummary struct {
	IP          IP     `json:",omitzero"` // zero unless published
	PrivatePort uint16 // in the container
	PublicPort  uint16 `json:",omitempty"` // on the host; 0 unless published
	Type        string // "tcp", "udp" or "sctp"
}

// MountPoint is something that is mounted in a container.
type MountPoint struct {
	Type        MountType `json:",omitempty"`
	Name        string    `json:",omitempty"` // of the volume
	Source      string    // on the host
	Destination string    // in the container
	Driver      string    `json:",omitempty"` // of the volume
	Mode        string    // the options that were asked for
	RW          bool
	Propagation MountPropagation
}

// ContainerStatus is the state that a container is in.
type ContainerStatus string

// The states of a container.
const (
	ContainerCreated    ContainerStatus = "created"
	ContainerRunning    ContainerStatus = "running"
	ContainerPaused     ContainerStatus = "paused"
	ContainerRestarting ContainerStatus = "restarting"
	ContainerRemoving   ContainerStatus = "removing"
	ContainerExited     ContainerStatus = "exited"
	ContainerDead       ContainerStatus = "dead"
)

// Container is all that the engine knows of a container.
type Container struct {
	ID                      string `json:"Id"`
	Created                 Timestamp
	Path                    string // the program
	Args                    []string
	State                   ContainerState
	Image                   string      // ID
	ImageManifestDescriptor *Descriptor `json:",omitempty"` // nil unless the image store is multi-platform; API 1.48
	ResolvConfPath          string
	HostnamePath            string
	HostsPath               string
	LogPath                 string `json:",omitempty"`
	Name                    string // with a leading slash
	RestartCount            int
	Driver                  string // of the image store
	Platform                string // operating system
	MountLabel              string
	ProcessLabel            string
	AppArmorProfile         string
	ExecIDs                 []string // running ones
	HostConfig              HostConfig
	GraphDriver             DriverData `json:",omitzero"`  // of a graph driver store
	Storage                 Storage    `json:",omitzero"`  // of a snapshotter store; API 1.52
	SizeRw                  *int64     `json:",omitempty"` // bytes written; nil unless asked for
	SizeRootFs              *int64     `json:",omitempty"` // bytes of the image and written; nil unless asked for
	Mounts                  []MountPoint
	Config                  ContainerConfig
	NetworkSettings         NetworkSettings
}

// ContainerState is the state of a container's main process.
type ContainerState struct {
	Status     ContainerStatus
	Running    bool // true while paused, too
	Paused     bool
	Restarting bool
	OOMKilled  bool
	Dead       bool
	Pid        int
	ExitCode   int64 // of the last run
	Error      string
	StartedAt  Timestamp // zero if never
	FinishedAt Timestamp // zero if never
	Health     Health    `json:",omitzero"` // zero without a health check
}

// Health is what the health checks of a container found.
type Health struct {
	Status        HealthStatus
	FailingStreak int
	Log           []HealthcheckResult // the last few, oldest first
}

// HealthStatus is the outcome of health checks.
type HealthStatus string

// The outcomes of health checks.
const (
	HealthNone      HealthStatus = "none" // no health check
	HealthStarting  HealthStatus = "starting"
	HealthHealthy   HealthStatus = "healthy"
	HealthUnhealthy HealthStatus = "unhealthy"
)

// HealthcheckResult is one run of a health check.
type HealthcheckResult struct {
	Start    time.Time
	End      time.Time
	ExitCode int64 // 0 is healthy, 1 unhealthy, 2 reserved, others an error
	Output   string
}

// DriverData is what a graph driver keeps of an image or container.
type DriverData struct {
	Name string
	Data map[string]string
}

// Storage is what a snapshotter keeps of a container.
type Storage struct {
	RootFS *RootFSStorage `json:",omitempty"`
}

// RootFSStorage is where the root file system of a container is kept.
type RootFSStorage struct {
	Snapshot *RootFSSnapshot `json:",omitempty"`
}

// RootFSSnapshot is a snapshotter that holds a root file system.
type RootFSSnapshot struct {
	Name string `json:",omitempty"`
}

// FilesystemChange is a path that differs between a container and its image.
type FilesystemChange struct {
	Path string
	Kind ChangeKind
}

// ChangeKind is how a path differs.
type ChangeKind uint8

// The kinds of change.
const (
	ChangeModified ChangeKind = 0
	ChangeAdded    ChangeKind = 1
	ChangeDeleted  ChangeKind = 2
)

// String is "C", "A" or "D", as the docker command prints it.
func (k ChangeKind) String() string {
	if k > ChangeDeleted {
		return strconv.Itoa(int(k))
	}
	return "CAD"[k : k+1]
}

// ContainerCreateResult names the new container.
type ContainerCreateResult struct {
	ID       string `json:"Id"`
	Warnings []string
}

// ContainerUpdateResult is the warnings of an update.
type ContainerUpdateResult struct {
	Warnings []string
}

// ContainerPruneResult is what a prune of containers removed.
type ContainerPruneResult struct {
	ContainersDeleted []string
	SpaceReclaimed    int64 // bytes
}

// ContainerTop is the processes of a container: a row of ps for each.
type ContainerTop struct {
	Titles    []string
	Processes [][]string
}

// Checkpoint is a saved state of a container.
type Checkpoint struct {
	Name string
}

// Exec is a process run in a container besides its main process.
type Exec struct {
	ID            string
	ContainerID   string
	Running       bool
	ExitCode      *int64 // nil until the process has ended
	Pid           int    // on the host; 0 unless running
	ProcessConfig ProcessConfig
	OpenStdin     bool
	OpenStdout    bool
	OpenStderr    bool
	CanRemove     bool
	DetachKeys    string
}

// ProcessConfig is the command of an exec.
type ProcessConfig struct {
	Entrypoint string   `json:"entrypoint"`
	Arguments  []string `json:"arguments"`
	TTY        bool     `json:"tty"`
	Privileged bool     `json:"privileged,omitempty"`
	User       string   `json:"user,omitempty"`
}
