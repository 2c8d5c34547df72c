package docker

import (
	"context"
	"fmt"
	"strings"
)

// UnhealthyError is the error of a container that will not become healthy by waiting.
type UnhealthyError struct {
	ID     string
	Status ContainerStatus
	Health Health // its Status is empty or "none" where the container has no health check
}

func (e *UnhealthyError) Error() string {
	switch {
	case e.Health.none():
		return fmt.Sprintf("docker: container %s has no health check", e.ID)
	case e.Status != ContainerRunning:
		return fmt.Sprintf("docker: container %s is %s", e.ID, e.Status)
	case len(e.Health.Log) == 0:
		return fmt.Sprintf("docker: container %s is unhealthy", e.ID)
	default:
		last := e.Health.Log[len(e.Health.Log)-1]
		return fmt.Sprintf("docker: container %s is unhealthy: exit status %d: %s", e.ID, last.ExitCode, bounded(strings.TrimSpace(last.Output)))
	}
}

// ContainerWaitHealthy waits until a container's health check succeeds. It is an
// *[UnhealthyError] when the check has failed for good, the container does not run, or
// it has no health check; the context bounds the wait. It asks the engine every 50
// milliseconds at first, later every second.
func (c *Client) ContainerWaitHealthy(ctx context.Context, id string) error {
	return await(ctx, func() (bool, error) {
		container, err := c.ContainerInspect(ctx, id, nil)
		if err != nil {
			return false, err
		}
		state := container.State
		if state.Health.none() || state.Health.Status == HealthUnhealthy || !state.Running {
			return false, &UnhealthyError{container.ID, state.Status, state.Health}
		}
		return state.Health.Status == HealthHealthy, nil
	})
}

// none tells that there is no health check.
func (h *Health) none() bool { return h.Status == "" || h.Status == HealthNone }
