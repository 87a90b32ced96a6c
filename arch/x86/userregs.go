package x86

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// A user program's registers are in the CPU only while it runs. The entry code puts the general-purpose
// registers, rip and flags into pt_regs at the end of the task's kernel stack; FPU registers, bases and
// selectors stay in the CPU until a switch moves them. A digest of what the program left says later whether
// it found the same again.

func gpDigest(s *machine.X86Stack) uint64 { return kernel.Digest(kernel.Digest(s.User[:]...), s.RIP) }

// emptyUser is a program that has not run yet.
func emptyUser() machine.X86User {
	var st machine.X86Stack
	var fpu [8]uint64
	return machine.X86User{GP: gpDigest(&st), FPU: kernel.Digest(fpu[:]...), Seg: segDigest(&machine.X86Registers{}, 0)}
}

// segDigest is of what a program has beside: in user mode gs base is the program's.
func segDigest(r *machine.X86Registers, gsBase uint64) uint64 {
	return kernel.Digest(r.FSBase, gsBase, r.ES, r.DS, r.FS, r.GS, r.PKRU)
}

// live are the user registers as they are in the CPU while user code runs.
func live(c *step.Ctx) machine.X86User {
	r := regs(c)
	return machine.X86User{GP: kernel.Digest(kernel.Digest(r.GP()[:]...), r.RIP), FPU: kernel.Digest(r.FPU[:]...), Seg: segDigest(r, r.GSBase)}
}

func findUserRegisters(c *step.Ctx) {
	got, want := live(c), &c.S.X86Users[c.C.Current]
	switch {
	case got.GP != want.GP:
		c.Broken("I27", "user code finds other values in rax to r15 or rip than it left there")
	case got.FPU != want.FPU:
		c.Broken("I27", "user code finds other values in its FPU registers than it left there")
	case got.Seg != want.Seg:
		c.Broken("I27", "user code finds other segments, bases or protection keys than it left there")
	}
}

// count goes on in the lowest two bits: values change whenever the program runs, and a machine still has
// finitely many states.
func count(v uint64) uint64 { return v&^3 | (v+1)&3 }

// useRegisters is a program that computes with all its registers. A new one first puts values of its own there.
func useRegisters(c *step.Ctx) {
	r, t := regs(c), c.Task()
	if r.R15 == 0 {
		newValues(c, r, t)
	}
	r.RAX, r.FPU[0] = count(r.RAX), count(r.FPU[0])
	c.S.X86Users[c.C.Current] = live(c)
}

func newValues(c *step.Ctx, r *machine.X86Registers, t *machine.Task) {
	for i := range r.GP() {
		r.GP()[i] = kernel.Mark(t, kernel.OfUser, i)
	}
	for i := range r.FPU {
		r.FPU[i] = kernel.Mark(t, kernel.OfUser, 64+i)
	}
	r.RIP, r.FSBase, r.GSBase = kernel.Mark(t, kernel.OfUser, 80), kernel.Mark(t, kernel.OfUser, 81), kernel.Mark(t, kernel.OfUser, 82)
	if t.Serial%2 == 0 {
		r.ES, r.DS = userDS, userDS // old programs and emulators do
	}
	if c.S.Config.Release >= machine.V6_1 {
		r.PKRU = kernel.Mark(t, kernel.OfUser, 83)
		return
	}
	// Without FSGSBASE bases are set by arch_prctl, which notes them.
	th := thread(c, c.C.Current)
	th.FSBase, th.GSBase = r.FSBase, r.GSBase
}

// userDS is __USER_DS.
const userDS = 0x2b

// leaveKernel is the end of the way to user mode.
func leaveKernel(c *step.Ctx) {
	r, s := regs(c), &c.S.X86Stacks[c.C.Current]
	*r.GP() = s.User
	r.RIP, r.Flags = s.RIP, s.Flags|alwaysSet
	r.GSBase, r.KernelGSBase = r.KernelGSBase, r.GSBase // swapgs
}

// enterKernel is the entry code of a system call or an interrupt.
func enterKernel(c *step.Ctx) {
	r := regs(c)
	r.GSBase, r.KernelGSBase = r.KernelGSBase, r.GSBase // swapgs
	top := percpu(c).TopOfStack
	if stackAt(c.S, top) != c.C.Stack || percpu(c).CurrentTask != TaskAddress(c.C.Current) {
		c.Broken("I1", "the entry code goes to another task's stack, or takes it for current")
	}
	s := &c.S.X86Stacks[c.C.Stack]
	s.User, s.RIP, s.Flags = *r.GP(), r.RIP, r.Flags
	if c.S.Config.Release >= machine.V5_0 {
		*r.GP() = [machine.X86GPRegisters]uint64{}
	}
	r.RSP, r.Flags = stackAtCall(c.C.Stack), alwaysSet
}

// copiesUser: a child of a user task that is a user task itself goes back to where its parent was.
func copiesUser(c *step.Ctx) bool {
	return c.F.N&(kernel.CloneKernel|kernel.CloneElsewhere) == 0 && c.Task().Kind == machine.UserTask && c.Task().MM != machine.NoMM
}

// newProgram gives a task that is not in user mode registers as for a program that has never run.
func newProgram(c *step.Ctx, t machine.TaskID) {
	st, th := &c.S.X86Stacks[t], thread(c, t)
	st.User, st.RIP, st.Flags = [machine.X86GPRegisters]uint64{}, 0, 0
	c.S.X86Users[t] = emptyUser()
	*th = machine.X86Thread{Canary: th.Canary, SP: th.SP, Info: th.Info, InfoFlags: th.InfoFlags}
}

// forkFrame is what copy_thread puts on the child's stack: what the register switch finds there.
func forkFrame(c *step.Ctx) {
	child := c.F.Next
	entry := textAddress(c.S.Top(child).PC)
	c.Prime(child, onNext)
	th, st := thread(c, child), &c.S.X86Stacks[child]
	th.Canary, th.Info, th.InfoFlags = kernel.Mark(c.T(child), ofCanary, 0), infoAddress(child), 0
	st.Words = [machine.X86StackWords]uint64{}
	if c.S.Config.Release < machine.V5_0 {
		th.SP, th.InfoFlags = userFrame(child), tifFork
		return
	}
	const saved = 6 // r15, r14, r13, r12, rbx, rbp; the return address is behind them
	frame := st.Words[machine.X86StackWords-saved-1:]
	frame[saved] = entry
	if !copiesUser(c) && c.F.N&kernel.CloneElsewhere == 0 {
		frame[3], frame[4] = TaskAddress(child), threadFunction // r12, rbx
	}
	th.SP = userFrame(child) - (saved+1)*8
}

var userRegisterPaths = []*step.Path{
	{
		Name: "restore_user_registers", Until: machine.V6_1, Only: withRegisters,
		Source: "arch/x86/entry/entry_64.S:swapgs_restore_regs_and_return_to_usermode (4.19)",
		Doc:    "The last of the kernel before user mode: general-purpose registers from pt_regs, and user mode's gs base.",
		Body:   step.Seq{step.Do("swapgs_restore_regs_and_return_to_usermode", "registers and rip as user mode left them", leaveKernel)},
	},
	{
		Name: "restore_user_registers", Since: machine.V6_1, Only: withRegisters,
		Source: "arch/x86/kernel/fpu/context.h:fpregs_restore_userregs, arch/x86/entry/entry_64.S:swapgs_restore_regs_and_return_to_usermode (6.1, 6.12, 7.3)",
		Doc:    "The last of the kernel before user mode: FPU registers if they are not the task's, then the general-purpose ones from pt_regs.",
		Body: step.Seq{
			step.If("TIF_NEED_FPU_LOAD", func(c *step.Ctx) bool { return needsFPULoad(c.Task()) }, step.Then(fpuOnReturn(fpuValid)), nil),
			step.Do("swapgs_restore_regs_and_return_to_usermode", "registers and rip as user mode left them", leaveKernel),
		},
	},
	{
		Name: "user_registers", Only: withRegisters,
		Source: "none: what a user program does",
		Doc:    "User code finds in its registers what it left there, and puts something else into some.",
		Body: step.Seq{
			step.Ours("user registers", "all that this program left in registers is in them, wherever that was", findUserRegisters).Touches(step.Held),
			step.Ours("user code", "the program computes with them", useRegisters).Touches(step.Held),
		},
	},
	{
		Name: "save_user_registers", Only: withRegisters,
		Source: "arch/x86/entry/entry_64.S:entry_SYSCALL_64, error_entry (4.19 to 7.3)",
		Doc:    "The way into the kernel: its own gs base and stack, then user mode's registers go to pt_regs; since 4.16 they are cleared.",
		Body:   step.Seq{step.Do("entry_SYSCALL_64", "swapgs, the stack from per-CPU data, rax to r15 and rip to pt_regs", enterKernel)},
	},
	{
		Name: "copy_thread", Only: withRegisters,
		Source: "arch/x86/kernel/process.c:copy_thread (6.1, 6.12, 7.3), arch/x86/kernel/process_64.c:copy_thread (2.6.32 to 4.19)",
		Doc:    "What a new task finds in its registers. Departs: 2.6.32's kernel threads begin with registers of their own in pt_regs; 7.3 loads the parent's FPU registers first where the CPU has not got them.",
		Body: step.Seq{
			step.If("the parent has user registers", copiesUser, step.Then(
				step.Do("fpu_clone", "the parent's FPU registers as they are in the CPU, or in memory if they are not; no CPU has the child's", func(c *step.Ctx) {
					parent, child := thread(c, c.C.Current), thread(c, c.F.Next)
					child.FPU = parent.FPU
					if !needsFPULoad(c.Task()) {
						child.FPU = regs(c).FPU
					}
					forgetFPU(c, c.F.Next)
					setNeedFPULoad(c.T(c.F.Next), c.S.Config.Release >= machine.V6_1)
				}),
				step.Do("childregs", "the parent's user registers, and 0 as the result of its clone", func(c *step.Ctx) {
					p, st := &c.S.X86Stacks[c.C.Current], &c.S.X86Stacks[c.F.Next]
					st.User, st.RIP, st.Flags = p.User, p.RIP, p.Flags
					st.User[0] = 0
					c.S.X86Users[c.F.Next] = c.S.X86Users[c.C.Current]
					c.S.X86Users[c.F.Next].GP = gpDigest(st)
				}),
				step.Do("current_save_fsgs", "the parent's selectors and bases as they are in the registers: the saved ones may be old", func(c *step.Ctx) {
					r, th := regs(c), thread(c, c.F.Next)
					th.FSIndex, th.GSIndex, th.ES, th.DS, th.PKRU = r.FS, r.GS, r.ES, r.DS, r.PKRU
					th.FSBase, th.GSBase = r.FSBase, r.KernelGSBase
				})),
				step.Else(step.Do("childregs = 0", "no user mode to go back to until it execs", func(c *step.Ctx) {
					newProgram(c, c.F.Next)
					setNeedFPULoad(c.T(c.F.Next), c.S.Config.Release >= machine.V6_1)
				}))),
			step.Switch("inactive_task_frame", "what the register switch will take from its stack; the return address is ret_from_fork", forkFrame),
		},
	},
	{
		Name: "start_thread", Only: withRegisters,
		Source: "arch/x86/kernel/process_64.c:start_thread_common, arch/x86/kernel/fpu/core.c:fpu_flush_thread (4.19 to 7.3)",
		Doc:    "A new program begins with empty registers.",
		Body: step.Seq{
			step.Do("start_thread_common", "selectors, bases and pt_regs as for a program that has never run", func(c *step.Ctx) {
				r := regs(c)
				newProgram(c, c.C.Current)
				r.ES, r.DS, r.FS, r.GS, r.FSBase, r.KernelGSBase, r.PKRU = 0, 0, 0, 0, 0, 0, 0
			}),
			step.Do("fpu_flush_thread", "the old program's FPU registers are forgotten, in the CPU too", func(c *step.Ctx) {
				forgetFPU(c, c.C.Current)
				regs(c).FPU = [8]uint64{}
				activate(c, c.C.Current)
				setNeedFPULoad(c.Task(), false)
			}),
		},
	},
}

// UserRegisters are the registers of a user program, as a debugger shows them. GP are rax to r15 by their numbers.
type UserRegisters struct {
	GP     [machine.X86GPRegisters]uint64
	FPU    [8]uint64
	RIP    uint64
	FSBase uint64
	GSBase uint64
}

// User returns the user registers of a task that is in the kernel or not running, wherever they are.
func User(s *machine.State, t machine.TaskID) UserRegisters {
	st, th := &s.X86Stacks[t], &s.X86Threads[t]
	u := UserRegisters{GP: st.User, FPU: th.FPU, RIP: st.RIP, FSBase: th.FSBase, GSBase: th.GSBase}
	for i := range s.CPUs {
		if s.CPUs[i].Current != t {
			continue
		}
		u.FSBase, u.GSBase = s.X86Regs[i].FSBase, s.X86Regs[i].KernelGSBase
		if !needsFPULoad(&s.Tasks[t]) {
			u.FPU = s.X86Regs[i].FPU
		}
	}
	return u
}

// SetUser gives a task that is not running user registers, as ptrace does: its FPU registers are loaded
// anew, whatever a CPU still has of them.
func SetUser(s *machine.State, t machine.TaskID, u UserRegisters) {
	st, th := &s.X86Stacks[t], &s.X86Threads[t]
	st.User, st.RIP, th.FPU, th.FSBase, th.GSBase, th.FPULastCPU = u.GP, u.RIP, u.FPU, u.FSBase, u.GSBase, 0
	r := machine.X86Registers{FSBase: u.FSBase, ES: th.ES, DS: th.DS, FS: th.FSIndex, GS: th.GSIndex, PKRU: th.PKRU}
	s.X86Users[t] = machine.X86User{GP: gpDigest(st), FPU: kernel.Digest(th.FPU[:]...), Seg: segDigest(&r, u.GSBase)}
}
