package x86

import (
	"encoding/hex"
	"strings"
	"unsafe"

	"switchyard/arch/x86/x64"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// line is an instruction of the register switch with what it is for. A jump or call has the name of its
// target behind the opcode.
type line struct {
	code string
	why  string
}

// The bytes below are assembled from our own writing of what the releases do. Offsets are those of this
// machine: thread.sp is at 0x508 of a task_struct, its canary at 0x500, the pointer to thread_info at 0x510.

var pushAll = []line{
	{"55", "rbp: what the calling standard makes the callee keep, prev's callers count on it"},
	{"53", "rbx"},
	{"4154", "r12"},
	{"4155", "r13"},
	{"4156", "r14"},
	{"4157", "r15; this is struct inactive_task_frame now"},
	{"4889a708050000", "prev->thread.sp: all of prev is on its stack"},
}

var moveStack = line{"488ba608050000", "from here on the CPU is on next's stack"}

// canary uses rbx, whose value is on a stack: prev's already, next's still.
var canary = []line{
	{"488b9e00050000", "next's stack canary"},
	{"6548891c2528000000", "functions that return on this CPU compare with it from now on"},
}

var popAll = []line{
	{"415f", "what next left in it, on whatever CPU that was"},
	{"415e", "r14"},
	{"415d", "r13"},
	{"415c", "r12"},
	{"5b", "rbx"},
	{"5d", "rbp"},
}

var jumpToC = line{"e9 __switch_to", "the rest in C, on next's stack; its return is the return of this function"}

// The macro switch_to as it was inlined up to 4.8. It tells the compiler that it spoils rbx and r12 to
// r15; that compilers then save these in the function that it is part of is their part of it.
var compilerSaves = []line{
	{"4157", "r15: the compiler's answer to the list of registers that the macro spoils"},
	{"4156", "r14"},
	{"4155", "r13"},
	{"4154", "r12"},
	{"53", "rbx"},
}

var compilerRestores = []line{
	{"5b", "what the compiler had to save"},
	{"415c", "r12"},
	{"415d", "r13"},
	{"415e", "r14"},
	{"415f", "r15"},
}

var (
	pushFlags = []line{{"9c", "flags: one task's NT or IOPL must not become another's"}}
	popFlags  = []line{{"9d", "next's flags"}}

	inlineSave = []line{
		{"55", "rbp, on prev's stack"},
		{"4889f5", "next, where it survives the call"},
		{"4889a708050000", "prev->thread.sp: what else counts is on its stack"},
	}
	inlineCall    = line{"e8 __switch_to", "the rest in C, on next's stack"}
	inlineCurrent = []line{
		{"65488b342530000000", "current: rsi is next's again, whoever that was once"},
		{"4c8b8600050000", "its stack canary"},
		{"654c89042528000000", "functions that return on this CPU compare with it from now on"},
		{"4c8b8610050000", "its thread_info"},
		{"4889c7", "last, as schedule_tail's argument"},
		{"41f70000000400", "_TIF_FORK: a task that has never run has nothing to restore"},
	}
	inlineFork    = line{"0f85 ret_from_fork", "there, for a new task"}
	inlineRestore = []line{
		{"4889ee", "next of this switch, who is this task: rbp came along from the other side"},
		{"5d", "rbp"},
	}
)

// infoAddress is where t's thread_info is in memory: its flags are the word behind the pointer to it.
func infoAddress(t machine.TaskID) uint64 {
	return TaskAddress(t) + machine.X86ThreadOffset + uint64(unsafe.Offsetof(machine.X86Thread{}.InfoFlags))
}

// tifFork is _TIF_FORK.
const tifFork = 1 << 18

func lines(parts ...[]line) []line {
	var all []line
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// code is an assembled sequence; steps are taken from it in order.
type code struct {
	text  *x64.Code
	lines []line
	next  int
}

// assemble puts the sequence to its address. Our own bytes do decode: a test looks.
func assemble(all []line) *code {
	var text []byte
	for _, l := range all {
		op, target, _ := strings.Cut(l.code, " ")
		b, err := hex.DecodeString(op)
		if err != nil {
			panic("x86: " + l.code + ": " + err.Error())
		}
		if text = append(text, b...); target != "" {
			rel := uint32(labelAddress(target) - (switchAddress + uint64(len(text)) + 4))
			text = append(text, byte(rel), byte(rel>>8), byte(rel>>16), byte(rel>>24))
		}
	}
	decoded, err := x64.Decode(text, switchAddress)
	if err != nil || decoded.Len() != len(all) {
		panic("x86: the register switch does not decode")
	}
	return &code{text: decoded, lines: all}
}

func labelAddress(name string) uint64 {
	switch name {
	case "__switch_to":
		return cSwitchTo
	case "ret_from_fork":
		return forkAddress
	}
	panic("x86: nothing is known of " + name)
}

// take makes steps of the next n instructions.
func (a *code) take(n int) step.Seq {
	var s step.Seq
	for range n {
		label, in := a.one()
		s = append(s, step.Do(label, a.lines[a.next-1].why, func(c *step.Ctx) { execute(c, in) }))
	}
	return s
}

// one returns the next instruction for a step of another kind.
func (a *code) one() (string, *x64.Inst) {
	i := a.next
	a.next++
	return a.text.Text(i), a.text.At(i)
}

func execute(c *step.Ctx, in *x64.Inst) {
	r := regs(c)
	if err := in.Exec(r, c.S.Mem); err != nil {
		c.Broken("I1", err.Error())
		r.RIP += uint64(in.Len())
	}
}

// move is the instruction that makes the switch: a Switch step, for what runs next is what stands on the
// stack that rsp is on. Where that is not next's a rule is broken, and the machine goes on with next
// nevertheless, since nothing that came after would mean anything.
func (a *code) move() step.Node {
	label, in := a.one()
	return step.Switch(label, a.lines[a.next-1].why, func(c *step.Ctx) {
		execute(c, in)
		next := c.F.Next
		if stackAt(c.S, regs(c).RSP) != next {
			c.Broken("I1", "the stack pointer is not on the stack of the task switched to")
			regs(c).RSP = thread(c, next).SP
		}
		if c.T(next).Depth == 0 {
			c.Broken("I1", "the task switched to has no saved context")
			return
		}
		c.StandOn(next)
	})
}

// enter goes to __switch_to, whose arguments are what rdi and rsi hold: the locals on this stack are from
// when this task left.
func (a *code) enter() step.Seq {
	label, in := a.one()
	return step.Seq{
		step.Do(label, a.lines[a.next-1].why, func(c *step.Ctx) {
			execute(c, in)
			c.F.Prev, c.F.Next = taskAt(c.S, regs(c).RDI), taskAt(c.S, regs(c).RSI)
			if c.F.Prev == machine.NoTask || c.F.Next != c.C.Stack {
				c.Broken("I20", "rdi and rsi are not the task that was left and the one on whose stack the CPU is")
				c.F.Prev, c.F.Next = c.C.Current, c.C.Stack
			}
		}),
		step.Call("__switch_to"),
	}
}

// returned executes the ret at the end of __switch_to. Where the switch is a function of its own (since
// 4.9) that is its own return as well, to where the task once called it from.
func returned() step.Node {
	return step.Switch("ret", "to where next once called from; rax says who was left", func(c *step.Ctx) {
		goTo(c, pop(c))
		t := c.C.Stack
		c.S.Pop(t)
		if f := c.S.Top(t); regs(c).RIP != textAddress(f.PC) {
			c.S.Pop(t) // this task called the function; a new one's stack begins behind it
		}
		c.StandOn(t)
		if want := returnDepth(c, t); regs(c).RSP != want {
			c.Broken("I1", "the stack pointer is not where the task left it")
			regs(c).RSP = want
		}
		if c.F == nil || regs(c).RIP != textAddress(c.F.PC) {
			c.Broken("I1", "the return address does not say where the task left")
		}
	})
}

// returnDepth is where the stack pointer of a task is behind its call: a new one has nothing but pt_regs.
func returnDepth(c *step.Ctx, t machine.TaskID) uint64 {
	if c.F != nil && c.F.Prev == machine.NoTask {
		return userFrame(t)
	}
	return stackAtCall(t)
}

func goTo(c *step.Ctx, addr uint64) { regs(c).RIP = addr }

// pop takes a word off the stack, as ret does.
func pop(c *step.Ctx) uint64 {
	r := regs(c)
	v, err := c.S.Mem.Load(r.RSP)
	if err != nil {
		c.Broken("I1", err.Error())
	}
	r.RSP += 8
	return v
}

// callSwitch is the call in the macro switch_to. It is a Switch step, although it does not move the
// stack, because it looks at where its caller goes on.
func callSwitch() step.Node {
	return step.Switch("call __switch_to_asm", "prev and next as arguments; the stack says where prev goes on", func(c *step.Ctx) {
		r := regs(c)
		arguments(c)
		r.RSP -= 8
		if err := c.S.Mem.Store(r.RSP, textAddress(c.S.Top2(c.C.Stack).PC)); err != nil {
			c.Broken("I1", err.Error())
		}
	})
}

func arguments(c *step.Ctx) {
	r := regs(c)
	r.RDI, r.RSI, r.RIP = TaskAddress(c.F.Prev), TaskAddress(c.F.Next), switchAddress
	r.RSP = stackAtCall(c.C.Stack)
}

// locals stands for the code around the switch, which keeps its own values in the registers that a
// callee must preserve.
func locals() step.Node {
	return step.Ours("rbx, rbp, r12 to r15", "what the callers of the switch keep in registers that a callee has to preserve", func(c *step.Ctx) {
		t := c.T(c.C.Stack)
		for i, r := range preserved(regs(c)) {
			*r = kernel.Mark(t, kernel.OfKernel, i)
		}
	})
}

func preserved(r *machine.X86Registers) [6]*uint64 {
	return [...]*uint64{&r.RBX, &r.RBP, &r.R12, &r.R13, &r.R14, &r.R15}
}

func localsKept() step.Node {
	return step.Ours("rbx, rbp, r12 to r15 again", "the callers of the switch go on with what they had in them", func(c *step.Ctx) {
		t := c.T(c.C.Stack)
		for i, r := range preserved(regs(c)) {
			if *r != kernel.Mark(t, kernel.OfKernel, i) {
				c.Broken("I1", "a register that a callee has to preserve has not the value that the task left in it")
				break
			}
		}
		if regs(c).RSP != stackAtCall(c.C.Stack) {
			c.Broken("I1", "the stack pointer is not where the task left it")
		}
		if c.S.Config.Release < machine.V5_0 && regs(c).RSI != TaskAddress(c.C.Stack) {
			c.Broken("I1", "the macro leaves next in rsi, who is this task, and something else is in it")
		}
		if percpu(c).Canary != thread(c, c.C.Stack).Canary {
			c.Broken("I1", "the stack canary is another task's: the next return would take it for a smashed stack")
		}
		// What is below the stack pointer is no part of a state.
		c.S.X86Stacks[c.C.Stack].Words = [machine.X86StackWords]uint64{}
	})
}

func lastFromRAX() step.Node {
	return step.Do("last = rax", "who was really left: the stack still says whom this task once left for", takeLast)
}

// takeFirst is takeLast for a new task, of which nothing is on the stack but pt_regs.
func takeFirst(c *step.Ctx) {
	if regs(c).RSP != userFrame(c.C.Stack) {
		c.Broken("I1", "the stack pointer of a new task is not at its pt_regs")
	}
	takeLast(c)
}

func takeLast(c *step.Ctx) {
	if last := taskAt(c.S, regs(c).RAX); last != machine.NoTask {
		c.F.Prev = last
		return
	}
	c.Broken("I20", "rax is no task_struct after the switch")
}

// asmFunction is __switch_to_asm: first and second are what runs on prev's and on next's stack.
func asmFunction() (first, second step.Seq) {
	a := assemble(lines(pushAll, []line{moveStack}, canary, popAll, []line{jumpToC}))
	first = append(step.Seq{callSwitch()}, a.take(len(pushAll))...)
	first = append(first, a.move(), step.Call(onNext))
	second = a.take(len(canary) + len(popAll))
	second = append(second, a.enter()...)
	return first, append(second, returned())
}

// asmInline is the macro of 4.8 and before.
func asmInline(save, restore []line) (first, second step.Seq) {
	a := assemble(lines(compilerSaves, save, inlineSave, []line{moveStack, inlineCall}, inlineCurrent, []line{inlineFork}, inlineRestore, restore, compilerRestores))
	first = step.Seq{locals(), step.Ours("rdi, rsi", "prev and next, where the macro wants them", arguments)}
	first = append(first, a.take(len(compilerSaves)+len(save)+len(inlineSave))...)
	first = append(first, a.move(), step.Call(onNext), lastFromRAX(), localsKept())
	second = append(a.enter(), step.Do("ret", "back into the macro", func(c *step.Ctx) { goTo(c, pop(c)) }))
	second = append(second, a.take(len(inlineCurrent)+1)...)
	second = append(second, step.If("a task that has never run", func(c *step.Ctx) bool { return regs(c).RIP == forkAddress }, step.Then(step.Return()), nil))
	return first, append(second, a.take(len(inlineRestore)+len(restore)+len(compilerRestores))...)
}

// onNext is the second half of the register switch: where every task is that does not run.
const onNext = "__switch_to_asm on next's stack"

var (
	oldFirst, oldSecond       = asmInline(pushFlags, popFlags)
	inlineFirst, inlineSecond = asmInline(nil, nil)
	asmFirst, asmSecond       = asmFunction()
)

const switchToDoc = "All of the switch below context_switch. What comes back is another task, and rax says which one was left."

var switchToAsmPaths = []*step.Path{
	{
		Name: "switch_to", Until: machine.V4_4, Only: withRegisters,
		Source: "arch/x86/include/asm/system.h:switch_to (2.6.32)",
		Doc:    switchToDoc + " Inlined into its caller; rbp and flags on the stack, the rest is the compiler's.",
		Body:   oldFirst,
	},
	{
		Name: onNext, Until: machine.V4_4, Only: withRegisters,
		Source: "arch/x86/include/asm/system.h:switch_to (2.6.32)",
		Doc:    "The part of the macro behind the change of stacks, which a new task begins with as well. Departs: the release cleared TIF_FORK by another instruction.",
		Body:   oldSecond,
	},
	{
		Name: "switch_to", Since: machine.V4_4, Until: machine.V5_0, Only: withRegisters,
		Source: "arch/x86/include/asm/switch_to.h:switch_to (4.4)",
		Doc:    switchToDoc + " Inlined into its caller; rbp on the stack, flags no longer, the rest is the compiler's.",
		Body:   inlineFirst,
	},
	{
		Name: onNext, Since: machine.V4_4, Until: machine.V5_0, Only: withRegisters,
		Source: "arch/x86/include/asm/switch_to.h:switch_to (4.4)",
		Doc:    "The part of the macro behind the change of stacks, which a new task begins with as well.",
		Body:   inlineSecond,
	},
	{
		Name: "switch_to", Since: machine.V5_0, Only: withRegisters,
		Source: "arch/x86/include/asm/switch_to.h:switch_to (4.19 to 7.3)",
		Doc:    switchToDoc,
		Body:   step.Seq{locals(), step.Call("__switch_to_asm"), lastFromRAX(), localsKept()},
	},
	{
		Name: "__switch_to_asm", Since: machine.V5_0, Only: withRegisters,
		Source: "arch/x86/entry/entry_64.S:__switch_to_asm (4.19, 6.1, 6.12, 7.3)",
		Doc:    "Prev's callee-saved registers go to its stack, next's come from there. Departs: no endbr64, and the return stack buffer is not filled (an alternative; see docs/fidelity.md).",
		Body:   asmFirst,
	},
	{
		Name: onNext, Since: machine.V5_0, Only: withRegisters,
		Source: "arch/x86/entry/entry_64.S:__switch_to_asm (4.19, 6.1, 6.12, 7.3)",
		Doc:    "The part behind the change of stacks, which a new task begins with as well. Departs: in 7.3 the canary stands where the linker puts a per-CPU variable (__stack_chk_guard), not at 40.",
		Body:   asmSecond,
	},
	{
		Name: "ret_from_fork", Until: machine.V5_0, Only: withRegisters,
		Source: "arch/x86/kernel/entry_64.S:ret_from_fork (4.4)",
		Doc:    "Where a new task begins: rdi says who was left, r8 where its thread_info is.",
		Body: step.Seq{
			step.Do("btr TIF_FORK", "it has run now: the next switch to it restores what it pushed", func(c *step.Ctx) {
				thread(c, c.C.Stack).InfoFlags &^= tifFork
			}),
			step.Do("rdi", "schedule_tail's argument is what __switch_to returned", func(c *step.Ctx) {
				if regs(c).RDI != regs(c).RAX {
					c.Broken("I20", "rdi is not what __switch_to returned")
				}
				takeFirst(c)
			}),
			step.Call("schedule_tail"),
		},
	},
	{
		Name: "ret_from_fork", Since: machine.V5_0, Only: withRegisters,
		Source: "arch/x86/entry/entry_64.S:ret_from_fork (4.19, 6.1), ret_from_fork_asm (6.12, 7.3), which leaves the rest to arch/x86/kernel/process.c:ret_from_fork",
		Doc:    "Where a new task begins: rax says who was left, rbx and r12 what a kernel thread runs.",
		Body: step.Seq{
			step.Do("rax", "schedule_tail's argument is what __switch_to returned", takeFirst),
			step.Call("schedule_tail"),
			step.If("testq %rbx, %rbx: a kernel thread", func(c *step.Ctx) bool { return regs(c).RBX != 0 }, step.Then(
				step.Do("call rbx", "the function that copy_thread put there, with r12 as its argument", func(c *step.Ctx) {
					r := regs(c)
					r.RDI = r.R12
					if r.RBX != threadFunction || r.R12 != TaskAddress(c.C.Stack) {
						c.Broken("I1", "a kernel thread does not begin with its own function and argument")
					}
				})), nil),
		},
	},
}
