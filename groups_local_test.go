package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
)

func TestNetworkRequests(t *testing.T) {
	c, got := recorder(t, `{"Id":"n1","Warning":"w"}`)
	ctx := t.Context()
	made, err := c.NetworkCreate(ctx, "net", nil)
	require.NoError(t, err)
	require.Equal(t, &NetworkCreateResult{ID: "n1", Warning: "w"}, made)
	sent := got()
	require.Equal(t, "POST /networks/create", sent.uri)
	require.JSONEq(t, `{"Name":"net","CheckDuplicate":true}`, sent.body)
	_, err = c.NetworkCreate(ctx, "net", &NetworkCreateOptions{
		Driver: "overlay", Scope: NetworkSwarm, Internal: true, Attachable: true, Ingress: true, ConfigOnly: true,
		ConfigFrom: &NetworkSource{Network: "other"},
		IPAM: IPAM{
			Driver: "default", Options: map[string]string{"k": "v"},
			Config: []IPAMConfig{{
				Subnet: netip.MustParsePrefix("10.0.0.0/24"), IPRange: netip.MustParsePrefix("10.0.0.128/25"),
				Gateway: netip.MustParseAddr("10.0.0.1"), AuxiliaryAddresses: map[string]netip.Addr{"h": netip.MustParseAddr("10.0.0.2")},
			}, {Subnet: netip.MustParsePrefix("fd00::/64")}},
		},
		EnableIPv4: new(false), EnableIPv6: new(true), Options: map[string]string{"o": "p"}, Labels: map[string]string{"a": ""},
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"Name":"net","CheckDuplicate":true,"Driver":"overlay","Scope":"swarm","Internal":true,"Attachable":true,
		"Ingress":true,"ConfigOnly":true,"ConfigFrom":{"Network":"other"},"IPAM":{"Driver":"default","Options":{"k":"v"},"Config":[
		{"Subnet":"10.0.0.0/24","IPRange":"10.0.0.128/25","Gateway":"10.0.0.1","AuxiliaryAddresses":{"h":"10.0.0.2"}},{"Subnet":"fd00::/64"}]},
		"EnableIPv4":false,"EnableIPv6":true,"Options":{"o":"p"},"Labels":{"a":""}}`, got().body)

	var raw json.RawMessage
	_, err = c.NetworkInspect(ctx, "net", &NetworkInspectOptions{Scope: NetworkLocal, Verbose: true, Raw: &raw})
	require.NoError(t, err)
	require.Equal(t, "GET /networks/net?scope=local&verbose=1", got().uri)
	require.JSONEq(t, `{"Id":"n1","Warning":"w"}`, string(raw))

	require.NoError(t, c.NetworkConnect(ctx, "net", "web", nil))
	sent = got()
	require.Equal(t, "POST /networks/net/connect", sent.uri)
	require.JSONEq(t, `{"Container":"web"}`, sent.body)
	require.NoError(t, c.NetworkConnect(ctx, "net", "web", &NetworkConnectOptions{&EndpointSettings{
		Aliases: []string{"a"}, GwPriority: 2, MacAddress: "02:42:ac:11:00:09", IPAMConfig: EndpointIPAMConfig{IPv4Address: netip.MustParseAddr("10.0.0.9")},
	}}))
	require.JSONEq(t, `{"Container":"web","EndpointConfig":{"Aliases":["a"],"GwPriority":2,"MacAddress":"02:42:ac:11:00:09","IPAMConfig":{"IPv4Address":"10.0.0.9"}}}`, got().body)
	require.NoError(t, c.NetworkDisconnect(ctx, "net", "web", nil))
	sent = got()
	require.Equal(t, "POST /networks/net/disconnect", sent.uri)
	require.JSONEq(t, `{"Container":"web","Force":false}`, sent.body)
	require.NoError(t, c.NetworkDisconnect(ctx, "net", "web", &NetworkDisconnectOptions{Force: true}))
	require.JSONEq(t, `{"Container":"web","Force":true}`, got().body)
	require.NoError(t, c.NetworkRemove(ctx, "a/b"))
	require.Equal(t, "DELETE /networks/a%2Fb", got().uri)
	_, err = c.NetworkPrune(ctx, &NetworkPruneOptions{Filters{"until": {"1h"}}})
	require.NoError(t, err)
	require.Equal(t, "POST /networks/prune?filters=%7B%22until%22%3A%5B%221h%22%5D%7D", got().uri)
	_, err = c.NetworkList(ctx, &NetworkListOptions{Filters{"name": {"n"}}})
	require.Error(t, err) // the answer is none
	require.Equal(t, "GET /networks?filters=%7B%22name%22%3A%5B%22n%22%5D%7D", got().uri)
}

func TestVolumeRequests(t *testing.T) {
	c, got := recorder(t, `{"Name":"v1"}`)
	ctx := t.Context()
	made, err := c.VolumeCreate(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, &Volume{Name: "v1"}, made)
	require.Equal(t, recorded{uri: "POST /volumes/create", body: "{}"}, got())
	_, err = c.VolumeCreate(ctx, &VolumeCreateOptions{
		Name: "v", Driver: "d", DriverOpts: map[string]string{"o": "p"}, Labels: map[string]string{"a": "b"},
		ClusterVolumeSpec: &ClusterVolumeSpec{Group: "g", AccessMode: &VolumeAccessMode{BlockVolume: &BlockAccess{}}},
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"Name":"v","Driver":"d","DriverOpts":{"o":"p"},"Labels":{"a":"b"},"ClusterVolumeSpec":{"Group":"g","AccessMode":{"BlockVolume":{}}}}`, got().body)
	_, err = c.VolumeList(ctx, &VolumeListOptions{Filters{"dangling": {"1"}}})
	require.NoError(t, err)
	require.Equal(t, "GET /volumes?filters=%7B%22dangling%22%3A%5B%221%22%5D%7D", got().uri)
	var raw json.RawMessage
	_, err = c.VolumeInspect(ctx, "v", &VolumeInspectOptions{&raw})
	require.NoError(t, err)
	require.Equal(t, "GET /volumes/v", got().uri)
	require.JSONEq(t, `{"Name":"v1"}`, string(raw))
	require.NoError(t, c.VolumeUpdate(ctx, "v", ObjectVersion{7}, ClusterVolumeSpec{Availability: VolumeDrain}))
	require.Equal(t, recorded{uri: "PUT /volumes/v?version=7", body: `{"Spec":{"Availability":"drain"}}`}, got())
	require.NoError(t, c.VolumeRemove(ctx, "v", nil))
	require.Equal(t, "DELETE /volumes/v", got().uri)
	require.NoError(t, c.VolumeRemove(ctx, "v", &VolumeRemoveOptions{Force: true}))
	require.Equal(t, "DELETE /volumes/v?force=1", got().uri)
	_, err = c.VolumePrune(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, "POST /volumes/prune?filters=%7B%22all%22%3A%5B%22false%22%5D%7D", got().uri)
	given := Filters{"label": {"a"}}
	_, err = c.VolumePrune(ctx, &VolumePruneOptions{All: true, Filters: given})
	require.NoError(t, err)
	require.Equal(t, "POST /volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%2C%22label%22%3A%5B%22a%22%5D%7D", got().uri)
	require.Equal(t, Filters{"label": {"a"}}, given)
}

// An engine below API 1.42 removes volumes with names too: it is asked only where that
// is meant.
func TestVolumePruneOfAnOldEngine(t *testing.T) {
	asked := make(chan string, 4)
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.RequestURI
		io.WriteString(w, `{"VolumesDeleted":["v"],"SpaceReclaimed":3}`)
	}), WithAPIVersion("1.41"))
	_, err := c.VolumePrune(t.Context(), nil)
	errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
	_, err = c.VolumePrune(t.Context(), &VolumePruneOptions{Filters: Filters{"all": {"true"}}})
	errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
	require.Empty(t, asked)
	result, err := c.VolumePrune(t.Context(), &VolumePruneOptions{All: true, Filters: Filters{"label": {"a"}}})
	require.NoError(t, err)
	require.Equal(t, &VolumePruneResult{VolumesDeleted: []string{"v"}, SpaceReclaimed: 3}, result)
	require.Equal(t, "/v1.41/volumes/prune?filters=%7B%22label%22%3A%5B%22a%22%5D%7D", <-asked)
}

func TestAnUpdateOfAnOldVersionIsAConflict(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		io.WriteString(w, `{"message":"rpc error: code = Unknown desc = update out of sequence"}`)
	}), pinned)
	err := c.VolumeUpdate(t.Context(), "v", ObjectVersion{1}, ClusterVolumeSpec{})
	errorsIs(t, err, errdefs.ErrConflict, errdefs.ErrRefused)
}

func TestOtherRequests(t *testing.T) {
	c, got := recorder(t, `{}`)
	ctx := t.Context()
	_, err := c.BuildPrune(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, "POST /build/prune", got().uri)
	_, err = c.BuildPrune(ctx, &BuildPruneOptions{true, Filters{"until": {"1h"}}, 1, 2, 3, 4})
	require.NoError(t, err)
	require.Equal(t, "POST /build/prune?all=1&filters=%7B%22until%22%3A%5B%221h%22%5D%7D&keep-storage=4&max-used-space=2&min-free-space=3&reserved-space=1", got().uri)
	require.NoError(t, c.BuildCancel(ctx, "b&c"))
	require.Equal(t, "POST /build/cancel?id=b%26c", got().uri)

	who := &auth.Credentials{RegistryToken: "t"}
	_, err = c.DistributionInspect(ctx, "h:5000/a/b:1", &DistributionInspectOptions{who})
	require.NoError(t, err)
	require.Equal(t, recorded{uri: "GET /distribution/h:5000/a/b:1/json", auth: who.Header()}, got())

	require.NoError(t, c.CheckpointCreate(ctx, "web", "cp", nil))
	require.Equal(t, recorded{uri: "POST /containers/web/checkpoints", body: `{"CheckpointID":"cp","CheckpointDir":"","Exit":false}`}, got())
	require.NoError(t, c.CheckpointCreate(ctx, "web", "cp", &CheckpointCreateOptions{"/d", true}))
	require.JSONEq(t, `{"CheckpointID":"cp","CheckpointDir":"/d","Exit":true}`, got().body)
	require.NoError(t, c.CheckpointRemove(ctx, "web", "c/p", &CheckpointRemoveOptions{"/d"}))
	require.Equal(t, "DELETE /containers/web/checkpoints/c%2Fp?dir=%2Fd", got().uri)

	c, got = recorder(t, `[{"Name":"cp","PredicateType":"https://spdx.dev/Document","Statement":{"a":1}}]`)
	checkpoints, err := c.CheckpointList(ctx, "web", &CheckpointListOptions{"/d"})
	require.NoError(t, err)
	require.Equal(t, []Checkpoint{{"cp"}}, checkpoints)
	require.Equal(t, "GET /containers/web/checkpoints?dir=%2Fd", got().uri)
	attestations, err := c.ImageAttestations(ctx, "a/b:c", nil)
	require.NoError(t, err)
	require.Equal(t, []Attestation{{PredicateType: "https://spdx.dev/Document", Statement: json.RawMessage(`{"a":1}`)}}, attestations)
	require.Equal(t, "GET /images/a/b:c/attestations?statement=false", got().uri)
	_, err = c.ImageAttestations(ctx, "a", &ImageAttestationsOptions{&Platform{OS: "linux", Architecture: "arm64"}, []string{"x", "y"}, true})
	require.NoError(t, err)
	require.Equal(t, "GET /images/a/attestations?platform=%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22arm64%22%7D&statement=true&type=x&type=y", got().uri)
}

// sessionHeader is the least that a session needs.
func sessionHeader() http.Header { return http.Header{"X-Docker-Expose-Session-Uuid": {"u"}} }

func TestSession(t *testing.T) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	eachNetwork(t, func(t *testing.T, network string) {
		asked := make(chan *http.Request, 1)
		c := script(t, network, func(w *wire) {
			asked <- w.request()
			w.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + preface)
			text := make([]byte, 4)
			io.ReadFull(w, text)
			w.say(string(text))
			w.hold()
		}, pinned)
		header := sessionHeader()
		header["x-docker-expose-session-grpc-method"] = []string{"/a/b", "/c/d"}
		conn, err := c.Session(t.Context(), header)
		require.NoError(t, err)
		r := <-asked
		require.Equal(t, "/v1.51/session", r.RequestURI)
		require.Equal(t, []string{"/a/b", "/c/d"}, r.Header["X-Docker-Expose-Session-Grpc-Method"])
		require.Equal(t, "u", r.Header.Get("X-Docker-Expose-Session-Uuid"))
		require.Equal(t, "h2c", r.Header.Get("Upgrade"))
		require.Len(t, header, 2)
		_, err = io.WriteString(conn, "ours")
		require.NoError(t, err)
		text := make([]byte, len(preface)+4)
		_, err = io.ReadFull(conn, text)
		require.NoError(t, err)
		require.Equal(t, preface+"ours", string(text))
		require.NoError(t, conn.Close())
	})
}

func TestASessionEndsWithItsContext(t *testing.T) {
	c := script(t, "unix", func(w *wire) {
		w.request()
		w.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		w.hold()
	}, pinned)
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := c.Session(ctx, sessionHeader())
	require.NoError(t, err)
	time.AfterFunc(10*time.Millisecond, cancel)
	within(t, time.Second, func() {
		_, err = conn.Read(make([]byte, 1))
	})
	errorsIs(t, err, errdefs.ErrCancelled, context.Canceled)
	require.NoError(t, conn.Close())
}

func TestNoSession(t *testing.T) {
	for name, answer := range map[string]struct {
		text string
		is   error
	}{
		"no upgrade":      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", errdefs.ErrRefused},
		"another upgrade": {"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", errdefs.ErrRefused},
		"refused":         {"HTTP/1.1 400 Bad Request\r\nContent-Length: 37\r\n\r\n" + `{"message":"session id u is in use!"}`, errdefs.ErrInvalidArgument},
		"podman":          {"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found", errdefs.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			c := script(t, "unix", func(w *wire) { w.request(); w.say(answer.text) }, pinned)
			_, err := c.Session(t.Context(), sessionHeader())
			errorsIs(t, err, answer.is, errdefs.ErrRefused)
		})
	}
}

// What is wrong is refused before anything is sent.
func TestGroupRefusals(t *testing.T) {
	c := serve(t, "unix", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("sent: %s %s", r.Method, r.RequestURI)
	}), pinned)
	ctx := t.Context()
	drop := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"network name":         drop(c.NetworkCreate(ctx, "", nil)),
		"network id":           drop(c.NetworkInspect(ctx, "", nil)),
		"network dots":         c.NetworkRemove(ctx, ".."),
		"network control":      c.NetworkRemove(ctx, "a\n"),
		"connect":              c.NetworkConnect(ctx, "n", "", nil),
		"connect id":           c.NetworkConnect(ctx, "", "c", nil),
		"disconnect":           c.NetworkDisconnect(ctx, "n", "", nil),
		"volume":               drop(c.VolumeInspect(ctx, "", nil)),
		"volume dots":          c.VolumeRemove(ctx, "a/../b", nil),
		"volume update":        c.VolumeUpdate(ctx, "", ObjectVersion{1}, ClusterVolumeSpec{}),
		"volume version":       c.VolumeUpdate(ctx, "v", ObjectVersion{}, ClusterVolumeSpec{}),
		"plugin":               drop(c.PluginInspect(ctx, "", nil)),
		"plugin remote":        drop(c.PluginPrivileges(ctx, "", nil)),
		"install nothing":      drop(c.PluginInstall(ctx, "", nil)),
		"install":              drop(c.PluginInstall(ctx, "a b", nil)),
		"install name":         drop(c.PluginInstall(ctx, "a", &PluginInstallOptions{Name: "../b"})),
		"upgrade":              c.PluginUpgrade(ctx, "", "a", nil),
		"upgrade remote":       c.PluginUpgrade(ctx, "a", "", nil),
		"enable":               c.PluginEnable(ctx, "", nil),
		"enable timeout":       c.PluginEnable(ctx, "a", &PluginEnableOptions{Timeout: -1}),
		"disable":              c.PluginDisable(ctx, "", nil),
		"plugin remove":        c.PluginRemove(ctx, "", nil),
		"plugin push":          drop(c.PluginPush(ctx, "", nil)),
		"plugin create":        c.PluginCreate(ctx, "", strings.NewReader("x")),
		"plugin create no tar": c.PluginCreate(ctx, "a", nil),
		"set":                  c.PluginSet(ctx, "", "A=1"),
		"set nothing":          c.PluginSet(ctx, "a"),
		"distribution":         drop(c.DistributionInspect(ctx, "", nil)),
		"distribution name":    drop(c.DistributionInspect(ctx, "A", nil)),
		"build":                c.BuildCancel(ctx, ""),
		"attestations":         drop(c.ImageAttestations(ctx, "", nil)),
		"checkpoints":          drop(c.CheckpointList(ctx, "", nil)),
		"checkpoint":           c.CheckpointCreate(ctx, "c", "", nil),
		"checkpoint dots":      c.CheckpointCreate(ctx, "c", "..", nil),
		"checkpoint remove":    c.CheckpointRemove(ctx, "c", "", nil),
		"session":              drop(c.Session(ctx, nil)),
		"session header":       drop(c.Session(ctx, http.Header{"X-Docker-Expose-Session-Uuid": {"a\r\nb"}})),
	} {
		t.Run(name, func(t *testing.T) { errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrNotSent) })
	}
}

// An option that the version in use does not know is refused, in that version and not in
// the next.
func TestGroupGates(t *testing.T) {
	drop := func(_ any, err error) error { return err }
	for name, test := range map[string]struct {
		since string
		below string
		call  func(ctx context.Context, c *Client) error
	}{
		"volume update": {"1.42", "1.41", func(ctx context.Context, c *Client) error {
			return c.VolumeUpdate(ctx, "v", ObjectVersion{1}, ClusterVolumeSpec{})
		}},
		"cluster volume": {"1.42", "1.41", func(ctx context.Context, c *Client) error {
			return drop(c.VolumeCreate(ctx, &VolumeCreateOptions{ClusterVolumeSpec: &ClusterVolumeSpec{}}))
		}},
		"volume prune": {"1.42", "1.41", func(ctx context.Context, c *Client) error {
			return drop(c.VolumePrune(ctx, nil))
		}},
		"no IPv4": {"1.48", "1.47", func(ctx context.Context, c *Client) error {
			return drop(c.NetworkCreate(ctx, "n", &NetworkCreateOptions{EnableIPv4: new(false)}))
		}},
		"gateway": {"1.48", "1.47", func(ctx context.Context, c *Client) error {
			return c.NetworkConnect(ctx, "n", "c", &NetworkConnectOptions{&EndpointSettings{GwPriority: 1}})
		}},
		"MAC address": {"1.54", "1.53", func(ctx context.Context, c *Client) error {
			return c.NetworkConnect(ctx, "n", "c", &NetworkConnectOptions{&EndpointSettings{MacAddress: "02:42:ac:11:00:09"}})
		}},
		"reserved space": {"1.48", "1.47", func(ctx context.Context, c *Client) error {
			return drop(c.BuildPrune(ctx, &BuildPruneOptions{ReservedSpace: 1}))
		}},
		"used space": {"1.48", "1.47", func(ctx context.Context, c *Client) error {
			return drop(c.BuildPrune(ctx, &BuildPruneOptions{MaxUsedSpace: 1}))
		}},
		"free space": {"1.48", "1.47", func(ctx context.Context, c *Client) error {
			return drop(c.BuildPrune(ctx, &BuildPruneOptions{MinFreeSpace: 1}))
		}},
		"attestations": {"1.55", "1.54", func(ctx context.Context, c *Client) error {
			return drop(c.ImageAttestations(ctx, "a", nil))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			answer := "{}"
			if name == "attestations" {
				answer = "[]"
			}
			engine := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked++; io.WriteString(w, answer) })
			old := serve(t, "unix", engine, WithAPIVersion(test.below))
			err := test.call(t.Context(), old)
			errorsIs(t, err, errors.ErrUnsupported, errdefs.ErrNotSent)
			require.ErrorContains(t, err, test.since)
			require.Zero(t, asked)
			require.NoError(t, test.call(t.Context(), serve(t, "unix", engine, WithAPIVersion(test.since))))
			require.Equal(t, 1, asked)
		})
	}
}

// groupSamples are answers of engines, by their types.
var groupSamples = map[string]struct {
	kind reflect.Type
	text string
}{
	"network 20.10": {reflect.TypeFor[Network](), `{"Name":"n","Id":"359590b3","Created":"2026-11-26T22:14:51.494127224Z","Scope":"local","Driver":"bridge",
		"EnableIPv6":true,"IPAM":{"Driver":"default","Options":null,"Config":[{"Subnet":"10.77.0.0/24","IPRange":"10.77.0.128/25","Gateway":"10.77.0.1",
		"AuxiliaryAddresses":{"h":"10.77.0.2"}},{"Subnet":"fd77::/64"}]},"Internal":false,"Attachable":false,"Ingress":false,"ConfigFrom":{"Network":""},
		"ConfigOnly":false,"Containers":{},"Options":{},"Labels":{"a":"b"}}`},
	"network 28.5": {reflect.TypeFor[Network](), `{"Name":"probe3","Id":"1c9b938c","Created":"2026-11-26T22:15:12.76776021Z","Scope":"local","Driver":"bridge",
		"EnableIPv4":true,"EnableIPv6":false,"IPAM":{"Driver":"default","Options":null,"Config":[{"Subnet":"10.202.28.32/28","Gateway":"10.202.28.33"}]},
		"Internal":false,"Attachable":true,"Ingress":true,"ConfigFrom":{"Network":"other"},"ConfigOnly":true,"Containers":{"a6b93ec8":{"Name":"probe-c",
		"EndpointID":"c3e17c8b","MacAddress":"8a:fa:0a:58:2a:88","IPv4Address":"10.202.28.34/28","IPv6Address":""}},
		"Options":{"com.docker.network.driver.mtu":"1500"},"Labels":{}}`},
	"network host":   {reflect.TypeFor[Network](), `{"Name":"host","Id":"8","IPAM":{"Driver":"default","Options":null,"Config":[]},"Containers":{}}`},
	"network podman": {reflect.TypeFor[Network](), `{"Name":"p","Id":"d8","IPAM":{"Driver":"default","Options":{"driver":"host-local"},"Config":[{"Subnet":"fd77::/64","Gateway":"fd77::1"}]}}`},
	"network 1.56": {reflect.TypeFor[Network](), `{"Name":"o","Id":"x","Scope":"swarm","Driver":"overlay","EnableIPv4":true,"EnableIPv6":false,
		"IPAM":{"Driver":"default","Config":[{"Subnet":"10.0.1.0/24","Gateway":"10.0.1.1"}]},"Peers":[{"Name":"p1","IP":"10.211.0.2"}],
		"Services":{"web":{"VIP":"10.0.1.2","Ports":["Target: 80, Publish: 8080"],"LocalLBIndex":257,
		"Tasks":[{"Name":"web.1","EndpointID":"e","EndpointIP":"10.0.1.3","Info":{"Host IP":"10.211.0.2"}}]}},
		"Status":{"IPAM":{"Subnets":{"10.0.1.0/24":{"IPsInUse":3,"DynamicIPsAvailable":253},"fd00::/64":{"IPsInUse":1,"DynamicIPsAvailable":18446744073709551615}}}}}`},
	"volumes": {reflect.TypeFor[VolumeListResult](), `{"Volumes":[{"CreatedAt":"2026-11-26T22:13:43Z","Driver":"local","Labels":{"a":"b"},
		"Mountpoint":"/d/volumes/v/_data","Name":"v","Options":{"device":"tmpfs"},"Scope":"local"}],"Warnings":["w"]}`},
	"plugin 20.10": {reflect.TypeFor[Plugin](), `{"Config":{"Args":{"Description":"","Name":"","Settable":null,"Value":null},"Description":"trivial volume plugin",
		"DockerVersion":"20.10.24+dfsg1","Documentation":"none","Entrypoint":["/tvol"],"Env":[{"Description":"debug","Name":"DEBUG","Settable":["value"],"Value":"1"}],
		"Interface":{"Socket":"tvol.sock","Types":["docker.volumedriver/1.0"]},"IpcHost":false,"Linux":{"AllowAllDevices":false,"Capabilities":["CAP_SYS_ADMIN"],"Devices":null},
		"Mounts":null,"Network":{"Type":"none"},"PidHost":false,"PropagatedMount":"/data","User":{},"WorkDir":"/",
		"rootfs":{"diff_ids":["sha256:06351624f8bda5ac9df5212b6002f8566cbc9a267fdd93bc8c83eb74c298fc3a"],"type":"layers"}},"Enabled":true,"Id":"07ed5707",
		"Name":"127.0.0.1:5000/probe/tvol:1","PluginReference":"127.0.0.1:5000/probe/tvol:1","Settings":{"Args":[],"Devices":[],"Env":["DEBUG=1"],"Mounts":[]}}`},
	"plugin": {reflect.TypeFor[Plugin](), `{"Config":{"Args":{"Description":"d","Name":"n","Settable":["value"],"Value":["a"]},"Interface":{"ProtocolScheme":"moby.plugins.http/v1"},
		"IpcHost":true,"PidHost":true,"Linux":{"AllowAllDevices":true,"Devices":[{"Name":"n","Description":"d","Settable":["path"],"Path":"/dev/fuse"}]},
		"Mounts":[{"Name":"n","Description":"d","Settable":["source"],"Source":"/s","Destination":"/d","Type":"bind","Options":["rbind"]}],"User":{"UID":1000,"GID":1001}},
		"Settings":{"Mounts":[{"Name":"n"}],"Args":["a"],"Devices":[{"Path":"/dev/fuse"}]}}`},
	"privileges": {reflect.TypeFor[[]PluginPrivilege](), `[{"Name":"network","Description":"permissions to access a network","Value":["none"]}]`},
	"distribution": {reflect.TypeFor[Distribution](), `{"Descriptor":{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:94dd3ef0","size":418,
		"urls":["u"],"annotations":{"a":"b"},"data":"aGk=","artifactType":"t","platform":{"os":"linux","architecture":"arm"}},
		"Platforms":[{"architecture":"arm","os":"linux","os.version":"1","os.features":["f"],"variant":"v7"}]}`},
	"distribution without platforms": {reflect.TypeFor[Distribution](), `{"Descriptor":{"digest":"sha256:94dd3ef0","size":418},"Platforms":null}`},
}

func TestGroupSamplesLoseNothing(t *testing.T) {
	for name, sample := range groupSamples {
		t.Run(name, func(t *testing.T) {
			value := reflect.New(sample.kind)
			require.NoError(t, json.Unmarshal([]byte(sample.text), value.Interface()))
			again, err := json.Marshal(value.Interface())
			require.NoError(t, err)
			var sent, kept any
			require.NoError(t, json.Unmarshal([]byte(sample.text), &sent))
			require.NoError(t, json.Unmarshal(again, &kept))
			require.Empty(t, lost(sent, kept, name))
		})
	}
}

// Networks whose addresses are nonsense can still be inspected.
func TestNetworkAddressesThatAreNone(t *testing.T) {
	var network Network
	require.NoError(t, json.Unmarshal([]byte(`{"IPAM":{"Config":[
		{"Subnet":"foo","IPRange":"","Gateway":"172.18.0.1/16","AuxiliaryAddresses":{"a":"x","b":"fd00::1"}},{"Subnet":null,"Gateway":"bar"},null]},
		"Containers":{"c":{"IPv4Address":"10.0.0.1","IPv6Address":"nonsense/64"},"d":{"IPv4Address":"10.0.0.1/33"},"e":{"IPv6Address":"fe80::1%eth0"}},
		"Peers":[{"IP":"?"}],"Services":{"s":{"VIP":"-","Tasks":[{"EndpointIP":"<nil>"}]}}}`), &network))
	require.Equal(t, []IPAMConfig{
		{Gateway: netip.MustParseAddr("172.18.0.1"), AuxiliaryAddresses: map[string]netip.Addr{"a": {}, "b": netip.MustParseAddr("fd00::1")}}, {}, {},
	}, network.IPAM.Config)
	require.Equal(t, map[string]EndpointResource{
		"c": {IPv4Address: IPPrefix{netip.MustParsePrefix("10.0.0.1/32")}}, "d": {}, "e": {IPv6Address: IPPrefix{netip.MustParsePrefix("fe80::1/128")}},
	}, network.Containers)
	var endpoint EndpointSettings
	require.NoError(t, json.Unmarshal([]byte(`{"IPAMConfig":{"IPv4Address":"foo","IPv6Address":"","LinkLocalIPs":["169.254.0.1","x"]}}`), &endpoint))
	require.Equal(t, EndpointIPAMConfig{LinkLocalIPs: []netip.Addr{netip.MustParseAddr("169.254.0.1")}}, endpoint.IPAMConfig)
	require.NoError(t, json.Unmarshal([]byte(`{"IPAMConfig":null}`), &endpoint))
	require.Zero(t, endpoint)
	for _, bad := range []string{`5`, `[]`, `"x"`} {
		require.Error(t, json.Unmarshal([]byte(bad), new(IPAMConfig)), bad)
		require.Error(t, json.Unmarshal([]byte(bad), new(EndpointIPAMConfig)), bad)
	}
}

// What is not set is not sent.
func TestGroupZeroIsEmpty(t *testing.T) {
	for _, zero := range []any{NetworkCreateOptions{}, IPAM{}, IPAMConfig{}, VolumeCreateOptions{}} {
		text, err := json.Marshal(zero)
		require.NoError(t, err)
		require.Equal(t, "{}", string(text), "%T", zero)
	}
}
