package machine

import (
	"bytes"
	"testing"
)

func TestPacked(t *testing.T) {
	for i, c := range shapes {
		t.Run(c.Arch.String(), func(t *testing.T) {
			a, b, to := newState(t, c), newState(t, c), newState(t, c)
			scribble(a, uint64(i))
			scribble(b, uint64(i)+50)
			packed := b.AppendPacked(a.AppendPacked(nil))
			scribble(to, 99)
			rest := to.Unpack(packed)
			same(t, "the first", a, to)
			if rest = to.Unpack(rest); len(rest) != 0 {
				t.Errorf("%d bytes are left", len(rest))
			}
			same(t, "the second", b, to)
			if bytes.Equal(a.AppendPacked(nil), b.AppendPacked(nil)) {
				t.Error("different states are packed alike")
			}
		})
	}
}

// What a stack held before is not packed.
func TestPackedIsCanonical(t *testing.T) {
	s := newState(t, shapes[0])
	before := s.AppendPacked(nil)
	s.Push(1).Val = 7
	s.Pop(1)
	if !bytes.Equal(before, s.AppendPacked(nil)) {
		t.Error("a popped frame is still there")
	}
}
