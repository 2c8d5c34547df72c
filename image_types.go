package docker

import (
	"encoding/json"
	"time"
)

// ImageSummary is one image of a list.
type ImageSummary struct {
	ID          string `json:"Id"`
	ParentID    string `json:"ParentId"` // empty unless built here
	RepoTags    []string
	RepoDigests []string
	Created     UnixTime
	Size        int64 // bytes
	SharedSize  int64 // bytes shared with other images; -1 unless asked for
	VirtualSize int64 `json:",omitempty"` // until API 1.43
	Labels      map[string]string
	Containers  int64                  // that use the image; -1 if not counted
	Manifests   []ImageManifestSummary `json:",omitempty"` // nil unless asked for; API 1.47
	Descriptor  *Descriptor            `json:",omitempty"` // nil unless the image store is multi-platform; API 1.48
}

// Image is all that the engine knows of an image.
type Image struct {
	ID           string                 `json:"Id"`
	Descriptor   *Descriptor            `json:",omitempty"` // nil unless the image store is multi-platform; API 1.48
	Manifests    []ImageManifestSummary `json:",omitempty"` // nil unless asked for; API 1.48
	Identity     *Identity              `json:",omitempty"` // API 1.53
	RepoTags     []string
	RepoDigests  []string
	Comment      string      `json:",omitempty"`
	Created      Timestamp   `json:",omitzero"`
	Author       string      `json:",omitempty"`
	Config       ImageConfig `json:",omitzero"`
	Architecture string
	Variant      string     `json:",omitempty"`
	OS           string     `json:"Os"`
	OSVersion    string     `json:"OsVersion,omitempty"`
	Size         int64      // bytes
	GraphDriver  DriverData `json:",omitzero"`
	RootFS       RootFS
	Metadata     ImageMetadata

	Parent          string           `json:",omitempty"` // until API 1.51
	DockerVersion   string           `json:",omitempty"` // until API 1.51
	Container       string           `json:",omitempty"` // until API 1.44
	ContainerConfig *ContainerConfig `json:",omitempty"` // until API 1.44
	VirtualSize     int64            `json:",omitempty"` // until API 1.43
}

// ImageConfig is what a container of an image runs.
type ImageConfig struct {
	User         string              `json:",omitempty"`
	ExposedPorts map[Port]struct{}   `json:",omitempty"`
	Env          []string            `json:",omitempty"`
	Cmd          Command             `json:",omitzero"`
	Healthcheck  *HealthConfig       `json:",omitempty"`
	ArgsEscaped  bool                `json:",omitempty"`
	Volumes      map[string]struct{} `json:",omitempty"`
	WorkingDir   string              `json:",omitempty"`
	Entrypoint   Command             `json:",omitzero"`
	OnBuild      []string            `json:",omitempty"`
	Labels       map[string]string   `json:",omitempty"`
	StopSignal   string              `json:",omitempty"`
	Shell        Command             `json:",omitzero"`

	// Until API 1.49, of the container that the image was made from.
	Hostname        string `json:",omitempty"`
	Domainname      string `json:",omitempty"`
	AttachStdin     bool   `json:",omitempty"`
	AttachStdout    bool   `json:",omitempty"`
	AttachStderr    bool   `json:",omitempty"`
	TTY             bool   `json:"Tty,omitempty"`
	OpenStdin       bool   `json:",omitempty"`
	StdinOnce       bool   `json:",omitempty"`
	Image           string `json:",omitempty"`
	NetworkDisabled bool   `json:",omitempty"`
	MacAddress      string `json:",omitempty"`
	StopTimeout     *int   `json:",omitempty"` // seconds
}

// RootFS is the layers of an image.
type RootFS struct {
	Type   string   `json:",omitempty"` // "layers"
	Layers []string `json:",omitempty"` // digests, lowest first
}

// ImageMetadata is what the engine notes about its copy of an image.
type ImageMetadata struct {
	LastTagTime time.Time `json:",omitzero"` // zero unless tagged here
}

// ImageHistoryItem is one step by which an image was made.
type ImageHistoryItem struct {
	ID        string `json:"Id"` // "<missing>" if there is no image of that step
	Created   UnixTime
	CreatedBy string
	Tags      []string
	Size      int64 // bytes
	Comment   string
}

// ImageDeleteItem is one thing that the removal of an image did.
type ImageDeleteItem struct {
	Untagged string `json:",omitempty"`
	Deleted  string `json:",omitempty"`
}

// ImagePruneResult is what a prune of images removed.
type ImagePruneResult struct {
	ImagesDeleted  []ImageDeleteItem
	SpaceReclaimed int64 // bytes
}

// ImageSearchResult is a repository that a search found.
type ImageSearchResult struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	StarCount   int    `json:"star_count"`
	IsOfficial  bool   `json:"is_official"`
	IsAutomated bool   `json:"is_automated"` // always false on newer engines
}

// Descriptor names content of a registry or an image store by its digest.
type Descriptor struct {
	MediaType    string            `json:"mediaType,omitempty"`
	Digest       string            `json:"digest,omitempty"`
	Size         int64             `json:"size"` // bytes
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Data         []byte            `json:"data,omitempty"` // the content itself
	Platform     *Platform         `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

// Platform is what an image runs on.
type Platform struct {
	OS           string   `json:"os"`
	Architecture string   `json:"architecture"`
	Variant      string   `json:"variant,omitempty"`
	OSVersion    string   `json:"os.version,omitempty"`
	OSFeatures   []string `json:"os.features,omitempty"`
}

// ImageManifestSummary is one manifest of a multi-platform image.
type ImageManifestSummary struct {
	ID              string
	Descriptor      Descriptor
	Available       bool // all of its content is here
	Size            ManifestSize
	Kind            ManifestKind
	ImageData       *ManifestImageData       `json:",omitempty"` // of a ManifestImage
	AttestationData *ManifestAttestationData `json:",omitempty"` // of a ManifestAttestation
}

// ManifestKind is what a manifest describes.
type ManifestKind string

// The kinds of manifest.
const (
	ManifestImage       ManifestKind = "image"
	ManifestAttestation ManifestKind = "attestation"
	ManifestUnknown     ManifestKind = "unknown"
)

// ManifestSize is the room that a manifest takes, in bytes.
type ManifestSize struct {
	Total   int64 // content and snapshots
	Content int64 // as in a registry, compressed
}

// ManifestImageData describes an image of one platform.
type ManifestImageData struct {
	Platform   Platform
	Identity   *Identity `json:",omitempty"` // API 1.54
	Containers []string  // IDs of those that use it
	Size       ManifestImageSize
}

// ManifestImageSize is the room that an unpacked image takes.
type ManifestImageSize struct {
	Unpacked int64 // bytes
}

// ManifestAttestationData describes an attestation.
type ManifestAttestationData struct {
	For string // digest of the manifest that it is about
}

// Attestation is an in-toto statement about an image.
type Attestation struct {
	Descriptor    Descriptor
	PredicateType string
	Statement     json.RawMessage `json:",omitempty"` // nil unless asked for
}

// Identity is where an image is known to come from, as verified by the engine.
type Identity struct {
	Signature []SignatureIdentity `json:",omitempty"`
	Pull      []PullIdentity      `json:",omitempty"`
	Build     []BuildIdentity     `json:",omitempty"`
}

// BuildIdentity is a build of this engine that made an image.
type BuildIdentity struct {
	Ref       string    `json:",omitempty"`
	CreatedAt time.Time `json:",omitzero"`
}

// PullIdentity is a repository that an image was pulled from.
type PullIdentity struct {
	Repository string `json:",omitempty"`
}

// SignatureIdentity is a signature of an image.
type SignatureIdentity struct {
	Name            string               `json:",omitempty"`
	Timestamps      []SignatureTimestamp `json:",omitempty"`
	KnownSigner     KnownSigner          `json:",omitempty"`
	DockerReference string               `json:",omitempty"`
	Signer          *SignerIdentity      `json:",omitempty"`
	SignatureType   SignatureType        `json:",omitempty"`
	Error           string               `json:",omitempty"`
	Warnings        []string             `json:",omitempty"`
}

// SignatureTimestamp is a time at which a signature was seen.
type SignatureTimestamp struct {
	Type      SignatureTimestampType
	URI       string
	Timestamp time.Time
}

// SignatureTimestampType is who vouches for a timestamp.
type SignatureTimestampType string

// The sources of timestamps.
const (
	TimestampTlog      SignatureTimestampType = "Tlog"
	TimestampAuthority SignatureTimestampType = "TimestampAuthority"
)

// SignatureType is the format of a signature.
type SignatureType string

// The formats of signatures.
const (
	SignatureBundleV03       SignatureType = "bundle-v0.3"
	SignatureSimpleSigningV1 SignatureType = "simplesigning-v1"
)

// KnownSigner is a signer that the engine knows by name.
type KnownSigner string

// SignerDHI signs Docker Hardened Images.
const SignerDHI KnownSigner = "DHI"

// SignerIdentity is what the certificate of a signature says.
type SignerIdentity struct {
	CertificateIssuer                   string `json:",omitempty"`
	SubjectAlternativeName              string `json:",omitempty"`
	Issuer                              string `json:",omitempty"`
	BuildSignerURI                      string `json:",omitempty"`
	BuildSignerDigest                   string `json:",omitempty"`
	RunnerEnvironment                   string `json:",omitempty"`
	SourceRepositoryURI                 string `json:",omitempty"`
	SourceRepositoryDigest              string `json:",omitempty"`
	SourceRepositoryRef                 string `json:",omitempty"`
	SourceRepositoryIdentifier          string `json:",omitempty"`
	SourceRepositoryOwnerURI            string `json:",omitempty"`
	SourceRepositoryOwnerIdentifier     string `json:",omitempty"`
	BuildConfigURI                      string `json:",omitempty"`
	BuildConfigDigest                   string `json:",omitempty"`
	BuildTrigger                        string `json:",omitempty"`
	RunInvocationURI                    string `json:",omitempty"`
	SourceRepositoryVisibilityAtSigning string `json:",omitempty"`
}
