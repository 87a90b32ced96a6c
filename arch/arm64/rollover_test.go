package arm64_test

import (
	"testing"

	"switchyard/arch/arm64"
	"switchyard/kernel"
	"switchyard/machine"
)

// t6 is the state that trace T6 begins with: P has number 1 and runs on CPU 0 with a second thread queued
// on CPU 1; the process with number 7 runs on CPU 1, Q has 9, and all 255 numbers are given out.
func t6(t *testing.T, rel machine.Release) (r *rig, p2, seven, q machine.TaskID, mmP, mmQ machine.MMID) {
	r = newRig(t, machine.Config{Release: rel, CPUs: 2, ASIDBits: 8, Tasks: 600, MMs: 600})
	var p machine.TaskID
	p, mmP = r.process(0)
	p2 = r.fork(0, 1, kernel.CloneVM)
	for n := 2; n <= 255; n++ {
		task, mm := r.process(1)
		switch n {
		case 7:
			seven = task
		case 9:
			q, mmQ = task, mm
		}
	}
	r.run(1, seven)
	r.ok()
	if r.S.CPUs[0].Curr != p {
		t.Fatal("P does not run")
	}
	return r, p2, seven, q, mmP, mmQ
}

// gen returns the id with a number in the n-th generation of a release.
func gen(rel machine.Release, n, number uint64) uint64 {
	if rel < machine.V6_1 {
		return n<<8 | number
	}
	return n<<16 | number
}

func TestT6(t *testing.T) {
	for _, rel := range releases {
		t.Run(rel.String(), func(t *testing.T) {
			g := func(n, number uint64) uint64 { return gen(rel, n, number) }
			r, p2, seven, q, mmP, mmQ := t6(t, rel)
			r.want("P.id", r.id(mmP), g(1, 1))
			r.want("active0", r.S.ARM64[0].ActiveASID, g(1, 1))
			r.want("active1", r.S.ARM64[1].ActiveASID, g(1, 7))

			// CPU 1 needs a number for N.
			child := r.fork(1, 1, 0)
			r.run(1, child)
			n := r.S.Tasks[child].MM
			r.want("generation", r.S.Global.ASIDGeneration, g(2, 0))
			r.want("N.id", r.id(n), g(2, 2))
			r.want("active0", r.S.ARM64[0].ActiveASID, 0)
			r.want("reserved0", r.S.ARM64[0].ReservedASID, g(1, 1))
			r.want("active1", r.S.ARM64[1].ActiveASID, g(2, 2))
			r.want("reserved1", r.S.ARM64[1].ReservedASID, g(1, 7))
			r.want("map", r.S.ASIDMap[0], 1<<1|1<<2|1<<7)
			r.want("CPU 0 runs on", uint64(r.S.ARM64[0].HWASID), 1)
			if !r.S.ARM64[0].FlushPending || r.S.ARM64[1].FlushPending {
				t.Error("CPU 0 owes a flush, CPU 1 has done its own")
			}
			r.ok()

			// P's second thread on CPU 1 finds P's number kept, through CPU 0.
			r.run(1, p2)
			r.want("P.id", r.id(mmP), g(2, 1))
			r.want("reserved0", r.S.ARM64[0].ReservedASID, g(2, 1))
			r.user(0)
			r.ok()

			// CPU 0 moves on: the slow path, because its active ASID is zero.
			flushes := r.Stats.FullFlushes
			r.run(0, q)
			r.want("Q.id", r.id(mmQ), g(2, 9))
			r.want("flushes", r.Stats.FullFlushes-flushes, 1)
			r.want("rollovers", r.Stats.Rollovers, 1)
			if r.S.ARM64[0].FlushPending {
				t.Error("CPU 0 did not flush")
			}
			r.run(1, seven)
			r.ok()
		})
	}
}

// TestT6SecondRollover: CPU 0 does not switch before the second rollover, whose only trace of P is
// reserved0.
func TestT6SecondRollover(t *testing.T) {
	for _, rel := range releases {
		t.Run(rel.String(), func(t *testing.T) {
			g := func(n, number uint64) uint64 { return gen(rel, n, number) }
			r, p2, seven, _, mmP, _ := t6(t, rel)
			r.run(1, r.fork(1, 1, 0))
			r.run(1, p2)
			r.want("reserved0", r.S.ARM64[0].ReservedASID, g(2, 1))
			r.run(1, seven)
			for r.S.Global.ASIDGeneration == g(2, 0) {
				r.process(1)
			}
			r.want("active0", r.S.ARM64[0].ActiveASID, 0)
			r.want("reserved0", r.S.ARM64[0].ReservedASID, g(2, 1))
			r.want("number 1 in the map", r.S.ASIDMap[0]>>1&1, 1)
			r.run(1, p2)
			r.want("P.id", r.id(mmP), g(3, 1))
			r.user(0)
			r.user(1)
			r.ok()
		})
	}
}

// xchgRace is bug B13, step by step. With numbers 1 to 7, CPU 0 leaves P for Q, which has 2, and gets past
// the generation check. Then come a rollover, in which CPU 1's new process T gets 2, CPU 0's atomic
// instruction, and a second rollover while T runs.
func xchgRace(t *testing.T, c machine.Config, atomic string, broken func(*rig)) {
	c.CPUs, c.ASIDBits, c.Tasks, c.MMs = 2, 3, 40, 40
	variations := arm64.XchgFastPath()
	if broken == nil {
		variations = nil
	}
	r := newRig(t, c, variations...)
	r.process(0)
	var q machine.TaskID
	var old []machine.TaskID
	for n := 2; n <= 7; n++ {
		task, _ := r.process(1)
		if n == 2 {
			q = task
		} else {
			old = append(old, task)
		}
	}
	r.begin(0, q, atomic)
	r.Settle(1)
	last := r.fork(1, 1, 0)
	r.run(1, last) // the first rollover
	mmT := r.S.Tasks[last].MM
	r.want("T's number", r.id(mmT)&7, 2)
	r.Step(0, 0) // xchg or cmpxchg
	for _, task := range old {
		r.run(1, task) // the other numbers, until none is left
	}
	r.run(1, last)
	for before := r.Stats.Rollovers; r.Stats.Rollovers == before; { // the second rollover, with T active
		r.run(1, last)
		r.run(1, r.fork(1, 1, 0))
	}
	r.finish(0)
	r.user(0)
	r.run(1, last)
	mmQ := r.S.Tasks[q].MM
	if broken == nil {
		if r.id(mmQ) == r.id(mmT) {
			t.Errorf("Q and T share id %#x", r.id(mmQ))
		}
		r.ok()
		return
	}
	broken(r)
	if r.id(mmQ) != r.id(mmT) {
		t.Errorf("Q has id %#x and T %#x: the race did not happen", r.id(mmQ), r.id(mmT))
	}
	// T's migration to CPU 0 is a fast path now: same ASID, no flush.
	r.run(1, 1)
	r.run(0, last)
	found := false
	for _, v := range r.Violations {
		found = found || v.Rule == "I14"
	}
	if !found {
		t.Error("T's user code did not hit Q's TLB entries")
	}
}

func TestXchgRace(t *testing.T) {
	for _, rel := range releases {
		t.Run(rel.String(), func(t *testing.T) {
			broken := func(r *rig) { r.red("I14") }
			c := machine.Config{Release: rel}
			xchgRace(t, c, "atomic64_xchg_relaxed(active_asids)", broken)
			if rel >= machine.V5_0 {
				xchgRace(t, c, "atomic64_cmpxchg_relaxed(active_asids)", nil)
			}
		})
	}
}

// burn gives out numbers on cpu until a rollover comes.
func (r *rig) burn(cpu machine.CPUID) {
	r.t.Helper()
	for before := r.Stats.Rollovers; r.Stats.Rollovers == before; {
		r.process(cpu)
		r.do(r.Exit(cpu, r.S.CPUs[cpu].Idle))
		for i := range r.S.Tasks {
			if r.S.Tasks[i].Zombie {
				r.do(r.Reap(cpu, machine.TaskID(i)))
			}
		}
	}
}

// staleCopies is bug B15: P runs on CPUs 0 and 1 when a rollover comes; its third thread renews the copies of
// its id, CPU 0 moves on, and after another rollover only CPU 1's copy can tell that P's number is in use.
func staleCopies(r *rig) {
	r.process(0)
	p1, p2 := r.fork(0, 1, kernel.CloneVM), r.fork(0, 2, kernel.CloneVM)
	r.run(1, p1)
	r.burn(2)
	r.run(2, p2)
	r.run(2, 2)
	r.run(0, 0)
	r.process(0)
	r.burn(2)
	r.run(2, p2)
	r.user(1)
	r.user(2)
}

func TestStaleCopies(t *testing.T) {
	for _, c := range configs(3) {
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			staleCopies(r)
			r.ok()
			r = newRig(t, c, arm64.FirstReservedOnly()...)
			staleCopies(r)
			r.red("I15")
		})
	}
}

func keepsRunning(r *rig) {
	r.process(0)
	r.burn(1)
	r.process(1)
	r.process(1)
	r.user(0)
}

func TestNoReserved(t *testing.T) {
	for _, c := range configs(2) {
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			keepsRunning(r)
			r.ok()
			r = newRig(t, c, arm64.NoReserved()...)
			keepsRunning(r)
			r.red("I16")
		})
	}
}

// TestStaleTLBI is bug B14: CPU 0 is in munmap and has read the ASID too early when it is preempted; a rollover
// gives the mm another number, under which CPU 1 fills its TLB before the entries are cleared.
func TestStaleTLBI(t *testing.T) {
	for _, c := range configs(2) {
		t.Run(name(&c), func(t *testing.T) {
			for _, broken := range []bool{false, true} {
				r := newRig(t, c)
				early := "ptep_get_and_clear"
				if broken {
					r = newRig(t, c, arm64.StaleTLBI()...)
					early = "ASID(mm)"
				}
				p, mm := r.process(0)
				p1 := r.fork(0, 1, kernel.CloneVM)
				first := r.id(mm)
				r.Push(0, r.Prog.Entry("unmap_region"), machine.Frame{N: 1})
				r.upTo(0, early)
				if broken {
					r.Step(0, 0)
				} else {
					for r.Next(0).Label != "ASID(mm)" {
						r.Step(0, 0)
					}
					r.Step(0, 0)
				}
				// Preempted. Nobody keeps P's number through the rollover, and somebody else gets it.
				r.S.CPUs[0].Pick = 0
				r.Push(0, r.Prog.Entry("schedule"), machine.Frame{N: 1})
				r.finish(0)
				r.process(0)
				r.burn(1)
				r.process(0) // CPU 0 has done the flush that it owed
				r.process(1)
				r.process(1)
				r.run(1, p1)
				if r.id(mm)&15 == first&15 {
					t.Fatalf("P kept its number: %#x", r.id(mm))
				}
				r.run(0, p)
				r.user(1)
				if broken {
					r.red("I23")
				} else {
					r.ok()
				}
			}
		})
	}
}

// twoGenerations is bug B16: the threads of P run on CPU 0 since before a rollover and on CPU 1 since after it.
func twoGenerations(r *rig) {
	r.process(0)
	p1 := r.fork(0, 1, kernel.CloneVM)
	r.burn(1)
	r.run(1, p1)
	r.user(0)
	r.do(r.Munmap(1, 1, false))
	r.user(0)
}

func TestGenerationInHardware(t *testing.T) {
	for _, c := range configs(2) {
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			twoGenerations(r)
			r.ok()
			c.TLBSlots = 256 // the hardware tells more ASIDs apart than the kernel knows of
			r = newRig(t, c, arm64.GenerationInHardware()...)
			twoGenerations(r)
			r.red("I15")
			r.red("I23")
		})
	}
}
