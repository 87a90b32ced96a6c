package arm64

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Bugs of the vector registers. Those that need a switch at an unlucky instant are for the checker, which
// follows these registers alone.

func unheld(path string, how [2]string) []kernel.Edit {
	return []kernel.Edit{{Path: path, Label: how[0], Make: without}, {Path: path, Label: how[1], Make: without}}
}

func keepLast(c *step.Ctx) { setForeign(c.T(c.F.Next), true) }

const (
	execPreempted    = "Between the memset of the old program's values and the rest of exec's flush a switch may save the old values again (as 4.4 has it; later releases keep the switch away)."
	restorePreempted = "A task that loads its registers on its way to user mode can be preempted while they, the flag and the two notes disagree."
)

func vectorVariations() []kernel.Variation {
	return []kernel.Variation{
		{Name: "arm64-fp-by-cpu-alone", Breaks: "I27", Only: withVectors,
			What: "Vector registers count as the task's own where it was loaded last, whoever was loaded there since.",
			Edits: []kernel.Edit{{Path: "fpsimd_thread_switch", Label: fpsimdUpdate,
				Make: instead(step.Do(fpsimdUpdate, "the task's note alone", updateForeign(wrongCPU)))}}},
		{Name: "arm64-fp-by-last-state-alone", Breaks: "I27", Only: withVectors,
			What: "Vector registers count as the task's own where it was the last to be loaded, wherever it has computed since.",
			Edits: []kernel.Edit{{Path: "fpsimd_thread_switch", Label: fpsimdUpdate,
				Make: instead(step.Do(fpsimdUpdate, "the CPU's note alone", updateForeign(wrongTask)))}}},
		// Since 6.16 the parent flushes its own notes before they are copied, and the line has nothing left to do.
		{Name: "arm64-fp-stale-owner", Breaks: "I27", Until: machine.V7_3, Only: withVectors,
			What:  "A new task keeps its parent's note of where its vector registers are, and so may find those of a dead task that had its task_struct (up to 4.14).",
			Edits: []kernel.Edit{{Path: "copy_thread", Label: "fpsimd_flush_task_state", Make: without}}},
		{Name: "fpsimd-exec-not-flushed", Breaks: "I27", Only: vectorsAlone,
			What: "Exec forgets the old program's values in memory and leaves both notes, so a switch before the first return to user mode finds the old ones in the registers (up to 4.2; fixed by 674c242c9323).",
			Edits: []kernel.Edit{{Path: "fpsimd_flush_thread", Label: "fpsimd_flush_task_state",
				Make: instead(step.Do("TIF_FOREIGN_FPSTATE", "the flag alone: the next switch finds out that the registers are still loaded", func(c *step.Ctx) { setForeign(c.Task(), true) }))}}},
		{Name: "fpsimd-exec-preempted", Breaks: "I27", Until: machine.V5_0, Only: vectorsAlone, What: execPreempted, Edits: unheld("fpsimd_flush_thread", held44)},
		{Name: "fpsimd-exec-preempted", Breaks: "I27", Since: machine.V5_0, Until: machine.V6_1, Only: vectorsAlone, What: execPreempted, Edits: unheld("fpsimd_flush_thread", held50)},
		{Name: "fpsimd-restore-preempted", Breaks: "I27", Until: machine.V5_0, Only: vectorsAlone, What: restorePreempted, Edits: unheld("fpsimd_restore_current_state", held44)},
		{Name: "fpsimd-restore-preempted", Breaks: "I27", Since: machine.V5_0, Until: machine.V6_1, Only: vectorsAlone, What: restorePreempted, Edits: unheld("fpsimd_restore_current_state", held50)},
		{Name: "fpsimd-restore-preempted", Breaks: "I27", Since: machine.V6_1, Only: vectorsAlone, What: restorePreempted, Edits: unheld("fpsimd_restore_current_state", held61)},
		{Name: "fpsimd-kernel-state-unnoted", Breaks: "I27", Since: machine.V6_12, Only: vectorsAlone,
			What: "A task that computes in the kernel is switched to and the CPU's note still names whom it had loaded before, who then takes the kernel's values for its own (6.8 to 6.9; fixed by e92bee9f861b).",
			Edits: []kernel.Edit{{Path: "fpsimd_thread_switch", Label: "fpsimd_flush_cpu_state",
				Make: instead(step.Do("set_tsk_thread_flag", "next's flag alone; the CPU's note stays", keepLast))}}},
	}
}
