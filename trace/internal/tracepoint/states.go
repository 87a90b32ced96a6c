package tracepoint

import (
	"math/bits"
	"strings"
)

// States decodes prev_state of sched_switch as one kernel writes it.
//
// The bits have been renumbered several times (4.14 rearranged them all), and no
// release number in a file is reliable for a patched kernel. The print fmt of the
// recording's own format lists bit and letter, so that is what is asked.
type States struct {
	letters [64]byte // by bit number; 0 where the kernel names none
	mask    uint64   // the bits that have a letter
	preempt uint64   // the bit behind the "+"
	field   string   // what the values are tested against, as in REC->prev_state
}

// ParseStates reads the flag list and the preemption bit out of a print fmt.
func ParseStates(print string) (*States, bool) {
	s := &States{field: "REC->prev_state"}
	_, list, found := strings.Cut(print, "__print_flags("+s.field)
	if !found {
		return nil, false
	}
	list, rest, _ := strings.Cut(list, `: "R"`)
	for {
		_, after, found := strings.Cut(list, "{")
		if !found {
			break
		}
		pair, tail, found := strings.Cut(after, "}")
		if !found {
			break
		}
		s.addFlag(pair)
		list = tail
	}
	s.preempt = preemptBit(s.field, rest)
	return s, s.mask != 0
}

// addFlag takes `0x00000001, "S"`.
func (s *States) addFlag(pair string) {
	value, name, _ := strings.Cut(pair, ",")
	bit, ok := evaluate(value)
	name = strings.Trim(strings.TrimSpace(name), `"`)
	if !ok || bits.OnesCount64(bit) != 1 || name == "" {
		return
	}
	s.letters[bits.TrailingZeros64(bit)] = name[0]
	s.mask |= bit
}

// preemptBit reads EXPR out of `REC->prev_state & (EXPR) ? "+" : ""`.
func preemptBit(field, text string) uint64 {
	_, expr, found := strings.Cut(text, field+" & ")
	if !found {
		return 0
	}
	expr, _, found = strings.Cut(expr, `? "+"`)
	if !found {
		return 0
	}
	bit, _ := evaluate(expr)
	return bit
}

// Decode gives the letter that ps and the kernel's own text would show, and whether
// the task was preempted (the "+"). A task with no state bit is running: 'R'.
// Bits the kernel named no letter for give '?'.
func (s *States) Decode(raw uint64) (letter byte, preempted bool) {
	if s == nil {
		return '?', false
	}
	preempted = raw&s.preempt != 0
	raw &^= s.preempt
	if named := raw & s.mask; named != 0 {
		return s.letters[bits.TrailingZeros64(named)], preempted
	}
	if raw != 0 {
		return '?', preempted
	}
	return 'R', preempted
}
