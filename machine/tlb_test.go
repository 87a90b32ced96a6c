package machine

import "testing"

func tlbRig(t *testing.T) (*State, *MM, *MM) {
	t.Helper()
	s, err := New(Config{Release: Newest, Arch: ARM64, CPUs: 1, Tasks: 1, MMs: 3, TLBSlots: 4, ASIDBits: 2})
	if err != nil {
		t.Fatal(err)
	}
	a, b := &s.MMs[1], &s.MMs[2]
	a.Serial, b.Serial = 7, 8
	return s, a, b
}

// A page that is invalidated under a tag says nothing of the changes of another address space, whose entries stand
// under the same tag.
func TestFlushChangeIsOfOneAddressSpace(t *testing.T) {
	s, a, b := tlbRig(t)
	s.Walk(0, 3, a)
	s.FlushChange(0, 3, b, 1, 1)
	if e := s.Cached(0, 3); e.Seen != (Seen{}) || e.Walk != (Seen{}) {
		t.Errorf("another one's change is taken for one that the entry honours: %+v", *e)
	}
	if s.FlushChange(0, 3, a, 1, 1); !s.Cached(0, 3).Seen.Has(1) || !s.Cached(0, 3).Walk.Has(1) {
		t.Errorf("its own is not: %+v", *s.Cached(0, 3))
	}
}

// What is cached first stays, and two address spaces under one tag are both there.
func TestWalkKeepsWhatIsCached(t *testing.T) {
	s, a, b := tlbRig(t)
	if !s.Walk(0, 3, a) {
		t.Fatal("nothing was cached in an empty TLB")
	}
	first := *s.Cached(0, 3)
	a.Changes = 2
	if s.Walk(0, 3, a) || *s.Cached(0, 3) != first {
		t.Errorf("a later walk replaced what was cached: %+v", *s.Cached(0, 3))
	}
	if !s.Walk(0, 3, b) || s.Cached(0, 3).Owner != SeveralOwners || s.Walk(0, 3, a) {
		t.Errorf("two address spaces under one tag: %+v", *s.Cached(0, 3))
	}
	if s.FlushTag(0, 3); s.Cached(0, 3) != nil {
		t.Error("a flush of the tag left something")
	}
}
