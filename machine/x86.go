package machine

// X86Slots is TLB_NR_DYN_ASIDS.
const X86Slots = 6

// X86Context is one slot of cpu_tlbstate.ctxs: what the TLB holds under that slot's PCID.
type X86Context struct {
	CtxID  uint64
	TLBGen uint64
}

// X86CPU is cpu_tlbstate, with what older releases keep in its place.
type X86CPU struct {
	LoadedMM MMID // loaded_mm; SwitchingMM while CR3 changes. Up to 4.13: active_mm
	// LastUserMM is the address space that last ran in user mode here, for the IBPB decision.
	LastUserMM MMID

	ASID         uint16 // loaded_mm_asid
	NextASID     uint16 // next_asid
	UserFlush    uint16 // user_pcid_flush_mask, by slot
	Lazy         bool   // is_lazy; up to 4.13: state == TLBSTATE_LAZY
	InvalidOther bool   // invalidate_other

	Ctxs [X86Slots]X86Context
}
