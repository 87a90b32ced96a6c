package x86_test

import (
	"testing"

	"switchyard/machine"
)

// unmapStays has both CPUs cache what CPU 0 then unmaps, as far as that step of its flush, and tells whether the flusher
// has to stay on its CPU there. It has up to 6.12 only.
func (r *rig) unmapStays(label string) bool {
	r.Helper()
	for cpu := range machine.CPUID(2) {
		r.must(r.Enter(cpu, "exit_to_user_mode", machine.Frame{}))
	}
	r.begin(0, "unmap_region", machine.Frame{N: 1})
	r.stepTo(0, label)
	rel, stays := r.S.Config.Release, r.S.CPUs[0].Preempt != 0
	if stays != (rel == machine.V6_12) {
		r.Fatalf("%s: at %s the flusher cannot be preempted: %t", rel, label, stays)
	}
	return stays
}

// In 7.3 who flushes may be moved between the look at the mask and the requests: it then asks, and flushes,
// from where it is. Up to 6.12 it stays on its CPU.
func TestFlusherMoves(t *testing.T) {
	for _, rel := range []machine.Release{machine.V6_12, machine.V7_3} {
		r := boot(t, config(rel, 2, true, false))
		k := r.kthread(0)
		p, mm := r.process(0)
		r.sw(0, p)
		s := r.thread(0, 1)
		r.sw(1, s)
		if r.unmapStays("native_flush_tlb_multi") {
			continue
		}
		r.sw(0, k)
		r.must(r.Place(p, 1))
		r.sw(1, p) // runs to the end of the flush
		gen := r.S.MMs[mm].TLBGen
		if t0, t1 := &r.S.X86[0], &r.S.X86[1]; t0.Ctxs[t0.ASID].TLBGen == gen || t1.Ctxs[t1.ASID].TLBGen != gen {
			t.Errorf("%s: generation %d: CPU 0, lazy, is at %d, CPU 1 at %d", rel, gen, t0.Ctxs[t0.ASID].TLBGen, t1.Ctxs[t1.ASID].TLBGen)
		}
		if c := &r.S.CPUs[0]; c.CallMM != machine.NoMM || c.CallGen != 0 || c.Preempt != 0 {
			t.Errorf("%s: the flush left a note on the CPU where it began", rel)
		}
		r.must(r.Place(s, 0))
		r.sw(0, s)
		r.must(r.Enter(0, "exit_to_user_mode", machine.Frame{}))
		r.intact()
	}
}

// In 7.3 who flushes may be preempted while it waits for the answers. What it has told the others stays until the last one
// has read it: a flush of this CPU alone does not touch it, and one that asks others waits until it is gone.
func TestFlusherWaitsPreemptibly(t *testing.T) {
	for _, rel := range []machine.Release{machine.V6_12, machine.V7_3} {
		r := boot(t, config(rel, 2, true, false))
		p, mm := r.process(0)
		q, alone := r.process(0)
		r.sw(0, q)
		r.must(r.Enter(0, "exit_to_user_mode", machine.Frame{})) // caches what it will unmap
		r.sw(0, p)
		s, u := r.thread(0, 1), r.thread(0, 0)
		r.sw(1, s)
		if r.unmapStays("csd_lock_wait") {
			continue
		}

		told := r.S.CPUs[0]
		r.beginSwitch(0, q)
		r.Run(0)
		r.begin(0, "unmap_region", machine.Frame{N: 1})
		if !r.Run(0) {
			t.Fatalf("a flush that asks nobody waits at %s", r.Next(0).Label)
		}
		if c := &r.S.CPUs[0]; c.CallMM != mm || c.CallGen != told.CallGen || c.CallChange != told.CallChange {
			t.Errorf("the flush of another process changed what the first one told: %+v", c)
		}
		if g := r.S.X86[0].Ctxs[r.S.X86[0].ASID].TLBGen; r.S.X86[0].LoadedMM != alone || g != r.S.MMs[alone].TLBGen {
			t.Errorf("it left this CPU at generation %d of %d", g, r.S.MMs[alone].TLBGen)
		}
		r.begin(0, "exit_to_user_mode", machine.Frame{})
		r.Run(0)

		r.beginSwitch(0, u)
		r.Run(0)
		r.begin(0, "unmap_region", machine.Frame{N: 1})
		if r.Run(0) || r.Next(0).Label != "native_flush_tlb_multi" {
			t.Fatal("a second flush asks although the first one has no answer yet")
		}
		r.Interrupt(1)
		r.Run(1)
		if c := &r.S.CPUs[0]; c.CallMM != machine.NoMM || c.CallGen != 0 {
			t.Errorf("the last answer left what the first flush had told: %+v", c)
		}
		if r.Run(0) || r.Next(0).Label != "csd_lock_wait" {
			t.Fatal("the second flush does not go on")
		}

		r.must(r.Place(p, 1)) // answers go out meanwhile
		r.sw(1, p)
		if r.Next(1) != nil {
			t.Errorf("the first flush, moved, is still at %s", r.Next(1).Label)
		}
		r.intact()
	}
}
