package machine

import "switchyard/machine/mem"

// What arm64 keeps when Config.Registers is set: the register file of each CPU, and in simulated memory
// what a task's registers are saved in. The structures are made of 64-bit words alone, and a field is
// the same thing as the memory at its address.

// ARM64Registers is the register file of one CPU. At the level of paths it holds what the kernel's own
// code would have in it; user mode's values are there only while user code runs.
type ARM64Registers struct {
	X     [31]uint64 `name:"x,hex,reg"`
	SP    uint64     `name:"sp,hex"` // SP_EL1
	PC    uint64     `name:"pc,hex"`
	DAIF  uint64     `name:"daif,hex"`
	Flags uint64     `name:"nzcv,hex"`

	SPEL0    uint64 `name:"sp_el0,hex"` // in the kernel current, in user mode the stack pointer
	TPIDR    uint64 `name:"tpidr_el0,hex"`
	TPIDRRO  uint64 `name:"tpidrro_el0,hex"`
	TPIDREL1 uint64 `name:"tpidr_el1,hex"` // __per_cpu_offset of this CPU

	ContextIDR uint64 `name:"contextidr_el1,hex"`
	KeyLo      uint64 `name:"apiakeylo_el1,hex"`
	KeyHi      uint64 `name:"apiakeyhi_el1,hex"`
	SCTLR      uint64 `name:"sctlr_el1,hex"` // what of it is the task's: the tag check fault mode
	TFSR       uint64 `name:"tfsr_el1,hex"`  // asynchronous tag check faults that the hardware has logged
	BCR        uint64 `name:"dbgbcr0_el1,hex"`

	// FP stands for v0 to v31, fpsr and fpcr: what is true of eight words is true of 66.
	FP [8]uint64 `name:"v,hex,reg"`

	EntryTask uint64 `name:"__entry_task,hex"` // the per-CPU variable
}

// ARM64Context is struct cpu_context.
type ARM64Context struct {
	X19 uint64 `name:".x19,hex"`
	X20 uint64 `name:".x20,hex"`
	X21 uint64 `name:".x21,hex"`
	X22 uint64 `name:".x22,hex"`
	X23 uint64 `name:".x23,hex"`
	X24 uint64 `name:".x24,hex"`
	X25 uint64 `name:".x25,hex"`
	X26 uint64 `name:".x26,hex"`
	X27 uint64 `name:".x27,hex"`
	X28 uint64 `name:".x28,hex"`
	FP  uint64 `name:".fp,hex"`
	SP  uint64 `name:".sp,hex"`
	PC  uint64 `name:".pc,hex"`
}

// ARM64Thread is struct thread_struct, with what of thread_info the switch reads.
type ARM64Thread struct {
	Context ARM64Context `name:"thread.cpu_context"`
	TP      uint64       `name:"thread.uw.tp_value,hex"`
	FP      [8]uint64    `name:"thread.uw.fpsimd_state,hex"`
	// BPsDisabled is debug.bps_disabled.
	BPsDisabled uint64    `name:"thread.debug.bps_disabled"`
	KeyLo       uint64    `name:"thread.keys_kernel.apia.lo,hex"`
	KeyHi       uint64    `name:"thread.keys_kernel.apia.hi,hex"`
	KernelFP    [8]uint64 `name:"thread.kernel_fpsimd_state,hex"` // since 6.8
	KernelFPCPU uint64    `name:"thread.kernel_fpsimd_cpu"`
	SCTLR       uint64    `name:"thread.sctlr_user,hex"`
}

// ARM64PtRegs is struct pt_regs at the top of a kernel stack: user mode's registers while the task is
// in the kernel.
type ARM64PtRegs struct {
	X      [31]uint64 `name:"pt_regs.x,hex,reg"`
	SP     uint64     `name:"pt_regs.sp,hex"`
	PC     uint64     `name:"pt_regs.pc,hex"`
	PState uint64     `name:"pt_regs.pstate,hex"`
}

// ARM64User is what a task left in its registers: what it must find there again, however often it was
// switched in between. Of a user program it is digests. No kernel keeps this.
type ARM64User struct {
	GP  uint64 `name:"user x0-x30,hex"`
	FP  uint64 `name:"user v0-v31,hex"`
	TLS uint64 `name:"user tpidr_el0,hex"`
	// Locals says which of four sets of values the kernel's own code last kept in x19 to x28.
	Locals uint64 `name:"locals"`
}

// Where things are. Addresses look like a kernel's, but are ours.
const (
	ARM64TaskBase  = 0xffff_0000_0800_0000 // task structures
	ARM64TaskShift = 12
	// ARM64ThreadOffset is THREAD_CPU_CONTEXT: where thread.cpu_context is in a task_struct.
	ARM64ThreadOffset = 0xb40
	ARM64StackBase    = 0xffff_8000_8000_0000 // kernel stacks
	ARM64StackShift   = 14                    // THREAD_SIZE is 16 KiB
	ARM64PtRegsSize   = 34 * 8
	ARM64TextBase     = 0xffff_8000_0001_0000 // code: where the steps of paths have their addresses
)

func (s *State) mapARM64() {
	s.Mem = &mem.Memory{Arrays: []mem.Array{
		mem.Of("task_struct", ARM64TaskBase, ARM64TaskShift, ARM64ThreadOffset, s.ARM64Threads),
		mem.Of("kernel stack", ARM64StackBase, ARM64StackShift, 1<<ARM64StackShift-ARM64PtRegsSize, s.ARM64PtRegs),
	}}
}
