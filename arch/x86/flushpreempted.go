package x86

import (
	"switchyard/kernel"
	"switchyard/step"
)

// In 7.3 flush_tlb_mm_range (arch/x86/mm/tlb.c) has its flush_tlb_info on its stack, and preemption is off in two
// stretches only. The first, get_cpu to put_cpu, is from the new generation to the look at the mask, and has the flush of
// this CPU where no other one is in it. The second is smp_call_function_many_cond's (kernel/smp.c): the choice of CPUs,
// the requests and the flush of the CPU that the task is on by then. Between the two, and while it waits for the
// answers, the task may be preempted and moved.

// flushPreempted is flush_tlb_mm_range of 7.3; info says what is to be flushed.
func flushPreempted(info func(c *step.Ctx, gen uint64), send func(*step.Ctx)) step.Seq {
	elsewhere := append(step.Seq{
		shouldTrim,
		kernel.Send("native_flush_tlb_multi", "CPUs that may use the old entries are interrupted; lazy ones only when page tables go. Which one is not asked because it is this one is decided now", func(c *step.Ctx) {
			c.C.Preempt++
			tellInfo(c)
			send(c)
		}),
		step.If("this CPU too", hereToo, flushHere, nil),
	}, kernel.WaitPreemptibly()...)
	return step.Seq{
		newGen(info),
		step.Do("cpumask_any_but(mm_cpumask(mm), cpu)", "read after the generation: who joins later sees that", lookAtMask),
		step.If("other CPUs are in the mask", flushReaches(othersToo), elsewhere, step.Else(
			step.If("mm is loaded here", nextIsLoaded, flushHere, nil),
			step.Do("put_cpu", "no other CPU was in the mask: this one has seen to all of it", func(c *step.Ctx) { c.C.Preempt-- }))),
	}
}

var shouldTrim = step.Choose("should_trim_cpumask", "preemption is on again; once a second CPUs that have left for another address space are asked too, to take themselves off the mask",
	func(*step.Ctx) int { return 2 },
	func(c *step.Ctx) {
		if c.Choice == 1 {
			c.F.State |= trimMask
		}
		c.C.Preempt--
	})

// infoOnStack is get_cpu and init_flush_tlb_info. It lays the frame of flush_tlb_mm_range out as that of flush_tlb_func.
func infoOnStack(c *step.Ctx, gen uint64) {
	f := c.F
	c.C.Preempt++
	f.N, f.State = wholeAbove(f.N), 0
	packFlushInfo(f, gen, uint32(f.Val), uint32(f.Val2))
}

// tellInfo gives the others what they find at csd->info.
func tellInfo(c *step.Ctx) {
	f := c.F
	c.C.CallMM, c.C.CallPages, c.C.CallGen = f.MM, f.N, wantedGen(f)
	c.C.CallChange, c.C.CallTables = flushedChange(f), flushedTables(f)
}

// readInfo: where this CPU's own task flushes, what it wants came in the frame.
func readInfo(c *step.Ctx) {
	if c.F.CPU != c.CPU {
		readNote(c)
	}
}
