// Package x86 is x86-64: CR3 and its process-context identifiers, cpu_tlbstate, the generation counter
// that tells a CPU what its TLB missed, lazy mode, flush interrupts and page-table isolation.
//
// Three ways to treat a CPU that only borrows what it has loaded follow each other. Up to 4.13 flush
// interrupts still reach it, and the first one makes it leave the address space (leave_mm). From 4.14
// to 4.19 a CPU with identifiers does not borrow at all: it goes to init_mm at once (LazyUntil419).
// Since 4.20 it stays, flushes skip it, and it compares generations when it comes back.
package x86

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

// Port is x86-64.
type Port struct{}

func (Port) Arch() machine.Arch { return machine.X86 }

// TLBSlots is the number of tags: one without identifiers, else the reserved 0 and one a slot, and
// with page-table isolation as many again for the user halves.
func (Port) TLBSlots(c *machine.Config) int {
	switch {
	case !c.PCID:
		return 1
	case c.PTI:
		return 1 + 2*machine.X86Slots
	}
	return 1 + machine.X86Slots
}

// Reset leaves every CPU as the boot code does: on init_mm, which holds slot 0. Up to 4.13 the state
// is then neither OK nor LAZY, which all that looks at it takes for LAZY.
func (Port) Reset(s *machine.State) {
	resetRegisters(s)
	for i := range s.X86 {
		t := &s.X86[i]
		*t = machine.X86CPU{LoadedMM: machine.InitMM, LastUserMM: machine.NoMM}
		if s.Config.Release < machine.V5_0 {
			t.Lazy = true
			continue
		}
		initTLBState(s, t)
	}
}

// Paths returns the paths of every release.
func (Port) Paths() []*step.Path {
	return slices.Concat(contextPaths, beforePCIDPaths, switchMMPaths, lazyPaths, flushPaths, ptiPaths, switchToPaths, switchToAsmPaths, userRegisterPaths, userPaths)
}

// tlb is this CPU's cpu_tlbstate.
func tlb(c *step.Ctx) *machine.X86CPU { return &c.S.X86[c.CPU] }

// maskBit tells whether this CPU is in mm_cpumask(m). Only the CPU itself changes its bit.
func maskBit(c *step.Ctx, m machine.MMID) bool { return c.S.MMCPUMask(m).Has(c.CPU) }

func flushAll(pages int32) bool { return pages == machine.FlushAll }
