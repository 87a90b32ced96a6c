package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

// A tag is what the TLB model files entries under. Hardware has 12-bit PCIDs: slot+1 for the kernel's
// root, and that with bit 11 set for the user's. The model packs them densely, so that a small TLB
// tells all of them apart.

func kernelTag(c *machine.Config, slot uint16) uint32 {
	if !c.PCID {
		return 0
	}
	return uint32(slot) + 1
}

func userTag(c *machine.Config, slot uint16) uint32 {
	if !c.PCID {
		return 0
	}
	return uint32(slot) + 1 + machine.X86Slots
}

// PCID returns what the PCID field of CR3 holds for a tag of the TLB model.
func PCID(tag uint32) uint16 {
	if tag > machine.X86Slots {
		return uint16(tag-machine.X86Slots) | 1<<11
	}
	return uint16(tag)
}

// writeCR3 loads the root of m. Unless the write says NOFLUSH all entries under the tag go; without
// identifiers every entry does. It serialises, so it is a full barrier as well.
func writeCR3(c *step.Ctx, m machine.MMID, slot uint16, noflush bool) {
	if c.MM(m).Alive&machine.HasRoot == 0 {
		c.Broken("I8", "a freed page-table root was loaded")
	}
	c.C.Root = m
	c.LoadRoot()
	c.Stats.Loads++
	if noflush {
		c.Stats.KeptByTag++
		return
	}
	c.Stats.FullFlushes++
	if c.S.Config.PCID {
		c.S.FlushTag(c.CPU, uint32(slot)+1)
	} else {
		c.S.FlushTLB(c.CPU)
	}
}

// flushLocal is flush_tlb_local: CR3 is written again, so what is cached under the current tag goes.
// The user half is left for the way to user mode.
func flushLocal(c *step.Ctx) {
	invalidateUserASID(c, tlb(c).ASID)
	c.S.FlushTag(c.CPU, kernelTag(&c.S.Config, tlb(c).ASID))
	c.Stats.FullFlushes++
	c.LoadRoot()
}

// flushPages is flush_tlb_one_user for each page: INVLPG for the kernel's tag, INVPCID for the user's.
func flushPages(c *step.Ctx, change, tables uint32) {
	cfg, slot, mm := &c.S.Config, tlb(c).ASID, c.MM(c.F.MM)
	c.S.FlushChange(c.CPU, kernelTag(cfg, slot), mm, change, tables)
	if cfg.PTI && cfg.PCID {
		c.S.FlushChange(c.CPU, userTag(cfg, slot), mm, change, tables)
	}
	c.Stats.RangedFlushes++
}
