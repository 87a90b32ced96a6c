package arm64

import (
	"slices"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Two levels of detail run the steps of fpsimd.go: with all registers on, the state of v0 to v31 is eight
// words; where it is followed alone, for checking, it is one, which stands for all that was in them.

func withVectors(c *machine.Config) bool  { return c.Registers || c.FPSIMD }
func vectorsAlone(c *machine.Config) bool { return c.FPSIMD }

func withoutVectors(c *machine.Config) bool { return !withVectors(c) }

// vectors are v0 to v31 of the CPU.
func vectors(c *step.Ctx) []uint64 {
	if c.S.Config.Registers {
		return regs(c).FP[:]
	}
	return c.S.ARM64Vectors[c.CPU].V[:]
}

// savedVectors is thread.uw.fpsimd_state.
func savedVectors(c *step.Ctx, t machine.TaskID) []uint64 {
	if c.S.Config.Registers {
		return thread(c, t).FP[:]
	}
	return fpThread(c, t).FP[:]
}

// kernelVectors is thread.kernel_fpsimd_state, and the note of the CPU that goes with it.
func kernelVectors(c *step.Ctx, t machine.TaskID) (state []uint64, cpu *uint64) {
	if c.S.Config.Registers {
		return thread(c, t).KernelFP[:], &thread(c, t).KernelFPCPU
	}
	return fpThread(c, t).KernelFP[:], &fpThread(c, t).KernelFPCPU
}

func fpThread(c *step.Ctx, t machine.TaskID) *machine.ARM64FPThread { return &c.S.ARM64FPThreads[t] }

// newValue is a value that nothing else has ever had.
func newValue(c *step.Ctx) uint64 {
	th := fpThread(c, c.C.Current)
	th.Made++
	return uint64(c.Task().Serial)<<32 | th.Made
}

// kernelComputes puts something into the registers that kernelComputed must find there.
func kernelComputes() step.Node {
	return step.Ours("v0 to v31", "the kernel computes with them", func(c *step.Ctx) {
		if !c.S.Config.Registers {
			v := newValue(c)
			vectors(c)[0], fpThread(c, c.C.Current).KernelLeft[0] = v, v
			return
		}
		for i := range vectors(c) {
			vectors(c)[i] = kernel.Mark(c.Task(), ofKernelFP, i)
		}
	}).Touches(step.OwnCPU)
}

func kernelComputed() step.Node {
	return step.Ours("v0 to v31 again", "the kernel finds what it computed", func(c *step.Ctx) {
		if !hasComputed(c) {
			c.Broken("I27", "the kernel's vector registers changed between kernel_neon_begin and kernel_neon_end")
		}
		if !c.S.Config.Registers {
			fpThread(c, c.C.Current).KernelLeft[0] = 0
		}
	}).Touches(step.OwnCPU)
}

func hasComputed(c *step.Ctx) bool {
	if !c.S.Config.Registers {
		return slices.Equal(vectors(c), fpThread(c, c.C.Current).KernelLeft[:])
	}
	for i, v := range vectors(c) {
		if v != kernel.Mark(c.Task(), ofKernelFP, i) {
			return false
		}
	}
	return true
}
