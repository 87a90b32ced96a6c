package machine

import (
	"bytes"
	"slices"
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

// A state is its pieces: put together elsewhere they make the same one, and each tells for itself
// whether it is the same.
func TestPieces(t *testing.T) {
	for i, c := range shapes {
		t.Run(c.Arch.String(), func(t *testing.T) {
			a, b := newState(t, c), newState(t, c)
			scribble(a, uint64(i))
			scribble(b, uint64(i)+50)
			p := PiecesOf(a)
			a, b = withoutGaps(a, p), withoutGaps(b, p)
			if want := 1 + c.CPUs + c.Tasks + c.MMs; p.Len() != want {
				t.Fatalf("%d pieces, want %d", p.Len(), want)
			}
			total := 0
			seen := make([]bool, p.Len())
			if got := len(p.Changed(nil, seen, a, b)); got != p.Len() {
				t.Errorf("%d of %d pieces are said to be others", got, p.Len())
			}
			for k := range p.Len() {
				piece := p.Append(nil, a, k)
				total += len(piece)
				if p.Same(a, b, k) {
					t.Errorf("piece %d is said to be the same in different states", k)
				}
				if !p.Is(a, k, piece) || p.Is(b, k, piece) || p.Is(a, k, append(piece[:len(piece):len(piece)], 0)) || p.Is(a, k, piece[:len(piece)-1]) {
					t.Errorf("piece %d is not told from others", k)
				}
				c := a.Clone()
				p.Set(c, k, p.Append(nil, b, k))
				if p.Copy(c, a, []int{k}); !c.Equal(a) {
					t.Errorf("piece %d was not copied back", k)
				}
				p.Set(b, k, piece)
				if !p.Same(a, b, k) {
					t.Errorf("piece %d did not arrive", k)
				}
				if got := p.Changed(nil, seen, a, b); len(got) != p.Len()-k-1 || slices.Contains(got, k) {
					t.Errorf("after piece %d arrived %v are said to be others", k, got)
				}
			}
			same(t, "put together", a, b)
			if packed := len(a.AppendPacked(nil)); total > packed || total < packed-8*10 {
				t.Errorf("the pieces have %d bytes, the state %d", total, packed)
			}
		})
	}
}

// withoutGaps has zeroes between the slices of the block, as every machine has that was not scribbled on.
func withoutGaps(s *State, p *Pieces) *State {
	clean := layOut(s.Config)
	for i := range p.Len() {
		p.Set(clean, i, p.Append(nil, s, i))
	}
	return clean
}
