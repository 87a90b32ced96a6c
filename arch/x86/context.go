package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

var contextPaths = []*step.Path{
	{
		Name: "init_new_context", Until: machine.V5_0,
		Source: "arch/x86/kernel/ldt.c:init_new_context (2.6.32, 4.4)",
		Doc:    "Departs: a copied LDT touches nothing that a switch of address spaces reads.",
	},
	{
		Name: "init_new_context", Since: machine.V5_0,
		Source: "arch/x86/include/asm/mmu_context.h:init_new_context (6.1, 6.12, 7.3)",
		Doc:    "A number that no address space had before, and a first generation. Departs: mm_init has drawn the number already (MM.Serial).",
		Body: step.Seq{step.Do("mm->context.tlb_gen = 0", "nothing was ever unmapped from it, so no TLB can be behind", func(c *step.Ctx) {
			c.MM(c.F.MM).TLBGen = 0
		}).Touches(step.OwnTask)},
	},
	{
		Name:   "destroy_context",
		Source: "arch/x86/include/asm/mmu_context.h:destroy_context (2.6.32 to 7.3)",
		Doc:    "Slots that still name it are left: the number never comes back. Departs: the LDT and 7.3's global ASIDs are left out.",
	},
	{
		Name: "cpu_bringup", Until: machine.V5_0,
		Source: "arch/x86/kernel/cpu/common.c:cpu_init (2.6.32, 4.4)",
		Doc:    "A CPU comes up on swapper_pg_dir, in lazy mode.",
		Body: step.Seq{
			step.Do("load_cr3(swapper_pg_dir)", "the kernel's own root, and an empty TLB", func(c *step.Ctx) {
				tlb(c).LoadedMM, c.C.Root = machine.InitMM, machine.InitMM
				c.S.FlushTLB(c.CPU)
			}),
			step.Call("enter_lazy_tlb"),
		},
	},
	{
		Name: "cpu_bringup", Since: machine.V5_0,
		Source: "arch/x86/mm/tlb.c:initialize_tlbstate_and_flush (6.1, 6.12, 7.3)",
		Doc:    "A CPU comes up on init_mm in slot 0. What its TLB held before is not trusted.",
		Body: step.Seq{
			step.Do("initialize_tlbstate_and_flush", "it may have missed any number of flushes: all slots but init_mm's are forgotten", func(c *step.Ctx) {
				t := tlb(c)
				if t.LoadedMM != machine.InitMM {
					c.Broken("I24", "a CPU comes up on a user address space")
					t.LoadedMM = machine.InitMM
				}
				initTLBState(c.S, t)
				c.C.Root = machine.InitMM
				c.S.FlushTLB(c.CPU)
				c.Barrier()
			}),
		},
	},
}
