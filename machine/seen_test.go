package machine

import (
	"testing"

	"pgregory.net/rapid"
)

// drawSeen makes a set as the machine does, beside a plain map that says what is in it.
func drawSeen(t *rapid.T, name string) (Seen, map[uint32]bool) {
	s := SeenUpTo(rapid.Uint32Range(0, 5).Draw(t, name+" base"))
	in := map[uint32]bool{}
	for n := range s.Base {
		in[n+1] = true
	}
	for _, n := range rapid.SliceOfN(rapid.Uint32Range(1, 60), 0, 40).Draw(t, name) {
		if n > s.Base+32 {
			continue // left out on purpose: see Add
		}
		s.Add(n)
		in[n] = true
	}
	return s, in
}

func TestSeenHasWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, in := drawSeen(t, "changes")
		for n := range uint32(100) {
			if n > 0 && s.Has(n) != in[n] {
				t.Fatalf("%v: Has(%d) = %t", s, n, s.Has(n))
			}
		}
		if s.Bits&1 != 0 {
			t.Fatalf("%+v is not canonical", s)
		}
	})
}

func TestSeenNeverClaimsTooMuch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Seen
		in := map[uint32]bool{}
		for _, n := range rapid.SliceOf(rapid.Uint32Range(1, 200)).Draw(t, "changes") {
			s.Add(n)
			in[n] = true
		}
		for n := range uint32(200) {
			if n > 0 && s.Has(n) && !in[n] {
				t.Fatalf("%v has %d, which was never added", s, n)
			}
		}
	})
}

func TestEqualSetsAreEqualValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, in := drawSeen(t, "changes")
		var up Seen
		for n := range uint32(100) {
			if in[n] {
				up.Add(n)
			}
		}
		if up != s {
			t.Fatalf("%+v and %+v are the same set", s, up)
		}
	})
}

func TestCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, inA := drawSeen(t, "a")
		b, inB := drawSeen(t, "b")
		want := true
		for n := range inB {
			want = want && inA[n]
		}
		if got := a.Covers(b); got != want {
			t.Fatalf("%v covers %v: %t", a, b, got)
		}
	})
}
