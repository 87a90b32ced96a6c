package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

func initLoaded(c *step.Ctx) bool { return tlb(c).LoadedMM == machine.InitMM }

var lazyPaths = []*step.Path{
	{
		Name: "enter_lazy_tlb", Since: machine.V5_0,
		Source: "arch/x86/mm/tlb.c:enter_lazy_tlb (4.20, 6.1, 6.12; arch/x86/include/asm/tlbflush.h in 7.3)",
		Doc:    "The root stays loaded. Flushes that free no page tables skip this CPU from now on.",
		Body: step.Seq{step.If("a user address space is loaded", func(c *step.Ctx) bool { return !initLoaded(c) }, step.Then(
			step.Do("is_lazy = true", "nobody here uses user addresses: flushes may wait until somebody does", func(c *step.Ctx) { tlb(c).Lazy = true })), nil)},
	},
	{
		Name: "leave_mm", Since: machine.V5_0,
		Source: "arch/x86/mm/tlb.c:leave_mm (6.1, 6.12, 7.3)",
		Doc:    "A borrower goes to init_mm, before it sleeps so deeply that it loses its TLB.",
		Body: step.Seq{
			step.If("init_mm is loaded", initLoaded, step.Then(step.Return()), nil),
			step.Do("WARN_ON(!is_lazy)", "only a borrower may lose its root", func(c *step.Ctx) {
				if !tlb(c).Lazy {
					c.Broken("I12", "WARN_ON: leave_mm on a CPU that is not lazy")
				}
				unborrowed(c)
			}),
			step.Call("switch_mm").With(toInitMM),
		},
	},
	{
		Name: "load_init_mm", Since: machine.V5_0,
		Source: "kernel/sched/core.c:idle_task_exit (6.1, 6.12), kernel/fork.c:do_shoot_lazy_tlb (6.12, 7.3); kernel/sched/core.c:sched_force_init_mm (7.3)",
		Doc:    "switch_mm(mm, &init_mm, current); sched_force_init_mm has interrupts off already and calls switch_mm_irqs_off.",
		Body:   step.Seq{step.Call("switch_mm").With(toInitMM)},
	},
}

// LazyUntil419 is how 4.14 to 4.19 treated a CPU without a user task, to be put in the place of 5.0's
// paths: with identifiers it goes to init_mm at once, since coming back is cheap; without them it stays,
// and the first flush moves it to init_mm. No flush skips a lazy CPU, so none has to compare generations
// when it comes back. init_mm then competes for the six slots like any other address space.
func LazyUntil419() []*step.Path {
	return []*step.Path{
		{
			Name:   "switch_mm_irqs_off",
			Source: "arch/x86/mm/tlb.c:switch_mm_irqs_off (4.14, 4.19)",
			Doc:    "Loads next unless it is loaded: then the TLB is good, since flushes reach lazy CPUs too. " + mitigationDeparts,
			Body:   switchBody(step.Seq{step.Return()}, masksFirst),
		},
		{
			Name:   "enter_lazy_tlb",
			Source: "arch/x86/mm/tlb.c:enter_lazy_tlb (4.14, 4.19)",
			Doc:    "With identifiers the CPU goes to init_mm at once; without them it stays, lazily.",
			Body: step.Seq{step.If("a user address space is loaded", func(c *step.Ctx) bool { return !initLoaded(c) }, step.Then(
				step.If("the CPU has PCIDs", func(c *step.Ctx) bool { return c.S.Config.PCID },
					step.Then(
						step.Do("tlb_defer_switch_to_init_mm", "coming back costs no flush, so nothing is borrowed", unborrowedSoon),
						step.Call("switch_mm").With(toInitMM)),
					step.Else(step.Do("is_lazy = true", "coming back would cost a flush, so the root stays until one is asked for", func(c *step.Ctx) { tlb(c).Lazy = true })))), nil)},
		},
		{
			Name:   "flush_tlb_mm_range",
			Source: "arch/x86/mm/tlb.c:flush_tlb_mm_range, native_flush_tlb_others (4.14, 4.19)",
			Doc:    "Here first, then on every CPU in the mask, lazy or not.",
			Body:   flushHereFirst(func(c *step.Ctx) { toAllInMask(c) }),
		},
	}
}

// unborrowedSoon takes back what the generic half counts when a kernel task follows a user task.
func unborrowedSoon(c *step.Ctx) {
	f := c.F
	if f.Next != machine.NoTask && f.Next != c.C.Current && c.T(f.Prev).MM != machine.NoMM {
		c.Stats.LoadsAvoided--
	}
}
