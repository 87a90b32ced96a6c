package invariant

import (
	"switchyard/arch/classic"
	"switchyard/machine"
)

// The ports report for the CPU that they are asked about.

func checkPortCPU(s *machine.State, cpu machine.CPUID, report Report) {
	here := func(rule, detail string) { report(rule, cpu, detail) }
	switch s.Config.Arch {
	case machine.Classic:
		classic.CheckCPU(s, cpu, here)
	}
}

// checkPortAmid is what a port can say of a CPU in the middle of a path.
func checkPortAmid(s *machine.State, cpu machine.CPUID, report Report) {
}

func checkPortAll(s *machine.State, report Report) {
}
