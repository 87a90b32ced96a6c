package arm64

import (
	"math/bits"

	"switchyard/machine"
	"switchyard/step"
)

// A context id is generation | number. The number, its low asid_bits bits, is what the TLB gets to
// see; the generation says whether the number still belongs to its mm.

// wideStep is ASID_FIRST_VERSION since the stable fix c0900d15d31c: no bit of the generation can
// reach the 16 bits that the hardware looks at.
const wideStep = 1 << 16

// number is ctxid2asid.
func number(c *machine.Config, id uint64) uint32 {
	return uint32(id) & (1<<(c.ASIDBits&31) - 1)
}

// sameGeneration is asid_gen_match.
func sameGeneration(s *machine.State, id uint64) bool {
	return (id^s.Global.ASIDGeneration)>>(s.Config.ASIDBits&63) == 0
}

// hardwareASID is what ASID(mm) puts into a register or a TLBI.
type hardwareASID func(*machine.Config, uint64) uint32

func arm(c *step.Ctx) *machine.ARM64CPU { return &c.S.ARM64[c.CPU] }

// Frame.State in the paths of the allocator.
const (
	undecided = iota
	won       // the fast path is done
	kept      // the mm goes on with the number that it had
	flushed   // the slow path flushed this CPU's TLB
)

func stateIs(v uint32) func(*step.Ctx) bool {
	return func(c *step.Ctx) bool { return c.F.State == v }
}

func stateIsNot(v uint32) func(*step.Ctx) bool {
	return func(c *step.Ctx) bool { return c.F.State != v }
}

// genMatch reads context.id, active_asids and the generation in one step. Only a rollover changes
// what the comparison would find, and it zeroes active_asids for good as far as this path goes; so
// reading them one by one could end nowhere else than in the slow path, where this ends too.
func genMatch(c *step.Ctx) {
	c.F.Val = c.MM(c.F.MM).ContextID
	c.F.Val2 = arm(c).ActiveASID
	c.F.State = undecided
	if sameGeneration(c.S, c.F.Val) {
		c.F.State = kept
	}
}

func mayTryFast(c *step.Ctx) bool { return c.F.State == kept && c.F.Val2 != 0 }

func activeCmpxchg(c *step.Ctx) {
	a := arm(c)
	c.F.State = undecided
	if a.ActiveASID == c.F.Val2 {
		a.ActiveASID = c.F.Val
		c.F.State = won
		c.Stats.Reused++
	}
}

func activeXchg(c *step.Ctx) {
	a := arm(c)
	old := a.ActiveASID
	a.ActiveASID = c.F.Val
	c.F.State = undecided
	if old != 0 {
		c.F.State = won
		c.Stats.Reused++
	}
}

func slowPath() step.Seq {
	return step.Seq{step.Call("check_and_switch_context").Returning(func(f, callee *machine.Frame) { f.State = callee.State })}
}

// fastCmpxchg is the lockless beginning of check_and_switch_context since 4.16.
var fastCmpxchg = step.Seq{
	step.Do("asid_gen_match", "does the ASID that the mm has still count? a rollover may have taken it back", genMatch),
	step.If("it does, and this CPU's last ASID does", mayTryFast, step.Then(
		step.Do("atomic64_cmpxchg_relaxed(active_asids)", "we run on this ASID now; but a zero from a rollover must stay, so that it cannot be missed", activeCmpxchg)), nil),
	step.If("a rollover came or is to come", stateIsNot(won), slowPath(), nil),
}

// fastXchg is the same up to 4.15 (fixed by a8ffaaa060b8).
var fastXchg = step.Seq{
	step.Do("atomic64_read(&mm->context.id)", "does the ASID that the mm has still count? a rollover may have taken it back", genMatch),
	step.If("it does", stateIs(kept), step.Then(
		step.Do("atomic64_xchg_relaxed(active_asids)", "we run on this ASID now; a zero that comes back tells of a rollover, but it is overwritten", activeXchg)), nil),
	step.If("a rollover came or is to come", stateIsNot(won), slowPath(), nil),
}

func lockFree(c *step.Ctx) bool { return c.S.Global.ASIDLockedBy == machine.NoCPU }

// lockASIDs takes cpu_asid_lock; N keeps the interrupt flag, Val the id that the mm has under the lock.
func lockASIDs() step.Node {
	return step.Wait("raw_spin_lock_irqsave(&cpu_asid_lock)", "ids, the map and the generation change under this lock only", lockFree, func(c *step.Ctx) {
		c.S.Global.ASIDLockedBy = c.CPU
		c.F.N = 0
		if c.C.IRQOff {
			c.F.N = 1
		}
		c.C.IRQOff = true
		c.F.State = undecided
		c.F.Val = c.MM(c.F.MM).ContextID
	})
}

func unlockASIDs() step.Node {
	return step.Do("raw_spin_unlock_irqrestore(&cpu_asid_lock)", "others may hand out ASIDs again", func(c *step.Ctx) {
		c.S.Global.ASIDLockedBy = machine.NoCPU
		c.C.IRQOff = c.F.N == 1
	}).Touches(step.Held)
}

// The generation cannot change while we hold the lock, so a branch may look at it.
func outdated(c *step.Ctx) bool { return !sameGeneration(c.S, c.F.Val) }

// Only whoever holds the lock writes tlb_flush_pending.
func owesFlush(c *step.Ctx) bool { return arm(c).FlushPending }

func newID() step.Seq {
	return step.Seq{
		step.Call("new_context").Returning(func(f, callee *machine.Frame) { f.Val = callee.Val }),
		step.Do("atomic64_set(&mm->context.id)", "from now on every CPU runs the mm with this id", func(c *step.Ctx) {
			c.MM(c.F.MM).ContextID = c.F.Val
		}),
	}
}

func localFlush(c *step.Ctx) {
	arm(c).FlushPending = false
	c.S.FlushTLB(tlbOf(c.S, c.CPU))
	c.F.State = flushed
	c.Stats.FullFlushes++
}

func setActive(c *step.Ctx) { arm(c).ActiveASID = c.F.Val }

var slowBody = step.Seq{
	lockASIDs(),
	step.If("the mm's id is of an older generation", outdated, newID(), nil),
	step.If("this CPU owes a flush since the last rollover", owesFlush, step.Then(
		step.Do("local_flush_tlb_all", "numbers changed hands at the rollover: what the TLB holds under them is somebody else's", localFlush)), nil),
	step.Do("atomic64_set(active_asids)", "the next rollover will keep this number for us", setActive).Touches(step.Held),
	unlockASIDs(),
}

// idMap is how numbers are laid out in asid_map: index = number >> shift, number = index << shift.
type idMap struct{ shift uint8 }

func (m idMap) count(c *machine.Config) uint32         { return 1 << c.ASIDBits >> m.shift }
func (m idMap) bit(c *machine.Config, i uint64) uint32 { return number(c, i) >> m.shift }

func mapHas(m []uint64, i uint32) bool { return m[i>>6]&(1<<(i&63)) != 0 }
func mapSet(m []uint64, i uint32)      { m[i>>6] |= 1 << (i & 63) }

// nextZero is find_next_zero_bit.
func nextZero(m []uint64, n, from uint32) (uint32, bool) {
	for i := from; i < n; i = (i | 63) + 1 {
		if free := ^m[i>>6] >> (i & 63); free != 0 {
			i += uint32(bits.TrailingZeros64(free))
			return i, i < n
		}
	}
	return n, false
}

func hadID(c *step.Ctx) bool { return c.MM(c.F.MM).ContextID != 0 }

// keepNumber makes Val the mm's old number in the current generation.
func keepNumber(c *step.Ctx) {
	c.F.Val = uint64(number(&c.S.Config, c.F.Val)) | c.S.Global.ASIDGeneration
	c.F.State = kept
	c.Stats.Reused++
}

// updateReserved is check_update_reserved_asid.
func updateReserved(all bool) func(*step.Ctx) {
	return func(c *step.Ctx) {
		old := c.MM(c.F.MM).ContextID
		c.F.State, c.F.Val = undecided, old
		renewed := uint64(number(&c.S.Config, old)) | c.S.Global.ASIDGeneration
		for i := range c.S.ARM64 {
			if c.S.ARM64[i].ReservedASID != old {
				continue
			}
			c.S.ARM64[i].ReservedASID = renewed
			if c.F.State == undecided {
				keepNumber(c)
			}
			if !all {
				return
			}
		}
	}
}

// allocate looks for a free number from index from on. It leaves undecided in State where there is none.
func allocate(c *step.Ctx, m idMap, from uint32) {
	c.F.State = undecided
	i, ok := nextZero(c.S.ASIDMap, m.count(&c.S.Config), from)
	if !ok {
		return
	}
	mapSet(c.S.ASIDMap, i)
	c.S.Global.ASIDNext = i
	c.F.Val = uint64(i<<m.shift) | c.S.Global.ASIDGeneration
	c.F.State = won
	c.Stats.Allocated++
}

// allocator is what new_context and flush_context of a release are made of.
type allocator struct {
	ids       idMap
	step      func(*machine.Config) uint64 // of the generation
	reserve   bool                         // rollovers keep what CPUs run on; only a broken one does not
	updateAll bool                         // all copies of a reserved id are renewed
	pinned    bool                         // pinned ASIDs, since 5.10

	flushAtOnce bool // a rollover flushes all TLBs itself; broken
}

func (a allocator) newContext() step.Seq {
	old := step.Seq{}
	if a.reserve {
		old = append(old,
			step.Do("check_update_reserved_asid", "in use during a rollover: the number stays, and every CPU's note of it moves to this generation", updateReserved(a.updateAll)).Touches(step.Held),
			step.If("it was kept for this mm", stateIs(kept), step.Then(step.Return()), nil))
	}
	if a.pinned {
		old = append(old,
			step.Do("refcount_read(&mm->context.pinned)", "a device uses the number too: it stays", func(c *step.Ctx) {
				c.F.Val = c.MM(c.F.MM).ContextID
				if c.MM(c.F.MM).Pinned > 0 {
					keepNumber(c)
				}
			}).Touches(step.Held),
			step.If("it is pinned", stateIs(kept), step.Then(step.Return()), nil))
	}
	old = append(old,
		step.Do("__test_and_set_bit(asid_map)", "the old number again, if nobody has got it meanwhile", func(c *step.Ctx) {
			c.F.Val, c.F.State = c.MM(c.F.MM).ContextID, undecided
			if i := a.ids.bit(&c.S.Config, c.F.Val); !mapHas(c.S.ASIDMap, i) {
				mapSet(c.S.ASIDMap, i)
				keepNumber(c)
			}
		}).Touches(step.Held),
		step.If("it was free", stateIs(kept), step.Then(step.Return()), nil))
	return step.Seq{
		step.If("the mm has had an ASID", hadID, old, nil),
		step.Do("find_next_zero_bit(asid_map, cur_idx)", "the next number that nobody has had in this generation", func(c *step.Ctx) {
			allocate(c, a.ids, c.S.Global.ASIDNext)
		}).Touches(step.Held),
		step.If("there is none", stateIsNot(won), step.Then(
			step.Do("atomic64_add_return(&asid_generation)", "a new generation: every id that was handed out is void at once", func(c *step.Ctx) {
				c.S.Global.ASIDGeneration += a.step(&c.S.Config)
			}),
			step.Call("flush_context"),
			step.Do("find_next_zero_bit(asid_map, 1)", "there are more ASIDs than CPUs, so one must be free now", func(c *step.Ctx) {
				allocate(c, a.ids, 1)
				if c.F.State != won {
					c.Broken("I18", "no ASID is free after a rollover")
					c.F.Val = uint64(1<<a.ids.shift) | c.S.Global.ASIDGeneration
				}
			}).Touches(step.Held)), nil),
	}
}

func lowStep(c *machine.Config) uint64   { return 1 << c.ASIDBits }
func fixedStep(*machine.Config) uint64   { return wideStep }
func withKPTI(c *machine.Config) bool    { return c.KPTI }
func withoutKPTI(c *machine.Config) bool { return !c.KPTI }

var (
	alloc44     = allocator{step: lowStep, reserve: true, updateAll: true}
	alloc50KPTI = allocator{ids: idMap{shift: 1}, step: lowStep, reserve: true, updateAll: true}
	alloc61     = allocator{step: fixedStep, reserve: true, updateAll: true, pinned: true}
)

var asidPaths = []*step.Path{
	{
		Name: "check_and_switch_context", Since: machine.V4_4,
		Source: "arch/arm64/mm/context.c:check_and_switch_context, the part under cpu_asid_lock (4.4 to 7.3)",
		Doc:    "The slow path: this CPU has not switched since a rollover, or the mm's ASID is of an older generation. Departs: the lockless fast path stands in switch_mm; the branch-predictor hardening after it changes no state.",
		Body:   slowBody,
	},
	{
		Name: "new_context", Since: machine.V4_4, Until: machine.V5_0,
		Source: "arch/arm64/mm/context.c:new_context (4.4)",
		Doc:    "An ASID for the mm in this generation: the one it had, or a free one, after a rollover if need be.",
		Body:   alloc44.newContext(),
	},
	{
		Name: "new_context", Since: machine.V5_0, Until: machine.V6_1, Only: withoutKPTI,
		Source: "arch/arm64/mm/context.c:new_context (4.20, without CONFIG_UNMAP_KERNEL_AT_EL0)",
		Doc:    "An ASID for the mm in this generation: the one it had, or a free one, after a rollover if need be.",
		Body:   alloc44.newContext(),
	},
	{
		Name: "new_context", Since: machine.V5_0, Until: machine.V6_1, Only: withKPTI,
		Source: "arch/arm64/mm/context.c:new_context (4.20, CONFIG_UNMAP_KERNEL_AT_EL0)",
		Doc:    "An ASID for the mm in this generation. The map has one bit for each pair of numbers.",
		Body:   alloc50KPTI.newContext(),
	},
	{
		Name: "new_context", Since: machine.V6_1,
		Source: "arch/arm64/mm/context.c:new_context (6.1.192, 6.12.117, 7.3)",
		Doc:    "An ASID for the mm in this generation: the one it had or has pinned, or a free one, after a rollover if need be. With KPTI the odd numbers are marked as taken. Departs: where KPTI is built in but not used, the kernel leaves out the odd numbers until the first rollover; here KPTI is either used or not there.",
		Body:   alloc61.newContext(),
	},
	{
		Name: "flush_context", Since: machine.V4_4, Until: machine.V5_0,
		Source: "arch/arm64/mm/context.c:flush_context (4.4)",
		Doc:    "A rollover takes all ASIDs back but those that CPUs run on, and makes every CPU owe a flush. Nobody is interrupted. Departs: the instruction cache of the first chips (AIVIVT) is left out.",
		Body:   alloc44.flushContext(clearMap),
	},
	{
		Name: "flush_context", Since: machine.V5_0, Until: machine.V6_1, Only: withoutKPTI,
		Source: "arch/arm64/mm/context.c:flush_context (4.20, without CONFIG_UNMAP_KERNEL_AT_EL0)",
		Doc:    "A rollover takes all ASIDs back but those that CPUs run on, and makes every CPU owe a flush. Nobody is interrupted.",
		Body:   alloc44.flushContext(clearMap),
	},
	{
		Name: "flush_context", Since: machine.V5_0, Until: machine.V6_1, Only: withKPTI,
		Source: "arch/arm64/mm/context.c:flush_context (4.20, CONFIG_UNMAP_KERNEL_AT_EL0)",
		Doc:    "A rollover takes all pairs of ASIDs back but those that CPUs run on, and makes every CPU owe a flush. Nobody is interrupted.",
		Body:   alloc50KPTI.flushContext(clearMap),
	},
	{
		Name: "flush_context", Since: machine.V6_1,
		Source: "arch/arm64/mm/context.c:flush_context (6.1, 6.12, 7.3)",
		Doc:    "A rollover takes all ASIDs back but those that CPUs run on or that are pinned, and makes every CPU owe a flush. Nobody is interrupted.",
		Body:   alloc61.flushContext(keepPinned),
	},
}
