package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

func clearMap(c *step.Ctx) { clear(c.S.ASIDMap) }

// keepPinned: pinned_asid_map also has the odd numbers of KPTI pairs in it.
func keepPinned(c *step.Ctx) { copy(c.S.ASIDMap, c.S.PinnedMap) }

// collect takes the ASID that the CPU in Frame.CPU runs on out of active_asids and keeps its number.
func collect(ids idMap, reserve bool) func(*step.Ctx) {
	return func(c *step.Ctx) {
		a := &c.S.ARM64[c.F.CPU]
		c.F.CPU++
		id := a.ActiveASID
		a.ActiveASID = 0
		if !reserve {
			return
		}
		if id == 0 {
			id = a.ReservedASID
		}
		mapSet(c.S.ASIDMap, ids.bit(&c.S.Config, id))
		a.ReservedASID = id
	}
}

func moreCPUs(c *step.Ctx) bool { return int(c.F.CPU) < len(c.S.CPUs) }

func (a allocator) flushContext(reset func(*step.Ctx)) step.Seq {
	return step.Seq{
		step.Do("set_reserved_asid_bits", "every number is free again", func(c *step.Ctx) {
			reset(c)
			c.F.CPU = 0
		}).Touches(step.Held),
		step.While("another possible CPU", moreCPUs, step.Seq{
			step.Do("atomic64_xchg_relaxed(active_asids, 0)", "what the CPU runs on stays its mm's; the zero sends its next switch into the slow path. Was it zero already, the CPU still runs what the last rollover kept", collect(a.ids, a.reserve)),
		}),
		a.oweFlush(),
	}
}

func (a allocator) oweFlush() step.Node {
	if a.flushAtOnce {
		return step.Do("__tlbi(vmalle1is)", "too early: a CPU that has its next ASID and not yet its next root goes on walking the old one", func(c *step.Ctx) {
			for i := range tlbs(c.S) {
				c.S.FlushTLB(machine.CPUID(i))
			}
			c.Stats.Rollovers++
			c.Stats.FullFlushes++
		})
	}
	return step.Do("cpumask_setall(&tlb_flush_pending)", "each CPU flushes itself before it runs anything with a new number", func(c *step.Ctx) {
		for i := range c.S.ARM64 {
			c.S.ARM64[i].FlushPending = true
		}
		c.Stats.Rollovers++
	}).Touches(step.Held)
}

// tlbOf returns whose TLB a CPU uses: with CnP all share the first one's.
func tlbOf(s *machine.State, cpu machine.CPUID) machine.CPUID {
	if s.Config.CnP {
		return 0
	}
	return cpu
}
