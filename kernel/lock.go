package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// The run-queue lock is taken by prev and released by next (prepare_lock_switch and
// finish_lock_switch), hence its owner is a CPU here, not a task.

func lockFree(c *step.Ctx) bool { return c.C.LockedBy == machine.NoCPU }

func lockRq(c *step.Ctx) {
	c.C.LockedBy = c.CPU
	c.C.Preempt++
}

func unlockRq(c *step.Ctx) {
	if c.C.LockedBy != c.CPU {
		c.Broken("I20", "a run-queue lock was released by a CPU that does not hold it")
	}
	c.C.LockedBy = machine.NoCPU
	c.C.Preempt--
}

// lockRqOf takes the lock of the run queue that Frame.CPU names.
func lockRqOf(label, why string) step.Node {
	return step.Wait(label, why,
		func(c *step.Ctx) bool { return c.S.CPUs[c.F.CPU].LockedBy == machine.NoCPU },
		func(c *step.Ctx) { c.S.CPUs[c.F.CPU].LockedBy = c.CPU })
}

func unlockRqOf(c *step.Ctx) { c.S.CPUs[c.F.CPU].LockedBy = machine.NoCPU }

// lockTaskRq takes the lock of the run queue that task Next is on. The kernel reads task_rq, locks and
// looks again, round and round while the task is between two queues; what comes out is one step. The queue
// that Frame.CPU names is kept in Val, and unlockTaskRq puts it back.
func lockTaskRq(label, why string) step.Node {
	return step.Wait(label, why, taskRqFree, takeTaskRq)
}

// lockTaskRqIRQ is task_rq_lock(p, &flags) up to 3.0, which turns interrupts off as well; see irqSave.
func lockTaskRqIRQ(label, why string) step.Node {
	return step.Wait(label, why, taskRqFree, func(c *step.Ctx) {
		takeTaskRq(c)
		irqSave(c)
	})
}

func taskRqFree(c *step.Ctx) bool {
	p := c.T(c.F.Next)
	return p.OnRQ != machine.OnRQMigrating && c.S.CPUs[p.CPU].LockedBy == machine.NoCPU
}

func takeTaskRq(c *step.Ctx) {
	c.F.Val, c.F.CPU = uint64(c.F.CPU), c.T(c.F.Next).CPU
	c.S.CPUs[c.F.CPU].LockedBy = c.CPU
}

func unlockTaskRq(c *step.Ctx) {
	unlockRqOf(c)
	c.F.CPU = machine.CPUID(c.F.Val)
}

func irqDisable(why string) step.Node {
	return step.Do("local_irq_disable", why, func(c *step.Ctx) { c.C.IRQOff = true })
}

func irqEnable(why string) step.Node {
	return step.Do("local_irq_enable", why, func(c *step.Ctx) { c.C.IRQOff = false })
}

func irqSaveStep(why string) step.Node { return step.Do("local_irq_save", why, irqSave) }

func irqRestoreStep(why string) step.Node {
	return step.Do("local_irq_restore", why, irqRestore).Touches(step.Held)
}

// task_lock is a spin lock that nobody else contends for in these paths: what it does here is to keep the
// scheduler away while mm and active_mm are at odds.

func taskLock() step.Node {
	return step.Do("task_lock", "a spin lock: no switch may come between the change of mm and that of active_mm", func(c *step.Ctx) { c.C.Preempt++ })
}

func taskUnlock() step.Node {
	return step.Do("task_unlock", "mm, active_mm and what is loaded agree again", func(c *step.Ctx) { c.C.Preempt-- }).Touches(step.OwnCPU)
}

func preemptDisable(why string) step.Node {
	return step.Do("preempt_disable", why, func(c *step.Ctx) { c.C.Preempt++ })
}

func preemptEnable(why string) step.Node {
	return step.Do("preempt_enable", why, func(c *step.Ctx) { c.C.Preempt-- })
}
