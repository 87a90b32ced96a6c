package check

import (
	"context"
	"testing"

	"switchyard/internal/mutants"
	"switchyard/machine"
)

// A vfork parent sleeps until its child has left the address space, and is woken then: in every release, and not
// where one of the two lines that see to it is left out.
func TestVforkParentIsWoken(t *testing.T) {
	slowUnderRace(t)
	for _, c := range []struct {
		spoil *mutants.Mutation
		want  string
	}{
		{nil, ""},
		{&mutants.Mutation{Kind: "without", Path: "mm_release", Label: "try_to_wake_up"}, "L2"},
		{&mutants.Mutation{Kind: "without", Path: "wait_for_vfork_done", Label: "__set_current_state"}, "L1"},
	} {
		for _, rel := range machine.Releases() {
			s := Setup{Release: rel, Size: Size{CPUs: 1, Tasks: 3}, Actions: []string{"preempt", "vfork", "exit"}, spoil: c.spoil}
			r := Search(context.Background(), buildModel(t, "wakeup", s), Options{Liveness: true})
			if rule(r) != c.want || r.Stopped != "" {
				t.Errorf("%v on %s: %q %s, want %q", c.spoil, rel, rule(r), r.Stopped, c.want)
			}
		}
	}
}

// In 2.6.32 it is the lock of the run queue that keeps interrupts off while a child is queued.
func TestForkIsPreempted(t *testing.T) {
	slowUnderRace(t)
	for _, rel := range machine.Releases() {
		s := Setup{Release: rel, Size: Size{CPUs: 1, Tasks: 3}, Actions: []string{"preempt", "fork", "exit"}}
		if r := Search(context.Background(), buildModel(t, "context-switch", s), Options{Liveness: true}); r.Found != nil || r.Stopped != "" {
			t.Errorf("%s: %q %s", rel, rule(r), r.Stopped)
		}
	}
}
