package machine

import (
	"unsafe"

	"switchyard/machine/mem"
)

// What x86-64 keeps when Config.Registers is set; arm64regs.go has the same for arm64.

// X86Registers is the register file of one CPU. At the level of paths it holds what the kernel's own code
// would have in it; user mode's values are there only while user code runs.
type X86Registers struct {
	// The order is that of their numbers in instructions: see Reg.
	RAX uint64 `name:"rax,hex"`
	RCX uint64 `name:"rcx,hex"`
	RDX uint64 `name:"rdx,hex"`
	RBX uint64 `name:"rbx,hex"`
	RSP uint64 `name:"rsp,hex"`
	RBP uint64 `name:"rbp,hex"`
	RSI uint64 `name:"rsi,hex"`
	RDI uint64 `name:"rdi,hex"`
	R8  uint64 `name:"r8,hex"`
	R9  uint64 `name:"r9,hex"`
	R10 uint64 `name:"r10,hex"`
	R11 uint64 `name:"r11,hex"`
	R12 uint64 `name:"r12,hex"`
	R13 uint64 `name:"r13,hex"`
	R14 uint64 `name:"r14,hex"`
	R15 uint64 `name:"r15,hex"`

	RIP   uint64 `name:"rip,hex"`
	Flags uint64 `name:"rflags,hex"`

	FSBase       uint64 `name:"fs base,hex"`
	GSBase       uint64 `name:"gs base,hex"`        // in the kernel the CPU's per-CPU data
	KernelGSBase uint64 `name:"kernel gs base,hex"` // MSR_KERNEL_GS_BASE: in the kernel user mode's gs base

	// Selectors. CS and SS are in pt_regs and do not change with the task.
	ES uint64 `name:"es,hex"`
	DS uint64 `name:"ds,hex"`
	FS uint64 `name:"fs,hex"`
	GS uint64 `name:"gs,hex"`

	// FPU stands for the x87, SSE and AVX state: what is true of eight words is true of all.
	FPU  [8]uint64 `name:"fpu,hex,reg"`
	PKRU uint64    `name:"pkru,hex"`
}

// X86GPRegisters is how many general-purpose registers there are.
const X86GPRegisters = 16

// GP shows the general-purpose registers by their numbers in instructions.
func (r *X86Registers) GP() *[X86GPRegisters]uint64 {
	return (*[X86GPRegisters]uint64)(unsafe.Pointer(&r.RAX))
}

// X86PerCPU are the per-CPU variables that the switch touches, which the kernel finds through gs.
type X86PerCPU struct {
	Canary      uint64 `name:"stack_canary,hex"` // gs:0x28, where compilers look for it
	CurrentTask uint64 `name:"current_task,hex"`
	TopOfStack  uint64 `name:"cpu_current_top_of_stack,hex"`
	SP0         uint64 `name:"tss.sp0,hex"`
	FPUOwner    uint64 `name:"fpu_fpregs_owner_ctx,hex"` // whose user state is in the FPU registers, or was last
}

// X86Thread is what of task_struct, thread_info and thread_struct the switch touches.
type X86Thread struct {
	Canary     uint64 `name:"stack_canary,hex"`
	SP         uint64 `name:"thread.sp,hex"`
	Info       uint64 `name:"stack,hex"`             // 4.4 and before: where thread_info is
	InfoFlags  uint64 `name:"thread_info.flags,hex"` // 4.4 and before: TIF_FORK
	ES         uint64 `name:"thread.es,hex"`
	DS         uint64 `name:"thread.ds,hex"`
	FSIndex    uint64 `name:"thread.fsindex,hex"`
	GSIndex    uint64 `name:"thread.gsindex,hex"`
	FSBase     uint64 `name:"thread.fsbase,hex"`
	GSBase     uint64 `name:"thread.gsbase,hex"`
	PKRU       uint64 `name:"thread.pkru,hex"`
	FPULastCPU uint64 `name:"thread.fpu.last_cpu"` // the CPU plus 1, 0 for none

	FPU [8]uint64 `name:"thread.fpu,hex"`
}

// X86StackWords is how many words below pt_regs are simulated of a kernel stack. All calls of the
// switch are made from one depth.
const X86StackWords = 32

// X86Stack is the end of a kernel stack: what the switch pushes, then struct pt_regs, user mode's
// registers while the task is in the kernel, in the order of their numbers.
type X86Stack struct {
	Words [X86StackWords]uint64  `name:"kernel stack,hex"`
	User  [X86GPRegisters]uint64 `name:"pt_regs,hex"`
	RIP   uint64                 `name:"pt_regs.ip,hex"`
	Flags uint64                 `name:"pt_regs.flags,hex"`
}

// X86User is what a user program left in its registers when it last ran, as digests: see ARM64User.
type X86User struct {
	GP  uint64 `name:"user rax-r15, rip,hex"`
	FPU uint64 `name:"user fpu,hex"`
	Seg uint64 `name:"user segments and bases,hex"`
}

// Where things are. Addresses look like a kernel's, but are ours.
const (
	X86TaskBase       = 0xffff_8880_0400_0000 // task structures
	X86TaskShift      = 12
	X86ThreadOffset   = 0x500                 // where X86Thread is in a task_struct
	X86StackBase      = 0xffff_c900_0000_0000 // kernel stacks
	X86StackShift     = 14                    // THREAD_SIZE is 16 KiB
	X86UserFrameSize  = (X86GPRegisters + 2) * 8
	X86PerCPUBase     = 0xffff_8880_3fc0_0000 // per-CPU data
	X86PerCPUShift    = 12
	X86CanaryOffset   = 0x28
	X86TextBase       = 0xffff_ffff_8101_0000 // code: where the steps of paths have their addresses
	x86StackSimulated = X86StackWords*8 + X86UserFrameSize
)

func (s *State) mapX86() {
	s.Mem = &mem.Memory{Arrays: []mem.Array{
		mem.Of("task_struct", X86TaskBase, X86TaskShift, X86ThreadOffset, s.X86Threads),
		mem.Of("kernel stack", X86StackBase, X86StackShift, 1<<X86StackShift-x86StackSimulated, s.X86Stacks),
		mem.Of("per-CPU data", X86PerCPUBase, X86PerCPUShift, X86CanaryOffset, s.X86PerCPUs),
	}}
}
