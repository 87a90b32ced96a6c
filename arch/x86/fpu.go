package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

// The FPU registers hold a task's user state as long as two notes agree: the CPU's, whose state was
// loaded last (fpu_fpregs_owner_ctx), and the task's, on which CPU that was (fpu->last_cpu). Kernel threads
// have none, and so a task that comes back behind some of them need not load again. Up to 5.1 that is
// found out in the switch, since then on the way to user mode. The state is eight words here.

func needsFPULoad(t *machine.Task) bool { return t.Flags&machine.TIFNeedFPULoad != 0 }

func setNeedFPULoad(t *machine.Task, is bool) {
	t.Flags &^= machine.TIFNeedFPULoad
	if is {
		t.Flags |= machine.TIFNeedFPULoad
	}
}

// hasFPU: kernel threads have no user state (PF_KTHREAD).
func hasFPU(t *machine.Task) bool { return t.Kind == machine.UserTask }

func thisCPU(c *step.Ctx) uint64 { return uint64(c.CPU) + 1 }

// fpuValid is fpregs_state_valid: both notes say that t's values are in the registers of this CPU.
func fpuValid(c *step.Ctx, t machine.TaskID) bool {
	return percpu(c).FPUOwner == TaskAddress(t) && thread(c, t).FPULastCPU == thisCPU(c)
}

func activate(c *step.Ctx, t machine.TaskID) {
	percpu(c).FPUOwner, thread(c, t).FPULastCPU = TaskAddress(t), thisCPU(c)
}

// forgetFPU is __fpu_invalidate_fpregs_state: no CPU's registers are t's.
func forgetFPU(c *step.Ctx, t machine.TaskID) { thread(c, t).FPULastCPU = 0 }

func saveFPU(label string) step.Node {
	return step.Do(label, "prev's FPU registers go to memory; the registers keep them besides, and the notes say so", func(c *step.Ctx) {
		if prev := c.F.Prev; hasFPU(c.T(prev)) {
			thread(c, prev).FPU = regs(c).FPU
			thread(c, prev).FPULastCPU = thisCPU(c)
		}
	})
}

// switchFPU is all that 7.3 does: it is prev that will have to load, and nobody looks at next.
func switchFPU() step.Node {
	return step.Do("switch_fpu", "prev's FPU registers go to memory, and prev loads them on its way to user mode, unless the registers keep them until then", func(c *step.Ctx) {
		prev := c.F.Prev
		if !hasFPU(c.T(prev)) {
			return
		}
		setNeedFPULoad(c.T(prev), true)
		thread(c, prev).FPU = regs(c).FPU
		thread(c, prev).FPULastCPU = thisCPU(c)
	})
}

func fpuInRegisters(c *step.Ctx) bool { return !needsFPULoad(c.T(c.F.Prev)) }

const validWhy = "next's values are in the registers still if it was the last one loaded here, and here is where it was loaded last"

// loadFPUNow loads in the switch, unless the notes agree that there is nothing to load.
func loadFPUNow(label string) step.Node {
	return step.Do(label, validWhy, func(c *step.Ctx) { loadFPU(c, c.F.Next, fpuValid) })
}

func loadFPU(c *step.Ctx, t machine.TaskID, valid func(*step.Ctx, machine.TaskID) bool) {
	if !hasFPU(c.T(t)) {
		return
	}
	if !valid(c, t) {
		regs(c).FPU = thread(c, t).FPU
	}
	activate(c, t)
}

const fpuReturn = "switch_fpu_return"

func fpuOnReturn(valid func(*step.Ctx, machine.TaskID) bool) step.Node {
	return step.Do(fpuReturn, validWhy, func(c *step.Ctx) {
		loadFPU(c, c.C.Current, valid)
		setNeedFPULoad(c.Task(), false)
	})
}
