package docker

import (
	"math"
)

// UnmarshalJSON reads a sample.
func (s *Stats) UnmarshalJSON(data []byte) error {
	*s = Stats{}
	return decodeWire(data, func(d *wireDecoder) { d.stats(s) })
}

func (d *wireDecoder) stats(s *Stats) {
	for key := range d.Object {
		switch string(key) {
		case "id", "Id": // podman's is the second
			s.ID = d.text()
		case "name":
			s.Name = d.text()
		case "os_type":
			s.OSType = d.text()
		case "read":
			s.Read = d.Time()
		case "preread":
			s.PreRead = d.Time()
		case "cpu_stats":
			d.cpuStats(&s.CPU)
		case "precpu_stats":
			d.cpuStats(&s.PreCPU)
		case "memory_stats":
			d.memoryStats(&s.Memory)
		case "networks":
			s.Networks = d.networks()
		case "pids_stats":
			d.pidsStats(&s.Pids)
		case "blkio_stats":
			d.blkioStats(&s.Blkio)
		case "num_procs":
			s.NumProcs = d.uint32()
		case "storage_stats":
			d.storageStats(&s.Storage)
		}
	}
}

// uint32 reads a number; one that is too large is the largest.
func (d *wireDecoder) uint32() uint32 { return uint32(min(d.Uint64(), math.MaxUint32)) }

func (d *wireDecoder) cpuStats(s *CPUStats) {
	for key := range d.Object {
		switch string(key) {
		case "cpu_usage":
			d.cpuUsage(&s.Usage)
		case "system_cpu_usage":
			s.SystemUsage = d.Uint64()
		case "online_cpus":
			s.OnlineCPUs = d.uint32()
		case "throttling_data":
			d.throttling(&s.Throttling)
		}
	}
}

func (d *wireDecoder) cpuUsage(u *CPUUsage) {
	for key := range d.Object {
		switch string(key) {
		case "total_usage":
			u.Total = d.Uint64()
		case "percpu_usage":
			u.PerCPU = d.uint64s()
		case "usage_in_kernelmode":
			u.Kernel = d.Uint64()
		case "usage_in_usermode":
			u.User = d.Uint64()
		}
	}
}

func (d *wireDecoder) throttling(t *ThrottlingData) {
	for key := range d.Object {
		switch string(key) {
		case "periods":
			t.Periods = d.Uint64()
		case "throttled_periods":
			t.ThrottledPeriods = d.Uint64()
		case "throttled_time":
			t.ThrottledTime = d.Uint64()
		}
	}
}

// uint64s reads an array of numbers; null is nil.
func (d *wireDecoder) uint64s() []uint64 {
	if d.Null() {
		return nil
	}
	d.counts = d.counts[:0]
	for range d.Array {
		d.counts = append(d.counts, d.Uint64())
	}
	return exactly(d.counts)
}

// exactly is a copy without spare room, and never nil.
func exactly[T any](list []T) []T { return append(make([]T, 0, len(list)), list...) }

func (d *wireDecoder) memoryStats(m *MemoryStats) {
	for key := range d.Object {
		switch string(key) {
		case "usage":
			m.Usage = d.Uint64()
		case "max_usage":
			m.MaxUsage = d.Uint64()
		case "stats":
			m.Stats = d.uint64Map()
		case "failcnt":
			m.Failcnt = d.Uint64()
		case "limit":
			m.Limit = d.Uint64()
		case "commitbytes":
			m.Commit = d.Uint64()
		case "commitpeakbytes":
			m.CommitPeak = d.Uint64()
		case "privateworkingset":
			m.PrivateWorkingSet = d.Uint64()
		}
	}
}

// uint64Map reads an object of numbers; null is nil.
func (d *wireDecoder) uint64Map() map[string]uint64 {
	if d.Null() {
		return nil
	}
	d.pairs, d.counts = d.pairs[:0], d.counts[:0]
	for key := range d.Object {
		d.pairs = append(d.pairs, d.texts.Intern(key))
		d.counts = append(d.counts, d.Uint64())
	}
	m := make(map[string]uint64, len(d.pairs))
	for i, key := range d.pairs {
		m[key] = d.counts[i]
	}
	return m
}

func (d *wireDecoder) networks() map[string]NetworkStats {
	if d.Null() {
		return nil
	}
	m := make(map[string]NetworkStats, 1)
	for key := range d.Object {
		name := d.texts.Intern(key)
		var n NetworkStats
		d.networkStats(&n)
		m[name] = n
	}
	return m
}

func (d *wireDecoder) networkStats(n *NetworkStats) {
	for key := range d.Object {
		switch string(key) {
		case "rx_bytes":
			n.RxBytes = d.Uint64()
		case "rx_packets":
			n.RxPackets = d.Uint64()
		case "rx_errors":
			n.RxErrors = d.Uint64()
		case "rx_dropped":
			n.RxDropped = d.Uint64()
		case "tx_bytes":
			n.TxBytes = d.Uint64()
		case "tx_packets":
			n.TxPackets = d.Uint64()
		case "tx_errors":
			n.TxErrors = d.Uint64()
		case "tx_dropped":
			n.TxDropped = d.Uint64()
		case "endpoint_id":
			n.EndpointID = d.text()
		case "instance_id":
			n.InstanceID = d.text()
		}
	}
}

func (d *wireDecoder) pidsStats(p *PidsStats) {
	for key := range d.Object {
		switch string(key) {
		case "current":
			p.Current = d.Uint64()
		case "limit":
			p.Limit = d.Uint64()
		}
	}
}

func (d *wireDecoder) blkioStats(b *BlkioStats) {
	for key := range d.Object {
		switch string(key) {
		case "io_service_bytes_recursive":
			b.ServiceBytes = d.blkioEntries()
		case "io_serviced_recursive":
			b.Serviced = d.blkioEntries()
		case "io_queue_recursive":
			b.Queued = d.blkioEntries()
		case "io_service_time_recursive":
			b.ServiceTime = d.blkioEntries()
		case "io_wait_time_recursive":
			b.WaitTime = d.blkioEntries()
		case "io_merged_recursive":
			b.Merged = d.blkioEntries()
		case "io_time_recursive":
			b.Time = d.blkioEntries()
		case "sectors_recursive":
			b.Sectors = d.blkioEntries()
		}
	}
}

// blkioEntries reads an array of entries; null is nil.
func (d *wireDecoder) blkioEntries() []BlkioEntry {
	if d.Null() {
		return nil
	}
	d.entries = d.entries[:0]
	for range d.Array {
		d.entries = append(d.entries, d.blkioEntry())
	}
	return exactly(d.entries)
}

func (d *wireDecoder) blkioEntry() (e BlkioEntry) {
	for key := range d.Object {
		switch string(key) {
		case "major":
			e.Major = d.Uint64()
		case "minor":
			e.Minor = d.Uint64()
		case "op":
			e.Op = d.text()
		case "value":
			e.Value = d.Uint64()
		}
	}
	return e
}

func (d *wireDecoder) storageStats(s *StorageStats) {
	for key := range d.Object {
		switch string(key) {
		case "read_count_normalized":
			s.ReadCount = d.Uint64()
		case "read_size_bytes":
			s.ReadBytes = d.Uint64()
		case "write_count_normalized":
			s.WriteCount = d.Uint64()
		case "write_size_bytes":
			s.WriteBytes = d.Uint64()
		}
	}
}
