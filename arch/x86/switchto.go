package x86

import "switchyard/step"

var switchToPaths = []*step.Path{
	{
		Name:   "__switch_to",
		Source: "arch/x86/kernel/process_64.c:__switch_to (2.6.32 to 7.3)",
		Doc:    "What is per task beside stack and address space. Departs: registers have no contents here, and the stack moves in the step after this path rather than before; nothing between the two can tell.",
		Body: step.Seq{
			step.Do("switch_fpu_prepare", "prev's FPU registers, fs and gs go to memory before next's replace them", func(*step.Ctx) {}),
			step.Do("update_task_stack", "the next interrupt from user mode begins on next's stack", func(*step.Ctx) {}),
		},
	},
}
