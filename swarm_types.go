package docker

import (
	"fmt"
	"net/netip"
	"time"
)

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
	if c.SigningCAKey != "" {
		c.SigningCAKey = "REDACTED"
	}
	fmt.Fprintf(s, fmt.FormatString(s, verb), plain(c))
}

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
