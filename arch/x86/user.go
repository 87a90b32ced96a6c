package x86

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

var userPaths = []*step.Path{
	{
		Name:   "user_access",
		Source: "none: what the hardware does",
		Doc:    "User code runs through the loaded root: what it touches is cached, and what was cached before is used. Departs: speculation may fill the TLB at any other time too; see Speculate.",
		Body:   step.Seq{step.Ours("user_access", "user code runs; what it touches is cached", userAccess)},
	},
}

func userAccess(c *step.Ctx) {
	kernel.UserRuns(c)
	c.C.IRQOff = false
	t, m := tlb(c), c.Task().MM
	switch {
	case c.C.Root != m:
		c.Broken("I11", "user code runs on a root that is not its own")
	case t.LoadedMM != m:
		c.Broken("I11", "user code runs while loaded_mm says otherwise")
	case t.Lazy:
		c.Broken("I11", "user code runs in lazy mode: flushes do not reach this CPU")
	}
	cfg := &c.S.Config
	touch(c, m, kernelTag(cfg, t.ASID))
	if cfg.PTI && cfg.PCID {
		touch(c, m, userTag(cfg, t.ASID))
	}
}

// touch uses what is cached under tag and caches the rest. An entry keeps its age: what was cached
// earlier is still there.
func touch(c *step.Ctx, m machine.MMID, tag uint32) {
	mm, e := c.MM(m), c.S.TLBSlot(c.CPU, tag)
	if e.Owner == mm.Serial && e.Tag == tag {
		if e.Seen.Covers(mm.Done) && e.Walk.Covers(mm.TablesDone) {
			return
		}
		c.Broken("I11", "user code hits a TLB entry that a finished flush should have removed")
	} else if e.Owner != 0 && e.Tag == tag {
		c.Broken("I14", "user code hits TLB entries of another address space")
	}
	*e = machine.WalkedEntry(mm, tag)
}

// Speculate is what the hardware of cpu may do between any two steps: walk the loaded root, whatever
// runs, and cache what it finds under the current tag. It reports whether the TLB holds anything new. For
// checkers; no path enters it. The user root of page-table isolation is left out: it is loaded in user mode alone.
func Speculate(s *machine.State, cpu machine.CPUID) bool {
	root := s.CPUs[cpu].Root
	if root == machine.InitMM {
		return false // it has no user half
	}
	return s.Walk(cpu, kernelTag(&s.Config, loadedSlot(s, cpu)), &s.MMs[root])
}

// loadedSlot is the slot whose PCID is in CR3. Between the write of CR3 and that of loaded_mm_asid the
// latter is behind, but the slot already names what is loaded.
func loadedSlot(s *machine.State, cpu machine.CPUID) uint16 {
	t := &s.X86[cpu]
	id := uint64(s.MMs[s.CPUs[cpu].Root].Serial)
	for i := range t.Ctxs {
		if t.Ctxs[i].CtxID == id {
			return uint16(i)
		}
	}
	return t.ASID
}
