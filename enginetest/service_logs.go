package enginetest

import (
	"io"
	"time"

	"github.com/cleat-go/docker"
)

// serviceLogs sends what the tasks of a service have written.
func serviceLogs(c *call) error {
	return c.clusterLogs(func(cl *cluster) (*service, *task, error) {
		s, err := cl.findService(c.vars["id"])
		return s, nil, err
	})
}

// taskLogs sends what a task has written.
func taskLogs(c *call) error {
	return c.clusterLogs(func(cl *cluster) (*service, *task, error) {
		t, err := cl.findTask(c.vars["id"])
		if err != nil {
			return nil, nil, err
		}
		return t.service, t, nil
	})
}

// clusterLogs sends the logs of the tasks of a service, or of one of them.
func (c *call) clusterLogs(find func(*cluster) (*service, *task, error)) error {
	q, err := c.logQuery()
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.cluster == nil {
		c.mu.Unlock()
		return notManager()
	}
	s, only, err := find(c.cluster)
	if err == nil {
		q.framed = !s.Spec.TaskTemplate.ContainerSpec.TTY
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	kind := c.rawType(q.framed)
	if !c.since(42) {
		kind = ""
	}
	w, err := c.stream(kind)
	if err != nil {
		return err
	}
	return (&taskFeed{call: c, query: q, service: s, only: only, sent: make(map[*containerLog]int)}).send(w)
}

// taskFeed is the logs of tasks on their way to a client.
type taskFeed struct {
	*call
	query   *logQuery
	service *service
	only    *task // nil for all
	sent    map[*containerLog]int
}

// feedPause is how often a feed looks for more: at many logs, and at new tasks.
const feedPause = 20 * time.Millisecond

// send sends what there is, and goes on while the service is there, if asked to.
func (f *taskFeed) send(w io.Writer) error {
	for {
		labels, logs, more := f.logs()
		for i, log := range logs {
			if err := f.sendLog(w, log, labels[i]); err != nil {
				return err
			}
		}
		if !f.query.follow || !more {
			return nil
		}
		timer := time.NewTimer(feedPause)
		select {
		case <-timer.C:
		case <-f.tap.leave:
			timer.Stop()
			return nil
		case <-f.tap.down:
			timer.Stop()
			return nil
		}
	}
}

// sendLog sends what is new in a log.
func (f *taskFeed) sendLog(w io.Writer, log *containerLog, label string) error {
	n, seen := f.sent[log]
	entries, _, _ := log.from(n)
	f.sent[log] = n + len(entries)
	if f.query.tail >= 0 && !seen {
		entries = entries[max(0, len(entries)-f.query.tail):]
	}
	q := *f.query
	q.label = label
	b := q.format(entries)
	if len(b) == 0 {
		return nil
	}
	_, err := w.Write(b)
	return err
}

// logs are the logs with what details tell of each, and whether there may be more. It
// takes the lock.
func (f *taskFeed) logs() (labels []string, logs []*containerLog, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.service.tasks {
		if t.ct != nil && (f.only == nil || f.only == t) {
			logs = append(logs, t.ct.log)
			labels = append(labels, docker.LabelNodeID+"="+t.NodeID+","+docker.LabelServiceID+"="+t.ServiceID+","+docker.LabelTaskID+"="+t.ID)
		}
	}
	more = !f.service.removed && (f.only == nil || !f.only.Status.State.Ended())
	return labels, logs, more
}
