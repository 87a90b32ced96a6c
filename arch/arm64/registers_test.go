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
			for seed := range 2 {
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
				for n := range 150 {
					if err := on.wholesale(); err != nil {
						t.Fatal(err)
					}
					if err := plain.wholesale(); err != nil {
						t.Fatal(err)
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
			// The program counts in the lowest bits of x0 and v0.
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
