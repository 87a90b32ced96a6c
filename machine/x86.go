package machine

// X86Slots is TLB_NR_DYN_ASIDS.
const X86Slots = 6

// X86Context is one slot of cpu_tlbstate.ctxs: what the TLB holds under that slot's PCID.
type X86Context struct {
	CtxID  uint64 `name:"ctx_id"`
	TLBGen uint64 `name:"tlb_gen"`
}

// X86CPU is cpu_tlbstate, with what older releases keep in its place.
type X86CPU struct {
	LoadedMM MMID `name:"cpu_tlbstate.loaded_mm"` // loaded_mm; SwitchingMM while CR3 changes. Up to 4.13: active_mm
	// LastUserMM is the address space that last ran in user mode here, for the IBPB decision.
	LastUserMM MMID `name:"cpu_tlbstate.last_user_mm"`

	ASID         uint16 `name:"cpu_tlbstate.loaded_mm_asid"`           // loaded_mm_asid
	NextASID     uint16 `name:"cpu_tlbstate.next_asid"`                // next_asid
	UserFlush    uint16 `name:"cpu_tlbstate.user_pcid_flush_mask,hex"` // user_pcid_flush_mask, by slot
	Lazy         bool   `name:"cpu_tlbstate.is_lazy"`                  // is_lazy; up to 4.13: state == TLBSTATE_LAZY
	InvalidOther bool   `name:"cpu_tlbstate.invalidate_other"`         // invalidate_other

	Ctxs [X86Slots]X86Context `name:"cpu_tlbstate.ctxs"`
}
