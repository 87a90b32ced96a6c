package x86

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

// Break is a machine with one rule taken out: a historical bug, or a rule that somebody may think
// superfluous. Its paths go in the place of their namesakes; they hold for the releases that they name.
type Break struct {
	Name  string
	Rule  string // the first rule that falls
	Doc   string // what was taken out, and what follows
	Paths []*step.Path
	// Needs narrows the configurations in which the rule matters; nil means all.
	Needs func(*machine.Config) bool
}

// Breaks lists the seeded and historical bugs of this port.
func Breaks() []Break {
	return []Break{
		{
			Name: "x86-mask-before-cr3", Rule: "I10",
			Doc: "Until 2011 prev's mask bit was cleared before CR3 was written (fixed by 831d52bc1539): a flush in between misses a CPU that still stands on the tables.",
			Paths: []*step.Path{{
				Name: "switch_mm", Until: machine.V5_0,
				Source: "arch/x86/include/asm/mmu_context.h:switch_mm (2.6.24)",
				Doc:    "Leaves prev's mask first.",
				Body:   switchMMBody(step.Seq{quitMask, stateOK, joinMask, load}),
			}},
		},
		{
			Name: "x86-lazy-keeps-freed-tables", Rule: "I10",
			Doc: "Lazy CPUs are skipped even when page tables are freed, as in the first lazy modes of 4.14-rc and 4.19-rc: their page walkers read memory that is no page table any more.",
			Paths: []*step.Path{
				{
					Name: "flush_tlb_mm_range", Since: machine.V5_0, Until: machine.V6_1, Source: "none: ours",
					Doc:  "Skips lazy CPUs always.",
					Body: flushHereFirst(alwaysUnlessLazy),
				},
				{
					Name: "flush_tlb_mm_range", Since: machine.V6_1, Until: machine.V7_3, Source: "none: ours",
					Doc:  "Skips lazy CPUs always.",
					Body: flushTogether(multiUnlessLazy),
				},
				{
					Name: "flush_tlb_mm_range", Since: machine.V7_3, Source: "none: ours",
					Doc:  "Skips lazy CPUs always.",
					Body: flushPreempted(infoOnStack, multiUnlessLazy),
				},
			},
		},
		{
			Name: "x86-range-skips-generation", Rule: "I23",
			Doc: "A ranged flush is done although an older generation is missing too, and the slot is then said to be current: the older flush is never made up for.",
			Paths: []*step.Path{
				rangedAnyway(machine.V5_0, machine.V6_1, readNote, notOurs, nil),
				rangedAnyway(machine.V6_1, machine.V7_3, readNote, notOurs, doneAlready),
				rangedAnyway(machine.V7_3, 0, readInfo, notOursTrim, doneAlready),
			},
		},
		{
			Name: "x86-flush-info-per-cpu", Rule: "I23",
			Doc: "Waits for a flush may be preempted as in 7.3, but what is to be flushed stands in a variable of the CPU as up to 6.12: the next task that flushes there writes over it before the CPUs that were asked have read it.",
			Paths: []*step.Path{{
				Name: "flush_tlb_mm_range", Since: machine.V7_3, Source: "none: ours",
				Doc: "Lays flush_tlb_info down on its CPU at once.",
				Body: flushPreempted(func(c *step.Ctx, gen uint64) {
					infoOnStack(c, gen)
					tellInfo(c)
				}, flushMulti),
			}},
			Needs: notEmptiedOnExit,
		},
		{
			Name: "x86-switching-after-mask", Rule: "I23",
			Doc: "loaded_mm still names prev while the CPU is in next's mask already (fixed by fea4e317f9e7): a flusher that trusts loaded_mm skips it.",
			Paths: []*step.Path{{
				Name: "switch_mm_irqs_off", Since: machine.V6_1, Until: machine.V7_3,
				Source: "arch/x86/mm/tlb.c:switch_mm_irqs_off (6.12, before the fix)",
				Doc:    "Masks first, LOADED_MM_SWITCHING last.",
				Body:   switchBody(sameAgain, masksFirst),
			}},
			Needs: withPCID,
		},
		{
			Name: "x86-no-barrier-for-kept-bit", Rule: "I23",
			Doc: "7.3 leaves bits in the mask, and with the atomic that set them went a barrier (fixed by 83b0177a6c48, CVE-2025-40174): the generation may be read before LOADED_MM_SWITCHING is seen, so a flusher skips this CPU for the address space that it comes from.",
			Paths: []*step.Path{{
				Name: "switch_mm_irqs_off", Since: machine.V7_3,
				Source: "arch/x86/mm/tlb.c:switch_mm_irqs_off (6.14, before the fix)",
				Doc:    "With the bit set already the generation is read first. Departs: the two accesses change places in the table, as a store buffer lets them in hardware.",
				Body: switchBody(sameAgain, step.Seq{mitigate, step.If("next is not init_mm and lacks this CPU", lacksBit,
					step.Then(switching, joinMaskOf, choose),
					step.Else(choose, switching))}),
			}},
			Needs: withPCID,
		},
		{
			Name: "x86-lazy-return-unchecked", Rule: "I23",
			Doc: "A CPU that comes back from lazy mode to the same address space does not compare generations, although flushes skipped it.",
			Paths: []*step.Path{
				lazyUnchecked(machine.V5_0, machine.V6_1, masksFirst),
				lazyUnchecked(machine.V6_1, machine.V7_3, switchingFirst),
				lazyUnchecked(machine.V7_3, 0, prevStays),
			},
		},
		{
			Name: "x86-slot-generation-ignored", Rule: "I23",
			Doc: "A slot that holds next is taken as good whatever its generation: what was flushed while next was away stays cached under its tag.",
			Paths: []*step.Path{
				slotUnchecked(machine.V5_0, machine.V6_1, step.Seq{mitigate, quitPrev, joinNext, chooseUnchecked, switching}),
				slotUnchecked(machine.V6_1, machine.V7_3, step.Seq{mitigate, switching, quitPrev, joinNext, chooseUnchecked}),
				slotUnchecked(machine.V7_3, 0, append(step.Seq{mitigate, switching}, keepBit(chooseUnchecked)...)),
			},
			Needs: withPCID,
		},
		{
			Name: "x86-generation-before-mask", Rule: "I23",
			Doc: "The generation is read before the CPU joins the mask: a flush in between is neither seen nor heard.",
			Paths: []*step.Path{
				genFirst(machine.V5_0, machine.V6_1, step.Seq{mitigate, quitPrev, choose, joinNext, switching}),
				genFirst(machine.V6_1, machine.V7_3, step.Seq{mitigate, switching, quitPrev, choose, joinNext}),
			},
			Needs: withPCID,
		},
		{
			Name: "x86-user-pcid-forgotten", Rule: "I23",
			Doc: "A flush leaves no note for the user PCID, so user code goes on with what it holds.",
			Paths: []*step.Path{{
				Name: "arch_exit_to_user_mode", Since: machine.V5_0, Source: "none: ours",
				Doc:  "Never empties the user PCID.",
				Body: step.Seq{step.Do("SWITCH_TO_USER_CR3", "deleted: user_pcid_flush_mask is not looked at", func(c *step.Ctx) { tlb(c).UserFlush = 0 })},
			}},
			Needs: isolated,
		},
	}
}

// notEmptiedOnExit: the way to user mode empties the TLB where there are two roots and no identifiers.
func notEmptiedOnExit(c *machine.Config) bool { return !isolatedU(c) }

func withPCID(c *machine.Config) bool { return c.PCID }

// HoldsFor reports whether the break means anything for a machine.
func (b *Break) HoldsFor(c *machine.Config) bool {
	if b.Needs != nil && !b.Needs(c) {
		return false
	}
	return slices.ContainsFunc(b.Paths, func(p *step.Path) bool { return p.Holds(c) })
}

func alwaysUnlessLazy(c *step.Ctx) { askUnlessLazy(c, false) }

func multiUnlessLazy(c *step.Ctx) { askMulti(c, false) }

func rangedAnyway(since, until machine.Release, read func(*step.Ctx), wrong, shortcut step.Seq) *step.Path {
	return &step.Path{
		Name: "flush_tlb_func", Since: since, Until: until, Source: "none: ours",
		Doc:  "Does a range whenever a range is asked for.",
		Body: flushFunc(read, wrong, shortcut, func(c *step.Ctx) bool { return !flushAll(c.F.N) }),
	}
}

func lazyUnchecked(since, until machine.Release, different step.Seq) *step.Path {
	return &step.Path{
		Name: "switch_mm_irqs_off", Since: since, Until: until, Source: "none: ours",
		Doc:  "Returns at once when next is loaded, lazy or not.",
		Body: switchBody(step.Seq{step.Return()}, different),
	}
}

var chooseUnchecked = step.Do("choose_new_asid", "deleted: the slot's generation is not compared", func(c *step.Ctx) {
	chooseNewASID(c)
	t := tlb(c)
	if t.Ctxs[c.F.N].CtxID == uint64(c.MM(c.F.MM).Serial) {
		c.F.State &^= needFlush
	}
})

func slotUnchecked(since, until machine.Release, different step.Seq) *step.Path {
	return &step.Path{
		Name: "switch_mm_irqs_off", Since: since, Until: until, Source: "none: ours",
		Doc:  "Trusts a slot that names next.",
		Body: switchBody(sameAgain, different),
	}
}

func genFirst(since, until machine.Release, different step.Seq) *step.Path {
	return &step.Path{
		Name: "switch_mm_irqs_off", Since: since, Until: until, Source: "none: ours",
		Doc:  "Reads the generation first and joins the mask then.",
		Body: switchBody(sameAgain, different),
	}
}
