package arm64

import "switchyard/machine"

// checkRegisters looks at what the registers of a CPU say outside of a switch: who is current, for the
// kernel's own code and for the next exception from user mode.
func checkRegisters(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	if len(s.ARM64Regs) == 0 || s.Config.Release < machine.V5_0 || s.CPUs[cpu].InSwitch {
		return
	}
	r, current := &s.ARM64Regs[cpu], s.CPUs[cpu].Current
	inUser := r.SP == userFrame(current)+machine.ARM64PtRegsSize
	if !inUser && r.SPEL0 != TaskAddress(current) {
		report("I1", "sp_el0 does not hold the address of the running task")
	}
	if r.EntryTask != TaskAddress(current) {
		report("I1", "__entry_task does not hold the address of the running task")
	}
}

// checkSaved looks at the saved context of tasks that could be switched to: it must name their own stack,
// as deep as it is, and the step at which they left.
func checkSaved(s *machine.State, report func(rule, detail string)) {
	for i := range s.ARM64Threads {
		t, id := &s.Tasks[i], machine.TaskID(i)
		asleep := t.State == machine.TaskInterruptible || t.State == machine.TaskUninterruptible
		if t.Kind == machine.FreeTask || t.OnCPU || t.OnRQ == 0 && !asleep || t.Depth == 0 {
			continue
		}
		saved := &s.ARM64Threads[i].Context
		if saved.PC != textAddress(s.Top(id).PC) {
			report("I1", "the saved pc of a task is not where it left")
		}
		if saved.SP != stackPointer(id, t.Depth) && saved.SP != userFrame(id) {
			report("I1", "the saved sp of a task is not where its stack ends")
		}
	}
}
