package replay

import (
	"cmp"
	"slices"
)

// Task sums up one task.
type Task struct {
	PID, TGID int32
	Comm      string
	Kind      string // user, kernel or idle
	Fact      Fact   // how its address space is known, at last
	Switches  uint64 // times it got a CPU
	Ran       uint64 // ns
}

// Space sums up one address space.
type Space struct {
	PID      int32 // of the process that had it first
	Comm     string
	Switches uint64 // times a task of it got a CPU
	Loads    uint64 // times its root was loaded for one
}

var kindNames = [...]string{"user", "user", "kernel", "idle"}

func (t *task) summary() Task {
	return Task{PID: t.pid, TGID: t.tgid, Comm: t.comm.String(), Kind: kindNames[t.kind], Fact: t.fact, Switches: t.switches, Ran: t.ran}
}

func (s *space) summary() Space {
	return Space{PID: s.pid, Comm: s.comm.String(), Switches: s.switches, Loads: s.loads}
}

// top keeps the first n of any number of things.
type top[T any] struct {
	n     int
	order func(a, b T) int
	items []T
}

// slack is how many more than n may wait for the next sorting.
const slack = 64

func (t *top[T]) add(item T) {
	t.items = append(t.items, item)
	if len(t.items) >= t.n+slack {
		t.sort()
	}
}

func (t *top[T]) sort() {
	slices.SortStableFunc(t.items, t.order)
	t.items = t.items[:min(len(t.items), t.n)]
}

func (t *top[T]) list() []T {
	t.sort()
	return t.items
}

func byTime(a, b Task) int {
	return cmp.Or(cmp.Compare(b.Ran, a.Ran), cmp.Compare(b.Switches, a.Switches), cmp.Compare(a.PID, b.PID))
}

func bySwitches(a, b Space) int {
	return cmp.Or(cmp.Compare(b.Switches, a.Switches), cmp.Compare(b.Loads, a.Loads), cmp.Compare(a.PID, b.PID))
}
