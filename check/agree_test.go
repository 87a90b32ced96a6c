package check

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"switchyard/machine"
)

// small is each model at a size that a plain search sees through in a second or two.
var small = map[string]Setup{
	"context-switch": {Size: Size{MMs: 1}, Actions: []string{"preempt", "exec", "exit", "use", "outside"}},
	"wakeup":         {Actions: []string{"wake"}},
	"x86-tlb":        {Size: Size{Tasks: 2, MMs: 1, Changes: 1}, Actions: []string{"munmap", "free-tables", "speculate"}},
	"asid":           {Size: Size{Tasks: 2, MMs: 2}, Actions: []string{"preempt", "munmap", "speculate"}},
	"membarrier":     {Actions: []string{"preempt", "sleep", "membarrier"}},
	"kpti":           {Actions: []string{"preempt", "uaccess", "kernel", "speculate"}},
	"fpsimd":         {Size: Size{MMs: 1}, Actions: []string{"preempt", "neon", "signal", "thread"}},
}

func buildModel(t testing.TB, name string, s Setup) *World {
	t.Helper()
	m, err := FindModel(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := m.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// reference explores a world one state at a time, with a map of whole packed states.
func reference(w *World) (distinct, generated, depth int, broken string) {
	k := w.walker()
	seen := map[string]bool{}
	k.Begin(0)
	level := []*machine.State{k.now.Clone()}
	seen[string(k.now.AppendPacked(nil))] = true
	generated = 1
	for broken == "" {
		var next []*machine.State
		for _, s := range level {
			k.from.CopyFrom(s)
			k.now.CopyFrom(s)
			k.listed = false
			for a := range k.Actions() {
				generated++
				k.now.CopyFrom(s)
				b := k.Do(a)
				if p := string(k.now.AppendPacked(nil)); b == nil && !seen[p] {
					seen[p] = true
					next = append(next, k.now.Clone())
					b = k.Check()
				}
				if b != nil && (broken == "" || b.Rule < broken) {
					broken = b.Rule
				}
			}
		}
		if level = next; len(level) == 0 {
			break
		}
		depth++
	}
	return len(seen), generated, depth, broken
}

// The slow and obvious way finds the same numbers; reduced and plain searches find the same verdict; and
// the number of workers makes no difference.
func TestSearchesAgree(t *testing.T) {
	slowUnderRace(t)
	for _, m := range Models() {
		for _, rel := range machine.Releases() {
			if rel < m.Since || (testing.Short() || raceDetector) && rel != machine.Newest {
				continue
			}
			t.Run(m.Name+" "+rel.String(), func(t *testing.T) {
				s := small[m.Name]
				s.Release = rel
				reduced := Search(context.Background(), buildModel(t, m.Name, s), Options{})
				distinct, generated, depth, broken := reference(buildModel(t, m.Name, s))
				if int(reduced.Distinct) != distinct || int(reduced.Generated) != generated || reduced.Depth != depth || rule(reduced) != broken {
					t.Errorf("%d distinct, %d generated, depth %d, %q; the reference finds %d, %d, %d, %q",
						reduced.Distinct, reduced.Generated, reduced.Depth, rule(reduced), distinct, generated, depth, broken)
				}
				s.NoReduction = true
				plain := Search(context.Background(), buildModel(t, m.Name, s), Options{Memory: 1 << 30})
				if rule(plain) != rule(reduced) || plain.Stopped != "" {
					t.Errorf("reduced %q, plain %q (%s)", rule(reduced), rule(plain), plain.Stopped)
				}
				t.Logf("%d states, plain %d", reduced.Distinct, plain.Distinct)
			})
		}
	}
}

func rule(r *Result) string {
	if r.Found == nil {
		return ""
	}
	return r.Found.Broken.Rule
}

// The normal form takes away what nobody will look at: whatever happens next comes out the same with it and
// without. Random walks of a machine that is never tidied, beside one that always is.
func TestNormalFormChangesNothing(t *testing.T) {
	slowUnderRace(t)
	for _, m := range Models() {
		for _, rel := range machine.Releases() {
			if rel < m.Since {
				continue
			}
			w := buildModel(t, m.Name, Setup{Release: rel, NoReduction: true})
			w.beyond = nil
			for seed := range uint64(4) {
				if err := beside(w, rand.New(rand.NewPCG(seed, 3)), 1500); err != nil {
					t.Errorf("%s on %s, seed %d: %v", m.Name, rel, seed, err)
					break
				}
			}
		}
	}
}

// Likewise where one rollover follows the other, with generations counted anew and with a bound.
func TestIDsOfOldGenerationsChangeNothing(t *testing.T) {
	slowUnderRace(t)
	for _, rel := range machine.Releases() {
		for _, bound := range []int{-1, 9} {
			m, err := FindModel("asid")
			if err != nil {
				t.Fatal(err)
			}
			if rel < m.Since {
				continue
			}
			w := buildModel(t, m.Name, Setup{Release: rel, NoReduction: true, Options: []string{"used-up"}, Actions: []string{"preempt", "exec", "munmap", "speculate"},
				Size: Size{Tasks: 4, MMs: 4, Generations: bound}})
			for seed := range uint64(6) {
				if err := beside(w, rand.New(rand.NewPCG(seed, 5)), 2000); err != nil {
					t.Errorf("%s, bound %d, seed %d: %v", rel, bound, seed, err)
					break
				}
			}
		}
	}
}

// chooseBeside has two walkers go on from where they stand, by one of the ways on that the first of them has, if any.
func chooseBeside(chooses, follows *walker, rng *rand.Rand) (a action, ok bool) {
	for _, k := range [...]*walker{chooses, follows} {
		k.listed = false
		k.from.CopyFrom(k.now)
	}
	n := chooses.Actions()
	if n == 0 {
		return a, false
	}
	return chooses.actions[rng.IntN(n)], true
}

func beside(w *World, rng *rand.Rand, steps int) error {
	tidy, raw := w.walker(), w.walker()
	tidy.Begin(0)
	for i := range steps {
		// The environment of an untidy machine may be held back by what counts upwards.
		a, ok := chooseBeside(tidy, raw, rng)
		if !ok {
			return nil
		}
		one, other := tidy.act(&a), raw.act(&a)
		if (one == nil) != (other == nil) {
			return fmt.Errorf("step %d: %+v with the normal form, %+v without", i, one, other)
		}
		if one != nil {
			return nil
		}
		tidy.normal.apply(tidy.now)
		look, want := raw.now.Clone(), tidy.now.Clone()
		raw.normal.apply(look)
		counted := !tidy.normal.between(look)
		withoutLocals(look, counted)
		withoutLocals(want, counted)
		if !look.Equal(want) {
			diff := ""
			machine.Diff(want, look, func(c machine.Change) { diff += c.String() + "; " })
			return fmt.Errorf("step %d: %s", i, diff)
		}
	}
	return nil
}

// withoutLocals leaves of each frame where it stands: a path that is called begins with a copy of its
// caller's locals, those that nobody reads among them. And while changes are under way their numbers, which
// frames hold, are left as they are: there one machine is ahead of the other.
func withoutLocals(s *machine.State, counted bool) {
	for t := range s.Tasks {
		stack := s.Stack(machine.TaskID(t))
		for i := range stack {
			stack[i] = machine.Frame{PC: stack[i].PC}
		}
	}
	if counted {
		return
	}
	for i := range s.TLBs {
		s.TLBs[i].Seen, s.TLBs[i].Walk = machine.Seen{}, machine.Seen{}
	}
	for i := range s.MMs {
		mm := &s.MMs[i]
		mm.Changes, mm.Tables, mm.Done, mm.TablesDone, mm.TLBGen = 0, 0, machine.Seen{}, machine.Seen{}, 0
	}
	for i := range s.CPUs {
		s.CPUs[i].CallGen, s.CPUs[i].CallChange, s.CPUs[i].CallTables = 0, 0, 0
	}
	for i := range s.X86 {
		for j := range s.X86[i].Ctxs {
			s.X86[i].Ctxs[j].TLBGen = 0
		}
	}
}

// between: some change is under way, or its generation in somebody's hands.
func (n *normal) between(s *machine.State) bool {
	for i := range s.MMs {
		if mm := &s.MMs[i]; mm.Done.Base != mm.Changes || mm.TablesDone.Base != mm.Tables {
			return true
		}
	}
	return n.gens != nil && n.inUse(s)
}
