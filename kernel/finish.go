package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

func takePrevMM(c *step.Ctx) {
	if c.C.Preempt != 2 {
		c.Broken("I20", "finish_task_switch found a preempt_count other than 2")
	}
	c.F.MM, c.C.PrevMM = c.C.PrevMM, machine.NoMM
}

func readPrevState(c *step.Ctx) { c.F.State = uint32(c.T(c.F.Prev).State) }

// leavePrev: what finish_task gives away is the right of other CPUs to run prev.
func leavePrev(c *step.Ctx) {
	if c.F.Prev == c.C.Current {
		c.Broken("I20", "finish_task_switch was told that the running task is the one that left: last was lost")
	}
	c.T(c.F.Prev).OnCPU = false
}

func finishLock(c *step.Ctx) {
	unlockRq(c)
	c.C.IRQOff = false
	c.C.InSwitch = false
}

func hasLoan(c *step.Ctx) bool  { return c.F.MM != machine.NoMM }
func prevDied(c *step.Ctx) bool { return machine.TaskState(c.F.State) == machine.TaskDead }

func finishBody(leave, lock step.Node, sync step.Seq, drop string) step.Seq {
	repay := append(sync[:len(sync):len(sync)], step.Call(drop))
	return step.Seq{
		step.Do("mm = rq->prev_mm", "what prev borrowed, left here by the task that switched away from it", takePrevMM).Touches(step.Held),
		step.Do("prev_state = prev->state", "read before on_cpu is cleared: afterwards prev may run, and die, elsewhere", readPrevState).Touches(step.Held, step.SeenByWakers),
		leave,
		lock,
		step.If("a loan is to be repaid", hasLoan, repay, nil),
		step.If("prev is dead", prevDied, step.Then(step.Call("put_prev_task_struct").With(
			func(f, callee *machine.Frame) { callee.Next = f.Prev })), nil),
	}
}

var (
	// Up to 2.6.32 the lock alone keeps others away from prev.
	leaveByLock = step.Do("finish_arch_switch", "prev is free for other CPUs once the lock is", func(c *step.Ctx) {
		if c.F.Prev == c.C.Current {
			c.Broken("I20", "finish_task_switch was told that the running task is the one that left: last was lost")
		}
	}).Touches(step.Held)
	finishTask     = step.Do("finish_task", "store-release of on_cpu: from here on prev may run elsewhere", leavePrev).Touches(step.Held, step.SeenByWakers, step.StoreBuffer)
	finishLockStep = step.Do("finish_lock_switch", "the lock that prev took is released by next; interrupts are on again", finishLock).Touches(step.Held)

	// Until 5.3 it did not matter whose mm it was.
	syncCoreAlways = step.Seq{
		step.Do("membarrier_mm_sync_core_before_usermode", "back to user mode through a kernel task: perhaps nothing has serialised the core yet", syncCore).Touches(step.OwnCPU, step.StoreBuffer)}
	syncCoreSameMM = step.Seq{step.If("mm == current->mm", func(c *step.Ctx) bool { return c.Task().MM == c.F.MM }, step.Then(
		step.Do("membarrier_mm_sync_core_before_usermode", "back to the same mm through a kernel task: nothing has serialised the core yet", syncCore).Touches(step.OwnCPU, step.StoreBuffer)), nil)}
)

func syncCore(c *step.Ctx) {
	if c.MM(c.F.MM).MembarrierState&MembarrierSyncCore != 0 {
		c.Serialise()
	}
}

var finishPaths = []*step.Path{
	{
		Name: "finish_task_switch", Until: machine.V4_4,
		Source: "kernel/sched.c:finish_task_switch (2.6.32)",
		Doc:    "Runs as next: releases the lock, repays prev's loan, buries prev if it died.",
		Body:   finishBody(leaveByLock, finishLockStep, nil, "mmdrop"),
	},
	{
		Name: "finish_task_switch", Since: machine.V4_4, Until: machine.V5_0,
		Source: "kernel/sched/core.c:finish_task_switch (4.4)",
		Doc:    "Runs as next: lets prev go, releases the lock, repays prev's loan, buries prev if it died.",
		Body:   finishBody(step.Do("finish_lock_switch (on_cpu)", "store-release of on_cpu: from here on prev may run elsewhere", leavePrev).Touches(step.Held, step.SeenByWakers), finishLockStep, nil, "mmdrop"),
	},
	{
		Name: "finish_task_switch", Since: machine.V5_0, Until: machine.V6_1,
		Source: "kernel/sched/core.c:finish_task_switch (4.20)",
		Doc:    "Runs as next: lets prev go, releases the lock, repays prev's loan, buries prev if it died.",
		Body:   finishBody(finishTask, finishLockStep, syncCoreAlways, "mmdrop"),
	},
	{
		Name: "finish_task_switch", Since: machine.V6_1, Until: machine.V6_12,
		Source: "kernel/sched/core.c:finish_task_switch (6.1)",
		Doc:    "Runs as next: lets prev go, releases the lock, repays prev's loan, buries prev if it died. Departs: mmdrop_sched differs from mmdrop on PREEMPT_RT only.",
		Body:   finishBody(finishTask, finishLockStep, syncCoreSameMM, "mmdrop"),
	},
	{
		Name: "finish_task_switch", Since: machine.V6_12,
		Source: "kernel/sched/core.c:finish_task_switch (6.12, 7.3)",
		Doc:    "Runs as next: lets prev go, releases the lock, repays prev's loan, buries prev if it died. Departs: mmdrop_lazy_tlb_sched differs from mmdrop_lazy_tlb on PREEMPT_RT only.",
		Body:   finishBody(finishTask, finishLockStep, syncCoreSameMM, "mmdrop_lazy_tlb"),
	},
	{
		Name: "put_prev_task_struct", Until: machine.V5_0,
		Source: "kernel/sched/core.c:finish_task_switch (4.4; kernel/sched.c in 2.6.32)",
		Doc:    "Gives up the reference that a dead task held by being current. Its stack goes with the task_struct.",
		Body:   step.Seq{step.Call("put_task_struct")},
	},
	{
		Name: "put_prev_task_struct", Since: machine.V5_0, Until: machine.V6_1,
		Source: "kernel/sched/core.c:finish_task_switch (4.20)",
		Doc:    "Frees a dead task's stack, which nobody stands on any more, and gives up the reference that it held by being current.",
		Body:   step.Seq{step.Call("put_task_stack"), step.Call("put_task_struct")},
	},
	{
		Name: "put_prev_task_struct", Since: machine.V6_1,
		Source: "kernel/sched/core.c:finish_task_switch (6.1 to 7.3)",
		Doc:    "Frees a dead task's stack, which nobody stands on any more, and gives up the reference that it held by being current.",
		Body:   step.Seq{step.Call("put_task_stack"), step.Call("put_task_struct_rcu_user")},
	},
	{
		Name: "put_task_stack", Since: machine.V5_0,
		Source: "kernel/fork.c:put_task_stack (4.20 to 7.3; since 4.9)",
		Doc:    "One user of the kernel stack less.",
		Body: step.Seq{step.Do("put_task_stack", "nobody stands on the dead task's stack any more", func(c *step.Ctx) {
			t := c.T(c.F.Next)
			t.StackRefs--
			if t.StackRefs == 0 {
				freeStack(c)
			}
		})},
	},
	{
		Name:   "put_task_struct",
		Source: "include/linux/sched/task.h:put_task_struct (4.20 to 7.3; include/linux/sched.h in 2.6.32 and 4.4)",
		Doc:    "One reference to the task_struct less; the last one frees it.",
		Body:   step.Seq{step.Do("put_task_struct", "one reference to the task_struct less", putTaskStruct)},
	},
	{
		Name: "put_task_struct_rcu_user", Since: machine.V6_1,
		Source: "kernel/exit.c:put_task_struct_rcu_user (5.4 to 7.3)",
		Doc:    "The scheduler's use and the user-visible use end in either order; after both and a grace period the task_struct goes. Departs: the grace period is over at once.",
		Body: step.Seq{
			step.Do("put_task_struct_rcu_user", "one of the two uses that RCU readers may rely on is over", func(c *step.Ctx) {
				t := c.T(c.F.Next)
				t.RCUUsers--
				if t.RCUUsers < 0 {
					c.Broken("I19", "a task_struct was put more often than it was used")
				}
				c.F.Val = truth(t.RCUUsers == 0)
			}),
			step.If("both uses are over", wasLast, step.Then(
				step.Do("delayed_put_task_struct", "after the grace period the task_struct goes", putTaskStruct)), nil),
		},
	},
	{
		Name:   "release_task",
		Source: "kernel/exit.c:release_task (2.6.32 to 7.3)",
		Doc:    "The parent has waited for it: the user-visible use of a zombie ends. Departs: who exits with nobody to wait for it (a thread, or SIGCHLD ignored) releases itself in Linux, before its last switch.",
		Body: step.Seq{
			step.Do("__exit_signal", "nobody can look the task up any more", func(c *step.Ctx) { c.T(c.F.Next).Zombie = false }),
			step.Call("put_user_visible_task_struct"),
		},
	},
	{
		Name: "put_user_visible_task_struct", Until: machine.V6_1,
		Source: "kernel/exit.c:release_task, delayed_put_task_struct (2.6.32 to 5.3)",
		Doc:    "The second of the two references that a task_struct begins with. Departs: the grace period before it (call_rcu) is over at once.",
		Body:   step.Seq{step.Call("put_task_struct")},
	},
	{
		Name: "put_user_visible_task_struct", Since: machine.V6_1,
		Source: "kernel/exit.c:release_task (5.4 to 7.3)",
		Doc:    "The second of the two uses that rcu_users counts.",
		Body:   step.Seq{step.Call("put_task_struct_rcu_user")},
	},
}

func freeStack(c *step.Ctx) {
	t := c.T(c.F.Next)
	if t.OnCPU {
		c.Broken("I19", "a kernel stack was freed while its task is still on a CPU")
	}
	for i := range c.S.CPUs {
		if c.S.CPUs[i].Stack == c.F.Next {
			c.Broken("I19", "a kernel stack was freed while a CPU stands on it")
		}
	}
	for t.Depth > 0 {
		c.S.Pop(c.F.Next)
	}
	t.StackFreed = true
}

func putTaskStruct(c *step.Ctx) {
	t := c.T(c.F.Next)
	t.Usage--
	if t.Usage < 0 {
		c.Broken("I19", "a task_struct was put more often than it was taken")
	}
	if t.Usage != 0 {
		return
	}
	if !t.StackFreed {
		freeStack(c)
	}
	if t.OnCPU {
		c.Broken("I19", "a task_struct was freed while its task is still on a CPU")
	}
	t.Kind = machine.FreeTask
	clearStack(c.S, c.F.Next)
}

// clearStack forgets the frames of a task that will never run again, so that its slot can be used for
// another. A CPU that wrongly stands on them keeps them.
func clearStack(s *machine.State, t machine.TaskID) {
	for i := range s.CPUs {
		if s.CPUs[i].Stack == t {
			return
		}
	}
	for s.Tasks[t].Depth > 0 {
		s.Pop(t)
	}
}
