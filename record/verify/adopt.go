package verify

import (
	"switchyard/machine"
	"switchyard/record/tape"
)

// adopt takes over what a CPU is found with at its first switch, or after a loss.
func (r *run) adopt(c *cpu, e *tape.Event, active, user *space) {
	t := &r.m.S.Tasks[c.curr.slot]
	if active != nil {
		t.ActiveMM = active.id
		r.recount(active, &e.Active)
	}
	if user != nil {
		r.recount(user, &e.User)
	}
	switch {
	case !r.arm && e.Known&tape.KnownTLB != 0:
		c.slots.seen.Switched(e)
		r.adoptX86(c, e)
	case !r.arm && active != nil:
		x := &r.m.S.X86[e.CPU]
		x.LoadedMM, r.m.S.CPUs[e.CPU].Root = active.id, active.id
		x.Lazy = t.MM == machine.NoMM && active.id != machine.InitMM
	case r.arm:
		a := &r.m.S.ARM64[e.CPU]
		a.ActiveASID, a.ReservedASID = e.ActiveASID, e.ReservedASID
		r.seenASID(e.ActiveASID)
		if active != nil && active.id != machine.InitMM {
			r.m.S.CPUs[e.CPU].Root = active.id
		}
		if e.Generation != 0 {
			r.m.S.Global.ASIDGeneration = e.Generation
		}
	}
}

// recount takes over counts without comparing them.
func (r *run) recount(s *space, v *tape.MM) {
	mm := &r.m.S.MMs[s.id]
	mm.ExtUsers += v.Users - mm.Users
	mm.ExtCount += v.Count - mm.Count
	mm.Users, mm.Count = v.Users, v.Count
	s.disturbed = false
}
