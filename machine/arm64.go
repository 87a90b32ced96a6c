package machine

// ARM64CPU is what one CPU keeps for the ASID allocator and the registers that hold an ASID.
type ARM64CPU struct {
	ActiveASID   uint64 // per-CPU active_asids; 0 after a rollover until the CPU's next slow path
	ReservedASID uint64 // per-CPU reserved_asids
	HWASID       uint32 // the ASID field of TTBR1 (TTBR0 in 4.4) as the hardware sees it
	FPOwner      TaskID // fpsimd_last_state
	FlushPending bool   // this CPU's bit in tlb_flush_pending
	UserAccess   bool   // SW PAN: between uaccess_ttbr0_enable and uaccess_ttbr0_disable
	_            [6]uint8
}

// Global is what all CPUs share beside tasks and address spaces.
type Global struct {
	ASIDGeneration uint64 // asid_generation
	ASIDLockedBy   CPUID  // holder of cpu_asid_lock, or NoCPU
	ASIDNext       uint32 // cur_idx in new_context
	NextMMSerial   uint32 // last_mm_ctx_id
	NextTaskSerial uint32
	KernelEntries  uint32 // top-level entries of the kernel half in swapper_pg_dir
	CallsPending   uint32 // cross-CPU calls that were asked for and not yet run, on all CPUs together
}
