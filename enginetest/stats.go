package enginetest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleat-go/docker"
)

// statsPeriod is the time between two samples.
const statsPeriod = time.Second

// containerStats sends samples until the container is removed or the client leaves. What
// they count is made up: a tenth of a CPU, and a little memory.
func containerStats(c *call) error {
	c.mu.Lock()
	ct, err := c.container()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	stream := c.param("stream") == "" || c.bool("stream")
	if !stream {
		c.mu.Lock()
		defer c.mu.Unlock()
		s := c.sample(ct, !c.bool("one-shot"))
		if c.bool("one-shot") && c.apiVersion() >= 42 {
			s.Name, s.ID = "", "" // as engines do
		}
		return c.json(http.StatusOK, s)
	}
	w, err := c.stream("application/json")
	if err != nil {
		return err
	}
	ticker := time.NewTicker(statsPeriod)
	defer ticker.Stop()
	for first := true; ; first = false {
		c.mu.Lock()
		s, removed, changed := c.sample(ct, !first), ct.removed, ct.changed.changed()
		c.mu.Unlock()
		if removed {
			return nil
		}
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(b, '\n')); err != nil {
			return err
		}
		if over, err := c.untilTick(ct, ticker.C, changed); over {
			return err
		}
	}
}

// untilTick waits for the time of the next sample. It tells whether there is none.
func (c *call) untilTick(ct *container, tick <-chan time.Time, changed <-chan struct{}) (over bool, err error) {
	for {
		select {
		case <-tick:
			return false, nil
		case <-changed:
			c.mu.Lock()
			removed := ct.removed
			changed = ct.changed.changed()
			c.mu.Unlock()
			if removed {
				return true, nil
			}
		case <-c.tap.leave:
			return true, errGone
		case <-c.tap.down:
			return true, errGone
		}
	}
}

// sample is what a container uses now. One that does not run has no time and counts nothing.
func (c *call) sample(ct *container, before bool) docker.Stats {
	s := docker.Stats{ID: ct.id, Name: "/" + ct.name}
	if c.since(52) {
		s.OSType = "linux"
	}
	if !ct.running() {
		return s
	}
	s.Read = time.Now().UTC()
	s.CPU = cpuAt(s.Read.Sub(ct.started))
	if before {
		s.PreRead = s.Read.Add(-statsPeriod)
		s.PreCPU = cpuAt(s.PreRead.Sub(ct.started))
	}
	s.Memory = docker.MemoryStats{Usage: 1<<20 + uint64(ct.files.changed().size()), Limit: 4 << 30, Stats: map[string]uint64{"inactive_file": 0}} //nolint:gosec // a size
	if ct.host.Memory > 0 {
		s.Memory.Limit = uint64(ct.host.Memory)
	}
	s.Pids.Current = 1 + uint64(len(c.execIDs(ct)))
	none := []docker.BlkioEntry{}
	s.Blkio = docker.BlkioStats{
		ServiceBytes: none, Serviced: none, Queued: none, ServiceTime: none, WaitTime: none, Merged: none, Time: none, Sectors: none,
	}
	if ct.host.NetworkMode != "host" && ct.host.NetworkMode != "none" {
		s.Networks = map[string]docker.NetworkStats{"eth0": {}}
	}
	return s
}

// cpuAt is the use of the CPUs so long after the start.
func cpuAt(ran time.Duration) docker.CPUStats {
	ran += time.Minute // of the start itself, so that it is never negative
	used := uint64(ran) / 10
	return docker.CPUStats{
		Usage:       docker.CPUUsage{Total: used, Kernel: used / 4, User: used - used/4},
		SystemUsage: 2 * uint64(ran), OnlineCPUs: 2,
	}
}

// top lists the processes as ps does.
func (c *call) top(ct *container, args string) (*docker.ContainerTop, error) {
	columns := []string{"uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd"}
	if _, chosen, ok := strings.Cut(args, "-o"); ok {
		columns = strings.FieldsFunc(strings.TrimSpace(chosen), func(r rune) bool { return r == ',' || r == ' ' })
		if !slices.Contains(columns, "pid") {
			return nil, errorf(http.StatusInternalServerError, "Couldn't find PID field in ps output")
		}
	}
	t := &docker.ContainerTop{}
	for _, column := range columns {
		title := strings.ToUpper(column)
		if column == "comm" || column == "args" {
			title = "COMMAND"
		}
		t.Titles = append(t.Titles, title)
	}
	row := func(pid int, command []string, user string, began time.Time) {
		values := map[string]string{
			"uid": user, "user": user, "pid": strconv.Itoa(pid), "ppid": "1", "c": "0", "stime": began.Format("15:04"), "tty": "?",
			"time": "00:00:00", "cmd": strings.Join(command, " "), "args": strings.Join(command, " "), "comm": base(command[0]),
		}
		line := make([]string, len(columns))
		for i, column := range columns {
			line[i] = values[column]
		}
		t.Processes = append(t.Processes, line)
	}
	user := ct.config.User
	if user == "" {
		user = "root"
	}
	row(ct.main.pid, ct.args(), user, ct.started)
	for i, command := range ct.main.children() {
		row(1<<20+ct.main.pid*100+i, command, user, ct.started)
	}
	for _, id := range c.execIDs(ct) {
		x := c.containers.execs[id]
		row(x.main.pid, x.config.Cmd, user, time.Now())
	}
	return t, nil
}
