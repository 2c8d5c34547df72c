package docker

import "time"

// Stats is one sample of what a container uses.
type Stats struct {
	ID       string                  `json:"id,omitempty"`
	Name     string                  `json:"name,omitempty"`
	OSType   string                  `json:"os_type,omitempty"` // API 1.52
	Read     time.Time               `json:"read"`
	PreRead  time.Time               `json:"preread"` // zero in the first sample
	CPU      CPUStats                `json:"cpu_stats"`
	PreCPU   CPUStats                `json:"precpu_stats"` // CPU of the sample before
	Memory   MemoryStats             `json:"memory_stats"`
	Networks map[string]NetworkStats `json:"networks,omitempty"` // by interface
	Pids     PidsStats               `json:"pids_stats"`
	Blkio    BlkioStats              `json:"blkio_stats"`
	NumProcs uint32                  `json:"num_procs"` // Windows
	Storage  StorageStats            `json:"storage_stats"`
}

// CPUStats is the use of the CPUs.
type CPUStats struct {
	Usage       CPUUsage       `json:"cpu_usage"`
	SystemUsage uint64         `json:"system_cpu_usage,omitempty"` // of the host, nanoseconds
	OnlineCPUs  uint32         `json:"online_cpus,omitempty"`
	Throttling  ThrottlingData `json:"throttling_data"`
}

// CPUUsage is CPU time since the container was started: nanoseconds, and 100
// nanoseconds on Windows.
type CPUUsage struct {
	Total  uint64   `json:"total_usage"`
	PerCPU []uint64 `json:"percpu_usage,omitempty"` // nil with cgroup v2
	Kernel uint64   `json:"usage_in_kernelmode"`
	User   uint64   `json:"usage_in_usermode"`
}

// ThrottlingData is how a CPU quota held the container back.
type ThrottlingData struct {
	Periods          uint64 `json:"periods"`
	ThrottledPeriods uint64 `json:"throttled_periods"`
	ThrottledTime    uint64 `json:"throttled_time"` // nanoseconds
}

// MemoryStats is the use of memory, in bytes.
type MemoryStats struct {
	Usage    uint64            `json:"usage,omitempty"`
	MaxUsage uint64            `json:"max_usage,omitempty"` // cgroup v1
	Stats    map[string]uint64 `json:"stats,omitempty"`     // as the kernel names them
	Failcnt  uint64            `json:"failcnt,omitempty"`   // how often the limit was hit; cgroup v1
	Limit    uint64            `json:"limit,omitempty"`

	// Windows
	Commit            uint64 `json:"commitbytes,omitempty"`
	CommitPeak        uint64 `json:"commitpeakbytes,omitempty"`
	PrivateWorkingSet uint64 `json:"privateworkingset,omitempty"`
}

// NetworkStats is the traffic of a network interface.
type NetworkStats struct {
	RxBytes    uint64 `json:"rx_bytes"`
	RxPackets  uint64 `json:"rx_packets"`
	RxErrors   uint64 `json:"rx_errors"`
	RxDropped  uint64 `json:"rx_dropped"`
	TxBytes    uint64 `json:"tx_bytes"`
	TxPackets  uint64 `json:"tx_packets"`
	TxErrors   uint64 `json:"tx_errors"`
	TxDropped  uint64 `json:"tx_dropped"`
	EndpointID string `json:"endpoint_id,omitempty"` // Windows
	InstanceID string `json:"instance_id,omitempty"` // Windows
}

// PidsStats is the number of processes and threads.
type PidsStats struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"` // 0 is no limit
}

// BlkioStats is the use of block devices. Cgroup v2 fills ServiceBytes only.
type BlkioStats struct {
	ServiceBytes []BlkioEntry `json:"io_service_bytes_recursive"`
	Serviced     []BlkioEntry `json:"io_serviced_recursive"`
	Queued       []BlkioEntry `json:"io_queue_recursive"`
	ServiceTime  []BlkioEntry `json:"io_service_time_recursive"`
	WaitTime     []BlkioEntry `json:"io_wait_time_recursive"`
	Merged       []BlkioEntry `json:"io_merged_recursive"`
	Time         []BlkioEntry `json:"io_time_recursive"`
	Sectors      []BlkioEntry `json:"sectors_recursive"`
}

// BlkioEntry is a count for one device and kind of operation.
type BlkioEntry struct {
	Major uint64 `json:"major"`
	Minor uint64 `json:"minor"`
	Op    string `json:"op"`
	Value uint64 `json:"value"`
}

// StorageStats is the use of storage on Windows.
type StorageStats struct {
	ReadCount  uint64 `json:"read_count_normalized,omitempty"`
	ReadBytes  uint64 `json:"read_size_bytes,omitempty"`
	WriteCount uint64 `json:"write_count_normalized,omitempty"`
	WriteBytes uint64 `json:"write_size_bytes,omitempty"`
}
