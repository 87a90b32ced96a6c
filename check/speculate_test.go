package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"switchyard/machine"
)

// A machine whose hardware walks at once, beside one whose hardware walks when it likes: nothing differs but the TLBs,
// and there the first has all that the second has, as old or older. So whatever rule the second breaks the first breaks
// too, and not later.
func TestWalkingAtOnceHidesNothing(t *testing.T) {
	slowUnderRace(t)
	besides := func(model string, s Setup) {
		t.Helper()
		s.NoReduction = true
		w := buildModel(t, model, s)
		for seed := range uint64(12) {
			if err := walkBeside(w, rand.New(rand.NewPCG(seed, 7)), 800); err != nil {
				t.Errorf("%s %+v, seed %d: %v", model, s, seed, err)
				return
			}
		}
	}
	for _, rel := range machine.Releases() {
		for _, options := range [][]string{nil, {"no-pcid"}, {"pti"}} {
			if rel < machine.V5_0 && options != nil && options[0] == "pti" {
				continue
			}
			besides("x86-tlb", Setup{Release: rel, Options: options, Actions: []string{"preempt", "exec", "exit", "munmap", "munmap-all", "free-tables", "speculate"}})
		}
		if rel < machine.V4_4 {
			continue
		}
		for _, options := range [][]string{{"used-up"}, {"cnp"}, {"kpti"}} {
			if rel < machine.V5_0 && options[0] != "used-up" {
				continue
			}
			besides("asid", Setup{Release: rel, Options: options, Actions: []string{"preempt", "exec", "munmap", "speculate"}, Size: Size{Generations: 9}})
		}
	}
	for _, b := range Breaks() {
		if m := b.Model; m != "x86-tlb" && m != "asid" && m != "kpti" {
			continue
		}
		s := Setup{Break: b.Name}
		b.Apply(&s, false)
		if s.Actions != nil && !slices.Contains(s.Actions, "speculate") {
			s.Actions = append(slices.Clone(s.Actions), "speculate")
		}
		besides(b.Model, s)
	}
}

func walkBeside(w *World, rng *rand.Rand, steps int) error {
	now := *w
	now.eager = true
	later, atOnce := w.walker(), now.walker()
	later.Begin(0)
	atOnce.Begin(0)
	for i := range steps {
		a, ok := chooseBeside(later, atOnce, rng)
		if !ok {
			return nil
		}
		two := later.act(&a)
		one := (*Broken)(nil)
		if a.do != fillTLB {
			one = atOnce.act(&a)
		}
		if one == nil {
			one = atOnce.Check()
		}
		if two == nil {
			two = later.Check()
		}
		if one != nil || two != nil {
			if one == nil {
				return fmt.Errorf("step %d breaks %s only where the hardware takes its time", i, two.Rule)
			}
			return nil
		}
		if err := covered(atOnce.now, later.now); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// covered: the first machine is in the state of the second but for TLBs, which have at least the same in them.
func covered(all, some *machine.State) error {
	for i := range some.TLBs {
		e, o := &some.TLBs[i], &all.TLBs[i]
		switch {
		case e.Owner == 0 || o.Owner == machine.SeveralOwners && o.Tag == e.Tag:
		case o.Owner != e.Owner || o.Tag != e.Tag:
			return fmt.Errorf("TLB entry %d is %+v in the one and %+v in the other", i, *o, *e)
		case !e.Seen.Covers(o.Seen) || !e.Walk.Covers(o.Walk):
			return fmt.Errorf("TLB entry %d has seen more where it was walked at once: %+v, %+v", i, *o, *e)
		}
	}
	bare := all.Clone()
	copy(bare.TLBs, some.TLBs)
	if !bare.Equal(some) {
		diff := ""
		machine.Diff(some, bare, func(c machine.Change) { diff += c.String() + "; " })
		return fmt.Errorf("more than TLBs differ: %s", diff)
	}
	return nil
}
