package arch_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Straight-line execution and single steps run the same tables, and must leave the same machine
// behind: after every operation of a random schedule, in every release.

// triplet is one machine run three ways: in straight line, watched (which goes step by step), and
// by Outcomes and Step alone, as the checker does it.
type triplet struct {
	straight, watched, stepped *kernel.Machine
}

type nobody struct{}

func (nobody) Before(machine.CPUID, *step.Instr) {}
func (nobody) After(machine.CPUID, *step.Instr)  {}

func newTriplet(t *rapid.T, c machine.Config, port kernel.Port) *triplet {
	boot := func() *kernel.Machine {
		m, err := kernel.Boot(c, port)
		if err != nil {
			t.Fatal(err)
		}
		m.Choose = func(_ *step.Ctx, _ *step.Instr, outcomes int) int { return outcomes - 1 }
		return m
	}
	tr := &triplet{boot(), boot(), boot()}
	tr.watched.Watch = nobody{}
	return tr
}

// enter has all three enter a path, and compares what they make of it.
func (tr *triplet) enter(t *rapid.T, cpu machine.CPUID, path string, f machine.Frame, prepare func(*machine.State)) {
	for _, m := range []*kernel.Machine{tr.straight, tr.watched, tr.stepped} {
		prepare(m.S)
	}
	a, b := tr.straight.Enter(cpu, path, f), tr.watched.Enter(cpu, path, f)
	c := stepThrough(tr.stepped, cpu, path, f)
	for name, other := range map[string]*kernel.Machine{"watched": tr.watched, "stepped": tr.stepped} {
		if !tr.straight.S.Equal(other.S) {
			machine.Diff(tr.straight.S, other.S, func(c machine.Change) { t.Log(c) })
			t.Fatalf("%s: straight line and %s differ", path, name)
		}
		if fmt.Sprint(tr.straight.Violations) != fmt.Sprint(other.Violations) || tr.straight.Stats != other.Stats {
			t.Fatalf("%s: straight line and %s saw different things:\n%v\n%v\n%+v\n%+v", path, name,
				tr.straight.Violations, other.Violations, tr.straight.Stats, other.Stats)
		}
	}
	if fmt.Sprint(a) != fmt.Sprint(b) || fmt.Sprint(a) != fmt.Sprint(c) {
		t.Fatalf("%s: ends with %v, %v and %v", path, a, b, c)
	}
	if a != nil {
		t.Fatalf("%s: %v", path, a)
	}
}

func stepThrough(m *kernel.Machine, cpu machine.CPUID, path string, f machine.Frame) error {
	m.Push(cpu, m.Prog.Entry(path), f)
	stepOut(m, cpu)
	for moved := true; moved; {
		moved = false
		for i := range m.S.CPUs {
			other := machine.CPUID(i)
			if m.Interrupt(other) || m.Outcomes(other) > 0 {
				stepOut(m, other)
				moved = true
			}
		}
	}
	for i := range m.S.CPUs {
		if in := m.Next(machine.CPUID(i)); in != nil {
			return &step.StuckError{CPU: machine.CPUID(i), Path: in.Path.Name, Step: in.Label}
		}
	}
	return nil
}

func stepOut(m *kernel.Machine, cpu machine.CPUID) {
	for n := m.Outcomes(cpu); n > 0; n = m.Outcomes(cpu) {
		m.Step(cpu, n-1)
	}
}

func asIs(*machine.State) {}

// runnable lists what cpu may switch to; the running task itself unless it goes to sleep.
func runnable(s *machine.State, cpu machine.CPUID, asleep bool) []machine.TaskID {
	ids := []machine.TaskID{s.CPUs[cpu].Idle}
	for i := range s.Tasks {
		t, id := &s.Tasks[i], machine.TaskID(i)
		queued := t.OnRQ != 0 && t.CPU == cpu && t.Kind != machine.IdleTask && t.Kind != machine.FreeTask
		if queued && !(asleep && id == s.CPUs[cpu].Curr) {
			ids = append(ids, id)
		}
	}
	return ids
}

func anyTask(t *rapid.T, s *machine.State, ok func(*machine.Task) bool) machine.TaskID {
	var ids []machine.TaskID
	for i := range s.Tasks {
		if ok(&s.Tasks[i]) {
			ids = append(ids, machine.TaskID(i))
		}
	}
	if ids == nil {
		return machine.NoTask
	}
	return rapid.SampledFrom(ids).Draw(t, "task")
}

func freeMM(s *machine.State) machine.MMID {
	for i := range s.MMs {
		if s.MMs[i].Alive == 0 {
			return machine.MMID(i)
		}
	}
	return machine.NoMM
}

func (tr *triplet) operate(t *rapid.T) {
	s := tr.straight.S
	cpu := machine.CPUID(rapid.IntRange(0, len(s.CPUs)-1).Draw(t, "cpu"))
	curr := &s.Tasks[s.CPUs[cpu].Curr]
	switch op := rapid.SampledFrom([]string{"switch", "switch", "choose", "sleep", "clone", "exec", "exit", "wake", "reap", "unmap", "use"}).Draw(t, "op"); op {
	case "switch", "sleep", "choose":
		asleep := op == "sleep" && curr.Kind != machine.IdleTask
		next := rapid.SampledFrom(runnable(s, cpu, asleep)).Draw(t, "next")
		n := int32(1) // a preemption
		if asleep {
			n = 0
		}
		tr.enter(t, cpu, "schedule", machine.Frame{N: n}, func(s *machine.State) {
			if op != "choose" {
				s.CPUs[cpu].Pick = next
			}
			if asleep {
				s.Tasks[s.CPUs[cpu].Curr].State = machine.TaskInterruptible
			}
		})
	case "clone":
		child, mm := anyTask(t, s, func(t *machine.Task) bool { return t.Kind == machine.FreeTask && t.Depth == 0 }), freeMM(s)
		flags := rapid.SampledFrom([]int32{0, kernel.CloneVM, kernel.CloneKernel}).Draw(t, "flags")
		target := machine.CPUID(rapid.IntRange(0, len(s.CPUs)-1).Draw(t, "target"))
		if child != machine.NoTask && mm != machine.NoMM {
			tr.enter(t, cpu, "kernel_clone", machine.Frame{Next: child, CPU: target, MM: mm, N: flags}, asIs)
		}
	case "exec":
		if mm := freeMM(s); mm != machine.NoMM && curr.Kind == machine.UserTask {
			tr.enter(t, cpu, "exec_mmap", machine.Frame{MM: mm}, asIs)
		}
	case "exit":
		if curr.Kind == machine.IdleTask || curr.UsingMM {
			return
		}
		tr.enter(t, cpu, "do_exit", machine.Frame{}, func(s *machine.State) { s.CPUs[cpu].Pick = s.CPUs[cpu].Idle })
	case "wake":
		if id := anyTask(t, s, func(t *machine.Task) bool { return t.State == machine.TaskInterruptible }); id != machine.NoTask {
			tr.enter(t, cpu, "try_to_wake_up", machine.Frame{Next: id, CPU: cpu}, asIs)
		}
	case "reap":
		if id := anyTask(t, s, func(t *machine.Task) bool { return t.Zombie && !t.OnCPU }); id != machine.NoTask {
			tr.enter(t, cpu, "release_task", machine.Frame{Next: id}, asIs)
		}
	case "unmap":
		if curr.MM != machine.NoMM {
			tr.enter(t, cpu, "unmap_region", machine.Frame{N: 3, State: kernel.FreeTables}, asIs)
		}
	case "use":
		if curr.UsingMM {
			tr.enter(t, cpu, "kthread_unuse_mm", machine.Frame{}, asIs)
		} else if user := anyTask(t, s, func(t *machine.Task) bool { return t.Kind == machine.UserTask && t.MM != machine.NoMM }); user != machine.NoTask && curr.Kind == machine.KernelTask {
			tr.enter(t, cpu, "kthread_use_mm", machine.Frame{MM: s.Tasks[user].MM}, asIs)
		}
	}
}

// straightConfigs are the machines of the test: each port in its variants.
func straightConfigs() []machine.Config {
	base := machine.Config{CPUs: 3, Tasks: 9, MMs: 6}
	variants := []func(*machine.Config){
		func(c *machine.Config) { c.Arch = machine.Classic },
		func(c *machine.Config) { c.Arch, c.Lazy = machine.Classic, machine.LazyShootdown },
		func(c *machine.Config) { c.Arch, c.Lazy = machine.Classic, machine.LazyOff },
		func(c *machine.Config) { c.Arch = machine.X86 },
		func(c *machine.Config) { c.Arch, c.PCID, c.PTI = machine.X86, true, true },
		func(c *machine.Config) { c.Arch, c.ASIDBits = machine.ARM64, 3 },
		func(c *machine.Config) { c.Arch, c.ASIDBits, c.KPTI, c.PAN = machine.ARM64, 4, true, true },
	}
	var all []machine.Config
	for _, rel := range machine.Releases() {
		for _, vary := range variants {
			c := base
			c.Release = rel
			vary(&c)
			if c.Validate() == nil {
				all = append(all, c)
			}
		}
	}
	return all
}

func TestStraightLineIsStepByStep(t *testing.T) {
	for _, c := range straightConfigs() {
		name := fmt.Sprintf("%s/%s/%s", c.Release, c.Arch, c.Lazy)
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				tr := newTriplet(t, c, arch.Port(c.Arch))
				for range rapid.IntRange(1, 50).Draw(t, "operations") {
					tr.operate(t)
				}
			})
		})
	}
}
