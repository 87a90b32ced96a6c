package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// Flags of clone in Frame.N.
const (
	CloneVM     = 1 << iota // share the address space
	CloneVfork              // the parent waits until the child has left the address space
	CloneKernel             // a kernel thread
)

func cloneHas(flag int32) func(*step.Ctx) bool {
	return func(c *step.Ctx) bool { return c.F.N&flag != 0 }
}

func dupTask(usage, rcuUsers, stackRefs int32, state machine.TaskState) func(*step.Ctx) {
	return func(c *step.Ctx) {
		kind := machine.UserTask
		if c.F.N&CloneKernel != 0 {
			kind = machine.KernelTask
		}
		c.S.Global.NextTaskSerial++
		*c.T(c.F.Next) = machine.Task{
			MM: machine.NoMM, ActiveMM: machine.NoMM, CPU: c.CPU, State: state,
			Usage: usage, RCUUsers: rcuUsers, StackRefs: stackRefs, Kind: kind,
			PiLockedBy: machine.NoCPU, WakeCPU: machine.NoCPU, Vfork: machine.NoTask,
			FPOwner: machine.NoCPU, SavedMM: machine.NoMM, Serial: c.S.Global.NextTaskSerial,
		}
		c.F.Prev = c.C.Current
	}
}

func dupTaskStruct(since, until machine.Release, read, doc string, usage, rcuUsers, stackRefs int32, state machine.TaskState) *step.Path {
	return &step.Path{
		Name: "dup_task_struct", Since: since, Until: until,
		Source: "kernel/fork.c:dup_task_struct, kernel/sched/core.c:sched_fork (" + read + ")", Doc: doc,
		Body: step.Seq{step.Do("dup_task_struct", "a new task_struct and kernel stack", dupTask(usage, rcuUsers, stackRefs, state))},
	}
}

// newMM is the part of mm_init that touches what a switch reads.
func newMM(c *step.Ctx) {
	g := c.S.Global
	g.NextMMSerial++
	*c.MM(c.F.MM) = machine.MM{Users: 1, Count: 1, Serial: g.NextMMSerial, Alive: machine.NewLife, Tasks: 1}
	clear(c.S.MMCPUMask(c.F.MM))
	c.Stats.MMsCreated++
}

func primeChild() step.Node {
	return step.Do("copy_thread", "the child's stack says: begin at ret_from_fork", func(c *step.Ctx) {
		c.Prime(c.F.Next, "exit_to_user_mode")
		c.Prime(c.F.Next, "ret_from_fork")
	})
}

func activateChild(lock string) step.Seq {
	return step.Seq{
		lockRqOf(lock, "the queue that it goes to"),
		step.Do("activate_task", "on the queue, and runnable", func(c *step.Ctx) {
			t := c.T(c.F.Next)
			t.CPU, t.OnRQ, t.State = c.F.CPU, machine.OnRQQueued, machine.TaskRunning
			unlockRqOf(c)
		}).Touches(step.Held),
	}
}

var forkPaths = []*step.Path{
	{
		Name:   "kernel_clone",
		Source: "kernel/fork.c:kernel_clone (5.10 to 7.3; do_fork in 2.6.32 and 4.4, _do_fork in 4.20)",
		Doc:    "Makes a child of current in task slot Next, with a new address space in slot MM unless it shares. Departs: the reference to the child that a vfork parent holds while it waits (get_task_struct, since 3.4) is left out.",
		Body: step.Seq{
			step.Call("copy_process"),
			step.If("CLONE_VFORK", cloneHas(CloneVfork), step.Then(
				step.Do("init_completion(&vfork)", "the child will say when it no longer uses our memory", func(c *step.Ctx) {
					c.T(c.F.Next).Vfork = c.C.Current
				})), nil),
			step.Call("wake_up_new_task"),
			step.If("CLONE_VFORK", cloneHas(CloneVfork), step.Then(step.Call("wait_for_vfork_done")), nil),
		},
	},
	{
		Name:   "copy_process",
		Source: "kernel/fork.c:copy_process (2.6.32 to 7.3)",
		Doc:    "Departs: everything but the task_struct, the address space and the saved context is left out.",
		Body: step.Seq{
			step.Call("dup_task_struct").Returning(func(f, callee *machine.Frame) { f.Prev = callee.Prev }),
			step.Call("copy_mm"),
			primeChild().Touches(step.OwnTask),
		},
	},
	dupTaskStruct(machine.Oldest, machine.V5_0, "2.6.32, 4.4", "Two references: one for being current, one for the parent's wait.", 2, 0, 1, machine.TaskRunning),
	dupTaskStruct(machine.V5_0, machine.V6_1, "4.20", "Two references: one for being current, one for the parent's wait. The stack has a count of its own.", 2, 0, 1, machine.TaskNew),
	dupTaskStruct(machine.V6_1, 0, "6.1 to 7.3; so since 5.4", "One reference, which both uses that rcu_users counts hold together.", 1, 2, 1, machine.TaskNew),
	{
		Name:   "copy_mm",
		Source: "kernel/fork.c:copy_mm (2.6.32 to 7.3)",
		Doc:    "Gives the child its address space: none where the parent has none, the parent's with CLONE_VM, else a copy. Departs: a kernel thread gets none whoever asks for it; in Linux kthreadd does, which has none.",
		Body: step.Seq{
			step.Do("current->mm", "what there is to share or copy", func(c *step.Ctx) { c.F.OldMM = c.Task().MM }).Touches(step.OwnTask),
			step.If("a kernel thread: it borrows when it first runs", func(c *step.Ctx) bool {
				return c.F.OldMM == machine.NoMM || c.F.N&CloneKernel != 0
			}, step.Then(step.Return()), nil),
			step.If("CLONE_VM", cloneHas(CloneVM),
				step.Then(
					step.Do("mmget(oldmm)", "one more user of the same address space: mm_count stays", func(c *step.Ctx) { c.MM(c.F.OldMM).Users++ }),
					step.Do("mm = oldmm", "which the child shares", func(c *step.Ctx) {
						c.MM(c.F.OldMM).Tasks++
						c.F.MM = c.F.OldMM
					})),
				step.Else(step.Call("dup_mm"))),
			step.Do("tsk->mm = tsk->active_mm = mm", "a user task's active_mm is always its mm", func(c *step.Ctx) {
				t := c.T(c.F.Next)
				t.MM, t.ActiveMM = c.F.MM, c.F.MM
			}).Touches(step.OwnTask),
		},
	},
	{
		Name:   "dup_mm",
		Source: "kernel/fork.c:dup_mm, dup_mmap (2.6.32 to 7.3)",
		Doc:    "A new address space whose pages are the parent's, write-protected on both sides: hence the parent's flush. The mm_struct is a copy too, so membarrier's registrations are inherited.",
		Body: step.Seq{
			step.Call("mm_init"),
			step.Do("memcpy(mm, oldmm)", "what mm_init does not set anew is inherited, membarrier_state among it", func(c *step.Ctx) {
				to, from := c.MM(c.F.MM), c.MM(c.F.OldMM)
				to.MembarrierState, to.MembarrierReady = from.MembarrierState, from.MembarrierReady
			}).Touches(step.OwnTask),
			step.Ours("copy_page_range", "the parent's writable pages become read-only: its TLB may say otherwise", func(c *step.Ctx) {
				changeAll(c, c.F.OldMM, false)
			}),
			step.Call("flush_tlb_mm_range").With(func(f, callee *machine.Frame) { callee.MM, callee.N = f.OldMM, machine.FlushAll }),
			step.Ours("flushed", "every CPU sees the pages as read-only now", func(c *step.Ctx) { changeDone(c, c.F.OldMM) }),
		},
	},
	{
		Name:   "mm_init",
		Source: "kernel/fork.c:mm_init (2.6.32 to 7.3)",
		Doc:    "A new mm_struct with a root: one user, one reference, no CPU.",
		Body: step.Seq{
			step.Do("mm_init", "one user, who is one reference; a root of its own with the kernel's half in it", newMM),
			step.Call("init_new_context"),
		},
	},
	{
		Name: "wake_up_new_task", Until: machine.V4_4,
		Source: "kernel/sched.c:wake_up_new_task (2.6.32)",
		Doc:    "The child may run, on the CPU that the parent's frame names.",
		Body: append(step.Seq{irqSaveStep("task_rq_lock turns interrupts off: a switch here would want the lock that its task holds")},
			append(activateChild("task_rq_lock"), irqRestoreStep("the lock is released"))...),
	},
	{
		Name: "wake_up_new_task", Since: machine.V4_4,
		Source: "kernel/sched/core.c:wake_up_new_task (4.4 to 7.3)",
		Doc:    "The child may run, on the CPU that the parent's frame names.",
		Body:   append(append(step.Seq{lockPi()}, activateChild("__task_rq_lock")...), unlockPi()),
	},
	{
		Name:   "wait_for_vfork_done",
		Source: "kernel/fork.c:wait_for_vfork_done (4.4 to 7.3; do_fork waits by itself in 2.6.32)",
		Doc:    "The parent sleeps until the child has exec'ed or exited. The completion's lock makes looking and falling asleep one step. Departs: no signal ends the wait; in Linux a fatal one does (since 3.4).",
		Body: step.Seq{
			step.While("the child still uses our memory", func(c *step.Ctx) bool {
				return c.T(c.F.Next).Vfork == c.C.Current
			}, step.Seq{
				step.Do("__set_current_state", "asleep, unless the child was quicker", func(c *step.Ctx) {
					if c.T(c.F.Next).Vfork == c.C.Current {
						c.Task().State = machine.TaskUninterruptible
					}
				}),
				step.Call("schedule").With(func(_, callee *machine.Frame) { callee.N = 0 }),
			}),
		},
	},
	{
		Name:   "mm_release",
		Source: "kernel/fork.c:mm_release, complete_vfork_done (2.6.32 to 7.3)",
		Doc:    "Current stops using its address space: a vfork parent that waits is woken. Departs: the completion's lock is not held from here to the end of the wakeup; futexes and clear_child_tid are left out.",
		Body: step.Seq{
			step.If("a parent waits", func(c *step.Ctx) bool { return c.Task().Vfork != machine.NoTask }, step.Then(
				step.Do("complete_vfork_done", "the parent may have its memory back", func(c *step.Ctx) {
					t := c.Task()
					c.F.Next, t.Vfork = t.Vfork, machine.NoTask
					c.F.CPU = c.T(c.F.Next).CPU
				}),
				step.Call("try_to_wake_up"),
			), nil),
		},
	},
}
