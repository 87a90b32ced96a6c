package check

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// smallWorld is two CPUs, a process and a kernel thread.
func smallWorld(t testing.TB, c machine.Config, env tasks) *world {
	t.Helper()
	w, err := build(c, nil, nil, &env, processAndThread)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// processAndThread begins with a process and a kernel thread on CPU 0.
func processAndThread(m *kernel.Machine) error {
	a, err := m.Spawn(0, 0)
	if err != nil {
		return err
	}
	if err := m.Switch(0, a, false); err != nil {
		return err
	}
	_, err = m.Fork(0, 0, kernel.CloneKernel)
	return err
}

// diamonds takes each quiet step of a state and everything that another CPU could do instead, in both
// orders, and reports where the outcomes differ.
type diamonds struct {
	*walker
	seen    int
	met     map[string]bool // quiet steps that were looked at
	report  func(string)
	quietAt func(machine.CPUID) bool
}

// both runs two actions of the loaded state one after the other; ok is false where the second cannot be
// taken any more. What is broken on the way is part of the outcome. What happens to the CPU that stands at the
// step itself runs until its task is back there.
func (d *diamonds) both(a, b action, load func()) (after *machine.State, broken string, ok bool) {
	load()
	for i, x := range []action{a, b} {
		if i == 1 {
			d.listed = false
			if d.list(); !d.offers(x) {
				return nil, "", false
			}
		}
		t := d.now.CPUs[x.cpu].Curr
		depth := d.now.Tasks[t].Depth
		if v := d.act(&x); v != nil {
			broken += v.Rule
		}
		if d.void || a.cpu == b.cpu && d.comesBack(&x) && !d.backTo(x.cpu, t, depth) {
			return nil, "", false
		}
	}
	d.userRan()
	d.normal.apply(d.now)
	return d.now.Clone(), broken, true
}

func (d *diamonds) offers(a action) bool {
	for _, o := range d.actions {
		if o == a {
			return true
		}
	}
	return false
}

func (d *diamonds) state(load func()) {
	load()
	d.list()
	all := append([]action(nil), d.actions...)
	for _, q := range all {
		if load(); q.do != takeStep || !d.quietAt(q.cpu) {
			continue
		}
		label := d.w.prog.At(d.now.Top(d.now.CPUs[q.cpu].Stack).PC)
		for _, o := range all {
			// Speculation is no part of what the CPU runs: it may happen to the one that stands at the step, too. So may an
			// interrupt, or that its task is preempted.
			own := o.cpu == q.cpu
			if own && o.do != fillTLB && !d.comesBack(&o) || d.waits(o, load) {
				continue
			}
			d.seen++
			d.met[label.Path.Name+"/"+label.Label] = true
			one, brokenOne, ok := d.both(q, o, load)
			if !ok && own {
				continue // with interrupts or preemption off it comes later
			}
			if !ok {
				d.report(fmt.Sprintf("%s/%s ends what cpu %d could do: %s", label.Path.Name, label.Label, o.cpu, d.name(&o)))
				continue
			}
			other, brokenOther, ok := d.both(o, q, load)
			if !ok && own {
				continue // who comes back has to wait for another CPU
			}
			if !ok || !one.Equal(other) || brokenOne != brokenOther {
				diff := ""
				if ok {
					machine.Diff(one, other, func(c machine.Change) { diff += c.String() + "; " })
				}
				d.report(fmt.Sprintf("%s/%s and %s of cpu %d do not commute: %s %q %q", label.Path.Name, label.Label, d.name(&o), o.cpu, diff, brokenOne, brokenOther))
			}
		}
	}
}

// waits: the action could not be taken now.
func (d *diamonds) waits(a action, load func()) bool {
	load()
	d.act(&a)
	return d.void
}

func (d *diamonds) name(a *action) string {
	if a.do == takeStep {
		in := d.w.prog.At(d.from.Top(d.from.CPUs[a.cpu].Stack).PC)
		return in.Path.Name + "/" + in.Label
	}
	if a.entry != 0 {
		return "enter " + d.w.prog.At(a.entry).Path.Name
	}
	return fmt.Sprint("action ", a.do)
}

// TestQuietStepsAreQuiet looks at states of small models, in every release, until every step that says what it touches
// was met.
func TestQuietStepsAreQuiet(t *testing.T) {
	slowUnderRace(t)
	met, declared := map[string]bool{}, map[string]bool{}
	look := func(t *testing.T, w *world, everywhere func(*testing.T, *world, map[string]bool)) {
		for pc, touches := range w.quiet {
			if in := w.prog.At(uint32(pc)); touches.Reach() != step.Anything && in.Path != nil {
				declared[in.Path.Name+"/"+in.Label] = true
			}
		}
		everywhere(t, w, met)
	}
	for _, c := range quietConfigs() {
		t.Run(fmt.Sprintf("%s %s %v", c.Arch, c.Release, c.FPSIMD), func(t *testing.T) {
			worlds := quietWorlds
			if c.FPSIMD {
				worlds = vectorWorlds
			}
			for _, env := range worlds {
				look(t, smallWorld(t, c, env), everyQuietStep)
			}
		})
	}
	for model, setups := range farQuietWorlds {
		for _, s := range setups {
			t.Run(fmt.Sprintf("%s %s %v", model, s.Release, s.Options), func(t *testing.T) { look(t, buildModel(t, model, s), quietStepsOnTheWay) })
		}
	}
	for _, s := range forkWorlds {
		look(t, buildModel(t, "context-switch", s), everyQuietStep)
	}
	for s := range declared {
		if !met[s] && !slices.Contains(entered, s) {
			t.Errorf("%s declares what it touches, and was never looked at", s)
		}
	}
}

// farQuietWorlds have steps that are met only after a long way.
var farQuietWorlds = map[string][]Setup{
	"context-switch": {{Release: machine.V2_6_32, Actions: []string{"preempt", "fork", "exit"}, Size: Size{Tasks: 3}}},
	"membarrier": {
		{Release: machine.Newest, Actions: []string{"preempt", "exec", "membarrier", "sync-core"}},
		{Release: machine.Newest, Actions: []string{"sleep", "exec", "global"}},
	},
	"fpsimd": {{Release: machine.Newest, Actions: []string{"preempt", "move", "thread", "neon"}, Size: Size{Tasks: 3}}},
	"asid": {
		{Release: machine.V4_4, Actions: []string{"preempt", "munmap", "speculate"}, Size: Size{Generations: 99}},
		{Release: machine.V5_0, Options: []string{"kpti"}, Actions: []string{"preempt", "munmap", "speculate"}, Size: Size{Generations: 99}},
		{Release: machine.Newest, Actions: []string{"preempt", "munmap", "speculate"}, Size: Size{Generations: 99}},
		{Release: machine.Newest, Actions: []string{"preempt", "pin", "speculate"}, Size: Size{Generations: 99, ASIDs: 8}},
	},
}

// forkWorlds are small enough to see all that forks touch.
var forkWorlds = []Setup{
	{Release: machine.Newest, Actions: []string{"fork", "exit"}, Size: Size{Tasks: 3}},
	{Release: machine.Newest, Actions: []string{"thread", "exit"}, Size: Size{Tasks: 3}},
}

// entered are steps that the action which enters their path takes with it, so no CPU stands there in any model.
var entered = []string{"schedule/preempt_disable", "exit_mm/mm = current->mm", "kthread_unuse_mm/mm = tsk->mm"}

// lookAround makes diamonds of a world that takes no quiet steps of itself and gives nothing other names. What they
// complain of is noted in all, a dozen of it.
func lookAround(w *world, met map[string]bool, all *[]string) *diamonds {
	quiet := w.quiet
	w.rename, w.quiet = false, nil
	d := &diamonds{walker: w.walker(), met: met, report: func(what string) {
		if len(*all) < 12 && !slices.Contains(*all, what) {
			*all = append(*all, what)
		}
	}}
	d.quietAt = func(cpu machine.CPUID) bool {
		w.quiet = quiet
		is := d.atQuiet(cpu)
		w.quiet = nil
		return is
	}
	return d
}

// everyQuietStep looks at the states of a world, as many as quietMemory has room for.
func everyQuietStep(t *testing.T, w *world, met map[string]bool) {
	t.Helper()
	all, states, pairs := unquiet(w, met)
	for _, what := range all {
		t.Error(what)
	}
	t.Logf("%d states, %d pairs", states, pairs)
}

// unquiet says where, in as many states of a world as quietMemory has room for, a step that is declared quiet is not.
func unquiet(w *world, met map[string]bool) (all []string, states uint32, pairs int) {
	d := lookAround(w, met, &all)
	s := &search{sys: w, seen: newVisited(w.Pieces()), opt: Options{Workers: 1, Memory: quietMemory()}}
	s.mostWays.Store(maySee)
	s.workers = []*worker{newWorker(s, 0)}
	s.run(context.Background())
	for id := range s.seen.next.Load() {
		if !s.seen.states.used(id) {
			continue
		}
		ids := s.seen.pieceIDs(id)
		d.state(func() { d.Load(func(p int) []byte { return s.seen.values.at(ids[p]) }, nil) })
	}
	return all, s.seen.next.Load(), d.seen
}

// quietStepsOnTheWay looks at the states that random walks come to.
func quietStepsOnTheWay(t *testing.T, w *world, met map[string]bool) {
	t.Helper()
	var all []string
	d, k := lookAround(w, met, &all), w.walker()
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 11))
		k.Begin(0)
		for range 600 {
			pieces := piecesOf(w, k)
			load := func(p int) []byte { return pieces[p] }
			d.state(func() { d.Load(load, nil) })
			k.Load(load, nil)
			n := k.Actions()
			if n == 0 || k.Do(rng.IntN(n)) != nil {
				break
			}
		}
	}
	for _, what := range all {
		t.Error(what)
	}
	t.Logf("%d pairs", d.seen)
}

// quietMemory bounds the search for states of each small world, to some ten thousand of them; a thorough
// run, with -quiet.thorough, sees them all.
func quietMemory() int64 {
	if *thorough {
		return 0
	}
	return 5 << 19
}

var thorough = flag.Bool("quiet.thorough", false, "look at every state of the small models")

// quietWorlds differ in what tasks may ask for, so that each quiet step is met in some.
var quietWorlds = []tasks{
	{preempt: true, sleep: true, stepped: true, changes: 1},
	{preempt: true, sleep: true, exec: true, exit: true, changes: 1},
	{preempt: true, fork: true, exit: true, thread: true, move: true, changes: 1},
	{sleep: true, useMM: true, outside: true, exit: true, changes: 1},
	{preempt: true, thread: true, munmap: []int32{1}, tables: true, fill: true, changes: 1},
	{preempt: true, exec: true, munmap: []int32{1}, fill: true, changes: 1},
}

// vectorWorlds are for machines that follow vector registers.
var vectorWorlds = []tasks{
	{preempt: true, move: true, neon: true},
	{preempt: true, move: true, signal: true},
	{move: true, preempt: true, exec: true},
}

func quietConfigs() []machine.Config {
	var all []machine.Config
	for _, rel := range machine.Releases() {
		all = append(all, machine.Config{Release: rel, Arch: machine.Classic, CPUs: 2, Tasks: 4, MMs: 3})
	}
	return append(all,
		machine.Config{Release: machine.V4_4, Arch: machine.X86, CPUs: 2, Tasks: 4, MMs: 3},
		machine.Config{Release: machine.V5_0, Arch: machine.X86, PCID: true, PTI: true, CPUs: 2, Tasks: 4, MMs: 3},
		machine.Config{Release: machine.Newest, Arch: machine.X86, PCID: true, CPUs: 2, Tasks: 4, MMs: 3},
		machine.Config{Release: machine.V4_4, Arch: machine.ARM64, ASIDBits: 2, CPUs: 2, Tasks: 4, MMs: 3},
		machine.Config{Release: machine.Newest, Arch: machine.ARM64, ASIDBits: 2, CPUs: 2, Tasks: 4, MMs: 3},
		machine.Config{Release: machine.V4_4, Arch: machine.ARM64, ASIDBits: 2, FPSIMD: true, CPUs: 2, Tasks: 4, MMs: 3},
		machine.Config{Release: machine.V6_1, Arch: machine.ARM64, ASIDBits: 2, FPSIMD: true, CPUs: 2, Tasks: 4, MMs: 3},
		machine.Config{Release: machine.Newest, Arch: machine.ARM64, ASIDBits: 2, FPSIMD: true, CPUs: 2, Tasks: 4, MMs: 3})
}
