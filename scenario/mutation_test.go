package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchyard/arch"
	"switchyard/internal/mutants"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/scenario"
	"switchyard/step"
)

var mutateAll = flag.Bool("mutate-all", false, "spoil every line of every path, not only the rule lines that are listed")

// shapes are the machines whose paths are looked through for lines.
func shapes() []machine.Config {
	var all []machine.Config
	for _, rel := range machine.Releases() {
		for _, a := range []machine.Arch{machine.Classic, machine.X86, machine.ARM64} {
			for _, lazy := range []machine.LazyMode{machine.LazyRefcount, machine.LazyShootdown} {
				c := machine.Config{Release: rel, Arch: a, Lazy: lazy, CPUs: 2, Tasks: 8, MMs: 8, ASIDBits: 8, PCID: a == machine.X86 && rel >= machine.V5_0}
				if c.Validate() == nil {
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// everyLine lists each step, call and condition of each path once.
func everyLine(t *testing.T) []mutants.Mutation {
	var all []mutants.Mutation
	seen := map[mutants.Mutation]bool{}
	for _, c := range shapes() {
		prog, err := kernel.Link(&c, arch.Port(c.Arch))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range prog.Paths() {
			for _, l := range p.Lines() {
				m := mutants.Mutation{Kind: "without", Path: p.Name, Label: l.Label}
				if l.Kind == step.LineIf || l.Kind == step.LineWhile {
					m.Kind = "negate"
				}
				if _, err := m.Apply(prog); err == nil && !seen[m] {
					seen[m] = true
					all = append(all, m)
				}
			}
		}
	}
	return all
}

// trial is a scenario that a mutant is put through.
type trial struct {
	name string
	src  []byte
}

func trials(t *testing.T) []trial {
	var all []trial
	for _, pattern := range []string{"testdata/traces/*.star", "../scenarios/*.star"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, trial{filepath.Base(file), src})
		}
	}
	choices := make([]byte, 150)
	for i := range choices {
		choices[i] = byte(i * 37 >> 1)
	}
	for i, on := range randomMachines {
		all = append(all, trial{fmt.Sprintf("random %d", i), randomScenario(t, on, choices)})
	}
	return all
}

// caughtBy says which trial notices the mutation; reached is whether any machine had the line.
func caughtBy(m mutants.Mutation, all []trial) (by string, reached bool) {
	for _, tr := range all {
		opts := scenario.Options{Mutate: func(p *step.Program) (*step.Program, error) {
			spoilt, err := m.Apply(p)
			if err != nil {
				return p, nil
			}
			reached = true
			return spoilt, nil
		}}
		if _, err := scenario.Run(tr.name, tr.src, opts); err != nil {
			return tr.name, true
		}
	}
	return "", reached
}

// TestMutationsAreCaught spoils one line after the other and sees whether the scenarios and traces notice.
func TestMutationsAreCaught(t *testing.T) {
	list := mutants.RuleLines
	switch {
	case *mutateAll:
		list = everyLine(t)
	case raceDetector || testing.Short():
		list = mutants.RuleLines[:8]
	}
	all := trials(t)
	missed := make([]string, len(list))
	var wait sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wait.Go(func() {
			for i := range next {
				switch by, reached := caughtBy(list[i], all); {
				case !reached:
					missed[i] = list[i].String() + " (no machine has this line)"
				case by == "":
					missed[i] = list[i].String()
				}
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	wait.Wait()
	missed = slices.DeleteFunc(missed, func(s string) bool { return s == "" })
	t.Logf("%d of %d mutations caught", len(list)-len(missed), len(list))
	if len(missed) == 0 {
		return
	}
	report := "not caught:\n  " + strings.Join(missed, "\n  ")
	if *mutateAll {
		t.Log(report)
		return
	}
	t.Error(report)
}
