package check

import (
	"context"
	"testing"

	"switchyard/machine"
)

// What the defaults of fpsimd leave out holds as well: signals, and the task_struct of a dead task.
func TestVectorsBesideTheDefault(t *testing.T) {
	slowUnderRace(t)
	if testing.Short() || raceDetector {
		t.Skip("takes seconds")
	}
	for _, s := range []Setup{
		{Size: Size{MMs: 1}, Actions: []string{"preempt", "move", "neon", "signal", "thread"}},
		{Actions: []string{"preempt", "syscall", "thread", "exit"}},
		{Size: Size{CPUs: 1}, Actions: []string{"preempt", "neon", "signal", "fork", "exec"}},
	} {
		for _, rel := range []machine.Release{machine.V4_4, machine.V6_1, machine.V6_12, machine.Newest} {
			s.Release = rel
			r := Search(context.Background(), buildModel(t, "fpsimd", s), Options{Memory: 1 << 30})
			if r.Found != nil || r.Stopped != "" {
				t.Errorf("%v on %s: %q %s", s.Actions, rel, rule(r), r.Stopped)
			}
			t.Logf("%v on %s: %d states", s.Actions, rel, r.Distinct)
		}
	}
}

// Values are called after who must find them, whatever they were called before: a child that waits for its
// parent's is found under one name, and what nobody waits for is one value.
func TestVectorNames(t *testing.T) {
	slowUnderRace(t)
	w := buildModel(t, "fpsimd", Setup{Release: machine.Newest, NoReduction: true})
	s := w.begin[0].Clone()
	for i := range s.ARM64FPThreads {
		s.ARM64FPThreads[i] = machine.ARM64FPThread{}
	}
	parent, child := &s.ARM64FPThreads[2], &s.ARM64FPThreads[3]
	parent.Left[0], child.Left[0], child.FP[0], parent.FP[0] = 77, 77, 77, 5
	s.ARM64Vectors[0].V[0], s.ARM64Vectors[1].V[0] = 6, 0
	nameVectors(s)
	if parent.Left != child.Left || child.FP != child.Left || parent.Left[0] == 77 {
		t.Errorf("parent %+v, child %+v", parent, child)
	}
	if parent.FP[0] != strange || s.ARM64Vectors[0].V[0] != strange || s.ARM64Vectors[1].V[0] != 0 {
		t.Errorf("values that nobody waits for: %#x, %#x, %#x", parent.FP[0], s.ARM64Vectors[0].V[0], s.ARM64Vectors[1].V[0])
	}
	again := s.Clone()
	nameVectors(again)
	if !again.Equal(s) {
		t.Error("names change when they are given again")
	}
}

// What a machine's paths know nothing of cannot happen on it: that is said, and nothing panics.
func TestActionsNeedTheirPaths(t *testing.T) {
	for _, c := range []struct {
		model, action string
		release       machine.Release
	}{
		{"asid", "neon", machine.Newest}, {"context-switch", "signal", machine.Newest}, {"x86-tlb", "syscall", machine.Newest},
		{"fpsimd", "kernel", machine.Newest}, {"asid", "pin", machine.V4_4}, {"context-switch", "membarrier", machine.V4_4},
	} {
		m, err := FindModel(c.model)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Build(Setup{Release: c.release, Actions: []string{c.action}}); err == nil {
			t.Errorf("%s on %s takes the action %s", c.model, c.release, c.action)
		}
	}
}
