package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

func nothing(*step.Ctx) {}

// dsbISH is the same line in every release.
func dsbISH() step.Node {
	return step.Do("dsb(ish)", "what this task asked of TLBs and caches is done before it can go on elsewhere; membarrier counts on it too", (*step.Ctx).Barrier)
}

const switchToDoc = "The rest of a task's state, before the stack moves. All of it runs as prev. Departs: the registers themselves are modelled only where they are asked for."

var switchToPaths = []*step.Path{
	{
		Name: "__switch_to", Since: machine.V4_4, Until: machine.V5_0, Only: withoutRegisters,
		Source: "arch/arm64/kernel/process.c:__switch_to (4.4)",
		Doc:    switchToDoc,
		Body: step.Seq{
			step.Do("fpsimd_thread_switch", "prev's vector registers are saved if they are in use; next's come on its way to user mode", nothing),
			step.Do("tls_thread_switch", "thread pointer; watchpoints and CONTEXTIDR where somebody uses them", nothing),
			dsbISH(),
		},
	},
	{
		Name: "__switch_to", Since: machine.V5_0, Until: machine.V7_3, Only: withoutRegisters,
		Source: "arch/arm64/kernel/process.c:__switch_to (5.4, 6.1, 6.12)",
		Doc:    switchToDoc,
		Body: step.Seq{
			step.Do("fpsimd_thread_switch", "prev's vector registers are saved if they are in use; next's come on its way to user mode", nothing),
			step.Do("tls_thread_switch", "thread pointer; watchpoints, CONTEXTIDR, pointer keys, and who the entry code shall take for current", nothing),
			dsbISH(),
		},
	},
	{
		Name: "__switch_to", Since: machine.V7_3, Only: withoutRegisters,
		Source: "arch/arm64/kernel/process.c:__switch_to (7.3)",
		Doc:    switchToDoc,
		Body: step.Seq{
			step.Do("debug_switch_state", "single-step and breakpoint state goes first, before anything can trap on it", nothing),
			step.Do("fpsimd_thread_switch", "vector registers are saved if in use; thread pointer, pointer keys, and who the entry code shall take for current", nothing),
			dsbISH(),
		},
	},
}
