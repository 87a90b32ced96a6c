package arm64

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// The paths of kernel/registers.go where vector registers alone are followed: what a user program has in
// them, and what fork and exec do to it.

func findVectors(c *step.Ctx) {
	if vectors(c)[0] != fpThread(c, c.C.Current).Left[0] {
		c.Broken("I27", "user code finds other values in v0 to v31 than it left there")
	}
}

func useVectors(c *step.Ctx) {
	v := newValue(c)
	vectors(c)[0], fpThread(c, c.C.Current).Left[0] = v, v
}

// dupVectors is arch_dup_task_struct. What the child must find is what its parent has, if it goes back to
// user mode where its parent was; a thread begins on a stack of its own, and so in no signal handler.
func dupVectors(c *step.Ctx) {
	to := fpThread(c, c.F.Next)
	*to = machine.ARM64FPThread{}
	if c.F.N&kernel.CloneElsewhere != 0 {
		return
	}
	child, parent, from := c.T(c.F.Next), c.Task(), fpThread(c, c.C.Current)
	child.FPOwner, child.Flags = parent.FPOwner, parent.Flags&machine.TIFForeignFPState
	to.FP = from.FP
	if copiesUser(c) {
		to.Left = from.Left
	}
	if copiesUser(c) && c.F.N&kernel.CloneVM == 0 {
		to.SigFrame, to.InSignal = from.SigFrame, from.InSignal
	}
}

func copyVectors(since, until machine.Release, read string, parent step.Node, doc string) *step.Path {
	return &step.Path{
		Name: "copy_thread", Since: since, Until: until, Only: vectorsAlone,
		Source: "arch/arm64/kernel/process.c:arch_dup_task_struct, copy_thread (" + read + ")",
		Doc:    "What a new task finds in its vector registers. " + doc,
		Body: step.Seq{
			parent,
			step.Do("arch_dup_task_struct", "a copy of the parent's, notes on vector registers included", dupVectors),
			flushChild(),
		},
	}
}

var userVectorPaths = []*step.Path{
	{
		Name: "restore_user_registers", Since: machine.V4_4, Only: vectorsAlone,
		Source: "arch/arm64/kernel/signal.c:do_notify_resume (4.4 to 6.1; entry-common.c in 6.12, asm/entry-common.h:arch_exit_to_user_mode_work in 7.3)",
		Doc:    "The last of the kernel before user mode, as far as it is about vector registers.",
		Body:   step.Seq{step.Call("do_notify_resume")},
	},
	{
		Name: "user_registers", Since: machine.V4_4, Only: vectorsAlone,
		Source: "none: what a user program does",
		Doc:    "User code finds in its vector registers what it left there, and puts something else into them.",
		Body: step.Seq{
			step.Ours("user registers", "v0 to v31 are what this program left in them, wherever that was", findVectors).Touches(step.Held),
			step.Ours("user code", "the program computes with them", useVectors).Touches(step.Held),
		},
	},
	{
		Name: "save_user_registers", Since: machine.V4_4, Only: vectorsAlone,
		Source: "arch/arm64/kernel/entry.S:kernel_entry (4.4 to 7.3)",
		Doc:    "An exception: the vector registers stay as they are.",
		Body: step.Seq{step.Do("kernel_entry", "the kernel runs, with the user's values in the vector registers", func(c *step.Ctx) {
			c.C.IRQOff = false
		})},
	},
	copyVectors(machine.V4_4, machine.V7_3, "4.4 to 6.12", preserveParent(),
		"Departs: 4.4.1 left the parent's fpsimd_cpu in the copy (Prevent registers leaking from dead tasks, 4.15); the fix is in all releases here."),
	copyVectors(machine.V7_3, 0, "7.3", flushParent(), flushesParent),
	{
		Name: "start_thread", Since: machine.V4_4, Only: vectorsAlone,
		Source: "arch/arm64/kernel/process.c:flush_thread (4.4 to 7.3)",
		Doc:    "A new program begins with empty vector registers.",
		Body: step.Seq{
			step.Call("fpsimd_flush_thread"),
			step.Ours("start_thread", "what the old program left, and the signal that it handled, are nobody's any more", func(c *step.Ctx) {
				th := fpThread(c, c.C.Current)
				th.Left, th.SigFrame, th.InSignal = [1]uint64{}, [1]uint64{}, 0
			}),
		},
	},
	{
		Name: "el0_svc", Since: machine.V4_4, Only: vectorsAlone,
		Source: "arch/arm64/kernel/entry-common.c:el0_svc (6.1 to 7.3; entry.S before)",
		Doc:    "A system call that goes on for a while: between its steps the task may be preempted, or do what other paths say.",
		Body: step.Seq{
			step.Ours("el0_svc", "the task is in the kernel", nothing),
			step.Ours("el0_svc ends", "the task has nothing more to do here", nothing),
		},
	},
}
