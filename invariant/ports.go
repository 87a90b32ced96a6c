package invariant

import (
	"switchyard/arch/arm64"
	"switchyard/arch/classic"
	"switchyard/arch/x86"
	"switchyard/machine"
)

// checkPortCPU asks the port about a CPU that runs no kernel path.
func checkPortCPU(s *machine.State, cpu machine.CPUID, report Report) {
	here := func(rule, detail string) { report(rule, cpu, detail) }
	switch s.Config.Arch {
	case machine.Classic:
		classic.CheckCPU(s, cpu, here)
	case machine.X86:
		x86.CheckCPU(s, cpu, here)
	case machine.ARM64:
		arm64.CheckCPU(s, cpu, here)
	}
}

// checkPortAmid asks the port about a CPU in the middle of a path.
func checkPortAmid(s *machine.State, cpu machine.CPUID, report Report) {
	here := func(rule, detail string) { report(rule, cpu, detail) }
	switch s.Config.Arch {
	case machine.X86:
		x86.CheckCPU(s, cpu, here)
	case machine.ARM64:
		arm64.CheckCPU(s, cpu, here)
	}
}

// checkPortAll asks the port about what concerns no single CPU.
func checkPortAll(s *machine.State, report Report) {
	if s.Config.Arch == machine.ARM64 {
		arm64.CheckAll(s, func(rule, detail string) { report(rule, machine.NoCPU, detail) })
	}
}
