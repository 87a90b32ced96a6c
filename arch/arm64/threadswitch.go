package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

// What __switch_to moves beside the callee-saved registers, when registers are on. All of it runs as prev.

// ssbs is PSR_SSBS_BIT in pt_regs->pstate.
const ssbs = 1 << 12

// bcrEL0 and bcrEnable are the fields of a breakpoint control register that the switch looks at.
const (
	bcrEnable = 1
	bcrEL0    = 2 << 1
)

// debugSwitchState only looks. What it wants is what cpu_switch_to will save and put back: it knows nothing
// of breakpoints, whose turn comes where it did before.
func debugSwitchState() step.Node {
	return step.Do("debug_switch_state", "WARN: interrupts, and nothing else, must be masked here, or next would inherit prev's masks", func(c *step.Ctx) {
		if !c.C.IRQOff {
			c.Broken("I20", "WARN: registers are switched with interrupts on")
		}
	}).Touches(step.Held)
}

func tlsPreserve() step.Node {
	return step.Do("tls_preserve_current_state", "user mode may write tpidr_el0 whenever it likes: the register is the truth", func(c *step.Ctx) {
		thread(c, c.C.Current).TP = regs(c).TPIDR
	})
}

func tlsLoad() step.Node {
	return step.Do("tls_thread_switch", "next's thread pointer; tpidrro_el0 is for 32-bit programs and otherwise 0", func(c *step.Ctx) {
		regs(c).TPIDRRO = 0
		regs(c).TPIDR = thread(c, c.F.Next).TP
	}).Touches(step.Held)
}

func breakpoints() step.Node {
	return step.Do("hw_breakpoint_thread_switch", "breakpoints at EL0 are off for a task that is being stepped over one", func(c *step.Ctx) {
		prev, next, r := thread(c, c.C.Current), thread(c, c.F.Next), regs(c)
		if prev.BPsDisabled == next.BPsDisabled || r.BCR&bcrEL0 == 0 {
			return
		}
		r.BCR &^= bcrEnable
		if next.BPsDisabled == 0 {
			r.BCR |= bcrEnable
		}
	})
}

func contextIDR() step.Node {
	return step.Do("contextidr_thread_switch", "next's pid, for tracers that follow the CPU (CONFIG_PID_IN_CONTEXTIDR)", func(c *step.Ctx) {
		regs(c).ContextIDR = uint64(c.T(c.F.Next).Serial)
	})
}

func entryTask() step.Node {
	return step.Do("entry_task_switch", "the next exception from user mode takes current from here", func(c *step.Ctx) {
		regs(c).EntryTask = TaskAddress(c.F.Next)
	})
}

func ssbsSwitch() step.Node {
	return step.Do("ssbs_thread_switch", "next's wish for speculative stores, which a CPU without the bit may have lost; kernel threads have none", func(c *step.Ctx) {
		if c.T(c.F.Next).Kind == machine.UserTask {
			c.S.ARM64PtRegs[c.F.Next].PState |= ssbs
		}
	})
}

func mte() step.Seq {
	return step.Seq{
		step.Do("mte_thread_switch", "tag check faults of prev are logged since the barrier and are looked at before next can cause any", func(c *step.Ctx) {
			regs(c).TFSR = 0
		}),
		step.If("sctlr_user differs", func(c *step.Ctx) bool { return thread(c, c.F.Prev).SCTLR != thread(c, c.F.Next).SCTLR }, step.Then(
			step.Do("update_sctlr_el1", "how next wants to hear of tag check faults", func(c *step.Ctx) { regs(c).SCTLR = thread(c, c.F.Next).SCTLR })), nil),
	}
}

const threadSwitchDoc = "The rest of a task's state, before the stack moves. All of it runs as prev."

func threadSwitch(parts ...step.Node) step.Seq {
	return append(step.Seq{step.Call("fpsimd_thread_switch"), tlsPreserve(), tlsLoad(), breakpoints(), contextIDR()}, parts...)
}

var threadSwitchPaths = []*step.Path{
	{
		Name: "__switch_to", Since: machine.V4_4, Until: machine.V5_0, Only: withRegisters,
		Source: "arch/arm64/kernel/process.c:__switch_to (4.4)",
		Doc:    threadSwitchDoc,
		Body:   threadSwitch(dsbISH()),
	},
	{
		Name: "__switch_to", Since: machine.V5_0, Until: machine.V6_1, Only: withRegisters,
		Source: "arch/arm64/kernel/process.c:__switch_to (5.4)",
		Doc:    threadSwitchDoc + " Departs: user access override and pointer keys of user mode are left out.",
		Body:   threadSwitch(entryTask(), ssbsSwitch(), dsbISH()),
	},
	{
		Name: "__switch_to", Since: machine.V6_1, Until: machine.V7_3, Only: withRegisters,
		Source: "arch/arm64/kernel/process.c:__switch_to (6.1, 6.12)",
		Doc:    threadSwitchDoc + " Departs: timer access, pointer keys of user mode and permission overlays are left out.",
		Body:   threadSwitch(append(step.Seq{entryTask(), ssbsSwitch(), dsbISH()}, mte()...)...),
	},
	{
		Name: "__switch_to", Since: machine.V7_3, Only: withRegisters,
		Source: "arch/arm64/kernel/process.c:__switch_to, debug_switch_state (7.3)",
		Doc:    threadSwitchDoc + " Departs: timer access, pointer keys of user mode, permission overlays, guarded control stacks and, behind the barrier, memory partitions (mpam_thread_switch) are left out. debug_switch_state looks at DAIF or the interrupt priority; here it is whether interrupts are off.",
		Body:   append(step.Seq{debugSwitchState()}, threadSwitch(append(step.Seq{entryTask(), ssbsSwitch(), dsbISH()}, mte()...)...)...),
	},
}
