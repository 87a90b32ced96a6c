//go:build linux

package record

import (
	"encoding/binary"

	"switchyard/record/tape"
)

// slots writes down what each CPU's cpu_tlbstate has in the slots that are not loaded. A switch tells of the loaded one,
// and the others stay as they were when they were loaded last; only what does not follow from that gets a row of its own.
type slots struct {
	layout tlbLayout
	inUse  int
	told   []tape.TLBSlots // by CPU
}

// tell looks at the CPU's state behind an event of a switch, and writes what the event does not say.
func (s *slots) tell(tail []byte, e *tape.Event, write func(*tape.Event) error) error {
	if e.Known&tape.KnownTLB == 0 || s.inUse < tape.Slots || len(tail) < s.layout.slots(tape.Slots) {
		return nil
	}
	for len(s.told) <= int(e.CPU) {
		s.told = append(s.told, tape.TLBSlots{})
	}
	told := &s.told[e.CPU]
	told.Switched(e)
	for i := range told {
		at := tail[s.layout.ctxs+i*s.layout.stride:]
		now := tape.TLBSlot{Ctx: binary.LittleEndian.Uint64(at[s.layout.ctx:]), Gen: binary.LittleEndian.Uint64(at[s.layout.gen:])}
		if now == told[i] {
			continue
		}
		told[i] = now
		if err := write(&tape.Event{Kind: tape.Slot, CPU: e.CPU, Time: e.Time, ASID: uint16(i), Active: tape.MM{Ctx: now.Ctx}, SlotGen: now.Gen}); err != nil {
			return err
		}
	}
	if tail[s.layout.invalidateOther] == 0 {
		return nil
	}
	return write(&tape.Event{Kind: tape.InvalidateOther, CPU: e.CPU, Time: e.Time})
}
