package check

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options bound a search.
type Options struct {
	Workers int   // 0 means as many as there are cores
	Memory  int64 // bytes for states; 0 means no bound
	// Spill is the directory for what memory does not hold; "" means to stop instead.
	Spill string
	fs    vfs.FS // of Spill; nil for the machine's own
	// Liveness asks, once all states were seen, whether what is begun ends. It needs an Obliged system.
	Liveness bool
	// Progress is called every now and then, from a goroutine of its own.
	Progress func(Progress)
	Every    time.Duration // how often; 0 means once a second
}

// Progress is how far a search has come.
type Progress struct {
	Distinct  uint64
	Generated uint64
	Depth     int
	Frontier  uint64 // states of this depth that have yet to be gone on from
	Elapsed   time.Duration
	Bytes     int64
	Memory    int64 // the bound; 0 for none
	Disk      int64 // bytes on disk
}

// Result is what a search found out.
type Result struct {
	Distinct  uint64 // different states reached
	Generated uint64 // states come upon, those known already among them
	Depth     int    // length of the longest of the shortest ways to a state
	Elapsed   time.Duration
	Live      time.Duration // of it, for liveness
	PeakBytes int64
	DiskBytes int64   // that were on disk at most
	Bytes     float64 // memory for a state, on average; while all were in memory

	// Stopped says why the search ended before all was seen; empty where it did not.
	Stopped string
	// Found is the shortest way to break a rule, nil where none was found.
	Found *Trail
	// Liveness says what was found out about what has to happen; empty where nobody asked.
	Liveness string
}

// Rate is generated states a second, while the search was looking for them.
func (r *Result) Rate() float64 {
	if r.Elapsed <= r.Live {
		return 0
	}
	return float64(r.Generated) / (r.Elapsed - r.Live).Seconds()
}

// Trail is a way through a system: from a state to begin with, one action after another.
type Trail struct {
	Begin   int   // which of the states to begin with
	Actions []int // each counted in the state where it is taken
	Broken  Broken
	system  System
	Loops   int        // how many of the last actions repeat for ever
	states  [][][]byte // the pieces of the states on the way, the first one included
}

// Len is the number of actions.
func (t *Trail) Len() int { return len(t.Actions) }
