package docker

import (
	"context"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// ContainerStats opens a feed of samples of what a container uses, about one a second,
// and returns when the engine has answered. The caller ranges over [StatsStream.All],
// which closes it, or closes it; the context ends it too. A missing container is
// errdefs.ErrNotFound.
//
//docker:operation GET /containers/{id}/stats
func (c *Client) ContainerStats(ctx context.Context, id string) (*StatsStream, error) {
	r := newRequest("GET /containers/{id}/stats", id)
	r.set("stream", true)
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	return &StatsStream{r, resp}, nil
}

// StatsStream is a feed of samples.
type StatsStream struct {
	req  *request
	resp *http.Response
}

// Close ends the feed. It may be called at any time, during a loop too, and more than once.
func (s *StatsStream) Close() error { return s.resp.Body.Close() }

// All yields the samples as they come; one of a container that does not run has no time
// and counts nothing. The feed ends with the container's removal. An error is yielded
// once, last. Leaving the loop closes the feed.
func (s *StatsStream) All() iter.Seq2[*Stats, error] {
	return func(yield func(*Stats, error) bool) {
		defer s.Close()
		for sample, err := range streams.JSONLines[Stats](s.resp.Body) {
			if err != nil {
				yield(nil, s.req.broken(err))
				return
			}
			if !yield(&sample, nil) {
				return
			}
		}
	}
}

// ContainerStatsOnceOptions choose between a quick sample and a whole one.
type ContainerStatsOnceOptions struct {
	OneShot bool // do not take the sample before, of about a second ago: PreCPU stays empty (API 1.41)
}

// ContainerStatsOnce returns one sample of what a container uses. Nil options make the
// engine take two, a second apart, so that CPUPercent has what it needs.
//
//docker:operation GET /containers/{id}/stats
func (c *Client) ContainerStatsOnce(ctx context.Context, id string, opts *ContainerStatsOnceOptions) (*Stats, error) {
	r := newRequest("GET /containers/{id}/stats", id)
	r.add("stream", "0")
	r.set("one-shot", value(opts).OneShot)
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	defer c.discard(resp)
	for sample, err := range streams.JSONLines[Stats](resp.Body) {
		return &sample, r.broken(err)
	}
	return nil, r.broken(errdefs.Truncated(io.EOF))
}

// windows tells a sample of a Windows container, which counts otherwise.
func (s *Stats) windows() bool {
	return s.OSType == "windows" || s.OSType == "" && s.NumProcs > 0 && s.CPU.SystemUsage == 0
}

// CPUPercent is the use of the CPUs between the sample before and this one: 100 is one
// CPU in full. Without a sample before it is 0.
func (s *Stats) CPUPercent() float64 {
	used := float64(s.CPU.Usage.Total) - float64(s.PreCPU.Usage.Total)
	if s.windows() {
		elapsed := float64(s.Read.Sub(s.PreRead).Nanoseconds()) / 100 // in the unit of the use
		if s.PreRead.IsZero() || elapsed <= 0 || used <= 0 {
			return 0
		}
		return used / elapsed * 100
	}
	elapsed := float64(s.CPU.SystemUsage) - float64(s.PreCPU.SystemUsage)
	if s.PreCPU.SystemUsage == 0 || elapsed <= 0 || used <= 0 {
		return 0
	}
	cpus := float64(s.CPU.OnlineCPUs)
	if cpus == 0 {
		cpus = float64(max(1, len(s.CPU.Usage.PerCPU)))
	}
	return used / elapsed * cpus * 100
}

// MemoryUsed is the memory in use in bytes, without the file cache that the kernel can
// take back. On Windows it is the private working set.
func (s *Stats) MemoryUsed() uint64 {
	m := &s.Memory
	if s.windows() {
		return m.PrivateWorkingSet
	}
	for _, key := range []string{"total_inactive_file", "inactive_file"} { // of cgroup v1 and v2
		if cache, ok := m.Stats[key]; ok && cache < m.Usage {
			return m.Usage - cache
		}
	}
	return m.Usage
}

// MemoryPercent is the part of its limit that the used memory is; 0 where there is no
// limit.
func (s *Stats) MemoryPercent() float64 {
	if s.Memory.Limit == 0 {
		return 0
	}
	return float64(s.MemoryUsed()) / float64(s.Memory.Limit) * 100
}

// NetworkTotals are the bytes received and sent, over all interfaces.
func (s *Stats) NetworkTotals() (received, sent uint64) {
	for _, n := range s.Networks {
		received += n.RxBytes
		sent += n.TxBytes
	}
	return received, sent
}

// BlockTotals are the bytes read from and written to block devices.
func (s *Stats) BlockTotals() (read, written uint64) {
	if s.windows() {
		return s.Storage.ReadBytes, s.Storage.WriteBytes
	}
	for _, e := range s.Blkio.ServiceBytes {
		switch {
		case strings.EqualFold(e.Op, "read"):
			read += e.Value
		case strings.EqualFold(e.Op, "write"):
			written += e.Value
		}
	}
	return read, written
}
