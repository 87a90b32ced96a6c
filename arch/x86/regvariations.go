package x86

import (
	"encoding/hex"

	"switchyard/arch/x86/x64"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Bugs of the register switch, and of what __switch_to moves beside it. They need registers to show.

func without(step.Node) step.Seq { return nil }

func instead(n ...step.Node) func(step.Node) step.Seq { return func(step.Node) step.Seq { return n } }

// instruction is a step of other bytes. Nothing of it may depend on its address.
func instruction(bytes, why string) step.Node {
	text, err := hex.DecodeString(bytes)
	if err != nil {
		panic("x86: " + err.Error()) // our own bytes; a test runs them all
	}
	in, label, err := x64.One(text, switchAddress)
	if err != nil {
		panic("x86: " + err.Error())
	}
	return step.Do(label, why, func(c *step.Ctx) { execute(c, &in) })
}

func since50(c *machine.Config) bool { return c.Registers && c.Release >= machine.V5_0 }
func since61(c *machine.Config) bool { return c.Registers && c.Release >= machine.V6_1 }

func ownPrev(c *step.Ctx) {
	if c.F.Prev == machine.NoTask { // a task that never ran has no stack to remember it on
		takeLast(c)
	}
}

// alone is one note without the other.
func ownerAlone(c *step.Ctx, t machine.TaskID) bool   { return percpu(c).FPUOwner == TaskAddress(t) }
func lastCPUAlone(c *step.Ctx, t machine.TaskID) bool { return thread(c, t).FPULastCPU == thisCPU(c) }

func registerVariations() []kernel.Variation {
	return []kernel.Variation{
		{Name: "two-argument-switch-to", Breaks: "I20", Only: withRegisters,
			What:  "switch_to does not say which task was really left, so finish_task_switch works on what the stack remembers.",
			Edits: []kernel.Edit{{Path: "switch_to", Label: "last = rax", Make: instead(step.Do("prev", "what rax holds is not looked at", ownPrev))}}},
		{Name: "x86-rbx-not-restored", Breaks: "I1", Only: since50,
			What: "__switch_to_asm takes the stack canary through rbx and then leaves next's own value of it on the stack.",
			Edits: []kernel.Edit{{Path: onNext, Label: "pop %rbx",
				Make: instead(instruction("4883c408", "the stack pointer is right, and rbx is not"))}}},
		{Name: "x86-canary-not-switched", Breaks: "I1", Only: since50,
			What:  "__switch_to_asm leaves the per-CPU stack canary as it was: the next function that returns takes its stack for smashed.",
			Edits: []kernel.Edit{{Path: onNext, Label: "mov %rbx,%gs:0x28", Make: without}}},
		{Name: "x86-sp-not-saved", Breaks: "I1", Only: since50,
			What:  "__switch_to_asm does not store prev's stack pointer: prev comes back where it left the time before.",
			Edits: []kernel.Edit{{Path: "__switch_to_asm", Label: "mov %rsp,0x508(%rdi)", Make: without}}},
		{Name: "x86-top-of-stack-kept", Breaks: "I1", Only: since50,
			What:  "__switch_to leaves the stack of the next system call as it was: user mode enters the kernel on another task's stack.",
			Edits: []kernel.Edit{{Path: "__switch_to", Label: "cpu_current_top_of_stack", Make: without}}},
		{Name: "x86-fpu-by-owner-alone", Breaks: "I27", Only: since61,
			What:  "FPU registers count as the task's own where it was the last to be loaded, wherever it has computed since.",
			Edits: []kernel.Edit{{Path: "restore_user_registers", Label: fpuReturn, Make: instead(fpuOnReturn(ownerAlone))}}},
		{Name: "x86-fpu-by-last-cpu-alone", Breaks: "I27", Only: since61,
			What:  "FPU registers count as the task's own where it was loaded last, whoever was loaded there since.",
			Edits: []kernel.Edit{{Path: "restore_user_registers", Label: fpuReturn, Make: instead(fpuOnReturn(lastCPUAlone))}}},
		{Name: "x86-fpu-not-saved", Breaks: "I27", Only: since61, Until: machine.V7_3,
			What:  "The switch does not save prev's FPU registers, as if prev had none.",
			Edits: []kernel.Edit{{Path: "__switch_to", Label: "switch_fpu_prepare", Make: without}}},
		{Name: "x86-fpu-not-saved", Breaks: "I27", Only: withRegisters, Since: machine.V7_3,
			What:  "The switch does not save prev's FPU registers, as if prev had none.",
			Edits: []kernel.Edit{{Path: "__switch_to", Label: "switch_fpu", Make: without}}},
		{Name: "x86-bases-not-saved", Breaks: "I27", Only: since61,
			What:  "The switch loads next's bases and does not save prev's, which user mode may have changed (wrfsbase).",
			Edits: []kernel.Edit{{Path: "__switch_to", Label: "save_fsgs", Make: without}}},
		{Name: "x86-es-ds-kept", Breaks: "I27", Only: withRegisters,
			What:  "The switch does not look at es and ds: they are 0 in nearly all tasks.",
			Edits: []kernel.Edit{{Path: "__switch_to", Label: "es, ds", Make: without}}},
	}
}
