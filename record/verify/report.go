package verify

import "fmt"

// Fact is something that the machine predicts.
type Fact uint8

// The facts.
const (
	ActiveMM Fact = iota
	Count
	Users
	RootLoad
	LoadedMM
	Lazy
	Slot
	NextASID
	Slots
	TLBGen
	ASID
	Generation
	facts
)

var factNames = [facts]string{"active_mm", "mm_count", "mm_users", "root_load", "loaded_mm", "is_lazy", "slot", "next_asid", "slots", "tlb_gen", "asid", "generation"}

func (f Fact) String() string { return factNames[f] }

// Cause is why a prediction was wrong.
type Cause uint8

// The causes. Only the last says that the machine is at fault.
const (
	Outside  Cause = iota // somebody outside the switch took or gave back a reference, or freed page tables
	InFlight              // another CPU was between its event and what it does then
	Window                // a fork, exec or exit was under way
	EventLost
	OurFault
	causes
)

var causeNames = [causes]string{"reference_outside_the_switch", "several_cpus_in_flight", "fork_exec_exit_window", "event_lost", "our_fault"}

var causeTexts = [causes]string{
	"taken outside the switch", "several CPUs in flight", "fork, exec or exit under way", "event lost", "our fault",
}

func (c Cause) String() string { return causeNames[c] }

// Text names the cause for a person.
func (c Cause) Text() string { return causeTexts[c] }

// Tally is how often a fact was predicted.
type Tally struct {
	Checked   uint64
	Predicted uint64 // of them, those within an interval included
	Interval  uint64 // predicted as an interval, because another CPU or a fork, exec or exit was under way
}

// Percent is 100 where nothing was checked.
func (t Tally) Percent() float64 {
	if t.Checked == 0 {
		return 100
	}
	return 100 * float64(t.Predicted) / float64(t.Checked)
}

// Mismatch is a prediction that was wrong.
type Mismatch struct {
	Fact      Fact
	Cause     Cause
	Event     uint64 // its number in the file, from 0
	Time      int64
	CPU       int
	Prev      uint32 // pids
	Next      uint32
	MM        uint32 // in the file's numbers
	Predicted string
	Observed  string
}

func (m Mismatch) String() string {
	return fmt.Sprintf("event %d at %d ns, CPU %d, pid %d to %d: %s of mm %d predicted %s, was %s",
		m.Event, m.Time, m.CPU, m.Prev, m.Next, m.Fact, m.MM, m.Predicted, m.Observed)
}

// Shown is how many mismatches of each cause are kept.
const Shown = 10

// Report is what was found.
type Report struct {
	Release    string // of the recorded kernel
	Modelled   string // the machine's
	Arch       string
	CPUs       int
	Events     uint64
	Switches   uint64
	Dropped    uint64 // events that the recorder had no room for
	Gaps       uint64 // switches away from a task that the CPU had not been seen to get
	Rollovers  uint64 // of arm64's ASIDs
	Facts      [facts]Tally
	Causes     [causes]uint64
	Mismatches [causes][]Mismatch
	Violations []string // rules of the machine that the schedule broke
	Cut        error    // the recording ended in the middle
}

// Fault tells whether the machine was found to be wrong. A rule that broke counts if nothing was missing from the
// schedule and nothing had to be corrected: after either, rules break by themselves.
func (r *Report) Fault() bool {
	wrong := r.Gaps + r.Dropped
	for _, n := range r.Causes {
		wrong += n
	}
	return r.Causes[OurFault] > 0 || len(r.Violations) > 0 && wrong == 0
}

// Each calls f for every fact that was checked, in order.
func (r *Report) Each(f func(Fact, Tally)) {
	for i, t := range r.Facts {
		if t.Checked > 0 {
			f(Fact(i), t)
		}
	}
}
