package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// In these paths MM is the address space to use; whoever calls holds a user reference to it.

func setKthreadMM(c *step.Ctx) {
	t := c.Task()
	t.MM, t.UsingMM = c.F.MM, true
}

func clearKthreadMM(c *step.Ctx) {
	t := c.Task()
	t.MM, t.UsingMM = machine.NoMM, false
}

func readKthreadActive() step.Node {
	return step.Do("active_mm = tsk->active_mm", "the loan that the thread has now", func(c *step.Ctx) { c.F.OldMM = c.Task().ActiveMM })
}

func activeDiffers(c *step.Ctx) bool { return c.F.OldMM != c.F.MM }

// useIfDifferent is the form up to 6.3: a loan of the same mm simply becomes the use of it.
func useIfDifferent(irqOff, barrier bool, switchMM string) step.Seq {
	s := step.Seq{taskLock()}
	if irqOff {
		s = append(s, irqDisable("a flush that comes now must not find mm and the loaded root at odds").Touches(step.OwnCPU))
	}
	s = append(s,
		readKthreadActive(),
		step.If("active_mm != mm", activeDiffers, step.Then(
			step.Call("mmgrab"),
			setActiveStep()), nil),
		step.Do("tsk->mm = mm", "the scheduler takes the thread for a user task now", setKthreadMM),
	)
	if irqOff {
		s = append(s, step.Do("membarrier_update_current_mm", "the run queue learns what mm registered for", func(c *step.Ctx) {
			c.C.MembarrierState = c.MM(c.F.MM).MembarrierState
		}))
	}
	s = append(s, switchToUsed(switchMM))
	if irqOff {
		s = append(s, irqEnable("the thread stands on mm"))
	}
	s = append(s, taskUnlock())
	same := step.Seq{}
	if barrier {
		same = step.Then(step.Do("smp_mb", "membarrier needs a barrier after mm is set; nothing is dropped that would be one", (*step.Ctx).Barrier))
	}
	return append(s, step.If("active_mm != mm", activeDiffers, step.Then(step.Call("mmdrop").With(mmFromOld)), same))
}

func switchToUsed(switchMM string) step.Node {
	return step.Call(switchMM).With(func(f, callee *machine.Frame) { callee.Next = f.Prev })
}

func self() step.Node {
	return step.Do("current", "the thread itself", func(c *step.Ctx) {
		c.F.Prev = c.C.Current
		if c.Task().MM != machine.NoMM {
			c.Broken("I2", "kthread_use_mm by a task that has an mm already")
		}
	}).Touches(step.OwnTask)
}

func unuseBody(before step.Seq, irqOff bool, grab string, after step.Seq) step.Seq {
	s := step.Seq{step.Do("mm = tsk->mm", "what was used", func(c *step.Ctx) { c.F.MM = c.Task().MM }).Touches(step.OwnTask), taskLock()}
	s = append(s, before...)
	if irqOff {
		s = append(s, irqDisable("mm and the lazy state change together").Touches(step.OwnCPU))
	}
	s = append(s, step.Do("tsk->mm = NULL", "a borrower again", clearKthreadMM))
	if irqOff {
		s = append(s, clearRqMembarrier())
	}
	if grab != "" {
		s = append(s, step.Call(grab))
	}
	s = append(s, step.Call("enter_lazy_tlb_current"))
	if irqOff {
		s = append(s, irqEnable("a borrower like any other"))
	}
	s = append(s, taskUnlock())
	return append(s, after...)
}

var kthreadPaths = []*step.Path{
	{
		Name: "kthread_use_mm", Until: machine.V5_0,
		Source: "mm/mmu_context.c:use_mm (2.6.32, 4.4)",
		Doc:    "A kernel thread works in a user address space. Its loan of another one is given back. Named use_mm until 5.8.",
		Body:   append(step.Seq{self()}, useIfDifferent(false, false, "switch_mm")...),
	},
	{
		Name: "kthread_use_mm", Since: machine.V5_0, Until: machine.V6_1, Only: not(onX86),
		Source: "mm/mmu_context.c:use_mm (4.20), which calls switch_mm: the same as switch_mm_irqs_off but on x86",
		Doc:    "A kernel thread works in a user address space. Its loan of another one is given back. Named use_mm until 5.8.",
		Body:   append(step.Seq{self()}, useIfDifferent(false, false, "switch_mm_irqs_off")...),
	},
	{
		Name: "kthread_use_mm", Since: machine.V5_0, Until: machine.V6_1, Only: onX86,
		Source: "mm/mmu_context.c:use_mm (4.20), arch/x86/mm/tlb.c:switch_mm",
		Doc:    "A kernel thread works in a user address space. Its loan of another one is given back. Named use_mm until 5.8. Here it calls switch_mm, which on x86 turns interrupts off around the switch.",
		Body:   append(step.Seq{self()}, useIfDifferent(false, false, "switch_mm")...),
	},
	{
		Name: "kthread_use_mm", Since: machine.V6_1, Until: machine.V6_12,
		Source: "kernel/kthread.c:kthread_use_mm (6.1)",
		Doc:    "A kernel thread works in a user address space. Its loan of another one is given back.",
		Body:   append(step.Seq{self()}, useIfDifferent(true, true, "switch_mm_irqs_off")...),
	},
	{
		Name: "kthread_use_mm", Since: machine.V6_12,
		Source: "kernel/kthread.c:kthread_use_mm (6.12, 7.3)",
		Doc:    "A kernel thread works in a user address space. It takes a real reference and gives its loan back, even one of the same mm: the two are not alike.",
		Body: step.Seq{
			self(),
			step.Do("mmgrab", "a real reference, not a loan", func(c *step.Ctx) {
				grab(c)
				c.MM(c.F.MM).UseRefs++
			}),
			taskLock(),
			irqDisable("a flush that comes now must not find mm and the loaded root at odds").Touches(step.OwnCPU),
			readKthreadActive(),
			setActiveStep(),
			step.Do("tsk->mm = mm", "the scheduler takes the thread for a user task now", setKthreadMM),
			step.Do("membarrier_update_current_mm", "the run queue learns what mm registered for", func(c *step.Ctx) {
				c.C.MembarrierState = c.MM(c.F.MM).MembarrierState
			}),
			switchToUsed("switch_mm_irqs_off"),
			irqEnable("the thread stands on mm"),
			taskUnlock(),
			step.Call("mmdrop_lazy_tlb").With(mmFromOld),
		},
	},
	{
		Name: "kthread_unuse_mm", Until: machine.V6_1,
		Source: "mm/mmu_context.c:unuse_mm (2.6.32 to 4.20)",
		Doc:    "Back to borrowing: the reference that use took is the loan from now on. Named unuse_mm until 5.8.",
		Body:   unuseBody(nil, false, "", nil),
	},
	{
		Name: "kthread_unuse_mm", Since: machine.V6_1, Until: machine.V6_12,
		Source: "kernel/kthread.c:kthread_unuse_mm (6.1)",
		Doc:    "Back to borrowing: the reference that use took is the loan from now on.",
		Body: unuseBody(step.Seq{
			step.Do("smp_mb__after_spinlock", "membarrier must not miss accesses before mm is cleared", (*step.Ctx).Barrier).Touches(step.OwnCPU, step.StoreBuffer)}, true, "", nil),
	},
	{
		Name: "kthread_unuse_mm", Since: machine.V6_12,
		Source: "kernel/kthread.c:kthread_unuse_mm (6.12, 7.3)",
		Doc:    "Back to borrowing: a loan is taken, then the real reference given back.",
		Body: unuseBody(step.Seq{
			step.Do("smp_mb__after_spinlock", "membarrier must not miss accesses before mm is cleared", (*step.Ctx).Barrier).Touches(step.OwnCPU, step.StoreBuffer)}, true, "mmgrab_lazy_tlb", step.Seq{
			step.Do("atomic_dec_and_test", "the real reference goes; the loan keeps the root", func(c *step.Ctx) {
				c.MM(c.F.MM).UseRefs--
				drop(c)
			}),
			step.If("that was the last reference", wasLast, step.Then(step.Call("__mmdrop")), nil),
		}),
	},
}
