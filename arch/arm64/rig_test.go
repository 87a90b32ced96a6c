package arm64_test

import (
	"fmt"
	"testing"

	"switchyard/arch/arm64"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// releases are those that the port supports.
var releases = []machine.Release{machine.V4_4, machine.V5_0, machine.V6_1, machine.V6_12, machine.V7_3}

// rig drives a machine and finds out about broken rules after each operation.
type rig struct {
	t testing.TB
	*kernel.Machine
	found []string // what CheckAll reported
}

func newRig(t testing.TB, c machine.Config, variations ...*step.Path) *rig {
	t.Helper()
	if c.Tasks == 0 {
		c.Tasks, c.MMs = 24, 20
	}
	m, err := kernel.Boot(c, arm64.Port{}, variations...)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, Machine: m}
}

func (r *rig) do(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) report(rule, detail string) { r.found = append(r.found, rule+": "+detail) }

// broken lists every rule that was seen broken so far, by steps or by CheckAll now.
func (r *rig) broken() []string {
	arm64.CheckAll(r.S, r.report)
	all := r.found
	for _, v := range r.Violations {
		all = append(all, fmt.Sprintf("%s: %s (cpu %d, %s/%s)", v.Rule, v.Detail, v.CPU, v.Path, v.Step))
	}
	return all
}

func (r *rig) ok() {
	r.t.Helper()
	if b := r.broken(); len(b) > 0 {
		r.t.Fatalf("broken: %q", b)
	}
}

// red fails unless one of the rules was seen broken.
func (r *rig) red(rules ...string) {
	r.t.Helper()
	all := r.broken()
	for _, b := range all {
		for _, rule := range rules {
			if len(b) > len(rule) && b[:len(rule)] == rule && b[len(rule)] == ':' {
				return
			}
		}
	}
	r.t.Errorf("none of %v is broken, only %q", rules, all)
}

// process makes a process on cpu as init does, a kernel-side child that execs, and leaves it running.
func (r *rig) process(cpu machine.CPUID) (machine.TaskID, machine.MMID) {
	r.t.Helper()
	r.run(cpu, r.S.CPUs[cpu].Idle)
	t, err := r.Fork(cpu, cpu, 0)
	r.do(err)
	r.run(cpu, t)
	mm, err := r.Execve(cpu)
	r.do(err)
	return t, mm
}

// fork has the task that runs on cpu make a child on target.
func (r *rig) fork(cpu, target machine.CPUID, flags int32) machine.TaskID {
	r.t.Helper()
	t, err := r.Fork(cpu, target, flags)
	r.do(err)
	return t
}

// run switches cpu to t, which is moved there if need be.
func (r *rig) run(cpu machine.CPUID, t machine.TaskID) {
	r.t.Helper()
	if r.S.CPUs[cpu].Curr == t {
		return
	}
	if r.S.Tasks[t].Kind != machine.IdleTask {
		r.do(r.Place(t, cpu))
	}
	r.do(r.Switch(cpu, t, false))
	if got := r.S.CPUs[cpu].Curr; got != t {
		r.t.Fatalf("cpu %d runs %d, want %d", cpu, got, t)
	}
}

// user has the task that runs on cpu run in user mode once more.
func (r *rig) user(cpu machine.CPUID) {
	r.t.Helper()
	r.do(r.Enter(cpu, "exit_to_user_mode", machine.Frame{}))
}

// begin has cpu begin a preemption to t and stops before the first step with one of the labels.
func (r *rig) begin(cpu machine.CPUID, t machine.TaskID, labels ...string) {
	r.t.Helper()
	r.do(r.Place(t, cpu))
	r.S.CPUs[cpu].Pick = t
	r.Push(cpu, r.Prog.Entry("schedule"), machine.Frame{N: 1})
	r.upTo(cpu, labels...)
}

func (r *rig) upTo(cpu machine.CPUID, labels ...string) {
	r.t.Helper()
	for in := r.Next(cpu); in != nil; in = r.Next(cpu) {
		for _, l := range labels {
			if in.Label == l {
				return
			}
		}
		r.Step(cpu, 0)
	}
	r.t.Fatalf("cpu %d never came to %v", cpu, labels)
}

func (r *rig) finish(cpu machine.CPUID) {
	r.t.Helper()
	r.do(r.Settle(cpu))
}

func (r *rig) id(mm machine.MMID) uint64 { return r.S.MMs[mm].ContextID }

func (r *rig) want(what string, got, want uint64) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s = %#x, want %#x", what, got, want)
	}
}

func (r *rig) counts(mm machine.MMID, users, count int32) {
	r.t.Helper()
	if m := &r.S.MMs[mm]; m.Users != users || m.Count != count {
		r.t.Errorf("mm %d has (%d,%d), want (%d,%d)", mm, m.Users, m.Count, users, count)
	}
}

func (r *rig) kthread(cpu machine.CPUID) machine.TaskID {
	r.t.Helper()
	return r.fork(cpu, cpu, kernel.CloneKernel)
}

// configs lists the ways to build each release with small ASIDs.
func configs(cpus int) []machine.Config {
	var all []machine.Config
	for _, rel := range releases {
		for i := range 8 {
			c := machine.Config{Release: rel, CPUs: cpus, ASIDBits: 4, KPTI: i&1 != 0, CnP: i&2 != 0, PAN: i&4 != 0}
			if rel >= machine.V5_0 || i == 0 {
				all = append(all, c)
			}
		}
	}
	return all
}

func name(c *machine.Config) string {
	n := c.Release.String()
	if c.KPTI {
		n += "-kpti"
	}
	if c.CnP {
		n += "-cnp"
	}
	if c.PAN {
		n += "-pan"
	}
	return n
}
