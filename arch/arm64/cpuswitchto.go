package arm64

import (
	"switchyard/arch/arm64/a64"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// line is an instruction of the register switch with what it is for.
type line struct {
	word uint32
	why  string
}

// The words below are assembled from our own writing of what the releases do. Offsets are those of this
// machine: THREAD_CPU_CONTEXT is machine.ARM64ThreadOffset.

var save = []line{
	{0x910003e9, "the stack pointer cannot be stored by itself"},
	{0xa8815113, "what the calling standard makes the callee keep: prev's callers count on it"},
	{0xa8815915, "x21 and x22 likewise"},
	{0xa8816117, "x23 and x24 likewise"},
	{0xa8816919, "x25 and x26 likewise"},
	{0xa881711b, "x27 and x28 likewise"},
	{0xa881251d, "the frame pointer, and where prev's stack ends"},
	{0xf900011e, "where prev goes on when somebody switches back to it"},
}

var restore = []line{
	{0xa8c15113, "what next left in them, on whatever CPU that was"},
	{0xa8c15915, "x21 and x22 likewise"},
	{0xa8c16117, "x23 and x24 likewise"},
	{0xa8c16919, "x25 and x26 likewise"},
	{0xa8c1711b, "x27 and x28 likewise"},
	{0xa8c1251d, "next's frame pointer and the end of its stack"},
	{0xf940011e, "where next goes on"},
	{0x9100013f, "from here on the CPU is on next's stack"},
}

var setCurrent = line{0xd5184101, "current is next from here on"}

var ret = line{0xd65f03c0, "to where next once called from; x0 was never written and says who was left"}

func lines(parts ...[]line) []line {
	var all []line
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// switch44: a small structure, its offset fits into the instruction; current follows from the stack pointer.
var switch44Words = lines(
	[]line{{0x912d0008, "prev's thread.cpu_context"}}, save,
	[]line{{0x912d0028, "next's thread.cpu_context"}}, restore,
	[]line{ret})

var switch50Words = lines(
	[]line{{0xd281680a, "THREAD_CPU_CONTEXT, too far for an immediate operand"}, {0x8b0a0008, "prev's thread.cpu_context"}}, save,
	[]line{{0x8b0a0028, "next's thread.cpu_context"}}, restore,
	[]line{setCurrent, ret})

var switch61Words = lines(
	[]line{{0xd53b422b, "what was masked before"}, {0xd5034fdf, "an exception between sp and sp_el0 would find a stack that is not current's"}},
	[]line{{0xd281680a, "THREAD_CPU_CONTEXT, too far for an immediate operand"}, {0x8b0a0008, "prev's thread.cpu_context"}}, save,
	[]line{{0x8b0a0028, "next's thread.cpu_context"}}, restore,
	[]line{setCurrent,
		{0xd2817f08, "THREAD_KEYS_KERNEL"},
		{0x8b080028, "next's thread.keys_kernel"},
		{0xa9402909, "the key with which next's return addresses were signed"},
		{0xd5182109, "its lower half"},
		{0xd518212a, "its upper half"},
		{0xd5033fdf, "before anything is authenticated with it"},
		{0xd51b422b, "what was masked before is masked again, and no more"}, ret})

// assemble makes steps of instructions. The last one, ret, moves the CPU.
func assemble(code []line) step.Seq {
	words := make([]uint32, len(code))
	for i, l := range code {
		words[i] = l.word
	}
	text, err := a64.Words(switchAddress, words...)
	if err != nil {
		panic("arm64: cpu_switch_to: " + err.Error()) // our own words; a test decodes them all
	}
	s := step.Seq{callSwitch()}
	for i, l := range code {
		in := text.At(i)
		if i == len(code)-1 {
			s = append(s, step.Switch(text.Text(i), l.why, func(c *step.Ctx) { goBack(c, in) }))
			continue
		}
		s = append(s, instruction(text.Text(i), l.why, in))
	}
	return s
}

func instruction(text, why string, in *a64.Inst) step.Node {
	return step.Do(text, why, func(c *step.Ctx) { execute(c, in) })
}

func execute(c *step.Ctx, in *a64.Inst) {
	r := regs(c)
	if err := in.Exec(r, c.S.Mem); err != nil {
		c.Broken("I1", err.Error())
		r.PC += 4
	}
}

// callSwitch is a Switch step, although it does not move the stack, because it looks at the stack: at how
// deep it is and at where its caller goes on.
func callSwitch() step.Node {
	return step.Switch("bl cpu_switch_to", "prev and next as arguments; the link register says where prev goes on", func(c *step.Ctx) {
		r := regs(c)
		t := c.C.Stack
		r.X[0], r.X[1] = TaskAddress(c.F.Prev), TaskAddress(c.F.Next)
		r.SP = stackPointer(t, c.S.Tasks[t].Depth-1) // a leaf function has no frame
		r.X[29] = r.SP
		r.X[30] = textAddress(c.S.Top2(t).PC)
		r.DAIF = irqMasked
		r.PC = switchAddress
	})
}

// irqMasked is DAIF with interrupts off: the I and F bits.
const irqMasked = 3 << 6

// goBack executes ret and makes the machine what the registers say: on which stack it is, who is current
// and where it goes on. Where that is not where next left, a rule is broken; the machine then goes on where
// next left nevertheless, since nothing that came after would mean anything.
func goBack(c *step.Ctx, in *a64.Inst) {
	execute(c, in)
	r, next := regs(c), c.F.Next
	if r.X[0] != TaskAddress(c.F.Prev) {
		c.Broken("I20", "x0 does not say which task was left")
	}
	if r.DAIF != irqMasked {
		c.Broken("I1", "the register switch returns with other exceptions masked than it was called with")
	}
	c.S.Pop(c.C.Stack) // the leaf's own position
	to := stackAt(c.S, r.SP)
	if to != next {
		c.Broken("I1", "the stack pointer is not on the stack of the task switched to")
		to = next
	}
	if c.C.Current = currentOf(c); c.C.Current != to {
		c.Broken("I1", "current is not the task on whose stack the CPU is")
		c.C.Current = to
	}
	if c.T(to).Depth == 0 {
		c.Broken("I1", "the task switched to has no saved context")
		to = c.C.Stack
	}
	c.StandOn(to)
	left, depth := c.F.PC, c.T(to).Depth
	if r.PC == textAddress(left) && r.SP == userFrame(to) {
		depth = 0 // a new task: its first two frames are of assembly code, which has none on the stack
	}
	if r.SP != stackPointer(to, depth) {
		c.Broken("I1", "the stack pointer is not where the task left it")
	}
	if r.PC != textAddress(left) || !c.GoOnAt(textPC(r.PC)) {
		c.Broken("I1", "the link register does not say where the task left")
	}
}

// currentOf is what the kernel takes for current.
func currentOf(c *step.Ctx) machine.TaskID {
	r := regs(c)
	if c.S.Config.Release < machine.V5_0 {
		return stackAt(c.S, r.SP) // thread_info is at the bottom of the stack
	}
	return taskAt(c.S, r.SPEL0)
}

// locals stands for the code around the switch, which keeps its own values in the registers that a
// callee must preserve.
func locals() step.Node {
	return step.Ours("x19 to x28", "what the callers of the switch keep in registers that a callee has to preserve", func(c *step.Ctx) {
		r, t := regs(c), c.C.Stack
		turn := &c.S.ARM64Users[t].Locals
		*turn = (*turn + 1) & 3 // other values than last time, and still finitely many states
		r.X[19] = TaskAddress(t)
		for i := 20; i <= 28; i++ {
			r.X[i] = kernel.Mark(c.T(t), kernel.OfKernel, i) | *turn
		}
	})
}

func localsKept() step.Node {
	return step.Ours("x19 to x28 again", "the callers of the switch go on with what they had in them", func(c *step.Ctx) {
		r, t := regs(c), c.C.Stack
		kept := r.X[19] == TaskAddress(t) && r.X[29] == r.SP
		for i := 20; i <= 28; i++ {
			kept = kept && r.X[i] == kernel.Mark(c.T(t), kernel.OfKernel, i)|c.S.ARM64Users[t].Locals
		}
		if !kept {
			c.Broken("I1", "a register that a callee has to preserve has not the value that the task left in it")
		}
	})
}

func lastFromX0() step.Node {
	return step.Do("last = x0", "who was really left: the stack still says whom this task once left for", takeLast)
}

func takeLast(c *step.Ctx) {
	if last := taskAt(c.S, regs(c).X[0]); last != machine.NoTask {
		c.F.Prev = last
		return
	}
	c.Broken("I20", "x0 is no task_struct after the switch")
}

const cpuSwitchToDoc = "Prev's callee-saved registers go to its thread.cpu_context, next's come from there; sp, sp_el0 and lr make it the switch."

var cpuSwitchToPaths = []*step.Path{
	{
		Name: "switch_to", Since: machine.V4_4, Only: withRegisters,
		Source: "arch/arm64/include/asm/switch_to.h, arch/arm64/kernel/process.c:__switch_to (4.4 to 7.3)",
		Doc:    "All of the switch below context_switch. What comes back is another task, and x0 says which one was left.",
		Body:   step.Seq{step.Call("__switch_to"), locals(), step.Call("cpu_switch_to"), lastFromX0(), localsKept()},
	},
	{
		Name: "cpu_switch_to", Since: machine.V4_4, Until: machine.V5_0, Only: withRegisters,
		Source: "arch/arm64/kernel/entry.S:cpu_switch_to (4.4)",
		Doc:    cpuSwitchToDoc,
		Body:   assemble(switch44Words),
	},
	{
		Name: "cpu_switch_to", Since: machine.V5_0, Until: machine.V6_1, Only: withRegisters,
		Source: "arch/arm64/kernel/entry.S:cpu_switch_to (4.14 to 5.4)",
		Doc:    cpuSwitchToDoc,
		Body:   assemble(switch50Words),
	},
	{
		Name: "cpu_switch_to", Since: machine.V6_1, Only: withRegisters,
		Source: "arch/arm64/kernel/entry.S:cpu_switch_to (6.1.192, 6.12.117, 7.3; with masked exceptions since 6.16 and in the stable series, d42e6c20de61)",
		Doc:    cpuSwitchToDoc + " Departs: no shadow call stack.",
		Body:   assemble(switch61Words),
	},
	{
		Name: "ret_from_fork", Since: machine.V4_4, Only: withRegisters,
		Source: "arch/arm64/kernel/entry.S:ret_from_fork (4.4 to 7.3)",
		Doc:    "Where a new task's saved context begins: x0 says who was left, x19 and x20 what a kernel thread runs.",
		Body: step.Seq{
			step.Do("x0", "schedule_tail's argument is what the register switch left there", takeLast),
			step.Call("schedule_tail"),
			step.If("cbz x19: a kernel thread", func(c *step.Ctx) bool { return regs(c).X[19] != 0 }, step.Then(
				step.Do("blr x19", "the function that copy_thread put there, with x20 as its argument", func(c *step.Ctx) {
					r := regs(c)
					r.X[0] = r.X[20]
					if r.X[19] != threadFunction || r.X[20] != TaskAddress(c.C.Stack) {
						c.Broken("I1", "a kernel thread does not begin with its own function and argument")
					}
				})), nil),
		},
	},
}
