package arm64

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// The vector registers stay as they are when the kernel switches: whoever needs them for user mode loads
// them on the way there, unless they still hold its values. Two notes have to agree for that: the CPU's,
// whose state was loaded last (fpsimd_last_state), and the task's, on which CPU that was (fpsimd_cpu).
// The first alone is wrong once the task has run elsewhere, the second once another has run here.
// The state of all 32 registers is eight words here.

func foreign(t *machine.Task) bool { return t.Flags&machine.TIFForeignFPState != 0 }

func usesKernelFP(t *machine.Task) bool { return t.Flags&machine.TIFKernelFPState != 0 }

func setForeign(t *machine.Task, is bool) {
	t.Flags &^= machine.TIFForeignFPState
	if is {
		t.Flags |= machine.TIFForeignFPState
	}
}

// lastState is fpsimd_last_state: whose user state, or machine.NoTask.
func lastState(c *step.Ctx) machine.TaskID {
	if regs(c).KernelFP != 0 {
		return machine.NoTask
	}
	return arm(c).FPOwner
}

func bindLast(c *step.Ctx, t machine.TaskID, kernel bool) {
	arm(c).FPOwner = t
	regs(c).KernelFP = 0
	if kernel {
		regs(c).KernelFP = 1
	}
}

// fpsimdSave writes the registers where fpsimd_last_state points (since 4.18; before to current's state,
// which is the same thing unless somebody has spoilt the notes).
func fpsimdSave(c *step.Ctx) {
	if foreign(c.Task()) {
		return
	}
	if last := lastState(c); last != machine.NoTask {
		thread(c, last).FP = regs(c).FP
	}
}

func flushCPUState(c *step.Ctx) {
	bindLast(c, machine.NoTask, false)
	setForeign(c.Task(), true)
}

func wrongTask(c *step.Ctx) bool { return lastState(c) != c.F.Next }
func wrongCPU(c *step.Ctx) bool  { return c.T(c.F.Next).FPOwner != c.CPU }

const compareWhy = "next's values are still in the registers only if it was the last one loaded here, and here is where it was loaded last"

// updateForeign decides whether next has to load its registers, by the notes that count.
func updateForeign(notes ...func(*step.Ctx) bool) func(*step.Ctx) {
	return func(c *step.Ctx) {
		is := false
		for _, wrong := range notes {
			is = is || wrong(c)
		}
		setForeign(c.T(c.F.Next), is)
	}
}

const fpsimdUpdate = "TIF_FOREIGN_FPSTATE"

var fpsimdPaths = []*step.Path{
	{
		Name: "fpsimd_thread_switch", Since: machine.V4_4, Until: machine.V5_0, Only: withRegisters,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_thread_switch (4.4)",
		Doc:    "Saves what is prev's, and finds out whether next has to load. Only tasks with an mm have anything in these registers.",
		Body: step.Seq{
			step.Do("fpsimd_save_state", "prev's registers go to memory if they hold its most recent values", func(c *step.Ctx) {
				if c.Task().MM != machine.NoMM && !foreign(c.Task()) {
					thread(c, c.C.Current).FP = regs(c).FP
				}
			}),
			step.If("next has an mm", func(c *step.Ctx) bool { return c.T(c.F.Next).MM != machine.NoMM },
				step.Then(step.Do(fpsimdUpdate, compareWhy, updateForeign(wrongTask, wrongCPU))), nil),
		},
	},
	{
		Name: "fpsimd_thread_switch", Since: machine.V5_0, Until: machine.V6_12, Only: withRegisters,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_thread_switch (4.20, 6.1)",
		Doc:    "Saves what is prev's, and finds out whether next has to load. A kernel thread always mismatches. Departs: SVE and SME are left out.",
		Body: step.Seq{
			step.Do("fpsimd_save", "prev's registers go to memory if they hold its most recent values", fpsimdSave),
			step.Do(fpsimdUpdate, compareWhy, updateForeign(wrongTask, wrongCPU)),
		},
	},
	{
		Name: "fpsimd_thread_switch", Since: machine.V6_12, Only: withRegisters,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_thread_switch (6.12, 7.3)",
		Doc:    "Saves what is prev's, user state or the kernel's own, and finds out whether next has to load. Departs: SVE and SME are left out.",
		Body: step.Seq{
			step.If("prev uses them in the kernel", func(c *step.Ctx) bool { return usesKernelFP(c.Task()) },
				step.Then(step.Do("fpsimd_save_kernel_state", "prev was preempted between kernel_neon_begin and kernel_neon_end", func(c *step.Ctx) {
					thread(c, c.C.Current).KernelFP = regs(c).FP
					bindLast(c, c.C.Current, true)
					thread(c, c.C.Current).KernelFPCPU = uint64(c.CPU)
				})),
				step.Else(step.Do("fpsimd_save_user_state", "prev's registers go to memory if they hold its most recent values", fpsimdSave))),
			step.If("next uses them in the kernel", func(c *step.Ctx) bool { return usesKernelFP(c.T(c.F.Next)) },
				step.Then(step.Do("fpsimd_load_kernel_state", "next goes on computing where it was preempted", func(c *step.Ctx) {
					flushCPUState(c)
					regs(c).FP = thread(c, c.F.Next).KernelFP
				})),
				step.Else(step.Do(fpsimdUpdate, compareWhy, updateForeign(wrongTask, wrongCPU)))),
		},
	},
	{
		Name: "fpsimd_restore_current_state", Since: machine.V4_4, Only: withRegisters,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_restore_current_state (4.4 to 7.3)",
		Doc:    "On the way to user mode: the task's values come into the registers, and both notes say so.",
		Body: step.Seq{
			step.Do("task_fpsimd_load", "the task's values from memory", func(c *step.Ctx) { regs(c).FP = thread(c, c.C.Current).FP }),
			step.Do("fpsimd_bind_task_to_cpu", "the CPU notes the task, the task notes the CPU", func(c *step.Ctx) {
				bindLast(c, c.C.Current, false)
				c.Task().FPOwner = c.CPU
				setForeign(c.Task(), false)
			}),
		},
	},
	{
		Name: "kernel_neon_begin", Since: machine.V4_4, Until: machine.V6_12, Only: withRegisters,
		Source: "arch/arm64/kernel/fpsimd.c:kernel_neon_begin (4.4 to 6.1)",
		Doc:    "The kernel takes the vector registers for itself, and cannot be preempted until it is done.",
		Body: step.Seq{
			step.Do("get_cpu_fpsimd_context", "no switch until kernel_neon_end", func(c *step.Ctx) { c.C.Preempt++ }),
			step.Do("fpsimd_save", "the user's values go to memory if they are in the registers", func(c *step.Ctx) {
				if c.Task().MM != machine.NoMM {
					fpsimdSave(c)
				}
			}),
			step.Do("fpsimd_flush_cpu_state", "whoever goes to user mode here has to load again", flushCPUState),
			kernelComputes(),
		},
	},
	{
		Name: "kernel_neon_begin", Since: machine.V6_12, Only: withRegisters,
		Source: "arch/arm64/kernel/fpsimd.c:kernel_neon_begin (6.12, 7.3; since 6.8)",
		Doc:    "The kernel takes the vector registers for itself. It can be preempted: they are then switched with the task. Departs: use in softirqs is left out.",
		Body: step.Seq{
			step.Do("fpsimd_save_user_state", "the user's values go to memory if they are in the registers", fpsimdSave),
			step.Do("TIF_KERNEL_FPSTATE", "a switch from here on saves what the kernel computes", func(c *step.Ctx) { c.Task().Flags |= machine.TIFKernelFPState }),
			step.Do("fpsimd_flush_cpu_state", "whoever goes to user mode here has to load again", flushCPUState),
			kernelComputes(),
		},
	},
	{
		Name: "kernel_neon_end", Since: machine.V4_4, Until: machine.V6_12, Only: withRegisters,
		Source: "arch/arm64/kernel/fpsimd.c:kernel_neon_end (4.4 to 6.1)",
		Doc:    "The kernel is done with the vector registers.",
		Body: step.Seq{kernelComputed(),
			step.Do("put_cpu_fpsimd_context", "switches are possible again", func(c *step.Ctx) { c.C.Preempt-- })},
	},
	{
		Name: "kernel_neon_end", Since: machine.V6_12, Only: withRegisters,
		Source: "arch/arm64/kernel/fpsimd.c:kernel_neon_end (6.12, 7.3)",
		Doc:    "The kernel is done with the vector registers.",
		Body: step.Seq{kernelComputed(),
			step.Do("TIF_KERNEL_FPSTATE = 0", "nothing of the kernel's to save any more", func(c *step.Ctx) { c.Task().Flags &^= machine.TIFKernelFPState })},
	},
}

func kernelComputes() step.Node {
	return step.Ours("v0 to v31", "the kernel computes with them", func(c *step.Ctx) {
		for i := range regs(c).FP {
			regs(c).FP[i] = kernel.Mark(c.Task(), ofKernelFP, i)
		}
	})
}

func kernelComputed() step.Node {
	return step.Ours("v0 to v31 again", "the kernel finds what it computed", func(c *step.Ctx) {
		for i, v := range regs(c).FP {
			if v != kernel.Mark(c.Task(), ofKernelFP, i) {
				c.Broken("I27", "the kernel's vector registers changed between kernel_neon_begin and kernel_neon_end")
				return
			}
		}
	})
}
