package docker

import "time"

// ContainerSpec is what the containers of a service run. What is zero is taken from the
// image or is the engine's default.
type ContainerSpec struct {
	Image           string               `json:",omitempty"`
	Labels          map[string]string    `json:",omitempty"`
	Command         []string             `json:",omitempty"` // in place of the image's entrypoint
	Args            []string             `json:",omitempty"` // in place of the image's command
	Hostname        string               `json:",omitempty"`
	Env             []string             `json:",omitempty"` // "NAME=value"
	Dir             string               `json:",omitempty"`
	User            string               `json:",omitempty"` // user or uid, and optionally ":group" or ":gid"
	Groups          []string             `json:",omitempty"` // further ones
	Privileges      *ContainerPrivileges `json:",omitempty"`
	StopSignal      string               `json:",omitempty"`
	TTY             bool                 `json:",omitempty"`
	OpenStdin       bool                 `json:",omitempty"`
	ReadOnly        bool                 `json:",omitempty"`
	Mounts          []Mount              `json:",omitempty"`
	StopGracePeriod *time.Duration       `json:",omitempty"` // until it is killed; nil is 10 seconds
	Healthcheck     *HealthConfig        `json:",omitempty"`
	Hosts           []string             `json:",omitempty"` // "address name..."
	DNSConfig       *DNSConfig           `json:",omitempty"`
	Secrets         []SecretReference    `json:",omitempty"`
	Configs         []ConfigReference    `json:",omitempty"`
	Isolation       Isolation            `json:",omitempty"` // Windows
	Init            *bool                `json:",omitempty"` // run an init as PID 1; nil is the engine's default
	Sysctls         map[string]string    `json:",omitempty"`
	CapabilityAdd   []string             `json:",omitempty"` // API 1.41
	CapabilityDrop  []string             `json:",omitempty"` // API 1.41
	Ulimits         []Ulimit             `json:",omitempty"` // API 1.41
	OomScoreAdj     int64                `json:",omitempty"` // API 1.46
}

// ContainerPrivileges is what a service's containers may, and may not.
type ContainerPrivileges struct {
	CredentialSpec  *CredentialSpec  `json:",omitempty"` // Windows
	SELinuxContext  *SELinuxContext  `json:",omitempty"`
	Seccomp         *SeccompOptions  `json:",omitempty"` // API 1.44
	AppArmor        *AppArmorOptions `json:",omitempty"` // API 1.44
	NoNewPrivileges bool             `json:",omitempty"` // API 1.44
}

// CredentialSpec is where the account of a Windows container comes from: just one.
type CredentialSpec struct {
	Config   string `json:",omitempty"` // ID of a config, which the container has as a ConfigRuntime
	File     string `json:",omitempty"` // below the engine's folder
	Registry string `json:",omitempty"` // value in the registry of the node
}

// SELinuxContext is the SELinux labels of a container.
type SELinuxContext struct {
	Disable bool   `json:",omitempty"`
	User    string `json:",omitempty"`
	Role    string `json:",omitempty"`
	Type    string `json:",omitempty"`
	Level   string `json:",omitempty"`
}

// SeccompOptions are which system calls a container may make.
type SeccompOptions struct {
	Mode    SeccompMode `json:",omitempty"`
	Profile []byte      `json:",omitempty"` // JSON, with SeccompCustom
}

// SeccompMode is which seccomp profile applies.
type SeccompMode string

// The seccomp modes. Empty means SeccompDefault.
const (
	SeccompDefault    SeccompMode = "default"
	SeccompUnconfined SeccompMode = "unconfined"
	SeccompCustom     SeccompMode = "custom"
)

// AppArmorOptions are the AppArmor profile of a container.
type AppArmorOptions struct {
	Mode AppArmorMode `json:",omitempty"`
}

// AppArmorMode is which AppArmor profile applies.
type AppArmorMode string

// The AppArmor modes. Empty means AppArmorDefault.
const (
	AppArmorDefault  AppArmorMode = "default"
	AppArmorDisabled AppArmorMode = "disabled"
)

// DNSConfig is how a container resolves names.
type DNSConfig struct {
	Nameservers AddrList `json:",omitempty"`
	Search      []string `json:",omitempty"`
	Options     []string `json:",omitempty"`
}
