// Package classic is the oldest way to do it: one page-table root for user and kernel, no address-space
// identifiers, so that every load of a root empties the TLB of user entries. i386 works like this; so
// does x86-64 without PCID, and arm without LPAE but for its identifiers.
//
// Each root carries a copy of the kernel's top-level entries. That is why a kernel task needs somebody's
// root, and why borrowing one costs nothing.
//
// In later releases the protocol stays that of i386 in 4.4. i386 itself has shared x86-64's generations
// since 4.14, without PCID: for that, build an x86-64 machine with PCID off.
package classic

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

// Port is the classic architecture.
type Port struct{}

func (Port) Arch() machine.Arch { return machine.Classic }

// TLBSlots is 1: without identifiers all entries belong to the loaded root.
func (Port) TLBSlots(*machine.Config) int { return 1 }

// Reset puts every CPU on swapper_pg_dir.
func (Port) Reset(s *machine.State) {
	s.Global.KernelEntries = 1
	s.MMs[machine.InitMM].KernelSync = 1
	for i := range s.CPUs {
		s.CPUs[i].Root = machine.InitMM
	}
}

func (Port) Paths() []*step.Path {
	return slices.Concat(switchPaths, flushPaths, kernelHalfPaths)
}
