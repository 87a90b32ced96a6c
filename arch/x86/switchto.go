package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

// What __switch_to moves beside stack and callee-saved registers. With registers on, it runs where the
// kernel has it: on next's stack, with prev and next as rdi and rsi brought them.

func saveSegments() step.Node {
	return step.Do("save_fsgs", "selectors and bases of fs and gs go to prev: user mode changes them without telling", func(c *step.Ctx) {
		r, prev := regs(c), thread(c, c.F.Prev)
		prev.FSIndex, prev.GSIndex = r.FS, r.GS
		if c.S.Config.Release >= machine.V6_1 {
			prev.FSBase, prev.GSBase = r.FSBase, r.KernelGSBase
		}
	})
}

// switchDataSegments loads es and ds only where one of the two tasks uses them.
func switchDataSegments() step.Node {
	return step.Do("es, ds", "selectors: nearly always 0 in both tasks, and then nothing is loaded", func(c *step.Ctx) {
		r, prev, next := regs(c), thread(c, c.F.Prev), thread(c, c.F.Next)
		if prev.ES = r.ES; prev.ES|next.ES != 0 {
			r.ES = next.ES
		}
		if prev.DS = r.DS; prev.DS|next.DS != 0 {
			r.DS = next.DS
		}
	})
}

func loadBases() step.Node {
	return step.Do("x86_fsgsbase_load", "next's thread pointer; user mode's gs base is the inactive one while the kernel has its own", func(c *step.Ctx) {
		r, next := regs(c), thread(c, c.F.Next)
		r.FS, r.GS = next.FSIndex, next.GSIndex
		r.FSBase, r.KernelGSBase = next.FSBase, next.GSBase
	})
}

func loadPKRU() step.Node {
	return step.Do("x86_pkru_load", "which protection keys next may use: at once, for the kernel accesses user memory under it", func(c *step.Ctx) {
		r := regs(c)
		thread(c, c.F.Prev).PKRU = r.PKRU
		r.PKRU = thread(c, c.F.Next).PKRU
	})
}

func currentTask() step.Node {
	return step.Do("current_task = next_p", "current is next from here on; the stack has been next's for long", func(c *step.Ctx) {
		percpu(c).CurrentTask = TaskAddress(c.F.Next)
		c.C.Current = c.F.Next
	})
}

func topOfStack() step.Node {
	return step.Do("cpu_current_top_of_stack", "the next system call begins on next's stack", func(c *step.Ctx) {
		percpu(c).TopOfStack = stackEnd(c.F.Next)
	})
}

func loadSP0(label string) step.Node {
	return step.Do(label, "the next interrupt from user mode begins on next's stack", func(c *step.Ctx) {
		percpu(c).SP0 = stackEnd(c.F.Next)
	})
}

func returnPrev() step.Node {
	return step.Do("return prev_p", "rax: the one value that comes from the other side; what C may spoil is spoilt", func(c *step.Ctx) {
		r := regs(c)
		r.RCX, r.RDX, r.RSI, r.RDI, r.R8, r.R9, r.R10, r.R11 = 0, 0, 0, 0, 0, 0, 0, 0
		r.RAX = TaskAddress(c.F.Prev)
	})
}

var switchToPaths = []*step.Path{
	{
		Name: "__switch_to", Only: withoutRegisters,
		Source: "arch/x86/kernel/process_64.c:__switch_to (2.6.32 to 7.3, where the first step is switch_fpu)",
		Doc:    "What is per task beside stack and address space. Departs: registers have no contents here, and the stack moves in the step after this path rather than before; nothing between the two can tell.",
		Body: step.Seq{
			step.Do("switch_fpu_prepare", "prev's FPU registers, fs and gs go to memory before next's replace them", func(*step.Ctx) {}).Touches(step.Held),
			step.Do("update_task_stack", "the next interrupt from user mode begins on next's stack", func(*step.Ctx) {}).Touches(step.Held),
		},
	},
	{
		Name: "__switch_to", Until: machine.V4_4, Only: withRegisters,
		Source: "arch/x86/kernel/process_64.c:__switch_to (2.6.32)",
		Doc:    "What is per task beside stack and address space. Departs: FPU registers are loaded here and not at the first use (TS); TLS descriptors, debug registers and I/O bitmaps are left out.",
		Body: step.Seq{loadSP0("load_sp0"), switchDataSegments(), saveSegments(), saveFPU("unlazy_fpu"), loadBases(), currentTask(), topOfStack(),
			loadFPUNow("__math_state_restore"), returnPrev()},
	},
	{
		Name: "__switch_to", Since: machine.V4_4, Until: machine.V6_1, Only: withRegisters,
		Source: "arch/x86/kernel/process_64.c:__switch_to (4.19)",
		Doc:    "What is per task beside stack and address space. Departs: TLS descriptors, debug registers and I/O bitmaps are left out.",
		Body: step.Seq{saveFPU("switch_fpu_prepare").Touches(step.Held), saveSegments(), switchDataSegments(), loadBases(), loadFPUNow("switch_fpu_finish"), currentTask(), topOfStack(),
			loadSP0("update_task_stack").Touches(step.Held), returnPrev()},
	},
	{
		Name: "__switch_to", Since: machine.V6_1, Until: machine.V7_3, Only: withRegisters,
		Source: "arch/x86/kernel/process_64.c:__switch_to (6.1, 6.12)",
		Doc:    "What is per task beside stack and address space. " + switchToDeparts,
		Body: step.Seq{
			step.If("!TIF_NEED_FPU_LOAD", fpuInRegisters, step.Then(saveFPU("switch_fpu_prepare").Touches(step.Held)), nil),
			saveSegments(), switchDataSegments(), loadBases(), loadPKRU(), currentTask(), topOfStack(),
			step.Do("switch_fpu_finish", "next loads its FPU registers on the way to user mode, if it gets there", func(c *step.Ctx) { setNeedFPULoad(c.T(c.F.Next), true) }),
			loadSP0("update_task_stack").Touches(step.Held), returnPrev()},
	},
	{
		Name: "__switch_to", Since: machine.V7_3, Only: withRegisters,
		Source: "arch/x86/kernel/process_64.c:__switch_to, arch/x86/include/asm/fpu/sched.h:switch_fpu (7.3)",
		Doc:    "What is per task beside stack and address space. Next's flag was set when it was switched out, or when it was made. " + switchToDeparts,
		Body: step.Seq{
			step.If("!TIF_NEED_FPU_LOAD", fpuInRegisters, step.Then(switchFPU()), nil),
			saveSegments(), switchDataSegments(), loadBases(), loadPKRU(), currentTask(), topOfStack(),
			loadSP0("update_task_stack").Touches(step.Held), returnPrev()},
	},
}

const switchToDeparts = "Departs: TLS descriptors, debug registers, I/O bitmaps and resource control are left out, and CPUs have FSGSBASE; sp0 is written as under Xen PV, where other machines enter through a trampoline that goes by cpu_current_top_of_stack."
