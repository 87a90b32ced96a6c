package machine

// What arm64 keeps when Config.FPSIMD is set: of a task's registers v0 to v31 alone, as one word. Nobody
// computes with it; two words are equal where they stand for the same values. Zero is what a new program
// finds.

// ARM64Vectors is what is in the vector registers of one CPU.
type ARM64Vectors struct {
	V [1]uint64 `name:"v,hex,reg"`
}

// ARM64FPThread is what of struct thread_struct has to do with vector registers, and what else is needed to
// tell whether a task finds its own in them.
type ARM64FPThread struct {
	FP          [1]uint64 `name:"thread.uw.fpsimd_state,hex,reg"`
	KernelFP    [1]uint64 `name:"thread.kernel_fpsimd_state,hex,reg"` // since 6.8
	KernelFPCPU uint64    `name:"thread.kernel_fpsimd_cpu"`
	// SigFrame is the fpsimd_context of the signal that the program handles: it is in user memory.
	SigFrame [1]uint64 `name:"rt_sigframe.fpsimd_context,hex,reg"`
	InSignal uint64    `name:"in signal handler"`
	// Left is what the program left in the registers, and must find there; KernelLeft likewise what the
	// kernel did between kernel_neon_begin and kernel_neon_end. No kernel keeps either.
	Left       [1]uint64 `name:"user v0-v31,hex,reg"`
	KernelLeft [1]uint64 `name:"kernel v0-v31,hex,reg"`
	// Made counts the values that the task has made, so that no two are the same.
	Made uint64 `name:"values made"`
}
