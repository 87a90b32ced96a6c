//go:build linux

package record

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchyard/record/tape"
)

// tailed is a cpu_tlbstate in which slot i has ctx_id ctx[i] and tlb_gen gen[i].
func tailed(l tlbLayout, ctx, gen [tape.Slots]uint64, invalidate bool) []byte {
	tail := make([]byte, l.slots(tape.Slots))
	for i := range ctx {
		at := tail[l.ctxs+i*l.stride:]
		binary.LittleEndian.PutUint64(at[l.ctx:], ctx[i])
		binary.LittleEndian.PutUint64(at[l.gen:], gen[i])
	}
	if invalidate {
		tail[l.invalidateOther] = 1
	}
	return tail
}

// told has a switch on CPU 1 that finds mm 7 with ctx_id 70 loaded in slot 2, and returns what is written besides.
func told(t *testing.T, s *slots, tail []byte, loaded tape.MMID, gen uint64) (rows []tape.Event) {
	t.Helper()
	e := tape.Event{Kind: tape.Switch, CPU: 1, Time: 5, Known: tape.KnownTLB, ASID: 2, LoadedMM: loaded, SlotGen: gen, Active: tape.MM{ID: 7, Ctx: 70}}
	if err := s.tell(tail, &e, func(e *tape.Event) error { rows = append(rows, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestOnlySlotsThatTheSwitchesDoNotTellOfAreWritten(t *testing.T) {
	t.Run("copied", func(t *testing.T) {
		onlyWhatIsNotTold(t, tlbLayout{loadedMM: 0, asid: 16, nextASID: 18, invalidateOther: 20, ctxs: 32, ctx: 0, gen: 8, stride: 16})
	})
	t.Run("by field", func(t *testing.T) { onlyWhatIsNotTold(t, viewLayout) })
}

func onlyWhatIsNotTold(t *testing.T, l tlbLayout) {
	s := &slots{layout: l, inUse: tape.Slots}
	row := func(slot uint16, ctx, gen uint64) tape.Event {
		return tape.Event{Kind: tape.Slot, CPU: 1, Time: 5, ASID: slot, Active: tape.MM{Ctx: ctx}, SlotGen: gen}
	}
	ctx, gen := [tape.Slots]uint64{1, 60, 70}, [tape.Slots]uint64{0, 4, 8}
	check := func(what string, got []tape.Event, want ...tape.Event) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	check("the first switch", told(t, s, tailed(l, ctx, gen, false), 7, 8), row(0, 1, 0), row(1, 60, 4))
	check("nothing new", told(t, s, tailed(l, ctx, gen, false), 7, 8))
	gen[2] = 9
	check("a flush of what is loaded", told(t, s, tailed(l, ctx, gen, false), 7, 9))
	gen[1] = 5
	check("another slot", told(t, s, tailed(l, ctx, gen, false), 7, 9), row(1, 60, 5))
	ctx[2], gen[2] = 1, 0
	check("init_mm is loaded", told(t, s, tailed(l, ctx, gen, false), tape.InitMM, 0))
	ctx[2], gen[2] = 80, 3
	check("who is loaded is not told", told(t, s, tailed(l, ctx, gen, false), 8, 3), row(2, 80, 3))
	check("invalidate_other", told(t, s, tailed(l, ctx, gen, true), 8, 3), tape.Event{Kind: tape.InvalidateOther, CPU: 1, Time: 5})
	s.inUse = 1
	gen[5] = 9
	check("without PCID", told(t, s, tailed(l, ctx, gen, true), 8, 3))
}
