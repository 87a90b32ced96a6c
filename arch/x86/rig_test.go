package x86_test

import (
	"fmt"
	"testing"

	"switchyard/arch/x86"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// rig drives a machine and looks at every CPU after every step.
type rig struct {
	testing.TB
	*kernel.Machine
	rules []string // what CheckCPU reported, first of each
	look  bool
}

func config(rel machine.Release, cpus int, pcid, pti bool) machine.Config {
	return machine.Config{Release: rel, CPUs: cpus, Tasks: 24, MMs: 24, PCID: pcid, PTI: pti}
}

// configs is every release with every setting that it can have.
func configs(cpus int) []machine.Config {
	var out []machine.Config
	for _, rel := range machine.Releases() {
		out = append(out, config(rel, cpus, false, false))
		if rel >= machine.V5_0 {
			out = append(out, config(rel, cpus, true, false), config(rel, cpus, true, true), config(rel, cpus, false, true))
		}
	}
	return out
}

func name(c machine.Config) string {
	return fmt.Sprintf("%s/pcid=%t/pti=%t", c.Release, c.PCID, c.PTI)
}

func boot(tb testing.TB, c machine.Config, variations ...*step.Path) *rig {
	tb.Helper()
	m, err := kernel.Boot(c, x86.Port{}, variations...)
	if err != nil {
		tb.Fatal(err)
	}
	r := &rig{TB: tb, Machine: m, look: true}
	m.Watch = r
	return r
}

func (r *rig) Before(machine.CPUID, *step.Instr) {}

func (r *rig) After(cpu machine.CPUID, in *step.Instr) {
	if !r.look {
		return
	}
	for i := range r.S.CPUs {
		x86.CheckCPU(r.S, machine.CPUID(i), func(rule, detail string) {
			r.rules = append(r.rules, rule)
			if len(r.rules) < 20 {
				r.Report(step.Violation{Rule: rule, CPU: machine.CPUID(i), Path: in.Path.Name, Step: in.Label, Detail: detail})
			}
		})
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) intact() {
	r.Helper()
	for i, v := range r.Violations {
		if i == 5 {
			break
		}
		r.Errorf("cpu %d: %s: %s (%s/%s)", v.CPU, v.Rule, v.Detail, v.Path, v.Step)
	}
}

func (r *rig) broke(rule string) bool {
	for _, v := range r.Violations {
		if v.Rule == rule {
			return true
		}
	}
	return false
}

func (r *rig) sw(cpu machine.CPUID, next machine.TaskID) {
	r.Helper()
	r.must(r.Switch(cpu, next, false))
	if got := r.S.CPUs[cpu].Curr; got != next {
		r.Fatalf("cpu %d runs %d, want %d", cpu, got, next)
	}
}

func (r *rig) kthread(cpu machine.CPUID) machine.TaskID {
	r.Helper()
	id, err := r.Fork(cpu, cpu, kernel.CloneKernel)
	r.must(err)
	return id
}

// process makes a process on a CPU that runs a kernel task, and goes back to that task.
func (r *rig) process(cpu machine.CPUID) (machine.TaskID, machine.MMID) {
	r.Helper()
	back := r.S.CPUs[cpu].Curr
	id, err := r.Fork(cpu, cpu, 0)
	r.must(err)
	// Forked by a kernel task it is a user task without an mm, as init is.
	r.sw(cpu, id)
	mm, err := r.Execve(cpu)
	r.must(err)
	r.sw(cpu, back)
	return id, mm
}

// thread makes a sibling of the task that runs on cpu, queued on target.
func (r *rig) thread(cpu, target machine.CPUID) machine.TaskID {
	r.Helper()
	id, err := r.Fork(cpu, target, kernel.CloneVM)
	r.must(err)
	return id
}

func (r *rig) counts(mm machine.MMID, users, count int32) {
	r.Helper()
	m := &r.S.MMs[mm]
	if m.Users != users || m.Count != count {
		r.Errorf("mm %d has (%d,%d), want (%d,%d)", mm, m.Users, m.Count, users, count)
	}
}

// stepTo takes cpu on until it stands at a step with that label.
func (r *rig) stepTo(cpu machine.CPUID, label string) {
	r.Helper()
	for range 200 {
		in := r.Next(cpu)
		if in == nil {
			break
		}
		if in.Label == label {
			return
		}
		if r.Outcomes(cpu) == 0 {
			r.Fatalf("cpu %d waits in %s at %s before it came to %s", cpu, in.Path.Name, in.Label, label)
		}
		r.Step(cpu, 0)
	}
	r.Fatalf("cpu %d never came to %s", cpu, label)
}

// begin has the running task of cpu enter a path; nothing runs yet.
func (r *rig) begin(cpu machine.CPUID, path string, f machine.Frame) {
	r.Push(cpu, r.Prog.Entry(path), f)
}

// beginSwitch starts a preemption of what runs on cpu, in favour of next.
func (r *rig) beginSwitch(cpu machine.CPUID, next machine.TaskID) {
	r.S.CPUs[cpu].Pick = next
	r.begin(cpu, "schedule", machine.Frame{N: 1})
}
