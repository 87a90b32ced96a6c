package x86

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// rangeCeiling is tlb_single_page_flush_ceiling: more pages than this are flushed as a whole.
const rangeCeiling = 33

// Bits of Frame.State in flush_tlb_mm_range.
const (
	othersToo = 1 << iota // another CPU is in the mask
	trimMask              // CPUs that have another address space loaded shall be asked as well
)

func flushReaches(bit uint32) func(*step.Ctx) bool {
	return func(c *step.Ctx) bool { return c.F.State&bit != 0 }
}

// newGen makes a new generation, of which tell says what is to be flushed for it.
func newGen(tell func(c *step.Ctx, gen uint64)) step.Node {
	return step.Do("inc_mm_tlb_gen", "a new generation, and the barrier between clearing entries and looking for CPUs", func(c *step.Ctx) {
		mm := c.MM(c.F.MM)
		mm.TLBGen++
		tell(c, mm.TLBGen)
		c.Barrier()
	})
}

var incGen = newGen(func(c *step.Ctx, gen uint64) {
	layDownFlush(c)
	c.C.CallGen = gen
})

var flushHere = step.Seq{
	step.Do("local_irq_disable", "a switch or another flush must not come between", func(c *step.Ctx) {
		c.C.IRQOff = true
		c.F.CPU = c.CPU
	}),
	step.Call("flush_tlb_func"),
	step.Do("local_irq_enable", "this CPU is up to date", func(c *step.Ctx) { c.C.IRQOff = false }),
}

// flushHereFirst is flush_tlb_mm_range up to 5.10: this CPU, and only then the others.
func flushHereFirst(others func(*step.Ctx)) step.Seq {
	return step.Seq{
		incGen,
		step.If("mm is loaded here", nextIsLoaded, flushHere, nil),
		step.Do("flush_tlb_others", "then the CPUs in the mask that may use the old entries", others),
		kernel.WaitForCalls(),
		putInfo,
	}
}

// unlessLazy asks the CPUs in the mask; a lazy one only when page tables go, since its page walker may
// still read them although nobody uses what it finds.
func unlessLazy(c *step.Ctx) { askUnlessLazy(c, c.C.CallTables != 0) }

func askUnlessLazy(c *step.Ctx, tables bool) {
	mask := c.S.MMCPUMask(c.F.MM)
	kernel.CallOthers(c, machine.CallFlushTLB, func(cpu machine.CPUID) bool {
		return mask.Has(cpu) && (tables || !c.S.X86[cpu].Lazy)
	})
}

// shouldFlush is should_flush_tlb: what a CPU in the mask must look like to be asked.
func shouldFlush(c *step.Ctx, cpu machine.CPUID) bool {
	t := &c.S.X86[cpu]
	switch {
	case t.Lazy:
		return false
	case t.LoadedMM == machine.SwitchingMM, t.LoadedMM == c.F.MM:
		return true
	}
	return c.F.State&trimMask != 0
}

func flushMulti(c *step.Ctx) { askMulti(c, c.C.CallTables != 0) }

func askMulti(c *step.Ctx, tables bool) {
	mask := c.S.MMCPUMask(c.F.MM)
	kernel.CallOthers(c, machine.CallFlushTLB, func(cpu machine.CPUID) bool {
		return mask.Has(cpu) && (tables || shouldFlush(c, cpu))
	})
}

func lookAtMask(c *step.Ctx) {
	mask := c.S.MMCPUMask(c.F.MM)
	n := mask.Count()
	if mask.Has(c.CPU) {
		n--
	}
	if n > 0 {
		c.F.State |= othersToo
	}
}

// hereToo: beside others this CPU is one of the mask and judged like them; alone it flushes if it has
// mm loaded.
func hereToo(c *step.Ctx) bool {
	if c.F.State&othersToo == 0 {
		return nextIsLoaded(c)
	}
	return maskBit(c, c.F.MM) && (c.C.CallTables != 0 || shouldFlush(c, c.CPU))
}

// flushTogether is flush_tlb_mm_range since 5.13: this CPU flushes while the others do, after it has asked
// them and before it waits (kernel/smp.c:smp_call_function_many_cond, SCF_RUN_LOCAL).
func flushTogether(send func(*step.Ctx)) step.Seq {
	ask := step.Then(step.Do("native_flush_tlb_multi", "CPUs that may use the old entries are interrupted; lazy ones only when page tables go", send))
	return step.Seq{
		incGen,
		step.Do("cpumask_any_but(mm_cpumask(mm), cpu)", "read after the generation: who joins later sees that", lookAtMask),
		step.If("other CPUs are in the mask", flushReaches(othersToo), ask, nil),
		step.If("this CPU too", hereToo, flushHere, nil),
		step.If("other CPUs are in the mask", flushReaches(othersToo), step.Then(kernel.WaitForCalls()), nil),
		putInfo,
	}
}

func otherLoaded(c *step.Ctx) bool { return tlb(c).LoadedMM != c.F.MM }
func otherRemote(c *step.Ctx) bool { return c.F.CPU != c.CPU && otherLoaded(c) }
func satisfied(c *step.Ctx) bool   { return wantedGen(c.F) <= localGen(c) }
func caughtUp(c *step.Ctx) bool    { return localGen(c) == mmGen(c.F) }
func isLazy(c *step.Ctx) bool      { return tlb(c).Lazy }
func onlyThisRange(c *step.Ctx) bool {
	want := wantedGen(c.F)
	return !flushAll(c.F.N) && want == localGen(c)+1 && want == mmGen(c.F)
}

func localGen(c *step.Ctx) uint64 {
	t := tlb(c)
	return t.Ctxs[t.ASID].TLBGen
}

var leaveInstead = step.If("this CPU only borrows it", isLazy, step.Then(
	step.Do("is_lazy", "page tables go: what the walker has cached of them must too, and leaving costs no more than flushing", unborrowed),
	step.Call("switch_mm_irqs_off").With(toInitMM),
	step.Return()), nil)

var readGen = step.Do("loaded_mm->context.tlb_gen", "how new the address space is by now; perhaps newer than what is asked for", func(c *step.Ctx) {
	gen := c.MM(tlb(c).LoadedMM).TLBGen
	setMMGen(c.F, gen)
	if localGen(c) > gen {
		c.Broken("I12", "WARN_ON: the TLB is newer than its address space")
	}
	if wantedGen(c.F) > gen && tlb(c).LoadedMM == c.F.MM {
		c.Broken("I12", "WARN_ON: a flush asks for a generation that does not exist yet")
	}
})

// catchUp does the flush. Ranges are enough only for the one generation that this CPU lacks: an older
// one may have asked for everything.
func catchUp(ranged func(*step.Ctx) bool) step.Seq {
	return step.Seq{
		step.If("one range is all that this CPU lacks", ranged,
			step.Then(step.Do("flush_tlb_one_user", "page by page", func(c *step.Ctx) {
				flushPages(c, flushedChange(c.F), flushedTables(c.F))
			})),
			step.Else(step.Do("flush_tlb_local", "everything under this tag: some generation in between may have asked for it", flushLocal))),
		step.Do("ctxs[asid].tlb_gen = mm_tlb_gen", "all that was cleared up to this generation is out of this TLB", func(c *step.Ctx) {
			t := tlb(c)
			t.Ctxs[t.ASID].TLBGen = mmGen(c.F)
		}),
	}
}

func flushFunc(read func(*step.Ctx), wrong, shortcut step.Seq, ranged func(*step.Ctx) bool) step.Seq {
	s := step.Seq{step.Do("flush_tlb_info", "what the sender wants; it waits, so its note stands still", read)}
	s = append(s, wrong...)
	s = append(s, step.If("init_mm is loaded", initLoaded, step.Then(step.Return()), nil), leaveInstead)
	s = append(s, shortcut...)
	s = append(s, readGen, step.If("it is up to date already", caughtUp, step.Then(step.Return()), nil))
	return append(s, catchUp(ranged)...)
}

var (
	notOurs = step.Seq{step.If("asked by another CPU, but something else is loaded", otherRemote, step.Then(step.Return()), nil)}

	notOursTrim = step.Seq{step.If("something else is loaded", otherLoaded, step.Then(
		step.Do("cpumask_clear_cpu", "the bit is a leftover: whoever flushes next need not ask this CPU", func(c *step.Ctx) {
			c.S.MMCPUMask(c.F.MM).Clear(c.CPU)
		}),
		step.Return()), nil)}

	doneAlready = step.Seq{step.If("an earlier flush brought this CPU as far", satisfied, step.Then(step.Return()), nil)}
)

var flushPaths = []*step.Path{
	{
		Name: "flush_tlb_mm_range", Since: machine.V5_0, Until: machine.V6_1,
		Source: "arch/x86/mm/tlb.c:flush_tlb_mm_range, native_flush_tlb_others (4.20)",
		Doc:    "Here first, then on the CPUs in the mask; lazy ones are skipped unless page tables are freed.",
		Body:   flushHereFirst(unlessLazy),
	},
	{
		Name: "flush_tlb_mm_range", Since: machine.V6_1, Until: machine.V7_3,
		Source: "arch/x86/mm/tlb.c:flush_tlb_mm_range, native_flush_tlb_multi, should_flush_tlb (6.1.192, 6.12.117)",
		Doc:    "Here and on the CPUs in the mask at once; lazy ones are skipped unless page tables are freed. Departs: loaded_mm and is_lazy of a CPU are read at one instant, and trim_cpumask is left out, since in these releases it only adds interrupts.",
		Body:   flushTogether(flushMulti),
	},
	{
		Name: "flush_tlb_mm_range", Since: machine.V7_3,
		Source: "arch/x86/mm/tlb.c:flush_tlb_mm_range, native_flush_tlb_multi, should_flush_tlb; kernel/smp.c:smp_call_function_many_cond (7.3)",
		Doc:    "Here and on the CPUs in the mask at once; lazy ones are skipped unless page tables are freed, those with another address space unless the mask is trimmed. The task may be preempted and moved before it asks, and while it waits for the answers. Departs: there is no clock, so whether a second has passed is a choice; loaded_mm and is_lazy of a CPU are read at one instant; no global ASIDs, and so no broadcast_tlb_flush.",
		Body:   flushPreempted(infoOnStack, flushMulti),
	},
	{
		Name: "flush_tlb_func", Since: machine.V5_0, Until: machine.V6_1,
		Source: "arch/x86/mm/tlb.c:flush_tlb_func_common, flush_tlb_func_remote (4.20)",
		Doc:    "Brings this CPU up to the generation that the address space has.",
		Body:   flushFunc(readNote, notOurs, nil, onlyThisRange),
	},
	{
		Name: "flush_tlb_func", Since: machine.V6_1, Until: machine.V7_3,
		Source: "arch/x86/mm/tlb.c:flush_tlb_func (6.1, 6.12)",
		Doc:    "Brings this CPU up to the generation that the address space has.",
		Body:   flushFunc(readNote, notOurs, doneAlready, onlyThisRange),
	},
	{
		Name: "flush_tlb_func", Since: machine.V7_3,
		Source: "arch/x86/mm/tlb.c:flush_tlb_func (7.3)",
		Doc:    "Brings this CPU up to the generation that the address space has, or takes it off a mask that it no longer belongs to.",
		Body:   flushFunc(readInfo, notOursTrim, doneAlready, onlyThisRange),
	},
}
