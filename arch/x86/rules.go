package x86

import "switchyard/machine"

// CheckCPU holds one CPU against what must be true of it between any two steps, and reports what is not.
//
//	I1   with registers, what names the running task and its stack does
//	I8   the loaded root and loaded_mm still exist
//	I10  no walk through the loaded root can use freed page tables, lazily or not
//	I12  slot and loaded_mm agree, no slot is newer than its address space, a user CPU is in the mask
//	I13  no two slots name one address space
//	I14  what is cached under the tag in use belongs to the loaded address space
//	I23  what a CPU that is not lazy caches of the loaded address space honours every finished flush
//
// I10 leaves out a window that these kernels have: see leaving.
func CheckCPU(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	c, t := &s.CPUs[cpu], &s.X86[cpu]
	if !c.Online {
		return
	}
	checkRegisters(s, cpu, report)
	root := &s.MMs[c.Root]
	if root.Alive&machine.HasRoot == 0 {
		report("I8", "CR3 holds a page-table root that was freed")
	}
	settled := t.LoadedMM == c.Root
	if settled && s.Config.Release >= machine.V5_0 {
		checkSlots(s, t, root, report)
	}
	if c.Root == machine.InitMM {
		return
	}
	if settled && !t.Lazy && !c.IRQOff && !s.MMCPUMask(c.Root).Has(cpu) {
		report("I12", "a user address space is loaded, but its mask lacks this CPU: flushes will miss it")
	}
	slot := loadedSlot(s, cpu)
	checkCached(s, cpu, kernelTag(&s.Config, slot), report)
	if s.Config.PTI && s.Config.PCID && t.UserFlush&(1<<slot) == 0 {
		checkCached(s, cpu, userTag(&s.Config, slot), report)
	}
}

// CheckAll is CheckCPU for every CPU.
func CheckAll(s *machine.State, report func(rule, detail string)) {
	for i := range s.CPUs {
		CheckCPU(s, machine.CPUID(i), report)
	}
	checkSaved(s, report)
}

// checkRegisters looks at what names the running task, outside of switches.
func checkRegisters(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	if len(s.X86Regs) == 0 || s.CPUs[cpu].InSwitch {
		return
	}
	p, current := &s.X86PerCPUs[cpu], s.CPUs[cpu].Current
	if p.CurrentTask != TaskAddress(current) {
		report("I1", "current_task is not the running task")
	}
	if p.TopOfStack != stackEnd(current) || p.SP0 != stackEnd(current) {
		report("I1", "user mode would enter the kernel on another task's stack")
	}
	if p.Canary != s.X86Threads[current].Canary {
		report("I1", "the stack canary is not the running task's")
	}
}

// checkSaved looks at the saved stack pointer of tasks that could be switched to: it must name their own stack.
func checkSaved(s *machine.State, report func(rule, detail string)) {
	for i := range s.X86Threads {
		t, id := &s.Tasks[i], machine.TaskID(i)
		asleep := t.State == machine.TaskInterruptible || t.State == machine.TaskUninterruptible
		if t.Kind == machine.FreeTask || t.OnCPU || t.OnRQ == 0 && !asleep || t.Depth == 0 {
			continue
		}
		if sp := s.X86Threads[i].SP; stackAt(s, sp) != id || sp < stackEnd(id)-1<<machine.X86StackShift/2 {
			report("I1", "the saved stack pointer of a task is not on its stack")
		}
	}
}

func checkSlots(s *machine.State, t *machine.X86CPU, loaded *machine.MM, report func(rule, detail string)) {
	here := t.Ctxs[t.ASID]
	if here.CtxID != uint64(loaded.Serial) {
		report("I12", "the loaded slot names another address space than loaded_mm")
	}
	if here.TLBGen > loaded.TLBGen {
		report("I12", "a slot claims a generation that its address space has not reached")
	}
	// The slot in use is the one that was given out last, so a pair shows there first.
	for i := range t.Ctxs {
		if t.Ctxs[i].CtxID == here.CtxID && i != int(t.ASID) && here.CtxID != 0 {
			report("I13", "two slots name one address space")
		}
	}
}

// leaving tells whether a CPU is between taking itself off the mask and writing CR3. From 4.14 to 6.12
// the switch does these in that order, and so does leave_mm before; a flush that comes then frees page
// tables without asking this CPU. Nothing uses user addresses meanwhile, and what the tag still holds is
// behind in its generation, so it is flushed before use; only a speculative walk could look. That walk
// is what the fix of 2011 (831d52bc1539) kept out of the switch by clearing the bit last; 7.3 cannot have it.
func leaving(s *machine.State, cpu machine.CPUID) bool {
	c, t := &s.CPUs[cpu], &s.X86[cpu]
	if s.Config.Release >= machine.V7_3 {
		return false
	}
	if t.LoadedMM != c.Root {
		return true
	}
	if s.MMCPUMask(c.Root).Has(cpu) {
		return false
	}
	if s.Config.Release < machine.V5_0 {
		return t.Lazy
	}
	return c.IRQOff
}

func checkCached(s *machine.State, cpu machine.CPUID, tag uint32, report func(rule, detail string)) {
	c, t := &s.CPUs[cpu], &s.X86[cpu]
	mm, e := &s.MMs[c.Root], s.Cached(cpu, tag)
	if e == nil {
		return
	}
	if e.Owner != mm.Serial {
		if !c.IRQOff && t.LoadedMM == c.Root {
			report("I14", "the TLB holds entries of another address space under the tag in use")
		}
		return
	}
	if !e.Walk.Covers(mm.TablesDone) && !leaving(s, cpu) {
		report("I10", "page tables were freed that this CPU may still have cached a way into")
	}
	if !e.Seen.Covers(mm.Done) && !t.Lazy && !c.IRQOff && t.LoadedMM == c.Root {
		report("I23", "a finished flush left old translations on a CPU that is not lazy")
	}
}
