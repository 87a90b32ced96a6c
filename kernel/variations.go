package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

func without(step.Node) step.Seq { return nil }

// switchToTwo is switch_to(prev, next): whoever comes back finds the prev that it left with. Only a
// task that never ran has none on its stack; ret_from_fork takes it from the register.
func switchToTwo(c *step.Ctx) {
	last := c.F.Prev
	switchStack(c)
	if c.F.Prev == machine.NoTask {
		c.F.Prev = last
	}
}

// kernelToKernel replaces what happens to the loan between two kernel tasks, since 5.4.
func kernelToKernel(s ...step.Node) func(step.Node) step.Seq {
	return func(n step.Node) step.Seq { return step.Seq{n.WithElse(s)} }
}

func lateState(n step.Node) step.Seq {
	return step.Seq{n, step.Do("prev_state = prev->state", "too late: prev may have run, and died, elsewhere meanwhile", readPrevState)}
}

func dropFirst(drop string) func(step.Node) step.Seq {
	return func(n step.Node) step.Seq {
		return step.Seq{step.If("prev has no mm", not1(fromUser), step.Then(step.Call(drop).With(lazily)), nil), n}
	}
}

// leaveUnswitched has a kernel task that is next and prev exchange what it borrows for init_mm, all counts kept.
func leaveUnswitched(n step.Node) step.Seq {
	borrows := func(c *step.Ctx) bool {
		t := c.T(c.F.Prev)
		return c.F.Prev == c.F.Next && t.MM == machine.NoMM && t.ActiveMM != machine.InitMM && c.MM(t.ActiveMM).Count > 1
	}
	leave := step.Do("leave_mm", "nobody asked for it", func(c *step.Ctx) {
		t := c.T(c.F.Prev)
		c.MM(t.ActiveMM).Count--
		c.MM(machine.InitMM).Count++
		t.ActiveMM = machine.InitMM
		c.C.Root = machine.InitMM
	})
	return step.Seq{step.If("next is prev and borrows", borrows, step.Then(leave), nil), n}
}

func refcounted(c *machine.Config) bool { return c.Lazy == machine.LazyRefcount }

var variations = []Variation{
	{
		Name: "exit-mm-without-grab", Breaks: "I8", Until: machine.V6_12, Only: refcounted,
		What:  "exit_mm takes no reference for the task that still stands on the root, so mmput frees it under its feet.",
		Edits: []Edit{{"exit_mm", "mmgrab", without}},
	},
	{
		Name: "exit-mm-without-grab", Breaks: "I8", Since: machine.V6_12, Only: refcounted,
		What:  "exit_mm takes no reference for the task that still stands on the root, so mmput frees it under its feet.",
		Edits: []Edit{{"exit_mm", "mmgrab_lazy_tlb", without}},
	},
	{
		Name: "grab-after-release", Breaks: "I7", Since: machine.V6_12, Only: refcounted,
		What: "exit_mm takes the reference for the task that still stands on the root after it has given up its users' one.",
		Edits: []Edit{
			{"exit_mm", "mmgrab_lazy_tlb", without},
			{"exit_mm", "mmput", func(n step.Node) step.Seq { return step.Seq{n, step.Call("mmgrab_lazy_tlb")} }}},
	},
	{
		Name: "no-switch-leaves-mm", Breaks: "I26", Since: machine.V6_1, Only: func(c *machine.Config) bool { return refcounted(c) && c.Arch == machine.Classic },
		What:  "A kernel task that schedule() lets go on leaves what it borrows for init_mm, as if it had been switched to again: a call that should change nothing costs a load and two counts.",
		Edits: []Edit{{"__schedule", "prev != next", leaveUnswitched}},
	},
	{
		Name: "on-cpu-cleared-early", Breaks: "I1", Since: machine.V4_4,
		What: "prev's on_cpu is cleared before the stack is left, so a waker may run it elsewhere on a stack that is still in use.",
		Edits: []Edit{{"context_switch", "switch_to", func(n step.Node) step.Seq {
			return step.Seq{step.Do("prev->on_cpu = 0", "too early: the CPU still stands on prev's stack", func(c *step.Ctx) { c.T(c.F.Prev).OnCPU = false }), n}
		}}},
	},
	{
		Name: "kthread-use-mm-keeps-loan", Breaks: "I6", Since: machine.V6_12, Only: refcounted,
		What:  "kthread_use_mm takes its real reference and does not give the loan back that the thread had.",
		Edits: []Edit{{"kthread_use_mm", "mmdrop_lazy_tlb", without}},
	},
	{
		Name: "kthread-transfer-drops-twice", Breaks: "I6", Since: machine.V6_1, Only: refcounted,
		What: "From kernel task to kernel task the loan moves on, and is repaid as well.",
		Edits: []Edit{{"context_switch", "prev has an mm", kernelToKernel(
			returnActiveMM("the loan moves from prev to next"),
			stashPrevMM("rq->prev_mm = prev->active_mm"))}},
	},
	{
		Name: "kthread-transfer-leaks", Breaks: "I6", Since: machine.V6_1, Until: machine.V6_12, Only: refcounted,
		What: "From kernel task to kernel task the loan moves on, and a new one is taken as well.",
		Edits: []Edit{{"context_switch", "prev has an mm", kernelToKernel(
			returnActiveMM("the loan moves from prev to next"), step.Call("mmgrab").With(lazily))}},
	},
	{
		Name: "kthread-transfer-leaks", Breaks: "I6", Since: machine.V6_12, Only: refcounted,
		What: "From kernel task to kernel task the loan moves on, and a new one is taken as well.",
		Edits: []Edit{{"context_switch", "prev has an mm", kernelToKernel(
			returnActiveMM("the loan moves from prev to next"), step.Call("mmgrab_lazy_tlb").With(lazily))}},
	},
	{
		Name: "drop-before-switch", Breaks: "I8", Since: machine.V6_1, Until: machine.V6_12, Only: refcounted,
		What: "A kernel task's loan is repaid before the next address space is loaded, not after the switch.",
		Edits: []Edit{
			{"context_switch", "rq->prev_mm = prev->active_mm", without},
			{"context_switch", "switch_mm_irqs_off", dropFirst("mmdrop")}},
	},
	{
		Name: "drop-before-switch", Breaks: "I8", Since: machine.V6_12, Only: refcounted,
		What: "A kernel task's loan is repaid before the next address space is loaded, not after the switch.",
		Edits: []Edit{
			{"context_switch", "rq->prev_mm = prev->active_mm", without},
			{"context_switch", "switch_mm_irqs_off", dropFirst("mmdrop_lazy_tlb")}},
	},
	{
		Name: "two-argument-switch-to", Breaks: "I20", Only: func(c *machine.Config) bool { return !c.Registers },
		What: "switch_to does not say which task was really left, so finish_task_switch works on what the stack remembers.",
		Edits: []Edit{{"context_switch", "switch_to", func(step.Node) step.Seq {
			return step.Seq{step.Switch("switch_to", "the CPU leaves prev's stack; who was left is not told", switchToTwo)}
		}}},
	},
	{
		Name: "exec-from-kernel-keeps-loan", Breaks: "I25", Only: refcounted,
		What:  "A kernel task that execs gets an address space of its own and never gives its loan back.",
		Edits: []Edit{{"exec_mmap", "it had an address space of its own", func(n step.Node) step.Seq { return step.Seq{n.WithElse(nil)} }}},
	},
	{
		Name: "exec-with-interrupts-on", Breaks: "I25", Since: machine.V6_12, Only: shootsLazies,
		What:  "exec_mmap reads and replaces active_mm with interrupts on: the one that shoots lazy users down comes in between, and exec goes on from an address space that is freed (on powerpc up to 5.9; fixed by d53c3dfb23c4).",
		Edits: []Edit{{"exec_mmap", "local_irq_disable", without}, {"exec_mmap", "local_irq_enable", without}},
	},
	{
		Name: "prev-state-read-late", Breaks: "I19", Since: machine.V4_4, Until: machine.V5_0,
		What: "finish_task_switch reads prev's state after it has let prev go: prev may run, and die, elsewhere meanwhile and be put twice (up to 4.2 nothing kept the CPU from this order; the store-release of 4.3 does).",
		Edits: []Edit{
			{"finish_task_switch", "prev_state = prev->state", without},
			{"finish_task_switch", "finish_lock_switch (on_cpu)", lateState}},
	},
	{
		Name: "prev-state-read-late", Breaks: "I19", Since: machine.V5_0,
		What: "finish_task_switch reads prev's state after it has let prev go: prev may run, and die, elsewhere meanwhile and be put twice (up to 4.2 nothing kept the CPU from this order; the store-release of 4.3 does).",
		Edits: []Edit{
			{"finish_task_switch", "prev_state = prev->state", without},
			{"finish_task_switch", "finish_task", lateState}},
	},
	{
		Name: "wakeup-moves-unlocked", Breaks: "I1", Until: machine.V4_4,
		What: "try_to_wake_up sends the task to its new queue after it has let go of the old one's lock: a second waker that waits for that lock holds the wrong one (the first 2.6.32; fixed by 0970d2992dfd).",
		Put: []*step.Path{{
			Name: "try_to_wake_up", Until: machine.V4_4,
			Source: "kernel/sched.c:try_to_wake_up (2.6.32)",
			Doc:    "Makes a sleeper runnable; set_task_cpu comes under no lock.",
			Body:   wake2632(false),
		}},
	},
	{
		Name: "idle-exit-leaves-active-mm", Breaks: "I24", Until: machine.V6_1,
		What:  "The idle task of a CPU that goes offline drops its loan and keeps the pointer (up to 4.18).",
		Edits: []Edit{{"cpu_offline", "current->active_mm = &init_mm", without}},
	},
	{
		Name: "idle-exit-leaves-active-mm", Breaks: "I24", Since: machine.V6_1, Until: machine.V7_3,
		What:  "The idle task of a CPU that goes offline drops its loan and keeps the pointer.",
		Edits: []Edit{{"finish_cpu", "idle->active_mm = &init_mm", without}},
	},
	{
		Name: "idle-exit-leaves-active-mm", Breaks: "I24", Since: machine.V7_3,
		What:  "The CPU goes offline without changing to init_mm first.",
		Edits: []Edit{{"cpu_offline", "it is not init_mm", without}},
	},
}
