package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

// With registers on, addresses name things: that of a task_struct its task, a stack pointer the kernel
// stack that it is on, and a link register the step at which a task goes on. The register switch knows
// addresses only, and what it makes of them is what the machine does.

func withRegisters(c *machine.Config) bool { return c.Registers }

func regs(c *step.Ctx) *machine.ARM64Registers { return &c.S.ARM64Regs[c.CPU] }

func thread(c *step.Ctx, t machine.TaskID) *machine.ARM64Thread { return &c.S.ARM64Threads[t] }

// TaskAddress is where t's task_struct is.
func TaskAddress(t machine.TaskID) uint64 {
	return machine.ARM64TaskBase + uint64(t)<<machine.ARM64TaskShift
}

// taskAt is the task whose task_struct begins at addr, or NoTask.
func taskAt(s *machine.State, addr uint64) machine.TaskID {
	t := machine.TaskID((addr - machine.ARM64TaskBase) >> machine.ARM64TaskShift)
	if t < 0 || int(t) >= len(s.Tasks) || TaskAddress(t) != addr {
		return machine.NoTask
	}
	return t
}

// userFrame is where pt_regs begins at the top of t's kernel stack (task_pt_regs).
func userFrame(t machine.TaskID) uint64 {
	return machine.ARM64StackBase + uint64(t+1)<<machine.ARM64StackShift - machine.ARM64PtRegsSize
}

// frameBytes is what a function's frame takes of a kernel stack: in this model all take the same.
const frameBytes = 0x30

// stackPointer is where the stack pointer of t is with that many frames on its stack.
func stackPointer(t machine.TaskID, depth uint8) uint64 {
	return userFrame(t) - frameBytes*uint64(depth)
}

// stackAt is the task whose kernel stack an address is on, or NoTask.
func stackAt(s *machine.State, addr uint64) machine.TaskID {
	t := (addr - machine.ARM64StackBase) >> machine.ARM64StackShift
	if addr < machine.ARM64StackBase || t >= uint64(len(s.Tasks)) {
		return machine.NoTask
	}
	return machine.TaskID(t)
}

// textAddress is the address of a step of the program, and textPC the step at an address: 0 is none.
func textAddress(pc uint32) uint64 { return machine.ARM64TextBase + 4*uint64(pc) }

func textPC(addr uint64) uint64 {
	if addr < machine.ARM64TextBase || addr%4 != 0 {
		return 0
	}
	return (addr - machine.ARM64TextBase) / 4
}

// switchAddress is where cpu_switch_to is, and threadFunction what kernel threads run.
const (
	switchAddress  = machine.ARM64TextBase - 0x1000
	threadFunction = machine.ARM64TextBase - 0x2000
)

// perCPUShift is how far apart the per-CPU areas of two CPUs are.
const perCPUShift = 16

// ofKernelFP marks what the kernel computes with vector instructions.
const ofKernelFP = 0x6b66

// resetRegisters is what boot code leaves: each CPU in its idle task.
func resetRegisters(s *machine.State) {
	for i := range s.ARM64 {
		idle := s.CPUs[i].Idle
		if withVectors(&s.Config) {
			s.Tasks[idle].Flags |= machine.TIFForeignFPState
		}
		if !s.Config.Registers {
			continue
		}
		r := &s.ARM64Regs[i]
		r.SP, r.EntryTask, r.TPIDREL1 = stackPointer(idle, 0), TaskAddress(idle), uint64(i)<<perCPUShift
		if s.Config.Release >= machine.V5_0 {
			r.SPEL0 = TaskAddress(idle)
		}
	}
}
