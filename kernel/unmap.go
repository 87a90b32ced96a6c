package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// A page-table change is numbered when its entries are cleared; Val and Val2 carry its numbers from
// there to the flush and to the moment when the pages may be used for something else.

// changeAll begins a change of mm; tables says that page tables, not only pages, will be freed.
func changeAll(c *step.Ctx, m machine.MMID, tables bool) {
	mm := c.MM(m)
	mm.Changes++
	c.F.Val, c.F.Val2 = uint64(mm.Changes), 0
	if tables {
		mm.Tables++
		c.F.Val2 = uint64(mm.Tables)
	}
}

// changeDone ends a change: its flush has returned, so no CPU may use the old translations.
func changeDone(c *step.Ctx, m machine.MMID) {
	mm := c.MM(m)
	mm.Done.Add(uint32(c.F.Val))
	if c.F.Val2 != 0 {
		mm.TablesDone.Add(uint32(c.F.Val2))
	}
}

// FreeTables in Frame.State of unmap_region says that page tables are freed too.
const FreeTables = 1

var unmapPaths = []*step.Path{
	{
		Name:   "unmap_region",
		Source: "mm/mmap.c:unmap_region (mm/vma.c of late), mm/mmu_gather.c:tlb_finish_mmu (2.6.32 to 7.3)",
		Doc:    "munmap of N pages of current's address space. Entries are cleared, then flushed, and only then are pages and tables given back.",
		Body: step.Seq{
			step.Do("ptep_get_and_clear", "the mapping is gone from the tables; TLBs still have it", func(c *step.Ctx) {
				c.F.MM = c.Task().MM
				changeAll(c, c.F.MM, c.F.State&FreeTables != 0)
			}),
			step.Call("flush_tlb_mm_range"),
			step.Do("tlb_batch_pages_flush", "only now may pages and tables be used again", func(c *step.Ctx) { changeDone(c, c.F.MM) }),
		},
	},
	{
		Name:   "exit_mmap",
		Source: "mm/mmap.c:exit_mmap (2.6.32 to 7.3)",
		Doc:    "Frees every mapping and every page table below the root. The root page stays: a CPU may stand on it.",
		Body: step.Seq{
			step.Do("unmap_vmas", "every mapping is cleared", func(c *step.Ctx) {
				if c.MM(c.F.MM).Users != 0 {
					c.Broken("I7", "an address space with users is torn down")
				}
				changeAll(c, c.F.MM, true)
			}),
			step.Call("flush_tlb_mm_range").With(func(_, callee *machine.Frame) { callee.N = machine.FlushAll }),
			step.Do("tlb_finish_mmu", "pages and lower tables go back; the root stays for whoever borrows it", func(c *step.Ctx) {
				changeDone(c, c.F.MM)
				c.MM(c.F.MM).Alive &^= machine.HasTables
			}),
		},
	},
}
