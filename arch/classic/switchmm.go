package classic

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

func sameMM(c *step.Ctx) bool { return c.F.OldMM == c.F.MM }

func rootLoaded(c *step.Ctx) bool { return c.C.Root == c.F.MM }

// loadRoot writes the root register. With no tags every non-global TLB entry goes.
func loadRoot(c *step.Ctx) {
	if c.MM(c.F.MM).Alive&machine.HasRoot == 0 {
		c.Broken("I8", "a freed page-table root was loaded")
	}
	if c.MM(c.F.MM).KernelSync == 0 {
		c.Broken("I32", "a root without the kernel's entries was loaded")
	}
	c.C.Root = c.F.MM
	c.S.FlushTLB(c.CPU)
	c.LoadRoot()
	c.Stats.Loads++
	c.Stats.FullFlushes++
}

// isInit tells whether init_mm is meant, whose mask nobody reads.
func isInit(c *step.Ctx) bool { return c.F.MM == machine.InitMM }

var switchBody = step.Seq{
	step.If("prev == next", sameMM, step.Then(step.Return()), nil),
	step.Do("cpumask_set_cpu(cpu, mm_cpumask(next))", "from here on a flush of next interrupts this CPU: before the root is loaded", func(c *step.Ctx) {
		if !isInit(c) {
			c.S.MMCPUMask(c.F.MM).Set(c.CPU)
		}
	}),
	step.Do("load_cr3", "the root register is written; without tags the TLB forgets all user entries", loadRoot),
	step.Do("cpumask_clear_cpu(cpu, mm_cpumask(prev))", "only now: until the root was written prev's flushes were ours too", func(c *step.Ctx) {
		c.S.MMCPUMask(c.F.OldMM).Clear(c.CPU)
	}),
}

var switchPaths = []*step.Path{
	{
		Name: "switch_mm", Until: machine.V5_0,
		Source: "arch/x86/include/asm/mmu_context.h:switch_mm (i386, 2.6.32, 4.4)",
		Doc:    "Loads next's root unless it is loaded. Departs: i386's lazy state (TLBSTATE_LAZY, leave_mm) is in the x86-64 port; the LDT is left out.",
		Body:   switchBody,
	},
	{
		Name: "switch_mm_irqs_off", Since: machine.V5_0,
		Source: "include/linux/mmu_context.h:switch_mm_irqs_off falls back to the architecture's switch_mm (5.0 to 7.3)",
		Doc:    "Loads next's root unless it is loaded. Departs: see the package: this is i386 of 4.4; arm without LPAE adds identifiers, and keeps prev's bit where the cache is not VIVT.",
		Body:   switchBody,
	},
	{
		Name:   "activate_mm",
		Source: "arch/x86/include/asm/mmu_context.h:activate_mm (i386; asm-generic has one of late)",
		Doc:    "Loads the address space of a task that execs.",
		Body:   switchBody,
	},
	{
		Name:   "enter_lazy_tlb",
		Source: "include/asm-generic/mmu_context.h:enter_lazy_tlb, arch/arm/include/asm/mmu_context.h:enter_lazy_tlb",
		Doc:    "Nothing to do: the root stays loaded, the kernel half in it is everybody's, and flushes still reach this CPU. Departs: i386 notes TLBSTATE_LAZY here.",
		Body:   step.Seq{step.Do("enter_lazy_tlb", "empty here: the borrowed root maps the kernel, and flushes still interrupt this CPU", func(*step.Ctx) {})},
	},
	{
		Name:   "load_init_mm",
		Source: "arch/x86/include/asm/mmu_context.h:switch_mm (i386, 4.4) as idle_task_exit calls it",
		Doc:    "Leaves the borrowed root for swapper_pg_dir. Departs: root and mask change in one step.",
		Body: step.Seq{
			step.Do("load_cr3(swapper_pg_dir)", "the kernel's own root", func(c *step.Ctx) {
				c.F.OldMM, c.F.MM = c.C.Root, machine.InitMM
				loadRoot(c)
				c.S.MMCPUMask(c.F.OldMM).Clear(c.CPU)
			}),
		},
	},
	{
		Name:   "cpu_bringup",
		Source: "arch/x86/kernel/cpu/common.c:cpu_init (i386)",
		Doc:    "A CPU starts on swapper_pg_dir with an empty TLB.",
		Body: step.Seq{step.Do("load_cr3(swapper_pg_dir)", "a new CPU starts on the kernel's own root", func(c *step.Ctx) {
			c.C.Root = machine.InitMM
			c.S.FlushTLB(c.CPU)
		})},
	},
	{
		Name:   "__switch_to",
		Source: "arch/x86/kernel/process_32.c:__switch_to (2.6.32 to 7.3)",
		Doc:    "FPU, segments, the stack that interrupts use. Departs: their contents are left out; Linux comes here when the stack is next's already.",
		Body:   step.Seq{step.Do("__switch_to", "FPU, segments and the stack for interrupts become next's", func(*step.Ctx) {}).Touches(step.Held)},
	},
	{
		Name:   "arch_exit_to_user_mode",
		Source: "arch/x86/entry/entry_32.S",
		Doc:    "The loaded root already maps user and kernel.",
	},
	{
		Name:   "user_access",
		Source: "none: what the hardware does",
		Doc:    "User code runs through the loaded root: the TLB fills.",
		Body:   step.Seq{step.Ours("user_access", "user code runs; what it touches is cached", userAccess)},
	},
}

func userAccess(c *step.Ctx) {
	kernel.UserRuns(c)
	m := c.Task().MM
	if c.C.Root != m {
		c.Broken("I11", "user code runs on a root that is not its own")
	}
	mm := c.MM(m)
	e := c.S.TLBSlot(c.CPU, 0)
	switch {
	case e.Owner == 0:
		*e = machine.WalkedEntry(mm, 0)
	case e.Owner != mm.Serial:
		c.Broken("I14", "user code hits TLB entries of another address space")
	case !e.Seen.Covers(mm.Done):
		c.Broken("I23", "user code hits a TLB entry for a page that was unmapped and flushed")
	}
}
