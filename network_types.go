package docker

import (
	"encoding/json"
	"net/netip"
	"time"
)

// Network is a network of this engine or of the cluster.
type Network struct {
	Name       string
	ID         string    `json:"Id"`
	Created    time.Time `json:",omitzero"`
	Scope      NetworkScope
	Driver     string
	EnableIPv4 *bool `json:",omitempty"` // nil below API 1.48, where all networks have it
	EnableIPv6 bool
	IPAM       IPAM
	Internal   bool          // without a way out
	Attachable bool          // of the cluster, and containers that are no tasks may join
	Ingress    bool          // carries the published ports of the cluster
	ConfigFrom NetworkSource `json:",omitzero"` // whose settings it has
	ConfigOnly bool          // holds settings for others, and no containers
	Options    map[string]string
	Labels     map[string]string
	Peers      []NetworkPeer `json:",omitempty"` // nil unless of the cluster

	// Of an inspect only.
	Containers map[string]EndpointResource `json:",omitempty"` // by ID
	Services   map[string]NetworkService   `json:",omitempty"` // by name; nil unless verbose
	Status     *NetworkStatus              `json:",omitempty"` // API 1.52
}

// NetworkScope is where a network exists.
type NetworkScope string

// The scopes of networks.
const (
	NetworkLocal  NetworkScope = "local"
	NetworkGlobal NetworkScope = "global"
	NetworkSwarm  NetworkScope = "swarm"
)

// IPAM is how the addresses of a network are given out.
type IPAM struct {
	Driver  string            `json:",omitempty"` // empty is "default"
	Config  []IPAMConfig      `json:",omitempty"` // none leaves the choice to the engine
	Options map[string]string `json:",omitempty"` // of the driver
}

// IPAMConfig is a subnet of a network.
type IPAMConfig struct {
	Subnet             netip.Prefix          `json:",omitzero"`
	IPRange            netip.Prefix          `json:",omitzero"`  // in the subnet; zero is all of it
	Gateway            netip.Addr            `json:",omitzero"`  // zero leaves the choice to the engine
	AuxiliaryAddresses map[string]netip.Addr `json:",omitempty"` // not given out, by the names of their hosts
}

// UnmarshalJSON takes text that is no address for none, and leaves the length off a
// gateway that has one: drivers tell what they like.
func (i *IPAMConfig) UnmarshalJSON(b []byte) error {
	var wire struct {
		Subnet, IPRange, Gateway IPPrefix
		AuxiliaryAddresses       map[string]IP
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*i = IPAMConfig{Subnet: wire.Subnet.Prefix, IPRange: wire.IPRange.Prefix, Gateway: wire.Gateway.Addr()}
	for host, ip := range wire.AuxiliaryAddresses {
		if i.AuxiliaryAddresses == nil {
			i.AuxiliaryAddresses = make(map[string]netip.Addr)
		}
		i.AuxiliaryAddresses[host] = ip.Addr
	}
	return nil
}

// IPPrefix is an address and the length of its network's prefix, in an answer. An
// address alone is a network of its own; other text is the zero prefix.
type IPPrefix struct{ netip.Prefix }

// UnmarshalText reads an address with or without a length; it never fails.
func (p *IPPrefix) UnmarshalText(text []byte) error {
	var err error
	if p.Prefix, err = netip.ParsePrefix(string(text)); err != nil {
		addr, _ := netip.ParseAddr(string(text))
		p.Prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	return nil
}

// EndpointResource is a container in a network.
type EndpointResource struct {
	Name        string
	EndpointID  string
	MacAddress  string
	IPv4Address IPPrefix
	IPv6Address IPPrefix
}

// NetworkPeer is another engine in a network of the cluster.
type NetworkPeer struct {
	Name string
	IP   IP
}

// NetworkService is a service in a network of the cluster.
type NetworkService struct {
	VIP          IP
	Ports        []string
	LocalLBIndex int
	Tasks        []NetworkTask
}

// NetworkTask is a task in a network of the cluster, on any node.
type NetworkTask struct {
	Name       string
	EndpointID string
	EndpointIP IP
	Info       map[string]string
}

// NetworkStatus is what is used of a network.
type NetworkStatus struct {
	IPAM NetworkIPAMStatus
}

// NetworkIPAMStatus is what is used of the addresses of a network.
type NetworkIPAMStatus struct {
	Subnets map[netip.Prefix]SubnetStatus
}

// SubnetStatus counts the addresses of a subnet; the largest number means so many or more.
type SubnetStatus struct {
	IPsInUse            uint64 // or reserved
	DynamicIPsAvailable uint64 // of the range that the engine gives out
}

// NetworkingConfig is the networks that a new container joins, by name or ID.
type NetworkingConfig struct {
	EndpointsConfig map[string]EndpointSettings `json:",omitempty"`
}

// EndpointSettings is a container's place in a network.
type EndpointSettings struct {
	IPAMConfig EndpointIPAMConfig `json:",omitzero"`
	Links      []string           `json:",omitempty"` // "container:alias"
	Aliases    []string           `json:",omitempty"`
	MacAddress string             `json:",omitempty"` // API 1.44
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

// UnmarshalJSON takes text that is no address for none: engines hand back what they
// were given.
func (e *EndpointIPAMConfig) UnmarshalJSON(b []byte) error {
	var wire struct {
		IPv4Address, IPv6Address IP
		LinkLocalIPs             AddrList
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*e = EndpointIPAMConfig{wire.IPv4Address.Addr, wire.IPv6Address.Addr, wire.LinkLocalIPs}
	return nil
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
