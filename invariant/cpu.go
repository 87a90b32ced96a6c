package invariant

import "switchyard/machine"

// CheckCPU looks at the cheap rules of a CPU that has finished a switch and runs no kernel path. It
// allocates nothing where all is well.
func CheckCPU(s *machine.State, cpu machine.CPUID, report Report) {
	c := &s.CPUs[cpu]
	t := &s.Tasks[c.Curr]
	if c.Stack != c.Curr || c.Current != c.Curr || t.CPU != cpu || !t.OnCPU && keepsOnCPU(s) {
		report("I1", cpu, whoRuns(s, cpu))
	}
	if c.PrevMM != machine.NoMM {
		report("I4", cpu, "rq->prev_mm holds a loan that no switch will repay")
	}
	if c.LockedBy == cpu || c.IRQOff || c.Preempt != 0 || c.InSwitch {
		report("I20", cpu, "the switch is over, but the lock, the interrupts or the preemption count say otherwise")
	}
	checkCurrent(s, cpu, t, report)
	if c.Root >= 0 && s.MMs[c.Root].Alive&machine.HasRoot == 0 {
		report("I8", cpu, "the loaded page-table root has been freed")
	}
	// With software PAN the kernel side of a task runs without its root.
	if t.MM != machine.NoMM && c.Root != t.MM && !s.Config.PAN {
		report("I11", cpu, "a user task runs on a root that is not its own")
	}
	checkPortCPU(s, cpu, report)
}

// keepsOnCPU: 2.6.32 lets the run-queue lock say that a task is still being switched away from.
func keepsOnCPU(s *machine.State) bool { return s.Config.Release >= machine.V4_4 }

func checkCurrent(s *machine.State, cpu machine.CPUID, t *machine.Task, report Report) {
	if t.ActiveMM < 0 {
		report("I3", cpu, "the running task has no active_mm")
		return
	}
	if t.MM != machine.NoMM && t.MM != t.ActiveMM {
		report("I2", cpu, "the running task's active_mm is not its mm")
	}
	mm := &s.MMs[t.ActiveMM]
	if mm.Alive&machine.HasRoot == 0 {
		report("I8", cpu, "the running task's active_mm has been freed")
		return
	}
	// A borrower that is not counted may be the last one there, until the last mmdrop has shot it down.
	uncounted := s.Config.Lazy == machine.LazyShootdown && t.MM == machine.NoMM
	if mm.Count < 1 && !uncounted || t.MM != machine.NoMM && mm.Users < 1 {
		report("I7", cpu, "the running task's address space has no reference or no user left")
	}
}

func whoRuns(s *machine.State, cpu machine.CPUID) string {
	c := &s.CPUs[cpu]
	t := &s.Tasks[c.Curr]
	switch {
	case c.Stack != c.Curr:
		return "the CPU stands on the kernel stack of a task other than rq->curr"
	case c.Current != c.Curr:
		return "current is not rq->curr"
	case t.CPU != cpu:
		return "rq->curr belongs to another CPU"
	}
	return "rq->curr is not marked on_cpu: another CPU may run it as well"
}
