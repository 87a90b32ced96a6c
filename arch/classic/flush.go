package classic

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// rangeCeiling is tlb_single_page_flush_ceiling: above it a whole flush is cheaper.
const rangeCeiling = 33

func flushHere(c *step.Ctx, change, tables uint64, pages int32) {
	if pages == machine.FlushAll || pages > rangeCeiling {
		c.S.FlushTLB(c.CPU)
		c.Stats.FullFlushes++
		return
	}
	c.S.FlushChange(c.CPU, 0, c.MM(c.F.MM), uint32(change), uint32(tables))
	c.Stats.RangedFlushes++
}

var flushPaths = []*step.Path{
	{
		Name:   "flush_tlb_mm_range",
		Source: "arch/x86/mm/tlb.c:flush_tlb_mm_range (i386, 4.4)",
		Doc:    "Flushes here if the root is loaded here, then on every CPU in mm_cpumask, borrowers included. Departs: 2.6.32 flushes one page or all of them; a borrower of i386 leaves the root instead of flushing it.",
		Body: step.Seq{
			step.Do("preempt_disable", "what the others are told stands in a note of this CPU: no other task may run here before they have read it", func(c *step.Ctx) { c.C.Preempt++ }),
			step.If("the root is loaded here", rootLoaded, step.Then(
				step.Do("__flush_tlb_single", "this CPU first", func(c *step.Ctx) { flushHere(c, c.F.Val, c.F.Val2, c.F.N) })), nil),
			kernel.Send("flush_tlb_others", "then every CPU that may have the root loaded, lazily or not", func(c *step.Ctx) {
				c.C.CallMM, c.C.CallPages = c.F.MM, c.F.N
				c.C.CallChange, c.C.CallTables = uint32(c.F.Val), uint32(c.F.Val2)
				c.Barrier()
				mask := c.S.MMCPUMask(c.F.MM)
				kernel.CallOthers(c, machine.CallFlushTLB, mask.Has)
			}),
			kernel.WaitForCalls(),
			step.Do("preempt_enable", "the flush is over on every CPU that mattered", func(c *step.Ctx) { c.C.Preempt-- }),
		},
	},
	{
		Name:   "flush_tlb_func",
		Source: "arch/x86/mm/tlb.c:flush_tlb_func (i386, 4.4)",
		Doc:    "The interrupted CPU flushes if it still has that root. Departs: a borrower of i386 leaves it (leave_mm).",
		Body: step.Seq{
			step.If("the root is loaded here", rootLoaded, step.Then(
				step.Do("__flush_tlb", "what was unmapped may be cached here", func(c *step.Ctx) {
					from := &c.S.CPUs[c.F.CPU]
					flushHere(c, uint64(from.CallChange), uint64(from.CallTables), from.CallPages)
				})), nil),
		},
	},
}
