package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

func toKernel(c *step.Ctx) bool { return c.T(c.F.Next).MM == machine.NoMM }
func fromUser(c *step.Ctx) bool { return c.T(c.F.Prev).MM != machine.NoMM }

func not1(f func(*step.Ctx) bool) func(*step.Ctx) bool {
	return func(c *step.Ctx) bool { return !f(c) }
}

func lazily(f, callee *machine.Frame) { callee.MM = f.OldMM }

// switchTo is the instant of the switch. Next's stack says where next goes on, and what its locals
// were when it left; prev among them is then replaced by the task that was really left (last). That
// is what the third argument of switch_to is for.
func switchTo(c *step.Ctx) {
	last := c.F.Prev
	switchStack(c)
	c.F.Prev = last
}

func switchStack(c *step.Ctx) {
	next := c.F.Next
	c.C.Current = next
	if c.T(next).Depth == 0 {
		c.Broken("I1", "the task switched to has no saved context")
		return
	}
	c.StandOn(next)
}

// grabThenDrop is context_switch up to 5.3: every borrower takes a reference of its own, and prev's
// is dropped after the switch, even from one kernel task to the next.
func grabThenDrop(switchMM string, trace bool) step.Seq {
	s := step.Seq{step.Call("prepare_task_switch")}
	if trace {
		s = append(s, traceSwitch())
	}
	s = append(s,
		readActiveMM(),
		step.If("next has no mm", toKernel,
			step.Then(
				borrow("next->active_mm = oldmm"),
				step.Call("mmgrab").With(lazily),
				step.Call("enter_lazy_tlb").With(lazily),
			),
			step.Else(step.Call(switchMM))),
		step.If("prev has no mm", not1(fromUser), step.Then(
			returnActiveMM("a kernel task that does not run borrows nothing"),
			stashPrevMM("rq->prev_mm = oldmm")), nil),
	)
	return append(s, handOver()...)
}

// transfer is context_switch since 5.4: from one kernel task to the next the loan moves on, and no
// count changes.
func transfer(grab string, extra ...step.Node) step.Seq {
	s := step.Seq{
		step.Call("prepare_task_switch"),
		readActiveMM(),
		step.If("next has no mm", toKernel,
			step.Then(
				step.Call("enter_lazy_tlb").With(lazily),
				borrow("next->active_mm = prev->active_mm"),
				step.If("prev has an mm", fromUser,
					step.Then(step.Call(grab).With(lazily)),
					step.Else(returnActiveMM("the loan moves from prev to next: no count changes")))),
			step.Else(
				step.Do("membarrier_switch_mm", "the run queue learns what next's mm registered for", func(c *step.Ctx) {
					if c.F.OldMM != c.F.MM {
						c.C.MembarrierState = c.MM(c.F.MM).MembarrierState
					}
				}).Touches(step.Held, step.SeenByMembarrier),
				step.Call("switch_mm_irqs_off"),
				step.If("prev has no mm", not1(fromUser), step.Then(
					stashPrevMM("rq->prev_mm = prev->active_mm"),
					returnActiveMM("a kernel task that does not run borrows nothing")), nil))),
	}
	s = append(s, extra...)
	return append(s, handOver()...)
}

func readActiveMM() step.Node {
	return step.Do("prev->active_mm", "what is loaded: prev's own, or what prev borrowed", func(c *step.Ctx) {
		c.F.OldMM, c.F.MM = c.T(c.F.Prev).ActiveMM, c.T(c.F.Next).MM
	}).Touches(step.Held)
}

func borrow(label string) step.Node {
	return step.Do(label, "a kernel task borrows what is loaded", func(c *step.Ctx) {
		c.T(c.F.Next).ActiveMM = c.F.OldMM
		if fromUser(c) {
			c.Stats.LoadsAvoided++
		}
	}).Touches(step.Held)
}

func stashPrevMM(label string) step.Node {
	return step.Do(label, "prev's loan is repaid after the switch, by whoever runs then: freeing needs the run-queue lock gone", func(c *step.Ctx) {
		if c.C.PrevMM != machine.NoMM {
			c.Broken("I4", "rq->prev_mm still held a loan that nobody repaid")
		}
		c.C.PrevMM = c.F.OldMM
		if c.F.MM == c.F.OldMM {
			c.Stats.LoadsAvoided++
		}
	}).Touches(step.Held)
}

func returnActiveMM(why string) step.Node {
	return step.Do("prev->active_mm = NULL", why, func(c *step.Ctx) {
		c.T(c.F.Prev).ActiveMM = machine.NoMM
	}).Touches(step.Held)
}

// handOver is the end of every context_switch: registers and stack, then whatever next has to finish.
func handOver() step.Seq {
	return step.Seq{
		step.Call("prepare_lock_switch"),
		step.Call("__switch_to"),
		step.Switch("switch_to", "the CPU leaves prev's stack and goes on where next's stack says", switchTo).Touches(step.Held),
		step.Call("finish_task_switch"),
	}
}

// switchMMCid has the barriers of smp_mb__after_mmgrab, smp_mb and smp_mb__after_switch_mm; the last
// is nothing on x86, where the write of CR3 is the barrier.
func switchMMCid() step.Node {
	return step.Do("switch_mm_cid", "a per-mm CPU id for rseq; where mm changes a barrier lies between rq->curr and the id", func(c *step.Ctx) {
		toKernel := toKernel(c)
		fromKernel := !fromUser(c)
		switch {
		case fromKernel && toKernel:
		case !fromKernel && !toKernel && c.S.Config.Arch == machine.X86:
		default:
			c.Barrier()
		}
	}).Touches(step.Held, step.StoreBuffer)
}

func mmCidSwitchTo() step.Node {
	return step.Do("mm_cid_switch_to", "a per-mm CPU id for rseq; others look at rq->curr for it under the run-queue lock alone (mm_cid_fixup_cpus_to_tasks), so no barrier", func(*step.Ctx) {}).Touches(step.Held)
}

var contextSwitchPaths = []*step.Path{
	{
		Name: "context_switch", Until: machine.V4_4,
		Source: "kernel/sched.c:context_switch (2.6.32)",
		Doc:    "Gives the CPU of prev to next. Every borrower takes a reference of its own.",
		Body:   grabThenDrop("switch_mm", true),
	},
	{
		Name: "context_switch", Since: machine.V4_4, Until: machine.V5_0,
		Source: "kernel/sched/core.c:context_switch (4.4)",
		Doc:    "Gives the CPU of prev to next. Every borrower takes a reference of its own.",
		Body:   grabThenDrop("switch_mm", false),
	},
	{
		Name: "context_switch", Since: machine.V5_0, Until: machine.V6_1,
		Source: "kernel/sched/core.c:context_switch (4.19, 4.20)",
		Doc:    "Gives the CPU of prev to next. Every borrower takes a reference of its own.",
		Body:   grabThenDrop("switch_mm_irqs_off", false),
	},
	{
		Name: "context_switch", Since: machine.V6_1, Until: machine.V6_12,
		Source: "kernel/sched/core.c:context_switch (6.1; the same since 5.4)",
		Doc:    "Gives the CPU of prev to next. From kernel task to kernel task the reference moves on. Departs: lru_gen_use_mm marks the mm for page ageing and touches nothing that a switch reads.",
		Body:   transfer("mmgrab"),
	},
	{
		Name: "context_switch", Since: machine.V6_12, Until: machine.V7_3,
		Source: "kernel/sched/core.c:context_switch (6.12)",
		Doc:    "Gives the CPU of prev to next. From kernel task to kernel task the reference moves on. Departs: lru_gen_use_mm marks the mm for page ageing and touches nothing that a switch reads.",
		Body:   transfer("mmgrab_lazy_tlb", switchMMCid()),
	},
	{
		Name: "context_switch", Since: machine.V7_3,
		Source: "kernel/sched/core.c:context_switch (7.3)",
		Doc:    "Gives the CPU of prev to next. From kernel task to kernel task the reference moves on. Departs: lru_gen_use_mm and rseq_sched_switch_event touch nothing that a switch reads.",
		Body:   transfer("mmgrab_lazy_tlb", mmCidSwitchTo()),
	},
	{
		Name: "prepare_task_switch", Until: machine.V4_4,
		Source: "kernel/sched.c:prepare_task_switch (2.6.32)",
		Doc:    "Notifiers. on_cpu (then oncpu) is kept only where switching runs without the lock (__ARCH_WANT_UNLOCKED_CTXSW, as on arm): on x86 the lock says it.",
		Body:   step.Seq{step.Do("prepare_lock_switch", "the lock is held until next has finished, so nobody can run prev elsewhere", beginSwitch).Touches(step.Held, step.LeftBuffers)},
	},
	{
		Name: "prepare_task_switch", Since: machine.V4_4, Until: machine.V5_0,
		Source: "kernel/sched/core.c:prepare_task_switch, kernel/sched/sched.h:prepare_lock_switch (4.4)",
		Doc:    "Next is marked as on a CPU before it runs.",
		Body:   step.Seq{step.Do("prepare_lock_switch", "next counts as running before its first instruction", prepareTask).Touches(step.Held, step.LeftBuffers)},
	},
	{
		Name: "prepare_task_switch", Since: machine.V5_0,
		Source: "kernel/sched/core.c:prepare_task_switch, prepare_task (4.20 to 7.3)",
		Doc:    "Next is marked as on a CPU before it runs. Departs: accounting, perf, rseq (in 7.3 after mm_cid_switch_to) and notifiers are left out.",
		Body:   step.Seq{step.Do("prepare_task", "next counts as running before its first instruction", prepareTask).Touches(step.Held, step.LeftBuffers)},
	},
	{
		Name:   "prepare_lock_switch",
		Source: "kernel/sched/core.c:prepare_lock_switch (4.20 to 7.3; the same lines stand in context_switch in 2.6.32 and 4.4)",
		Doc:    "Tells lockdep that next will release what prev took; the lock itself stays held.",
	},
}

func beginSwitch(c *step.Ctx) { c.C.InSwitch = true }

func prepareTask(c *step.Ctx) {
	beginSwitch(c)
	next := c.T(c.F.Next)
	if next.OnCPU {
		c.Broken("I1", "the task switched to still runs, or has not finished leaving, on another CPU")
	}
	next.OnCPU = true
}
