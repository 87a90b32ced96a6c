package x86_test

import (
	"slices"
	"testing"

	"switchyard/arch/x86"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// ranOnBoth leaves CPU 0 on process b after a, and CPU 1 on a thread of a.
func ranOnBoth(r *rig) (a, b machine.TaskID) {
	a, _ = r.process(0)
	b, _ = r.process(0)
	r.sw(0, a)
	r.sw(1, r.thread(0, 1))
	r.sw(0, b)
	return a, b
}

// unmapWhen has CPU 0 switch to a and CPU 1 unmap a page of a when CPU 0 stands at the step.
func unmapWhen(label string) func(*rig) {
	return func(r *rig) {
		a, _ := ranOnBoth(r)
		r.beginSwitch(0, a)
		r.stepTo(0, label)
		r.begin(1, "unmap_region", machine.Frame{N: 1})
		r.Run(1)
		r.must(r.Settle(0))
	}
}

func lazyUnmap(tables bool) func(*rig) {
	return func(r *rig) {
		a, _ := r.process(0)
		r.sw(0, a)
		r.sw(1, r.thread(0, 1))
		r.sw(0, 0)
		r.must(r.Munmap(1, 1, tables))
		r.sw(0, a)
	}
}

// schedules shows each break: straight lines, with one CPU held where it hurts.
var schedules = map[string]func(*rig){
	"x86-mask-before-cr3": func(r *rig) {
		a, b := ranOnBoth(r)
		r.sw(0, a)
		r.beginSwitch(0, b)
		r.stepTo(0, "cpu_tlbstate.state = TLBSTATE_OK")
		r.begin(1, "unmap_region", machine.Frame{N: 1, State: kernel.FreeTables})
		r.Run(1)
		r.must(r.Settle(0))
	},
	"x86-lazy-keeps-freed-tables": lazyUnmap(true),
	"x86-range-skips-generation":  outOfOrder,
	"x86-flush-info-per-cpu": func(r *rig) {
		a, _ := r.process(0)
		b, _ := r.process(0)
		r.sw(0, a)
		r.sw(1, r.thread(0, 1))
		r.must(r.Enter(1, "exit_to_user_mode", machine.Frame{}))
		r.begin(0, "unmap_region", machine.Frame{N: 1})
		r.stepTo(0, "csd_lock_wait")
		r.beginSwitch(0, b)
		r.Run(0)
		r.begin(0, "unmap_region", machine.Frame{N: 1})
		r.Run(0)
		r.Interrupt(1)
		r.Run(1)
		r.sw(0, a)
	},
	"x86-switching-after-mask":    unmapWhen("loaded_mm = LOADED_MM_SWITCHING"),
	"x86-no-barrier-for-kept-bit": unmapWhen("loaded_mm = LOADED_MM_SWITCHING"),
	"x86-lazy-return-unchecked":   lazyUnmap(false),
	"x86-slot-generation-ignored": func(r *rig) {
		a, _ := ranOnBoth(r)
		r.must(r.Munmap(1, 1, false))
		r.sw(0, a)
	},
	"x86-generation-before-mask": unmapWhen("cpumask_set_cpu(cpu, mm_cpumask(next))"),
	"x86-user-pcid-forgotten": func(r *rig) {
		a, _ := r.process(0)
		r.sw(0, a)
		r.must(r.Munmap(0, 34, false))
	},
}

func TestBreaks(t *testing.T) {
	for _, b := range x86.Breaks() {
		schedule := schedules[b.Name]
		if schedule == nil {
			t.Errorf("no schedule shows %s", b.Name)
			continue
		}
		ran := 0
		for _, c := range configs(3) {
			if !b.HoldsFor(&c) {
				continue
			}
			ran++
			t.Run(b.Name+"/"+name(c), func(t *testing.T) {
				intact := boot(t, c)
				schedule(intact)
				intact.intact()

				paths := slices.DeleteFunc(slices.Clone(b.Paths), func(p *step.Path) bool { return !p.Holds(&c) })
				broken := boot(t, c, paths...)
				schedule(broken)
				if !broken.broke(b.Rule) {
					t.Errorf("%s did not fall: %v", b.Rule, broken.Violations)
				}
			})
		}
		if ran == 0 {
			t.Errorf("%s holds for no machine", b.Name)
		}
	}
}
