package arm64

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

func followsEntry(c *machine.Config) bool    { return c.EntryCode }
func followsEntryPAN(c *machine.Config) bool { return c.EntryCode && c.PAN }

func mapAlone(c *step.Ctx) { arm(c).Tramp, arm(c).EL0 = false, false }

func asidAlone(c *step.Ctx) {
	a := arm(c)
	a.HWASID, a.EL0 = a.HWASID|userASID, true
}

// userASIDLoaded takes a CPU whose ASID is not the reserved one for one that accesses user memory.
func userASIDLoaded(c *step.Ctx) bool { return arm(c).HWASID != 0 }

// Bugs of the entry code, for the checker.
func entryVariations() []kernel.Variation {
	return []kernel.Variation{
		{Name: "kpti-user-asid-kept", Breaks: "I29", Only: followsEntry,
			What: "The trampoline maps the kernel and leaves the ASID of user mode: what the kernel uses is cached where user mode finds it.",
			Edits: []kernel.Edit{{Path: "user_access", Label: "tramp_map_kernel",
				Make: instead(step.Do("tramp_map_kernel", "the kernel's page tables; USER_ASID_FLAG stays", mapAlone))}}},
		{Name: "kpti-kernel-root-kept", Breaks: "I28", Only: followsEntry,
			What: "The way to user mode changes the ASID and leaves the kernel's page tables in TTBR1.",
			Edits: []kernel.Edit{{Path: "arch_exit_to_user_mode", Label: "tramp_unmap_kernel",
				Make: instead(step.Do("tramp_unmap_kernel", "the odd ASID; TTBR1 still has swapper_pg_dir", asidAlone))}}},
		{Name: "kpti-kernel-page-global", Breaks: "I30", Only: followsEntry,
			What: "A kernel page is mapped without PTE_NG: its translation is there under every ASID, that of user mode among them.",
			Edits: []kernel.Edit{{Path: "kernel_access", Label: "PTE_MAYBE_NG",
				Make: instead(step.Do("PTE_MAYBE_NG", "0: the page is global", func(c *step.Ctx) { arm(c).KernelGlobal = true }))}}},
		{Name: "kpti-pan-root-kept", Breaks: "I31", Only: followsEntryPAN,
			What: "The entry from user mode leaves the user root in TTBR0, as if software PAN were not built.",
			Edits: []kernel.Edit{{Path: "user_access", Label: "__uaccess_ttbr0_disable",
				Make: instead(step.Do("write_sysreg(ttbr1_el1)", "the reserved ASID alone", writeReservedASID))}}},
		{Name: "kpti-pan-root-before-asid", Breaks: "I31", Only: followsEntryPAN,
			What: "The user root is loaded before its ASID, as it could appear without the isb that kernels up to 6.1 have between the two: a walk is filed under the reserved ASID, where the kernel finds it.",
			Edits: []kernel.Edit{
				{Path: "__uaccess_ttbr0_enable", Label: "write_sysreg(ttbr1_el1)",
					Make: instead(step.Do("write_sysreg(ttbr0_el1)", "the root, with the reserved ASID still in TTBR1", func(c *step.Ctx) {
						arm(c).UserAccess = true
						writeSavedRoot(c)
					}), step.Do("write_sysreg(ttbr1_el1)", "the ASID, too late", writeASID))},
			}},
		{Name: "kpti-pan-interrupts-on", Breaks: "I31", Only: followsEntryPAN,
			What: "User access ends with interrupts on, and the entry code goes by the ASID: an interrupt between the two writes brings the user root back (4.15-rc; Fix the interaction between ASID switching and software PAN).",
			Edits: []kernel.Edit{
				{Path: "uaccess_ttbr0_disable", Label: "local_irq_save", Make: without},
				{Path: "uaccess_ttbr0_disable", Label: "local_irq_restore", Make: without},
				{Path: "el1_interrupt", Label: "__swpan_entry_el1",
					Make: instead(step.Do("__swpan_entry_el1", "is the ASID in TTBR1 the reserved one?", stillUser(userASIDLoaded)))},
			}},
	}
}
