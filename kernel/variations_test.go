package kernel_test

import (
	"testing"

	"switchyard/arch/classic"
	"switchyard/kernel"
	"switchyard/machine"
)

// Every variation can be linked wherever it says that it holds, and in at least one release.
func TestVariationsLink(t *testing.T) {
	port := classic.Port{}
	for _, v := range kernel.VariationsOf(port) {
		holds := false
		for _, rel := range machine.Releases() {
			c := machine.Config{Release: rel, Arch: machine.Classic, CPUs: 1, Tasks: 4, MMs: 4}
			if !v.Holds(&c) {
				continue
			}
			holds = true
			paths, err := v.Paths(&c, port)
			if err != nil {
				t.Error(err)
				continue
			}
			if _, err := kernel.Boot(c, port, paths...); err != nil {
				t.Errorf("%s on %s: %v", v.Name, rel, err)
			}
		}
		if !holds {
			t.Errorf("%s holds nowhere", v.Name)
		}
		if v.What == "" || v.Breaks == "" {
			t.Errorf("%s does not say what it is", v.Name)
		}
	}
}
