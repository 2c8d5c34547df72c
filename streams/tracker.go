package streams

import (
	"slices"
	"strings"
)

// A Phase is what a layer, or a whole job, is at.
type Phase string

// The phases, in their usual order.
const (
	PhaseWaiting     Phase = "waiting"
	PhaseDownloading Phase = "downloading"
	PhaseDownloaded  Phase = "downloaded" // and checked, or being checked
	PhaseExtracting  Phase = "extracting"
	PhasePushing     Phase = "pushing"
	PhaseWorking     Phase = "working" // anything else
	PhaseDone        Phase = "done"
)

// Bytes says how much has been done. Total is 0 if it is not known.
type Bytes struct {
	Current, Total int64
}

// A Layer is the state of one layer, or of whatever else a job's messages have an ID for.
type Layer struct {
	ID       string
	Status   string // the last one
	Phase    Phase
	Transfer Bytes // download, upload or load
	Extract  Bytes
}

// A Summary is the state of a job.
type Summary struct {
	Phase    Phase // the earliest that a layer is still at; PhaseDone after the last message
	Total    int   // layers seen
	Done     int   // layers that are done
	Transfer Bytes // download, upload or load, of all layers whose size is known
	Extract  Bytes // of all layers whose size is known
	Layers   []Layer
}

const maxLayers = 1024

// A Tracker adds up the messages of one job. The zero value is ready. It must not be used by
// several goroutines at once. It keeps the first 1,024 layers and forgets the others.
type Tracker struct {
	layers []Layer
	index  map[string]int
	done   bool
}

// Add takes one message into account.
func (t *Tracker) Add(m Message) {
	if m.Done {
		t.done = true
		return
	}
	l := t.layer(m)
	if l == nil {
		return
	}
	if m.Status != "" {
		l.Status, l.Phase = m.Status, phaseOf(m.Status)
	}
	if m.Units == "" && (m.Current > 0 || m.Total > 0) {
		b := l.bytes()
		b.Current, b.Total = max(m.Current, 0), max(m.Total, b.Total)
	}
	l.settle()
}

// layer returns the layer that a message is about, or nil.
func (t *Tracker) layer(m Message) *Layer {
	if m.ID == "" || len(m.ID) > 256 || strings.HasPrefix(m.Status, "Pulling from ") {
		return nil
	}
	i, ok := t.index[m.ID]
	if !ok {
		if len(t.layers) == maxLayers {
			return nil
		}
		if t.index == nil {
			t.index = make(map[string]int)
		}
		i = len(t.layers)
		t.index[m.ID] = i
		t.layers = append(t.layers, Layer{ID: m.ID, Phase: PhaseWorking})
	}
	return &t.layers[i]
}

// bytes returns the counter that the layer's phase moves.
func (l *Layer) bytes() *Bytes {
	if l.Phase == PhaseExtracting {
		return &l.Extract
	}
	return &l.Transfer
}

// settle fills the counters that a phase has left behind.
func (l *Layer) settle() {
	if l.Phase == PhaseDownloaded || l.Phase == PhaseExtracting || l.Phase == PhaseDone {
		l.Transfer.Current = max(l.Transfer.Current, l.Transfer.Total)
	}
	if l.Phase == PhaseDone {
		l.Extract.Current = max(l.Extract.Current, l.Extract.Total)
	}
}

// Summary returns the state after the messages so far. Its layers are in the order in which
// they were first seen, and are the caller's.
func (t *Tracker) Summary() Summary {
	s := Summary{Total: len(t.layers), Layers: slices.Clone(t.layers), Phase: PhaseWaiting}
	for _, l := range t.layers {
		if l.Phase == PhaseDone {
			s.Done++
		}
		s.Transfer.add(l.Transfer)
		s.Extract.add(l.Extract)
		if rank(l.Phase) > rank(s.Phase) {
			s.Phase = l.Phase
		}
	}
	if t.done || s.Total > 0 && s.Done == s.Total {
		s.Phase = PhaseDone
	}
	return s
}

func (b *Bytes) add(c Bytes) {
	if c.Total > 0 {
		b.Current += min(c.Current, c.Total)
		b.Total += c.Total
	}
}

// rank orders the phases of a job: the one that keeps the rest waiting has the highest.
func rank(p Phase) int {
	return slices.Index([]Phase{
		PhaseDone, PhaseWaiting, PhaseWorking, PhaseDownloaded, PhaseExtracting, PhasePushing, PhaseDownloading,
	}, p)
}

// phases has the statuses that the engines send for a layer.
var phases = map[string]Phase{
	"Pulling fs layer":     PhaseWaiting,
	"Waiting":              PhaseWaiting,
	"Preparing":            PhaseWaiting,
	"Downloading":          PhaseDownloading,
	"Verifying Checksum":   PhaseDownloaded,
	"Download complete":    PhaseDownloaded,
	"Extracting":           PhaseExtracting,
	"Pull complete":        PhaseDone,
	"Already exists":       PhaseDone,
	"Pushing":              PhasePushing,
	"Pushed":               PhaseDone,
	"Layer already exists": PhaseDone,
	"Loading layer":        PhaseDownloading,
}

func phaseOf(status string) Phase {
	if p, ok := phases[status]; ok {
		return p
	}
	switch {
	case strings.HasPrefix(status, "Mounted from "):
		return PhaseDone
	case strings.HasPrefix(status, "Retrying in "):
		return PhaseWaiting
	}
	return PhaseWorking
}
