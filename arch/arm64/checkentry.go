package arm64

import "switchyard/machine"

// checkEntryCode looks at what the hardware could walk and cache at this instant: a TLB may hold what was
// once within its reach for as long as it likes.
func checkEntryCode(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	a := &s.ARM64[cpu]
	odd := a.HWASID&userASID != 0
	switch {
	case !a.EL0:
	case !a.Tramp:
		report("I28", "user mode runs with the kernel's page tables in TTBR1")
	case !odd:
		report("I28", "user mode runs under the ASID of the kernel, with which kernel pages are tagged")
	case a.KernelGlobal:
		report("I28", "user mode finds a kernel page in the TLB that is there for every ASID")
	}
	if !a.EL0 && (odd || a.Tramp) {
		report("I29", "the kernel runs under the ASID of user mode, or without its page tables")
	}
	if a.KernelGlobal {
		report("I30", "the TLB holds a kernel page as a global one")
	}
	if !s.Config.PAN || a.EL0 || a.UserAccess {
		return
	}
	if s.CPUs[cpu].Root != machine.NoMM {
		report("I31", "the kernel runs with a user root in TTBR0 and no access under way")
	}
	if e := s.Cached(tlbOf(s, cpu), a.HWASID); e != nil {
		report("I31", "the TLB holds user pages under the reserved ASID")
	}
}
