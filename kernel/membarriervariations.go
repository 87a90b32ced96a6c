package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// repayWithoutBarrier replaces what gives a loan back: the count goes down, and nothing is ordered by it.
func repayWithoutBarrier(loan func(*machine.Frame) machine.MMID) func(step.Node) step.Seq {
	return func(step.Node) step.Seq {
		return step.Seq{
			step.Do("atomic_dec_and_test (relaxed)", "the count alone, although membarrier counts on the barrier that goes with it", func(c *step.Ctx) {
				c.F.MM, c.F.Val = loan(c.F), 0
				if countsLazy(&c.S.Config) {
					countDown(c)
				}
			}),
			step.If("that was the last reference", wasLast, step.Then(step.Call("__mmdrop")), nil),
		}
	}
}

func loanInMM(f *machine.Frame) machine.MMID  { return f.MM }
func loanInOld(f *machine.Frame) machine.MMID { return f.OldMM }

const (
	useMMWithoutBarrier = "kthread_use_mm has no full barrier between the store to mm and the thread's accesses, so membarrier may pass over the CPU and miss them (up to 5.10; fixed by 618758ed3a4f). It shows where switch_mm has none either, as on arm64."
	sameMMNoBarrier     = "The loan that a kernel task leaves behind is given back without a barrier: where it came between two threads of one process nothing else orders rq->curr. It shows where neither switch_mm nor switch_to has a barrier then, as on the classic port."
)

// membarrierVariations concern barriers alone: they show on a machine with store buffers.
var membarrierVariations = []Variation{
	{
		Name: "membarrier-exit-mm", Breaks: "I22", Since: machine.V6_1,
		What:  "exit_mm clears mm with no full barrier after the last user access, so membarrier passes over the CPU (up to 5.10; fixed by 5bc78502322a). It shows where stores may overtake each other, as on arm64.",
		Edits: []Edit{{"exit_mm", "smp_mb__after_spinlock", without}},
	},
	{
		Name: "membarrier-kthread-use-mm", Breaks: "I22", Since: machine.V6_1, Until: machine.V6_12, What: useMMWithoutBarrier,
		Edits: []Edit{{"kthread_use_mm", "smp_mb", without}},
	},
	{
		Name: "membarrier-kthread-use-mm", Breaks: "I22", Since: machine.V6_12, What: useMMWithoutBarrier,
		Edits: []Edit{{"kthread_use_mm", "mmdrop_lazy_tlb", repayWithoutBarrier(loanInOld)}},
	},
	{
		Name: "membarrier-lazy-same-mm", Breaks: "I21", Since: machine.V5_0, Until: machine.V6_12, What: sameMMNoBarrier,
		Edits: []Edit{{"finish_task_switch", "mmdrop", repayWithoutBarrier(loanInMM)}},
	},
	{
		Name: "membarrier-lazy-same-mm", Breaks: "I21", Since: machine.V6_12, What: sameMMNoBarrier,
		Edits: []Edit{{"finish_task_switch", "mmdrop_lazy_tlb", repayWithoutBarrier(loanInMM)}},
	},
	{
		Name: "membarrier-sync-core-lazy-same-mm", Breaks: "I22", Since: machine.V6_1,
		What:  "Back to the same address space through a kernel task nothing serialises the core: no root is written, and finish_task_switch does not do it either.",
		Edits: []Edit{{"finish_task_switch", "mm == current->mm", without}},
	},
	{
		Name: "membarrier-sync-core-remote", Breaks: "I22", Since: machine.V6_1,
		What:  "The sync-core form asks other CPUs for a barrier and counts on the return from the interrupt to serialise them; but another thread may come back instead, by another way (up to 5.10; fixed by 758c9373d841).",
		Edits: []Edit{{"membarrier_private_expedited", "smp_call_function_many", func(step.Node) step.Seq { return step.Seq{askMask(plainBarrier)} }}},
	},
	{
		Name: "membarrier-sync-core-self", Breaks: "I22", Since: machine.V6_1,
		What:  "The sync-core form leaves out the caller's own core: another thread that takes its place there may run what was fetched ahead (up to 5.10; fixed by e45cdc71d1fa).",
		Edits: []Edit{{"membarrier_private_expedited", "sync core, and this CPU is in the mask", without}},
	},
}
