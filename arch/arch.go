// Package arch lists the ports.
package arch

import (
	"switchyard/arch/arm64"
	"switchyard/arch/classic"
	"switchyard/arch/x86"
	"switchyard/kernel"
	"switchyard/machine"
)

// Port returns the port of an architecture.
func Port(a machine.Arch) kernel.Port {
	switch a {
	case machine.X86:
		return x86.Port{}
	case machine.Classic:
		return classic.Port{}
	}
	return arm64.Port{}
}

// Speculate is what the hardware of a CPU may do between any two steps: walk the user root that is loaded
// and cache what it finds. The classic port's TLB is filled by user code alone.
func Speculate(s *machine.State, cpu machine.CPUID) bool {
	switch s.Config.Arch {
	case machine.X86:
		return x86.Speculate(s, cpu)
	case machine.ARM64:
		return arm64.Speculate(s, cpu)
	}
	return false
}
