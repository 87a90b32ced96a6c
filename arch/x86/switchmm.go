package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

// The switch since 4.14. What the scheduler calls prev is ignored: loaded_mm knows better, because a
// flush may have moved this CPU to init_mm meanwhile. In the frame OldMM is the scheduler's prev up to
// cond_mitigation and loaded_mm after it.

func nextIsLoaded(c *step.Ctx) bool { return tlb(c).LoadedMM == c.F.MM }
func cameLazily(c *step.Ctx) bool   { return c.F.State&wasLazy != 0 }
func mustFlush(c *step.Ctx) bool    { return c.F.State&needFlush != 0 }
func notInit(c *step.Ctx) bool      { return c.F.MM != machine.InitMM }
func prevNotInit(c *step.Ctx) bool  { return c.F.OldMM != machine.InitMM }

var (
	leaveLazy = step.Do("is_lazy = false", "whoever flushes must interrupt this CPU from now on", func(c *step.Ctx) {
		t := tlb(c)
		if !c.C.IRQOff {
			c.Broken("I12", "WARN_ON: switch_mm_irqs_off with interrupts on")
		}
		c.F.State = 0
		if t.Lazy {
			c.F.State, t.Lazy = wasLazy, false
		}
	})

	// revalidate: while this CPU was lazy flushes skipped it, and only the generation tells.
	revalidate = step.Do("next->context.tlb_gen", "flushes skipped this CPU while it was lazy: is its TLB still as new as the address space", func(c *step.Ctx) {
		t := tlb(c)
		c.Barrier()
		c.F.Val, c.F.N = c.MM(c.F.MM).TLBGen, int32(t.ASID)
		if t.Ctxs[t.ASID].TLBGen != c.F.Val {
			c.F.State |= needFlush
			reloaded(c)
		}
	})

	mitigate = step.Do("cond_mitigation", "branch predictors learnt from another process are forgotten; kernel tasks in between do not count", condMitigation)

	switching = step.Do("loaded_mm = LOADED_MM_SWITCHING", "while mask and CR3 change nobody can tell what is loaded", func(c *step.Ctx) {
		tlb(c).LoadedMM = machine.SwitchingMM
	})

	quitPrev = step.If("prev is not init_mm", prevNotInit, step.Then(
		step.Do("cpumask_clear_cpu(cpu, mm_cpumask(prev))", "prev's flushes stop here; what its tag still holds is caught by the generation", clearPrevBit)), nil)

	joinNext = step.If("next is not init_mm", notInit, step.Then(joinMaskOf), nil)

	joinMaskOf = step.Do("cpumask_set_cpu(cpu, mm_cpumask(next))", "first in the mask, then read the generation: either the flusher sees us or we see its change", setMaskBit)

	barrierInstead = step.Do("smp_mb", "the bit was never cleared: the barrier that setting it would have been must stand here", (*step.Ctx).Barrier)

	choose = step.Do("choose_new_asid", "read how new the address space is; a slot that has it and is as new needs no flush", chooseNewASID)

	finishLoad = step.Seq{
		step.Do("load_new_mm_cr3", "root and tag in one write; with NOFLUSH what the tag holds is kept", loadNewMMCR3),
		step.Do("loaded_mm = next", "mask, CR3 and loaded_mm agree again", storeLoadedMM),
	}
)

func condMitigation(c *step.Ctx) {
	t, f := tlb(c), c.F
	if f.Next == machine.NoTask {
		f.OldMM = t.LoadedMM
		return
	}
	reloaded(c)
	f.OldMM = t.LoadedMM
	m := c.T(f.Next).MM
	if m == machine.NoMM || m == t.LastUserMM {
		return
	}
	if t.LastUserMM != machine.NoMM {
		c.Stats.IBPBs++
	}
	t.LastUserMM = m
}

var upToDate = step.If("nothing was flushed meanwhile", func(c *step.Ctx) bool { return !mustFlush(c) }, step.Then(step.Return()), nil)

var sameAgain = step.Seq{
	step.If("it was not lazy", func(c *step.Ctx) bool { return !cameLazily(c) }, step.Then(step.Return()), nil),
	revalidate,
	upToDate,
}

func switchBody(same, different step.Seq) step.Seq {
	return append(step.Seq{leaveLazy, step.If("next is loaded", nextIsLoaded, same, different)}, finishLoad...)
}

var (
	masksFirst     = step.Seq{mitigate, quitPrev, joinNext, choose, switching}
	switchingFirst = step.Seq{mitigate, switching, quitPrev, joinNext, choose}
	prevStays      = append(step.Seq{mitigate, switching}, keepBit(choose)...)
)

// keepBit is how 7.3 joins the mask: the bit is mostly set already.
func keepBit(choose step.Node) step.Seq {
	return step.Seq{
		step.If("next is not init_mm and lacks this CPU", lacksBit, step.Then(joinMaskOf), step.Else(barrierInstead)),
		choose,
	}
}

func lacksBit(c *step.Ctx) bool { return notInit(c) && !maskBit(c, c.F.MM) }

const mitigationDeparts = "Departs: what is counted as IBPB is what the always mode does, since no task here asks for it (TIF_SPEC_IB); CR4, the LDT and LAM are left out."

var switchMMPaths = []*step.Path{
	{
		Name: "switch_mm_irqs_off", Since: machine.V5_0, Until: machine.V6_1,
		Source: "arch/x86/mm/tlb.c:switch_mm_irqs_off (4.20)",
		Doc:    "Loads next, or nothing if it is loaded and new enough. " + mitigationDeparts,
		Body:   switchBody(sameAgain, masksFirst),
	},
	{
		Name: "switch_mm_irqs_off", Since: machine.V6_1, Until: machine.V7_3,
		Source: "arch/x86/mm/tlb.c:switch_mm_irqs_off (6.1.192, 6.12.117)",
		Doc:    "Loads next, or nothing if it is loaded and new enough. loaded_mm is unknown before the masks change (fix of 2025, in these stable kernels). " + mitigationDeparts,
		Body:   switchBody(sameAgain, switchingFirst),
	},
	{
		Name: "switch_mm_irqs_off", Since: machine.V7_3,
		Source: "arch/x86/mm/tlb.c:switch_mm_irqs_off, choose_new_asid, load_new_mm_cr3 (7.3)",
		Doc:    "Loads next, or nothing if it is loaded and new enough. The bit in prev's mask stays: a flush that finds it stale clears it. Departs: AMD's global ASIDs (INVLPGB), and with them the reload for an address space that has just got one, are left out. " + mitigationDeparts,
		Body:   switchBody(sameAgain, prevStays),
	},
	{
		Name: "switch_mm", Since: machine.V5_0,
		Source: "arch/x86/mm/tlb.c:switch_mm (6.1, 6.12, 7.3)",
		Doc:    "switch_mm_irqs_off for callers with interrupts on: a flush interrupt must not find the switch half done.",
		Body: step.Seq{
			step.If("interrupts are on", func(c *step.Ctx) bool { return !c.C.IRQOff },
				step.Then(
					step.Do("local_irq_save", "no flush interrupt may see half a switch", func(c *step.Ctx) { c.C.IRQOff = true }),
					step.Call("switch_mm_irqs_off"),
					step.Do("local_irq_restore", "what is loaded is known again", func(c *step.Ctx) { c.C.IRQOff = false })),
				step.Else(step.Call("switch_mm_irqs_off"))),
		},
	},
	{
		Name: "activate_mm", Since: machine.V5_0, Until: machine.V7_3,
		Source: "arch/x86/include/asm/mmu_context.h:activate_mm (6.1, 6.12)",
		Doc:    "The address space of a task that execs; no branch-predictor decision, since no other task comes.",
		Body:   step.Seq{step.Call("switch_mm").With(forNobody)},
	},
	{
		Name: "activate_mm", Since: machine.V7_3,
		Source: "arch/x86/include/asm/mmu_context.h:activate_mm (7.3)",
		Doc:    "The address space of a task that execs; no branch-predictor decision, since no other task comes. Interrupts are off already: exec_mmap leaves them so (ARCH_WANT_IRQS_OFF_ACTIVATE_MM).",
		Body:   step.Seq{step.Call("switch_mm_irqs_off").With(forNobody)},
	},
}

func forNobody(_, callee *machine.Frame) { callee.Next = machine.NoTask }

func toInitMM(_, callee *machine.Frame) { callee.MM, callee.Next = machine.InitMM, machine.NoTask }
