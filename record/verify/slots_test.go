package verify

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"switchyard/machine"
	"switchyard/record/tape"
)

// A kernel that chooses its slots in another way is told from the machine by the slots.
func TestOtherSlotsAreFoundOut(t *testing.T) {
	r := verified(t, imitate(t, kind{arch: machine.X86, pcid: true, disorder: true}, 1, 4000), Options{})
	for _, f := range []Fact{Slot, NextASID, Slots} {
		if t1 := r.Facts[f]; t1.Predicted == t1.Checked {
			t.Errorf("%s was predicted %d times of %d", f, t1.Predicted, t1.Checked)
		}
	}
	if t1 := r.Facts[ActiveMM]; t1.Predicted != t1.Checked || r.Causes[OurFault] == 0 {
		t.Errorf("active_mm was predicted %d times of %d; causes %v", t1.Predicted, t1.Checked, r.Causes)
	}
}

// That a CPU leaves what it has borrowed is no part of a schedule. Which slot init_mm then gets follows; and what a flush
// has the CPU forget later is forgotten later.
func TestSlotsOfCPUsThatLeave(t *testing.T) {
	for seed := range uint64(4) {
		r := verified(t, imitate(t, kind{arch: machine.X86, pcid: true, naps: true}, seed, 8000), Options{})
		for _, f := range []Fact{Slot, NextASID, Slots} {
			if t1 := r.Facts[f]; t1.Predicted != t1.Checked || t1.Checked < 1000 {
				t.Errorf("seed %d: %s was predicted %d times of %d: %v", seed, f, t1.Predicted, t1.Checked, r.Mismatches[OurFault])
			}
		}
		if r.Causes[OurFault] != 0 || r.Causes[Outside] == 0 {
			t.Errorf("seed %d: causes %v", seed, r.Causes)
		}
	}
}

// Who exits gives up its address space before its event. A flush that follows finds the CPU lazy, which leaves the slot as old
// as it is; but another CPU's switch may have shown the new generation while the machine still ran the task.
func TestASlotThatAnExitLeft(t *testing.T) {
	was := observed{at: 3, slot: 29}
	for what, c := range map[string]struct {
		mine, seen tape.TLBSlot
		at         int
		want       bool
	}{
		"as new as the machine's":         {tape.TLBSlot{Ctx: 18, Gen: 30}, tape.TLBSlot{Ctx: 18, Gen: 30}, 3, true},
		"flushed again":                   {tape.TLBSlot{Ctx: 18, Gen: 30}, tape.TLBSlot{Ctx: 18, Gen: 31}, 3, true},
		"left before the flush":           {tape.TLBSlot{Ctx: 18, Gen: 30}, tape.TLBSlot{Ctx: 18, Gen: 29}, 3, true},
		"older than it was":               {tape.TLBSlot{Ctx: 18, Gen: 30}, tape.TLBSlot{Ctx: 18, Gen: 28}, 3, false},
		"older, and was not loaded":       {tape.TLBSlot{Ctx: 18, Gen: 30}, tape.TLBSlot{Ctx: 18, Gen: 29}, 4, false},
		"of another address space at all": {tape.TLBSlot{Ctx: 18, Gen: 30}, tape.TLBSlot{Ctx: 17, Gen: 30}, 3, false},
	} {
		var s slots
		var mine tape.TLBSlots
		s.seen[c.at], mine[c.at] = c.seen, c.mine
		if c.at != int(was.at) {
			s.seen[was.at], mine[was.at] = tape.TLBSlot{Ctx: 18, Gen: 30}, tape.TLBSlot{Ctx: 18, Gen: 30}
		}
		if got := s.newerThanLoaded(&mine, &was); got != c.want {
			t.Errorf("%s: %t", what, got)
		}
	}
}

func TestSlotsThatCannotBeAreRefused(t *testing.T) {
	for what, c := range map[string]struct {
		kind  kind
		event tape.Event
	}{
		"no such slot": {kind{arch: machine.X86, pcid: true}, tape.Event{Kind: tape.Slot, ASID: tape.Slots}},
		"on arm64":     {kind{arch: machine.ARM64}, tape.Event{Kind: tape.InvalidateOther}},
	} {
		var file bytes.Buffer
		w := tape.NewWriter(&file, c.kind.meta())
		if err := errors.Join(w.Write(&c.event), w.Close()); err != nil {
			t.Fatal(err)
		}
		in, err := tape.NewReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), in, Options{}); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
