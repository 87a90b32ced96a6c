package x86

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Up to 4.13: no identifiers, so every load of CR3 empties the TLB, and a state of OK or LAZY that only
// this CPU and its flush interrupts look at. LoadedMM is cpu_tlbstate.active_mm here: after leave_mm it
// still names the address space that was left.

func setOK(c *step.Ctx) {
	t := tlb(c)
	t.Lazy = false
	t.LoadedMM = c.F.MM
}

func loadCR3(c *step.Ctx) { writeCR3(c, c.F.MM, 0, false) }

func setMaskBit(c *step.Ctx) {
	c.S.MMCPUMask(c.F.MM).Set(c.CPU)
	c.Barrier()
}

func clearPrevBit(c *step.Ctx) { c.S.MMCPUMask(c.F.OldMM).Clear(c.CPU) }

var (
	stateOK  = step.Do("cpu_tlbstate.state = TLBSTATE_OK", "flush interrupts for next are to be obeyed, not answered by leaving", setOK)
	joinMask = step.Do("cpumask_set_cpu(cpu, mm_cpumask(next))", "from here on a flush of next interrupts this CPU: before the root is loaded", setMaskBit)
	load     = step.Do("load_cr3", "the root is next's; without identifiers the TLB forgets all user entries", loadCR3)
	quitMask = step.Do("cpumask_clear_cpu(cpu, mm_cpumask(prev))", "only now: until CR3 was written prev's flushes were this CPU's too", clearPrevBit)

	// cameBack: the same address space again. Only a flush interrupt in between can have made this CPU
	// leave it; the bit in the mask tells.
	cameBack = step.Seq{
		step.Do("cpu_tlbstate.state = TLBSTATE_OK", "back from lazy mode, or never in it", func(c *step.Ctx) {
			t := tlb(c)
			t.Lazy = false
			if t.LoadedMM != c.F.MM {
				c.Broken("I12", "BUG_ON: a switch to the same address space, but active_mm of the CPU is another")
			}
		}),
		step.If("a flush made this CPU leave it meanwhile", func(c *step.Ctx) bool { return !maskBit(c, c.F.MM) }, step.Then(
			joinMask,
			step.Do("load_cr3", "the root was left when page tables were flushed: it must be loaded again", func(c *step.Ctx) {
				loadCR3(c)
				reloaded(c)
			})), nil),
	}
)

// reloaded takes back what the generic half counted when it borrowed: the load was not avoided.
func reloaded(c *step.Ctx) {
	if c.F.Next != machine.NoTask && c.F.OldMM == c.F.MM && c.T(c.F.Prev).MM == machine.NoMM {
		c.Stats.LoadsAvoided--
	}
}

func switchMMBody(different step.Seq) step.Seq {
	return step.Seq{step.If("prev != next", func(c *step.Ctx) bool { return c.F.OldMM != c.F.MM }, different, cameBack)}
}

func stillInMask(c *step.Ctx) bool { return maskBit(c, c.F.MM) }

var flushInfo = step.Do("flush_tlb_info", "what is to be flushed, by whom, for which change", layDownFlush)

// layDownFlush puts down what flush_tlb_func reads, on this CPU and on others. Preemption is off from
// here until the flush is over: the note belongs to the CPU.
func layDownFlush(c *step.Ctx) {
	f := c.F
	f.N = wholeAbove(f.N)
	c.C.Preempt++
	c.C.CallMM, c.C.CallPages = f.MM, f.N
	c.C.CallChange, c.C.CallTables = uint32(f.Val), uint32(f.Val2)
	f.State = 0
}

// putFlushInfo forgets the note, so that a finished flush leaves no trace in the state.
func putFlushInfo(c *step.Ctx) {
	c.C.Preempt--
	c.C.CallMM, c.C.CallPages, c.C.CallGen, c.C.CallChange, c.C.CallTables = machine.NoMM, 0, 0, 0, 0
}

var putInfo = step.Do("preempt_enable", "the flush is over on every CPU that mattered", putFlushInfo)

func toAllInMask(c *step.Ctx) {
	mask := c.S.MMCPUMask(c.F.MM)
	kernel.CallOthers(c, machine.CallFlushTLB, mask.Has)
}

func activeHere(c *step.Ctx) bool { return c.Task().ActiveMM == c.F.MM }

func oldFlush(local, unlessActive step.Seq) step.Seq {
	s := step.Seq{
		flushInfo,
		step.If("current->active_mm == mm", activeHere, step.Then(
			step.If("current->mm", func(c *step.Ctx) bool { return c.Task().MM != machine.NoMM },
				local,
				step.Then(step.Call("leave_mm"), flushEverythingElsewhere))),
			unlessActive),
		step.Do("flush_tlb_others", "then every CPU that may have the root loaded, borrowers included", func(c *step.Ctx) {
			c.Barrier()
			toAllInMask(c)
		}),
		kernel.WaitForCalls(),
		putInfo,
	}
	return s
}

var flushEverythingElsewhere = step.Do("end = TLB_FLUSH_ALL", "not counted page by page here, so the others flush everything", func(c *step.Ctx) {
	c.C.CallPages = machine.FlushAll
	c.Barrier()
})

var beforePCIDPaths = []*step.Path{
	{
		Name: "switch_mm", Until: machine.V5_0,
		Source: "arch/x86/include/asm/mmu_context.h:switch_mm (2.6.32, 4.4)",
		Doc:    "Loads next's root unless it is loaded. Departs: CR4 and the LDT are left out.",
		Body:   switchMMBody(step.Seq{stateOK, joinMask, load, quitMask}),
	},
	{
		Name: "activate_mm", Until: machine.V5_0,
		Source: "arch/x86/include/asm/mmu_context.h:activate_mm (2.6.32, 4.4)",
		Doc:    "The address space of a task that execs. Interrupts are on.",
		Body:   step.Seq{step.Call("switch_mm")},
	},
	{
		Name: "enter_lazy_tlb", Until: machine.V5_0,
		Source: "arch/x86/include/asm/mmu_context.h:enter_lazy_tlb (2.6.32, 4.4)",
		Doc:    "The root stays loaded and flush interrupts still come; the first one will make this CPU leave.",
		Body: step.Seq{step.Do("cpu_tlbstate.state = TLBSTATE_LAZY", "nobody here uses user addresses: a flush may take the root away", func(c *step.Ctx) {
			tlb(c).Lazy = true
		})},
	},
	{
		Name: "leave_mm", Until: machine.V5_0,
		Source: "arch/x86/mm/tlb.c:leave_mm (4.4)",
		Doc:    "A lazy CPU goes to the kernel's own root instead of flushing: no further flush will interrupt it.",
		Body: step.Seq{
			step.Do("BUG_ON(TLBSTATE_OK)", "only a borrower may lose its root", func(c *step.Ctx) {
				t := tlb(c)
				if !t.Lazy {
					c.Broken("I12", "BUG_ON: leave_mm on a CPU that is not lazy")
				}
				c.F.MM = t.LoadedMM
			}),
			step.If("still in the mask", stillInMask, step.Then(
				step.Do("cpumask_clear_cpu", "no more flush interrupts for what is being left", func(c *step.Ctx) { c.S.MMCPUMask(c.F.MM).Clear(c.CPU) }),
				step.Do("load_cr3(swapper_pg_dir)", "the kernel's own root: nothing of the address space can be walked any more", func(c *step.Ctx) {
					writeCR3(c, machine.InitMM, 0, false)
					unborrowed(c)
				})), nil),
		},
	},
	{
		Name: "load_init_mm", Until: machine.V5_0,
		Source: "kernel/sched/core.c:idle_task_exit (4.4)",
		Doc:    "switch_mm(active_mm, &init_mm, current).",
		Body: step.Seq{step.Call("switch_mm").With(func(_, callee *machine.Frame) {
			callee.MM, callee.Next = machine.InitMM, machine.NoTask
		})},
	},
	{
		Name: "flush_tlb_mm_range", Until: machine.V4_4,
		Source: "arch/x86/mm/tlb.c:flush_tlb_mm (2.6.32)",
		Doc:    "Here first, then elsewhere; always everything: ranges came with 3.7.",
		Body: append(step.Seq{step.Do("TLB_FLUSH_ALL", "this release flushes ranges as a whole", func(c *step.Ctx) { c.F.N = machine.FlushAll })},
			oldFlush(step.Then(step.Do("local_flush_tlb", "this CPU first: CR3 is written again", flushLocal)), nil)...),
	},
	{
		Name: "flush_tlb_mm_range", Since: machine.V4_4, Until: machine.V5_0,
		Source: "arch/x86/mm/tlb.c:flush_tlb_mm_range (4.4)",
		Doc:    "Here first, then elsewhere. Up to 33 pages one by one, more than that as a whole.",
		Body: oldFlush(step.Then(
			step.If("everything, or too many pages", func(c *step.Ctx) bool { return flushAll(c.F.N) },
				step.Then(step.Do("local_flush_tlb", "this CPU first: CR3 is written again", flushLocal)),
				step.Else(step.Do("__flush_tlb_single", "this CPU first: page by page", func(c *step.Ctx) {
					flushPages(c, uint32(c.F.Val), uint32(c.F.Val2))
					c.Barrier()
				})))),
			step.Then(flushEverythingElsewhere)),
	},
	{
		Name: "flush_tlb_func", Until: machine.V5_0,
		Source: "arch/x86/mm/tlb.c:flush_tlb_func (4.4; smp_invalidate_interrupt in 2.6.32)",
		Doc:    "The interrupted CPU flushes, or leaves if it only borrows. A lazy CPU is thus interrupted once and then never again.",
		Body: step.Seq{
			step.If("another address space is active here", func(c *step.Ctx) bool { return c.F.MM != tlb(c).LoadedMM }, step.Then(step.Return()), nil),
			step.If("TLBSTATE_LAZY", func(c *step.Ctx) bool { return tlb(c).Lazy }, step.Then(step.Call("leave_mm"), step.Return()), nil),
			step.Do("flush_info", "what the sender wants flushed; it waits, so its note stands still", func(c *step.Ctx) {
				from := &c.S.CPUs[c.F.CPU]
				c.F.N, c.F.Val, c.F.Val2 = from.CallPages, uint64(from.CallChange), uint64(from.CallTables)
			}),
			step.If("everything", func(c *step.Ctx) bool { return flushAll(c.F.N) },
				step.Then(step.Do("local_flush_tlb", "all user entries go", flushLocal)),
				step.Else(step.Do("__flush_tlb_single", "page by page", func(c *step.Ctx) {
					flushPages(c, uint32(c.F.Val), uint32(c.F.Val2))
				}))),
		},
	},
}

// unborrowed takes back what the generic half counted when the running kernel task borrowed.
func unborrowed(c *step.Ctx) {
	if t := c.Task(); t.Kind != machine.UserTask && t.ActiveMM != machine.InitMM && c.Stats.LoadsAvoided > 0 {
		c.Stats.LoadsAvoided--
	}
}
