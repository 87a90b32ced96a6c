package verify

import (
	"fmt"
	"strconv"

	"switchyard/machine"
	"switchyard/record/tape"
)

func hex(n uint64) string { return fmt.Sprintf("%#x", n) }

// generationOf is an ASID's generation: bits 16 and up, also where ASIDs have 8 bits (since December 2024).
func generationOf(id uint64) uint64 { return id &^ 0xffff }

// seenASID takes over an ASID that existed when it was first seen.
func (r *run) seenASID(id uint64) {
	g := r.m.S.Global
	switch gen := generationOf(id); {
	case id == 0 || gen < g.ASIDGeneration:
		return
	case gen > g.ASIDGeneration:
		g.ASIDGeneration = gen
	}
	number := r.number(id)
	r.m.S.ASIDMap[number>>6] |= 1 << (number & 63)
	if !r.asidsKnown && number > g.ASIDNext {
		r.upTo(number)
	}
}

// upTo says that all numbers up to n were handed out: they go up from one rollover to the next.
func (r *run) upTo(n uint32) {
	for i := range n + 1 {
		r.m.S.ASIDMap[i>>6] |= 1 << (i & 63)
	}
	r.m.S.Global.ASIDNext = n
}

func (r *run) compareARM(c *cpu, e *tape.Event, active, user *space) {
	if active != nil && active.id != machine.InitMM {
		r.contextID(e, active, e.Active.Ctx)
	}
	if user != nil && user != active {
		r.contextID(e, user, e.User.Ctx)
	}
	if e.Generation != 0 {
		g := r.m.S.Global
		cause := OurFault
		if r.report.CPUs > 1 {
			cause = InFlight
		}
		if !r.tally(e, Generation, nil, hex(g.ASIDGeneration), hex(e.Generation), cause) {
			g.ASIDGeneration = e.Generation
		}
	}
	if e.Known&tape.KnownASID == 0 || c.was.known&tape.KnownASID == 0 {
		return
	}
	if e.ActiveASID != 0 && c.was.asid != 0 && !c.moved {
		r.tally(e, RootLoad, active, strconv.FormatBool(c.was.load), strconv.FormatBool(c.was.asid&0xffff != e.ActiveASID&0xffff), r.blame(active, int(e.CPU)))
	}
	a := &r.m.S.ARM64[e.CPU]
	if !r.tally(e, ASID, active, hex(a.ActiveASID), hex(e.ActiveASID), r.asidCause()) {
		a.ActiveASID = e.ActiveASID
	}
	a.ReservedASID = e.ReservedASID
}

// asidCause: two CPUs that need an ASID at the same time may come to the lock in either order.
func (r *run) asidCause() Cause {
	if r.report.CPUs > 1 {
		return InFlight
	}
	return OurFault
}

// contextID compares an address space's ASID. Where the search for a free one stands is not in the snapshot: the first
// that is handed out tells, and is not counted.
func (r *run) contextID(e *tape.Event, s *space, id uint64) {
	mm := &r.m.S.MMs[s.id]
	if !r.asidsKnown && mm.ContextID != id {
		r.asidsKnown = true
		mm.ContextID = id
		r.m.S.Global.ASIDGeneration = max(r.m.S.Global.ASIDGeneration, generationOf(id))
		r.upTo(r.number(id))
		for i := range r.m.S.ARM64 {
			if r.names != nil && r.m.S.CPUs[i].Root == s.id {
				r.m.S.ARM64[i].ActiveASID = id
			}
		}
		return
	}
	if predicted := mm.ContextID; !r.tally(e, ASID, s, hex(predicted), hex(id), r.asidCause()) {
		mm.ContextID = id
		r.exchange(s, predicted, id)
	}
}

// number is the part of an id that the hardware sees.
func (r *run) number(id uint64) uint32 { return uint32(id & (1<<r.m.S.Config.ASIDBits - 1)) }

// exchange makes up for two CPUs that came to the lock in the other order than the machine's: who has the number that
// this address space got has the other; if nobody has it yet, the other is the next to be handed out.
func (r *run) exchange(s *space, predicted, id uint64) {
	if generationOf(predicted) != r.m.S.Global.ASIDGeneration || predicted == 0 {
		return
	}
	for i := range r.m.S.ARM64 {
		switch a := &r.m.S.ARM64[i]; a.ActiveASID {
		case predicted:
			a.ActiveASID = id
		case id:
			a.ActiveASID = predicted
		}
	}
	for i := range r.m.S.MMs {
		if mm := &r.m.S.MMs[i]; machine.MMID(i) != s.id && mm.Alive != 0 && mm.ContextID == id {
			mm.ContextID = predicted
			return
		}
	}
	n, p := r.number(id), r.number(predicted)
	r.m.S.ASIDMap[n>>6] |= 1 << (n & 63)
	r.m.S.ASIDMap[p>>6] &^= 1 << (p & 63)
	r.m.S.Global.ASIDNext = min(r.m.S.Global.ASIDNext, p)
}
