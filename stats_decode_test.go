package docker

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// statsByReflection is Stats as encoding/json reads it by itself.
type statsByReflection Stats

// sampleStats are the samples of all engines, as they were sent.
func sampleStats(t testing.TB) []json.RawMessage {
	var all []json.RawMessage
	for _, file := range []string{"docker-20.10.json", "docker-26.1.json", "docker-28.5.json", "docker-28.5-containerd.json", "podman-4.3.json"} {
		all = append(all, wireSample(t, file)["stats"])
	}
	sample := wireSample(t, "api-1.56.json")
	return append(all, sample["stats"], sample["stats-null"])
}

// checkStats compares the decoder with reflection.
func checkStats(t *testing.T, data []byte) {
	t.Helper()
	var want statsByReflection
	var got Stats
	wantErr, gotErr := json.Unmarshal(data, &want), got.UnmarshalJSON(data)
	if checkErrors(t, data, wantErr, gotErr) {
		require.Equal(t, Stats(want), got, "%s", data)
	}
}

func TestStatsDecode(t *testing.T) {
	for _, data := range sampleStats(t) {
		checkStats(t, data)
		for cut := range data {
			require.Error(t, new(Stats).UnmarshalJSON(data[:cut]))
		}
	}
	for _, text := range []string{
		`{}`, `null`, `[]`, `{"read":"today"}`, `{"read":5}`, `{"networks":{}}`, `{"networks":{"eth0":null}}`,
		`{"memory_stats":{"stats":{}}}`, `{"memory_stats":{"stats":{"a":-1}}}`, `{"memory_stats":{"usage":18446744073709551616}}`,
		`{"cpu_stats":{"cpu_usage":{"percpu_usage":[]},"cpu":0.5}}`, `{"blkio_stats":{"sectors_recursive":[null,{}]}}`, `{"num_procs":"5"}`,
	} {
		checkStats(t, []byte(text))
	}
}

func TestStatsDecodeLimits(t *testing.T) {
	var s Stats
	require.NoError(t, s.UnmarshalJSON([]byte(`{"num_procs":4294967296,"pids_stats":{"limit":18446744073709551615}}`)))
	require.Equal(t, Stats{NumProcs: math.MaxUint32, Pids: PidsStats{Limit: math.MaxUint64}}, s)
}

func TestStatsDecodeRandom(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	j := jsonMaker{rand.New(rand.NewPCG(uint64(seed), 2))}
	for range 2000 {
		checkStats(t, []byte(j.stats()))
	}
}

func FuzzStatsJSON(f *testing.F) {
	for _, data := range sampleStats(f) {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if unambiguous(data, statsKeys) {
			checkStats(t, data)
		}
	})
}

var statsKeys = []string{
	"id", "name", "os_type", "read", "preread", "cpu_stats", "precpu_stats", "memory_stats", "networks", "pids_stats", "blkio_stats",
	"num_procs", "storage_stats", "cpu_usage", "system_cpu_usage", "online_cpus", "throttling_data", "total_usage", "percpu_usage",
	"usage_in_kernelmode", "usage_in_usermode", "periods", "throttled_periods", "throttled_time", "usage", "max_usage", "stats",
	"failcnt", "limit", "commitbytes", "commitpeakbytes", "privateworkingset", "rx_bytes", "rx_packets", "rx_errors", "rx_dropped",
	"tx_bytes", "tx_packets", "tx_errors", "tx_dropped", "endpoint_id", "instance_id", "current", "io_service_bytes_recursive",
	"io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive",
	"io_time_recursive", "sectors_recursive", "major", "minor", "op", "value", "read_count_normalized", "read_size_bytes",
	"write_count_normalized", "write_size_bytes",
}

func (j jsonMaker) stats() string {
	members := j.fields(j.text, "id", "name", "os_type")
	add := func(name string, value func() string) { members[name] = value }
	add("read", j.time)
	add("preread", j.time)
	add("num_procs", j.count)
	add("cpu_stats", j.cpuStats)
	add("precpu_stats", j.cpuStats)
	add("memory_stats", func() string {
		memory := j.fields(j.count, "usage", "max_usage", "failcnt", "limit", "commitbytes", "commitpeakbytes", "privateworkingset")
		memory["stats"] = func() string { return j.object(j.fields(j.count, "rss", "cache", "anon", "total_rss")) }
		return j.object(memory)
	})
	add("networks", func() string {
		network := j.fields(j.count, "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped")
		network["endpoint_id"], network["instance_id"] = j.text, j.text
		return j.object(j.fields(func() string { return j.object(network) }, "eth0", "eth1"))
	})
	add("pids_stats", func() string { return j.object(j.fields(j.count, "current", "limit")) })
	add("blkio_stats", func() string {
		return j.object(j.fields(j.blkioEntries, "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive",
			"io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive"))
	})
	add("storage_stats", func() string {
		return j.object(j.fields(j.count, "read_count_normalized", "read_size_bytes", "write_count_normalized", "write_size_bytes"))
	})
	return j.object(members)
}

// fields are members of one kind.
func (j jsonMaker) fields(value func() string, names ...string) map[string]func() string {
	members := map[string]func() string{}
	for _, name := range names {
		members[name] = value
	}
	return members
}

func (j jsonMaker) cpuStats() string {
	members := j.fields(j.count, "system_cpu_usage", "online_cpus")
	members["cpu_usage"] = func() string {
		usage := j.fields(j.count, "total_usage", "usage_in_kernelmode", "usage_in_usermode")
		usage["percpu_usage"] = func() string { return j.array(j.count) }
		return j.object(usage)
	}
	members["throttling_data"] = func() string {
		return j.object(j.fields(j.count, "periods", "throttled_periods", "throttled_time"))
	}
	members["cpu"] = j.any
	return j.object(members)
}

func (j jsonMaker) blkioEntries() string {
	return j.array(func() string {
		entry := j.fields(j.count, "major", "minor", "value")
		entry["op"] = j.text
		return j.object(entry)
	})
}

func (j jsonMaker) count() string {
	return []string{"0", "1", "254", "4294967295", "1795728093001107445"}[j.IntN(5)]
}

func (j jsonMaker) time() string {
	return []string{`"0001-01-01T00:00:00Z"`, `"2026-11-26T21:22:17.936102156Z"`, `"2026-11-26T21:22:17+02:00"`}[j.IntN(3)]
}

func BenchmarkStatsDecode(b *testing.B) {
	data := []byte(wireSample(b, "docker-28.5.json")["stats"])
	run := func(name string, decode func([]byte) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("decoder", func(data []byte) error { return new(Stats).UnmarshalJSON(data) })
	run("decoder-in-json", func(data []byte) error { return json.Unmarshal(data, new(Stats)) })
	run("reflection", func(data []byte) error { return json.Unmarshal(data, new(statsByReflection)) })
}
