package docker

import "time"

// Task is one container of a service, or what takes its place.
type Task struct {
	ID string
	ObjectMeta
	Name                string            `json:",omitempty"` // mostly empty: people read SERVICE.SLOT.ID
	Labels              map[string]string `json:",omitempty"`
	Spec                TaskSpec
	ServiceID           string              `json:",omitempty"`
	Slot                int                 `json:",omitempty"` // of a replica, from 1 on, or of a job's task, from 0 on
	NodeID              string              `json:",omitempty"` // empty until it has a node
	Status              TaskStatus          `json:",omitzero"`
	DesiredState        TaskState           `json:",omitempty"`
	JobIteration        *ObjectVersion      `json:",omitempty"` // nil unless of a job; API 1.41
	NetworksAttachments []NetworkAttachment `json:",omitempty"`
	GenericResources    []GenericResource   `json:",omitempty"`
	Volumes             []VolumeAttachment  `json:",omitempty"` // of the cluster; API 1.42
}

// TaskSpec is what a task is made of. Just one of PluginSpec, ContainerSpec and
// NetworkAttachmentSpec is set. What is nil is left to the engine. An update replaces the
// tasks also where it makes empty of nil, or nil of empty.
type TaskSpec struct {
	PluginSpec            *PluginSpec               `json:",omitempty"` // with TaskPlugin
	ContainerSpec         *ContainerSpec            `json:",omitempty"`
	NetworkAttachmentSpec *NetworkAttachmentSpec    `json:",omitempty"` // with TaskAttachment; in answers only
	Resources             *ResourceRequirements     `json:",omitempty"`
	RestartPolicy         *TaskRestartPolicy        `json:",omitempty"`
	Placement             *Placement                `json:",omitempty"` // nil is sent as an empty one
	Networks              []NetworkAttachmentConfig `json:",omitempty"`
	LogDriver             *Driver                   `json:",omitempty"` // nil is the cluster's, then the engine's
	ForceUpdate           uint64                    `json:",omitempty"` // a change replaces the tasks
	Runtime               TaskRuntime               `json:",omitempty"` // empty is TaskContainer
}

// TaskRuntime is the kind of a task.
type TaskRuntime string

// The kinds of tasks.
const (
	TaskContainer  TaskRuntime = "container"
	TaskPlugin     TaskRuntime = "plugin"
	TaskAttachment TaskRuntime = "attachment" // a container's own in an attachable network
)

// PluginSpec is a plugin that is installed on nodes. It needs an experimental engine.
type PluginSpec struct {
	Name       string                `json:"name,omitempty"`
	Remote     string                `json:"remote,omitempty"` // the reference to pull
	Privileges []PluginSpecPrivilege `json:"privileges,omitempty"`
	Disabled   bool                  `json:"disabled,omitempty"`
	Env        []string              `json:"env,omitempty"`
}

// PluginSpecPrivilege is something that a plugin is allowed.
type PluginSpecPrivilege struct {
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Value       []string `json:"value,omitempty"`
}

// NetworkAttachmentSpec is the container of a TaskAttachment.
type NetworkAttachmentSpec struct {
	ContainerID string
}

// ResourceRequirements are the resources of a task.
type ResourceRequirements struct {
	Limits           *ResourceLimits   `json:",omitempty"`
	Reservations     *ClusterResources `json:",omitempty"`
	SwapBytes        *int64            `json:",omitempty"` // -1 is unlimited; nil is twice the memory limit; API 1.52
	MemorySwappiness *int64            `json:",omitempty"` // 0 to 100; nil is the host's; API 1.52
}

// ResourceLimits are what a task may use at most; 0 is no limit.
type ResourceLimits struct {
	NanoCPUs         int64             `json:",omitempty"` // 1e-9 CPUs
	MemoryBytes      int64             `json:",omitempty"`
	Pids             int64             `json:",omitempty"` // API 1.41
	GenericResources []GenericResource `json:",omitempty"` // until API 1.40
}

// TaskRestartPolicy says when a task that has ended is replaced.
type TaskRestartPolicy struct {
	Condition   TaskRestartCondition `json:",omitempty"` // empty is TaskRestartAny
	Delay       *time.Duration       `json:",omitempty"` // nil is 5 seconds
	MaxAttempts uint64               `json:",omitempty"` // 0 is no limit
	Window      *time.Duration       `json:",omitempty"` // in which attempts are counted; nil and 0 are all
}

// TaskRestartCondition is which end of a task matters.
type TaskRestartCondition string

// The conditions of a restart policy.
const (
	TaskRestartNone      TaskRestartCondition = "none"
	TaskRestartOnFailure TaskRestartCondition = "on-failure"
	TaskRestartAny       TaskRestartCondition = "any" // not for jobs
)

// Placement is on which nodes tasks may be.
type Placement struct {
	Constraints []string              `json:",omitempty"` // "node.role==manager", "node.labels.zone!=a"; all hold
	Preferences []PlacementPreference `json:",omitempty"`
	MaxReplicas uint64                `json:",omitempty"` // on one node; 0 is no limit
	Platforms   []NodePlatform        `json:",omitempty"` // any of them
}

// PlacementPreference is how tasks are spread.
type PlacementPreference struct {
	Spread *SpreadOver `json:",omitempty"`
}

// SpreadOver spreads tasks evenly over the values of a label.
type SpreadOver struct {
	SpreadDescriptor string // "node.labels.zone" or "engine.labels.zone"
}

// NetworkAttachmentConfig is a network that tasks join.
type NetworkAttachmentConfig struct {
	Target     string            `json:",omitempty"` // name or ID
	Aliases    []string          `json:",omitempty"`
	DriverOpts map[string]string `json:",omitempty"`
}

// TaskState is a step in the life of a task, which goes on in this order only.
type TaskState string

// The states of tasks, in their order.
const (
	TaskNew       TaskState = "new"
	TaskAllocated TaskState = "allocated" // has its networks
	TaskPending   TaskState = "pending"   // waits for a node
	TaskAssigned  TaskState = "assigned"
	TaskAccepted  TaskState = "accepted"
	TaskPreparing TaskState = "preparing" // pulls, for one
	TaskReady     TaskState = "ready"
	TaskStarting  TaskState = "starting" // until it is healthy, where it has a health check
	TaskRunning   TaskState = "running"
	TaskComplete  TaskState = "complete" // ended well
	TaskShutdown  TaskState = "shutdown" // was ended
	TaskFailed    TaskState = "failed"
	TaskRejected  TaskState = "rejected" // the node could not run it
	TaskRemove    TaskState = "remove"   // desired only
	TaskOrphaned  TaskState = "orphaned" // its node is gone
)

// Ended reports that no more comes of a task in this state.
func (s TaskState) Ended() bool {
	switch s {
	case TaskComplete, TaskShutdown, TaskFailed, TaskRejected, TaskRemove, TaskOrphaned:
		return true
	}
	return false
}

// TaskStatus is how a task is.
type TaskStatus struct {
	Timestamp       time.Time            `json:",omitzero"`
	State           TaskState            `json:",omitempty"`
	Message         string               `json:",omitempty"`
	Err             string               `json:",omitempty"` // why it failed, or why it has no node
	ContainerStatus *TaskContainerStatus `json:",omitempty"` // nil until it has a container
	PortStatus      PortStatus           `json:",omitzero"`
}

// TaskContainerStatus is the container of a task.
type TaskContainerStatus struct {
	ContainerID string
	PID         int
	ExitCode    int
}

// PortStatus is the ports that a task publishes on its node.
type PortStatus struct {
	Ports []PortConfig `json:",omitempty"`
}

// NetworkAttachment is a task's place in a network.
type NetworkAttachment struct {
	Network   ClusterNetwork
	Addresses []IPPrefix `json:",omitempty"`
}

// ClusterNetwork is a network as the cluster keeps it.
type ClusterNetwork struct {
	ID string
	ObjectMeta
	Spec        ClusterNetworkSpec `json:",omitzero"`
	DriverState Driver             `json:",omitzero"`
	IPAMOptions ClusterIPAM        `json:",omitzero"`
}

// ClusterNetworkSpec is the settings of a network of the cluster.
type ClusterNetworkSpec struct {
	Name                string            `json:",omitempty"`
	Labels              map[string]string `json:",omitempty"`
	DriverConfiguration Driver            `json:",omitzero"`
	IPv6Enabled         bool              `json:",omitempty"`
	Internal            bool              `json:",omitempty"`
	Attachable          bool              `json:",omitempty"`
	Ingress             bool              `json:",omitempty"`
	IPAMOptions         ClusterIPAM       `json:",omitzero"`
	ConfigFrom          *NetworkSource    `json:",omitempty"`
	Scope               string            `json:",omitempty"`
}

// NetworkSource names a network whose settings another has.
type NetworkSource struct {
	Network string
}

// ClusterIPAM is where the addresses of a network of the cluster come from.
type ClusterIPAM struct {
	Driver  Driver              `json:",omitzero"`
	Configs []ClusterIPAMConfig `json:",omitempty"`
}

// ClusterIPAMConfig is a subnet of a network of the cluster.
type ClusterIPAMConfig struct {
	Subnet  IPPrefix `json:",omitzero"`
	Range   IPPrefix `json:",omitzero"`
	Gateway IP       `json:",omitzero"`
}

// VolumeAttachment is a cluster volume that a task has.
type VolumeAttachment struct {
	ID     string `json:",omitempty"`
	Source string `json:",omitempty"` // as the mount names it
	Target string `json:",omitempty"` // path in the container
}
