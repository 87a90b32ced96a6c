package arm64_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
	"switchyard/arch/arm64"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// drawConfig draws a machine that has more ASIDs than CPUs, as the kernel demands.
func drawConfig(t *rapid.T, from []machine.Release) machine.Config {
	c := machine.Config{Release: rapid.SampledFrom(from).Draw(t, "release"), CPUs: rapid.IntRange(1, 4).Draw(t, "cpus"), Tasks: 20, MMs: 16}
	c.ASIDBits = uint8(rapid.IntRange(3, 8).Draw(t, "asid bits"))
	if c.Release >= machine.V5_0 {
		c.KPTI, c.CnP, c.PAN = rapid.Bool().Draw(t, "kpti"), rapid.Bool().Draw(t, "cnp"), rapid.Bool().Draw(t, "pan")
	}
	if c.KPTI {
		c.ASIDBits = max(c.ASIDBits, 4)
	}
	if c.Release >= machine.V6_12 && rapid.Bool().Draw(t, "shootdown") {
		c.Lazy = machine.LazyShootdown
	}
	return c
}

// world picks what happens next on a machine. Its draws come from a function, so that rapid can shrink a
// schedule and a plain generator can make long ones.
type world struct {
	*kernel.Machine
	draw    func(n int) int
	vectors bool // the kernel uses vector registers, and kernel threads come and go
}

func (w *world) cpu() machine.CPUID { return machine.CPUID(w.draw(len(w.S.CPUs))) }

// candidate is a task that cpu may switch to: queued on it and not running, or the idle task.
func (w *world) candidate(cpu machine.CPUID) machine.TaskID {
	n := 0
	pickOne := machine.NoTask
	for pass := range 2 {
		skip := 0
		if pass == 1 {
			if n == 0 {
				break
			}
			skip = w.draw(n)
		}
		for i := range w.S.Tasks {
			t := &w.S.Tasks[i]
			if t.Kind == machine.FreeTask || t.Kind == machine.IdleTask || t.OnRQ == 0 || t.CPU != cpu || t.OnCPU || w.S.CPUs[cpu].Curr == machine.TaskID(i) {
				continue
			}
			if pass == 0 {
				n++
			} else if skip == 0 {
				pickOne = machine.TaskID(i)
				break
			} else {
				skip--
			}
		}
	}
	if pickOne == machine.NoTask || w.draw(5) == 0 {
		return w.S.CPUs[cpu].Idle
	}
	return pickOne
}

func (w *world) count(kind machine.TaskKind) int {
	n := 0
	for i := range w.S.Tasks {
		if w.S.Tasks[i].Kind == kind {
			n++
		}
	}
	return n
}

func (w *world) freeMMs() int {
	n := 0
	for i := range w.S.MMs {
		if w.S.MMs[i].Alive == 0 {
			n++
		}
	}
	return n
}

// begin starts something on a CPU that has nothing to do: it pushes a path, and runs nothing.
func (w *world) begin(cpu machine.CPUID) {
	c := &w.S.CPUs[cpu]
	t := &w.S.Tasks[c.Curr]
	push := func(path string, f machine.Frame) { w.Push(cpu, w.Prog.Entry(path), f) }
	user := t.Kind == machine.UserTask && t.MM != machine.NoMM
	op := w.draw(16)
	switch {
	case op < 5:
	case op == 5 && user && w.count(machine.FreeTask) > 2:
		child, err := w.FreeTask()
		mm, err2 := w.FreeMM()
		if err == nil && err2 == nil && w.freeMMs() > 2 {
			w.claim(child, mm)
			push("kernel_clone", machine.Frame{Next: child, CPU: w.cpu(), MM: mm})
			return
		}
	case op == 6 && user && w.count(machine.FreeTask) > 2:
		if child, err := w.FreeTask(); err == nil {
			w.claim(child, machine.NoMM)
			push("kernel_clone", machine.Frame{Next: child, CPU: w.cpu(), MM: machine.NoMM, N: kernel.CloneVM})
			return
		}
	case op == 7 && user && w.freeMMs() > 2:
		if mm, err := w.FreeMM(); err == nil {
			w.claim(machine.NoTask, mm)
			push("exec_mmap", machine.Frame{MM: mm})
			return
		}
	case op == 8 && user && w.count(machine.UserTask) > 3:
		c.Pick = c.Idle
		push("do_exit", machine.Frame{})
		return
	case op <= 10 && user:
		push("unmap_region", machine.Frame{N: int32(1 + w.draw(2)*1100), State: uint32(w.draw(2))})
		return
	case op == 11 && user:
		push("copy_from_user", machine.Frame{})
		return
	case op == 12 && user && w.S.Config.Release >= machine.V6_1:
		if mm := &w.S.MMs[t.MM]; mm.Pinned == 0 {
			push("arm64_mm_context_get", machine.Frame{MM: t.MM})
		} else if !w.unpinning(t.MM) {
			push("arm64_mm_context_put", machine.Frame{MM: t.MM})
		}
		return
	case op == 13 && user:
		push("exit_to_user_mode", machine.Frame{})
		return
	case op == 14 && w.vectors:
		push("kernel_neon_end", machine.Frame{})
		push("kernel_neon_begin", machine.Frame{})
		return
	case op == 15 && w.vectors && w.count(machine.FreeTask) > 2 && w.count(machine.KernelTask) < 3:
		if child, err := w.FreeTask(); err == nil {
			w.claim(child, machine.NoMM)
			push("kernel_clone", machine.Frame{Next: child, CPU: w.cpu(), MM: machine.NoMM, N: kernel.CloneKernel})
			return
		}
	}
	c.Pick = w.candidate(cpu)
	if c.Pick == c.Curr {
		c.Pick = machine.NoTask
		return
	}
	push("schedule", machine.Frame{N: 1})
}

// unpinning reports whether some CPU is about to drop the one pin that the mm has.
func (w *world) unpinning(mm machine.MMID) bool {
	for i := range w.S.CPUs {
		if in := w.Next(machine.CPUID(i)); in != nil && in.Path.Name == "arm64_mm_context_put" && w.S.Top(w.S.CPUs[i].Stack).MM == mm {
			return true
		}
	}
	return false
}

// preempt has cpu leave a munmap, or the kernel's use of vector registers, in the middle for another task.
func (w *world) preempt(cpu machine.CPUID) {
	c := &w.S.CPUs[cpu]
	in := w.Next(cpu)
	if c.IRQOff || c.Preempt != 0 || !slices.Contains([]string{"unmap_region", "flush_tlb_mm_range", "kernel_neon_begin", "kernel_neon_end"}, in.Path.Name) {
		return
	}
	c.Pick = w.candidate(cpu)
	w.Push(cpu, w.Prog.Entry("schedule"), machine.Frame{N: 1})
}

// claim marks slots that a path which has only begun will fill: others must not find them free.
func (w *world) claim(t machine.TaskID, mm machine.MMID) {
	if t != machine.NoTask {
		w.S.Tasks[t].Kind = machine.UserTask
	}
	if mm != machine.NoMM {
		w.S.MMs[mm].Alive = machine.HasUserRef
	}
}

func (w *world) reap(cpu machine.CPUID) error {
	for i := range w.S.Tasks {
		if t := &w.S.Tasks[i]; t.Zombie && !t.OnCPU {
			return w.Reap(cpu, machine.TaskID(i))
		}
	}
	return nil
}

// shuffle moves a queued task to another CPU.
func (w *world) shuffle() error {
	i := w.draw(len(w.S.Tasks))
	t := &w.S.Tasks[i]
	if t.Kind == machine.FreeTask || t.Kind == machine.IdleTask || t.OnRQ == 0 || t.OnCPU {
		return nil
	}
	return w.Place(machine.TaskID(i), w.cpu())
}

func (w *world) seed() error {
	for range 2 {
		t, err := w.Fork(0, 0, 0)
		if err != nil {
			return err
		}
		if err := w.Switch(0, t, false); err != nil {
			return err
		}
		if _, err := w.Execve(0); err != nil {
			return err
		}
		if err := w.Switch(0, 0, false); err != nil {
			return err
		}
	}
	return nil
}

// wholesale runs each operation to its end before the next begins.
func (w *world) wholesale() error {
	cpu := w.cpu()
	switch w.draw(6) {
	case 0:
		return w.shuffle()
	case 1:
		return w.reap(cpu)
	}
	w.begin(cpu)
	return w.Settle(cpu)
}

func (w *world) atRest() bool {
	for i := range w.S.CPUs {
		if w.Next(machine.CPUID(i)) != nil {
			return false
		}
	}
	return w.S.NoCalls() && w.S.Wakers().Empty()
}

// piecemeal runs one step on one CPU, or begins something there.
func (w *world) piecemeal() error {
	cpu := w.cpu()
	if w.draw(3) == 0 {
		arm64.Speculate(w.S, cpu)
	}
	if w.draw(8) == 0 && w.atRest() {
		if err := w.reap(cpu); err != nil {
			return err
		}
		return w.shuffle()
	}
	switch {
	case w.Outcomes(cpu) > 0:
		if w.draw(4) == 0 {
			w.preempt(cpu)
		}
		w.Step(cpu, 0)
		for range w.draw(12) { // a run of steps, so that schedules get somewhere
			if w.Outcomes(cpu) > 0 {
				if w.draw(3) == 0 {
					arm64.Speculate(w.S, cpu)
				}
				w.Step(cpu, 0)
			}
		}
	case w.Next(cpu) != nil:
		w.Interrupt(cpu)
	default:
		if !w.Interrupt(cpu) {
			w.begin(cpu)
		}
	}
	return nil
}

// firstBroken runs n operations and returns the first rule that breaks.
func firstBroken(c machine.Config, n int, draw func(int) int, stepwise bool, variations ...*step.Path) (string, *kernel.Machine, error) {
	m, err := kernel.Boot(c, arm64.Port{}, variations...)
	if err != nil {
		return "", nil, err
	}
	w := &world{Machine: m, draw: draw, vectors: c.Registers}
	if err := w.seed(); err != nil {
		return "", m, err
	}
	found := ""
	report := func(rule, detail string) { found = rule + ": " + detail }
	for range n {
		if stepwise {
			err = w.piecemeal()
		} else {
			err = w.wholesale()
		}
		if err != nil {
			return "", m, err
		}
		arm64.CheckAll(m.S, report)
		if len(m.Violations) > 0 {
			v := m.Violations[0]
			found = v.Rule + ": " + v.Detail + " (" + v.Path + "/" + v.Step + ")"
		}
		if found != "" {
			return found, m, nil
		}
	}
	return "", m, nil
}

func intact(t *testing.T, from []machine.Release, n int, stepwise bool) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t, from)
		found, _, err := firstBroken(c, n, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "") }, stepwise)
		if err != nil {
			t.Fatal(err)
		}
		if found != "" {
			t.Fatalf("%s: %s", name(&c), found)
		}
	})
}

func TestIntactWhole(t *testing.T)    { intact(t, releases, 150, false) }
func TestIntactStepwise(t *testing.T) { intact(t, releases[1:], 400, true) }

// rng is splitmix64: long schedules that are the same on every run.
type rng uint64

func (r *rng) draw(n int) int {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

// TestLongSchedules: thousands of steps with very few ASIDs, so that rollovers are frequent.
func TestLongSchedules(t *testing.T) {
	rollovers := uint64(0)
	for _, c := range configs(3) {
		if c.Release < machine.V5_0 {
			continue // its fast path is broken (B13), which the next test shows
		}
		c.ASIDBits, c.Tasks, c.MMs = 3, 24, 20
		if c.KPTI {
			c.ASIDBits = 4
		}
		for seed := range 6 {
			r := rng(seed)
			found, m, err := firstBroken(c, 4000, r.draw, true)
			if err != nil {
				t.Fatal(err)
			}
			rollovers += m.Stats.Rollovers
			if found != "" {
				t.Errorf("%s, seed %d: %s", name(&c), seed, found)
			}
		}
	}
	if rollovers < 1000 {
		t.Errorf("only %d rollovers", rollovers)
	}
	t.Logf("%d rollovers", rollovers)
}

// TestVariationsTurnRed: random steps find every seeded bug without being told how.
func TestVariationsTurnRed(t *testing.T) {
	for _, v := range []struct {
		name  string
		paths func() []*step.Path
		from  machine.Release
	}{
		{"intact 4.4 (B13)", func() []*step.Path { return nil }, machine.V4_4},
		{"xchg", arm64.XchgFastPath, machine.V6_12},
		{"first reserved only", arm64.FirstReservedOnly, machine.V6_12},
		{"no reserved", arm64.NoReserved, machine.V6_12},
		{"stale TLBI", arm64.StaleTLBI, machine.V6_12},
		{"shared root kept", arm64.SharedRootKept, machine.V6_12},
		{"root before ASID", arm64.RootBeforeASID, machine.V6_12},
		{"generation in hardware", arm64.GenerationInHardware, machine.V6_12},
	} {
		t.Run(v.name, func(t *testing.T) {
			for seed := range 400 {
				r := rng(seed)
				c := machine.Config{Release: v.from, CPUs: 3, ASIDBits: 3, Tasks: 24, MMs: 20, CnP: v.name == "shared root kept"}
				found, m, err := firstBroken(c, 3000, r.draw, true, v.paths()...)
				if err != nil {
					t.Fatal(err)
				}
				if found != "" {
					t.Logf("seed %d, after %d steps and %d rollovers: %s", seed, m.Stats.Steps, m.Stats.Rollovers, found)
					return
				}
			}
			t.Error("not found")
		})
	}
}

// TestCheckCPU: the rules of single CPUs find what the rules of all find but for ids, and cost no memory.
func TestCheckCPU(t *testing.T) {
	r := newRig(t, machine.Config{Release: machine.Newest, CPUs: 3, ASIDBits: 4}, arm64.FirstReservedOnly()...)
	n := 0
	count := func(string, string) { n++ }
	for cpu := range machine.CPUID(3) {
		arm64.CheckCPU(r.S, cpu, count)
	}
	if n != 0 {
		t.Errorf("%d rules broken at boot", n)
	}
	staleCopies(r)
	for cpu := range machine.CPUID(3) {
		arm64.CheckCPU(r.S, cpu, count)
	}
	if n == 0 {
		t.Error("nothing found")
	}
	if a := testing.AllocsPerRun(100, func() { arm64.CheckAll(r.S, count) }); a != 0 {
		t.Errorf("CheckAll allocates %v times", a)
	}
}

// TestStepsAreTheRun: a schedule in single steps and in straight line ends in the same state, rollovers included.
func TestStepsAreTheRun(t *testing.T) {
	for _, c := range configs(1) {
		t.Run(name(&c), func(t *testing.T) {
			line, steps := newRig(t, c), newRig(t, c)
			first, _ := line.process(0)
			steps.process(0)
			for range 17 {
				for _, r := range []*rig{line, steps} {
					r.process(0)
					r.S.CPUs[0].Pick = first
					r.Push(0, r.Prog.Entry("schedule"), machine.Frame{N: 1})
				}
				line.finish(0)
				for steps.Next(0) != nil {
					steps.Step(0, 0)
				}
				if !line.S.Equal(steps.S) {
					t.Fatal("the states differ")
				}
				if line.S.CPUs[0].Curr != first {
					t.Fatal("the first process does not run")
				}
			}
			if line.Stats.Rollovers == 0 || line.Stats != steps.Stats {
				t.Errorf("%+v in straight line, %+v in steps", line.Stats, steps.Stats)
			}
			line.ok()
		})
	}
}
