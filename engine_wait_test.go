package docker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func TestEngineWaitNotRunning(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		id := created(t, c, nil, "sh", "-c", "exit 4")
		require.Equal(t, 0, exitCodeOf(t, c, id), "one that never ran")
		require.NoError(t, c.ContainerStart(engineContext(t), id, nil))
		require.Equal(t, 4, exitCodeOf(t, c, id))
		require.Equal(t, 4, exitCodeOf(t, c, id), "one that has ended")
	})
}

func TestEngineWaitRegisteredBeforeTheStart(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := created(t, c, nil, "sh", "-c", "exit 7")
		for run := range 3 {
			exit, err := c.ContainerWait(ctx, id, &ContainerWaitOptions{Condition: WaitNextExit})
			require.NoError(t, err)
			require.NoError(t, c.ContainerStart(ctx, id, nil))
			for range 2 {
				code, err := exit.Code()
				require.NoError(t, err)
				require.Equal(t, 7, code, "run %d", run)
			}
			require.NoError(t, exit.Close())
		}
	})
}

func TestEngineWaitRemoved(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := created(t, c, &ContainerCreateOptions{HostConfig: &HostConfig{AutoRemove: true}}, "sh", "-c", "exit 9")
		exit, err := c.ContainerWait(ctx, id, &ContainerWaitOptions{Condition: WaitRemoved})
		require.NoError(t, err)
		require.NoError(t, c.ContainerStart(ctx, id, nil))
		code, err := exit.Code()
		require.NoError(t, err)
		require.Equal(t, 9, code)
		_, err = c.ContainerInspect(ctx, id, nil)
		errorsIs(t, err, errdefs.ErrNotFound)
	})
}

func TestEngineWaitBySeveral(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		id := created(t, c, nil, "sh", "-c", "exit 3")
		var waits sync.WaitGroup
		for range 20 {
			exit, err := c.ContainerWait(ctx, id, &ContainerWaitOptions{Condition: WaitNextExit})
			require.NoError(t, err)
			waits.Go(func() {
				if code, err := exit.Code(); code != 3 || err != nil {
					t.Errorf("exit code %d, %v", code, err)
				}
			})
		}
		require.NoError(t, c.ContainerStart(ctx, id, nil))
		waits.Wait()
	})
}

func TestEngineWaitAbandoned(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		id := sleeping(t, c)
		reason := errors.New("enough")
		for i := range 30 {
			ctx, cancel := context.WithCancelCause(engineContext(t))
			defer cancel(nil)
			exit, err := c.ContainerWait(ctx, id, nil)
			require.NoError(t, err)
			switch i % 3 {
			case 0: // never asked for
				cancel(reason)
			case 1:
				require.NoError(t, exit.Close())
				_, err = exit.Code()
				require.Error(t, err, "a wait that was given up")
			case 2:
				time.AfterFunc(time.Millisecond, func() { cancel(reason) })
				_, err = exit.Code()
				errorsIs(t, err, reason, errdefs.ErrCancelled)
			}
		}
		require.True(t, stateOf(t, c, id).Running)
	})
}

func TestEngineWaitForARemovalByForce(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, id := engineContext(t), sleeping(t, c)
		exit, err := c.ContainerWait(ctx, id, &ContainerWaitOptions{Condition: WaitRemoved})
		require.NoError(t, err)
		require.NoError(t, c.ContainerRemove(ctx, id, &ContainerRemoveOptions{Force: true}))
		code, err := exit.Code()
		require.NoError(t, err)
		require.Equal(t, 137, code)
	})
}

// checked makes the settings of a container with a health check every 100 milliseconds.
func checked(test string) *ContainerCreateOptions {
	return &ContainerCreateOptions{Config: &ContainerConfig{Healthcheck: &HealthConfig{
		Test: []string{"CMD-SHELL", test}, Interval: 100 * time.Millisecond, Timeout: 5 * time.Second, Retries: 2,
	}}}
}

func TestEngineHealthy(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		id := started(t, c, checked("test -e /healthy || exit 1"), "sh", "-c", "touch /healthy; sleep 1000")
		require.NoError(t, c.ContainerWaitHealthy(engineContext(t), id))
		state := stateOf(t, c, id)
		require.Equal(t, HealthHealthy, state.Health.Status)
		require.NotEmpty(t, state.Health.Log)
		require.Equal(t, []string{id}, listed(t, c, ContainerListOptions{Filters: Filters{"health": {"healthy"}}}))
	})
}

func TestEngineUnhealthy(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		id := started(t, c, checked("echo it is broken; exit 1"), "sleep", "1000")
		err := c.ContainerWaitHealthy(engineContext(t), id)
		var unhealthy *UnhealthyError
		require.ErrorAs(t, err, &unhealthy)
		require.Equal(t, id, unhealthy.ID)
		require.Equal(t, HealthUnhealthy, unhealthy.Health.Status)
		require.GreaterOrEqual(t, unhealthy.Health.FailingStreak, 2)
		require.ErrorContains(t, err, "exit status 1: it is broken")
	})
}

func TestEngineHealthThatWillNotCome(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		var unhealthy *UnhealthyError
		err := c.ContainerWaitHealthy(ctx, sleeping(t, c))
		require.ErrorAs(t, err, &unhealthy)
		require.ErrorContains(t, err, "has no health check")

		ended := started(t, c, checked("true"), "false")
		require.Equal(t, 1, exitCodeOf(t, c, ended))
		err = c.ContainerWaitHealthy(ctx, ended)
		require.ErrorAs(t, err, &unhealthy)
		require.Equal(t, ContainerExited, unhealthy.Status)
		require.ErrorContains(t, err, "is exited")

		reason := errors.New("enough")
		slow, cancel := context.WithTimeoutCause(ctx, 300*time.Millisecond, reason)
		defer cancel()
		opts := checked("sleep 100")
		opts.Config.Healthcheck.Timeout = time.Minute
		err = c.ContainerWaitHealthy(slow, started(t, c, opts, "sleep", "1000"))
		errorsIs(t, err, reason, errdefs.ErrCancelled)
	})
}
