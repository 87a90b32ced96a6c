package invariant

import (
	"fmt"

	"switchyard/machine"
)

// tally is what the ledger finds for one address space.
type tally struct{ owners, loans int32 }

// checkLedger adds up who holds what: I5 and I6.
func checkLedger(s *machine.State, report Report) {
	var few [64]tally
	found := few[:]
	if len(s.MMs) > len(few) {
		found = make([]tally, len(s.MMs))
	}
	addOwners(s, found)
	if s.Config.Lazy == machine.LazyRefcount {
		addLoans(s, found)
	}
	for i := range s.MMs {
		// Without any reference left it is I7 that is broken.
		if mm := &s.MMs[i]; mm.Alive&machine.HasStruct != 0 && !(mm.Users > 0 && mm.Count < 1) {
			checkAccount(s, machine.MMID(i), found[i], report)
		}
	}
}

// addOwners counts the tasks whose own mm it is; and a kernel thread inside kthread_use_mm, which up
// to 6.3 holds a reference that its own switches do not touch.
func addOwners(s *machine.State, found []tally) {
	for i := range s.Tasks {
		t := &s.Tasks[i]
		switch {
		case t.Kind == machine.FreeTask || t.MM < 0:
		case !t.UsingMM:
			found[t.MM].owners++
		case s.Config.Release < machine.V6_12 && s.Config.Lazy == machine.LazyRefcount:
			found[t.MM].loans++
		}
	}
}

func addLoans(s *machine.State, found []tally) {
	for i := range s.CPUs {
		c := &s.CPUs[i]
		t := &s.Tasks[c.Curr]
		// The idle task of an offline CPU stands on init_mm without counting.
		if t.MM == machine.NoMM && t.ActiveMM >= 0 && (c.Online || t.ActiveMM != machine.InitMM) {
			found[t.ActiveMM].loans++
		}
		if c.PrevMM >= 0 {
			found[c.PrevMM].loans++
		}
	}
}

func checkAccount(s *machine.State, m machine.MMID, f tally, report Report) {
	mm := &s.MMs[m]
	const nowhere = machine.NoCPU
	if mm.Tasks != f.owners || mm.Users != f.owners+mm.ExtUsers || mm.ExtUsers < 0 {
		report("I5", nowhere, fmt.Sprintf("mm_users is %d: %d tasks have the address space as their own and %d users are outside", mm.Users, f.owners, mm.ExtUsers))
	}
	if mm.Users == 0 && mm.Alive&machine.HasTables != 0 {
		report("I5", nowhere, "mm_users is zero but the mappings are still there")
	}
	shared := int32(0)
	if mm.Alive&machine.HasUserRef != 0 {
		shared = 1
	}
	if (shared == 1) != (mm.Users > 0) {
		report("I6", nowhere, "the one reference that all users share does not go with mm_users")
	}
	want := shared + f.loans + mm.ExtCount + mm.UseRefs
	if mm.Count == want && mm.ExtCount >= 0 && mm.UseRefs >= 0 && mm.Count > 0 || countsBringUps(s, m) {
		return
	}
	report("I6", nowhere, fmt.Sprintf("mm_count is %d: users together %d, loans %d, kthread_use_mm %d, outside %d", mm.Count, shared, f.loans, mm.UseRefs, mm.ExtCount))
}

// countsBringUps: a CPU that comes up takes a reference to init_mm that is no lazy one. Where lazy
// references are not counted nothing ever gives it back, and nothing needs to. With counting, one
// that is just going offline may not have given it back yet.
func countsBringUps(s *machine.State, m machine.MMID) bool {
	if m != machine.InitMM {
		return false
	}
	if s.Config.Lazy == machine.LazyShootdown {
		return true
	}
	for i := range s.CPUs {
		if !s.CPUs[i].Online {
			return true
		}
	}
	return false
}
