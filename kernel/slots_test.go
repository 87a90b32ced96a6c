package kernel_test

import (
	"testing"

	"switchyard/arch/classic"
	"switchyard/kernel"
	"switchyard/machine"
)

// Tasks and address spaces that are gone leave their slots to others.
func TestSlotsAreUsedAgain(t *testing.T) {
	for _, rel := range machine.Releases() {
		m, err := kernel.Boot(machine.Config{Release: rel, CPUs: 1, Tasks: 4, MMs: 4}, classic.Port{})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			task, err := m.Spawn(0, 0)
			if err != nil {
				t.Fatalf("%s: %v", rel, err)
			}
			if err := m.Switch(0, task, false); err != nil {
				t.Fatal(err)
			}
			if err := m.Exit(0, 0); err != nil {
				t.Fatal(err)
			}
			if err := m.Reap(0, task); err != nil {
				t.Fatal(err)
			}
			// Leave the dead one's address space, so that it can go.
			k, err := m.Spawn(0, 0)
			if err != nil {
				t.Fatalf("%s: %v", rel, err)
			}
			for _, step := range []error{m.Switch(0, k, false), m.Exit(0, 0), m.Reap(0, k)} {
				if step != nil {
					t.Fatal(step)
				}
			}
		}
		if len(m.Violations) > 0 {
			t.Fatalf("%s: %+v", rel, m.Violations[0])
		}
	}
}
