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
