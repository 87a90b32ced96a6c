package x86_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"switchyard/arch/x86"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

func drawConfig(t *rapid.T) machine.Config {
	all := configs(rapid.IntRange(1, 4).Draw(t, "cpus"))
	c := all[rapid.IntRange(0, len(all)-1).Draw(t, "config")]
	c.Registers = rapid.Bool().Draw(t, "registers")
	if c.Release >= machine.V6_12 {
		c.Lazy = rapid.SampledFrom([]machine.LazyMode{machine.LazyRefcount, machine.LazyShootdown, machine.LazyOff}).Draw(t, "lazy")
	}
	return c
}

// player draws what happens next. Operations are those that the running task of a CPU could do.
type player struct {
	*rig
	draw func(n int) int
}

func fromRapid(t *rapid.T) func(int) int {
	return func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "") }
}

func newPlayer(tb testing.TB, draw func(int) int, c machine.Config, variations ...*step.Path) *player {
	c.Tasks, c.MMs = 3*c.CPUs+2, 5 // few of each, so that they meet
	m, err := kernel.Boot(c, x86.Port{}, variations...)
	if err != nil {
		tb.Fatal(err)
	}
	r := &rig{TB: tb, Machine: m, look: true}
	m.Watch = r
	p := &player{rig: r, draw: draw}
	for range 2 { // two processes with a thread on every CPU
		id, _ := r.process(0)
		r.sw(0, id)
		for cpu := 1; cpu < c.CPUs; cpu++ {
			r.thread(0, machine.CPUID(cpu))
		}
		r.sw(0, 0)
	}
	m.Choose = func(_ *step.Ctx, _ *step.Instr, n int) int { return draw(n) }
	return p
}

func (p *player) free() (machine.TaskID, machine.MMID, bool) {
	task, mm := machine.NoTask, machine.NoMM
	for i := range p.S.Tasks {
		if p.S.Tasks[i].Kind == machine.FreeTask && p.S.Tasks[i].Depth == 0 {
			task = machine.TaskID(i)
			break
		}
	}
	for i := range p.S.MMs {
		if p.S.MMs[i].Alive == 0 {
			mm = machine.MMID(i)
			break
		}
	}
	return task, mm, task != machine.NoTask && mm != machine.NoMM
}

// begun has the running task of cpu, which is at rest, begin something.
func (p *player) begun(cpu machine.CPUID) {
	cur := p.S.CPUs[cpu].Curr
	task := &p.S.Tasks[cur]
	user := task.MM != machine.NoMM
	ops := []string{"schedule", "schedule", "fork"}
	switch {
	case user && task.Kind == machine.UserTask:
		ops = []string{"schedule", "schedule", "schedule", "schedule", "munmap", "munmap", "munmap", "thread", "fork", "kthread", "exec", "exit"}
	case task.Kind == machine.UserTask:
		ops = []string{"exec", "exec", "exit"}
	}
	if task.Kind == machine.KernelTask && !user {
		ops = append(ops, "exit", "use")
	}
	if task.UsingMM {
		ops = []string{"schedule", "unuse"}
	}
	if p.zombie() != machine.NoTask {
		ops = append(ops, "reap")
	}
	if user && task.Kind == machine.UserTask && p.S.Config.Release >= machine.V5_0 {
		ops = append(ops, "register")
		if p.S.MMs[task.MM].MembarrierState != 0 {
			ops = append(ops, "membarrier")
		}
	}
	op := ops[p.draw(len(ops))]
	child, mm, room := p.free()
	target := machine.CPUID(p.draw(len(p.S.CPUs)))
	switch op {
	case "schedule":
		p.begin(cpu, "schedule", machine.Frame{N: 1})
	case "fork":
		if room {
			p.begin(cpu, "kernel_clone", machine.Frame{Next: child, CPU: target, MM: mm})
		}
	case "thread":
		if room {
			p.begin(cpu, "kernel_clone", machine.Frame{Next: child, CPU: target, MM: mm, N: kernel.CloneVM})
		}
	case "kthread":
		if room {
			p.begin(cpu, "kernel_clone", machine.Frame{Next: child, CPU: target, MM: machine.NoMM, N: kernel.CloneKernel})
		}
	case "munmap":
		p.begin(cpu, "unmap_region", machine.Frame{
			N:     [...]int32{1, 33, 34}[p.draw(3)],
			State: uint32(p.draw(2)),
		})
	case "exec":
		if room {
			p.begin(cpu, "exec_mmap", machine.Frame{MM: mm})
		}
	case "use":
		if mm := p.inUse(); mm != machine.NoMM {
			p.begin(cpu, "mmget", machine.Frame{MM: mm})
			p.Step(cpu, 0)
			p.begin(cpu, "kthread_use_mm", machine.Frame{MM: mm})
		}
	case "unuse": // the top frame runs first
		p.begin(cpu, "mmput", machine.Frame{MM: task.MM})
		p.begin(cpu, "kthread_unuse_mm", machine.Frame{})
	case "reap":
		p.begin(cpu, "release_task", machine.Frame{Next: p.zombie()})
	case "register":
		p.begin(cpu, "membarrier_register_private_expedited", machine.Frame{N: kernel.MembarrierPrivate})
	case "membarrier":
		p.begin(cpu, "membarrier_private_expedited", machine.Frame{N: kernel.MembarrierPrivate})
	case "exit":
		p.begin(cpu, "do_exit", machine.Frame{})
	}
}

// zombie is a task that its parent has yet to wait for.
func (p *player) zombie() machine.TaskID {
	for i := range p.S.Tasks {
		if p.S.Tasks[i].Zombie {
			return machine.TaskID(i)
		}
	}
	return machine.NoTask
}

// inUse is an address space that still has users.
func (p *player) inUse() machine.MMID {
	for i := 1; i < len(p.S.MMs); i++ {
		if p.S.MMs[i].Users > 0 && p.S.MMs[i].Alive != 0 {
			return machine.MMID(i)
		}
	}
	return machine.NoMM
}

func (p *player) sound() error {
	if len(p.Violations) > 0 {
		v := p.Violations[0]
		return fmt.Errorf("%s on %s: cpu %d: %s: %s (%s/%s)", name(p.S.Config), p.S.Config.Lazy, v.CPU, v.Rule, v.Detail, v.Path, v.Step)
	}
	return nil
}

// straight does n operations one at a time.
func (p *player) straight(n int) error {
	for range n {
		cpu := machine.CPUID(p.draw(len(p.S.CPUs)))
		p.begun(cpu)
		if err := p.Settle(cpu); err != nil {
			return err
		}
		if err := p.sound(); err != nil {
			return err
		}
	}
	return nil
}

// interleave lets the CPUs take n steps in any order, and interrupts in at any time. A CPU mostly goes
// on for a while, so that another one can stand still where it hurts.
func (p *player) interleave(n int) error {
	cpu := machine.CPUID(0)
	for range n {
		if p.draw(12) == 0 {
			cpu = machine.CPUID(p.draw(len(p.S.CPUs)))
		}
		if !p.move(cpu) {
			cpu = machine.CPUID(p.draw(len(p.S.CPUs)))
		}
		if err := p.sound(); err != nil {
			return err
		}
	}
	for i := range p.S.CPUs {
		if err := p.Settle(machine.CPUID(i)); err != nil {
			return err
		}
	}
	return p.sound()
}

func TestStraightSchedules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		if err := newPlayer(t, fromRapid(rt), drawConfig(rt)).straight(60); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestInterleavedSchedules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		if err := newPlayer(t, fromRapid(rt), drawConfig(rt)).interleave(400); err != nil {
			rt.Fatal(err)
		}
	})
}

// Long runs of every configuration, from fixed seeds: cheaper by the step than those above.
func TestLongSchedules(t *testing.T) {
	seeds, steps := uint64(2), 2000
	if testing.Short() {
		seeds = 1
	}
	run := func(c machine.Config, variations ...*step.Path) {
		for seed := range seeds {
			p := newPlayer(t, rand.New(rand.NewPCG(seed, uint64(c.CPUs))).IntN, c, variations...)
			if err := p.interleave(steps); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			if p.Stats.Switches < 20 {
				t.Errorf("seed %d: only %d switches: the machine stood still", seed, p.Stats.Switches)
			}
		}
	}
	for cpus := 1; cpus <= 4; cpus++ {
		for _, c := range configs(cpus) {
			run(c)
			c.Registers = true
			run(c)
			c.Registers = false
			if c.Release == machine.V5_0 {
				run(c, x86.LazyUntil419()...)
			}
			for _, lazy := range []machine.LazyMode{machine.LazyShootdown, machine.LazyOff} {
				if c.Lazy = lazy; lazy == machine.LazyOff || c.Release >= machine.V6_12 {
					run(c)
				}
			}
		}
	}
}

// move takes cpu one step on, or has it begin something, and reports whether it could.
func (p *player) move(cpu machine.CPUID) bool {
	if p.draw(3) == 0 {
		x86.Speculate(p.S, machine.CPUID(p.draw(len(p.S.CPUs))))
	}
	if p.draw(3) == 0 && p.Interrupt(cpu) {
		return true
	}
	if p.Next(cpu) == nil {
		// Slots are taken by the steps of a fork or an exec, so only one CPU at a time begins one.
		for i := range p.S.CPUs {
			if i != int(cpu) && p.making(machine.CPUID(i)) {
				p.begin(cpu, "schedule", machine.Frame{N: 1})
				return true
			}
		}
		p.begun(cpu)
		return true
	}
	n := p.Outcomes(cpu)
	if n == 0 {
		return p.preempted(cpu)
	}
	p.Step(cpu, p.draw(n))
	return true
}

// preempted has another task take the place of one that waits with preemption on, as 7.3 waits for answers to a call.
func (p *player) preempted(cpu machine.CPUID) bool {
	c := &p.S.CPUs[cpu]
	if p.Next(cpu).Label != "csd_lock_wait" || c.Preempt != 0 || c.IRQOff || p.making(cpu) {
		return false
	}
	p.begin(cpu, "schedule", machine.Frame{N: 1})
	return true
}

// making tells whether cpu has a fork or an exec on the stack of any task that could be in one.
func (p *player) making(cpu machine.CPUID) bool {
	for _, f := range p.S.Stack(p.S.CPUs[cpu].Stack) {
		switch p.Prog.At(f.PC).Path.Name {
		case "kernel_clone", "exec_mmap", "copy_process", "release_task":
			return true
		}
	}
	return false
}

// Random steps find every break too: so the tests above mean something.
func TestRandomStepsFindBreaks(t *testing.T) {
	for _, b := range x86.Breaks() {
		c := config(machine.V6_12, 3, true, true)
		if !b.HoldsFor(&c) {
			c = config(b.Paths[0].Since, 3, b.Paths[0].Since >= machine.V5_0, false)
		}
		paths := slices.DeleteFunc(slices.Clone(b.Paths), func(p *step.Path) bool { return !p.Holds(&c) })
		found := false
		for seed := uint64(0); seed < 2000 && !found; seed++ {
			p := newPlayer(t, rand.New(rand.NewPCG(seed, 1)).IntN, c, paths...)
			found = p.interleave(4000) != nil && p.broke(b.Rule)
		}
		if !found {
			t.Errorf("no random schedule shows %s", b.Name)
		}
	}
}
