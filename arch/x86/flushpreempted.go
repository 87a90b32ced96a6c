package x86

import (
	"switchyard/kernel"
	"switchyard/step"
)

// flushPreempted is flush_tlb_mm_range of 7.3: the task may be moved to another CPU after it has looked at
// the mask, and asks from there.
func flushPreempted(send func(*step.Ctx)) step.Seq {
	elsewhere := step.Seq{
		shouldTrim,
		kernel.Send("native_flush_tlb_multi", "CPUs that may use the old entries are interrupted; lazy ones only when page tables go. Which one is not asked because it is this one is decided now", func(c *step.Ctx) {
			takeInfo(c)
			send(c)
		}),
		step.If("this CPU too", hereToo, flushHere, nil),
		kernel.WaitForCalls(),
	}
	return step.Seq{
		incGen,
		step.Do("cpumask_any_but(mm_cpumask(mm), cpu)", "read after the generation: who joins later sees that", lookAtMask),
		step.If("other CPUs are in the mask", flushReaches(othersToo), elsewhere,
			step.Else(step.If("mm is loaded here", nextIsLoaded, flushHere, nil))),
		putInfo,
	}
}

var shouldTrim = step.Choose("should_trim_cpumask", "preemption is on again; once a second CPUs that have left for another address space are asked too, to take themselves off the mask",
	func(*step.Ctx) int { return 2 },
	func(c *step.Ctx) {
		if c.Choice == 1 {
			c.F.State |= trimMask
		}
		keepInfo(c)
	})

// flush_tlb_info of 7.3 is on the stack of whoever flushes. While that task may be moved, Val2 has the
// generation in its upper half.

func keepInfo(c *step.Ctx) {
	c.F.Val2 |= c.C.CallGen << 32
	putFlushInfo(c)
}

func takeInfo(c *step.Ctx) {
	f := c.F
	gen := f.Val2 >> 32
	f.Val2 &= 1<<32 - 1
	c.C.Preempt++
	c.C.CallMM, c.C.CallPages, c.C.CallGen = f.MM, f.N, gen
	c.C.CallChange, c.C.CallTables = uint32(f.Val), uint32(f.Val2)
}
