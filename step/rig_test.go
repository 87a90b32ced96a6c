package step

import (
	"slices"
	"testing"

	"switchyard/machine"
)

// notes are the labels of the steps that ran.
type notes []string

// do is a step that notes that it ran.
func (n *notes) do(label string) Node { return n.and(label, func(*Ctx) {}) }

func (n *notes) and(label string, do func(*Ctx)) Node {
	return Do(label, "", func(c *Ctx) {
		*n = append(*n, label)
		do(c)
	})
}

// rig runs small tables on a small machine.
type rig struct {
	*Exec
	*notes
	t *testing.T
}

var testConfig = machine.Config{Release: machine.Newest, Arch: machine.Classic, CPUs: 2, Tasks: 4, MMs: 1}

func newRig(t *testing.T, n *notes, paths ...*Path) *rig {
	t.Helper()
	s, err := machine.New(testConfig)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Link(&s.Config, paths)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.CPUs {
		s.CPUs[i].Stack = machine.TaskID(i)
	}
	return &rig{Exec: NewExec(p, s), notes: n, t: t}
}

// both runs a path on cpu 0 in straight line and again in single steps, and wants the same of both.
func (r *rig) both(path string, args machine.Frame, want ...string) {
	r.t.Helper()
	start := r.S.Clone()
	r.Begin(0, path, args)
	r.Run(0)
	r.wantRan("straight line", want)
	straight := r.S
	r.S = start
	r.Begin(0, path, args)
	r.stepOut(0)
	r.wantRan("single steps", want)
	machine.Diff(straight, r.S, func(c machine.Change) { r.t.Errorf("straight line and single steps differ: %s", c) })
}

func (r *rig) stepOut(cpu machine.CPUID) {
	for n := r.Outcomes(cpu); n > 0; n = r.Outcomes(cpu) {
		r.Step(cpu, 0)
	}
}

func (r *rig) wantRan(how string, want []string) {
	r.t.Helper()
	if !slices.Equal(*r.notes, want) {
		r.t.Errorf("%s ran %q, want %q", how, *r.notes, want)
	}
	*r.notes = nil
}
