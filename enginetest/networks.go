package enginetest

import "github.com/cleat-go/docker"

var networkRoutes = table{}

// networkStore has the networks of the engine.
type networkStore struct{}

func (e *engine) initNetworks() {}

// joinNetworks gives a new container its places in the networks that it asks for, by
// its host configuration's NetworkMode and config. It is called before the container
// is stored.
func (e *engine) joinNetworks(ct *container, config *docker.NetworkingConfig) error { return nil }

// connectNetworks gives a container that starts its addresses and emits "connect".
func (e *engine) connectNetworks(ct *container) error { return nil }

// disconnectNetworks takes the addresses of a container that has ended, and emits "disconnect".
func (e *engine) disconnectNetworks(ct *container) {}

// leaveNetworks forgets a container that is removed.
func (e *engine) leaveNetworks(ct *container) {}

// networkSettings is what an inspect tells of a container's networks.
func (e *engine) networkSettings(ct *container) docker.NetworkSettings {
	return docker.NetworkSettings{Ports: docker.PortMap{}, Networks: map[string]docker.EndpointSettings{ct.host.NetworkMode: {}}}
}

// networkNames are the networks of a container, for the filter of lists.
func (e *engine) networkNames(ct *container) []string { return nil }
