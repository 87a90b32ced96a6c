package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

// A TLBI instruction with "is" in its name reaches every CPU by itself: no interrupt is sent, and
// mm_cpumask is not kept. One exception in 7.3 is left out: on chips whose SME unit may go on using an old
// translation (ARM64_ERRATUM_4193714) a CPU in user mode with SME is in the mask, and is interrupted after
// the dsb (sme_do_dvmsync).

// limits on the number of pages that are invalidated one by one.
func wholeOver1024(c *step.Ctx) bool { return c.F.N == machine.FlushAll || c.F.N > 1024 }
func wholeFrom512(c *step.Ctx) bool  { return c.F.N == machine.FlushAll || c.F.N >= 512 }

// tlbs is how many TLBs a broadcast reaches.
func tlbs(s *machine.State) int {
	if s.Config.CnP {
		return 1
	}
	return len(s.CPUs)
}

// readASID leaves in State what the TLBI will name.
func readASID(hw hardwareASID) step.Node {
	return step.Do("ASID(mm)", "read once, and after the cleared entries are visible (dsb ishst): should the mm get another ASID now, walks under that one see them cleared", func(c *step.Ctx) {
		c.F.State = asidOf(c, hw)
	})
}

// tlbiASID is tlbi aside1is. The broadcast counts as one flush, for one instruction makes it.
func tlbiASID(pair bool) func(*step.Ctx) {
	return func(c *step.Ctx) {
		for i := range tlbs(c.S) {
			c.S.FlushTag(machine.CPUID(i), c.F.State)
			if pair {
				c.S.FlushTag(machine.CPUID(i), c.F.State|userASID)
			}
		}
		c.Stats.FullFlushes++
	}
}

// tlbiVA is tlbi vae1is, page by page.
func tlbiVA(pair bool) func(*step.Ctx) {
	return func(c *step.Ctx) {
		mm, change, tables := c.MM(c.F.MM), uint32(c.F.Val), uint32(c.F.Val2)
		for i := range tlbs(c.S) {
			c.S.FlushChange(machine.CPUID(i), c.F.State, mm, change, tables)
			if pair {
				c.S.FlushChange(machine.CPUID(i), c.F.State|userASID, mm, change, tables)
			}
		}
		c.Stats.RangedFlushes++
	}
}

func flushBody(asid step.Node, whole func(*step.Ctx) bool, pair bool) step.Seq {
	why := "every CPU drops what it holds under this ASID"
	whyVA := "every CPU drops these pages under this ASID"
	if pair {
		why += ", and under the user's of the pair"
		whyVA += ", and under the user's of the pair"
	}
	return step.Seq{
		asid,
		step.If("more pages than are worth an instruction each", whole,
			step.Then(step.Do("__tlbi(aside1is)", why, tlbiASID(pair))),
			step.Else(step.Do("__tlbi(vae1is)", whyVA, tlbiVA(pair)))),
		step.Do("dsb(ish)", "the invalidations are complete on every CPU", (*step.Ctx).Barrier),
	}
}

const flushDoc = "Invalidates N pages of MM on every CPU at once, by broadcast. "

var tlbiPaths = []*step.Path{
	{
		Name: "flush_tlb_mm_range", Since: machine.V4_4, Until: machine.V6_1, Only: withoutKPTI,
		Source: "arch/arm64/include/asm/tlbflush.h:__flush_tlb_range, flush_tlb_mm (4.4, 4.20)",
		Doc:    flushDoc + "More than 1024 pages cost the whole ASID. Departs: up to 5.14 the ASID was not read as one atomic value (fixed by 5e10f9887ed8); the machine reads it so in every release.",
		Body:   flushBody(readASID(number), wholeOver1024, false),
	},
	{
		Name: "flush_tlb_mm_range", Since: machine.V5_0, Until: machine.V6_1, Only: withKPTI,
		Source: "arch/arm64/include/asm/tlbflush.h:__flush_tlb_range, flush_tlb_mm (4.20, KPTI)",
		Doc:    flushDoc + "More than 1024 pages cost the whole ASID. Departs: up to 5.14 the ASID was not read as one atomic value (fixed by 5e10f9887ed8); the machine reads it so in every release.",
		Body:   flushBody(readASID(number), wholeOver1024, true),
	},
	{
		Name: "flush_tlb_mm_range", Since: machine.V6_1, Only: withoutKPTI,
		Source: "arch/arm64/include/asm/tlbflush.h:__flush_tlb_range, flush_tlb_mm (6.1, 6.12; __do_flush_tlb_range in 7.3)",
		Doc:    flushDoc + "MAX_DVM_OPS (MAX_TLBI_OPS in 6.1) pages, 512 with 4 KiB pages, cost the whole ASID. Departs: instructions that take a range (FEAT_TLBIRANGE) are left out, and the repeated TLBI of some errata.",
		Body:   flushBody(readASID(number), wholeFrom512, false),
	},
	{
		Name: "flush_tlb_mm_range", Since: machine.V6_1, Only: withKPTI,
		Source: "arch/arm64/include/asm/tlbflush.h:__flush_tlb_range, flush_tlb_mm (6.1, 6.12; __do_flush_tlb_range in 7.3; KPTI)",
		Doc:    flushDoc + "MAX_DVM_OPS (MAX_TLBI_OPS in 6.1) pages, 512 with 4 KiB pages, cost the whole ASID. Departs: instructions that take a range (FEAT_TLBIRANGE) are left out, and the repeated TLBI of some errata.",
		Body:   flushBody(readASID(number), wholeFrom512, true),
	},
	{
		Name: "flush_tlb_func", Since: machine.V4_4,
		Source: "none: TLBI instructions are broadcast",
		Doc:    "Never asked for on this architecture.",
		Body: step.Seq{step.Ours("flush_tlb_func", "no CPU asks another one to flush here", func(c *step.Ctx) {
			c.Broken("I23", "a CPU was interrupted to flush its TLB, which this architecture never does")
		})},
	},
}
