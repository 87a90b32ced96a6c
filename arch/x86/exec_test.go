package x86_test

import (
	"testing"

	"switchyard/machine"
)

// In 7.3 no interrupt comes between the new active_mm and its root (ARCH_WANT_IRQS_OFF_ACTIVATE_MM); in
// 6.12 one may.
func TestExecLoadsWithInterruptsOff(t *testing.T) {
	for _, rel := range []machine.Release{machine.V6_12, machine.V7_3} {
		r := boot(t, config(rel, 1, true, false))
		p, _ := r.process(0)
		r.sw(0, p)
		mm, err := r.FreeMM()
		r.must(err)
		r.begin(0, "exec_mmap", machine.Frame{MM: mm})
		r.stepTo(0, "tsk->mm = mm")
		gap := false
		for r.S.X86[0].LoadedMM != mm {
			gap = gap || !r.S.CPUs[0].IRQOff
			r.Step(0, 0)
		}
		if gap != (rel == machine.V6_12) {
			t.Errorf("%s: interrupts were on before the root was loaded: %t", rel, gap)
		}
		r.must(r.Settle(0))
		r.intact()
	}
}

// The kernel's own WARN_ON, in every release with tlb_gen.
func TestSwitchWithInterruptsOn(t *testing.T) {
	for _, rel := range []machine.Release{machine.V5_0, machine.V6_1, machine.V7_3} {
		r := boot(t, config(rel, 1, true, false))
		p, mm := r.process(0)
		r.sw(0, p)
		r.must(r.Enter(0, "switch_mm_irqs_off", machine.Frame{MM: mm, Prev: p, Next: p, OldMM: mm}))
		if !r.broke("I12") {
			t.Errorf("%s: nobody minds that interrupts are on", rel)
		}
	}
}
