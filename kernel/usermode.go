package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

var userModePaths = []*step.Path{
	{
		Name:   "exit_to_user_mode",
		Source: "kernel/entry/common.c:exit_to_user_mode (6.1; include/linux/irq-entry-common.h in 7.3; ret_to_user and entry code before)",
		Doc:    "The bottom of every kernel stack: back to user mode, or for a kernel task to its own function.",
		Body: step.Seq{
			step.If("a user task", func(c *step.Ctx) bool {
				t := c.Task()
				return t.Kind == machine.UserTask && t.MM != machine.NoMM
			}, step.Then(
				step.Call("arch_exit_to_user_mode"),
				step.Call("user_access"),
			), nil),
		},
	},
}

// UserRuns is the generic part of a port's user_access: what user mode may rely on.
func UserRuns(c *step.Ctx) {
	t := c.Task()
	if !c.C.BarrierSinceCurr && c.S.MMs[t.MM].MembarrierState != 0 {
		c.Broken("I21", "user mode was reached with no full barrier since rq->curr was stored")
	}
	if c.S.Buffered() {
		fetchedInTime(c)
		c.S.UserRan(c.CPU)
	}
	c.C.BarrierSinceUser = false
	c.C.SyncCore = false
}

// interrupted in the frame of exit_to_user_mode says that user mode was left by an interrupt.
const interrupted = 1

// cameByInterrupt notes at the bottom of a stack that user mode was left by the interrupt that has just been
// entered, if it was.
func (m *Machine) cameByInterrupt(stack machine.TaskID) {
	if m.S.Tasks[stack].Depth == 2 {
		m.S.Top2(stack).N = interrupted
	}
}
