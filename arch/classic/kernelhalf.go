package classic

import (
	"switchyard/machine"
	"switchyard/step"
)

// copyKernelHalf is what pgd_alloc and the fault handler do: top-level entries of swapper_pg_dir are
// copied, and what they point to is shared.
func copyKernelHalf(c *step.Ctx, m machine.MMID) {
	c.MM(m).KernelSync = c.S.Global.KernelEntries
}

var kernelHalfPaths = []*step.Path{
	{
		Name:   "init_new_context",
		Source: "arch/x86/mm/pgtable.c:pgd_alloc, pgd_ctor (i386)",
		Doc:    "A new root begins with the kernel's top-level entries.",
		Body: step.Seq{step.Do("pgd_ctor", "the kernel's top-level entries are copied; what they point to is shared", func(c *step.Ctx) {
			copyKernelHalf(c, c.F.MM)
		}).Touches(step.OwnTask)},
	},
	{
		Name:   "destroy_context",
		Source: "arch/x86/include/asm/mmu_context.h:destroy_context (i386)",
		Doc:    "No identifier to give back.",
	},
	{
		Name:   "map_kernel_range",
		Source: "mm/vmalloc.c:vmap_page_range_noflush, mm/memory.c:__pte_alloc_kernel (i386, 4.4)",
		Doc:    "A kernel mapping that needs a new top-level entry: it is made in swapper_pg_dir alone.",
		Body: step.Seq{step.Do("pmd_populate_kernel", "the new entry stands in swapper_pg_dir; other roots lack it", func(c *step.Ctx) {
			c.S.Global.KernelEntries++
			copyKernelHalf(c, machine.InitMM)
		})},
	},
	{
		Name:   "touch_kernel_range",
		Source: "arch/x86/mm/fault.c:vmalloc_fault (i386, 4.4)",
		Doc:    "The kernel uses its newest mapping through whatever root is loaded, and copies the missing entry at the fault; then the access is tried again. The loaded root counts, not current's: a fault may come in the middle of a switch.",
		Body: step.Seq{
			step.While("the loaded root lacks the entry", func(c *step.Ctx) bool {
				return c.S.MMs[c.C.Root].KernelSync < c.S.Global.KernelEntries
			}, step.Seq{
				step.Do("vmalloc_fault", "the entry is copied from swapper_pg_dir into the root that the CPU stands on", func(c *step.Ctx) {
					copyKernelHalf(c, c.C.Root)
				})}),
		},
	},
}
