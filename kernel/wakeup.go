package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// In these paths Next is the task to wake and CPU the run queue that it shall go to.

const sleeping = machine.TaskInterruptible | machine.TaskUninterruptible

func lockPi() step.Node {
	return step.Wait("raw_spin_lock_irqsave(&p->pi_lock)", "one waker at a time",
		func(c *step.Ctx) bool { return c.T(c.F.Next).PiLockedBy == machine.NoCPU },
		func(c *step.Ctx) {
			c.T(c.F.Next).PiLockedBy = c.CPU
			irqSave(c)
			c.Barrier()
		})
}

func unlockPi() step.Node {
	return step.Do("raw_spin_unlock_irqrestore(&p->pi_lock)", "the next waker may look", func(c *step.Ctx) {
		c.T(c.F.Next).PiLockedBy = machine.NoCPU
		irqRestore(c)
	}).Touches(step.Held)
}

// irqSave is local_irq_save; N keeps whether irqRestore turns interrupts on again.
func irqSave(c *step.Ctx) {
	c.F.N = int32(truth(!c.C.IRQOff))
	c.C.IRQOff = true
}

func irqRestore(c *step.Ctx) {
	if c.F.N == 1 {
		c.C.IRQOff = false
	}
}

func matchState(c *step.Ctx) {
	c.F.Val = truth(c.T(c.F.Next).State&sleeping != 0)
}

func matches(c *step.Ctx) bool    { return c.F.Val == 1 }
func onRq(c *step.Ctx) bool       { return c.F.Val2 == 1 }
func stillOnCPU(c *step.Ctx) bool { return c.F.Val2 == 1 }

func setWaking(c *step.Ctx) {
	p := c.T(c.F.Next)
	if p.State == machine.TaskDead {
		c.Broken("I19", "a dead task was woken")
	}
	p.State = machine.TaskWaking
}

func activate(c *step.Ctx) {
	p := c.T(c.F.Next)
	p.CPU = c.F.CPU
	p.OnRQ = machine.OnRQQueued
	p.State = machine.TaskRunning
	c.Stats.Wakeups++
}

// wakeInPlace: the sleeper has not left the queue yet, so it is enough to set it running.
func wakeInPlace() step.Seq {
	return step.Seq{
		lockTaskRq("__task_rq_lock", "its queue cannot change under the lock"),
		step.Do("ttwu_do_wakeup", "still queued: it never left, so it only has to stop wanting to sleep", func(c *step.Ctx) {
			p := c.T(c.F.Next)
			c.F.Val2 = truth(p.OnRQ != 0)
			if p.OnRQ != 0 {
				p.State = machine.TaskRunning
				c.Stats.Wakeups++
			}
			unlockTaskRq(c)
		}),
	}
}

func enqueueOn() step.Seq {
	return step.Seq{
		step.Do("set_task_cpu", "it shall run there", func(c *step.Ctx) { c.T(c.F.Next).CPU = c.F.CPU }).Touches(step.Held),
		lockRqOf("rq_lock", "the queue that it goes to"),
		step.Do("ttwu_do_activate", "on the queue, and runnable", func(c *step.Ctx) {
			activate(c)
			unlockRqOf(c)
		}).Touches(step.Held),
	}
}

func taskWaking() step.Node {
	return step.Do("TASK_WAKING", "nobody else may wake it now", setWaking)
}

// wakeBody is try_to_wake_up since 3.0; slow is what happens to a sleeper that has left the queue.
func wakeBody(slow ...step.Node) step.Seq {
	return step.Seq{
		lockPi(),
		step.Do("ttwu_state_match", "only a sleeper is woken", matchState),
		step.If("it sleeps", matches, step.Then(
			step.Do("p->on_rq", "read after the state: pairs with the release of the lock in __schedule", func(c *step.Ctx) {
				c.F.Val2 = truth(c.T(c.F.Next).OnRQ != 0)
			}),
			step.If("it is still queued", onRq, wakeInPlace(), nil),
			step.If("it has left the queue", not1(onRq), slow, nil),
		), nil),
		unlockPi(),
	}
}

func loadOnCPU() step.Node {
	return step.Do("smp_load_acquire(&p->on_cpu)", "is it still being switched away from", func(c *step.Ctx) {
		c.F.Val2 = truth(c.T(c.F.Next).OnCPU)
	})
}

func waitOnCPU(label string) step.Node {
	return step.Wait(label, "until the switch away from it is finished its stack is in use",
		func(c *step.Ctx) bool { return !c.T(c.F.Next).OnCPU }, func(*step.Ctx) {})
}

// wake2632 is try_to_wake_up of 2.6.32; sent says that the task gets its new queue under the lock of the old one.
func wake2632(sent bool) step.Seq {
	enqueue := enqueueOn()
	if sent {
		enqueue = enqueue[1:]
	}
	return step.Seq{
		lockTaskRqIRQ("task_rq_lock", "held across every switch: no switch of it is under way now"),
		step.Do("p->state", "only a sleeper is woken", func(c *step.Ctx) {
			p := c.T(c.F.Next)
			c.F.Val2 = truth(p.State&sleeping != 0 && p.OnRQ == 0)
			if p.State&sleeping != 0 && p.OnRQ != 0 {
				p.State = machine.TaskRunning
			}
			if c.F.Val2 == 1 {
				p.State = machine.TaskWaking
			}
			if c.F.Val2 == 1 && sent {
				p.CPU = machine.CPUID(c.F.Val)
			}
			unlockTaskRq(c)
		}),
		step.If("it sleeps", onRq, enqueue, nil),
		step.Do("local_irq_restore", "interrupts were off as long as a run queue was locked", irqRestore),
	}
}

var wakeupPaths = []*step.Path{
	{
		Name: "try_to_wake_up", Until: machine.V4_4,
		Source: "kernel/sched.c:try_to_wake_up (2.6.32.60)",
		Doc:    "Makes a sleeper runnable. The sleeper's run-queue lock is held across a whole switch, so whoever has it knows that the switch is over. The task is sent to its new queue (set_task_cpu) under that lock too; the first 2.6.32 let go of it before. Departs: p->state is tested and set in one step, since both happen under that lock; its owner writes it with no lock at all, and could lose TASK_DEAD between the two (closed in 2012). A sleeper that balances while it has left the queue and is still current (task_running) is left out.",
		Body:   wake2632(true),
	},
	{
		Name: "try_to_wake_up", Since: machine.V4_4, Until: machine.V5_0,
		Source: "kernel/sched/core.c:try_to_wake_up (4.4)",
		Doc:    "Makes a sleeper runnable, on this CPU or another. Waits while it is still being switched away from. Departs: a task that goes to a CPU of another cache goes there by its wake list (ttwu_queue_remote); here the waker always enqueues it.",
		Body:   wakeBody(append(step.Seq{waitOnCPU("while (p->on_cpu) cpu_relax()"), taskWaking()}, enqueueOn()...)...),
	},
	{
		Name: "try_to_wake_up", Since: machine.V5_0, Until: machine.V6_1,
		Source: "kernel/sched/core.c:try_to_wake_up (4.20)",
		Doc:    "Makes a sleeper runnable, on this CPU or another. Waits while it is still being switched away from. Departs: a task that goes to a CPU of another cache goes there by its wake list (ttwu_queue_remote); here the waker always enqueues it.",
		Body:   wakeBody(append(step.Seq{waitOnCPU("smp_cond_load_acquire(&p->on_cpu, !VAL)"), taskWaking()}, enqueueOn()...)...),
	},
	{
		Name: "try_to_wake_up", Since: machine.V6_1,
		Source: "kernel/sched/core.c:try_to_wake_up (6.1 to 7.3)",
		Doc:    "Makes a sleeper runnable, on this CPU or another. One that is still being switched away from is left to the CPU that does it. Departs: always, where Linux does so only if that CPU has nothing else to run or shares no cache with this one, and else waits (ttwu_queue_cond); and a task that is off its CPU is always enqueued by the waker. One that is current here (p == current) needs no lock in Linux; here only other tasks are woken.",
		Body: wakeBody(
			taskWaking(),
			loadOnCPU(),
			step.If("still on a CPU", stillOnCPU, step.Then(
				step.Do("ttwu_queue_wakelist", "that CPU enqueues it itself, after the switch: its interrupts are off until then", func(c *step.Ctx) {
					p := c.T(c.F.Next)
					p.WakeCPU = p.CPU
					c.S.Wakers().Set(p.CPU)
					c.Stats.IPIs++
				})), nil),
			step.If("no longer on a CPU", not1(stillOnCPU), append(step.Seq{waitOnCPU("smp_cond_load_acquire(&p->on_cpu, !VAL)")}, enqueueOn()...), nil),
		),
	},
	{
		Name: "sched_ttwu_pending", Since: machine.V6_1, Handler: true,
		Source: "kernel/sched/core.c:sched_ttwu_pending (6.1 to 7.3)",
		Doc:    "The interrupt by which a CPU enqueues the tasks that others woke while it was switching away from them. Departs: the lock is taken for each task, not once for the list; behind the warning Linux waits for on_cpu.",
		Body: step.Seq{
			step.Do("local_irq_disable", "an interrupt is taken: no other one until it returns", func(c *step.Ctx) {
				c.C.IRQOff = true
				c.F.CPU = c.CPU
				c.S.Wakers().Clear(c.CPU)
				nextOnWakeList(c)
			}),
			step.While("a task is on the wake list", func(c *step.Ctx) bool { return c.F.Next != machine.NoTask }, step.Seq{
				lockRqOf("rq_lock_irqsave", "this CPU's own queue"),
				step.Do("WARN_ON_ONCE(p->on_cpu)", "the switch away from it was over before this CPU took interrupts again", func(c *step.Ctx) {
					if c.T(c.F.Next).OnCPU {
						c.Broken("I1", "WARN_ON: a task that is still being switched away from is put on the queue")
					}
				}),
				step.Do("ttwu_do_activate", "on the queue, and runnable", func(c *step.Ctx) {
					activate(c)
					c.T(c.F.Next).WakeCPU = machine.NoCPU
					unlockRqOf(c)
					nextOnWakeList(c)
				}),
			}),
			step.Do("local_irq_enable", "back to what was interrupted", func(c *step.Ctx) { c.C.IRQOff = false }).Touches(step.Held),
		},
	},
	{
		Name: "sched_ttwu_pending", Until: machine.V6_1, Handler: true,
		Source: "kernel/sched/core.c:sched_ttwu_pending (4.4, 4.20)",
		Doc:    "Tasks that are still on a CPU are never put on a wake list before 5.8.",
	},
	{
		Name: "move_queued_task", Until: machine.V4_4,
		Source: "kernel/sched.c:__migrate_task (2.6.32.60)",
		Doc:    "Moves a queued task that does not run to another CPU's queue, under both locks: off the one, set_task_cpu and on the other are one step to whoever needs either. One that sleeps is left to its next wakeup. Departs: it is the migration thread of the queue's own CPU that asks, so what it moves does not run there; here any CPU may ask, and looks.",
		Body: step.Seq{
			step.Wait("double_rq_lock", "both queues change at once",
				func(c *step.Ctx) bool {
					return c.S.CPUs[c.T(c.F.Next).CPU].LockedBy == machine.NoCPU && c.S.CPUs[c.F.CPU].LockedBy == machine.NoCPU
				},
				func(c *step.Ctx) {
					c.F.Val, c.F.CPU = uint64(c.F.CPU), c.T(c.F.Next).CPU
					c.S.CPUs[c.F.CPU].LockedBy, c.S.CPUs[c.F.Val].LockedBy = c.CPU, c.CPU
					irqSave(c)
				}),
			step.Do("set_task_cpu", "off one queue and on the other, unless it slept or runs by now", func(c *step.Ctx) {
				if movable(c) {
					c.T(c.F.Next).CPU = machine.CPUID(c.F.Val)
				}
				unlockTaskRq(c)
				unlockRqOf(c)
				irqRestore(c)
			}),
		},
	},
	{
		Name: "move_queued_task", Since: machine.V4_4,
		Source: "kernel/sched/core.c:move_queued_task, migration_cpu_stop (4.4 to 7.3)",
		Doc:    "Moves a queued task that does not run to another CPU's queue. Departs: who asks for it, the stopper or a balancer, is left out; any CPU may.",
		Body: step.Seq{
			lockPi(),
			lockTaskRq("task_rq_lock", "the queue that it leaves"),
			step.Do("deactivate_task", "between two queues nobody may pick it: TASK_ON_RQ_MIGRATING", func(c *step.Ctx) {
				p := c.T(c.F.Next)
				c.F.Val2 = truth(movable(c))
				if c.F.Val2 == 1 {
					p.OnRQ, p.CPU = machine.OnRQMigrating, machine.CPUID(c.F.Val)
				}
				unlockTaskRq(c)
			}),
			step.If("it was queued and did not run", onRq, step.Then(
				lockRqOf("rq_lock", "the queue that it joins"),
				step.Do("activate_task", "there it may be picked", func(c *step.Ctx) {
					c.T(c.F.Next).OnRQ = machine.OnRQQueued
					unlockRqOf(c)
				}).Touches(step.Held)), nil),
			unlockPi(),
		},
	},
}

// movable looks, under the lock of its queue, whether a task is still queued there (task_cpu, on_rq) and
// does not run.
func movable(c *step.Ctx) bool {
	p := c.T(c.F.Next)
	return p.CPU == c.F.CPU && p.OnRQ == machine.OnRQQueued && c.S.CPUs[c.F.CPU].Curr != c.F.Next && !p.OnCPU
}

func nextOnWakeList(c *step.Ctx) {
	c.F.Next = machine.NoTask
	for i := range c.S.Tasks {
		if c.S.Tasks[i].WakeCPU == c.CPU && c.S.Tasks[i].Kind != machine.FreeTask {
			c.F.Next = machine.TaskID(i)
			return
		}
	}
}
