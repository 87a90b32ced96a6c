package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// Port is an architecture: the paths that the generic ones call, and what its hardware needs at boot.
//
// Its paths must include, for every release that it supports, with the locals that they are given:
//
//	init_new_context      MM: a new address space
//	destroy_context       MM: one whose root was just freed
//	enter_lazy_tlb        MM: what is borrowed; Next: the task that borrows
//	switch_mm_irqs_off    OldMM, MM, Next: from, to, for whom (switch_mm up to 4.6)
//	activate_mm           OldMM, MM
//	__switch_to           Prev, Next: all of it but the step that moves the stack
//	flush_tlb_mm_range    MM, N: pages; Val, Val2: the change's numbers. Returns when no CPU
//	                      that may use the old translations is left
//	flush_tlb_func        the cross-CPU half of it: CPU is who asks
//	arch_exit_to_user_mode  what is left to do before user code runs
//	user_access           user code runs: the TLB fills, stale or alien entries are found out
//	load_init_mm          hardware leaves user address spaces: init_mm or a reserved root is loaded
//	cpu_bringup           a CPU comes up, on init_mm
type Port interface {
	Arch() machine.Arch
	Paths() []*step.Path
	// TLBSlots says how many entries the TLB model of a CPU needs to tell all tags apart.
	TLBSlots(*machine.Config) int
	// Reset gives a new machine what this architecture's hardware and boot code begin with.
	Reset(*machine.State)
}
