package tape

// Slots is how many x86 has: TLB_NR_DYN_ASIDS.
const Slots = 6

// InitCtx is the ctx_id of init_mm.
const InitCtx = 1

// TLBSlot is what x86's cpu_tlbstate.ctxs has of one slot.
type TLBSlot struct{ Ctx, Gen uint64 }

// TLBSlots is what the rows of a file so far tell of the slots of a CPU: a switch of the one that it finds loaded, a row of
// kind Slot of another one. The rest are as they were.
type TLBSlots [Slots]TLBSlot

// Switched takes what a switch tells.
func (s *TLBSlots) Switched(e *Event) {
	if ctx, known := e.loadedCtx(); known && e.ASID < Slots {
		s[e.ASID] = TLBSlot{ctx, e.SlotGen}
	}
}

// loadedCtx is the ctx_id of what a switch finds loaded, as far as its row tells.
func (e *Event) loadedCtx() (uint64, bool) {
	switch e.LoadedMM {
	case InitMM:
		return InitCtx, true
	case e.Active.ID:
		return e.Active.Ctx, true
	}
	return 0, false
}
