package arm64

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// A user program's registers are in the CPU only while it runs. The entry code puts x0 to x30, sp and pc
// into pt_regs at the top of the task's kernel stack; v0 to v31 and tpidr_el0 stay in the CPU until a
// switch moves them. A digest of what the program left says later whether it found the same again.

func gpDigest(r *machine.ARM64PtRegs) uint64 {
	return kernel.Digest(kernel.Digest(r.X[:]...), r.SP, r.PC)
}

// live are the user registers as they are in the CPU while user code runs.
func live(c *step.Ctx) machine.ARM64PtRegs {
	r := regs(c)
	return machine.ARM64PtRegs{X: r.X, SP: r.SPEL0, PC: r.PC}
}

func note(c *step.Ctx) {
	user := live(c)
	u := &c.S.ARM64Users[c.C.Current]
	u.GP, u.FP, u.TLS = gpDigest(&user), kernel.Digest(regs(c).FP[:]...), regs(c).TPIDR
}

func findUserRegisters(c *step.Ctx) {
	user, want := live(c), &c.S.ARM64Users[c.C.Current]
	switch {
	case gpDigest(&user) != want.GP:
		c.Broken("I27", "user code finds other values in x0 to x30, sp or pc than it left there")
	case kernel.Digest(regs(c).FP[:]...) != want.FP:
		c.Broken("I27", "user code finds other values in v0 to v31 than it left there")
	case regs(c).TPIDR != want.TLS:
		c.Broken("I27", "user code finds another thread pointer than its own")
	}
}

// count goes on in the lowest two bits: values change whenever the program runs, and a machine still has
// finitely many states.
func count(v uint64) uint64 { return v&^3 | (v+1)&3 }

// useRegisters is a program that computes with all its registers. A new one first puts values of its own there.
func useRegisters(c *step.Ctx) {
	r, t := regs(c), c.Task()
	if r.X[28] == 0 {
		for i := range r.X {
			r.X[i] = kernel.Mark(t, kernel.OfUser, i)
		}
		for i := range r.FP {
			r.FP[i] = kernel.Mark(t, kernel.OfUser, 64+i)
		}
		r.TPIDR, r.SPEL0, r.PC = kernel.Mark(t, kernel.OfUser, 80), kernel.Mark(t, kernel.OfUser, 81), kernel.Mark(t, kernel.OfUser, 82)
	}
	r.X[0], r.FP[0], r.TPIDR = count(r.X[0]), count(r.FP[0]), count(r.TPIDR)
	note(c)
}

// entry is kernel_entry of an exception from user mode.
func entry(c *step.Ctx) {
	r, t := regs(c), c.C.Current
	p := &c.S.ARM64PtRegs[t]
	*p = live(c)
	p.PState = r.Flags
	r.DAIF, r.SP = irqMasked, userFrame(t)
	c.C.IRQOff = false
	if c.S.Config.Release >= machine.V5_0 {
		r.SPEL0 = r.EntryTask
		clear(r.X[:])
		if r.EntryTask != TaskAddress(t) {
			c.Broken("I1", "the entry code takes another task for current than the one that runs")
		}
	}
}

var userRegisterPaths = []*step.Path{
	{
		Name: "restore_user_registers", Since: machine.V4_4, Only: withRegisters,
		Source: "arch/arm64/kernel/signal.c:do_notify_resume (4.4 to 6.1; entry-common.c in 6.12, asm/entry-common.h:arch_exit_to_user_mode_work in 7.3), entry.S:kernel_exit (4.4 to 7.3)",
		Doc:    "The last of the kernel before user mode: vector registers if they are not the task's, then x0 to x30 and sp from pt_regs.",
		Body: step.Seq{
			step.Call("do_notify_resume"),
			step.Do("kernel_exit", "x0 to x30, sp_el0 and pc as user mode left them", func(c *step.Ctx) {
				r, p := regs(c), &c.S.ARM64PtRegs[c.C.Current]
				r.X, r.SPEL0, r.PC, r.Flags, r.DAIF = p.X, p.SP, p.PC, p.PState, 0
				r.SP = userFrame(c.C.Current) + machine.ARM64PtRegsSize
				c.C.IRQOff = true // an interrupt in user mode goes through kernel_entry first
			}),
		},
	},
	{
		Name: "user_registers", Since: machine.V4_4, Only: withRegisters,
		Source: "none: what a user program does",
		Doc:    "User code finds in its registers what it left there, and puts something else into some.",
		Body: step.Seq{
			step.Ours("user registers", "x0 to x30, v0 to v31 and tpidr_el0 are what this program left in them, wherever that was", findUserRegisters).Touches(step.Held),
			step.Ours("user code", "the program computes with them", useRegisters).Touches(step.Held),
		},
	},
	{
		Name: "save_user_registers", Since: machine.V4_4, Until: machine.V5_0, Only: withRegisters,
		Source: "arch/arm64/kernel/entry.S:kernel_entry (4.4)",
		Doc:    "An exception: user mode's x0 to x30 go to pt_regs, and stay in the registers besides.",
		Body:   step.Seq{step.Do("kernel_entry", "x0 to x30, sp_el0 and pc to pt_regs", entry)},
	},
	{
		Name: "save_user_registers", Since: machine.V5_0, Only: withRegisters,
		Source: "arch/arm64/kernel/entry.S:kernel_entry (4.19 to 7.3)",
		Doc:    "An exception: user mode's x0 to x30 go to pt_regs and are cleared; __entry_task says who is current.",
		Body:   step.Seq{step.Do("kernel_entry", "x0 to x30, sp_el0 and pc to pt_regs; sp_el0 is current again", entry)},
	},
	{
		Name: "copy_thread", Since: machine.V4_4, Until: machine.V6_1, Only: withRegisters,
		Source: "arch/arm64/kernel/process.c:arch_dup_task_struct, copy_thread (4.4 to 5.4)",
		Doc:    "What a new task finds in its registers. Departs: 4.4.1 left the parent's fpsimd_cpu in the copy (Prevent registers leaking from dead tasks, 4.15); the fix is in all releases here.",
		Body:   copyThread(preserveParent()),
	},
	{
		Name: "copy_thread", Since: machine.V6_1, Until: machine.V7_3, Only: withRegisters,
		Source: "arch/arm64/kernel/process.c:arch_dup_task_struct, copy_thread (6.1, 6.12; keys since 5.7)",
		Doc:    "What a new task finds in its registers.",
		Body:   copyThread(preserveParent(), ptrauthInit()),
	},
	{
		Name: "copy_thread", Since: machine.V7_3, Only: withRegisters,
		Source: "arch/arm64/kernel/process.c:arch_dup_task_struct, copy_thread (7.3)",
		Doc:    "What a new task finds in its registers. " + flushesParent,
		Body:   copyThread(flushParent(), ptrauthInit()),
	},
	{
		Name: "start_thread", Since: machine.V4_4, Only: withRegisters,
		Source: "arch/arm64/kernel/process.c:flush_thread, arch/arm64/include/asm/processor.h:start_thread (4.4 to 7.3)",
		Doc:    "A new program begins with empty registers.",
		Body: step.Seq{
			step.Call("fpsimd_flush_thread"),
			step.Do("tls_thread_flush", "the old program's thread pointer is forgotten", func(c *step.Ctx) { regs(c).TPIDR = 0 }),
			step.Do("start_thread", "pt_regs as for a program that has never run", func(c *step.Ctx) { newProgram(c, c.C.Current) }),
		},
	},
}

func ptrauthInit() step.Node {
	return step.Do("ptrauth_thread_init_kernel", "a key of its own for return addresses", func(c *step.Ctx) {
		th, child := thread(c, c.F.Next), c.T(c.F.Next)
		th.KeyLo, th.KeyHi = kernel.Mark(child, kernel.OfKernel, 40), kernel.Mark(child, kernel.OfKernel, 41)
	})
}

// copyThread is what fork does to the registers of a child; more comes behind what all releases have.
func copyThread(parent step.Node, more ...step.Node) step.Seq {
	s := step.Seq{
		parent,
		step.Do("arch_dup_task_struct", "a copy of the parent's, notes on vector registers included", func(c *step.Ctx) {
			if c.F.N&kernel.CloneElsewhere != 0 {
				*thread(c, c.F.Next) = machine.ARM64Thread{}
				return
			}
			child, parent := c.T(c.F.Next), c.Task()
			*thread(c, c.F.Next) = *thread(c, c.C.Current)
			child.FPOwner, child.Flags = parent.FPOwner, parent.Flags&machine.TIFForeignFPState
		}),
		flushChild(),
	}
	return append(append(s, more...),
		step.If("the parent has user registers", copiesUser, step.Then(
			step.Do("childregs", "the parent's user registers, and 0 as the result of its clone", func(c *step.Ctx) {
				p := &c.S.ARM64PtRegs[c.F.Next]
				*p = c.S.ARM64PtRegs[c.C.Current]
				p.X[0] = 0
				c.S.ARM64Users[c.F.Next] = c.S.ARM64Users[c.C.Current] // the child's locals are its own before it first leaves
				c.S.ARM64Users[c.F.Next].GP = gpDigest(p)
			}),
			step.Do("task_user_tls", "the parent's thread pointer as it is in the register: the saved one may be old", func(c *step.Ctx) {
				thread(c, c.F.Next).TP = regs(c).TPIDR
			})),
			step.Else(step.Do("childregs = 0", "no user mode to go back to until it execs", func(c *step.Ctx) {
				newProgram(c, c.F.Next)
			}))),
		step.Do("cpu_context", "sp at the end of its stack, pc at ret_from_fork; x19 and x20 for a kernel thread", func(c *step.Ctx) {
			child := c.F.Next
			ctx := machine.ARM64Context{PC: textAddress(c.S.Top(child).PC), SP: userFrame(child), FP: userFrame(child)}
			if !copiesUser(c) && c.F.N&kernel.CloneElsewhere == 0 {
				ctx.X19, ctx.X20 = threadFunction, TaskAddress(child)
			}
			thread(c, child).Context = ctx
		}),
	)
}

// preserveParent makes what is copied from memory the parent's most recent vector registers.
func preserveParent() step.Node {
	return step.If("current->mm", func(c *step.Ctx) bool {
		return c.Task().MM != machine.NoMM && c.F.N&kernel.CloneElsewhere == 0
	}, step.Then(step.Call("fpsimd_preserve_current_state")), nil)
}

const flushesParent = "Since 6.16 the parent's values are in memory alone from here on, whoever it is; before, only tasks with an mm were looked at."

// flushParent is arch_dup_task_struct's first line since 6.16, which asks for no mm.
func flushParent() step.Node {
	return step.If("the parent runs here", func(c *step.Ctx) bool { return c.F.N&kernel.CloneElsewhere == 0 },
		step.Then(step.Call("fpsimd_preserve_current_state")), nil)
}

func flushChild() step.Node {
	return step.Do("fpsimd_flush_task_state", "no CPU has this task's values, whoever had the same task_struct before", func(c *step.Ctx) {
		flushTaskState(c, c.F.Next)
	})
}

// copiesUser: a child of a user task that is a user task itself goes back to where its parent was.
func copiesUser(c *step.Ctx) bool {
	return c.F.N&(kernel.CloneKernel|kernel.CloneElsewhere) == 0 && c.Task().Kind == machine.UserTask && c.Task().MM != machine.NoMM
}

func newProgram(c *step.Ctx, t machine.TaskID) {
	c.S.ARM64PtRegs[t] = machine.ARM64PtRegs{}
	setUser(c.S, t, UserRegisters{})
}

// UserRegisters are the registers of a user program, as a debugger shows them.
type UserRegisters struct {
	X     [31]uint64
	V     [8]uint64
	SP    uint64
	PC    uint64
	TPIDR uint64
}

// User returns the user registers of a task that is in the kernel or not running, wherever they are.
func User(s *machine.State, t machine.TaskID) UserRegisters {
	p, th := &s.ARM64PtRegs[t], &s.ARM64Threads[t]
	u := UserRegisters{X: p.X, V: th.FP, SP: p.SP, PC: p.PC, TPIDR: th.TP}
	for i := range s.CPUs {
		if s.CPUs[i].Current != t {
			continue
		}
		u.TPIDR = s.ARM64Regs[i].TPIDR
		if !foreign(&s.Tasks[t]) {
			u.V = s.ARM64Regs[i].FP
		}
	}
	return u
}

// SetUser gives a task that is not running user registers, as ptrace does: its vector registers are
// loaded anew, whatever a CPU still has of them.
func SetUser(s *machine.State, t machine.TaskID, u UserRegisters) {
	setUser(s, t, u)
	s.Tasks[t].FPOwner = machine.NoCPU
	setForeign(&s.Tasks[t], true)
}

func setUser(s *machine.State, t machine.TaskID, u UserRegisters) {
	p, th, left := &s.ARM64PtRegs[t], &s.ARM64Threads[t], &s.ARM64Users[t]
	*p = machine.ARM64PtRegs{X: u.X, SP: u.SP, PC: u.PC, PState: p.PState}
	th.FP, th.TP = u.V, u.TPIDR
	left.GP, left.FP, left.TLS = gpDigest(p), kernel.Digest(u.V[:]...), u.TPIDR
}
