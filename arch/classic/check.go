package classic

import "switchyard/machine"

// CheckCPU looks at what must be true of one CPU's root and TLB while it runs no kernel path.
func CheckCPU(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	c := &s.CPUs[cpu]
	t := &s.Tasks[c.Curr]
	borrows := t.MM == machine.NoMM
	if borrows && t.ActiveMM >= 0 && c.Root != t.ActiveMM {
		report("I8", "the loaded root is not active_mm's: nobody keeps it")
	}
	if c.Root <= machine.InitMM {
		return
	}
	// Where borrowers are not counted the mask of one is a matter of I9.
	if !s.MMCPUMask(c.Root).Has(cpu) && !(borrows && s.Config.Lazy == machine.LazyShootdown) {
		report("I23", "the cpumask of the loaded root lacks this CPU: flushes will miss it")
	}
	checkCached(s, cpu, &s.MMs[c.Root], report)
}

func checkCached(s *machine.State, cpu machine.CPUID, mm *machine.MM, report func(rule, detail string)) {
	e := s.Cached(cpu, 0)
	switch {
	case e == nil:
	case e.Owner != mm.Serial:
		report("I14", "the TLB holds entries of another address space")
	case !e.Walk.Covers(mm.TablesDone):
		report("I10", "the TLB holds what it read from page tables that were freed")
	case !e.Seen.Covers(mm.Done):
		report("I23", "the TLB holds a translation that was unmapped and flushed")
	}
}
