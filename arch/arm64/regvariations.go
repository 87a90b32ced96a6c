package arm64

import (
	"switchyard/arch/arm64/a64"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Bugs of the register switch, and of what __switch_to moves beside it. They need registers to show.

func without(step.Node) step.Seq { return nil }

func instead(n ...step.Node) func(step.Node) step.Seq { return func(step.Node) step.Seq { return n } }

// instructions are steps of other words.
func instructions(why string, words ...uint32) step.Seq {
	text, err := a64.Words(switchAddress, words...)
	if err != nil {
		panic("arm64: " + err.Error()) // our own words; a test decodes them all
	}
	var s step.Seq
	for i := range words {
		s = append(s, instruction(text.Text(i), why, text.At(i)))
	}
	return s
}

// Decoded when the program starts, like the paths: see a64.Decode.
var (
	x20Alone = instructions("x20 alone: x19 is forgotten", 0xf9000514, 0x91004108)
	earlySP  = instructions("too early: x9 is still prev's stack pointer", 0x9100013f)
)

func ownPrev(c *step.Ctx) {
	if c.F.Prev == machine.NoTask { // a task that never ran has no stack to remember it on
		takeLast(c)
	}
}

func since50(c *machine.Config) bool { return c.Registers && c.Release >= machine.V5_0 }

func registerVariations() []kernel.Variation {
	return []kernel.Variation{
		{Name: "two-argument-switch-to", Breaks: "I20", Only: withRegisters,
			What:  "switch_to does not say which task was really left, so finish_task_switch works on what the stack remembers.",
			Edits: []kernel.Edit{{Path: "switch_to", Label: "last = x0", Make: instead(step.Do("prev", "what x0 holds is not looked at", ownPrev))}}},
		{Name: "arm64-x19-not-saved", Breaks: "I1", Only: withRegisters,
			What: "cpu_switch_to stores x20 and leaves out x19: a task comes back with what was once there.",
			Edits: []kernel.Edit{{Path: "cpu_switch_to", Label: "stp x19, x20, [x8], #16",
				Make: instead(x20Alone...)}}},
		{Name: "arm64-sp-too-early", Breaks: "I1", Only: withRegisters,
			What: "cpu_switch_to sets sp before next's was loaded into x9, so the CPU stays on prev's stack.",
			Edits: []kernel.Edit{
				{Path: "cpu_switch_to", Label: "mov sp, x9", Make: without},
				{Path: "cpu_switch_to", Label: "ldp x29, x9, [x8], #16", Make: func(n step.Node) step.Seq {
					return step.Seq{earlySP[0], n}
				}}}},
		{Name: "arm64-sp-el0-not-updated", Breaks: "I1", Only: since50,
			What:  "cpu_switch_to leaves sp_el0 as it was: the kernel goes on with the wrong current.",
			Edits: []kernel.Edit{{Path: "cpu_switch_to", Label: "msr sp_el0, x1", Make: without}}},
		{Name: "arm64-tpidr-not-saved", Breaks: "I27", Only: withRegisters,
			What:  "The switch loads next's thread pointer and does not save prev's, which user mode may have changed.",
			Edits: []kernel.Edit{{Path: "__switch_to", Label: "tls_preserve_current_state", Make: without}}},
	}
}
