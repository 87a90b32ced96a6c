package arm64

import (
	"slices"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// The variations below are kernels with a bug, historical or seeded, for kernel.Link to put in the
// place of the intact paths.

// XchgFastPath is the fast path up to 4.15 in later releases (fixed by a8ffaaa060b8; 4.4 has it anyway): a zero that a rollover left in
// active_asids is overwritten, so the next rollover takes a stale id for the one in use.
func XchgFastPath() []*step.Path {
	return withSwitch("4.14", func(s *switching) { s.fast = fastXchg })
}

// RootBeforeASID writes the root while the ASID is still the old one's (seeded): a walk in between
// files what it finds under somebody else's ASID.
func RootBeforeASID() []*step.Path {
	return withSwitch("broken", func(s *switching) { s.regs = rootFirst })
}

// SharedRootKept leaves the old root in TTBR0 while its ASID is given up, although other CPUs share our
// TLB entries (seeded; it matters with CnP only).
func SharedRootKept() []*step.Path {
	return withSwitch("broken", func(s *switching) { s.keepRoot = true })
}

// withSwitch returns switch_mm_irqs_off of the releases that have it, changed by change.
func withSwitch(read string, change func(*switching)) []*step.Path {
	s50, s612 := switch50, switch612
	change(&s50)
	change(&s612)
	return slices.Concat(
		s50.paths(machine.V5_0, machine.V6_12, "switch_mm_irqs_off", switchSource, read),
		s612.paths(machine.V6_12, 0, "switch_mm_irqs_off", switchSource, read),
	)
}

func rootFirst(hw hardwareASID) step.Seq {
	return step.Seq{
		step.Do("write_sysreg(ttbr0_el1)", "too early: the ASID is still that of the old root", writeRoot),
		step.Do("write_sysreg(ttbr1_el1)", "too late: a walk may have gone through the new root already", func(c *step.Ctx) {
			arm(c).HWASID = asidOf(c, hw)
		}),
	}
}

// withAllocator returns new_context and flush_context of every release, each changed by change.
func withAllocator(doc string, change func(*allocator)) []*step.Path {
	a44, a50, a61 := alloc44, alloc50KPTI, alloc61
	change(&a44)
	change(&a50)
	change(&a61)
	early := func(c *machine.Config) bool { return c.Release < machine.V6_1 && !c.KPTI }
	pairs := func(c *machine.Config) bool { return c.Release < machine.V6_1 && c.KPTI }
	late := func(c *machine.Config) bool { return c.Release >= machine.V6_1 }
	var all []*step.Path
	for _, v := range []struct {
		a     allocator
		reset func(*step.Ctx)
		only  func(*machine.Config) bool
	}{{a44, clearMap, early}, {a50, clearMap, pairs}, {a61, keepPinned, late}} {
		all = append(all,
			&step.Path{Name: "new_context", Since: machine.V4_4, Only: v.only, Source: "arch/arm64/mm/context.c:new_context, broken", Doc: doc, Body: v.a.newContext()},
			&step.Path{Name: "flush_context", Since: machine.V4_4, Only: v.only, Source: "arch/arm64/mm/context.c:flush_context, broken", Doc: doc, Body: v.a.flushContext(v.reset)})
	}
	return all
}

// FirstReservedOnly renews only the first copy of a reserved id (up to 4.3): a CPU whose copy
// went stale loses its reservation at the rollover after next.
func FirstReservedOnly() []*step.Path {
	return withAllocator("The search for a reserved id stops at the first match.", func(a *allocator) { a.updateAll = false })
}

// NoReserved forgets at a rollover what CPUs run on (seeded).
func NoReserved() []*step.Path {
	return withAllocator("A rollover keeps nothing for CPUs that go on running what they ran.", func(a *allocator) { a.reserve = false })
}

// FlushAtRollover flushes all TLBs in the rollover, not each one before its CPU runs on a new number
// (seeded). A CPU that is between active_asids and TTBR0 still walks a root whose number nobody keeps.
func FlushAtRollover() []*step.Path {
	return withAllocator("A rollover flushes all TLBs by broadcast, and no CPU owes a flush afterwards.", func(a *allocator) { a.flushAtOnce = true })
}

// all16 is what a CPU with 16-bit ASIDs makes of an id: all that fits.
func all16(_ *machine.Config, id uint64) uint32 { return uint32(id & 0xffff) }

// GenerationInHardware is a kernel with 8-bit ASIDs (or fewer) in a virtual machine whose CPUs have 16
// bits, before c0900d15d31c: the generation begins right above the number, its low bits reach
// the hardware, and threads of one process run and flush under different ASIDs after a rollover.
func GenerationInHardware() []*step.Path {
	s44, s50, s612 := switch44, switch50, switch612
	s44.hw, s50.hw, s612.hw = all16, all16, all16
	all := withAllocator("The generation's step is 1 << asid_bits.", func(a *allocator) { a.step = lowStep })
	all = slices.Concat(all,
		s44.paths(machine.V4_4, machine.V5_0, "switch_mm", switchSource, "4.4"),
		s50.paths(machine.V5_0, machine.V6_12, "switch_mm_irqs_off", switchSource, "4.20, 6.1"),
		s612.paths(machine.V6_12, 0, "switch_mm_irqs_off", switchSource, "6.12"))
	return append(all, flushVariation(readASID(all16))...)
}

func flushVariation(asid step.Node) []*step.Path {
	return []*step.Path{
		{Name: "flush_tlb_mm_range", Since: machine.V4_4, Only: withoutKPTI, Source: "arch/arm64/include/asm/tlbflush.h:__flush_tlb_range, broken", Doc: flushDoc, Body: flushBody(asid, wholeFrom512, false)},
		{Name: "flush_tlb_mm_range", Since: machine.V5_0, Only: withKPTI, Source: "arch/arm64/include/asm/tlbflush.h:__flush_tlb_range, broken", Doc: flushDoc, Body: flushBody(asid, wholeFrom512, true)},
	}
}

// earlyShift: where the stale ASID stands in State, above the flags of unmap_region.
const earlyShift = 16

// StaleTLBI reads the ASID for the invalidation before the entries are cleared (up to 5.14, fixed by 5e10f9887ed8: nothing
// ordered the two). If a rollover gives the mm another ASID in between, that one is never invalidated.
func StaleTLBI() []*step.Path {
	var unmap step.Path
	for _, p := range kernel.Paths() {
		if p.Name == "unmap_region" {
			unmap = *p
		}
	}
	unmap.Doc = "munmap whose TLBI uses an ASID that was read before the entries were cleared."
	unmap.Body = append(step.Seq{
		step.Do("ASID(mm)", "read too early: the mm may get another ASID before the entries are cleared", func(c *step.Ctx) {
			c.F.State |= number(&c.S.Config, c.MM(c.Task().MM).ContextID) << earlyShift
		}),
	}, unmap.Body...)
	early := step.Do("ASID(mm)", "what was read before the entries were cleared", func(c *step.Ctx) {
		if asid := c.F.State >> earlyShift; asid != 0 {
			c.F.State = asid
			return
		}
		c.F.State = asidOf(c, number)
	})
	return append(flushVariation(early), &unmap)
}
