package machine

import "unsafe"

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
