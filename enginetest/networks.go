package enginetest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

var networkRoutes = table{
	"GET /networks":                  plainHandler(networkList),
	"POST /networks/create":          plainHandler(networkCreate),
	"POST /networks/prune":           plainHandler(networkPrune),
	"GET /networks/{id}":             plainHandler(networkInspect),
	"DELETE /networks/{id}":          plainHandler(networkRemove),
	"POST /networks/{id}/connect":    plainHandler(networkConnect),
	"POST /networks/{id}/disconnect": plainHandler(networkDisconnect),
}

// networkStore has the networks of the engine.
type networkStore struct {
	byID    map[string]*network
	subnets int // that were given out
	ports   map[string]*container
	port    int // the last that the engine chose
}

// network is a network. The endpoints are those of running containers, by their ID.
type network struct {
	docker.Network
	number    int
	endpoints map[string]*endpoint
	last      uint32 // of the addresses that were given out
}

// endpoint is a container's place in a network. It has addresses while the container runs.
type endpoint struct {
	docker.EndpointSettings
	network string // its name or ID, as it was asked for
}

// predefined are the networks that every engine has, with their drivers.
var predefined = []struct{ name, driver string }{{"bridge", "bridge"}, {"host", "host"}, {"none", "null"}}

func (e *engine) initNetworks() {
	e.networks = networkStore{byID: make(map[string]*network), ports: make(map[string]*container), port: 32767}
	for _, p := range predefined {
		n := e.newNetwork(p.name, &docker.NetworkCreateOptions{Driver: p.driver})
		e.networks.byID[n.ID] = n
	}
}

// newNetwork makes a network that is not stored yet.
func (e *engine) newNetwork(name string, o *docker.NetworkCreateOptions) *network {
	n := &network{number: len(e.networks.byID), endpoints: make(map[string]*endpoint), last: 1}
	n.Network = docker.Network{
		Name: name, ID: newID(), Created: time.Now(), Scope: cmp.Or(o.Scope, docker.NetworkLocal), Driver: cmp.Or(o.Driver, "bridge"),
		IPAM: o.IPAM, Internal: o.Internal, Attachable: o.Attachable, Ingress: o.Ingress, ConfigOnly: o.ConfigOnly,
		Options: mergeMaps(map[string]string{}, o.Options), Labels: mergeMaps(map[string]string{}, o.Labels),
	}
	n.IPAM.Driver = cmp.Or(n.IPAM.Driver, "default")
	n.EnableIPv4 = new(o.EnableIPv4 == nil || *o.EnableIPv4)
	n.EnableIPv6 = o.EnableIPv6 != nil && *o.EnableIPv6
	if n.Driver == "bridge" || n.Driver == "overlay" {
		if len(n.IPAM.Config) == 0 {
			n.IPAM.Config = []docker.IPAMConfig{{Subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(17 + e.networks.subnets%200), 0, 0}), 16)}}
			e.networks.subnets++
		}
		for i := range n.IPAM.Config {
			if c := &n.IPAM.Config[i]; !c.Gateway.IsValid() && c.Subnet.IsValid() {
				c.Gateway = c.Subnet.Masked().Addr().Next()
			}
		}
	}
	return n
}

// findNetwork finds a network by name, ID or the beginning of an ID.
func (e *engine) findNetwork(ref string) (*network, error) {
	if n, ok := e.networks.byID[ref]; ok {
		return n, nil
	}
	var found *network
	for id, n := range e.networks.byID {
		if n.Name == ref {
			return n, nil
		}
		if ref != "" && strings.HasPrefix(id, ref) {
			found = n
		}
	}
	if found == nil {
		return nil, notFound("network %s not found", ref)
	}
	return found, nil
}

func (n *network) predefined() bool {
	return slices.ContainsFunc(predefined, func(p struct{ name, driver string }) bool { return p.name == n.Name })
}

// emitNetwork tells of something that happened to a network.
func (e *engine) emitNetwork(n *network, action string, attributes ...string) {
	all := map[string]string{"name": n.Name, "type": n.Driver}
	for i := 0; i+1 < len(attributes); i += 2 {
		all[attributes[i]] = attributes[i+1]
	}
	e.emit(docker.EventNetwork, action, n.ID, all)
}

// joinNetworks gives a new container its places in the networks that it asks for.
func (e *engine) joinNetworks(ct *container, config *docker.NetworkingConfig) error {
	ct.endpoints = make(map[string]*endpoint)
	mode := ct.host.NetworkMode
	if strings.HasPrefix(mode, "container:") {
		return nil
	}
	if mode == "default" {
		mode = "bridge"
	}
	ct.endpoints[mode] = &endpoint{network: mode}
	if config == nil {
		return nil
	}
	for name, settings := range config.EndpointsConfig {
		if name == "default" {
			name = "bridge"
		}
		ct.endpoints[name] = &endpoint{settings, name}
	}
	return nil
}

// connectNetworks gives a container that starts its addresses and ports.
func (e *engine) connectNetworks(ct *container) error {
	for _, name := range slices.Sorted(maps.Keys(ct.endpoints)) {
		n, err := e.findNetwork(name)
		if err == nil {
			err = e.plug(ct, n, ct.endpoints[name])
		}
		if err != nil {
			return err
		}
	}
	return e.publish(ct)
}

// plug connects a running container to a network.
func (e *engine) plug(ct *container, n *network, p *endpoint) error {
	if n.ConfigOnly {
		return errorf(http.StatusForbidden, "network %s is config-only", n.Name)
	}
	p.NetworkID, p.EndpointID = n.ID, newID()
	if len(n.IPAM.Config) > 0 && n.IPAM.Config[0].Subnet.Addr().Is4() {
		config := n.IPAM.Config[0]
		addr := p.IPAMConfig.IPv4Address
		for !addr.IsValid() {
			n.last++
			if next := offset(config.Subnet, n.last); !n.uses(next) {
				addr = next
			}
		}
		if n.uses(addr) {
			return errorf(http.StatusForbidden, "Address already in use")
		}
		p.IPAddress, p.IPPrefixLen, p.Gateway = docker.IP{Addr: addr}, config.Subnet.Bits(), docker.IP{Addr: config.Gateway}
		b := addr.As4()
		p.MacAddress = fmt.Sprintf("02:42:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3])
		if !n.predefined() {
			p.DNSNames = slices.Compact(slices.Concat([]string{ct.name}, p.Aliases, []string{short(ct.id)}))
		}
	}
	n.endpoints[ct.id] = p
	e.emitNetwork(n, "connect", "container", ct.id)
	return nil
}

// offset is the nth address of a subnet.
func offset(subnet netip.Prefix, n uint32) netip.Addr {
	b := subnet.Masked().Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+n)
	return netip.AddrFrom4(b)
}

func (n *network) uses(addr netip.Addr) bool {
	for _, p := range n.endpoints {
		if p.IPAddress.Addr == addr {
			return true
		}
	}
	return false
}

// unplug takes a container from a network.
func (e *engine) unplug(ct *container, n *network) {
	p, ok := n.endpoints[ct.id]
	if !ok {
		return
	}
	delete(n.endpoints, ct.id)
	p.EndpointID, p.MacAddress, p.IPAddress, p.IPPrefixLen, p.Gateway = "", "", docker.IP{}, 0, docker.IP{}
	e.emitNetwork(n, "disconnect", "container", ct.id)
}

// disconnectNetworks takes the addresses of a container that has ended.
func (e *engine) disconnectNetworks(ct *container) {
	for _, name := range slices.Sorted(maps.Keys(ct.endpoints)) {
		if n, err := e.findNetwork(name); err == nil {
			e.unplug(ct, n)
		}
	}
	for at, of := range e.networks.ports {
		if of == ct {
			delete(e.networks.ports, at)
		}
	}
	ct.published = nil
}

// leaveNetworks forgets a container that is removed.
func (e *engine) leaveNetworks(ct *container) { ct.endpoints = nil }

// publish takes the ports of the host that a container asks for.
func (e *engine) publish(ct *container) error {
	if ct.host.NetworkMode == "host" || ct.host.NetworkMode == "none" {
		return nil
	}
	ct.published = docker.PortMap{}
	wanted := maps.Clone(ct.host.PortBindings)
	for port := range ct.config.ExposedPorts {
		if _, ok := wanted[port]; !ok && ct.host.PublishAllPorts {
			wanted = mergeMaps(wanted, docker.PortMap{port: {{}}})
		} else if !ok {
			ct.published[port] = nil
		}
	}
	for _, port := range slices.Sorted(maps.Keys(wanted)) {
		for _, b := range wanted[port] {
			taken, err := e.takePort(ct, port, b)
			if err != nil {
				return err
			}
			ct.published[port] = append(ct.published[port], taken)
		}
	}
	return nil
}

func (e *engine) takePort(ct *container, port docker.Port, b docker.PortBinding) (docker.PortBinding, error) {
	if !b.HostIP.IsValid() {
		b.HostIP = netip.IPv4Unspecified()
	}
	chosen := b.HostPort == "" || b.HostPort == "0"
	for {
		if chosen {
			e.networks.port++
			b.HostPort = fmt.Sprint(e.networks.port)
		}
		at := b.HostPort + "/" + port.Protocol()
		if other := e.networks.ports[at]; other == nil {
			e.networks.ports[at] = ct
			return b, nil
		}
		if !chosen {
			return b, errorf(http.StatusInternalServerError, "failed to set up container networking: driver failed programming external connectivity "+
				"on endpoint %s: Bind for %s:%s failed: port is already allocated", ct.name, b.HostIP, b.HostPort)
		}
	}
}

// networkSettings is what an inspect tells of a container's networks.
func (e *engine) networkSettings(ct *container) docker.NetworkSettings {
	s := docker.NetworkSettings{Ports: ct.published, Networks: make(map[string]docker.EndpointSettings, len(ct.endpoints))}
	if s.Ports == nil {
		s.Ports = docker.PortMap{}
	}
	for name, p := range ct.endpoints {
		if n, err := e.findNetwork(name); err == nil {
			name = n.Name
		}
		s.Networks[name] = p.EndpointSettings
	}
	if ct.running() {
		s.SandboxID, s.SandboxKey = ct.id, "/var/run/docker/netns/"+short(ct.id)
	}
	if p, ok := ct.endpoints["bridge"]; ok && e.apiVersion() < 52 {
		s.EndpointID, s.Gateway, s.IPAddress, s.IPPrefixLen, s.MacAddress = p.EndpointID, p.Gateway, p.IPAddress, p.IPPrefixLen, p.MacAddress
	}
	return s
}

// networkNames are the names and IDs of a container's networks.
func (e *engine) networkNames(ct *container) []string {
	var names []string
	for name := range ct.endpoints {
		if n, err := e.findNetwork(name); err == nil {
			names = append(names, n.Name, n.ID)
		}
	}
	return names
}

// inspectedNetwork is a network as it is told.
func (e *engine) inspectedNetwork(n *network) docker.Network {
	out := n.Network
	out.Containers = make(map[string]docker.EndpointResource, len(n.endpoints))
	for id, p := range n.endpoints {
		r := docker.EndpointResource{EndpointID: p.EndpointID, MacAddress: p.MacAddress}
		if ct := e.containers.byID[id]; ct != nil {
			r.Name = ct.name
		}
		if p.IPAddress.IsValid() {
			r.IPv4Address = docker.IPPrefix{Prefix: netip.PrefixFrom(p.IPAddress.Addr, p.IPPrefixLen)}
		}
		out.Containers[id] = r
	}
	return out
}

// networkFields are the fields of a network that depend on the version.
var networkFields = []edit{from(48, "EnableIPv4"), func(c *call, object map[string]any) {
	fill(object["IPAM"], map[string]any{"Config": []any{}, "Options": nil})
	fill(object, map[string]any{"ConfigFrom": map[string]string{"Network": ""}})
}}

func networkList(c *call) error {
	f, err := c.filters("dangling", "driver", "id", "label", "name", "scope", "type")
	if err != nil {
		return err
	}
	for _, kind := range f["type"] {
		if kind != "custom" && kind != "builtin" {
			return badRequest("invalid filter: 'type'='%s'", kind)
		}
	}
	dangling, err := f.bool("dangling", false)
	if err != nil {
		return err
	}
	list := []docker.Network{}
	for _, n := range c.sortedNetworks() {
		kind := "custom"
		if n.predefined() {
			kind = "builtin"
		}
		if f.has("driver", n.Driver) && f.id("id", n.ID) && f.name("name", n.Name) && f.labels(n.Labels) && f.has("scope", string(n.Scope)) &&
			f.has("type", kind) && (len(f["dangling"]) == 0 || dangling == (len(n.endpoints) == 0 && !n.predefined())) {
			list = append(list, n.Network)
		}
	}
	return c.json(http.StatusOK, list, append(networkFields, with("Containers", map[string]any{}))...)
}

func (e *engine) sortedNetworks() []*network {
	all := slices.Collect(maps.Values(e.networks.byID))
	slices.SortFunc(all, func(a, b *network) int { return b.number - a.number })
	return all
}

func networkInspect(c *call) error {
	n, err := c.findNetwork(c.vars["id"])
	if err != nil {
		return err
	}
	if scope := c.param("scope"); scope != "" && scope != string(n.Scope) {
		return notFound("network %s not found", c.vars["id"])
	}
	edits := networkFields
	if c.since(52) {
		edits = append(slices.Clone(edits), with("Status", map[string]any{"IPAM": map[string]any{"Subnets": map[string]any{}}}))
	}
	return c.json(http.StatusOK, c.inspectedNetwork(n), edits...)
}

func networkCreate(c *call) error {
	var asked struct {
		Name           string
		CheckDuplicate bool
		docker.NetworkCreateOptions
	}
	if err := c.decode(&asked); err != nil {
		return err
	}
	switch {
	case asked.Name == "":
		return badRequest("network name cannot be empty")
	case slices.ContainsFunc(predefined, func(p struct{ name, driver string }) bool { return p.name == asked.Name }):
		return errorf(http.StatusForbidden, "operation is not permitted on predefined %s network ", asked.Name)
	case !slices.Contains([]string{"", "bridge", "host", "null", "overlay", "macvlan", "ipvlan"}, asked.Driver):
		driver, err := c.driver(asked.Driver, networkDriver)
		if err != nil {
			return err
		}
		asked.Driver = driver
	case asked.Driver == "host" || asked.Driver == "null":
		return errorf(http.StatusForbidden, "only one instance of %q network is allowed", asked.Driver)
	}
	for _, n := range c.networks.byID {
		if n.Name == asked.Name {
			return conflict("network with name %s already exists", asked.Name)
		}
		for _, config := range asked.IPAM.Config {
			if slices.ContainsFunc(n.IPAM.Config, func(o docker.IPAMConfig) bool { return o.Subnet.IsValid() && o.Subnet.Overlaps(config.Subnet) }) {
				return errorf(http.StatusForbidden, "invalid pool request: Pool overlaps with other one on this address space")
			}
		}
	}
	n := c.newNetwork(asked.Name, &asked.NetworkCreateOptions)
	c.networks.byID[n.ID] = n
	n.number = 1000 + c.networks.subnets
	c.emitNetwork(n, "create")
	return c.json(http.StatusCreated, map[string]string{"Id": n.ID, "Warning": ""})
}

func networkRemove(c *call) error {
	n, err := c.findNetwork(c.vars["id"])
	switch {
	case err != nil:
		return err
	case n.predefined():
		return errorf(http.StatusForbidden, "%s is a pre-defined network and cannot be removed", n.Name)
	case len(n.endpoints) > 0:
		return errorf(http.StatusForbidden, "error while removing network: network %s id %s has active endpoints", n.Name, n.ID)
	}
	c.dropNetwork(n)
	return nil
}

func (e *engine) dropNetwork(n *network) {
	delete(e.networks.byID, n.ID)
	e.emitNetwork(n, "destroy")
}

func networkPrune(c *call) error {
	f, err := c.filters("until", "label", "label!")
	if err != nil {
		return err
	}
	until, err := f.until()
	if err != nil {
		return err
	}
	deleted := []string{}
	for _, n := range c.sortedNetworks() {
		if n.predefined() || len(n.endpoints) > 0 || !f.labels(n.Labels) || !until.IsZero() && n.Created.After(until) {
			continue
		}
		deleted = append(deleted, n.Name)
		c.dropNetwork(n)
	}
	c.emit(docker.EventNetwork, "prune", "", map[string]string{"reclaimed": "0"})
	return c.json(http.StatusOK, docker.NetworkPruneResult{NetworksDeleted: deleted})
}

// connection is the body of connect and disconnect.
type connection struct {
	Container      string
	EndpointConfig *docker.EndpointSettings
	Force          bool
}

func (c *call) connection() (*network, *container, *connection, error) {
	var asked connection
	if err := c.decode(&asked); err != nil {
		return nil, nil, nil, err
	}
	n, err := c.findNetwork(c.vars["id"])
	if err != nil {
		return nil, nil, nil, err
	}
	ct, err := c.findContainer(asked.Container)
	return n, ct, &asked, err
}

func networkConnect(c *call) error {
	n, ct, asked, err := c.connection()
	if err != nil {
		return err
	}
	if ct.host.NetworkMode == "host" || n.Driver == "host" {
		return errorf(http.StatusForbidden, "container cannot be disconnected from host network or connected to host network")
	}
	for _, name := range c.networkNames(ct) {
		if name == n.ID {
			return errorf(http.StatusForbidden, "endpoint with name %s already exists in network %s", ct.name, n.Name)
		}
	}
	p := &endpoint{network: n.Name}
	if asked.EndpointConfig != nil {
		p.EndpointSettings = *asked.EndpointConfig
	}
	if ct.running() {
		if err := c.plug(ct, n, p); err != nil {
			return err
		}
	}
	ct.endpoints[n.Name] = p
	return c.done(http.StatusOK)
}

func networkDisconnect(c *call) error {
	n, ct, _, err := c.connection()
	if err != nil {
		return err
	}
	if n.Driver == "host" {
		return errorf(http.StatusForbidden, "container cannot be disconnected from host network or connected to host network")
	}
	for name := range ct.endpoints {
		if of, err := c.findNetwork(name); err == nil && of == n {
			c.unplug(ct, n)
			delete(ct.endpoints, name)
			return c.done(http.StatusOK)
		}
	}
	return errorf(http.StatusForbidden, "container %s is not connected to network %s", ct.id, n.Name)
}
