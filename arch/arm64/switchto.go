package arm64

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

func nothing(*step.Ctx) {}

// dsbISH is the same line in every release.
func dsbISH() step.Node {
	return step.Do("dsb(ish)", "what this task asked of TLBs and caches is done before it can go on elsewhere; membarrier counts on it too", (*step.Ctx).Barrier).Touches(step.Held, step.StoreBuffer)
}

const switchToDoc = "The rest of a task's state, before the stack moves. All of it runs as prev. Departs: the registers themselves are modelled only where they are asked for."

const vectorsWhy = "prev's vector registers are saved if they are in use; next's come on its way to user mode"

// switchTo is __switch_to of a release without registers, and where vector registers alone are followed.
func switchTo(since, until machine.Release, read string, before step.Seq, why string, after ...step.Node) []*step.Path {
	path := func(only func(*machine.Config) bool, vectors step.Node) *step.Path {
		return &step.Path{Name: "__switch_to", Since: since, Until: until, Only: only,
			Source: "arch/arm64/kernel/process.c:__switch_to (" + read + ")", Doc: switchToDoc,
			Body: slices.Concat(before, step.Seq{vectors}, after, step.Seq{dsbISH()})}
	}
	return []*step.Path{
		path(withoutVectors, step.Do("fpsimd_thread_switch", why, nothing).Touches(step.Held)),
		path(vectorsAlone, step.Call("fpsimd_thread_switch")),
	}
}

var switchToPaths = slices.Concat(
	switchTo(machine.V4_4, machine.V5_0, "4.4", nil, vectorsWhy,
		step.Do("tls_thread_switch", "thread pointer; watchpoints and CONTEXTIDR where somebody uses them", nothing).Touches(step.Held)),
	switchTo(machine.V5_0, machine.V7_3, "5.4, 6.1, 6.12", nil, vectorsWhy,
		step.Do("tls_thread_switch", "thread pointer; watchpoints, CONTEXTIDR, pointer keys, and who the entry code shall take for current", nothing).Touches(step.Held)),
	switchTo(machine.V7_3, 0, "7.3",
		step.Seq{debugSwitchState()},
		"vector registers are saved if in use; thread pointer, pointer keys, and who the entry code shall take for current"),
)
