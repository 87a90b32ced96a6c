package x86

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// With registers on, addresses name things: that of a task_struct its task, a stack pointer the kernel
// stack that it is on, and a return address the step at which a task goes on. The register switch knows
// addresses only, and what it makes of them is what the machine does.

func withRegisters(c *machine.Config) bool    { return c.Registers }
func withoutRegisters(c *machine.Config) bool { return !c.Registers }

func regs(c *step.Ctx) *machine.X86Registers { return &c.S.X86Regs[c.CPU] }

func percpu(c *step.Ctx) *machine.X86PerCPU { return &c.S.X86PerCPUs[c.CPU] }

func thread(c *step.Ctx, t machine.TaskID) *machine.X86Thread { return &c.S.X86Threads[t] }

// TaskAddress is where t's task_struct is.
func TaskAddress(t machine.TaskID) uint64 {
	return machine.X86TaskBase + uint64(t)<<machine.X86TaskShift
}

// taskAt is the task whose task_struct begins at addr, or NoTask.
func taskAt(s *machine.State, addr uint64) machine.TaskID {
	t := machine.TaskID((addr - machine.X86TaskBase) >> machine.X86TaskShift)
	if t < 0 || int(t) >= len(s.Tasks) || TaskAddress(t) != addr {
		return machine.NoTask
	}
	return t
}

// stackEnd is task_top_of_stack: behind pt_regs.
func stackEnd(t machine.TaskID) uint64 {
	return machine.X86StackBase + uint64(t+1)<<machine.X86StackShift
}

// userFrame is where pt_regs begins (task_pt_regs).
func userFrame(t machine.TaskID) uint64 { return stackEnd(t) - machine.X86UserFrameSize }

// callDepth is how far below pt_regs the callers of the switch have the stack pointer.
const callDepth = 0x80

func stackAtCall(t machine.TaskID) uint64 { return userFrame(t) - callDepth }

// stackAt is the task whose kernel stack an address is on, or NoTask. An empty stack has the address of its end.
func stackAt(s *machine.State, addr uint64) machine.TaskID {
	t := (addr - 1 - machine.X86StackBase) >> machine.X86StackShift
	if addr <= machine.X86StackBase || t >= uint64(len(s.Tasks)) {
		return machine.NoTask
	}
	return machine.TaskID(t)
}

// textAddress is the address of a step of the program.
func textAddress(pc uint32) uint64 { return machine.X86TextBase + 4*uint64(pc) }

// Where the code is that is not made of steps with addresses of their own.
const (
	switchAddress  = machine.X86TextBase - 0x4000 // __switch_to_asm, or what switch_to was inlined into
	cSwitchTo      = machine.X86TextBase - 0x3000 // __switch_to
	forkAddress    = machine.X86TextBase - 0x2000 // ret_from_fork, as 4.4 jumps to it
	threadFunction = machine.X86TextBase - 0x1000 // what kernel threads run
)

// ofCanary marks a stack canary.
const ofCanary = 0x6361

// resetRegisters is what boot code leaves: each CPU in its idle task.
func resetRegisters(s *machine.State) {
	for i := range s.X86Regs {
		idle := s.CPUs[i].Idle
		r, p := &s.X86Regs[i], &s.X86PerCPUs[i]
		r.RSP, r.Flags = stackAtCall(idle), alwaysSet
		r.GSBase = machine.X86PerCPUBase + uint64(i)<<machine.X86PerCPUShift
		p.CurrentTask, p.TopOfStack, p.SP0 = TaskAddress(idle), stackEnd(idle), stackEnd(idle)
		th := &s.X86Threads[idle]
		th.Canary = kernel.Mark(&s.Tasks[idle], ofCanary, 0)
		p.Canary = th.Canary
		th.Info = infoAddress(idle)
	}
}

// alwaysSet is the bit of rflags that is always 1.
const alwaysSet = 2
