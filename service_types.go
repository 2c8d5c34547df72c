package docker

import "time"

// Service is a service of the cluster.
type Service struct {
	ID string
	ObjectMeta
	Spec          ServiceSpec
	PreviousSpec  *ServiceSpec         `json:",omitempty"` // nil until the first update
	Endpoint      ServiceEndpoint      `json:",omitzero"`
	UpdateStatus  *ServiceUpdateStatus `json:",omitempty"` // nil unless the last update replaces tasks
	ServiceStatus *ServiceStatus       `json:",omitempty"` // nil unless asked for; API 1.41
	JobStatus     *JobStatus           `json:",omitempty"` // nil unless a job; API 1.41
}

// ServiceSpec is the settings of a service. What is zero is the engine's default.
type ServiceSpec struct {
	Name           string                    `json:",omitempty"` // the engine makes one up where it is empty
	Labels         map[string]string         `json:",omitempty"` // of the service; containers have those of ContainerSpec
	TaskTemplate   TaskSpec                  `json:",omitzero"`
	Mode           ServiceMode               `json:",omitzero"`
	UpdateConfig   *UpdateConfig             `json:",omitempty"`
	RollbackConfig *UpdateConfig             `json:",omitempty"`
	Networks       []NetworkAttachmentConfig `json:",omitempty"` // until API 1.43; then in TaskTemplate
	EndpointSpec   EndpointSpec              `json:",omitzero"`
}

// ServiceMode is how many tasks a service has, and where. At most one is set; none is
// one replica. It stays what it was created as.
type ServiceMode struct {
	Replicated    *ReplicatedService `json:",omitempty"`
	Global        *GlobalService     `json:",omitempty"` // one task on each node
	ReplicatedJob *ReplicatedJob     `json:",omitempty"` // API 1.41
	GlobalJob     *GlobalJob         `json:",omitempty"` // one task that ends on each node; API 1.41
}

// ReplicatedService is a service of a number of tasks.
type ReplicatedService struct {
	Replicas *uint64 `json:",omitempty"` // nil is 1
}

// GlobalService is a service of one task on each node; it has no settings.
type GlobalService struct{}

// ReplicatedJob is a number of tasks that end.
type ReplicatedJob struct {
	MaxConcurrent    *uint64 `json:",omitempty"` // nil is 1
	TotalCompletions *uint64 `json:",omitempty"` // nil is MaxConcurrent
}

// GlobalJob is one task that ends on each node; it has no settings.
type GlobalJob struct{}

// UpdateConfig is how the tasks of a service are replaced. A nil one replaces one after
// the other.
type UpdateConfig struct {
	Parallelism     uint64        `json:",omitempty"` // tasks at a time; 0 is all at once
	Delay           time.Duration `json:",omitempty"` // between them
	FailureAction   FailureAction `json:",omitempty"` // empty is FailurePause
	Monitor         time.Duration `json:",omitempty"` // a task that ends so soon has failed; 0 is 5 seconds
	MaxFailureRatio float64       `json:",omitempty"` // of tasks; more are a failure
	Order           UpdateOrder   `json:",omitempty"` // empty is UpdateStopFirst
}

// FailureAction is what becomes of an update that fails.
type FailureAction string

// What becomes of a failed update.
const (
	FailurePause    FailureAction = "pause"
	FailureContinue FailureAction = "continue"
	FailureRollback FailureAction = "rollback" // not of a rollback
)

// UpdateOrder is whether a task ends before or after the next one starts.
type UpdateOrder string

// The orders of an update.
const (
	UpdateStopFirst  UpdateOrder = "stop-first"
	UpdateStartFirst UpdateOrder = "start-first"
)

// EndpointSpec is how a service is reached.
type EndpointSpec struct {
	Mode  EndpointMode `json:",omitempty"` // empty is EndpointVIP
	Ports []PortConfig `json:",omitempty"` // no ingress ports with EndpointDNSRR
}

// EndpointMode is what the name of a service resolves to.
type EndpointMode string

// The endpoint modes.
const (
	EndpointVIP   EndpointMode = "vip"   // one address that balances
	EndpointDNSRR EndpointMode = "dnsrr" // the addresses of the tasks
)

// PortConfig is a published port of a service.
type PortConfig struct {
	Name          string      `json:",omitempty"`
	Protocol      string      `json:",omitempty"` // "tcp", "udp" or "sctp"; empty is tcp
	TargetPort    uint32      `json:",omitempty"` // in the containers
	PublishedPort uint32      `json:",omitempty"` // on the nodes; 0 is any free one
	PublishMode   PublishMode `json:",omitempty"` // empty is PublishIngress
}

// PublishMode is on which nodes a port is published.
type PublishMode string

// The publish modes.
const (
	PublishIngress PublishMode = "ingress" // on every node, balanced
	PublishHost    PublishMode = "host"    // on the nodes of the tasks
)

// ServiceEndpoint is where a service is reached.
type ServiceEndpoint struct {
	Spec       EndpointSpec `json:",omitzero"`
	Ports      []PortConfig `json:",omitempty"`
	VirtualIPs []VirtualIP  `json:",omitempty"`
}

// VirtualIP is the address of a service in a network.
type VirtualIP struct {
	NetworkID string
	Addr      IPPrefix `json:",omitzero"` // zero in a network of the node
}

// ServiceUpdateStatus is how far the last update of a service is.
type ServiceUpdateStatus struct {
	State       UpdateState
	StartedAt   time.Time `json:",omitzero"`
	CompletedAt time.Time `json:",omitzero"`
	Message     string
}

// UpdateState is how far an update is. It is empty where no task has to be replaced.
type UpdateState string

// The states of an update.
const (
	UpdateUpdating          UpdateState = "updating"
	UpdatePaused            UpdateState = "paused" // it failed
	UpdateCompleted         UpdateState = "completed"
	UpdateRollbackStarted   UpdateState = "rollback_started"
	UpdateRollbackPaused    UpdateState = "rollback_paused" // it failed, too
	UpdateRollbackCompleted UpdateState = "rollback_completed"
)

// ServiceStatus is the number of a service's tasks.
type ServiceStatus struct {
	RunningTasks   uint64
	DesiredTasks   uint64
	CompletedTasks uint64 // of a job
}

// JobStatus is how often a job was run.
type JobStatus struct {
	JobIteration  ObjectVersion // goes up with each update
	LastExecution time.Time     `json:",omitzero"`
}
