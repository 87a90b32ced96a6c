package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

func ownMM(c *step.Ctx) { c.F.MM = c.Task().MM }

func hasOwnMM(c *step.Ctx) bool { return c.F.MM != machine.NoMM }

func bugActiveMM() step.Node {
	return step.Do("BUG_ON(mm != current->active_mm)", "a user task's active_mm is its mm", func(c *step.Ctx) {
		if c.Task().ActiveMM != c.F.MM {
			c.Broken("I2", "an exiting task's active_mm is not its mm")
		}
	}).Touches(step.OwnTask)
}

func clearMM() step.Node {
	return step.Do("current->mm = NULL", "from here on the scheduler takes it for a kernel task that borrows", func(c *step.Ctx) { c.Task().MM = machine.NoMM })
}

func exitBody(grab string, window bool) step.Seq {
	s := step.Seq{
		step.Call(grab),
		bugActiveMM(),
		taskLock(),
	}
	if window {
		s = append(s,
			step.Do("smp_mb__after_spinlock", "membarrier must not miss accesses before mm is cleared", (*step.Ctx).Barrier).Touches(step.OwnCPU, step.StoreBuffer),
			irqDisable("mm and the lazy state change together").Touches(step.OwnCPU),
			clearMM(), clearRqMembarrier(), step.Call("enter_lazy_tlb_current"),
			irqEnable("a borrower like any other"))
	} else {
		s = append(s, clearMM(), step.Call("enter_lazy_tlb_current"))
	}
	s = append(s, taskUnlock(), step.Call("mmput").With(asTask))
	return step.Seq{
		step.Do("mm = current->mm", "what the task has to give up", ownMM).Touches(step.OwnTask),
		step.Call("mm_release"),
		step.If("it has an mm", hasOwnMM, s, nil),
	}
}

func clearRqMembarrier() step.Node {
	return step.Do("membarrier_update_current_mm", "the run queue runs no registered mm any more", func(c *step.Ctx) { c.C.MembarrierState = 0 })
}

var exitPaths = []*step.Path{
	{
		Name:   "do_exit",
		Source: "kernel/exit.c:do_exit (2.6.32 to 7.3)",
		Doc:    "The end of a task: its address space, then itself. Departs: files, signals and the rest are left out.",
		Body: step.Seq{
			step.Call("exit_mm"),
			step.Do("exit_notify", "a zombie: the parent may wait for it", func(c *step.Ctx) { c.Task().Zombie = true }),
			step.Call("do_task_dead"),
		},
	},
	{
		Name: "exit_mm", Until: machine.V6_1,
		Source: "kernel/exit.c:exit_mm (2.6.32, 4.4, 4.20)",
		Doc:    "The task gives up its address space but still stands on its root, so it becomes a borrower, with a reference of its own.",
		Body:   exitBody("mmgrab", false),
	},
	{
		Name: "exit_mm", Since: machine.V6_1, Until: machine.V6_12,
		Source: "kernel/exit.c:exit_mm (6.1)",
		Doc:    "The task gives up its address space but still stands on its root, so it becomes a borrower, with a reference of its own.",
		Body:   exitBody("mmgrab", true),
	},
	{
		Name: "exit_mm", Since: machine.V6_12,
		Source: "kernel/exit.c:exit_mm (6.12, 7.3)",
		Doc:    "The task gives up its address space but still stands on its root, so it becomes a borrower, with a loan of its own.",
		Body:   exitBody("mmgrab_lazy_tlb", true),
	},
	{
		Name:   "enter_lazy_tlb_current",
		Source: "kernel/exit.c:exit_mm, kernel/kthread.c:kthread_unuse_mm",
		Doc:    "enter_lazy_tlb(mm, current).",
		Body: step.Seq{
			step.Do("current", "the borrower is the running task", func(c *step.Ctx) { c.F.Next = c.C.Current }),
			step.Call("enter_lazy_tlb"),
		},
	},
	{
		Name: "do_task_dead", Until: machine.V4_4,
		Source: "kernel/exit.c:do_exit (2.6.32)",
		Doc:    "The last schedule of a task. Its stack and task_struct are put by whoever runs next. A name of 4.9's for the end of do_exit. Departs: do_exit turns preemption off and calls schedule(), which does so again; here it is once.",
		Body:   lastSchedule(setDead("tsk->state = TASK_DEAD")),
	},
	{
		Name: "do_task_dead", Since: machine.V4_4, Until: machine.V5_0,
		Source: "kernel/exit.c:do_exit (4.4)",
		Doc:    "The last schedule of a task. Its stack and task_struct are put by whoever runs next. A name of 4.9's for the end of do_exit. Departs: do_exit turns preemption off and calls schedule(), which does so again and takes one back; here it is once.",
		Body: lastSchedule(
			step.Wait("raw_spin_unlock_wait(&tsk->pi_lock)", "a waker that saw an older state must be done: it would overwrite TASK_DEAD",
				piFree, func(*step.Ctx) {}),
			setDead("tsk->state = TASK_DEAD")),
	},
	{
		Name: "do_task_dead", Since: machine.V5_0,
		Source: "kernel/sched/core.c:do_task_dead, include/linux/sched.h:set_special_state (4.20 to 7.3)",
		Doc:    "The last schedule of a task. Its stack and task_struct are put by whoever runs next.",
		Body: lastSchedule(step.Wait("set_special_state(TASK_DEAD)", "under pi_lock: no waker that saw an older state may overwrite this",
			piFree, dead)),
	},
}

// piFree: nobody is waking the running task.
func piFree(c *step.Ctx) bool { return c.Task().PiLockedBy == machine.NoCPU }

func dead(c *step.Ctx) {
	c.Task().State = machine.TaskDead
	c.C.Preempt++
}

func setDead(label string) step.Node {
	return step.Do(label, "who runs next will see it, and bury the task", dead)
}

func lastSchedule(s ...step.Node) step.Seq {
	return append(step.Seq(s),
		step.Call("__schedule").With(func(_, callee *machine.Frame) { callee.N = 0 }),
		step.Do("BUG()", "a dead task must never run again", func(c *step.Ctx) {
			c.Broken("I19", "a dead task runs again")
		}))
}
