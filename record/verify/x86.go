package verify

import (
	"strconv"

	"switchyard/machine"
	"switchyard/record/tape"
)

// observed is the hardware as a switch found it, and whether the machine then loaded a root.
type observed struct {
	known  tape.Known
	loaded tape.MMID
	gen    uint64
	asid   uint64
	load   bool
	slot   uint64 // the machine's generation in the loaded slot, after that switch
	at     uint16 // which slot that is
}

// saw keeps what the next switch on the CPU is compared with.
func (r *run) saw(c *cpu, e *tape.Event, load bool) {
	c.was = observed{known: e.Known, loaded: e.LoadedMM, gen: e.SlotGen, asid: e.ActiveASID, load: load}
	if !r.arm {
		t := &r.m.S.X86[e.CPU]
		c.was.slot, c.was.at = t.Ctxs[t.ASID].TLBGen, t.ASID
	}
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

// tally counts a prediction; a wrong one is filed as somebody else's doing where another CPU runs on the same address
// space, and else as what it is called.
func (r *run) tally(e *tape.Event, f Fact, s *space, predicted, observed string, cause Cause) bool {
	t := &r.report.Facts[f]
	t.Checked++
	if predicted == observed {
		t.Predicted++
		return true
	}
	m := r.about(e, f, s, predicted, observed)
	m.Cause = cause
	if s != nil && s.disturbed {
		m.Cause = EventLost
	}
	r.file(&m)
	return false
}

// within counts a prediction that holds as an interval.
func (r *run) within(f Fact) {
	t := &r.report.Facts[f]
	t.Checked++
	t.Predicted++
	t.Interval++
}

// blame is our fault on a machine where nobody else can have done it.
func (r *run) blame(s *space, on int) Cause {
	if s != nil && len(r.explainable(s, on)) > 0 {
		return InFlight
	}
	return OurFault
}

// blameRace is blame for what depends on whether a switch came before or after another CPU's flush: neither is an event.
func (r *run) blameRace(s *space, on int) Cause {
	if r.report.CPUs > 1 {
		return InFlight
	}
	return r.blame(s, on)
}

// flushes has the machine make the page-table changes that an address space's tlb_gen tells of. They are no part of the
// schedule, hence an input, not a prediction: who made them is whoever runs on it.
func (r *run) flushes(c *cpu, e *tape.Event, s *space, v *tape.MM) error {
	if s == nil || s.id == machine.InitMM {
		return nil
	}
	mm := &r.m.S.MMs[s.id]
	if mm.TLBGen >= v.Gen {
		return nil
	}
	on := machine.NoCPU
	if r.m.S.Tasks[c.curr.slot].MM == s.id {
		on = machine.CPUID(e.CPU)
	} else {
		for i := range r.cpus {
			if r.cpus[i].seen && r.m.S.Tasks[r.cpus[i].curr.slot].MM == s.id {
				on = machine.CPUID(i)
			}
		}
	}
	// Many changes end as one does.
	mm.TLBGen = v.Gen - 1
	if on == machine.NoCPU {
		mm.TLBGen = v.Gen
		return nil
	}
	return r.m.Munmap(on, machine.FlushAll, false)
}

// lowerGen takes back a flush of the parent that a fork made in the machine, where a switch in the middle of the fork
// has shown it before.
func (r *run) lowerGen(s *space, gen uint64) {
	if s == nil || r.m.S.MMs[s.id].TLBGen <= gen {
		return
	}
	r.m.S.MMs[s.id].TLBGen = gen
	for i := range r.m.S.X86 {
		for j := range r.m.S.X86[i].Ctxs {
			if x := &r.m.S.X86[i].Ctxs[j]; x.CtxID == uint64(s.born) {
				x.TLBGen = min(x.TLBGen, gen)
			}
		}
	}
}

func (r *run) compareX86(c *cpu, e *tape.Event, active *space) error {
	t := &r.m.S.X86[e.CPU]
	if e.Known&tape.KnownTLB != 0 && c.was.known&tape.KnownTLB != 0 {
		r.rootLoadX86(c, e)
		c.slots.seen.Switched(e)
		adopted, err := r.compareLoaded(c, e, active)
		if err != nil {
			return err
		}
		loaded := r.spaces[e.LoadedMM]
		if !adopted {
			r.compareSlots(c, e, loaded)
		}
		if t.LoadedMM != machine.InitMM && loaded != nil {
			r.slotGen(c, e, loaded)
		}
	}
	if e.Known&tape.KnownLazy != 0 && c.was.known != 0 {
		if !r.tally(e, Lazy, active, strconv.FormatBool(t.Lazy), strconv.FormatBool(e.Lazy), r.blame(active, int(e.CPU))) {
			t.Lazy = e.Lazy
		}
	}
	return nil
}

// compareLoaded compares loaded_mm, and tells whether the machine was set right.
func (r *run) compareLoaded(c *cpu, e *tape.Event, active *space) (adopted bool, err error) {
	t, on := &r.m.S.X86[e.CPU], int(e.CPU)
	s, loaded := r.named(t.LoadedMM), r.spaces[e.LoadedMM]
	switch gone := active; {
	case gone != nil && r.mayBeTorn(gone) && e.Lazy != t.Lazy && (t.LoadedMM == gone.id || loaded == gone):
		// Its page tables go about now, and who has borrowed them with them.
		r.within(LoadedMM)
		r.adoptX86(c, e)
		return true, nil
	case s != nil && s != loaded && e.LoadedMM == tape.InitMM && t.Lazy:
		// Page tables were freed: every CPU that had them loaded was told to leave.
		r.tally(e, LoadedMM, s, r.mmName(t.LoadedMM), "init_mm", Outside)
		return false, r.goInit(on)
	case loaded == nil:
		return false, nil
	}
	cause := r.blame(loaded, on)
	if t.LoadedMM == machine.InitMM && e.Lazy && r.virtual {
		// The hypervisor flushes a CPU that it has stopped; the kernel does not interrupt it then.
		cause = Outside
	}
	if r.tally(e, LoadedMM, loaded, r.mmName(t.LoadedMM), r.mmName(loaded.id), cause) {
		return false, nil
	}
	r.adoptX86(c, e)
	return true, nil
}

// goInit has a CPU leave what it had borrowed, as a flush of page tables makes it: init_mm takes a slot like any other.
func (r *run) goInit(on int) error {
	return r.m.Enter(machine.CPUID(on), "leave_mm", machine.Frame{})
}

// slotGen: how new the TLB is. A change of page tables and its flush are no part of the schedule and may lie apart, so
// where there was one it is an interval, from what the switch left behind to what the address space is at.
func (r *run) slotGen(c *cpu, e *tape.Event, s *space) {
	t := &r.m.S.X86[e.CPU]
	slot, low := &t.Ctxs[t.ASID], c.was.slot
	if c.moved {
		low = 0
	}
	if now := r.m.S.MMs[s.id].TLBGen; slot.TLBGen != e.SlotGen && low <= e.SlotGen && e.SlotGen <= now {
		r.within(TLBGen)
	} else {
		r.tally(e, TLBGen, s, itoa(slot.TLBGen), itoa(e.SlotGen), r.blameRace(s, int(e.CPU)))
	}
	slot.TLBGen = e.SlotGen
}

// rootLoadX86: the last switch here loaded another root or it did not. A root that was written again cannot be told
// from one that was flushed, and an exec in between loads one too.
func (r *run) rootLoadX86(c *cpu, e *tape.Event) {
	changed := c.was.loaded != e.LoadedMM
	if c.moved || !changed && c.was.gen != e.SlotGen || changed && e.LoadedMM == tape.InitMM {
		return
	}
	cause := r.blame(r.spaces[e.LoadedMM], int(e.CPU))
	if !changed {
		cause = r.blameRace(r.spaces[e.LoadedMM], int(e.CPU))
	}
	r.tally(e, RootLoad, r.spaces[e.LoadedMM], strconv.FormatBool(c.was.load), strconv.FormatBool(changed), cause)
}

// adoptX86 takes over what a CPU has loaded.
func (r *run) adoptX86(c *cpu, e *tape.Event) {
	t, on := &r.m.S.X86[e.CPU], machine.CPUID(e.CPU)
	s := r.spaces[e.LoadedMM]
	r.adoptSlots(c, t)
	if e.LoadedMM == tape.InitMM {
		t.LoadedMM, r.m.S.CPUs[e.CPU].Root = machine.InitMM, machine.InitMM
	} else if s != nil {
		t.LoadedMM, r.m.S.CPUs[e.CPU].Root = s.id, s.id
		r.m.S.MMCPUMask(s.id).Set(on)
		t.Ctxs[e.ASID%machine.X86Slots] = machine.X86Context{CtxID: uint64(s.born), TLBGen: e.SlotGen}
	}
	t.ASID, t.NextASID, t.Lazy = e.ASID%machine.X86Slots, e.NextASID, e.Lazy
}
