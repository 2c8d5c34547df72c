package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// clusterSamples are the types of the answers in testdata/cluster, by their names there.
var clusterSamples = map[string]reflect.Type{
	"swarm":    reflect.TypeFor[Swarm](),
	"nodes":    reflect.TypeFor[[]Node](),
	"services": reflect.TypeFor[[]Service](),
	"service":  reflect.TypeFor[Service](),
	"tasks":    reflect.TypeFor[[]Task](),
	"secrets":  reflect.TypeFor[[]Secret](),
	"configs":  reflect.TypeFor[[]Config](),
}

func requireKept(t *testing.T, text []byte, kind reflect.Type) {
	t.Helper()
	value := reflect.New(kind)
	require.NoError(t, json.Unmarshal(text, value.Interface()))
	again, err := json.Marshal(value.Interface())
	require.NoError(t, err)
	var sent, kept any
	require.NoError(t, json.Unmarshal(text, &sent))
	require.NoError(t, json.Unmarshal(again, &kept))
	require.Empty(t, lost(sent, kept, kind.Name()))
}

// What real engines tell of a cluster decodes, and nothing of it is lost.
func TestClusterWireLosesNothing(t *testing.T) {
	files, err := filepath.Glob("testdata/cluster/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var sample map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(text, &sample))
		require.Len(t, sample, len(clusterSamples))
		for name, text := range sample {
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) { requireKept(t, text, clusterSamples[name]) })
		}
	}
}

// Neither is what these engines do not have, or have no more.
func TestClusterWireOfOtherEnginesLosesNothing(t *testing.T) {
	for _, test := range []struct {
		kind reflect.Type
		text string
	}{
		{reflect.TypeFor[Node](), `{"ID":"n","Spec":{"Name":"x","Labels":{"a":""}},"Description":{"Resources":{"GenericResources":[{"DiscreteResourceSpec":{"Kind":"SSD","Value":3}},
			{"NamedResourceSpec":{"Kind":"GPU","Value":"UUID1"}}]},"Engine":{"Labels":{"foo":"bar"}},"CSIInfo":[{"PluginName":"p","NodeID":"i","MaxVolumesPerNode":4,
			"AccessibleTopology":{"Segments":{"zone":"a"}}}]},"Status":{"State":"down","Message":"heartbeat failure","Addr":"10.0.0.1"},"ManagerStatus":{"Reachability":"unreachable"}}`},
		{reflect.TypeFor[Task](), `{"ID":"t","Name":"web.1","Spec":{"NetworkAttachmentSpec":{"ContainerID":"c"},"Resources":{"Limits":{"GenericResources":[{"DiscreteResourceSpec":{"Kind":"SSD","Value":3}}]},
			"SwapBytes":-1,"MemorySwappiness":60},"Runtime":"attachment"},"JobIteration":{"Index":5},"GenericResources":[{"NamedResourceSpec":{"Kind":"GPU","Value":"UUID1"}}],
			"Volumes":[{"ID":"v","Source":"group:g","Target":"/data"}],"NetworksAttachments":[{"Network":{"ID":"n","Spec":{"IPv6Enabled":true,"Internal":true,"ConfigFrom":{"Network":"c"}}},"Addresses":["fd00::1/64",""]}]}`},
		{reflect.TypeFor[TaskSpec](), `{"PluginSpec":{"name":"p","remote":"r/p:1","privileges":[{"name":"network","description":"d","value":["host"]}],"disabled":true,"env":["A=b"]},"Runtime":"plugin"}`},
		{reflect.TypeFor[ContainerSpec](), `{"Image":"i","Privileges":{"CredentialSpec":{"Config":"c","File":"f","Registry":"r"}},"Isolation":"hyperv","Configs":[{"ConfigID":"c","ConfigName":"n","Runtime":{}}],"TTY":true,
			"Mounts":[{"Type":"cluster","Source":"group:g","ClusterOptions":{}},{"Type":"image","ImageOptions":{"Subpath":"s"}}]}`},
		{reflect.TypeFor[ServiceSpec](), `{"Networks":[{"Target":"n","Aliases":["a"]}],"Mode":{"GlobalJob":{}}}`},
		{reflect.TypeFor[ServiceSpec](), `{"Mode":{"Global":{}}}`},
		{reflect.TypeFor[ServiceCreateResult](), `{"ID":"s","Warning":"unable to pin"}`},
		{reflect.TypeFor[ServiceCreateResult](), `{"ID":"s","Warnings":["unable to pin"]}`},
		{reflect.TypeFor[SecretSpec](), `{"Name":"s","Data":"aGk=","Driver":{"Name":"d","Options":{"o":"p"}}}`},
		{reflect.TypeFor[Swarm](), `{"ID":"x","Spec":{"CAConfig":{"SigningCACert":"c","SigningCAKey":"k","ForceRotate":2}},"DefaultAddrPool":["10.0.0.0/8"],"SubnetSize":24,"JoinTokens":{"Worker":"w","Manager":"m"}}`},
	} {
		requireKept(t, []byte(test.text), test.kind)
	}
}

// A spec goes back as it came, or the engine would replace the tasks: absent and empty differ.
func TestTaskSpecsGoBackAsTheyCame(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"ContainerSpec":{"Image":"i"}}`,
		`{"ContainerSpec":{"Privileges":{},"DNSConfig":{},"Healthcheck":{},"StopGracePeriod":0,"Init":false},"Resources":{},"RestartPolicy":{},"Placement":{},"LogDriver":{}}`,
		`{"Resources":{"Limits":{},"Reservations":{},"SwapBytes":0,"MemorySwappiness":0},"RestartPolicy":{"Delay":0,"Window":0},"Placement":{"Preferences":[{"Spread":{"SpreadDescriptor":"x"}}]}}`,
		`{"ContainerSpec":{"Privileges":{"SELinuxContext":{},"Seccomp":{},"AppArmor":{}},"Mounts":[{"BindOptions":{},"VolumeOptions":{},"TmpfsOptions":{}}]}}`,
	} {
		var spec TaskSpec
		require.NoError(t, json.Unmarshal([]byte(text), &spec))
		again, err := json.Marshal(spec)
		require.NoError(t, err)
		require.JSONEq(t, text, string(again))
	}
}

func TestClusterZeroIsEmpty(t *testing.T) {
	for _, zero := range []any{
		ServiceSpec{},
		TaskSpec{},
		ContainerSpec{},
		ServiceMode{},
		UpdateConfig{},
		EndpointSpec{},
		PortConfig{},
		Placement{},
		ResourceRequirements{},
		ResourceLimits{},
		ClusterResources{},
		TaskRestartPolicy{},
		NetworkAttachmentConfig{},
		PluginSpec{},
		ContainerPrivileges{},
		CredentialSpec{},
		SELinuxContext{},
		SeccompOptions{},
		AppArmorOptions{},
		DNSConfig{},
		NodeSpec{},
		SecretSpec{},
		ConfigSpec{},
		SwarmSpec{},
	} {
		text, err := json.Marshal(zero)
		require.NoError(t, err)
		require.Equal(t, "{}", string(text), "%T", zero)
	}
}

func TestSwarmRequests(t *testing.T) {
	c, got := recorder(t, `"n1"`)
	ctx := t.Context()
	id, err := c.SwarmInit(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, "n1", id)
	sent := got()
	require.Equal(t, "POST /swarm/init", sent.uri)
	require.JSONEq(t, `{"ListenAddr":"0.0.0.0:2377","AdvertiseAddr":""}`, sent.body)
	_, err = c.SwarmInit(ctx, &SwarmInitOptions{
		ListenAddr: "eth0:1", AdvertiseAddr: "10.0.0.1", DataPathAddr: "10.0.0.2", DataPathPort: 4000,
		DefaultAddrPool: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}, SubnetSize: 26, ForceNewCluster: true,
		Availability: NodeDrain, AutoLockManagers: true, Spec: SwarmSpec{CAConfig: CAConfig{SigningCAKey: "k"}},
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"ListenAddr":"eth0:1","AdvertiseAddr":"10.0.0.1","DataPathAddr":"10.0.0.2","DataPathPort":4000,"DefaultAddrPool":["10.9.0.0/16"],
		"SubnetSize":26,"ForceNewCluster":true,"Availability":"drain","AutoLockManagers":true,"Spec":{"CAConfig":{"SigningCAKey":"k"}}}`, got().body)
	_, err = c.SwarmInit(ctx, &SwarmInitOptions{DefaultAddrPool: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}})
	require.NoError(t, err)
	require.JSONEq(t, `{"ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"","DefaultAddrPool":["10.9.0.0/16"],"SubnetSize":24}`, got().body)
	require.NoError(t, c.SwarmJoin(ctx, &SwarmJoinOptions{RemoteAddrs: []string{"m:2377"}, JoinToken: "t", Availability: NodePause}))
	sent = got()
	require.Equal(t, "POST /swarm/join", sent.uri)
	require.JSONEq(t, `{"RemoteAddrs":["m:2377"],"JoinToken":"t","ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"","Availability":"pause"}`, sent.body)
	require.NoError(t, c.SwarmLeave(ctx, nil))
	require.Equal(t, "POST /swarm/leave", got().uri)
	require.NoError(t, c.SwarmLeave(ctx, &SwarmLeaveOptions{Force: true}))
	require.Equal(t, "POST /swarm/leave?force=1", got().uri)
	require.NoError(t, c.SwarmUpdate(ctx, ObjectVersion{1<<64 - 1}, SwarmSpec{Name: "default"}, &SwarmUpdateOptions{true, true, true}))
	sent = got()
	require.Equal(t, "POST /swarm/update?rotateManagerToken=1&rotateManagerUnlockKey=1&rotateWorkerToken=1&version=18446744073709551615", sent.uri)
	require.JSONEq(t, `{"Name":"default"}`, sent.body)
	require.NoError(t, c.SwarmUnlock(ctx, "key"))
	sent = got()
	require.Equal(t, "POST /swarm/unlock", sent.uri)
	require.JSONEq(t, `{"UnlockKey":"key"}`, sent.body)
}

func TestSwarmAnswers(t *testing.T) {
	c, got := recorder(t, `{"ID":"x","JoinTokens":{"Worker":"w"},"UnlockKey":"key"}`)
	var raw json.RawMessage
	swarm, err := c.SwarmInspect(t.Context(), &SwarmInspectOptions{Raw: &raw})
	require.NoError(t, err)
	require.Equal(t, "GET /swarm", got().uri)
	require.Equal(t, "w", swarm.JoinTokens.Worker)
	require.Contains(t, string(raw), `"Worker":"w"`)
	key, err := c.SwarmUnlockKey(t.Context())
	require.NoError(t, err)
	require.Equal(t, "GET /swarm/unlockkey", got().uri)
	require.Equal(t, "key", key)
}

// What has an inspect, an update and a removal is asked for in the same way.
func TestClusterObjectRequests(t *testing.T) {
	c, got := recorder(t, `{"ID":"x"}`)
	ctx, version := t.Context(), ObjectVersion{7}
	uri := func(err error) string {
		t.Helper()
		require.NoError(t, err)
		return got().uri
	}
	_, err := c.NodeInspect(ctx, "a", nil)
	require.Equal(t, "GET /nodes/a", uri(err))
	require.Equal(t, "POST /nodes/a/update?version=7", uri(c.NodeUpdate(ctx, "a", version, NodeSpec{})))
	require.Equal(t, "DELETE /nodes/a", uri(c.NodeRemove(ctx, "a", nil)))
	require.Equal(t, "DELETE /nodes/a?force=1", uri(c.NodeRemove(ctx, "a", &NodeRemoveOptions{Force: true})))
	_, err = c.SecretInspect(ctx, "a", nil)
	require.Equal(t, "GET /secrets/a", uri(err))
	require.Equal(t, "POST /secrets/a/update?version=7", uri(c.SecretUpdate(ctx, "a", version, SecretSpec{})))
	require.Equal(t, "DELETE /secrets/a", uri(c.SecretRemove(ctx, "a")))
	_, err = c.ConfigInspect(ctx, "a", nil)
	require.Equal(t, "GET /configs/a", uri(err))
	require.Equal(t, "POST /configs/a/update?version=7", uri(c.ConfigUpdate(ctx, "a", version, ConfigSpec{})))
	require.Equal(t, "DELETE /configs/a", uri(c.ConfigRemove(ctx, "a")))
	_, err = c.TaskInspect(ctx, "a", nil)
	require.Equal(t, "GET /tasks/a", uri(err))
	require.Equal(t, "DELETE /services/a", uri(c.ServiceRemove(ctx, "a")))
	_, err = c.ServiceInspect(ctx, "a", nil)
	require.Equal(t, "GET /services/a", uri(err))
	_, err = c.ServiceInspect(ctx, "a", &ServiceInspectOptions{InsertDefaults: true})
	require.Equal(t, "GET /services/a?insertDefaults=1", uri(err))

	id, err := c.SecretCreate(ctx, SecretSpec{Name: "s", Data: []byte("hi")})
	require.NoError(t, err)
	require.Equal(t, "x", id)
	sent := got()
	require.Equal(t, "POST /secrets/create", sent.uri)
	require.JSONEq(t, `{"Name":"s","Data":"aGk="}`, sent.body)
	id, err = c.ConfigCreate(ctx, ConfigSpec{Name: "c", Data: []byte("hi")})
	require.NoError(t, err)
	require.Equal(t, "x", id)
	sent = got()
	require.Equal(t, "POST /configs/create", sent.uri)
	require.JSONEq(t, `{"Name":"c","Data":"aGk="}`, sent.body)
}

func TestClusterListRequests(t *testing.T) {
	c, got := recorder(t, `[{"ID":"x"}]`)
	ctx, filters := t.Context(), Filters{"name": {"a"}}
	const query = "?filters=%7B%22name%22%3A%5B%22a%22%5D%7D"
	nodes, err := c.NodeList(ctx, &NodeListOptions{filters})
	require.NoError(t, err)
	require.Equal(t, "x", nodes[0].ID)
	require.Equal(t, "GET /nodes"+query, got().uri)
	services, err := c.ServiceList(ctx, &ServiceListOptions{filters, true})
	require.NoError(t, err)
	require.Equal(t, "x", services[0].ID)
	require.Equal(t, "GET /services"+query+"&status=1", got().uri)
	tasks, err := c.TaskList(ctx, &TaskListOptions{filters})
	require.NoError(t, err)
	require.Equal(t, "x", tasks[0].ID)
	require.Equal(t, "GET /tasks"+query, got().uri)
	secrets, err := c.SecretList(ctx, &SecretListOptions{filters})
	require.NoError(t, err)
	require.Equal(t, "x", secrets[0].ID)
	require.Equal(t, "GET /secrets"+query, got().uri)
	configs, err := c.ConfigList(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, "x", configs[0].ID)
	require.Equal(t, "GET /configs", got().uri)
}

func TestServiceRequests(t *testing.T) {
	c, got := recorder(t, `{"ID":"x","Warnings":["w"]}`)
	ctx, creds := t.Context(), &auth.Credentials{Username: "u", Password: "p"}
	spec := ServiceSpec{
		Name: "web",
		TaskTemplate: TaskSpec{
			ContainerSpec: &ContainerSpec{
				Image: "i", Secrets: []SecretReference{SecretFile("id1", "s1", "")}, Configs: []ConfigReference{ConfigFile("id2", "c1", "/etc/c")},
				StopGracePeriod: new(1500 * time.Millisecond), DNSConfig: &DNSConfig{Nameservers: AddrList{netip.MustParseAddr("1.1.1.1")}},
				Privileges: &ContainerPrivileges{Seccomp: &SeccompOptions{Mode: SeccompCustom, Profile: []byte("{}")}},
			},
			RestartPolicy: &TaskRestartPolicy{Condition: TaskRestartOnFailure, Delay: new(time.Duration(0))},
		},
		Mode:         ServiceMode{Replicated: &ReplicatedService{Replicas: new(uint64(0))}},
		UpdateConfig: &UpdateConfig{Monitor: time.Second, Order: UpdateStartFirst},
		EndpointSpec: EndpointSpec{Mode: EndpointDNSRR, Ports: []PortConfig{{TargetPort: 80, PublishMode: PublishHost}}},
	}
	made, err := c.ServiceCreate(ctx, spec, &ServiceCreateOptions{Auth: creds})
	require.NoError(t, err)
	require.Equal(t, &ServiceCreateResult{ID: "x", Warnings: []string{"w"}}, made)
	sent := got()
	require.Equal(t, "POST /services/create", sent.uri)
	require.Equal(t, creds.Header(), sent.auth)
	require.JSONEq(t, `{"Name":"web","TaskTemplate":{"ContainerSpec":{"Image":"i","StopGracePeriod":1500000000,"DNSConfig":{"Nameservers":["1.1.1.1"]},
		"Privileges":{"Seccomp":{"Mode":"custom","Profile":"e30="}},
		"Secrets":[{"SecretID":"id1","SecretName":"s1","File":{"Name":"s1","UID":"0","GID":"0","Mode":292}}],
		"Configs":[{"ConfigID":"id2","ConfigName":"c1","File":{"Name":"/etc/c","UID":"0","GID":"0","Mode":292}}]},
		"RestartPolicy":{"Condition":"on-failure","Delay":0},"Placement":{}},"Mode":{"Replicated":{"Replicas":0}},
		"UpdateConfig":{"Monitor":1000000000,"Order":"start-first"},"EndpointSpec":{"Mode":"dnsrr","Ports":[{"TargetPort":80,"PublishMode":"host"}]}}`, sent.body)

	update := func(opts *ServiceUpdateOptions) recorded {
		t.Helper()
		result, err := c.ServiceUpdate(ctx, "web", ObjectVersion{9}, ServiceSpec{Name: "web"}, opts)
		require.NoError(t, err)
		require.Equal(t, []string{"w"}, result.Warnings)
		return got()
	}
	require.Equal(t, recorded{"POST /services/web/update?version=9", "", `{"Name":"web","TaskTemplate":{"Placement":{}}}`}, update(nil))
	require.Equal(t, creds.Header(), update(&ServiceUpdateOptions{Auth: creds}).auth)
	require.Equal(t, "POST /services/web/update?registryAuthFrom=previous-spec&rollback=previous&version=9",
		update(&ServiceUpdateOptions{RegistryAuthFrom: RegistryAuthPreviousSpec, Rollback: true}).uri)
}

func TestClusterRefusals(t *testing.T) {
	c, _ := recorder(t, `{}`)
	ctx, version := t.Context(), ObjectVersion{1}
	_, noSecret := c.SecretCreate(ctx, SecretSpec{})
	_, noConfig := c.ConfigCreate(ctx, ConfigSpec{})
	_, noVersion := c.ServiceUpdate(ctx, "a", ObjectVersion{}, ServiceSpec{}, nil)
	_, noService := c.ServiceInspect(ctx, "", nil)
	_, dotted := c.TaskInspect(ctx, "..", nil)
	_, noLogs := c.ServiceLogs(ctx, "a/../b", nil)
	for i, err := range []error{
		noSecret, noConfig, noVersion, noService, dotted, noLogs,
		c.NodeUpdate(ctx, "a", ObjectVersion{}, NodeSpec{}),
		c.SecretUpdate(ctx, "a", ObjectVersion{}, SecretSpec{}),
		c.ConfigUpdate(ctx, "a", ObjectVersion{}, ConfigSpec{}),
		c.SwarmUpdate(ctx, ObjectVersion{}, SwarmSpec{}, nil),
		c.SwarmUnlock(ctx, ""),
		c.SwarmJoin(ctx, nil),
		c.SwarmJoin(ctx, &SwarmJoinOptions{RemoteAddrs: []string{"a"}}),
		c.SwarmJoin(ctx, &SwarmJoinOptions{JoinToken: "t"}),
		c.NodeUpdate(ctx, "", version, NodeSpec{}),
		c.NodeDrain(ctx, ""),
		c.ServiceWaitConverged(ctx, "", nil),
	} {
		require.Error(t, err, i)
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent)
	}
}

// Secrets of the cluster are sent, and do not print.
func TestClusterSecretsDoNotPrint(t *testing.T) {
	const canary = "s3cr3t"
	spec := SwarmSpec{Name: "main", CAConfig: CAConfig{SigningCAKey: canary}}
	tokens := JoinTokens{Worker: canary, Manager: canary}
	for _, value := range []any{
		SecretSpec{Name: "main", Data: []byte(canary)},
		SwarmInitOptions{AdvertiseAddr: "main", Spec: spec},
		SwarmJoinOptions{AdvertiseAddr: "main", JoinToken: canary},
		Swarm{ClusterInfo: ClusterInfo{ID: "main", Spec: spec}, JoinTokens: tokens},
		tokens, spec, spec.CAConfig,
	} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", value)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", value)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb+verb, value, []any{value})
		}
		pointer := reflect.New(reflect.TypeOf(value))
		pointer.Elem().Set(reflect.ValueOf(value))
		fmt.Fprintf(&log, "%+v", pointer.Interface())
		for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprint([]byte(canary)), "czNjcjN0"} {
			require.NotContains(t, log.String(), leak, "%T", value)
		}
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.Regexp(t, canary+"|czNjcjN0", string(text), "%T", value)
	}
	require.Contains(t, fmt.Sprintf("%+v", SecretSpec{Name: "main"}), "Name:main")
	require.Equal(t, "{Worker:REDACTED Manager:}", fmt.Sprintf("%+v", JoinTokens{Worker: canary}))
}

// What needs a newer engine is refused by an older one, and only by that.
func TestClusterGates(t *testing.T) {
	task := func(spec ContainerSpec) ServiceSpec {
		return ServiceSpec{TaskTemplate: TaskSpec{ContainerSpec: &spec}}
	}
	privileges := func(p ContainerPrivileges) ServiceSpec { return task(ContainerSpec{Privileges: &p}) }
	resources := func(r ResourceRequirements) ServiceSpec {
		return ServiceSpec{TaskTemplate: TaskSpec{Resources: &r}}
	}
	for option, test := range map[string]struct {
		since apiVersion
		spec  ServiceSpec
	}{
		"ServiceMode.ReplicatedJob":             {41, ServiceSpec{Mode: ServiceMode{ReplicatedJob: &ReplicatedJob{}}}},
		"ServiceMode.GlobalJob":                 {41, ServiceSpec{Mode: ServiceMode{GlobalJob: &GlobalJob{}}}},
		"ContainerSpec.CapabilityAdd":           {41, task(ContainerSpec{CapabilityAdd: []string{"CAP_CHOWN"}})},
		"ContainerSpec.CapabilityDrop":          {41, task(ContainerSpec{CapabilityDrop: []string{"CAP_CHOWN"}})},
		"ContainerSpec.Ulimits":                 {41, task(ContainerSpec{Ulimits: []Ulimit{{Name: "nofile"}}})},
		"ContainerSpec.OomScoreAdj":             {46, task(ContainerSpec{OomScoreAdj: 1})},
		"ContainerPrivileges.Seccomp":           {44, privileges(ContainerPrivileges{Seccomp: &SeccompOptions{}})},
		"ContainerPrivileges.AppArmor":          {44, privileges(ContainerPrivileges{AppArmor: &AppArmorOptions{}})},
		"ContainerPrivileges.NoNewPrivileges":   {44, privileges(ContainerPrivileges{NoNewPrivileges: true})},
		"ResourceLimits.Pids":                   {41, resources(ResourceRequirements{Limits: &ResourceLimits{Pids: 1}})},
		"ResourceRequirements.SwapBytes":        {52, resources(ResourceRequirements{SwapBytes: new(int64(0))})},
		"ResourceRequirements.MemorySwappiness": {52, resources(ResourceRequirements{MemorySwappiness: new(int64(0))})},
		"HealthConfig.StartInterval":            {44, task(ContainerSpec{Healthcheck: &HealthConfig{StartInterval: 1}})},
		"Mount.Type cluster":                    {42, task(ContainerSpec{Mounts: []Mount{{Type: MountCluster}}})},
	} {
		for _, op := range []string{"POST /services/create", "POST /services/{id}/update"} {
			r := newRequest(op, "x").json(test.spec)
			err := r.checkGates(test.since - 1)
			require.ErrorContains(t, err, "the option "+option+" needs API "+test.since.String())
			errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotImplemented, errdefs.ErrNotSent)
			require.NoError(t, r.checkGates(test.since), option)
		}
	}
	r := newRequest("GET /services")
	r.set("status", true)
	require.ErrorContains(t, r.checkGates(40), "the option status needs API 1.41")
	require.NoError(t, r.checkGates(41))
}

// An update that is based on an old version has a kind of its own, though engines
// answer with the status of their own failure.
func TestConflictingUpdates(t *testing.T) {
	answer := `{"message":"rpc error: code = Unknown desc = update out of sequence"}`
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		io.WriteString(w, answer)
	}), pinned)
	ctx, version := t.Context(), ObjectVersion{1}
	_, service := c.ServiceUpdate(ctx, "a", version, ServiceSpec{}, nil)
	for _, err := range []error{
		service, c.NodeUpdate(ctx, "a", version, NodeSpec{}), c.SwarmUpdate(ctx, version, SwarmSpec{}, nil),
		c.SecretUpdate(ctx, "a", version, SecretSpec{}), c.ConfigUpdate(ctx, "a", version, ConfigSpec{}),
	} {
		errorsIs(t, err, errdefs.ErrConflict, errdefs.ErrRefused)
		require.NotErrorIs(t, err, errdefs.ErrInternal)
		require.ErrorContains(t, err, "update out of sequence (status 500)")
	}
	answer = `{"message":"the store is on fire"}`
	require.ErrorIs(t, c.NodeUpdate(ctx, "a", version, NodeSpec{}), errdefs.ErrInternal)
}

// taskFrame is a line of a task in a service's logs.
func taskFrame(task, text string) string {
	return frame(1, "2026-11-26T22:01:21.814209810Z com.docker.swarm.node.id=n1,com.docker.swarm.service.id=s1,com.docker.swarm.task.id="+task+" "+text+"\n")
}

func TestTaskLogsTellTheirTasks(t *testing.T) {
	c, got := recorder(t, taskFrame("t1", "one")+taskFrame("t2", "two"))
	// The answer of this engine has no content type of output: whether there is a TTY is asked.
	_, err := c.ServiceLogs(t.Context(), "web", nil)
	require.Error(t, err)
	require.Equal(t, "GET /services/web/logs?stderr=1&stdout=1", got().uri)
	require.Equal(t, "GET /services/web", got().uri)

	c = serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", multiplexedType)
		require.Equal(t, "details=1&follow=1&since=5.000000000&stdout=1&tail=0&timestamps=1", r.URL.RawQuery)
		io.WriteString(w, taskFrame("t1", "one")+taskFrame("t2", "two"))
	}), pinned)
	opts := &ServiceLogsOptions{Stdout: true, Follow: true, Since: time.Unix(5, 0), Tail: -1, Timestamps: true, Details: true}
	for name, open := range map[string]func() (*streams.Output, error){
		"service": func() (*streams.Output, error) { return c.ServiceLogs(t.Context(), "s1", opts) },
		"task":    func() (*streams.Output, error) { return c.TaskLogs(t.Context(), "t1", opts) },
	} {
		out, err := open()
		require.NoError(t, err, name)
		var lines []string
		for line, err := range out.Lines() {
			require.NoError(t, err, name)
			require.Equal(t, "n1", line.Details[LabelNodeID])
			require.Equal(t, "s1", line.Details[LabelServiceID])
			require.False(t, line.Time.IsZero())
			lines = append(lines, line.Details[LabelTaskID]+" "+line.Text)
		}
		require.Equal(t, []string{"t1 one", "t2 two"}, lines, name)
	}
}

// Below API 1.42 the spec tells whether output is that of a terminal.
func TestTaskLogsOfATerminal(t *testing.T) {
	for _, tty := range []bool{true, false} {
		c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/logs") && tty:
				io.WriteString(w, "hi\r\n")
			case strings.HasSuffix(r.URL.Path, "/logs"):
				io.WriteString(w, frame(1, "hi\n"))
			case strings.Contains(r.URL.Path, "/services/"):
				fmt.Fprintf(w, `{"Spec":{"TaskTemplate":{"ContainerSpec":{"TTY":%v}}}}`, tty)
			default:
				fmt.Fprintf(w, `{"Spec":{"ContainerSpec":{"TTY":%v}}}`, tty)
			}
		}), WithAPIVersion("1.41"))
		for _, open := range []func(context.Context, string, *ServiceLogsOptions) (*streams.Output, error){c.ServiceLogs, c.TaskLogs} {
			out, err := open(t.Context(), "a", nil)
			require.NoError(t, err)
			require.Equal(t, tty, out.TTY())
			for line, err := range out.Lines() {
				require.NoError(t, err)
				require.Equal(t, "hi", line.Text)
			}
		}
	}
}

// clusterStub is an engine with one service, one node and some tasks, all of which tests set.
type clusterStub struct {
	service, node, tasks atomic.Value // JSON
	asked, updates       atomic.Int32
	conflicts            atomic.Int32 // updates that are still refused
	lastBody             atomic.Value
	onAsk                func(n int32) // before the n-th list of tasks
}

func (s *clusterStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := strings.TrimPrefix(r.URL.Path, "/v1.51"); {
	case strings.HasSuffix(path, "/update"):
		body, _ := io.ReadAll(r.Body)
		s.lastBody.Store(r.URL.RawQuery + " " + string(body))
		s.updates.Add(1)
		if s.conflicts.Add(-1) >= 0 {
			w.WriteHeader(500)
			io.WriteString(w, `{"message":"rpc error: code = Unknown desc = update out of sequence"}`)
			return
		}
		io.WriteString(w, `{"Warnings":null}`)
	case path == "/tasks":
		n := s.asked.Add(1)
		if s.onAsk != nil {
			s.onAsk(n)
		}
		io.WriteString(w, s.tasks.Load().(string))
	case strings.HasPrefix(path, "/nodes/"):
		io.WriteString(w, s.node.Load().(string))
	default:
		io.WriteString(w, s.service.Load().(string))
	}
}

func TestServiceChange(t *testing.T) {
	stub := &clusterStub{}
	stub.service.Store(`{"ID":"s1","Version":{"Index":4},"Spec":{"Name":"web","Labels":{"a":"b"},"TaskTemplate":{"ContainerSpec":{"Image":"i:1"}}}}`)
	c := serve(t, "unix", stub, pinned)
	calls := 0
	change := func(spec *ServiceSpec) error {
		calls++
		spec.TaskTemplate.ContainerSpec.Image = "i:2"
		return nil
	}
	stub.conflicts.Store(2)
	result, err := c.ServiceChange(t.Context(), "web", change, nil)
	require.NoError(t, err)
	require.Equal(t, &ServiceUpdateResult{}, result)
	require.Equal(t, 3, calls)
	require.Equal(t, `version=4 {"Name":"web","Labels":{"a":"b"},"TaskTemplate":{"ContainerSpec":{"Image":"i:2"},"Placement":{}}}`, stub.lastBody.Load())

	stub.conflicts.Store(1000)
	stub.updates.Store(0)
	_, err = c.ServiceChange(t.Context(), "web", change, nil)
	require.ErrorIs(t, err, errdefs.ErrConflict)
	require.EqualValues(t, maxChanges, stub.updates.Load())

	mine := errors.New("mine")
	stub.updates.Store(0)
	_, err = c.ServiceChange(t.Context(), "web", func(*ServiceSpec) error { return mine }, nil)
	require.Equal(t, mine, err)
	require.Zero(t, stub.updates.Load())
}

func TestNodeDrain(t *testing.T) {
	stub := &clusterStub{}
	stub.node.Store(`{"ID":"n1","Version":{"Index":4},"Spec":{"Labels":{"a":"b"},"Role":"manager","Availability":"active"}}`)
	stub.onAsk = func(n int32) {
		if n > 3 {
			stub.tasks.Store(`[{"ID":"t1","ServiceID":"s1","Status":{"State":"shutdown"}},{"ID":"t2","Status":{"State":"running"}}]`)
		}
	}
	stub.tasks.Store(`[{"ID":"t1","ServiceID":"s1","Status":{"State":"running"},"DesiredState":"shutdown"}]`)
	c := serve(t, "unix", stub, pinned)
	require.NoError(t, c.NodeDrain(t.Context(), "n1"))
	require.EqualValues(t, 4, stub.asked.Load())
	require.Equal(t, `version=4 {"Labels":{"a":"b"},"Role":"manager","Availability":"drain"}`, stub.lastBody.Load())

	stub.onAsk = nil
	stub.tasks.Store(`[{"ID":"t1","ServiceID":"s1","Status":{"State":"running"}}]`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	errorsIs(t, c.NodeDrain(ctx, "n1"), errdefs.ErrCancelled, context.DeadlineExceeded)
}

func TestServiceWaitConverged(t *testing.T) {
	stub := &clusterStub{}
	stub.service.Store(`{"ID":"s1","Spec":{"Name":"web","TaskTemplate":{"Runtime":"container"},"Mode":{"Replicated":{"Replicas":1}}}}`)
	stub.tasks.Store(`[]`)
	stub.onAsk = func(n int32) {
		switch n {
		case 3:
			stub.tasks.Store(`[{"ID":"t1","Slot":1,"DesiredState":"running","Status":{"State":"preparing","Err":"busy"}}]`)
		case 5:
			stub.tasks.Store(`[{"ID":"t1","Slot":1,"DesiredState":"running","Status":{"State":"running"}}]`)
		}
	}
	c := serve(t, "unix", stub, pinned)
	var seen []ServiceProgress
	err := c.ServiceWaitConverged(t.Context(), "web", &ServiceWaitOptions{Stable: -1, Progress: func(p ServiceProgress) { seen = append(seen, p) }})
	require.NoError(t, err)
	require.Equal(t, []ServiceProgress{{Desired: 1}, {Desired: 1, Message: "busy"}, {Desired: 1, Ready: 1}}, seen)

	// It has to stay so for a while.
	start := time.Now()
	require.NoError(t, c.ServiceWaitConverged(t.Context(), "web", &ServiceWaitOptions{Stable: 200 * time.Millisecond}))
	require.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)

	// The end of the context says how far it came.
	stub.tasks.Store(`[{"ID":"t1","Slot":1,"DesiredState":"running","Status":{"State":"pending","Err":"no suitable node"}}]`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = c.ServiceWaitConverged(ctx, "web", nil)
	errorsIs(t, err, errdefs.ErrCancelled, context.DeadlineExceeded)
	var unconverged *UnconvergedError
	require.ErrorAs(t, err, &unconverged)
	require.Len(t, unconverged.Tasks, 1)
	require.ErrorContains(t, err, "docker: service s1: 0 of 1 tasks are ready: no suitable node: ")
}

// What a service's tasks mean for a wait.
func TestServiceTally(t *testing.T) {
	const (
		spec   = `"Spec":{"ContainerSpec":{"Image":"i:2"},"Placement":{"MaxReplicas":9}}`
		old    = `"Spec":{"ContainerSpec":{"Image":"i:1"}}`
		run    = `"DesiredState":"running","Status":{"State":"running"}`
		down   = `"DesiredState":"shutdown","Status":{"State":"shutdown"}`
		failed = `"DesiredState":"shutdown","Status":{"State":"failed","Err":"exit 1"}`
		done   = `"DesiredState":"complete","Status":{"State":"complete"}`
	)
	type want struct {
		desired, ready int
		over           bool
		err            string
	}
	for name, test := range map[string]struct {
		mode, update string
		tasks        []string
		rollback     bool
		want         want
	}{
		"none yet":               {mode: `"Replicated":{"Replicas":2}`, want: want{desired: 2}},
		"the default is one":     {tasks: []string{`"Slot":1,` + spec + `,` + run}, want: want{1, 1, true, ""}},
		"some":                   {mode: `"Replicated":{"Replicas":2}`, tasks: []string{`"Slot":1,` + spec + `,` + run, `"Slot":2,` + spec + `,"DesiredState":"running","Status":{"State":"starting"}`}, want: want{2, 1, false, ""}},
		"all":                    {mode: `"Replicated":{"Replicas":2}`, tasks: []string{`"Slot":1,` + spec + `,` + run, `"Slot":2,` + spec + `,` + run, `"Slot":2,` + spec + `,` + failed}, want: want{2, 2, true, ""}},
		"too many":               {mode: `"Replicated":{"Replicas":1}`, tasks: []string{`"Slot":1,` + spec + `,` + run, `"Slot":2,` + spec + `,` + run}, want: want{1, 2, false, ""}},
		"too many, told to end":  {mode: `"Replicated":{"Replicas":1}`, tasks: []string{`"Slot":1,` + spec + `,` + run, `"Slot":2,` + spec + `,"DesiredState":"remove","Status":{"State":"running"}`}, want: want{1, 1, true, ""}},
		"old ones":               {mode: `"Replicated":{"Replicas":1}`, tasks: []string{`"Slot":1,` + old + `,` + run}, want: want{1, 0, false, ""}},
		"an old one that failed": {mode: `"Replicated":{"Replicas":1}`, tasks: []string{`"Slot":1,` + old + `,` + failed}, want: want{1, 0, false, ""}},
		"scaled to nothing":      {mode: `"Replicated":{"Replicas":0}`, want: want{0, 0, true, ""}},
		"restarting":             {tasks: []string{`"Slot":1,` + spec + `,` + failed, `"Slot":1,` + spec + `,"DesiredState":"ready","Status":{"State":"ready"}`}, want: want{1, 0, false, ""}},
		"just failed":            {tasks: []string{`"Slot":1,` + spec + `,"DesiredState":"running","Status":{"State":"failed","Err":"exit 1"}`}, want: want{1, 0, false, ""}},
		"given up":               {tasks: []string{`"Slot":1,` + spec + `,` + failed}, want: want{1, 0, false, "0 of 1 tasks are ready: exit 1"}},
		"ended well":             {tasks: []string{`"Slot":1,` + spec + `,"DesiredState":"shutdown","Status":{"State":"complete"}`}, want: want{1, 0, false, "0 of 1 tasks are ready"}},
		"updating":               {update: "updating", tasks: []string{`"Slot":1,` + spec + `,` + run}, want: want{1, 1, false, ""}},
		"updating, and failing":  {update: "updating", tasks: []string{`"Slot":1,` + spec + `,` + failed}, want: want{1, 0, false, ""}},
		"updated":                {update: "completed", tasks: []string{`"Slot":1,` + old + `,` + down, `"Slot":1,` + spec + `,` + run}, want: want{1, 1, true, ""}},
		"paused":                 {update: "paused", tasks: []string{`"Slot":1,` + spec + `,` + run}, want: want{1, 1, false, "update paused: why"}},
		"rolling back":           {update: "rollback_started", tasks: []string{`"Slot":1,` + spec + `,` + run}, want: want{1, 1, false, ""}},
		"rollback paused":        {update: "rollback_paused", rollback: true, tasks: []string{`"Slot":1,` + spec + `,` + run}, want: want{1, 1, false, "update rollback_paused: why"}},
		"rolled back":            {update: "rollback_completed", tasks: []string{`"Slot":1,` + spec + `,` + run}, want: want{1, 1, false, "update rollback_completed: why"}},
		"rolled back on purpose": {update: "rollback_completed", rollback: true, tasks: []string{`"Slot":1,` + spec + `,` + run}, want: want{1, 1, true, ""}},
		"global":                 {mode: `"Global":{}`, tasks: []string{`"NodeID":"a",` + spec + `,` + run, `"NodeID":"b",` + spec + `,"DesiredState":"running","Status":{"State":"assigned"}`, `"NodeID":"c",` + spec + `,` + down}, want: want{2, 1, false, ""}},
		"global, all":            {mode: `"Global":{}`, tasks: []string{`"NodeID":"a",` + spec + `,` + run, `"NodeID":"b",` + spec + `,` + run, `"NodeID":"b",` + spec + `,` + failed}, want: want{2, 2, true, ""}},
		"global, none yet":       {mode: `"Global":{}`, want: want{}},
		"global, given up":       {mode: `"Global":{}`, tasks: []string{`"NodeID":"a",` + spec + `,` + run, `"NodeID":"b",` + spec + `,` + failed}, want: want{2, 1, false, "1 of 2 tasks are ready: exit 1"}},
		"job":                    {mode: `"ReplicatedJob":{"MaxConcurrent":2,"TotalCompletions":3}`, tasks: []string{`"JobIteration":{"Index":1},` + done, `"Slot":1,"JobIteration":{"Index":1},"DesiredState":"complete","Status":{"State":"running"}`}, want: want{3, 1, false, ""}},
		"job, done":              {mode: `"ReplicatedJob":{"MaxConcurrent":2}`, tasks: []string{`"JobIteration":{"Index":1},` + done, `"Slot":1,"JobIteration":{"Index":1},` + done, `"Slot":2,"JobIteration":{},` + failed}, want: want{2, 2, true, ""}},
		"job, done before":       {mode: `"ReplicatedJob":{}`, tasks: []string{`"JobIteration":{},` + done}, want: want{1, 0, false, ""}},
		"job, given up":          {mode: `"ReplicatedJob":{}`, tasks: []string{`"JobIteration":{"Index":1},` + failed}, want: want{1, 0, false, "0 of 1 tasks are ready: exit 1"}},
		"global job":             {mode: `"GlobalJob":{}`, tasks: []string{`"NodeID":"a","JobIteration":{"Index":1},` + done, `"NodeID":"b","JobIteration":{"Index":1},"DesiredState":"complete","Status":{"State":"running"}`}, want: want{2, 1, false, ""}},
		"global job, done":       {mode: `"GlobalJob":{}`, tasks: []string{`"NodeID":"a","JobIteration":{"Index":1},` + done}, want: want{1, 1, true, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			var s Service
			job := strings.Contains(test.mode, "Job")
			text := `{"ID":"s1","Spec":{"TaskTemplate":{"ContainerSpec":{"Image":"i:2"},"Runtime":"container"},"Mode":{` + test.mode + `}}}`
			require.NoError(t, json.Unmarshal([]byte(text), &s))
			if test.update != "" {
				s.UpdateStatus = &ServiceUpdateStatus{State: UpdateState(test.update), Message: "why"}
			}
			if job {
				s.JobStatus = &JobStatus{JobIteration: ObjectVersion{1}}
			}
			var tasks []Task
			for i, text := range test.tasks {
				var task Task
				require.NoError(t, json.Unmarshal([]byte(fmt.Sprintf(`{"ID":"t%d",%s}`, i, text)), &task))
				tasks = append(tasks, task)
			}
			var p ServiceProgress
			w := serviceWait{opts: ServiceWaitOptions{Stable: time.Second, Rollback: test.rollback, Progress: func(got ServiceProgress) { p = got }}}
			now := time.Now()
			over, err := w.see(&s, tasks, now)
			require.Equal(t, test.want.over && (job || test.want.desired == 0), over)
			require.Equal(t, []int{test.want.desired, test.want.ready}, []int{p.Desired, p.Ready})
			if test.want.err != "" {
				require.ErrorContains(t, err, test.want.err)
				require.IsType(t, &UnconvergedError{}, err)
				return
			}
			require.NoError(t, err)
			over, err = w.see(&s, tasks, now.Add(900*time.Millisecond))
			require.NoError(t, err)
			require.Equal(t, test.want.over && (job || test.want.desired == 0), over)
			over, err = w.see(&s, tasks, now.Add(time.Second))
			require.NoError(t, err)
			require.Equal(t, test.want.over || name == "global, none yet", over)
		})
	}
}

// A task that was restarted begins the wait anew.
func TestServiceHasToStayConverged(t *testing.T) {
	s := Service{ID: "s1"}
	task := func(id string) []Task {
		return []Task{{ID: id, DesiredState: TaskRunning, Status: TaskStatus{State: TaskRunning}}}
	}
	w, now := serviceWait{}, time.Now()
	for i, step := range []struct {
		after time.Duration
		tasks []Task
		over  bool
	}{
		{0, task("t1"), false},
		{4 * time.Second, task("t1"), false},
		{6 * time.Second, task("t2"), false},
		{10 * time.Second, task("t2"), false},
		{10500 * time.Millisecond, nil, false},
		{10600 * time.Millisecond, task("t2"), false},
		{15 * time.Second, task("t2"), false},
		{15600 * time.Millisecond, task("t2"), true},
	} {
		over, err := w.see(&s, step.tasks, now.Add(step.after))
		require.NoError(t, err)
		require.Equal(t, step.over, over, i)
	}
}
