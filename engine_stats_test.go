package docker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// busyLoop starts a container that uses a CPU in full, if the machine lets it.
func busyLoop(t *testing.T, c *Client) string {
	t.Helper()
	return started(t, c, nil, "sh", "-c", "while :; do :; done")
}

func TestEngineContainerStats(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		feed, err := c.ContainerStats(engineContext(t), busyLoop(t, c))
		require.NoError(t, err)
		var samples []*Stats
		for sample, err := range feed.All() {
			require.NoError(t, err)
			samples = append(samples, sample)
			if sample.CPUPercent() > 50 && len(samples) > 1 || len(samples) == 10 {
				break
			}
		}
		first, last := samples[0], samples[len(samples)-1]
		require.Zero(t, first.CPUPercent(), "there is no sample before the first")
		require.True(t, last.Read.After(first.Read))
		usesACPU(t, last)
		require.Equal(t, uint64(1), last.Pids.Current)
		require.Positive(t, last.MemoryPercent())
	})
}

// usesACPU requires that a sample is one of a busy loop. On a machine that has more to do
// the loop gets less than a CPU, and its part has to be right nevertheless.
func usesACPU(t *testing.T, s *Stats) {
	t.Helper()
	require.Positive(t, s.MemoryUsed())
	elapsed := s.Read.Sub(s.PreRead).Nanoseconds()
	part := float64(s.CPU.Usage.Total-s.PreCPU.Usage.Total) / float64(elapsed) * 100
	require.InEpsilon(t, part, s.CPUPercent(), 0.25)
	require.Greater(t, s.CPUPercent(), 5.0)
	if s.CPUPercent() <= 50 {
		t.Logf("the machine is busy: the loop got %.0f %% of a CPU", s.CPUPercent())
	}
}

func TestEngineContainerStatsOnce(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, id := engineContext(t), busyLoop(t, c)
		sample, err := c.ContainerStatsOnce(ctx, id, nil)
		require.NoError(t, err)
		usesACPU(t, sample)
		sample, err = c.ContainerStatsOnce(ctx, id, &ContainerStatsOnceOptions{OneShot: true})
		require.NoError(t, err)
		require.Zero(t, sample.CPUPercent())
		require.Positive(t, sample.CPU.Usage.Total)
		require.Positive(t, sample.MemoryUsed())

		idle, err := c.ContainerStatsOnce(ctx, created(t, c, nil, "true"), nil)
		require.NoError(t, err)
		require.True(t, idle.Read.IsZero())
		require.Zero(t, idle.MemoryUsed())
	})
}

func TestEngineContainerStatsEndWithTheContainer(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, id := engineContext(t), sleeping(t, c)
		feed, err := c.ContainerStats(ctx, id)
		require.NoError(t, err)
		n := 0
		for _, err := range feed.All() {
			require.NoError(t, err)
			if n++; n == 1 {
				require.NoError(t, c.ContainerRemove(ctx, id, &ContainerRemoveOptions{Force: true}))
			}
		}
		require.Positive(t, n)
	})
}
