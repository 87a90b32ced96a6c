package x86_test

import (
	"fmt"
	"slices"
	"testing"

	"switchyard/arch/x86"
	"switchyard/machine"
)

func onRegisters(cpus int) []machine.Config {
	all := configs(cpus)
	for i := range all {
		all[i].Registers = true
	}
	return all
}

// A user task's registers come along, from CPU to CPU, and nobody else has them meanwhile.
func TestUserRegistersComeAlong(t *testing.T) {
	for _, c := range onRegisters(3) {
		t.Run(name(c), func(t *testing.T) {
			r := boot(t, c)
			defer r.intact()
			p, _ := r.process(0)
			q, _ := r.process(1)
			k := r.kthread(1)
			want := x86.UserRegisters{RIP: 0x40_0000, FSBase: 0xcafe_0000, GSBase: 0xbeef_0000}
			for i := range want.GP {
				want.GP[i] = 0xa000_0000_0000_0000 + uint64(i)<<8
			}
			for i := range want.FPU {
				want.FPU[i] = 0xb000_0000_0000_0000 + uint64(i)<<8
			}
			x86.SetUser(r.S, p, want)
			for _, cpu := range []machine.CPUID{1, 0, 2, 0, 0, 1} {
				r.sw(cpu, p)
				// The program counts in the lowest bits of rax and of its FPU registers.
				want.GP[0], want.FPU[0] = want.GP[0]&^3|(want.GP[0]+1)&3, want.FPU[0]&^3|(want.FPU[0]+1)&3
				if got := x86.User(r.S, p); got != want {
					t.Fatalf("on cpu %d it has\n%x, want\n%x", cpu, got, want)
				}
				other := r.S.CPUs[cpu].Idle
				if cpu == 1 {
					other, q, k = q, k, q
				}
				r.sw(cpu, other)
				if got := x86.User(r.S, p); got != want {
					t.Fatalf("while cpu %d runs another it has\n%x, want\n%x", cpu, got, want)
				}
				regs := &r.S.X86Regs[cpu]
				if c.Release >= machine.V5_0 { // up to 4.15 the entry code leaves them in the registers
					for i, v := range regs.GP() {
						if v != 0 && slices.Contains(want.GP[:], v) {
							t.Errorf("register %d still has a value of the user task", i)
						}
					}
				}
				if regs.FSBase == want.FSBase || regs.KernelGSBase == want.GSBase {
					t.Error("its bases are still there")
				}
			}
		})
	}
}

// results is what a machine with registers and one without must agree on: all but the registers
// themselves, and where on the way a stack stands.
func results(r *rig) []string {
	s := r.S.Clone()
	for i := range s.Tasks {
		s.Tasks[i].Flags, s.Tasks[i].Depth = 0, 0
	}
	stats := r.Stats
	stats.Steps = 0
	all := []string{fmt.Sprintf("%+v %+v %v", *s.Global, stats, r.Violations)}
	for i := range s.CPUs {
		all = append(all, fmt.Sprintf("cpu %d: %+v %+v %v", i, s.CPUs[i], s.X86[i], s.TLB(machine.CPUID(i))))
	}
	for i := range s.Tasks {
		all = append(all, fmt.Sprintf("task %d: %+v", i, s.Tasks[i]))
	}
	for i := range s.MMs {
		all = append(all, fmt.Sprintf("mm %d: %+v %v", i, s.MMs[i], s.MMCPUMask(machine.MMID(i))))
	}
	return all
}

// story is a schedule with everything in it that touches registers.
func story(r *rig, check func()) {
	p, _ := r.process(0)
	q, _ := r.process(1)
	k := r.kthread(0)
	check()
	for round := range 4 {
		for _, cpu := range []machine.CPUID{0, 1, 2} {
			r.sw(cpu, p)
			check()
			r.sw(cpu, r.S.CPUs[cpu].Idle)
			r.sw(cpu, k)
			r.sw(cpu, q)
			check()
			if round == 1 && cpu == 2 {
				_, err := r.Execve(cpu)
				r.must(err)
			}
			if round == 2 {
				child := r.thread(cpu, cpu)
				r.sw(cpu, child)
				r.sw(cpu, q)
				r.sw(cpu, child)
				check()
				r.sw(cpu, q)
			}
			r.sw(cpu, r.S.CPUs[cpu].Idle)
			check()
		}
	}
}

func TestSameResultsOnRegisters(t *testing.T) {
	for _, c := range onRegisters(3) {
		t.Run(name(c), func(t *testing.T) {
			off := c
			off.Registers = false
			var want [][]string
			plain := boot(t, off)
			story(plain, func() { want = append(want, results(plain)) })
			on := boot(t, c)
			n := 0
			story(on, func() {
				for i, got := range results(on) {
					if got != want[n][i] {
						t.Fatalf("at %d: with registers\n%s\nwithout\n%s", n, got, want[n][i])
					}
				}
				n++
			})
			on.intact()
		})
	}
}
