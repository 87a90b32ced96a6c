package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// In these paths MM is the new address space (bprm->mm), OldMM the active_mm that was read, and
// State says whether there was an own one to give up.

const hadMM = 1

func readActive(c *step.Ctx) {
	t := c.Task()
	c.F.OldMM, c.F.State = t.ActiveMM, 0
	if t.MM != machine.NoMM {
		c.F.State = hadMM
	}
}

func readActiveStep() step.Node {
	return step.Do("active_mm = tsk->active_mm", "what is loaded now: one's own, or a loan to give back", readActive).Touches(step.Held)
}

func setActiveStep() step.Node {
	return step.Do("tsk->active_mm = mm", "the new address space is the active one", func(c *step.Ctx) {
		if c.Task().ActiveMM != c.F.OldMM {
			c.Broken("I25", "exec gives back what it read in active_mm, and the task has borrowed another address space since")
		}
		c.Task().ActiveMM = c.F.MM
	})
}

func setMMStep() step.Node {
	return step.Do("tsk->mm = mm", "the task has the new address space as its own", func(c *step.Ctx) { c.Task().MM = c.F.MM }).Touches(step.Held)
}

func membarrierExec() step.Node {
	return step.Do("membarrier_exec_mmap", "registrations end with the old program; a barrier before mm changes", func(c *step.Ctx) {
		c.Barrier()
		mm := c.MM(c.F.MM)
		mm.MembarrierState, mm.MembarrierReady = 0, 0
		c.C.MembarrierState = 0
	}).Touches(step.OwnCPU, step.StoreBuffer)
}

func membarrierExecve() step.Node {
	return step.Do("membarrier_execve", "registrations end with the old program", func(c *step.Ctx) {
		mm := c.MM(c.F.MM)
		mm.MembarrierState, mm.MembarrierReady = 0, 0
	})
}

func activateMM() step.Node {
	return step.Call("activate_mm").With(func(f, callee *machine.Frame) { callee.Next = machine.NoTask })
}

// leaveOld gives up what the task had: its own address space, or the loan of a kernel task that execs.
func leaveOld(drop string) step.Node {
	loan := step.Seq{}
	if drop != "" {
		loan = step.Then(step.Call(drop).With(mmFromOld))
	}
	return step.If("it had an address space of its own", func(c *step.Ctx) bool { return c.F.State == hadMM },
		step.Then(step.Call("mmput").With(func(f, callee *machine.Frame) { callee.MM, callee.N = f.OldMM, putByTask })),
		loan)
}

func execOld() step.Seq {
	return step.Seq{
		step.Call("mm_init"), step.Call("mm_release"), taskLock(),
		readActiveStep(), setMMStep(), setActiveStep().Touches(step.Held), activateMM(), taskUnlock(), leaveOld("mmdrop"),
	}
}

func execNew(drop string, irqOffActivate bool) step.Seq {
	s := step.Seq{
		step.Call("mm_init"), step.Call("mm_release"), taskLock(), membarrierExec(),
		irqDisable("between reading active_mm and replacing it nobody may take the loan away").Touches(step.OwnCPU),
		readActiveStep(), setActiveStep().Touches(step.Held), setMMStep(),
	}
	on := irqEnable("the task stands on its own address space").Touches(step.Held)
	if irqOffActivate {
		return append(s, activateMM(), on, taskUnlock(), leaveOld(drop))
	}
	return append(s, on, activateMM(), taskUnlock(), leaveOld(drop))
}

func onX86(c *machine.Config) bool { return c.Arch == machine.X86 }

var execPaths = []*step.Path{
	{
		Name: "exec_mmap", Until: machine.V5_0,
		Source: "fs/exec.c:exec_mmap (2.6.32, 4.4)",
		Doc:    "The running task changes to a new address space. A kernel task gives back its loan here, not in the scheduler.",
		Body:   execOld(),
	},
	{
		Name: "exec_mmap", Since: machine.V5_0, Until: machine.V6_1,
		Source: "fs/exec.c:exec_mmap, __do_execve_file (4.20)",
		Doc:    "The running task changes to a new address space. A kernel task gives back its loan here, not in the scheduler. Membarrier's registrations are cleared when all is done; since 5.4 membarrier_exec_mmap does so before mm changes.",
		Body:   append(execOld(), membarrierExecve()),
	},
	{
		Name: "exec_mmap", Since: machine.V6_1, Until: machine.V6_12,
		Source: "fs/exec.c:exec_mmap (6.1)",
		Doc:    "The running task changes to a new address space. Interrupts are off while active_mm changes (since 5.10); task_lock had kept the scheduler away, but not an interrupt.",
		Body:   execNew("mmdrop", false),
	},
	{
		Name: "exec_mmap", Since: machine.V6_12, Until: machine.V7_3, Only: countsLazy,
		Source: "fs/exec.c:exec_mmap (6.12)",
		Doc:    "The running task changes to a new address space. Interrupts are off while active_mm changes.",
		Body:   execNew("mmdrop_lazy_tlb", false),
	},
	{
		Name: "exec_mmap", Since: machine.V6_12, Only: not(countsLazy),
		Source: "fs/exec.c:exec_mmap (6.12, 7.3, with ARCH_WANT_IRQS_OFF_ACTIVATE_MM)",
		Doc:    "The running task changes to a new address space. Interrupts are off until it is loaded: the one that shoots lazy users down would pass over a task that does not borrow any more, though its CPU still stands on the old root. Departs: powerpc, which shoots them down, chose this; the ports here do with it. In 7.3 the old one is put a little later, from bprm->old_mm.",
		Body:   execNew("mmdrop_lazy_tlb", true),
	},
	{
		Name: "exec_mmap", Since: machine.V7_3, Only: func(c *machine.Config) bool { return countsLazy(c) && !onX86(c) },
		Source: "fs/exec.c:exec_mmap (7.3)",
		Doc:    "The running task changes to a new address space. Interrupts are off while active_mm changes. Departs: the old one is put here rather than a little later, from bprm->old_mm.",
		Body:   execNew("mmdrop_lazy_tlb", false),
	},
	{
		Name: "exec_mmap", Since: machine.V7_3, Only: func(c *machine.Config) bool { return countsLazy(c) && onX86(c) },
		Source: "fs/exec.c:exec_mmap (7.3, with ARCH_WANT_IRQS_OFF_ACTIVATE_MM)",
		Doc:    "The running task changes to a new address space. Interrupts are off until it is loaded. Departs: i386 has this too, but the classic port is not only i386; the old one is put here rather than a little later, from bprm->old_mm.",
		Body:   execNew("mmdrop_lazy_tlb", true),
	},
}
