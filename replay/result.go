package replay

import (
	"slices"

	"switchyard/machine"
	"switchyard/trace"
)

// Result is what a replay saw.
type Result struct {
	Input  Input
	Config machine.Config // of the machine, without the CPU that setup needs
	Stats  machine.Stats  // of the recorded part alone

	LiveMMs   uint64 // address spaces that exist at the end
	ExistedMM uint64 // those that existed before the recording
	PeakCount int32  // the highest mm_count of one after a switch
	Outlived  Outlived

	Tasks  []Task  // those that ran longest
	Spaces []Space // those that were switched to most

	Violations     []Violation
	ViolationCount int // all, listed or not
}

// Input is what was replayed, and how well it is known.
type Input struct {
	Format   trace.Format
	File     string
	Recorded trace.Meta
	Events   uint64
	Switches uint64
	CPUs     int    // that had events
	Span     uint64 // ns from the first event to the last
	Lost     uint64 // events known to be missing, or left out
	Facts    Facts

	Losses  trace.Losses
	Breaks  uint64   // times a CPU ran another task than its last switch had left there
	Skipped uint64   // events that were read but could not be replayed
	Skips   []string // why, for the first few
	Ended   error    // why the replay ended before the recording did
}

func (r *run) result(in *trace.Reader, ended error) *Result {
	losses := *in.Losses()
	res := &Result{
		Input: Input{Format: in.Meta().Format, File: r.opts.File, Recorded: *in.Meta(), Events: r.events, Switches: r.switches,
			CPUs: r.seenCPUs(), Span: r.last - r.first, Lost: r.lost(&losses), Facts: r.facts.facts(),
			Losses: losses, Breaks: r.breaks, Skipped: r.skipped, Skips: r.skips, Ended: ended},
		Config: r.m.S.Config, Stats: r.m.Stats, ExistedMM: r.existed, PeakCount: r.peak, Outlived: r.outlived,
		Violations: r.violations, ViolationCount: r.m.ViolationCount,
	}
	res.Config.CPUs--
	slices.SortStableFunc(res.Outlived.Holders, func(a, b Holder) int { return int(b.Count) - int(a.Count) })
	r.sumUp(res)
	return res
}

func (r *run) seenCPUs() (n int) {
	for i := range r.cpus {
		if r.cpus[i].seen {
			n++
		}
	}
	return n
}

// sumUp adds what still lives to the lists.
func (r *run) sumUp(res *Result) {
	for i := range r.tasks {
		if t := &r.tasks[i]; t.switches > 0 && (t.kind == idleTask || r.pids.get(t.pid) == int32(i)) {
			r.topTasks.add(t.summary())
		}
	}
	backstage := r.m.S.Tasks[r.back.init].MM
	for i := range r.m.S.MMs {
		mm := machine.MMID(i)
		if mm == machine.InitMM || mm == backstage || r.m.S.MMs[mm].Alive == 0 {
			continue
		}
		res.LiveMMs++
		if r.mms[mm].switches > 0 {
			r.topSpaces.add(r.mms[mm].summary())
		}
	}
	res.Tasks, res.Spaces = r.topTasks.list(), r.topSpaces.list()
}
