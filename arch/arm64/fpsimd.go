package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

// The vector registers stay as they are when the kernel switches: whoever needs them for user mode loads
// them on the way there, unless they still hold its values. Two notes have to agree for that: the CPU's,
// whose state was loaded last (fpsimd_last_state), and the task's, on which CPU that was (fpsimd_cpu).
// The first alone is wrong once the task has run elsewhere, the second once another has run here.

func foreign(t *machine.Task) bool { return t.Flags&machine.TIFForeignFPState != 0 }

func isForeign(c *step.Ctx) bool { return foreign(c.Task()) }

func usesKernelFP(t *machine.Task) bool { return t.Flags&machine.TIFKernelFPState != 0 }

func setForeign(t *machine.Task, is bool) {
	t.Flags &^= machine.TIFForeignFPState
	if is {
		t.Flags |= machine.TIFForeignFPState
	}
}

// lastState is fpsimd_last_state: whose user state, or machine.NoTask.
func lastState(c *step.Ctx) machine.TaskID {
	if arm(c).FPKernel {
		return machine.NoTask
	}
	return arm(c).FPOwner
}

func bindLast(c *step.Ctx, t machine.TaskID, kernel bool) {
	arm(c).FPOwner, arm(c).FPKernel = t, kernel
}

// fpsimdSave writes the registers where fpsimd_last_state points (since 4.18; before to current's state,
// which is the same thing unless somebody has spoilt the notes).
func fpsimdSave(c *step.Ctx) {
	if isForeign(c) {
		return
	}
	if last := lastState(c); last != machine.NoTask {
		copy(savedVectors(c, last), vectors(c))
	}
}

func flushCPUState(c *step.Ctx) {
	bindLast(c, machine.NoTask, false)
	setForeign(c.Task(), true)
}

// flushTaskState is fpsimd_flush_task_state. At first it left the flag to its callers.
func flushTaskState(c *step.Ctx, t machine.TaskID) {
	c.T(t).FPOwner = machine.NoCPU
	setForeign(c.T(t), true)
}

// bindTask is fpsimd_bind_task_to_cpu: since 4.18; before its two lines stood where it is called.
func bindTask(c *step.Ctx) {
	bindLast(c, c.C.Current, false)
	c.Task().FPOwner = c.CPU
}

func wrongTask(c *step.Ctx) bool { return lastState(c) != c.F.Next }
func wrongCPU(c *step.Ctx) bool  { return c.T(c.F.Next).FPOwner != c.CPU }

const compareWhy = "next's values are still in the registers only if it was the last one loaded here, and here is where it was loaded last"

// updateForeign decides whether next has to load its registers, by the notes that count.
func updateForeign(notes ...func(*step.Ctx) bool) func(*step.Ctx) {
	return func(c *step.Ctx) {
		is := false
		for _, wrong := range notes {
			is = is || wrong(c)
		}
		setForeign(c.T(c.F.Next), is)
	}
}

// saveKernelState is fpsimd_save_kernel_state.
func saveKernelState(c *step.Ctx) {
	state, cpu := kernelVectors(c, c.C.Current)
	copy(state, vectors(c))
	bindLast(c, c.C.Current, true)
	*cpu = uint64(c.CPU)
}

// loadKernelState is fpsimd_load_kernel_state.
func loadKernelState(c *step.Ctx) {
	state, cpu := kernelVectors(c, c.F.Next)
	if a := arm(c); a.FPKernel && a.FPOwner == c.F.Next && *cpu == uint64(c.CPU) {
		return
	}
	copy(vectors(c), state)
}

const (
	fpsimdUpdate    = "TIF_FOREIGN_FPSTATE"
	loadKernelLabel = "fpsimd_load_kernel_state"
	loadKernelWhy   = "next goes on computing where it was preempted"
)

// holdFPSIMD and releaseFPSIMD keep a task on its CPU while it works on the registers and the notes.
func holdFPSIMD(label string) step.Node {
	return step.Do(label, "no switch while notes and registers disagree", func(c *step.Ctx) { c.C.Preempt++ })
}

func releaseFPSIMD(label string) step.Node {
	return step.Do(label, "notes and registers agree: switches are possible again", func(c *step.Ctx) { c.C.Preempt-- })
}

// held puts a body between the two, as a release calls them.
func held(how [2]string, body ...step.Node) step.Seq {
	return append(append(step.Seq{holdFPSIMD(how[0])}, body...), releaseFPSIMD(how[1]))
}

var (
	held44 = [2]string{"preempt_disable", "preempt_enable"}
	held50 = [2]string{"local_bh_disable", "local_bh_enable"}
	// Since 5.2: local_bh_disable, or preempt_disable with PREEMPT_RT; neither lets the task be preempted. 7.3 leaves
	// the former out where interrupts are off, and none of these paths has them off there.
	held61 = [2]string{"get_cpu_fpsimd_context", "put_cpu_fpsimd_context"}
)

var fpsimdPaths = []*step.Path{
	{
		Name: "fpsimd_thread_switch", Since: machine.V4_4, Until: machine.V5_0, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_thread_switch (4.4)",
		Doc:    "Saves what is prev's, and finds out whether next has to load. Only tasks with an mm have anything in these registers.",
		Body: step.Seq{
			step.Do("fpsimd_save_state", "prev's registers go to memory if they hold its most recent values", func(c *step.Ctx) {
				if c.Task().MM != machine.NoMM && !isForeign(c) {
					copy(savedVectors(c, c.C.Current), vectors(c))
				}
			}).Touches(step.Held),
			step.If("next has an mm", func(c *step.Ctx) bool { return c.T(c.F.Next).MM != machine.NoMM },
				step.Then(step.Do(fpsimdUpdate, compareWhy, updateForeign(wrongTask, wrongCPU)).Touches(step.Held)), nil),
		},
	},
	{
		Name: "fpsimd_thread_switch", Since: machine.V5_0, Until: machine.V6_12, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_thread_switch (4.20, 6.1)",
		Doc:    "Saves what is prev's, and finds out whether next has to load. A kernel thread always mismatches. Departs: SVE and SME are left out.",
		Body: step.Seq{
			step.Do("fpsimd_save", "prev's registers go to memory if they hold its most recent values", fpsimdSave).Touches(step.Held),
			step.Do(fpsimdUpdate, compareWhy, updateForeign(wrongTask, wrongCPU)).Touches(step.Held),
		},
	},
	{
		Name: "fpsimd_thread_switch", Since: machine.V6_12, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_thread_switch (6.12, 7.3)",
		Doc:    "Saves what is prev's, user state or the kernel's own, and finds out whether next has to load. Departs: SVE and SME are left out.",
		Body: step.Seq{
			step.If("prev uses them in the kernel", func(c *step.Ctx) bool { return usesKernelFP(c.Task()) },
				step.Then(step.Do("fpsimd_save_kernel_state", "prev was preempted between kernel_neon_begin and kernel_neon_end", saveKernelState).Touches(step.Held)),
				step.Else(step.Do("fpsimd_save_user_state", "prev's registers go to memory if they hold its most recent values", fpsimdSave).Touches(step.Held))),
			step.If("next uses them in the kernel", func(c *step.Ctx) bool { return usesKernelFP(c.T(c.F.Next)) },
				step.Then(
					step.Do("fpsimd_flush_cpu_state", "what was loaded here last is about to be overwritten", flushCPUState).Touches(step.Held),
					step.Do(loadKernelLabel, loadKernelWhy, loadKernelState).Touches(step.Held)),
				step.Else(step.Do(fpsimdUpdate, compareWhy, updateForeign(wrongTask, wrongCPU)).Touches(step.Held))),
		},
	},
	restoreCurrent(machine.V4_4, machine.V5_0, "4.4", held44),
	restoreCurrent(machine.V5_0, machine.V6_1, "4.20", held50),
	restoreCurrent(machine.V6_1, 0, "6.1 to 7.3", held61),
	preserveCurrent(machine.V4_4, machine.V5_0, "4.4", "fpsimd_save_state", held44),
	preserveCurrent(machine.V5_0, machine.V6_1, "4.20", "fpsimd_save", held50),
	preserveCurrent(machine.V6_1, machine.V6_12, "6.1", "fpsimd_save", held61),
	preserveCurrent(machine.V6_12, machine.V7_3, "6.12", "fpsimd_save_user_state", held61),
	{
		Name: "fpsimd_preserve_current_state", Since: machine.V7_3, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_save_and_flush_current_state (7.3; since 6.16)",
		Doc:    "The running task's values are in memory, and nowhere else: whoever changes them there need not look at the registers. Up to 6.15 they were valid in the registers as well. Departs: fpsimd_flush_task_state also clears thread.kernel_fpsimd_state in 7.3, which says where kernel_neon_begin's caller has room; here that is part of the task.",
		Body: held(held61,
			step.Do("fpsimd_save_user_state", saveWhy, fpsimdSave).Touches(step.OwnCPU),
			step.Do("fpsimd_flush_task_state", "user mode has to load again", func(c *step.Ctx) { flushTaskState(c, c.C.Current) }).Touches(step.OwnCPU)),
	},
	returnToUser(machine.V4_4, machine.V5_0, "entry.S:ret_to_user, work_pending, arch/arm64/kernel/signal.c:do_notify_resume (4.4)", "disable_irq", "enable_irq"),
	returnToUser(machine.V5_0, machine.V6_12, "signal.c:do_notify_resume (4.20, 6.1)", "local_daif_mask", "local_daif_restore"),
	returnToUser(machine.V6_12, machine.V7_3, "entry-common.c:exit_to_user_mode_prepare, do_notify_resume (6.12)", "local_irq_disable", "local_irq_enable"),
	returnToUser(machine.V7_3, 0, "entry-common.c:arch_exit_to_user_mode_work, kernel/entry/common.c:exit_to_user_mode_loop (7.3)", "local_irq_disable", "local_irq_enable"),
	flushThread(machine.V4_4, machine.V5_0, "4.4", held44, true),
	flushThread(machine.V5_0, machine.V6_1, "4.20", held50, true),
	flushThread(machine.V6_1, 0, "6.1 to 7.3", held61, false),
}

const saveWhy = "the task's values go to memory if they are in the registers"

func restoreCurrent(since, until machine.Release, read string, how [2]string) *step.Path {
	return &step.Path{
		Name: "fpsimd_restore_current_state", Since: since, Until: until, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_restore_current_state (" + read + ")",
		Doc:    "On the way to user mode: the task's values come into the registers, and both notes say so. The flag is looked at again, for a switch may have come before preemption was off.",
		Body: held(how, step.If("TIF_FOREIGN_FPSTATE", isForeign, step.Then(
			step.Do("test_and_clear_thread_flag", "what is about to be loaded is the task's", func(c *step.Ctx) { setForeign(c.Task(), false) }).Touches(step.OwnCPU),
			step.Do("task_fpsimd_load", "the task's values from memory", func(c *step.Ctx) { copy(vectors(c), savedVectors(c, c.C.Current)) }).Touches(step.OwnCPU),
			step.Do("fpsimd_bind_task_to_cpu", "the CPU notes the task, the task notes the CPU", bindTask).Touches(step.OwnCPU)), nil)),
	}
}

func preserveCurrent(since, until machine.Release, read, label string, how [2]string) *step.Path {
	return &step.Path{
		Name: "fpsimd_preserve_current_state", Since: since, Until: until, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_preserve_current_state (" + read + ")",
		Doc:    "The running task's values are in memory, for a copy of the task or for a signal frame.",
		Body:   held(how, step.Do(label, saveWhy, fpsimdSave).Touches(step.OwnCPU)),
	}
}

// returnToUser is as much of the last loop before user mode as has to do with these registers: whatever
// happens while interrupts are on may have given them away again.
func returnToUser(since, until machine.Release, source, mask, unmask string) *step.Path {
	irqOff := step.Do(mask, "from here to user mode no switch can come", func(c *step.Ctx) { c.C.IRQOff = true })
	return &step.Path{
		Name: "do_notify_resume", Since: since, Until: until, Only: withVectors,
		Source: "arch/arm64/kernel/" + source,
		Doc:    "The work that is left before user mode. It is looked for with interrupts off, done with them on, and looked for again. Departs: rescheduling happens at any step with interrupts on, and signals are entered by whoever sends them.",
		Body: step.Seq{
			irqOff,
			step.While("TIF_FOREIGN_FPSTATE", isForeign, step.Seq{
				step.Do(unmask, "work is done with interrupts on", func(c *step.Ctx) { c.C.IRQOff = false }),
				step.Call("fpsimd_restore_current_state"),
				irqOff,
			}),
		},
	}
}

// flushThread is fpsimd_flush_thread, of exec.
func flushThread(since, until machine.Release, read string, how [2]string, clearFirst bool) *step.Path {
	flush := step.Do("fpsimd_flush_task_state", "no CPU has the new program's values", func(c *step.Ctx) { flushTaskState(c, c.C.Current) }).Touches(step.OwnCPU)
	zero := step.Do("memset(fpsimd_state)", "the new program begins with empty registers", func(c *step.Ctx) { clear(savedVectors(c, c.C.Current)) }).Touches(step.OwnCPU)
	p := &step.Path{
		Name: "fpsimd_flush_thread", Since: since, Until: until, Only: withVectors,
		Source: "arch/arm64/kernel/fpsimd.c:fpsimd_flush_thread (" + read + ")",
		Doc:    "Exec: the old program's values are forgotten, in the CPU too.",
		Body:   held(how, flush, zero),
	}
	if clearFirst {
		p.Body = held(how, zero, flush)
	}
	if since == machine.V4_4 {
		p.Doc += " Departs: in 4.4 itself nothing keeps a switch from coming between the two steps and bringing the old values back; here all releases hold the context, as later ones do."
	}
	return p
}
