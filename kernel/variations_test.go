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
		for _, c := range shapes() {
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
				t.Errorf("%s on %s, lazy = %s: %v", v.Name, c.Release, c.Lazy, err)
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

// shapes are the machines whose paths differ.
func shapes() []machine.Config {
	var all []machine.Config
	for _, rel := range machine.Releases() {
		for _, lazy := range []machine.LazyMode{machine.LazyRefcount, machine.LazyShootdown} {
			c := machine.Config{Release: rel, Arch: machine.Classic, Lazy: lazy, CPUs: 1, Tasks: 4, MMs: 4}
			if c.Validate() == nil {
				all = append(all, c)
			}
		}
	}
	return all
}
