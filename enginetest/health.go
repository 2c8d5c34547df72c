package enginetest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cleat-go/docker"
)

// health is what the health checks of a run found. Nil is none. The lock of the engine
// guards it.
type health struct {
	docker.Health
	stop context.CancelFunc
}

func (h *health) status() docker.HealthStatus {
	if h == nil {
		return docker.HealthNone
	}
	return h.Status
}

func (h *health) streak() int {
	if h == nil {
		return 0
	}
	return h.FailingStreak
}

func (h *health) inspected() docker.Health {
	if h == nil {
		return docker.Health{}
	}
	found := h.Health
	found.Log = slices.Clone(h.Log)
	return found
}

// end stops the checks, since the container has ended.
func (h *health) end() {
	if h == nil {
		return
	}
	h.stop()
	if h.Status == docker.HealthStarting || h.Status == docker.HealthHealthy {
		h.Status = docker.HealthUnhealthy
	}
}

// beginHealth starts the checks of a run, where the container has any.
func (e *engine) beginHealth(ct *container, p *process) {
	ct.health = nil
	check := ct.config.Healthcheck
	if check == nil || len(check.Test) == 0 || check.Test[0] == "NONE" {
		return
	}
	args := slices.Clone(check.Test[1:])
	if check.Test[0] == "CMD-SHELL" {
		args = slices.Concat(ct.config.Shell, args)
		if len(ct.config.Shell) == 0 {
			args = []string{"/bin/sh", "-c", strings.Join(check.Test[1:], " ")}
		}
	}
	ctx, cancel := context.WithCancel(p.ctx)
	ct.health = &health{docker.Health{Status: docker.HealthStarting}, cancel}
	h := ct.health
	e.spawn(func() { e.checkHealth(ctx, ct, h, args) })
}

// checkHealth runs the checks until the container ends. It takes the lock.
func (e *engine) checkHealth(ctx context.Context, ct *container, h *health, args []string) {
	check := ct.config.Healthcheck
	interval, began := cmp.Or(check.Interval, 30*time.Second), time.Now()
	for {
		e.mu.Lock()
		pause := interval
		starting := h.Status == docker.HealthStarting && time.Since(began) < check.StartPeriod
		if starting {
			pause = cmp.Or(check.StartInterval, min(interval, 5*time.Second))
		}
		e.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		result := e.probe(ctx, ct, args)
		if ctx.Err() != nil {
			return
		}
		e.mu.Lock()
		e.judge(ct, h, result, time.Since(began) < check.StartPeriod)
		e.mu.Unlock()
	}
}

// maxProbeOutput is how much of a check's output is kept.
const maxProbeOutput = 4096

// probe runs one check. It takes the lock.
func (e *engine) probe(ctx context.Context, ct *container, args []string) docker.HealthcheckResult {
	limit := cmp.Or(ct.config.Healthcheck.Timeout, 30*time.Second)
	result := docker.HealthcheckResult{Start: time.Now(), ExitCode: -1}
	e.mu.Lock()
	program, err := ct.program(args)
	set := newStreamSet(nil, false, false)
	p := e.newProcess(set, docker.TTYSize{})
	about := e.process(ct, args, ct.config.Env, ct.config.WorkingDir, ct.config.User, p)
	about.Exec = true
	e.emitContainer(ct, "exec_create: "+strings.Join(args, " "))
	e.emitContainer(ct, "exec_start: "+strings.Join(args, " "))
	e.mu.Unlock()
	defer p.cancel()
	var out lockedBuffer
	about.Stdout, about.Stderr = &out, &out
	if err != nil {
		result.End, result.Output = time.Now(), err.Error()
		return result
	}
	ended := make(chan int, 1)
	e.spawn(func() { ended <- p.run(program, about) })
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case code := <-ended:
		result.ExitCode, result.Output = int64(code), out.text()
		e.mu.Lock()
		e.emitContainer(ct, "exec_die", "exitCode", strconv.Itoa(code))
		e.mu.Unlock()
	case <-timer.C:
		result.Output = "Health check exceeded timeout (" + limit.String() + ")"
		if text := out.text(); text != "" {
			result.Output += ": " + text
		}
	case <-ctx.Done():
	}
	result.End = time.Now()
	return result
}

// judge takes a result into account. During the start period failures do not count.
func (e *engine) judge(ct *container, h *health, result docker.HealthcheckResult, starting bool) {
	before := h.Status
	h.Log = append(h.Log, result)
	h.Log = h.Log[max(0, len(h.Log)-5):]
	if result.ExitCode == 0 {
		h.Status, h.FailingStreak = docker.HealthHealthy, 0
	} else if before != docker.HealthStarting || !starting {
		h.FailingStreak++
		if h.FailingStreak >= cmp.Or(ct.config.Healthcheck.Retries, 3) {
			h.Status = docker.HealthUnhealthy
		}
	}
	if h.Status != before {
		e.emitContainer(ct, "health_status: "+string(h.Status))
	}
}

// lockedBuffer keeps the beginning of what is written to it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p[:min(len(p), maxProbeOutput-b.buf.Len())])
	return len(p), nil
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
