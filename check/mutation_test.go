package check

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/mutants"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

var (
	mutateAll      = flag.Bool("mutations", false, "put every rule line, spoilt, through every model, and write the table of docs/check.md")
	mutationLine   = flag.String("mutation", "", "with -mutations, only lines that contain this; the table is not written")
	mutationMemory = flag.Int("mutation-memory", 16, "MiB for the states of one search for a mutation; eight times as many where only a port has the path")
)

// mutationTrial is a model at a size at which mutations are looked for.
type mutationTrial struct {
	column string // of the table
	model  string
	setup  Setup
	since  machine.Release // where the intact paths hold
}

var mutationTrials = []mutationTrial{
	{column: "context-switch", model: "context-switch", setup: Setup{Actions: []string{"preempt", "exec", "exit", "use"}}},
	{column: "context-switch", model: "context-switch", setup: Setup{Size: Size{Tasks: 3}, Actions: []string{"sleep", "fork", "exit", "outside"}}},
	{column: "context-switch", model: "context-switch", setup: Setup{Actions: []string{"sleep", "exit", "offline"}}},
	{column: "context-switch", model: "context-switch", setup: Setup{Size: Size{Tasks: 3, MMs: 1}, Actions: []string{"thread", "exit"}}},
	{column: "context-switch", model: "context-switch", setup: Setup{Lazy: machine.LazyShootdown, Actions: []string{"sleep", "exec", "exit", "use"}}},
	{column: "context-switch", model: "context-switch", setup: Setup{Actions: []string{"exec", "exit", "vmalloc"}}},
	{column: "wakeup", model: "wakeup", setup: Setup{}},
	{column: "wakeup", model: "wakeup", setup: Setup{Size: Size{CPUs: 1, Tasks: 3}, Actions: []string{"preempt", "vfork", "exit"}}},
	{column: "x86-tlb", model: "x86-tlb", setup: Setup{}},
	{column: "x86-tlb", model: "x86-tlb", setup: Setup{Size: Size{Tasks: 3, MMs: 2, Changes: 1}, Actions: []string{"sleep", "fork", "exit", "speculate"}}},
	{column: "asid", model: "asid", setup: Setup{Size: Size{Tasks: 3, MMs: 3, Generations: 3}, Actions: []string{"preempt", "exec", "munmap", "speculate"}, Options: []string{"used-up"}}, since: machine.V5_0},
	{column: "asid", model: "asid", setup: Setup{Size: Size{Tasks: 4, MMs: 4, Generations: 3}, Actions: []string{"preempt", "exec", "speculate"}, Options: []string{"used-up"}}, since: machine.V5_0},
	{column: "asid", model: "asid", setup: Setup{Size: Size{Tasks: 3, MMs: 3, ASIDs: 8}, Actions: []string{"preempt", "exec", "pin"}, Options: []string{"used-up"}}, since: machine.V6_1},
	{column: "membarrier", model: "membarrier", setup: Setup{Size: Size{MMs: 2}, Actions: []string{"sleep", "exec", "exit", "membarrier"}}},
	{column: "membarrier", model: "membarrier", setup: Setup{Arch: on(machine.ARM64), Size: Size{MMs: 2}, Actions: []string{"sleep", "exec", "exit", "membarrier"}}, since: machine.V6_1},
	{column: "fpsimd", model: "fpsimd", setup: Setup{Actions: []string{"preempt", "move", "neon", "exec"}}},
	{column: "fpsimd", model: "fpsimd", setup: Setup{Size: Size{MMs: 1}, Actions: []string{"preempt", "move", "neon", "signal", "thread"}}},
	{column: "fpsimd", model: "fpsimd", setup: Setup{Size: Size{CPUs: 1}, Actions: []string{"preempt", "neon", "signal", "fork", "exec"}}},
	{column: "fpsimd", model: "fpsimd", setup: Setup{Size: Size{MMs: 1}, Actions: []string{"preempt", "syscall", "thread", "exit"}}},
	{column: "fpsimd", model: "fpsimd", setup: Setup{Size: Size{CPUs: 1, MMs: 1}, Actions: []string{"preempt", "syscall", "signal", "thread"}}},
	{column: "kpti", model: "kpti", setup: Setup{}},
	{column: "kpti", model: "kpti", setup: Setup{Options: []string{"no-pan"}}},
}

// How a trial ends: a rule, or one of these.
const (
	noLine  = ""          // the model has no such line
	holds   = "holds"     // everything was seen
	tooLong = "not found" // within the memory
)

// try puts a mutation through a model, in the newest release that has the line.
func (tr *mutationTrial) try(t *testing.T, m mutants.Mutation) string {
	model, err := FindModel(tr.model)
	if err != nil {
		t.Fatal(err)
	}
	for _, rel := range slices.Backward(machine.Releases()) {
		s := tr.setup
		s.Release, s.spoil = rel, &m
		w, err := model.Build(s)
		if err != nil {
			continue
		}
		if rel < tr.since {
			return noLine
		}
		memory := int64(*mutationMemory) << 20
		if portOnly(m.Path) {
			memory *= 8
		}
		r := Search(context.Background(), w, Options{Memory: memory, Liveness: true})
		switch {
		case r.Found != nil:
			return r.Found.Broken.Rule
		case r.Stopped != "":
			return tooLong
		}
		return holds
	}
	return noLine
}

// portOnly: the path is a port's own, so few models can find what is wrong with it.
func portOnly(path string) bool {
	return !slices.ContainsFunc(kernel.Paths(), func(p *step.Path) bool { return p.Name == path })
}

// intact sees that nothing is found where nothing is wrong, in the memory that a mutation gets.
func (tr *mutationTrial) intact(t *testing.T) {
	for _, rel := range machine.Releases() {
		if model, err := FindModel(tr.model); err != nil || rel < max(model.Since, tr.since) || rel < machine.V6_12 && tr.setup.Lazy != machine.LazyRefcount {
			continue
		}
		s := tr.setup
		s.Release = rel
		if r := Search(context.Background(), buildModel(t, tr.model, s), Options{Memory: int64(*mutationMemory) << 20}); r.Found != nil {
			t.Fatalf("%s on %s, %v: %s with intact paths: %s", tr.model, rel, s.Actions, r.Found.Broken.Rule, r.Found.Broken.Detail)
		}
	}
}

// TestMutations puts the rule lines, spoilt one at a time, through the models.
func TestMutations(t *testing.T) {
	slowUnderRace(t)
	if !*mutateAll {
		t.Skip("takes minutes: -mutations")
	}
	var columns []string
	for _, tr := range mutationTrials {
		if *mutationLine == "" {
			tr.intact(t)
		}
		if !slices.Contains(columns, tr.column) {
			columns = append(columns, tr.column)
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| line | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	lines := slices.DeleteFunc(slices.Concat(mutants.RuleLines, mutants.ARM64Lines), func(m mutants.Mutation) bool {
		return !strings.Contains(m.String(), *mutationLine)
	})
	kills, killed := make([]int, len(columns)), 0
	for _, m := range lines {
		found := make([]string, len(columns))
		for i := range mutationTrials {
			tr := &mutationTrials[i]
			at := &found[slices.Index(columns, tr.column)]
			if isRule(*at) {
				continue
			}
			if end := tr.try(t, m); end != noLine && (*at == noLine || isRule(end) || end == tooLong) {
				*at = end
			}
		}
		by := 0
		for i, f := range found {
			if isRule(f) {
				by++
				kills[i]++
			}
		}
		if by > 0 {
			killed++
		}
		fmt.Fprintf(&table, "| %s `%s`: `%s` | %s |\n", m.Kind, m.Path, m.Label, strings.Join(found, " | "))
		fmt.Printf("%v: %s\n", m, strings.Join(found, " | "))
	}
	if *mutationLine != "" {
		t.Logf("%d of %d killed", killed, len(lines))
		return
	}
	fmt.Fprintf(&table, "| **%d of %d killed** ", killed, len(lines))
	for _, n := range kills {
		fmt.Fprintf(&table, "| **%d** ", n)
	}
	table.WriteString("|\n")
	writeTable(t, "mutations", table.String())
}

func isRule(end string) bool { return end != noLine && end != holds && end != tooLong }
