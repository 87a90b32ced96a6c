package machine

// ARM64CPU is what one CPU keeps for the ASID allocator and the registers that hold an ASID.
type ARM64CPU struct {
	ActiveASID   uint64 `name:"active_asids,hex"`   // per-CPU active_asids; 0 after a rollover until the CPU's next slow path
	ReservedASID uint64 `name:"reserved_asids,hex"` // per-CPU reserved_asids
	HWASID       uint32 `name:"TTBR.asid,hex"`      // the ASID field of TTBR1 (TTBR0 in 4.4) as the hardware sees it
	FPOwner      TaskID `name:"fpsimd_last_state"`  // fpsimd_last_state
	FlushPending bool   `name:"tlb_flush_pending"`  // this CPU's bit in tlb_flush_pending
	UserAccess   bool   `name:"uaccess_ttbr0"`      // SW PAN: between uaccess_ttbr0_enable and uaccess_ttbr0_disable
	// FPKernel says that fpsimd_last_state.st is the kernel-mode state of its task, not the user's (since 6.8).
	FPKernel bool `name:"fpsimd_last_state.kernel"`
	// KPTI: what the trampoline changes, beside the ASID.
	Tramp        bool `name:"ttbr1.tramp_pg_dir"` // TTBR1 has the trampoline's page tables, not the kernel's
	EL0          bool `name:"EL0"`                // user code runs
	KernelGlobal bool `name:"tlb.kernel.global"`  // the TLB holds a kernel page under every ASID (nG is 0)
	_            [2]uint8
}

// Global is what all CPUs share beside tasks and address spaces.
type Global struct {
	ASIDGeneration uint64 `name:"asid_generation,hex"` // asid_generation
	ASIDLockedBy   CPUID  `name:"cpu_asid_lock"`       // holder of cpu_asid_lock, or NoCPU
	ASIDNext       uint32 `name:"cur_idx"`             // cur_idx in new_context
	NextMMSerial   uint32 `name:"last_mm_ctx_id"`      // last_mm_ctx_id
	NextTaskSerial uint32 `name:"task serials"`
	KernelEntries  uint32 `name:"swapper_pg_dir.entries"` // top-level entries of the kernel half in swapper_pg_dir
	CallsPending   uint32 `name:"calls pending"`          // cross-CPU calls that were asked for and not yet run, on all CPUs together
	Membarriers    uint32 `name:"membarrier calls"`       // calls of membarrier that are under way; counted without store buffers only
	_              uint32
}
