package docker

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Labels of the containers of tasks, and keys of the details in the logs of
// services and tasks.
const (
	LabelNodeID    = "com.docker.swarm.node.id"
	LabelServiceID = "com.docker.swarm.service.id"
	LabelTaskID    = "com.docker.swarm.task.id"
)

// redacted is a value as it prints, for logs.
func redacted(v any) slog.Value { return slog.StringValue(fmt.Sprintf("%+v", v)) }

// ObjectMeta is what every object of the cluster has.
type ObjectMeta struct {
	Version   ObjectVersion
	CreatedAt time.Time `json:",omitzero"`
	UpdatedAt time.Time `json:",omitzero"`
}

// ObjectVersion is the version of an object of the cluster. An update names the
// version that it is based on.
type ObjectVersion struct {
	Index uint64
}

// SwarmInfo is what an engine knows of its cluster.
type SwarmInfo struct {
	NodeID           string // of this engine
	NodeAddr         string
	LocalNodeState   LocalNodeState
	ControlAvailable bool // this node is a manager
	Error            string
	RemoteManagers   []PeerNode
	Nodes            int          `json:",omitempty"` // 0 unless a manager
	Managers         int          `json:",omitempty"` // 0 unless a manager
	Cluster          *ClusterInfo `json:",omitempty"` // nil unless a manager
	Warnings         []string     `json:",omitempty"`
}

// LocalNodeState is an engine's part in a cluster.
type LocalNodeState string

// The states of an engine in a cluster.
const (
	SwarmInactive LocalNodeState = "inactive"
	SwarmPending  LocalNodeState = "pending"
	SwarmActive   LocalNodeState = "active"
	SwarmError    LocalNodeState = "error"
	SwarmLocked   LocalNodeState = "locked"
)

// PeerNode is another manager of the cluster.
type PeerNode struct {
	NodeID string
	Addr   string // host and port
}

// ClusterInfo is the cluster as its managers know it.
type ClusterInfo struct {
	ID string
	ObjectMeta
	Spec                   SwarmSpec
	TLSInfo                TLSInfo
	RootRotationInProgress bool
	DataPathPort           uint32
	DefaultAddrPool        []netip.Prefix
	SubnetSize             uint32
}

// Swarm is the cluster with what lets nodes join it.
type Swarm struct {
	ClusterInfo
	JoinTokens JoinTokens
}

// LogValue hides the tokens.
func (s Swarm) LogValue() slog.Value { return redacted(s) }

// JoinTokens let nodes join the cluster. They do not print.
type JoinTokens struct {
	Worker  string
	Manager string
}

// Format hides the tokens.
func (t JoinTokens) Format(s fmt.State, verb rune) {
	type plain JoinTokens
	fmt.Fprintf(s, fmt.FormatString(s, verb), plain{hidden(t.Worker), hidden(t.Manager)})
}

// LogValue hides the tokens.
func (t JoinTokens) LogValue() slog.Value { return redacted(t) }

// hidden stands for a secret where there is one.
func hidden(secret string) string {
	if secret == "" {
		return ""
	}
	return "REDACTED"
}

// TLSInfo is the certificates that a node trusts.
type TLSInfo struct {
	TrustRoot           string `json:",omitempty"` // PEM
	CertIssuerSubject   []byte `json:",omitempty"` // DER
	CertIssuerPublicKey []byte `json:",omitempty"` // DER
}

// SwarmSpec is the settings of a cluster.
type SwarmSpec struct {
	Name             string              `json:",omitempty"`
	Labels           map[string]string   `json:",omitempty"`
	Orchestration    OrchestrationConfig `json:",omitzero"`
	Raft             RaftConfig          `json:",omitzero"`
	Dispatcher       DispatcherConfig    `json:",omitzero"`
	CAConfig         CAConfig            `json:",omitzero"`
	EncryptionConfig SwarmEncryption     `json:",omitzero"`
	TaskDefaults     TaskDefaults        `json:",omitzero"`
}

// LogValue hides the key of the CA.
func (s SwarmSpec) LogValue() slog.Value { return redacted(s) }

// OrchestrationConfig is how a cluster keeps its tasks.
type OrchestrationConfig struct {
	TaskHistoryRetentionLimit *int64 `json:",omitempty"` // old tasks kept for each slot; negative is all
}

// RaftConfig is how the managers agree.
type RaftConfig struct {
	SnapshotInterval           uint64  `json:",omitempty"` // log entries
	KeepOldSnapshots           *uint64 `json:",omitempty"`
	LogEntriesForSlowFollowers uint64  `json:",omitempty"`
	ElectionTick               int     `json:",omitempty"` // ticks of about a second; more than HeartbeatTick
	HeartbeatTick              int     `json:",omitempty"`
}

// DispatcherConfig is how managers reach the nodes.
type DispatcherConfig struct {
	HeartbeatPeriod time.Duration `json:",omitempty"`
}

// CAConfig is the certificate authority of a cluster.
type CAConfig struct {
	NodeCertExpiry time.Duration `json:",omitempty"`
	ExternalCAs    []ExternalCA  `json:",omitempty"`
	SigningCACert  string        `json:",omitempty"` // PEM
	SigningCAKey   string        `json:",omitempty"` // PEM; engines do not tell it
	ForceRotate    uint64        `json:",omitempty"` // a change makes a new CA
}

// Format hides the key.
func (c CAConfig) Format(s fmt.State, verb rune) {
	type plain CAConfig
	c.SigningCAKey = hidden(c.SigningCAKey)
	fmt.Fprintf(s, fmt.FormatString(s, verb), plain(c))
}

// LogValue hides the key.
func (c CAConfig) LogValue() slog.Value { return redacted(c) }

// ExternalCA is a certificate authority outside of the cluster.
type ExternalCA struct {
	Protocol string            `json:",omitempty"` // "cfssl"
	URL      string            `json:",omitempty"`
	Options  map[string]string `json:",omitempty"`
	CACert   string            `json:",omitempty"` // PEM
}

// SwarmEncryption is how managers protect what they store.
type SwarmEncryption struct {
	AutoLockManagers bool `json:",omitempty"` // a restarted manager must be unlocked
}

// TaskDefaults is what tasks have unless their service says otherwise.
type TaskDefaults struct {
	LogDriver *Driver `json:",omitempty"`
}

// GenericResource is something of a node that tasks can claim: just one of the two.
type GenericResource struct {
	NamedResourceSpec    *NamedGenericResource    `json:",omitempty"`
	DiscreteResourceSpec *DiscreteGenericResource `json:",omitempty"`
}

// NamedGenericResource is one resource of a kind, such as a GPU by its ID.
type NamedGenericResource struct {
	Kind  string
	Value string
}

// DiscreteGenericResource is a number of resources of a kind.
type DiscreteGenericResource struct {
	Kind  string
	Value int64
}
