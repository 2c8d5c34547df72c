package streams

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrackerPull(t *testing.T) {
	var tr Tracker
	require.Equal(t, Summary{Phase: PhaseWaiting}, tr.Summary())
	step := func(m Message, want Summary, phases ...Phase) {
		t.Helper()
		tr.Add(m)
		got := tr.Summary()
		var names []Phase
		for _, l := range got.Layers {
			names = append(names, l.Phase)
		}
		require.Equal(t, phases, names)
		got.Layers = nil
		require.Equal(t, want, got)
	}
	step(Message{Status: "Pulling from library/alpine", ID: "3.22"}, Summary{Phase: PhaseWaiting})
	step(Message{Status: "Pulling fs layer", ID: "b"}, Summary{Phase: PhaseWaiting, Total: 1}, PhaseWaiting)
	step(Message{Status: "Already exists", ID: "a"}, Summary{Phase: PhaseWaiting, Total: 2, Done: 1}, PhaseWaiting, PhaseDone)
	step(Message{Status: "Downloading", ID: "b", Current: 10, Total: 100},
		Summary{Phase: PhaseDownloading, Total: 2, Done: 1, Transfer: Bytes{10, 100}}, PhaseDownloading, PhaseDone)
	step(Message{Status: "Download complete", ID: "b"},
		Summary{Phase: PhaseDownloaded, Total: 2, Done: 1, Transfer: Bytes{100, 100}}, PhaseDownloaded, PhaseDone)
	step(Message{Status: "Extracting", ID: "b", Current: 30, Total: 100},
		Summary{Phase: PhaseExtracting, Total: 2, Done: 1, Transfer: Bytes{100, 100}, Extract: Bytes{30, 100}}, PhaseExtracting, PhaseDone)
	step(Message{Status: "Extracting", ID: "b", Current: 3, Units: "s"},
		Summary{Phase: PhaseExtracting, Total: 2, Done: 1, Transfer: Bytes{100, 100}, Extract: Bytes{30, 100}}, PhaseExtracting, PhaseDone)
	step(Message{Status: "Pull complete", ID: "b"},
		Summary{Phase: PhaseDone, Total: 2, Done: 2, Transfer: Bytes{100, 100}, Extract: Bytes{100, 100}}, PhaseDone, PhaseDone)
	step(Message{Status: "Digest: sha256:ab"},
		Summary{Phase: PhaseDone, Total: 2, Done: 2, Transfer: Bytes{100, 100}, Extract: Bytes{100, 100}}, PhaseDone, PhaseDone)
}

func TestTrackerPhases(t *testing.T) {
	for status, want := range map[string]Phase{
		"Preparing": PhaseWaiting, "Waiting": PhaseWaiting, "Retrying in 5 seconds": PhaseWaiting, "Pushing": PhasePushing,
		"Pushed": PhaseDone, "Layer already exists": PhaseDone, "Mounted from library/alpine": PhaseDone,
		"Loading layer": PhaseDownloading, "Verifying Checksum": PhaseDownloaded, "Something new": PhaseWorking, "": PhaseWorking,
	} {
		var tr Tracker
		tr.Add(Message{ID: "x", Status: status})
		s := tr.Summary()
		require.Equal(t, want, s.Layers[0].Phase, status)
		require.Equal(t, want, s.Phase, status)
	}
}

func TestTrackerDone(t *testing.T) {
	var tr Tracker
	tr.Add(Message{ID: "x", Status: "Pushing", Current: 5})
	require.Equal(t, PhasePushing, tr.Summary().Phase)
	require.Zero(t, tr.Summary().Transfer, "a layer of unknown size")
	tr.Add(Message{Done: true})
	require.Equal(t, PhaseDone, tr.Summary().Phase)
	require.Equal(t, 0, tr.Summary().Done)
}

// Numbers that make no sense give no sum that makes none.
func TestTrackerOddNumbers(t *testing.T) {
	var tr Tracker
	tr.Add(Message{ID: "a", Status: "Downloading", Current: 500, Total: 100})
	tr.Add(Message{ID: "b", Status: "Downloading", Current: -5, Total: 100})
	tr.Add(Message{ID: "c", Status: "Downloading", Current: 5, Total: -1})
	require.Equal(t, Bytes{100, 200}, tr.Summary().Transfer)
}

func TestTrackerIsBounded(t *testing.T) {
	var tr Tracker
	for i := range 10 * maxLayers {
		tr.Add(Message{ID: fmt.Sprint(i), Status: "Waiting"})
	}
	tr.Add(Message{ID: strings.Repeat("x", 1<<20), Status: "Waiting"})
	require.Equal(t, maxLayers, tr.Summary().Total)
}

func TestTrackerSummaryIsACopy(t *testing.T) {
	var tr Tracker
	tr.Add(Message{ID: "a", Status: "Waiting"})
	tr.Summary().Layers[0].ID = "changed"
	require.Equal(t, "a", tr.Summary().Layers[0].ID)
}
