package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

// A signal handler has the vector registers to itself: the program's values are in the signal frame, in
// user memory, until the handler returns.

func updateCurrent(since, until machine.Release, read string, how [2]string, body ...step.Node) *step.Path {
	return &step.Path{
		Name: "fpsimd_update_current_state", Since: since, Until: until, Only: vectorsAlone,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_update_current_state (" + read + ")",
		Doc:    "The values of the signal frame become the task's: in the registers, and both notes say so.",
		Body:   held(how, body...),
	}
}

func loadFrame(c *step.Ctx) { copy(vectors(c), fpThread(c, c.C.Current).SigFrame[:]) }

func frameToMemory(c *step.Ctx) {
	copy(savedVectors(c, c.C.Current), fpThread(c, c.C.Current).SigFrame[:])
}

var updateInMemory = step.Do("thread.uw.fpsimd_state = *state", "the values of the frame are the task's", frameToMemory)

func updateAndLoad() []step.Node {
	return []step.Node{
		updateInMemory,
		step.Do("task_fpsimd_load", "and are loaded at once", func(c *step.Ctx) { copy(vectors(c), savedVectors(c, c.C.Current)) }),
		step.Do("fpsimd_bind_task_to_cpu", "the CPU notes the task, the task notes the CPU", bindTask),
		step.Do("clear_thread_flag", "what is in the registers is the task's", func(c *step.Ctx) { setForeign(c.Task(), false) }),
	}
}

var signalPaths = []*step.Path{
	{
		Name: "setup_rt_frame", Since: machine.V4_4, Only: vectorsAlone,
		Source: "arch/arm64/kernel/signal.c:setup_rt_frame, preserve_fpsimd_context (4.4 to 7.3)",
		Doc:    "A signal is delivered: the program's values are copied to its signal frame. They are still in the registers when the handler begins.",
		Body: step.Seq{
			step.Call("fpsimd_preserve_current_state"),
			step.Do("preserve_fpsimd_context", "from memory to the signal frame", func(c *step.Ctx) {
				th := fpThread(c, c.C.Current)
				copy(th.SigFrame[:], savedVectors(c, c.C.Current))
			}),
			step.Do("setup_return", "on return to user mode the handler runs", func(c *step.Ctx) {
				th := fpThread(c, c.C.Current)
				if th.SigFrame != th.Left {
					c.Broken("I27", "a signal frame has other values for v0 to v31 than the program left there")
				}
				th.InSignal = 1
			}),
		},
	},
	{
		Name: "rt_sigreturn", Since: machine.V4_4, Until: machine.V7_3, Only: vectorsAlone,
		Source: "arch/arm64/kernel/signal.c:restore_sigframe, restore_fpsimd_context (4.4 to 6.12)",
		Doc:    "The handler is done: the program goes on with the values of its signal frame.",
		Body:   step.Seq{step.Call("fpsimd_update_current_state"), goesOn()},
	},
	{
		Name: "rt_sigreturn", Since: machine.V7_3, Only: vectorsAlone,
		Source: "arch/arm64/kernel/signal.c:restore_sigframe, restore_fpsimd_context (7.3; since 6.16)",
		Doc:    "The handler is done: what it has in the registers is forgotten, and the program's values go from its signal frame to memory.",
		Body: step.Seq{
			step.Call("fpsimd_preserve_current_state"),
			step.Do("fpsimd_update_current_state", "the values of the frame are the task's; it loads them on its way to user mode", frameToMemory),
			goesOn(),
		},
	},
	updateCurrent(machine.V4_4, machine.V5_0, "4.4", held44,
		step.Do("fpsimd_load_state", "from the frame to the registers", loadFrame),
		step.If("test_and_clear_thread_flag(TIF_FOREIGN_FPSTATE)", isForeign, step.Then(
			step.Do("fpsimd_last_state = st, st->cpu = cpu", "the CPU notes the task, the task notes the CPU", func(c *step.Ctx) {
				setForeign(c.Task(), false)
				bindTask(c)
			})), nil)),
	updateCurrent(machine.V5_0, machine.V6_1, "4.20", held50, updateAndLoad()...),
	updateCurrent(machine.V6_1, machine.V7_3, "6.1, 6.12", held61, updateAndLoad()...),
}

func goesOn() step.Node {
	return step.Ours("restore_sigframe", "the program goes on where the signal came", func(c *step.Ctx) {
		th := fpThread(c, c.C.Current)
		th.Left, th.SigFrame, th.InSignal = th.SigFrame, [1]uint64{}, 0
	})
}
