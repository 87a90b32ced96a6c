package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

// Bits of Frame.State in the switch since 4.14. Frame.N is the slot that is to be loaded and Val the
// generation that the mm has.
const (
	wasLazy = 1 << iota
	needFlush
)

func initTLBState(s *machine.State, t *machine.X86CPU) {
	t.ASID, t.NextASID, t.UserFlush, t.LastUserMM = 0, 1, 0, machine.NoMM
	t.Ctxs = [machine.X86Slots]machine.X86Context{}
	m := &s.MMs[t.LoadedMM]
	t.Ctxs[0] = machine.X86Context{CtxID: uint64(m.Serial), TLBGen: s.MMs[machine.InitMM].TLBGen}
}

// chooseNewASID finds next's slot, or takes the one whose turn it is: round robin, not the least used.
func chooseNewASID(c *step.Ctx) {
	f, t := c.F, tlb(c)
	mm := c.MM(f.MM)
	f.Val = mm.TLBGen
	if !c.S.Config.PCID {
		f.N = 0
		f.State |= needFlush
		return
	}
	if t.InvalidOther {
		clearASIDOther(t)
	}
	id := uint64(mm.Serial)
	for i := range t.Ctxs {
		if t.Ctxs[i].CtxID != id {
			continue
		}
		f.N = int32(i)
		if t.Ctxs[i].TLBGen < f.Val {
			f.State |= needFlush
		}
		c.Stats.Reused++
		return
	}
	slot := t.NextASID
	t.NextASID++
	if slot >= machine.X86Slots {
		slot, t.NextASID = 0, 1
	}
	f.N = int32(slot)
	f.State |= needFlush
	c.Stats.Allocated++
}

// clearASIDOther forgets every slot but the loaded one: a flush that could not reach them was asked for.
func clearASIDOther(t *machine.X86CPU) {
	for i := range t.Ctxs {
		if i != int(t.ASID) {
			t.Ctxs[i].CtxID = 0
		}
	}
	t.InvalidOther = false
}

// loadNewMMCR3 writes CR3; a slot that is flushed first learns whose entries, and how old, it will hold.
func loadNewMMCR3(c *step.Ctx) {
	f, t := c.F, tlb(c)
	slot := uint16(f.N)
	if f.State&needFlush == 0 {
		writeCR3(c, f.MM, slot, true)
		return
	}
	t.Ctxs[slot] = machine.X86Context{CtxID: uint64(c.MM(f.MM).Serial), TLBGen: f.Val}
	invalidateUserASID(c, slot)
	writeCR3(c, f.MM, slot, false)
}

// storeLoadedMM ends the window in which nobody can tell what is loaded.
func storeLoadedMM(c *step.Ctx) {
	t := tlb(c)
	t.LoadedMM, t.ASID = c.F.MM, uint16(c.F.N)
}
