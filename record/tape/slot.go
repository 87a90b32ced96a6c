package tape

// Slots is how many x86 has: TLB_NR_DYN_ASIDS.
const Slots = 6

// InitCtx is the ctx_id of init_mm.
const InitCtx = 1

// LoadedCtx is the ctx_id of what a switch finds loaded, as far as its row tells. With SlotGen it is what the slot ASID
// has. The other slots of the CPU are as the last rows that told of them said: switches that found them loaded, and
// rows of kind Slot.
func (e *Event) LoadedCtx() (uint64, bool) {
	switch e.LoadedMM {
	case InitMM:
		return InitCtx, true
	case e.Active.ID:
		return e.Active.Ctx, true
	}
	return 0, false
}
