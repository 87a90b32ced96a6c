package tracepoint

import "testing"

// The print fmt lines of three generations of kernels, shortened to what is parsed.
const (
	print618 = `"...", (REC->prev_state & ((((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) - 1)) ? __print_flags(REC->prev_state & ((((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) - 1), "|", { 0x00000001, "S" }, { 0x00000002, "D" }, { 0x00000004, "T" }, { 0x00000008, "t" }, { 0x00000010, "X" }, { 0x00000020, "Z" }, { 0x00000040, "P" }, { 0x00000080, "I" }) : "R", REC->prev_state & (((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) ? "+" : "", REC->next_comm`
	print44  = `"...", REC->prev_state & (2048-1) ? __print_flags(REC->prev_state & (2048-1), "|", { 1, "S"} , { 2, "D" }, { 4, "T" }, { 8, "t" }, { 16, "Z" }, { 32, "X" }, { 64, "x" }, { 128, "K" }, { 256, "W" }, { 512, "P" }, { 1024, "N" }) : "R", REC->prev_state & 2048 ? "+" : "", REC->next_comm`
	print26  = `"...", REC->prev_state ? __print_flags(REC->prev_state, "|", { 1, "S"} , { 2, "D" }, { 4, "T" }, { 8, "t" }, { 16, "Z" }, { 32, "X" }, { 64, "x" }, { 128, "W" }) : "R", REC->next_comm`
)

func TestStates(t *testing.T) {
	for _, c := range []struct {
		print     string
		raw       uint64
		letter    byte
		preempted bool
	}{
		{print618, 0, 'R', false},
		{print618, 0x100, 'R', true},
		{print618, 1, 'S', false},
		{print618, 0x80, 'I', false},
		{print618, 0x20, 'Z', false},
		{print618, 0x4000, '?', false},
		{print44, 0x20, 'X', false},
		{print44, 2048, 'R', true},
		{print44, 2 | 128, 'D', false},
		{print26, 16, 'Z', false},
		{print26, 0, 'R', false},
	} {
		s, ok := ParseStates(c.print)
		if !ok {
			t.Fatalf("not understood: %s", c.print)
		}
		if letter, preempted := s.Decode(c.raw); letter != c.letter || preempted != c.preempted {
			t.Errorf("%#x: got %c %v, want %c %v", c.raw, letter, preempted, c.letter, c.preempted)
		}
	}
}

func TestEvaluate(t *testing.T) {
	for text, want := range map[string]uint64{
		"1": 1, " 0x10 ": 16, "(1 | 2) + 1": 4, "((0x7f + 1) << 1) - 1": 255, "2048-1": 2047, "1UL << 3": 8, "1 << 200": 0,
	} {
		if got, ok := evaluate(text); !ok || got != want {
			t.Errorf("%q: got %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "(", "1 +", "REC->x", "1 ? 2 : 3", "1)"} {
		if got, ok := evaluate(text); ok {
			t.Errorf("%q gives %d", text, got)
		}
	}
}
