package kernel_test

import (
	"testing"

	"switchyard/arch/classic"
	"switchyard/kernel"
	"switchyard/machine"
)

type rig struct {
	t *testing.T
	*kernel.Machine
	task machine.TaskID
	mm   machine.MMID
}

func newRig(t *testing.T, c machine.Config, port kernel.Port) *rig {
	t.Helper()
	c.Tasks, c.MMs = 16, 12
	m, err := kernel.Boot(c, port)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, Machine: m, task: machine.TaskID(c.CPUs), mm: 1}
}

func (r *rig) enter(cpu machine.CPUID, path string, f machine.Frame) {
	r.t.Helper()
	if err := r.Enter(cpu, path, f); err != nil {
		r.t.Fatal(err)
	}
	r.ok()
}

func (r *rig) ok() {
	r.t.Helper()
	for _, v := range r.Violations {
		r.t.Errorf("%s: %s (%s/%s)", v.Rule, v.Detail, v.Path, v.Step)
	}
}

func (r *rig) sw(cpu machine.CPUID, next machine.TaskID) {
	r.t.Helper()
	if err := r.Switch(cpu, next, false); err != nil {
		r.t.Fatal(err)
	}
	r.ok()
	if got := r.S.CPUs[cpu].Curr; got != next {
		r.t.Fatalf("cpu %d runs %d, want %d", cpu, got, next)
	}
}

func (r *rig) kthread(cpu machine.CPUID) machine.TaskID {
	id := r.task
	r.task++
	r.enter(cpu, "kernel_clone", machine.Frame{N: kernel.CloneKernel, Next: id, CPU: cpu, MM: machine.NoMM, OldMM: machine.NoMM})
	return id
}

// process makes a process as init does: a kernel-side child that execs.
func (r *rig) process(cpu machine.CPUID) (machine.TaskID, machine.MMID) {
	id, mm := r.task, r.mm
	r.task++
	r.mm++
	back := r.S.CPUs[cpu].Curr
	r.enter(cpu, "kernel_clone", machine.Frame{Next: id, CPU: cpu, MM: mm})
	r.sw(cpu, id)
	r.enter(cpu, "exec_mmap", machine.Frame{MM: mm})
	r.sw(cpu, back)
	return id, mm
}

func (r *rig) counts(mm machine.MMID, users, count int32) {
	r.t.Helper()
	m := &r.S.MMs[mm]
	if m.Users != users || m.Count != count {
		r.t.Errorf("mm %d has (%d,%d), want (%d,%d)", mm, m.Users, m.Count, users, count)
	}
}

func TestBorrowAndExit(t *testing.T) {
	for _, rel := range machine.Releases() {
		t.Run(rel.String(), func(t *testing.T) {
			r := newRig(t, machine.Config{Release: rel, CPUs: 1}, classic.Port{})
			k := r.kthread(0)
			a, mmA := r.process(0)
			b, mmB := r.process(0)
			r.sw(0, a)
			r.counts(mmA, 1, 1)
			r.sw(0, 0)
			r.counts(mmA, 1, 2)
			r.sw(0, k)
			r.counts(mmA, 1, 2)
			r.sw(0, a)
			r.counts(mmA, 1, 1)
			if r.S.Tasks[k].ActiveMM != machine.NoMM {
				t.Error("k keeps a loan")
			}
			r.S.CPUs[0].Pick = 0
			r.enter(0, "do_exit", machine.Frame{})
			r.counts(mmA, 0, 1)
			if r.S.CPUs[0].Curr != 0 || r.S.Tasks[0].ActiveMM != mmA {
				t.Error("idle should stand on A")
			}
			r.sw(0, b)
			r.counts(mmA, 0, 0)
			if r.S.MMs[mmA].Alive != 0 {
				t.Error("A should be freed")
			}
			r.counts(mmB, 1, 1)
		})
	}
}

func BenchmarkSwitchClassic(b *testing.B) {
	m, _ := kernel.Boot(machine.Config{Release: machine.Newest, CPUs: 1, Tasks: 8, MMs: 8}, classic.Port{})
	for i := 0; i < 2; i++ {
		id, mm := machine.TaskID(1+i), machine.MMID(1+i)
		m.Enter(0, "kernel_clone", machine.Frame{Next: id, MM: mm})
		m.Switch(0, id, false)
		m.Enter(0, "exec_mmap", machine.Frame{MM: mm})
		m.Switch(0, 0, false)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Switch(0, machine.TaskID(1+i&1), false)
	}
	if len(m.Violations) > 0 {
		b.Fatal(m.Violations[0])
	}
	b.ReportMetric(float64(m.Stats.Steps)/float64(b.N), "steps/op")
}
