package invariant

import "switchyard/machine"

// CheckExec compares a machine before and after the exec of a task that had no address space of its
// own, with nothing else going on. It holds where borrowers are counted.
func CheckExec(before, after *machine.State, cpu machine.CPUID, report Report) {
	t := &before.Tasks[before.CPUs[cpu].Curr]
	if t.MM != machine.NoMM || t.ActiveMM < 0 || before.Config.Lazy != machine.LazyRefcount {
		return
	}
	was, is := &before.MMs[t.ActiveMM], &after.MMs[t.ActiveMM]
	if is.Serial == was.Serial && is.Count != was.Count-1 {
		report("I25", cpu, "a kernel task exec'ed and its loan was not given back just once")
	}
}

// CheckNoSwitch compares a machine before and after a call of schedule that found nobody else to run.
func CheckNoSwitch(before, after *machine.State, cpu machine.CPUID, report Report) {
	b, a := &before.CPUs[cpu], &after.CPUs[cpu]
	if a.Curr != b.Curr || a.PrevMM != b.PrevMM || a.Root != b.Root {
		report("I26", cpu, "the CPU changed although next is prev")
	}
	for i := range before.Tasks {
		b, a := &before.Tasks[i], &after.Tasks[i]
		if a.MM != b.MM || a.ActiveMM != b.ActiveMM || a.OnCPU != b.OnCPU {
			report("I26", cpu, "a task changed although next is prev")
		}
	}
	for i := range before.MMs {
		b, a := &before.MMs[i], &after.MMs[i]
		if a.Users != b.Users || a.Count != b.Count || a.ContextID != b.ContextID || a.TLBGen != b.TLBGen {
			report("I26", cpu, "an address space changed although next is prev")
		}
	}
}
