package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

// The kernel computes with vector registers too: between kernel_neon_begin and kernel_neon_end they are its own.

func saveIfUser(c *step.Ctx) {
	if c.Task().MM != machine.NoMM {
		fpsimdSave(c)
	}
}

func flushCPU() step.Node {
	return step.Do("fpsimd_flush_cpu_state", "whoever goes to user mode here has to load again", flushCPUState).Touches(step.OwnCPU)
}

// neonBegin is kernel_neon_begin up to 6.7: there is no switch until kernel_neon_end.
func neonBegin(since, until machine.Release, read, hold, save string, do func(*step.Ctx)) *step.Path {
	return &step.Path{
		Name: "kernel_neon_begin", Since: since, Until: until, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:kernel_neon_begin (" + read + ")",
		Doc:    "The kernel takes the vector registers for itself, and cannot be preempted until it is done. Departs: use in interrupts is left out.",
		Body:   step.Seq{holdFPSIMD(hold), step.Do(save, "the user's values go to memory if they are in the registers", do).Touches(step.OwnCPU), flushCPU(), kernelComputes()},
	}
}

func neonEnd(since, until machine.Release, read, release string) *step.Path {
	return &step.Path{
		Name: "kernel_neon_end", Since: since, Until: until, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:kernel_neon_end (" + read + ")",
		Doc:    "The kernel is done with the vector registers.",
		Body:   step.Seq{kernelComputed(), releaseFPSIMD(release)},
	}
}

var neonPaths = []*step.Path{
	neonBegin(machine.V4_4, machine.V5_0, "4.4: kernel_neon_begin_partial", held44[0], "fpsimd_save_state", saveIfUser),
	neonBegin(machine.V5_0, machine.V6_1, "4.20", held50[0], "fpsimd_save", saveIfUser),
	neonBegin(machine.V6_1, machine.V6_12, "6.1", held61[0], "fpsimd_save", fpsimdSave),
	{
		Name: "kernel_neon_begin", Since: machine.V6_12, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:kernel_neon_begin (6.12, 7.3; since 6.8)",
		Doc:    "The kernel takes the vector registers for itself. It can be preempted: they are then switched with the task. Departs: use in softirqs is left out; in 7.3 the caller brings the memory to which they are saved.",
		Body: append(held(held61,
			step.Do("fpsimd_save_user_state", "the user's values go to memory if they are in the registers", fpsimdSave).Touches(step.OwnCPU),
			step.Do("TIF_KERNEL_FPSTATE", "a switch from here on saves what the kernel computes", func(c *step.Ctx) { c.Task().Flags |= machine.TIFKernelFPState }),
			flushCPU()), kernelComputes()),
	},
	neonEnd(machine.V4_4, machine.V5_0, "4.4", held44[1]),
	neonEnd(machine.V5_0, machine.V6_1, "4.20", held44[1]),
	neonEnd(machine.V6_1, machine.V6_12, "6.1", held61[1]),
	{
		Name: "kernel_neon_end", Since: machine.V6_12, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:kernel_neon_end (6.12, 7.3)",
		Doc:    "The kernel is done with the vector registers.",
		Body: step.Seq{kernelComputed(),
			step.Do("TIF_KERNEL_FPSTATE = 0", "nothing of the kernel's to save any more", func(c *step.Ctx) { c.Task().Flags &^= machine.TIFKernelFPState })},
	},
	{
		Name: "kernel_mode_neon", Since: machine.V4_4, Only: withVectors,
		Source: "none: what a user of vector instructions in the kernel does, as arch/arm64/crypto",
		Doc:    "The kernel computes with vector registers for a while.",
		Body:   step.Seq{step.Call("kernel_neon_begin"), step.Call("kernel_neon_end")},
	},
}
