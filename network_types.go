package docker

import "net/netip"

// NetworkingConfig is the networks that a new container joins, by name or ID.
type NetworkingConfig struct {
	EndpointsConfig map[string]EndpointSettings `json:",omitempty"`
}

// EndpointSettings is a container's place in a network.
type EndpointSettings struct {
	IPAMConfig EndpointIPAMConfig `json:",omitzero"`
	Links      []string           `json:",omitempty"` // "container:alias"
	Aliases    []string           `json:",omitempty"`
	MacAddress string             `json:",omitempty"`
	DriverOpts map[string]string  `json:",omitempty"`
	GwPriority int                `json:",omitempty"` // the highest is the default gateway; API 1.48

	// What the engine chose; of no effect in a request.
	NetworkID           string   `json:",omitempty"`
	EndpointID          string   `json:",omitempty"`
	Gateway             IP       `json:",omitzero"`
	IPAddress           IP       `json:",omitzero"`
	IPPrefixLen         int      `json:",omitempty"`
	IPv6Gateway         IP       `json:",omitzero"`
	GlobalIPv6Address   IP       `json:",omitzero"`
	GlobalIPv6PrefixLen int      `json:",omitempty"`
	DNSNames            []string `json:",omitempty"` // API 1.44
}

// EndpointIPAMConfig is the addresses that a container asks for.
type EndpointIPAMConfig struct {
	IPv4Address  netip.Addr   `json:",omitzero"`
	IPv6Address  netip.Addr   `json:",omitzero"`
	LinkLocalIPs []netip.Addr `json:",omitempty"`
}

// NetworkSettings is the networking of a container.
type NetworkSettings struct {
	SandboxID  string
	SandboxKey string // path of the network namespace
	Ports      PortMap
	Networks   map[string]EndpointSettings

	// Until API 1.51, and of the default bridge only: see Networks.
	Bridge                 string    `json:",omitempty"`
	HairpinMode            bool      `json:",omitempty"`
	LinkLocalIPv6Address   IP        `json:",omitzero"`
	LinkLocalIPv6PrefixLen int       `json:",omitempty"`
	SecondaryIPAddresses   []Address `json:",omitempty"`
	SecondaryIPv6Addresses []Address `json:",omitempty"`
	EndpointID             string    `json:",omitempty"`
	Gateway                IP        `json:",omitzero"`
	GlobalIPv6Address      IP        `json:",omitzero"`
	GlobalIPv6PrefixLen    int       `json:",omitempty"`
	IPAddress              IP        `json:",omitzero"`
	IPPrefixLen            int       `json:",omitempty"`
	IPv6Gateway            IP        `json:",omitzero"`
	MacAddress             string    `json:",omitempty"`
}

// Address is an address and the length of its network's prefix.
type Address struct {
	Addr      IP
	PrefixLen int
}
