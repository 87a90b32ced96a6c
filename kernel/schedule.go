package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// preempted in Frame.State of __schedule says that the task did not ask to sleep (SM_PREEMPT).
const preempted = 1

func current(c *step.Ctx) { c.F.Prev = c.C.Curr }

func pickChoices(c *step.Ctx) int {
	if c.C.Pick != machine.NoTask {
		return 1
	}
	n := 0
	for i := range c.S.Tasks {
		if runnableHere(c, machine.TaskID(i)) {
			n++
		}
	}
	return max(n, 1)
}

// runnableHere tells whether the scheduling class may choose t: the idle task only when nothing else is queued.
func runnableHere(c *step.Ctx, t machine.TaskID) bool {
	task := c.T(t)
	return task.OnRQ == machine.OnRQQueued && task.CPU == c.CPU && task.Kind != machine.IdleTask
}

func pick(c *step.Ctx) {
	f := c.F
	f.Next = c.C.Idle
	if c.C.Pick != machine.NoTask {
		f.Next, c.C.Pick = c.C.Pick, machine.NoTask
	} else {
		n := c.Choice
		for i := range c.S.Tasks {
			if !runnableHere(c, machine.TaskID(i)) {
				continue
			}
			if n == 0 {
				f.Next = machine.TaskID(i)
				break
			}
			n--
		}
	}
	c.C.NeedResched = false
}

// wantsToSleep: only a task that called schedule itself, with a state other than running, is taken off the queue.
func wantsToSleep(c *step.Ctx) bool {
	return c.F.N&preempted == 0 && machine.TaskState(c.F.State) != machine.TaskRunning
}

// switchRq is the store to rq->curr. checked says that membarrier counts on a full barrier before it,
// as it does since 4.14.
func switchRq(label string, checked bool) step.Node {
	return step.Do(label, "for everybody else next runs here now", func(c *step.Ctx) {
		if checked && !c.C.BarrierSinceUser {
			c.Broken("I21", "no full barrier between the last user access and the store to rq->curr")
		}
		c.C.Curr = c.F.Next
		// From one thread of a process to another membarrier finds a thread of it either way.
		if c.T(c.F.Prev).MM != c.T(c.F.Next).MM {
			c.C.BarrierSinceCurr = false
		}
	}).Touches(step.Held)
}

// scheduleBody: block is the name under which a release takes a sleeper off its queue.
func scheduleBody(lock step.Seq, block string, setCurr step.Node, unlock string, tracepointHere bool) step.Seq {
	s := step.Seq{
		step.Do("rq->curr", "who runs here is who leaves", current).Touches(step.OwnCPU),
		irqDisable("from here to the end of the switch no interrupt may look at half of it").Touches(step.OwnCPU),
	}
	s = append(s, lock...)
	s = append(s,
		// Up to 2.6.33 a waker may hold the lock of the queue that the task has just left (0970d2992dfd).
		step.Do("prev_state", "read once: a waker may change it from now on", func(c *step.Ctx) {
			c.F.State = uint32(c.T(c.F.Prev).State)
		}).TouchesSince(machine.V4_4, step.Held),
		step.If("prev asked to sleep", wantsToSleep, step.Then(
			step.Do(block, "off the run queue, unless a signal cancels the sleep", func(c *step.Ctx) {
				p := c.T(c.F.Prev)
				if p.SignalPending && p.State == machine.TaskInterruptible {
					p.State = machine.TaskRunning
					return
				}
				p.OnRQ = 0
			})), nil),
		step.Choose("pick_next_task", "the scheduling class decides who runs next", pickChoices, pick).Touches(step.Held),
	)
	really := step.Seq{setCurr}
	if tracepointHere {
		really = append(really, traceSwitch())
	}
	really = append(really, step.Call("context_switch"))
	return append(s,
		step.If("prev != next", func(c *step.Ctx) bool { return c.F.Prev != c.F.Next },
			really,
			step.Else(step.Do(unlock, "nobody else to run: no switch, nothing changes", func(c *step.Ctx) {
				unlockRq(c)
				c.C.IRQOff = false
			}).Touches(step.Held))),
	)
}

func traceSwitch() step.Node {
	return step.Do("trace_sched_switch", "what tracers see: before any address space changed hands", countSwitch).Touches(step.Held)
}

// countSwitch files the switch under one of six kinds by what prev stands on and where next belongs.
func countSwitch(c *step.Ctx) {
	prev, next, n := c.T(c.F.Prev), c.T(c.F.Next), c.Stats
	n.Switches++
	same := next.MM == prev.ActiveMM
	switch {
	case next.MM == machine.NoMM && prev.MM != machine.NoMM:
		n.UserToKernel++
	case next.MM == machine.NoMM:
		n.KernelToKernel++
	case prev.MM != machine.NoMM && same:
		n.UserToSameMM++
	case prev.MM != machine.NoMM:
		n.UserToOtherMM++
	case same:
		n.KernelToSameMM++
	default:
		n.KernelToOtherMM++
	}
}

func rqLock(label string) step.Node {
	return step.Wait(label, "held across the whole switch: taken by prev, released by next", lockFree, lockRq)
}

func afterRqLock() step.Node {
	return step.Do("smp_mb__after_spinlock", "the full barrier before rq->curr changes, which membarrier relies on", (*step.Ctx).Barrier).Touches(step.Held, step.StoreBuffer)
}

var schedulePaths = []*step.Path{
	{
		Name:   "schedule",
		Source: "kernel/sched/core.c:schedule (4.4 to 7.3; kernel/sched.c in 2.6.32)",
		Doc:    "Gives up the CPU. Departs: work that is submitted before sleeping (block plugs, workqueues) is left out.",
		Body: step.Seq{
			preemptDisable("the switch itself cannot be preempted").Touches(step.OwnCPU),
			step.Call("__schedule"),
			step.Do("sched_preempt_enable_no_resched", "this task is back, perhaps on another CPU", func(c *step.Ctx) { c.C.Preempt-- }).Touches(step.OwnCPU),
			step.While("need_resched()", func(c *step.Ctx) bool { return c.C.NeedResched }, step.Seq{
				preemptDisable("somebody with a better claim came meanwhile").Touches(step.OwnCPU),
				step.Call("__schedule"),
				step.Do("sched_preempt_enable_no_resched", "this task is back, perhaps on another CPU", func(c *step.Ctx) { c.C.Preempt-- }).Touches(step.OwnCPU),
			}),
		},
	},
	{
		Name: "__schedule", Until: machine.V4_4,
		Source: "kernel/sched.c:schedule (2.6.32)",
		Doc:    "Takes prev off the queue if it sleeps, picks next, switches. No membarrier yet, so no barrier is asked for. Departs: the big kernel lock and load balancing, which may let go of the lock for a moment, are left out.",
		Body:   scheduleBody(step.Seq{rqLock("spin_lock_irq(&rq->lock)")}, "deactivate_task", switchRq("rq->curr = next", false), "spin_unlock_irq(&rq->lock)", false),
	},
	{
		Name: "__schedule", Since: machine.V4_4, Until: machine.V5_0,
		Source: "kernel/sched/core.c:__schedule (4.4)",
		Doc:    "Takes prev off the queue if it sleeps, picks next, switches. Departs: the preempt_count that do_exit took once too often is taken back here in Linux; see do_task_dead.",
		Body: scheduleBody(step.Seq{step.Do("smp_mb__before_spinlock", "the sleeper's state is visible before the queue changes", (*step.Ctx).Barrier).Touches(step.OwnCPU, step.StoreBuffer), rqLock("raw_spin_lock_irq(&rq->lock)")},
			"deactivate_task", switchRq("rq->curr = next", false), "raw_spin_unlock_irq(&rq->lock)", true),
	},
	{
		Name: "__schedule", Since: machine.V5_0, Until: machine.V6_1,
		Source: "kernel/sched/core.c:__schedule (4.20)",
		Doc:    "Takes prev off the queue if it sleeps, picks next, switches.",
		Body:   scheduleBody(step.Seq{rqLock("rq_lock").Touches(step.Held, step.RunQueueLock), afterRqLock()}, "deactivate_task", switchRq("rq->curr = next", true), "rq_unlock_irq", true),
	},
	{
		Name: "__schedule", Since: machine.V6_1, Until: machine.V6_12,
		Source: "kernel/sched/core.c:__schedule (6.1)",
		Doc:    "Takes prev off the queue if it sleeps, picks next, switches. Departs: core scheduling is left out.",
		Body:   scheduleBody(step.Seq{rqLock("rq_lock").Touches(step.Held, step.RunQueueLock), afterRqLock()}, "deactivate_task", switchRq("RCU_INIT_POINTER(rq->curr, next)", true), "raw_spin_rq_unlock_irq", true),
	},
	{
		Name: "__schedule", Since: machine.V6_12,
		Source: "kernel/sched/core.c:__schedule, try_to_block_task (6.12, 7.3)",
		Doc:    "Takes prev off the queue if it sleeps, picks next, switches. Departs: core scheduling and proxy execution are left out, with which 7.3 can keep a task queued that waits for a mutex and run the mutex's owner in its place; a sleeper leaves the queue at once, where these may keep it queued for a while (sched_delayed); the idle task's calls, which with an empty queue pick nobody else without asking (SM_IDLE), are calls like others.",
		Body:   scheduleBody(step.Seq{rqLock("rq_lock").Touches(step.Held, step.RunQueueLock), afterRqLock()}, "block_task", switchRq("RCU_INIT_POINTER(rq->curr, next)", true), "raw_spin_rq_unlock_irq", true),
	},
	{
		Name: "schedule_tail", Until: machine.V4_4,
		Source: "kernel/sched.c:schedule_tail (2.6.32)",
		Doc:    "The first thing a new task does: finish the switch that brought it here. Departs: a new task's own preempt_count is 1, and finish_lock_switch takes that back; the machine counts for each CPU, and a switch leaves 2 there.",
		Body: step.Seq{
			step.Call("finish_task_switch"),
			step.Ours("preempt_count = 0", "the switch is over: this task may be preempted again", func(c *step.Ctx) { c.C.Preempt-- }).Touches(step.OwnCPU),
		},
	},
	{
		Name: "schedule_tail", Since: machine.V4_4,
		Source: "kernel/sched/core.c:schedule_tail (4.4 to 7.3)",
		Doc:    "The first thing a new task does: finish the switch that brought it here.",
		Body: step.Seq{
			step.Call("finish_task_switch"),
			preemptEnable("the switch is over: this task may be preempted again").Touches(step.OwnCPU),
		},
	},
	{
		Name: "ret_from_fork", Only: func(c *machine.Config) bool { return !c.Registers },
		Source: "arch/arm64/kernel/entry.S, arch/x86/entry/entry_64.S: ret_from_fork",
		Doc:    "Where a new task's saved context begins. Prev comes in the register that switch_to returns.",
		Body:   step.Seq{step.Call("schedule_tail")},
	},
}
