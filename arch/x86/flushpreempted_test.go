package x86_test

import (
	"testing"

	"switchyard/machine"
)

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
		for cpu := range machine.CPUID(2) {
			r.must(r.Enter(cpu, "exit_to_user_mode", machine.Frame{})) // both cache what is about to go
		}
		r.begin(0, "unmap_region", machine.Frame{N: 1})
		r.stepTo(0, "native_flush_tlb_multi")
		if stays := r.S.CPUs[0].Preempt != 0; stays != (rel == machine.V6_12) {
			t.Fatalf("%s: the flusher cannot be preempted: %t", rel, stays)
		}
		if rel == machine.V6_12 {
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
