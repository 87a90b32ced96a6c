package arm64_test

import (
	"testing"

	"switchyard/arch/arm64"
	"switchyard/kernel"
	"switchyard/machine"
)

// schedules that show a bug of the register switch, each the shortest that does.
var registerBugs = []struct {
	name  string
	shows func(r *rig)
}{
	{"two-argument-switch-to", there},
	{"arm64-x19-not-saved", there},
	{"arm64-sp-too-early", there},
	{"arm64-sp-el0-not-updated", there},
	{"arm64-fp-by-cpu-alone", func(r *rig) {
		// Q is loaded where P was: P's own note does not know.
		p, _ := r.process(0)
		r.process(0)
		r.run(0, p)
	}},
	{"arm64-fp-by-last-state-alone", func(r *rig) {
		// P computes on CPU 1 and comes back to CPU 0, where nobody was loaded since.
		p, _ := r.process(0)
		r.run(0, r.S.CPUs[0].Idle)
		r.run(1, p)
		r.run(1, r.S.CPUs[1].Idle)
		r.run(0, p)
	}},
	{"arm64-tpidr-not-saved", there},
	{"arm64-fp-stale-owner", recycled},
}

// there and back again is enough for most.
func there(r *rig) {
	p, _ := r.process(0)
	if len(r.Violations) > 0 {
		return
	}
	r.run(0, r.S.CPUs[0].Idle)
	if len(r.Violations) == 0 {
		r.run(0, p)
	}
}

// recycled: P is in the middle of a clone when T runs on its CPU and dies. The child gets T's task_struct
// and runs there before anybody else was loaded.
func recycled(r *rig) {
	p, _ := r.process(0)
	dead, _ := r.process(0)
	r.run(0, p)
	r.Push(0, r.Prog.Entry("kernel_clone"), machine.Frame{Next: dead, MM: r.freeMM()})
	r.begin(0, dead, "schedule_tail", "sched_preempt_enable_no_resched")
	r.finishAs(0, dead)
	r.S.CPUs[0].Pick = p
	r.Push(0, r.Prog.Entry("do_exit"), machine.Frame{})
	r.upTo(0, "dup_task_struct")
	r.do(r.Reap(1, dead))
	r.upTo(0, "disable_irq", "local_daif_mask", "local_irq_disable")
	r.S.CPUs[0].Pick = dead
	r.Push(0, r.Prog.Entry("schedule"), machine.Frame{N: 1})
	r.finish(0)
}

func (r *rig) freeMM() machine.MMID {
	r.t.Helper()
	mm, err := r.FreeMM()
	r.do(err)
	return mm
}

// finishAs steps cpu until t is in user mode there.
func (r *rig) finishAs(cpu machine.CPUID, t machine.TaskID) {
	r.t.Helper()
	for r.S.CPUs[cpu].Stack != t || r.Next(cpu) != nil {
		if r.Next(cpu) == nil {
			r.t.Fatalf("cpu %d has nothing to do and is not in task %d", cpu, t)
		}
		r.Step(cpu, 0)
	}
}

func TestRegisterBugs(t *testing.T) {
	known := map[string]bool{}
	for _, b := range registerBugs {
		known[b.name] = true
		for _, rel := range releases {
			c := machine.Config{Release: rel, Arch: machine.ARM64, CPUs: 2, ASIDBits: 8, Registers: true, Tasks: 8, MMs: 8}
			v, err := kernel.FindVariation(b.name, &c, arm64.Port{})
			if err != nil {
				if rel >= machine.V5_0 && !(b.name == "arm64-fp-stale-owner" && rel >= machine.V7_3) {
					t.Error(err)
				}
				continue
			}
			t.Run(b.name+"/"+rel.String(), func(t *testing.T) {
				intact := newRig(t, c)
				b.shows(intact)
				intact.ok()
				paths, err := v.Paths(&c, arm64.Port{})
				if err != nil {
					t.Fatal(err)
				}
				r := newRig(t, c, paths...)
				b.shows(r)
				r.red(v.Breaks)
			})
		}
	}
	for _, v := range (arm64.Port{}).Variations() {
		c := machine.Config{Release: machine.Newest, Arch: machine.ARM64, CPUs: 1, ASIDBits: 8, Tasks: 4, MMs: 4, CnP: true}
		onRegisters := c
		onRegisters.Registers = true
		if plain := v.Holds(&c); !plain && v.Holds(&onRegisters) && !known[v.Name] {
			t.Errorf("no schedule shows %s", v.Name)
		}
	}
}

// Random schedules, in steps and in whole operations, find the bugs of the register switch as well, but for the one that needs a task_struct to be
// used again in the middle of a clone.
func TestRandomStepsFindRegisterBugs(t *testing.T) {
	c := machine.Config{Release: machine.Newest, Arch: machine.ARM64, CPUs: 2, ASIDBits: 8, Registers: true, Tasks: 7, MMs: 6}
	for _, b := range registerBugs {
		if b.name == "arm64-fp-stale-owner" {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			v, err := kernel.FindVariation(b.name, &c, arm64.Port{})
			if err != nil {
				t.Fatal(err)
			}
			paths, err := v.Paths(&c, arm64.Port{})
			if err != nil {
				t.Fatal(err)
			}
			for seed := range 40 {
				r := rng(seed)
				found, m, err := firstBroken(c, 1000, r.draw, seed%2 == 0, paths...)
				if err != nil {
					t.Fatal(err)
				}
				if found != "" {
					t.Logf("seed %d, after %d steps: %s", seed, m.Stats.Steps, found)
					return
				}
			}
			t.Error("not found")
		})
	}
}
