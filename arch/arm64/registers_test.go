package arm64_test

import (
	"fmt"
	"slices"
	"testing"

	"switchyard/arch/arm64"
	"switchyard/kernel"
	"switchyard/machine"
)

// onRegisters runs a test on every release with registers on.
func onRegisters(t *testing.T, cpus int, test func(t *testing.T, r *rig)) {
	for _, rel := range releases {
		t.Run(rel.String(), func(t *testing.T) {
			r := newRig(t, machine.Config{Release: rel, CPUs: cpus, ASIDBits: 8, Registers: true})
			test(t, r)
			r.ok()
		})
	}
}

// withRegisters are small machines of every release and variant.
func withRegisters(cpus int) []machine.Config {
	all := configs(cpus)
	for i := range all {
		all[i].Registers, all[i].Tasks, all[i].MMs = true, 24, 20
	}
	return all
}

func TestRandomSchedulesOnRegisters(t *testing.T) {
	for _, c := range withRegisters(3) {
		c.ASIDBits = 6 // 4.4 with few ASIDs breaks by itself: its fast path
		t.Run(name(&c), func(t *testing.T) {
			for seed := range 6 {
				for _, stepwise := range []bool{false, true} {
					r := rng(seed)
					found, m, err := firstBroken(c, 800, r.draw, stepwise)
					if err != nil {
						t.Fatal(err)
					}
					if found != "" {
						t.Fatalf("seed %d: %s", seed, found)
					}
					if m.Stats.Switches < 20 {
						t.Errorf("seed %d: only %d switches", seed, m.Stats.Switches)
					}
				}
			}
		})
	}
}

// results is what a machine with registers and one without must agree on: all but the registers
// themselves, and where on the way a stack stands.
func results(m *kernel.Machine) []string {
	s := m.S.Clone()
	for i := range s.Tasks {
		s.Tasks[i].FPOwner, s.Tasks[i].Flags, s.Tasks[i].Depth = machine.NoCPU, 0, 0
	}
	for i := range s.ARM64 {
		s.ARM64[i].FPOwner = machine.NoTask
	}
	stats := m.Stats
	stats.Steps = 0
	all := []string{fmt.Sprintf("%+v %+v %v %v", *s.Global, stats, s.ASIDMap, m.Violations)}
	for i := range s.CPUs {
		all = append(all, fmt.Sprintf("cpu %d: %+v %+v %v", i, s.CPUs[i], s.ARM64[i], s.TLB(machine.CPUID(i))))
	}
	for i := range s.Tasks {
		all = append(all, fmt.Sprintf("task %d: %+v", i, s.Tasks[i]))
	}
	for i := range s.MMs {
		all = append(all, fmt.Sprintf("mm %d: %+v %v", i, s.MMs[i], s.MMCPUMask(machine.MMID(i))))
	}
	return all
}

func TestSameResultsOnRegisters(t *testing.T) {
	for _, c := range withRegisters(3) {
		t.Run(name(&c), func(t *testing.T) {
			for seed := range 2 {
				off := c
				off.Registers = false
				var on, plain world
				for w, cfg := range map[*world]machine.Config{&on: c, &plain: off} {
					m, err := kernel.Boot(cfg, arm64.Port{})
					if err != nil {
						t.Fatal(err)
					}
					r := rng(seed)
					*w = world{Machine: m, draw: r.draw}
					if err := w.seed(); err != nil {
						t.Fatal(err)
					}
				}
				for n := range 301 {
					if err := on.wholesale(); err != nil {
						t.Fatal(err)
					}
					if err := plain.wholesale(); err != nil {
						t.Fatal(err)
					}
					if n%10 != 0 {
						continue
					}
					want := results(plain.Machine)
					for i, got := range results(on.Machine) {
						if got != want[i] {
							t.Fatalf("seed %d, operation %d: with registers\n%s\nwithout\n%s", seed, n, got, want[i])
						}
					}
				}
			}
		})
	}
}

// A user task's registers come along, from CPU to CPU, and nobody else has them meanwhile.
func TestUserRegistersComeAlong(t *testing.T) {
	onRegisters(t, 3, func(t *testing.T, r *rig) {
		p, _ := r.process(0)
		q, _ := r.process(1)
		k := r.kthread(1)
		values := arm64.UserRegisters{SP: 0x7fff_0000, PC: 0x40_0000, TPIDR: 0xcafe_0000}
		for i := range values.X {
			values.X[i] = 0xa000_0000_0000_0000 + uint64(i)<<8
		}
		for i := range values.V {
			values.V[i] = 0xb000_0000_0000_0000 + uint64(i)<<8
		}
		r.run(0, r.S.CPUs[0].Idle)
		arm64.SetUser(r.S, p, values)
		want := values
		for _, cpu := range []machine.CPUID{1, 0, 2, 0, 0, 1} {
			r.run(cpu, p)
			// The program counts in the lowest bits of x0, v0 and tpidr_el0.
			want.TPIDR = want.TPIDR&^3 | (want.TPIDR+1)&3
			want.X[0], want.V[0] = want.X[0]&^3|(want.X[0]+1)&3, want.V[0]&^3|(want.V[0]+1)&3
			if got := arm64.User(r.S, p); got != want {
				t.Fatalf("on cpu %d it has\n%x, want\n%x", cpu, got, want)
			}
			other := r.S.CPUs[cpu].Idle
			if cpu == 1 {
				other, q, k = q, k, q
			}
			r.run(cpu, other)
			if got := arm64.User(r.S, p); got != want {
				t.Fatalf("while cpu %d runs another it has\n%x, want\n%x", cpu, got, want)
			}
			regs := &r.S.ARM64Regs[cpu]
			if r.S.Config.Release >= machine.V5_0 { // 4.4 leaves them in the registers that nobody reads
				for i, x := range regs.X {
					if x != 0 && slices.Contains(want.X[:], x) {
						t.Errorf("x%d still has a value of the user task", i)
					}
				}
			}
			if regs.TPIDR == want.TPIDR {
				t.Error("its thread pointer is still there")
			}
		}
	})
}

// What the kernel computes with vector registers is neither lost nor shown to user code. Since 6.8 it can
// be preempted in between.
func TestKernelNEON(t *testing.T) {
	onRegisters(t, 2, func(t *testing.T, r *rig) {
		p, _ := r.process(0)
		q, _ := r.process(0)
		k := r.kthread(0)
		for _, user := range []machine.TaskID{p, k} {
			r.run(0, user)
			r.preemptNEON(0, user, q)
			r.run(0, q)
		}
		r.run(0, p)
		r.run(1, q)
	})
}

// preemptNEON has t, which runs on cpu, use vector registers in the kernel; where it can be preempted
// there, it is, by another.
func (r *rig) preemptNEON(cpu machine.CPUID, t, by machine.TaskID) {
	r.t.Helper()
	r.Push(cpu, r.Prog.Entry("kernel_neon_end"), machine.Frame{})
	r.Push(cpu, r.Prog.Entry("kernel_neon_begin"), machine.Frame{})
	r.upTo(cpu, "v0 to v31 again")
	if r.S.Config.Release >= machine.V6_12 {
		r.begin(cpu, by, "schedule_tail", "sched_preempt_enable_no_resched")
		r.finishAs(cpu, by)
		r.S.CPUs[cpu].Pick = t
		r.Push(cpu, r.Prog.Entry("schedule"), machine.Frame{N: 1})
		r.upTo(cpu, "v0 to v31 again")
	}
	r.finish(cpu)
}

// A program's values are not the next one's: not after exec, not in a child, not in another's task_struct.
func TestForkAndExecRegisters(t *testing.T) {
	onRegisters(t, 2, func(t *testing.T, r *rig) {
		p, _ := r.process(0)
		r.user(0)
		was := arm64.User(r.S, p)
		child := r.fork(0, 1, 0)
		got := arm64.User(r.S, child)
		if got.X[0] != 0 || got.X[1] != was.X[1] || got.TPIDR != was.TPIDR || got.V[1] != was.V[1] || got.SP != was.SP {
			t.Errorf("the child begins with\n%x, its parent had\n%x", got, was)
		}
		r.run(1, child)
		r.Push(1, r.Prog.Entry("exec_mmap"), machine.Frame{MM: r.freeMM()})
		r.upTo(1, "user registers")
		regs := &r.S.ARM64Regs[1]
		if regs.X != [31]uint64{} || regs.FP != [8]uint64{} || regs.TPIDR != 0 {
			t.Errorf("the new program finds %+v", regs)
		}
		r.finish(1)
	})
}

// With registers on, no release runs an instruction between the change of stack and that of current with
// an exception unmasked, as far as it masks them at all.
func TestMaskedBetweenStackAndCurrent(t *testing.T) {
	onRegisters(t, 1, func(t *testing.T, r *rig) {
		if r.S.Config.Release < machine.V6_1 {
			return
		}
		p, _ := r.process(0)
		r.process(0)
		r.begin(0, p, "mov sp, x9")
		for r.Next(0).Label != "msr daif, x11" {
			if daif := r.S.ARM64Regs[0].DAIF; daif != 0xf<<6 {
				t.Errorf("%s runs with daif %#x", r.Next(0).Label, daif)
			}
			r.Step(0, 0)
		}
		r.finish(0)
	})
}

// TestRegistersCostNoMemory: a switch on registers allocates nothing.
func TestRegistersCostNoMemory(t *testing.T) {
	r := newRig(t, machine.Config{Release: machine.Newest, CPUs: 1, ASIDBits: 8, Registers: true})
	p, _ := r.process(0)
	q, _ := r.process(0)
	tasks := [2]machine.TaskID{p, q}
	i := 0
	if n := testing.AllocsPerRun(100, func() {
		r.do(r.Switch(0, tasks[i&1], false))
		i++
	}); n != 0 {
		t.Errorf("a switch allocates %v times", n)
	}
}

// 7.3 looks, before it switches registers, whether interrupts are off; nothing before it does.
func TestDebugSwitchState(t *testing.T) {
	for _, registers := range []bool{false, true} {
		r := newRig(t, machine.Config{Release: machine.V7_3, CPUs: 1, ASIDBits: 8, Registers: registers})
		p, _ := r.process(0)
		r.run(0, r.S.CPUs[0].Idle)
		r.begin(0, p, "debug_switch_state")
		r.ok()
		r.S.CPUs[0].IRQOff = false
		r.finish(0)
		r.red("I20")
	}
}

// A parent's values are in memory alone after fork in 7.3, which looks at no mm: a note of a task without one goes too.
func TestForkFlushesParent(t *testing.T) {
	for _, rel := range releases {
		r := newRig(t, machine.Config{Release: rel, CPUs: 1, ASIDBits: 4, Registers: true})
		idle := &r.S.Tasks[r.S.CPUs[0].Idle]
		idle.FPOwner = 0
		if _, err := r.Fork(0, 0, kernel.CloneKernel); err != nil {
			t.Fatal(err)
		}
		flushed := idle.FPOwner == machine.NoCPU
		if want := rel >= machine.V7_3; flushed != want {
			t.Errorf("%s: a kernel task that forks is flushed: %v, want %v", rel, flushed, want)
		}
		r.ok()
	}
}
