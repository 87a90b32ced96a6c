package verify

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/machine"
	"switchyard/record/tape"
)

// slots are what a CPU's TLB holds under which tag.
type slots struct {
	known bool // the file tells of all of them
	// invalidate_other was set when the next switch found the CPU. Whatever was loaded since the last one was chosen before
	// that: choosing takes it back.
	invalidate bool
	seen       tape.TLBSlots           // the kernel's
	mine       [machine.X86Slots]owner // whose the machine's are
}

// owner is an address space by its number in the machine and in the kernel. It may be gone: a slot still names it then.
type owner struct{ serial, ctx uint64 }

// stranger marks the number of an address space that was never seen, in the place of the one it would have in the machine.
const stranger = 1 << 63

// unnamed is the ctx_id of what the machine has and the recording never named.
const unnamed = ^uint64(0)

// toldSlots takes a row that tells of a CPU's slots.
func (r *run) toldSlots(e *tape.Event) error {
	switch {
	case r.arm:
		return errors.New("a slot on a machine that has none: the file is damaged")
	case e.ASID >= tape.Slots:
		return fmt.Errorf("slot %d of %d: the file is damaged", e.ASID, tape.Slots)
	case e.Kind == tape.InvalidateOther:
		r.cpus[e.CPU].slots.invalidate = true
		return nil
	}
	s := &r.cpus[e.CPU].slots
	s.known = true
	s.seen[e.ASID] = tape.TLBSlot{Ctx: e.Active.Ctx, Gen: e.SlotGen}
	return nil
}

// invalidated has the next choice forget what a flush of kernel addresses did not reach, which is no part of the schedule.
func (r *run) invalidated(c *cpu, on int) {
	if c.slots.invalidate {
		r.m.S.X86[on].InvalidOther, c.slots.invalidate = true, false
	}
}

// compareSlots: which slot is loaded, whose turn is next, and what those hold that are not loaded.
func (r *run) compareSlots(c *cpu, e *tape.Event, loaded *space) {
	t, on := &r.m.S.X86[e.CPU], int(e.CPU)
	if r.m.S.Config.PCID && !c.slots.known {
		// Recordings had no rows for slots at first: what the others held when they began is not known.
		r.adoptX86(c, e)
		return
	}
	cause := r.blame(loaded, on)
	if c.slots.forgotten(t) || r.temporary(c, on) {
		cause = Outside
	}
	same := r.tally(e, Slot, loaded, itoa(uint64(t.ASID)), itoa(uint64(e.ASID)), cause)
	if r.m.S.Config.PCID {
		same = r.tally(e, NextASID, loaded, itoa(uint64(t.NextASID)), itoa(uint64(e.NextASID)), cause) && same
		same = r.compareOthers(c, e, loaded, cause) && same
	}
	if !same {
		r.adoptX86(c, e)
	}
}

func (r *run) compareOthers(c *cpu, e *tape.Event, loaded *space, cause Cause) bool {
	mine := r.mySlots(c, int(e.CPU))
	mine[e.ASID%tape.Slots].Gen = e.SlotGen // a fact of its own
	if mine == c.slots.seen {
		t := &r.report.Facts[Slots]
		t.Checked++
		t.Predicted++
		return true
	}
	if c.moved && c.slots.newerThanLoaded(&mine, &c.was) {
		// No event tells how new the address space was that an exec or an exit left, and another CPU may have seen it
		// newer before the event.
		r.within(Slots)
		r.adoptSlots(c, &r.m.S.X86[e.CPU])
		return true
	}
	return r.tally(e, Slots, loaded, slotText(&mine), slotText(&c.slots.seen), cause)
}

// slotText is ctx_id/tlb_gen of each.
func slotText(s *tape.TLBSlots) string {
	var all []string
	for _, x := range s {
		all = append(all, itoa(x.Ctx)+"/"+itoa(x.Gen))
	}
	return strings.Join(all, " ")
}

// temporary tells whether a slot has an address space that no task has, and that was not there: the kernel patches its text
// through one of its own (use_temporary_mm, arch/x86/kernel/alternative.c in 6.1 and 6.12, arch/x86/mm/tlb.c in 7.3), which takes a slot.
func (r *run) temporary(c *cpu, on int) bool {
	for i, mine := range r.mySlots(c, on) {
		if seen := c.slots.seen[i]; seen != mine && r.serialOf(seen.Ctx)&stranger != 0 {
			return true
		}
	}
	return false
}

// forgotten tells whether clear_asid_other was at work where the machine knew nothing of it: no slot is emptied otherwise.
func (s *slots) forgotten(t *machine.X86CPU) bool {
	for i := range s.seen {
		if s.seen[i].Ctx == 0 && t.Ctxs[i].CtxID != 0 {
			return true
		}
	}
	return false
}

// newerThanLoaded tells whether the slots are those of mine, and some of a later generation; the one that was loaded need
// only be no older than it was then.
func (s *slots) newerThanLoaded(mine *tape.TLBSlots, was *observed) bool {
	for i, seen := range s.seen {
		least := mine[i].Gen
		if i == int(was.at) {
			least = min(least, was.slot)
		}
		if mine[i].Ctx != seen.Ctx || seen.Gen < least {
			return false
		}
	}
	return true
}

// mySlots are the machine's, with the kernel's numbers.
func (r *run) mySlots(c *cpu, on int) (all tape.TLBSlots) {
	t := &r.m.S.X86[on]
	for i := range t.Ctxs {
		o := &c.slots.mine[i]
		if o.serial != t.Ctxs[i].CtxID {
			*o = owner{t.Ctxs[i].CtxID, r.ctxOf(t.Ctxs[i].CtxID)}
		}
		all[i] = tape.TLBSlot{Ctx: o.ctx, Gen: t.Ctxs[i].TLBGen}
	}
	return all
}

func (r *run) ctxOf(serial uint64) uint64 {
	switch {
	case serial == 0:
		return 0
	case serial&stranger != 0:
		return serial &^ stranger
	case serial == uint64(r.m.S.MMs[machine.InitMM].Serial):
		return tape.InitCtx
	}
	for _, s := range r.names {
		if s != nil && uint64(s.born) == serial {
			return s.ctx
		}
	}
	return unnamed
}

func (r *run) serialOf(ctx uint64) uint64 {
	switch ctx {
	case 0:
		return 0
	case tape.InitCtx:
		return uint64(r.m.S.MMs[machine.InitMM].Serial)
	}
	for _, s := range r.names {
		if s != nil && s.ctx == ctx && r.named(s.id) == s {
			return uint64(s.born)
		}
	}
	return ctx | stranger
}

// recognize finds an address space that is seen for the first time in the slots that name it already.
func (r *run) recognize(s *space) {
	for i := range r.cpus {
		c, t := &r.cpus[i], &r.m.S.X86[i]
		for j, mine := range r.mySlots(c, i) {
			if mine.Ctx == s.ctx && s.ctx != 0 {
				t.Ctxs[j].CtxID = uint64(s.born)
				c.slots.mine[j] = owner{uint64(s.born), s.ctx}
			}
		}
	}
}

// adoptSlots takes over all that is known of a CPU's slots.
func (r *run) adoptSlots(c *cpu, t *machine.X86CPU) {
	if !c.slots.known {
		return
	}
	for i, seen := range c.slots.seen {
		t.Ctxs[i] = machine.X86Context{CtxID: r.serialOf(seen.Ctx), TLBGen: seen.Gen}
		c.slots.mine[i] = owner{t.Ctxs[i].CtxID, seen.Ctx}
	}
}

// Both count the same slots.
var _ [tape.Slots]struct{} = [machine.X86Slots]struct{}{}
