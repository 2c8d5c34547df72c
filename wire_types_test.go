package docker

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wireSamples are the types of the answers in testdata/wire, by their names there.
var wireSamples = map[string]reflect.Type{
	"container":        reflect.TypeFor[Container](),
	"container-exited": reflect.TypeFor[Container](),
	"containers":       reflect.TypeFor[[]ContainerSummary](),
	"create":           reflect.TypeFor[ContainerCreateResult](),
	"update":           reflect.TypeFor[ContainerUpdateResult](),
	"prune":            reflect.TypeFor[ContainerPruneResult](),
	"top":              reflect.TypeFor[ContainerTop](),
	"changes":          reflect.TypeFor[[]FilesystemChange](),
	"exec":             reflect.TypeFor[Exec](),
	"exec-created":     reflect.TypeFor[Exec](),
	"stats":            reflect.TypeFor[Stats](),
	"stats-null":       reflect.TypeFor[Stats](),
	"images":           reflect.TypeFor[[]ImageSummary](),
	"image":            reflect.TypeFor[Image](),
	"image-built":      reflect.TypeFor[Image](),
	"history":          reflect.TypeFor[[]ImageHistoryItem](),
	"image-delete":     reflect.TypeFor[[]ImageDeleteItem](),
	"image-prune":      reflect.TypeFor[ImagePruneResult](),
	"build-prune":      reflect.TypeFor[BuildPruneResult](),
	"attestations":     reflect.TypeFor[[]Attestation](),
	"search":           reflect.TypeFor[[]ImageSearchResult](),
	"info":             reflect.TypeFor[Info](),
	"version":          reflect.TypeFor[Version](),
	"df":               reflect.TypeFor[DiskUsage](),
	"events":           reflect.TypeFor[[]Event](),
	"volume":           reflect.TypeFor[Volume](),
}

// wireSample reads the answers of one engine, by name.
func wireSample(t testing.TB, file string) map[string]json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "wire", file))
	require.NoError(t, err)
	var sample map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &sample))
	return sample
}

// What real engines send, and a newer engine would, decodes, and nothing of it is lost.
func TestWireLosesNothing(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		file = filepath.Base(file)
		for name, text := range wireSample(t, file) {
			t.Run(strings.TrimSuffix(file, ".json")+"/"+name, func(t *testing.T) {
				kind, known := wireSamples[name]
				require.True(t, known, "no type for this sample")
				value := reflect.New(kind)
				require.NoError(t, json.Unmarshal(text, value.Interface()))
				again, err := json.Marshal(value.Interface())
				require.NoError(t, err)
				var sent, kept any
				require.NoError(t, json.Unmarshal(text, &sent))
				require.NoError(t, json.Unmarshal(again, &kept))
				for _, path := range lost(sent, kept, name) {
					if !lossAllowed(file, path) {
						t.Errorf("lost: %s", path)
					}
				}
			})
		}
	}
}

// lossy are the paths that no type keeps, and why.
var lossy = []struct{ file, path, why string }{
	{"", `^events\[\d+\]\.(status|id|from) `, "repeat Action, Actor.ID and the image, until API 1.51"},
	{"podman-4.3.json", `^info\.(CPURealtime(Runtime|Period)|BuildahVersion|Uptime) `, "podman's own"},
	{"podman-4.3.json", `^images\[0\]\.(Names|Digest|History)`, "podman's own"},
	{"podman-4.3.json", `^stats\.Id `, "kept, and written as id"},
	{"api-1.56.json", `^volume\.CreatedAt "2026-11-26 21:22:17.936102156 \+0000 UTC"$`, "kept, and written as RFC 3339"},
	{"api-1.56.json", `^df\.BuildCacheUsage\.Items\[0\]\.Parents`, "kept, and written with the space of real engines"},
}

func lossAllowed(file, path string) bool {
	return slices.ContainsFunc(lossy, func(l struct{ file, path, why string }) bool {
		return (l.file == "" || l.file == file) && regexp.MustCompile(l.path).MatchString(path)
	})
}

// keyed are the objects whose keys say something even where their values are empty.
var keyed = regexp.MustCompile(`(ExposedPorts|Volumes|Labels|Ports|PortBindings|Networks|Attributes|Annotations)$`)

// lost lists what is in sent and not in kept, as paths and values. What is zero in
// sent may be absent from kept.
func lost(sent, kept any, path string) []string {
	var paths []string
	switch sent := sent.(type) {
	case map[string]any:
		object, _ := kept.(map[string]any)
		for key, value := range sent {
			if _, found := object[key]; !found && keyed.MatchString(path) {
				paths = append(paths, path+"."+key)
			}
			paths = append(paths, lost(value, object[key], path+"."+key)...)
		}
	case []any:
		array, _ := kept.([]any)
		for i, value := range sent {
			var other any
			if i < len(array) {
				other = array[i]
			}
			paths = append(paths, lost(value, other, fmt.Sprintf("%s[%d]", path, i))...)
		}
	default:
		if !sameLeaf(sent, kept) {
			paths = append(paths, fmt.Sprintf("%s %#v", path, sent))
		}
	}
	return paths
}

func sameLeaf(sent, kept any) bool {
	if sent == nil || sent == kept || reflect.ValueOf(sent).IsZero() || sent == "0001-01-01T00:00:00Z" {
		return true
	}
	a, err := time.Parse(time.RFC3339Nano, fmt.Sprint(sent))
	if err != nil {
		return false
	}
	b, err := time.Parse(time.RFC3339Nano, fmt.Sprint(kept))
	return err == nil && a.Equal(b)
}

// A loss is found: the check above can fail.
func TestWireLossIsFound(t *testing.T) {
	for _, test := range []struct{ sent, kept string }{
		{`{"a":{"b":1}}`, `{"a":{}}`},
		{`{"a":[0,1]}`, `{"a":[1]}`},
		{`{"a":"x"}`, `{"A":"x"}`},
		{`{"Labels":{"a":""}}`, `{}`},
		{`{"a":"2026-11-26T21:22:17Z"}`, `{"a":"2026-11-26T21:22:18Z"}`},
	} {
		var sent, kept any
		require.NoError(t, json.Unmarshal([]byte(test.sent), &sent))
		require.NoError(t, json.Unmarshal([]byte(test.kept), &kept))
		require.NotEmpty(t, lost(sent, kept, ""), test.sent)
		require.Empty(t, lost(sent, sent, ""), test.sent)
	}
}

// What is not set is not sent.
func TestWireZeroIsEmpty(t *testing.T) {
	for _, zero := range []any{
		ContainerConfig{},
		HostConfig{},
		Resources{},
		HealthConfig{},
		LogConfig{},
		RestartPolicy{},
		PortBinding{},
		Mount{},
		BindOptions{},
		VolumeOptions{},
		ImageOptions{},
		TmpfsOptions{},
		ClusterOptions{},
		DeviceRequest{},
		Driver{},
		NetworkingConfig{},
		EndpointSettings{},
		EndpointIPAMConfig{},
		ImageConfig{},
		SwarmSpec{},
		CAConfig{},
		ExternalCA{},
		ClusterVolumeSpec{},
		VolumeAccessMode{},
		TopologyRequirement{},
		Identity{},
		SignatureIdentity{},
		DiskUsage{},
		Storage{},
	} {
		text, err := json.Marshal(zero)
		require.NoError(t, err)
		require.Equal(t, "{}", string(text), "%T", zero)
	}
}

// Nil and empty say different things where the engine tells them apart.
func TestWireNilAndEmpty(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{ContainerConfig{Cmd: Command{}, Entrypoint: Command{}}, `{"Cmd":[],"Entrypoint":[]}`},
		{HostConfig{MaskedPaths: []string{}, ReadonlyPaths: []string{}}, `{"MaskedPaths":[],"ReadonlyPaths":[]}`},
		{Resources{BlkioDeviceReadBps: []ThrottleDevice{}}, `{"BlkioDeviceReadBps":[]}`},
		{HostConfig{Resources: Resources{PidsLimit: new(int64(0))}}, `{"PidsLimit":0}`},
		{HostConfig{Init: new(false)}, `{"Init":false}`},
		{ContainerConfig{StopTimeout: new(0)}, `{"StopTimeout":0}`},
		{HostConfig{Umask: new(uint32(0))}, `{"Umask":0}`},
	} {
		text, err := json.Marshal(test.value)
		require.NoError(t, err)
		require.JSONEq(t, test.want, string(text))
		again := reflect.New(reflect.TypeOf(test.value))
		require.NoError(t, json.Unmarshal(text, again.Interface()))
		require.Equal(t, test.value, again.Elem().Interface())
	}
}

func TestUnixTime(t *testing.T) {
	for _, test := range []struct {
		text string
		want time.Time
	}{
		{`1795728093`, time.Unix(1795728093, 0).UTC()},
		{`1795728093.5`, time.Unix(1795728093, 5e8).UTC()},
		{`1.795728093e9`, time.Unix(1795728093, 0).UTC()},
		{`-62135596800`, time.Time{}},
		{`-1`, time.Unix(-1, 0).UTC()},
		{`0`, time.Time{}},
		{`null`, time.Time{}},
	} {
		var got UnixTime
		require.NoError(t, json.Unmarshal([]byte(test.text), &got), test.text)
		require.Equal(t, test.want, got.Time, test.text)
	}
	for _, bad := range []string{`"1795728093"`, `{}`, `true`} {
		require.Error(t, json.Unmarshal([]byte(bad), new(UnixTime)), bad)
	}
	text, err := json.Marshal([]UnixTime{{time.Unix(5, 9)}, {}})
	require.NoError(t, err)
	require.Equal(t, `[5,0]`, string(text))
}

func TestTimestamp(t *testing.T) {
	want := time.Date(2026, 11, 26, 21, 22, 17, 936102156, time.UTC)
	for _, text := range []string{
		`"2026-11-26T21:22:17.936102156Z"`, `"2026-11-26T22:22:17.936102156+01:00"`, `"2026-11-26 21:22:17.936102156 +0000 UTC"`,
	} {
		var got Timestamp
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.True(t, got.Equal(want), text)
	}
	for _, text := range []string{`""`, `null`, `"yesterday"`, `"0001-01-01T00:00:00Z"`} {
		got := Timestamp{want}
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.True(t, got.IsZero(), text)
	}
	require.Error(t, json.Unmarshal([]byte(`5`), new(Timestamp)))
}

// A container that was created with nonsense for addresses can still be inspected.
func TestAddressesThatAreNone(t *testing.T) {
	var host HostConfig
	require.NoError(t, json.Unmarshal([]byte(`{"Dns":["foo","","1.1.1.1"],"PortBindings":{"80/tcp":[{"HostIp":"foo","HostPort":"1"},{"HostIp":"::1"}]}}`), &host))
	require.Equal(t, AddrList{netip.MustParseAddr("1.1.1.1")}, host.DNS)
	require.Equal(t, []PortBinding{{HostPort: "1"}, {HostIP: netip.MustParseAddr("::1")}}, host.PortBindings["80/tcp"])
	var endpoint EndpointSettings
	require.NoError(t, json.Unmarshal([]byte(`{"IPAddress":"foo","Gateway":"","IPv6Gateway":null,"GlobalIPv6Address":"fe80::1%eth0"}`), &endpoint))
	require.Equal(t, EndpointSettings{GlobalIPv6Address: IP{netip.MustParseAddr("fe80::1%eth0")}}, endpoint)
}

func TestCommand(t *testing.T) {
	for text, want := range map[string]Command{
		`["a","b"]`: {"a", "b"}, `"a b"`: {"a b"}, `""`: {""}, `[]`: {}, `null`: nil,
	} {
		var got Command
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
	require.Error(t, json.Unmarshal([]byte(`{}`), new(Command)))
	require.Error(t, json.Unmarshal([]byte(`[1]`), new(Command)))
}

// Engines publish nothing of a port without a protocol, and do not say so.
func TestPortIsSentWithItsProtocol(t *testing.T) {
	for want, m := range map[string]PortMap{
		`null`:                          nil,
		`{}`:                            {},
		`{"80/tcp":[{}],"53/udp":null}`: {"80": {{}}, "53/udp": nil},
		`{"80-90/tcp":[]}`:              {"80-90": {}},
		`{"1/tcp":[{"HostPort":"2"},{"HostPort":"2"}]}`: {"1": {{HostPort: "2"}}, "1/tcp": {{HostPort: "2"}}},
	} {
		sent, err := json.Marshal(m)
		require.NoError(t, err)
		require.JSONEq(t, want, string(sent))
	}
}

func TestPort(t *testing.T) {
	for port, want := range map[Port]struct {
		number   uint16
		protocol string
	}{
		"80/tcp": {80, "tcp"}, "53/udp": {53, "udp"}, "80": {80, "tcp"}, "80-90/tcp": {0, "tcp"}, "": {0, "tcp"}, "70000/sctp": {0, "sctp"},
	} {
		require.Equal(t, want.number, port.Number(), port)
		require.Equal(t, want.protocol, port.Protocol(), port)
	}
}

func TestBuildCacheParents(t *testing.T) {
	for _, text := range []string{`{"ID":"a"," Parents":["p"]}`, `{"ID":"a","Parents":["p"]}`} {
		var got BuildCache
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		require.Equal(t, BuildCache{ID: "a", Parents: []string{"p"}}, got)
	}
}

func TestChangeKind(t *testing.T) {
	require.Equal(t, "[C A D 3]", fmt.Sprint([]ChangeKind{ChangeModified, ChangeAdded, ChangeDeleted, 3}))
}

// Secrets of answers and settings do not print.
func TestWireSecretsDoNotPrint(t *testing.T) {
	const secret = "s3cr3t"
	var auth AuthResponse
	require.NoError(t, json.Unmarshal([]byte(`{"Status":"Login Succeeded","IdentityToken":"s3cr3t"}`), &auth))
	require.Equal(t, secret, auth.IdentityToken)
	spec := SwarmSpec{Name: "main", CAConfig: CAConfig{SigningCAKey: secret, ForceRotate: 7}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, auth), secret)
		require.NotContains(t, fmt.Sprintf(verb, &auth), secret)
		require.NotContains(t, fmt.Sprintf(verb, spec), secret)
	}
	require.Contains(t, fmt.Sprintf("%+v", spec), "ForceRotate:7")
	text, err := json.Marshal(auth)
	require.NoError(t, err)
	require.NotContains(t, string(text), secret)
}
