package machine

import "testing"

// buffered is two CPUs that run tasks 2 and 3 of address space 1, with task 4 to come.
func buffered(t *testing.T, m MemoryOrder) *State {
	t.Helper()
	s := newState(t, Config{Release: Newest, Arch: Classic, Memory: m, CPUs: 2, Tasks: 5, MMs: 3})
	for i := range s.CPUs {
		s.Buffers[i] = EmptyBuffer
		s.CPUs[i].Curr, s.CPUs[i].Current, s.CPUs[i].Stack, s.CPUs[i].Online = TaskID(i+2), TaskID(i+2), TaskID(i+2), true
	}
	for i := range s.Tasks {
		s.Tasks[i].MM, s.Tasks[i].Kind = 1, UserTask
	}
	s.Tasks[4].MM = 2
	return s
}

// see is what CPU 1 can find at cpu_rq(0)->curr->mm, each way on a machine of its own.
func see(s *State) (found []MMID, after []*State) {
	ways, n := s.Looks(1, 0)
	for _, w := range ways[:n] {
		c := s.Clone()
		found = append(found, c.SeeMM(1, 0, w))
		after = append(after, c)
	}
	return found, after
}

func wantSeen(t *testing.T, s *State, want ...MMID) []*State {
	t.Helper()
	found, after := see(s)
	if len(found) != len(want) {
		t.Fatalf("found %v, want %v", found, want)
	}
	for i := range want {
		if found[i] != want[i] {
			t.Fatalf("found %v, want %v", found, want)
		}
	}
	return after
}

func (s *State) storeCurr(cpu CPUID, t TaskID) {
	was := s.CPUs[cpu].Curr
	s.CPUs[cpu].Curr = t
	s.StoredCurr(cpu, was)
}

func (s *State) storeMM(cpu CPUID, t TaskID, mm MMID) {
	was := s.Tasks[t].MM
	s.Tasks[t].MM = mm
	s.StoredMM(cpu, t, was)
}

func TestOthersSeeStoresLate(t *testing.T) {
	for _, m := range []MemoryOrder{TSO, WeakStores} {
		s := buffered(t, m)
		wantSeen(t, s, 1)
		s.storeCurr(0, 4)
		if s.CPUs[0].Curr != 4 {
			t.Error("a CPU does not see its own store")
		}
		after := wantSeen(t, s, 1, 2)
		wantSeen(t, after[0], 1, 2)
		wantSeen(t, after[1], 2) // whoever saw it, nobody sees the old one again
		if ways, n := s.Looks(0, 0); n != 1 || s.SeeMM(0, 0, ways[0]) != 2 {
			t.Error("a CPU finds its own old rq->curr")
		}
		s.Drain(0)
		wantSeen(t, s, 2)
		if s.Buffers[0] != EmptyBuffer {
			t.Errorf("a barrier leaves %+v", s.Buffers[0])
		}
	}
}

// The order in which a store of user mode and one to mm leave is the one that tells TSO from weaker machines.
func TestOrderOfStores(t *testing.T) {
	for _, m := range []MemoryOrder{TSO, WeakStores} {
		s := buffered(t, m)
		s.UserRan(0)
		s.storeMM(0, 2, NoMM)
		after := wantSeen(t, s, 1, NoMM)
		if after[0].Buffers[0].UserAt == 0 {
			t.Errorf("%s: a store has left that nobody saw", m)
		}
		if kept := after[1].Buffers[0].UserAt != 0; kept != (m == WeakStores) {
			t.Errorf("%s: mm is NULL for others, and the earlier user store waits: %v", m, kept)
		}
		// The other way round the user store may wait in both.
		s = buffered(t, m)
		s.storeMM(0, 2, NoMM)
		s.UserRan(0)
		if after := wantSeen(t, s, 1, NoMM); after[1].Buffers[0].UserAt == 0 {
			t.Errorf("%s: a later store left with an earlier one", m)
		}
	}
}

// Old and new mm of the task that others still find at rq->curr, or that of the task which is there now.
func TestStoresToMMAndCurr(t *testing.T) {
	for _, m := range []MemoryOrder{TSO, WeakStores} {
		s := buffered(t, m)
		s.storeMM(0, 2, NoMM)
		s.storeCurr(0, 4)
		after := wantSeen(t, s, 1, NoMM, 2)
		if brought := after[2].Buffers[0].MMAt == 0; brought != (m == TSO) {
			t.Errorf("%s: a new rq->curr brings the mm along that was stored before it: %v", m, brought)
		}
	}
}

// Who runs a task that another CPU has let go knows that it did.
func TestTakeOver(t *testing.T) {
	for _, m := range []MemoryOrder{TSO, WeakStores} {
		s := buffered(t, m)
		s.UserRan(0)
		s.storeCurr(0, 4)
		s.Release(0)
		if b := s.Buffers[0]; b.UserAt != 0 || b.CurrAt == 0 {
			t.Errorf("%s: let go with %+v in the buffer: the task takes what it stored along, and nobody rq->curr", m, b)
		}
		s.TakeOver(3)
		wantSeen(t, s, 1, 2)
		if !s.Leaves(2) || s.Leaves(3) {
			t.Errorf("%s: which task was left", m)
		}
		s.TakeOver(2)
		wantSeen(t, s, 2)
	}
}

// A store that was there when membarrier was called stays until it leaves, whatever user mode adds.
func TestOwedStoreStays(t *testing.T) {
	s := buffered(t, TSO)
	s.UserRan(0)
	s.Buffers[0].Owed = 1 << 3
	s.storeMM(0, 2, 2)
	s.UserRan(0)
	if b := s.Buffers[0]; b.UserAt != 1 || b.MMAt != 2 || b.Owed == 0 {
		t.Errorf("%+v", b)
	}
	s.Drain(0)
	s.UserRan(0)
	if b := s.Buffers[0]; b.Owed != 0 || b.UserAt != 1 || b.User != 2 {
		t.Errorf("%+v", b)
	}
}
