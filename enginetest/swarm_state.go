package enginetest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

// cluster is a swarm of one node, which is the engine.
type cluster struct {
	swarm    docker.Swarm
	key      string // that unlocks it; empty unless managers are locked
	node     docker.Node
	index    uint64                                         // of the last change
	stored   map[docker.EventType]map[string]*docker.Secret // secrets and configs by ID
	services map[string]*service
	changed  broadcast // tasks
}

// newToken makes a text of n digits of base 36.
func newToken(n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails
	for i := range b {
		b[i] = digits[int(b[i])%len(digits)]
	}
	return string(b)
}

// newObjectID makes the identifier of an object of a swarm.
func newObjectID() string { return newToken(25) }

// initCluster makes the engine a swarm of its own.
func (e *engine) initCluster(o *docker.SwarmInitOptions) {
	cl := &cluster{index: 5, stored: map[docker.EventType]map[string]*docker.Secret{docker.EventSecret: {}, docker.EventConfig: {}}}
	cl.services = make(map[string]*service)
	e.cluster = cl
	cl.swarm.ID = newObjectID()
	cl.swarm.Spec = withDefaults(o.Spec)
	cl.swarm.DefaultAddrPool = o.DefaultAddrPool
	if len(o.DefaultAddrPool) == 0 {
		cl.swarm.DefaultAddrPool = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	}
	cl.swarm.SubnetSize, cl.swarm.DataPathPort = cmp.Or(o.SubnetSize, 24), cmp.Or(o.DataPathPort, 4789)
	cl.swarm.TLSInfo = docker.TLSInfo{TrustRoot: "-----BEGIN CERTIFICATE-----\nZW5naW5ldGVzdA==\n-----END CERTIFICATE-----\n"}
	if o.Spec.EncryptionConfig.AutoLockManagers {
		cl.key = "SWMKEY-1-" + newToken(43)
	}
	cl.swarm.JoinTokens.Worker = cl.joinToken()
	cl.swarm.JoinTokens.Manager = cl.joinToken()
	cl.touch(&cl.swarm.ObjectMeta)
	cl.initNode(e, o)
	e.emitCluster(docker.EventNode, "create", cl.node.ID, cl.node.Description.Hostname)
}

// leaveCluster forgets the swarm, with all that is in it.
func (e *engine) leaveCluster() {
	for _, t := range e.cluster.tasks() {
		t.service.removed, t.DesiredState = true, docker.TaskRemove
		t.service.updates++
		if t.ct != nil && !t.ct.removed {
			e.removeContainer(t.ct, t.ct.id, true, true) //nolint:errcheck // with force
		}
	}
	e.cluster.changed.notify()
	e.cluster = nil
}

// joinToken makes a token. Those of a swarm have the digest of its certificate in common.
func (cl *cluster) joinToken() string {
	digest := newToken(50)
	if parts := strings.Split(cl.swarm.JoinTokens.Worker, "-"); len(parts) > 2 {
		digest = parts[2]
	}
	return "SWMTKN-1-" + digest + "-" + newToken(25)
}

// withDefaults fills in what the settings of a swarm leave open.
func withDefaults(s docker.SwarmSpec) docker.SwarmSpec {
	s.Name = cmp.Or(s.Name, "default")
	s.Orchestration.TaskHistoryRetentionLimit = cmp.Or(s.Orchestration.TaskHistoryRetentionLimit, new(int64(5)))
	r := &s.Raft
	r.SnapshotInterval, r.LogEntriesForSlowFollowers = cmp.Or(r.SnapshotInterval, 10000), cmp.Or(r.LogEntriesForSlowFollowers, 500)
	r.KeepOldSnapshots = cmp.Or(r.KeepOldSnapshots, new(uint64(0)))
	r.ElectionTick, r.HeartbeatTick = cmp.Or(r.ElectionTick, 10), cmp.Or(r.HeartbeatTick, 1)
	s.Dispatcher.HeartbeatPeriod = cmp.Or(s.Dispatcher.HeartbeatPeriod, 5*time.Second)
	s.CAConfig.NodeCertExpiry = cmp.Or(s.CAConfig.NodeCertExpiry, 90*24*time.Hour)
	s.CAConfig.SigningCAKey = ""
	return s
}

// touch notes a change of an object.
func (cl *cluster) touch(m *docker.ObjectMeta) {
	cl.index++
	m.Version.Index = cl.index
	m.UpdatedAt = time.Now().UTC()
	if m.CreatedAt.IsZero() {
		m.CreatedAt = m.UpdatedAt
	}
}

// basedOn checks the version that an update of an object is based on.
func (c *call) basedOn(kind string, have docker.ObjectVersion) error {
	version, err := strconv.ParseUint(c.param("version"), 10, 64)
	switch {
	case err != nil:
		return badRequest("invalid %s version '%s': %v", kind, c.param("version"), err)
	case version != have.Index:
		return errorf(http.StatusInternalServerError, "rpc error: code = Unknown desc = update out of sequence")
	}
	return nil
}

// emitCluster tells of a change in the swarm. The attributes are pairs of a name and a value.
func (e *engine) emitCluster(kind docker.EventType, action, id, name string, attributes ...string) {
	all := map[string]string{"name": name}
	for i := 0; i+1 < len(attributes); i += 2 {
		all[attributes[i]] = attributes[i+1]
	}
	e.emitScoped(docker.EventSwarm, kind, action, id, all)
}

// findObject finds an object of the swarm by ID, name or the beginning of an ID.
func findObject[T any](kind, ref string, all map[string]*T, name func(*T) string) (*T, error) {
	if found, ok := all[ref]; ok {
		return found, nil
	}
	var found []*T
	for id, object := range all {
		if name(object) == ref {
			return object, nil
		}
		if ref != "" && strings.HasPrefix(id, ref) {
			found = append(found, object)
		}
	}
	switch len(found) {
	case 0:
		return nil, notFound("%s %s not found", kind, ref)
	case 1:
		return found[0], nil
	}
	return nil, badRequest("%s %s is ambiguous (%d matches found)", kind, ref, len(found))
}

// inOrder are objects in the order of their creation, of which those that pass are kept.
func inOrder[T any](all map[string]*T, meta func(*T) *docker.ObjectMeta, pass func(*T) bool) []*T {
	kept := slices.DeleteFunc(slices.Collect(maps.Values(all)), func(object *T) bool { return !pass(object) })
	slices.SortFunc(kept, func(a, b *T) int {
		return cmp.Or(meta(a).CreatedAt.Compare(meta(b).CreatedAt), cmp.Compare(meta(a).Version.Index, meta(b).Version.Index))
	})
	return append([]*T{}, kept...)
}

// prefixed tells whether a name begins with one of the values of a key.
func (f filters) prefixed(key, name string) bool {
	return f.any(key, func(v string) bool { return strings.HasPrefix(name, v) })
}

// cloned is a deep copy of a value of the API.
func cloned[T any](v T) T {
	var c T
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		panic(err)
	}
	return c
}
