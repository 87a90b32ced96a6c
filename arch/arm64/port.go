// Package arm64 is the arm64 port: a kernel root that is always in TTBR1, a user root in TTBR0, and
// address-space identifiers (ASIDs) that tell TLB entries apart, so that a switch writes a root and
// flushes nothing. ASIDs are handed out until there are none left; then all are taken back at once
// (a rollover), but for those that some CPU still runs on.
//
// What the machine's registers mean here: CPU.Root is whose root TTBR0 holds, machine.NoMM for the
// reserved one; ARM64CPU.HWASID is the ASID field that the hardware tags entries with (TTBR0's in
// 4.4, TTBR1's since). With software PAN the kernel runs on the reserved root, and what a task would
// get on its way to user mode stands in Task.SavedMM and Task.SavedTag.
package arm64

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

// Port is the arm64 architecture.
type Port struct{}

func (Port) Arch() machine.Arch { return machine.ARM64 }

// maxTLBSlots bounds the TLB model of machines with 16-bit ASIDs: about what a real second-level TLB
// has. ASIDs that are this far apart evict each other, which hides no entry that is in use.
const maxTLBSlots = 1024

// TLBSlots is one for each ASID, as far as that is sensible.
func (Port) TLBSlots(c *machine.Config) int { return min(1<<c.ASIDBits, maxTLBSlots) }

// Reset is asids_init and what boot code leaves in the registers: the reserved root, ASID 0.
func (Port) Reset(s *machine.State) {
	s.Global.ASIDGeneration = FirstVersion(&s.Config)
	s.Global.ASIDNext = 1
	if s.Config.KPTI && s.Config.Release >= machine.V6_1 {
		markOdd(s.PinnedMap, 1<<s.Config.ASIDBits)
		markOdd(s.ASIDMap, 1<<s.Config.ASIDBits)
	}
	for i := range s.CPUs {
		s.CPUs[i].Root = machine.NoMM
		s.ARM64[i].FPOwner = machine.NoTask
	}
	resetRegisters(s)
}

// FirstVersion is ASID_FIRST_VERSION: where the generation of ASIDs begins, and its step.
func FirstVersion(c *machine.Config) uint64 {
	if c.Release < machine.V6_1 {
		return 1 << c.ASIDBits
	}
	return wideStep
}

// markOdd is set_kpti_asid_bits: the odd number of each pair is the user's and never handed out by itself.
func markOdd(m []uint64, n int) {
	for i := 1; i < n; i += 2 {
		m[i>>6] |= 1 << (i & 63)
	}
}

func (Port) Paths() []*step.Path {
	return slices.Concat(switchPaths, lazyPaths, contextPaths, asidPaths, pinnedPaths, tlbiPaths, userPaths, switchToPaths,
		threadSwitchPaths, cpuSwitchToPaths, fpsimdPaths, neonPaths, userRegisterPaths, userVectorPaths, signalPaths, entryPaths)
}
