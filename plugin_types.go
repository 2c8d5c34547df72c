package docker

// Plugin is a plugin that the engine manages.
type Plugin struct {
	ID              string `json:"Id,omitempty"`
	Name            string // with its tag
	Enabled         bool
	Settings        PluginSettings
	PluginReference string `json:",omitempty"` // where it was pulled from
	Config          PluginConfig
}

// PluginSettings is what a plugin runs with: its configuration, and what was set of it.
type PluginSettings struct {
	Mounts  []PluginMount
	Env     []string // as KEY=value
	Args    []string
	Devices []PluginDevice
}

// PluginConfig is the configuration that a plugin comes with.
type PluginConfig struct {
	Description     string
	Documentation   string
	DockerVersion   string `json:",omitempty"` // that made it; until API 1.51
	Interface       PluginInterface
	Entrypoint      []string
	WorkDir         string
	User            PluginUser `json:",omitzero"`
	Network         PluginNetwork
	Linux           PluginLinux
	PropagatedMount string // path in the plugin whose mounts the engine sees
	IPCHost         bool   `json:"IpcHost"`
	PIDHost         bool   `json:"PidHost"`
	Mounts          []PluginMount
	Env             []PluginEnv
	Args            PluginArgs
	RootFS          PluginRootFS `json:"rootfs,omitzero"`
}

// PluginInterface is what an engine uses a plugin for.
type PluginInterface struct {
	Types          []string // as "docker.volumedriver/1.0"
	Socket         string   // in /run/docker/plugins
	ProtocolScheme string   `json:",omitempty"` // empty, or "moby.plugins.http/v1"
}

// PluginUser is who a plugin runs as.
type PluginUser struct {
	UID uint32 `json:",omitempty"`
	GID uint32 `json:",omitempty"`
}

// PluginNetwork is the network of a plugin.
type PluginNetwork struct {
	Type string // "bridge", "host" or "none"
}

// PluginLinux is what a plugin may do on Linux.
type PluginLinux struct {
	Capabilities    []string
	AllowAllDevices bool
	Devices         []PluginDevice
}

// PluginMount is something mounted into a plugin.
type PluginMount struct {
	Name        string
	Description string
	Settable    []string // the fields that can be set, in lower case
	Source      string
	Destination string
	Type        string
	Options     []string
}

// PluginDevice is a device of a plugin.
type PluginDevice struct {
	Name        string
	Description string
	Settable    []string // the fields that can be set, in lower case
	Path        string
}

// PluginEnv is a variable of a plugin's environment.
type PluginEnv struct {
	Name        string
	Description string
	Settable    []string // "value" where it can be set
	Value       string
}

// PluginArgs is the arguments of a plugin.
type PluginArgs struct {
	Name        string
	Description string
	Settable    []string // "value" where they can be set
	Value       []string
}

// PluginRootFS is the layers of a plugin.
type PluginRootFS struct {
	Type    string   `json:"type"` // "layers"
	DiffIDs []string `json:"diff_ids"`
}

// PluginPrivilege is something that a plugin asks for.
type PluginPrivilege struct {
	Name        string // "network", "mount", "device", "capabilities", ...
	Description string
	Value       []string
}
