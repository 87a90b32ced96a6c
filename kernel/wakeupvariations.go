package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// wakeupVariations break no rule at any instant: something is begun that never ends, or a task that was
// woken never runs. L1 and L2 are rules of what has to happen, and only who sees every state can tell.
var wakeupVariations = []Variation{
	{
		Name: "prev-state-before-lock", Breaks: "L2", Since: machine.V5_0,
		What: "__schedule reads prev's state before it has the run-queue lock: a waker that finds prev still queued only makes it running, and prev is taken off its queue all the same. It never runs again.",
		Edits: []Edit{
			{"__schedule", "prev_state", without},
			{"__schedule", "rq_lock", func(n step.Node) step.Seq {
				return step.Seq{step.Do("prev_state", "too early: until the lock is taken a waker may change it", func(c *step.Ctx) {
					c.F.State = uint32(c.T(c.F.Prev).State)
				}), n}
			}}},
	},
	{
		Name: "wake-list-emptied-late", Breaks: "L2", Since: machine.V6_1,
		What: "sched_ttwu_pending says that the wake list is empty when it has gone through it, not before: a task that is put there in between is told to nobody.",
		Edits: []Edit{
			{"sched_ttwu_pending", "local_irq_disable", func(step.Node) step.Seq {
				return step.Seq{step.Do("local_irq_disable", "an interrupt is taken: no other one until it returns", func(c *step.Ctx) {
					c.C.IRQOff = true
					c.F.CPU = c.CPU
					nextOnWakeList(c)
				})}
			}},
			{"sched_ttwu_pending", "local_irq_enable", func(step.Node) step.Seq {
				return step.Seq{step.Do("local_irq_enable", "too late: what came meanwhile is forgotten", func(c *step.Ctx) {
					c.S.Wakers().Clear(c.CPU)
					c.C.IRQOff = false
				})}
			}}},
	},
	{
		Name: "move-locks-in-other-order", Breaks: "L1", Since: machine.V4_4,
		What: "move_queued_task takes the lock of the queue before pi_lock, and a waker the other way round: each may wait for the other's.",
		Edits: []Edit{
			{"move_queued_task", "raw_spin_lock_irqsave(&p->pi_lock)", func(step.Node) step.Seq {
				return step.Seq{
					step.Do("local_irq_save", "both locks are taken from interrupts too", func(c *step.Ctx) {
						c.F.N = int32(truth(!c.C.IRQOff))
						c.C.IRQOff = true
					}),
					lockTaskRq("task_rq_lock", "too early: pi_lock comes first"),
				}
			}},
			{"move_queued_task", "task_rq_lock", func(step.Node) step.Seq {
				return step.Seq{step.Wait("raw_spin_lock(&p->pi_lock)", "too late: who has it may wait for the queue",
					func(c *step.Ctx) bool { return c.T(c.F.Next).PiLockedBy == machine.NoCPU },
					func(c *step.Ctx) {
						c.T(c.F.Next).PiLockedBy = c.CPU
						c.Barrier()
					})}
			}}},
	},
}
