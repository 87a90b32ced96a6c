package kernel_test

import (
	"testing"

	"switchyard/arch/classic"
	"switchyard/kernel"
	"switchyard/machine"
)

func TestMembarrierRegistrations(t *testing.T) {
	for _, rel := range since(machine.V5_0) {
		r := newRig(t, machine.Config{Release: rel, CPUs: 2}, classic.Port{})
		a, mm := r.process(0)
		r.sw(0, a)
		const register = "membarrier_register_private_expedited"
		r.enter(0, register, machine.Frame{N: kernel.MembarrierSyncCore})
		if got := r.S.MMs[mm].MembarrierReady; got != kernel.MembarrierSyncCore {
			t.Errorf("%s: sync-core alone allows %#x", rel, got)
		}
		r.enter(0, register, machine.Frame{N: kernel.MembarrierPrivate})

		child, err := r.Fork(0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.S.MMs[r.S.Tasks[child].MM].MembarrierReady; got != kernel.MembarrierPrivate|kernel.MembarrierSyncCore {
			t.Errorf("%s: a forked child inherits %#x", rel, got)
		}
		r.sw(0, child)
		fresh, err := r.Execve(0)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.S.MMs[fresh].MembarrierState; got != 0 {
			t.Errorf("%s: %#x survives exec", rel, got)
		}
		if rel < machine.V6_1 && r.S.CPUs[0].MembarrierState != 0 {
			t.Errorf("%s: the run queue has a state of its own before 5.4", rel)
		}
	}
}

// Who is asked: a thread that runs elsewhere. With one user only the sync-core form does anything, since
// 5.4; before, the run queues are looked at all the same.
func TestMembarrierAsks(t *testing.T) {
	for _, rel := range since(machine.V5_0) {
		r := newRig(t, machine.Config{Release: rel, CPUs: 2}, classic.Port{})
		a, mm := r.process(0)
		r.sw(0, a)
		call := func(n int32) (asked int, serialised bool) {
			before := r.Stats.IPIs
			r.push(0, "membarrier_private_expedited", machine.Frame{N: n})
			for r.Next(0) != nil {
				if r.Next(0).Path.Name == "user_access" {
					break
				}
				if r.Outcomes(0) == 0 {
					r.Interrupt(1)
					r.Run(1)
					continue
				}
				r.Step(0, 0)
			}
			serialised = r.S.CPUs[0].SyncCore
			r.Run(0)
			r.ok()
			return int(r.Stats.IPIs - before), serialised
		}
		for _, n := range []int32{kernel.MembarrierPrivate, kernel.MembarrierSyncCore} {
			r.enter(0, "membarrier_register_private_expedited", machine.Frame{N: n})
		}
		if asked, own := call(kernel.MembarrierSyncCore); asked != 0 || own != (rel >= machine.V6_1) {
			t.Errorf("%s: alone, sync-core asks %d CPUs and serialises its own: %v", rel, asked, own)
		}
		b, err := r.Fork(0, 1, kernel.CloneVM)
		if err != nil {
			t.Fatal(err)
		}
		if asked, _ := call(kernel.MembarrierPrivate); asked != 0 {
			t.Errorf("%s: a thread that does not run is asked", rel)
		}
		r.sw(1, b)
		if asked, _ := call(kernel.MembarrierPrivate); asked != 1 {
			t.Errorf("%s: %d CPUs asked, want 1", rel, asked)
		}
		r.sw(1, 1)
		if asked, _ := call(kernel.MembarrierPrivate); asked != 0 || r.S.Tasks[1].ActiveMM != mm {
			t.Errorf("%s: a borrower is asked", rel)
		}
	}
}

// The core is serialised on the way out of a kernel task: since 5.4 only on the way back to the same mm.
func TestSyncCoreBeforeUserMode(t *testing.T) {
	for _, rel := range since(machine.V5_0) {
		r := newRig(t, machine.Config{Release: rel, CPUs: 1}, classic.Port{})
		a, _ := r.process(0)
		b, _ := r.process(0)
		r.sw(0, a)
		r.enter(0, "membarrier_register_private_expedited", machine.Frame{N: kernel.MembarrierSyncCore})
		for _, next := range []machine.TaskID{a, b} {
			r.sw(0, 0)
			r.S.CPUs[0].Pick = next
			r.push(0, "schedule", machine.Frame{N: 1})
			r.until(0, "user_access")
			if got, want := r.S.CPUs[0].SyncCore, next == a || rel < machine.V6_1; got != want {
				t.Errorf("%s: to task %d the core is serialised: %v, want %v", rel, next, got, want)
			}
			r.Run(0)
			r.sw(0, a)
		}
		r.ok()
	}
}

// In 7.3 who called for serialised cores may be preempted while it waits. Another caller on its CPU then waits until the
// first call has been answered, and what the first one told goes with the last answer.
func TestSyncCoreWaitsPreemptibly(t *testing.T) {
	for _, rel := range since(machine.V6_1) {
		r := newRig(t, machine.Config{Release: rel, CPUs: 2}, classic.Port{})
		a, _ := r.process(0)
		r.sw(0, a)
		for _, n := range []int32{kernel.MembarrierPrivate, kernel.MembarrierSyncCore} {
			r.enter(0, "membarrier_register_private_expedited", machine.Frame{N: n})
		}
		var threads [2]machine.TaskID
		for i := range threads {
			var err error
			if threads[i], err = r.Fork(0, machine.CPUID(i), kernel.CloneVM); err != nil {
				t.Fatal(err)
			}
		}
		r.sw(1, threads[1])
		r.push(0, "membarrier_private_expedited", machine.Frame{N: kernel.MembarrierSyncCore})
		if at := r.waits(0); at != "csd_lock_wait" {
			t.Fatalf("%s: the caller waits at %q", rel, at)
		}
		if moves := r.S.CPUs[0].Preempt == 0; moves != (rel >= machine.V7_3) {
			t.Errorf("%s: the caller can be preempted: %v", rel, moves)
		}
		if rel < machine.V7_3 {
			continue
		}
		r.S.CPUs[0].Pick = threads[0]
		r.push(0, "schedule", machine.Frame{N: 1})
		r.Run(0)
		r.push(0, "membarrier_private_expedited", machine.Frame{N: kernel.MembarrierPrivate})
		if at := r.waits(0); at != "smp_call_function_many" {
			t.Fatalf("%s: the second caller stands at %q", rel, at)
		}
		r.Interrupt(1)
		r.Run(1)
		if call := r.S.CPUs[0].Call; call != machine.NoCall {
			t.Errorf("%s: call %v is left of the first caller", rel, call)
		}
		if at := r.waits(0); at != "csd_lock_wait" {
			t.Errorf("%s: then it waits at %q", rel, at)
		}
		if err := r.Settle(0); err != nil {
			t.Error(err)
		}
		r.sw(0, a)
		r.ok()
	}
}
