package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// cpu_offline runs in the idle task of the CPU that goes (7.3: in its hotplug thread, which hands
// over to the idle task); finish_cpu runs on a CPU that stays and names the dead one in Frame.CPU.

// goOffline happens while every other CPU stands still in stop_machine (take_cpu_down). Up to 6.12 who waits for a call to
// be answered keeps its CPU from doing so, so none is on its way to the CPU that goes; in 7.3 that CPU runs what it was
// asked before it goes (kernel/smp.c:smpcfd_dying_cpu).
func goOffline() step.Node {
	return step.Wait("set_cpu_online(cpu, false)", "the CPU takes no interrupts and runs nothing any more; nobody waits for one",
		func(c *step.Ctx) bool { return c.S.Calls(c.CPU).Empty() && !c.S.Wakers().Has(c.CPU) },
		func(c *step.Ctx) {
			if c.Task().Kind != machine.IdleTask {
				c.Broken("I24", "a CPU went offline while it runs a task other than its idle one")
			}
			c.C.Online = false
			c.C.IRQOff = true
		})
}

func notInit(c *step.Ctx) bool { return c.F.OldMM != machine.InitMM }

func loadInit() step.Node {
	return step.Call("load_init_mm").With(func(_, callee *machine.Frame) { callee.MM = machine.InitMM })
}

var hotplugPaths = []*step.Path{
	{
		Name: "cpu_offline", Until: machine.V6_1,
		Source: "kernel/sched/core.c:idle_task_exit (4.20; kernel/sched.c in 2.6.32)",
		Doc:    "The dying CPU's idle task leaves the address space that it borrows and drops it, on the dying CPU. Departs: active_mm is set to init_mm here as in 4.19; 4.16 and before (2.6.32 and 4.4 too) left it stale until the CPU came back.",
		Body: step.Seq{
			goOffline(),
			step.Do("mm = current->active_mm", "what the idle task borrows", func(c *step.Ctx) { c.F.OldMM = c.Task().ActiveMM }),
			step.If("it is not init_mm", notInit, step.Then(
				loadInit(),
				step.Do("current->active_mm = &init_mm", "the idle task stands on init_mm", func(c *step.Ctx) { c.Task().ActiveMM = machine.InitMM })), nil),
			step.Call("mmdrop").With(mmFromOld),
		},
	},
	{
		Name: "cpu_offline", Since: machine.V6_1, Until: machine.V7_3,
		Source: "kernel/sched/core.c:idle_task_exit (6.1, 6.12)",
		Doc:    "The dying CPU leaves the borrowed address space in hardware only: dropping it may need RCU, which an offline CPU must not use. finish_cpu does it elsewhere.",
		Body: step.Seq{
			goOffline(),
			step.Do("mm = current->active_mm", "what the idle task borrows", func(c *step.Ctx) { c.F.OldMM = c.Task().ActiveMM }),
			step.If("it is not init_mm", notInit, step.Then(loadInit()), nil),
		},
	},
	{
		Name: "cpu_offline", Since: machine.V7_3,
		Source: "kernel/sched/core.c:sched_force_init_mm, kernel/sched/core.c:sched_cpu_wait_empty (7.3)",
		Doc:    "Before the CPU leaves the cpumasks its running kernel task gives the loan back and borrows init_mm; all that follows on this CPU inherits that. Departs: it is the idle task that does so here, where Linux has the hotplug thread do it and the idle task inherit.",
		Body: step.Seq{
			step.Do("mm = current->active_mm", "what the running kernel task borrows", func(c *step.Ctx) { c.F.OldMM = c.Task().ActiveMM }),
			step.If("it is not init_mm", notInit, step.Then(
				step.Call("mmgrab_lazy_tlb").With(func(_, callee *machine.Frame) { callee.MM = machine.InitMM }),
				irqDisable("the loan and the root change together"),
				step.Do("current->active_mm = &init_mm", "the loan is init_mm now", func(c *step.Ctx) { c.Task().ActiveMM = machine.InitMM }),
				loadInit(),
				irqEnable("a borrower of init_mm"),
				step.Call("mmdrop_lazy_tlb").With(mmFromOld)), nil),
			goOffline(),
		},
	},
	{
		Name: "finish_cpu", Until: machine.V6_1,
		Source: "none: finish_cpu came with 5.8",
		Doc:    "The dying CPU has dropped its loan itself.",
	},
	{
		Name: "finish_cpu", Since: machine.V6_1, Until: machine.V6_12,
		Source: "kernel/cpu.c:finish_cpu (6.1)",
		Doc:    "On a CPU that lives: the dead CPU's idle task gives back what it borrowed.",
		Body:   finishCPU("mmdrop"),
	},
	{
		Name: "finish_cpu", Since: machine.V6_12, Until: machine.V7_3,
		Source: "kernel/cpu.c:finish_cpu (6.12)",
		Doc:    "On a CPU that lives: the dead CPU's idle task gives back what it borrowed.",
		Body:   finishCPU("mmdrop_lazy_tlb"),
	},
	{
		Name: "finish_cpu", Since: machine.V7_3,
		Source: "kernel/cpu.c:finish_cpu (7.3)",
		Doc:    "On a CPU that lives: the dead CPU's idle task must be on init_mm already; that loan is given back.",
		Body: step.Seq{
			step.Do("WARN_ON(mm != &init_mm)", "the hotplug thread has seen to it", func(c *step.Ctx) {
				c.F.OldMM = c.T(c.S.CPUs[c.F.CPU].Idle).ActiveMM
				if c.F.OldMM != machine.InitMM {
					c.Broken("I24", "the idle task of an offline CPU still borrows a user address space")
				}
			}),
			forgetActive("the idle task of a dead CPU borrows nothing"),
			step.Call("mmdrop_lazy_tlb").With(mmFromOld),
		},
	},
	{
		Name:   "cpu_online",
		Source: "arch/x86/kernel/cpu/common.c:cpu_init (2.6.32 to 7.3), arch/arm64/kernel/smp.c:secondary_start_kernel (4.4 to 7.3)",
		Doc:    "A CPU comes up in its idle task, which borrows init_mm. The reference is taken with mmgrab, so where borrowers are not counted nobody gives it back; powerpc, which has that, takes a lazy one. Departs: the boot CPU comes up like the others; Linux counts it in sched_init, and on x86 once more in cpu_init.",
		Body: step.Seq{
			step.Call("mmgrab").With(func(_, callee *machine.Frame) { callee.MM = machine.InitMM }),
			step.Do("current->active_mm = &init_mm", "the first thing a CPU borrows", func(c *step.Ctx) {
				c.Task().ActiveMM = machine.InitMM
				c.C.Online, c.C.IRQOff = true, false
			}),
			step.Call("cpu_bringup"),
		},
	},
}

func forgetActive(why string) step.Node {
	return step.Do("idle->active_mm = NULL", why, func(c *step.Ctx) {
		c.T(c.S.CPUs[c.F.CPU].Idle).ActiveMM = machine.NoMM
	})
}

func finishCPU(drop string) step.Seq {
	return step.Seq{
		step.Do("mm = idle->active_mm", "what the dead CPU's idle task borrowed", func(c *step.Ctx) {
			c.F.OldMM = c.T(c.S.CPUs[c.F.CPU].Idle).ActiveMM
		}),
		step.Do("idle->active_mm = &init_mm", "the idle task of a dead CPU stands on init_mm, uncounted until the CPU comes back", func(c *step.Ctx) {
			c.T(c.S.CPUs[c.F.CPU].Idle).ActiveMM = machine.InitMM
		}),
		step.Call(drop).With(mmFromOld),
	}
}
