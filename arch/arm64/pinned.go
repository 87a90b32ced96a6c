package arm64

import (
	"math/bits"

	"switchyard/machine"
	"switchyard/step"
)

// MaxPinned is max_pinned_asids, how many ASIDs may be pinned at once: after a rollover with every CPU's ASID
// kept and all of these pinned, one must still be free.
func MaxPinned(c *machine.Config) int {
	n := 1 << c.ASIDBits
	if c.KPTI {
		n /= 2
	}
	return n - c.CPUs - 2
}

// pinnedCount is nr_pinned_asids: the map without the odd numbers that KPTI marked at boot.
func pinnedCount(s *machine.State) int {
	n := 0
	for _, w := range s.PinnedMap {
		n += bits.OnesCount64(w)
	}
	if s.Config.KPTI {
		n -= 1 << s.Config.ASIDBits / 2
	}
	return n
}

func isPinned(c *step.Ctx) bool    { return c.MM(c.F.MM).Pinned > 0 }
func pinnedFull(c *step.Ctx) bool  { return pinnedCount(c.S) >= MaxPinned(&c.S.Config) }
func lastPin(c *step.Ctx) bool     { return c.MM(c.F.MM).Pinned == 0 }
func numberOf(c *step.Ctx) uint32  { return number(&c.S.Config, c.MM(c.F.MM).ContextID) }
func pinnedID(c *step.Ctx, i bool) { c.F.Val = uint64(numberOf(c)) | truth(i) }

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

var pinnedPaths = []*step.Path{
	{
		Name: "arm64_mm_context_get", Since: machine.V6_1,
		Source: "arch/arm64/mm/context.c:arm64_mm_context_get (6.1, 6.12, 7.3; since 5.10)",
		Doc:    "A device that shares the address space (SVA) will use its ASID: no rollover may take the number away. Val is the ASID, the user's of a KPTI pair, or 0 where no more may be pinned.",
		Body: step.Seq{
			lockASIDs(),
			step.If("pinned already", isPinned,
				step.Then(step.Do("refcount_inc_not_zero(&mm->context.pinned)", "one more device on the same number", func(c *step.Ctx) {
					c.MM(c.F.MM).Pinned++
					pinnedID(c, c.S.Config.KPTI)
				})),
				step.Else(step.If("too many are pinned", pinnedFull,
					step.Then(step.Do("max_pinned_asids", "a rollover with every CPU's ASID kept must still find a free one", func(c *step.Ctx) { c.F.Val = 0 })),
					step.Else(
						step.If("the mm's id is of an older generation", outdated, newID(), nil),
						step.Do("__set_bit(pinned_asid_map)", "rollovers begin with this number taken", func(c *step.Ctx) {
							mapSet(c.S.PinnedMap, numberOf(c))
							c.MM(c.F.MM).Pinned = 1
							pinnedID(c, c.S.Config.KPTI)
						}))))),
			unlockASIDs(),
		},
	},
	{
		Name: "arm64_mm_context_put", Since: machine.V6_1,
		Source: "arch/arm64/mm/context.c:arm64_mm_context_put (6.1, 6.12, 7.3; since 5.10)",
		Doc:    "A device lets go. The number stays the mm's until the next rollover.",
		Body: step.Seq{
			lockASIDs(),
			step.Do("refcount_dec_and_test(&mm->context.pinned)", "one device less", func(c *step.Ctx) {
				c.MM(c.F.MM).Pinned--
				if c.MM(c.F.MM).Pinned < 0 {
					c.Broken("I18", "an ASID was unpinned more often than pinned")
				}
			}),
			step.If("the last one", lastPin, step.Then(
				step.Do("__clear_bit(pinned_asid_map)", "the next rollover may take the number back", func(c *step.Ctx) {
					i := numberOf(c)
					c.S.PinnedMap[i>>6] &^= 1 << (i & 63)
				})), nil),
			unlockASIDs(),
		},
	},
}
