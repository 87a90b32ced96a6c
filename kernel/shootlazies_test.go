package kernel_test

import (
	"testing"

	"switchyard/arch/classic"
	"switchyard/machine"
)

// In 7.3 who makes borrowers leave may be preempted while it waits, and moved to a CPU that has yet to answer. There it
// borrows the dying address space again, and leaves it with the others.
func TestShootdownWaitsPreemptibly(t *testing.T) {
	for _, rel := range since(machine.V6_12) {
		r := newRig(t, machine.Config{Release: rel, CPUs: 2, Lazy: machine.LazyShootdown}, classic.Port{})
		a, mm := r.process(1)
		r.sw(1, a)
		r.sw(1, 1) // the idle task borrows
		if err := r.Place(a, 0); err != nil {
			t.Fatal(err)
		}
		r.sw(0, a)
		r.S.CPUs[0].Pick = 0
		r.push(0, "do_exit", machine.Frame{})
		for r.waits(0) == "csd_lock_wait" && r.S.CPUs[0].Call != machine.CallShootLazies {
			r.Interrupt(1) // the flush before it
			r.Run(1)
		}
		if r.S.CPUs[0].Call != machine.CallShootLazies {
			t.Fatalf("%s: nobody is asked to leave", rel)
		}
		if moves := r.S.CPUs[0].Preempt == 0; moves != (rel >= machine.V7_3) {
			t.Errorf("%s: who waits can be preempted: %t", rel, moves)
		}
		if rel < machine.V7_3 {
			continue
		}
		r.S.CPUs[0].Pick = 0
		r.push(0, "schedule", machine.Frame{N: 1})
		r.Run(0)
		r.push(1, "move_queued_task", machine.Frame{Next: a, CPU: 1})
		r.Run(1)
		r.S.CPUs[1].Pick = a
		r.push(1, "schedule", machine.Frame{N: 1})
		if at := r.waits(1); at != "csd_lock_wait" || r.S.Tasks[a].ActiveMM != mm {
			t.Fatalf("%s: on the other CPU it stands at %q and borrows %d", rel, at, r.S.Tasks[a].ActiveMM)
		}
		r.S.CPUs[1].Pick = 1
		r.Interrupt(1)
		r.Run(1)
		if r.S.MMs[mm].Alive != 0 {
			t.Errorf("%s: the address space was not freed", rel)
		}
		r.ok()
	}
}
