package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// Where borrowers are not counted (CONFIG_MMU_LAZY_TLB_SHOOTDOWN), who drops the last reference makes them leave.

func shootsLazies(c *machine.Config) bool { return c.Lazy == machine.LazyShootdown }

const shootDoc = "Makes every CPU that still borrows the dying address space leave it. Departs: arm64 keeps no mm_cpumask, and x86 takes a borrower off it when page tables are freed, so these ask every CPU, as a port that chose this option would have to."

func shootLazies(wait ...step.Node) step.Seq {
	return append(step.Seq{
		preemptDisable("what the others are told stands in a note of this CPU: no other task may run here before they have read it"),
		send("on_each_cpu_mask", "borrowers are not counted, so every CPU that may have it loaded is asked", func(c *step.Ctx) {
			c.C.CallMM = c.F.MM
			callOthers(c, machine.CallShootLazies, func(cpu machine.CPUID) bool { return mayStandOn(c, cpu) })
		}),
		step.If("this CPU is one of them", func(c *step.Ctx) bool { return mayStandOn(c, c.CPU) }, step.Then(
			step.Do("local_irq_save", "the function runs here as it does there: with interrupts off", func(c *step.Ctx) { c.C.IRQOff = true }),
			step.Call("do_shoot_lazy_tlb"),
			step.Do("local_irq_restore", "this CPU is done; the others may not be", func(c *step.Ctx) { c.C.IRQOff = false })), nil),
	}, wait...)
}

// mayStandOn: is cpu one that cleanup_lazy_tlbs must ask.
func mayStandOn(c *step.Ctx, cpu machine.CPUID) bool {
	return c.S.Config.Arch != machine.Classic || c.S.MMCPUMask(c.F.MM).Has(cpu)
}

var shootPaths = []*step.Path{
	{
		Name: "cleanup_lazy_tlbs", Only: countsLazy,
		Source: "kernel/fork.c:cleanup_lazy_tlbs (6.12, 7.3, without CONFIG_MMU_LAZY_TLB_SHOOTDOWN)",
		Doc:    "Every borrower is counted, so at the last reference there is none.",
	},
	{
		Name: "cleanup_lazy_tlbs", Since: machine.V6_12, Until: machine.V7_3, Only: shootsLazies,
		Source: "kernel/fork.c:cleanup_lazy_tlbs (6.12, CONFIG_MMU_LAZY_TLB_SHOOTDOWN)",
		Doc:    shootDoc,
		Body:   shootLazies(waitForCalls(), preemptEnable("nobody borrows the dying address space any more")),
	},
	{
		Name: "cleanup_lazy_tlbs", Since: machine.V7_3, Only: shootsLazies,
		Source: "kernel/fork.c:cleanup_lazy_tlbs, kernel/smp.c:smp_call_function_many_cond (7.3, CONFIG_MMU_LAZY_TLB_SHOOTDOWN)",
		Doc:    shootDoc + " Who drops the last reference may be preempted and moved while it waits: a CPU where it comes to borrow the dying address space again has yet to answer.",
		Body:   shootLazies(waitPreemptibly()...),
	},
	{
		Name: "do_shoot_lazy_tlb", Since: machine.V6_12,
		Source: "kernel/fork.c:do_shoot_lazy_tlb (6.12, 7.3)",
		Doc:    "On each CPU: if the running task borrows the dying address space, it borrows init_mm from now on.",
		Body: step.Seq{
			step.If("current->active_mm == mm", func(c *step.Ctx) bool { return c.Task().ActiveMM == c.F.MM }, step.Then(
				step.Do("WARN_ON_ONCE(current->mm)", "only a borrower can be in this position", func(c *step.Ctx) {
					if c.Task().MM != machine.NoMM {
						c.Broken("I9", "a task still has the dying address space as its own")
					}
				}),
				step.Do("current->active_mm = &init_mm", "from now on it borrows init_mm", func(c *step.Ctx) {
					c.Task().ActiveMM = machine.InitMM
				}),
				step.Call("load_init_mm").With(func(f, callee *machine.Frame) { callee.OldMM = f.MM }),
			), nil),
		},
	},
	{
		Name: "do_shoot_lazy_tlb", Until: machine.V6_12,
		Source: "none: CONFIG_MMU_LAZY_TLB_SHOOTDOWN came with 6.4",
		Doc:    "Never sent in this release.",
	},
}
