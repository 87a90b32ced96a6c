package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// callOthers asks every other online CPU that want names to run the call that was laid down in the
// caller's machine.CPU. waitForCalls must follow.
func callOthers(c *step.Ctx, kind machine.CallKind, want func(machine.CPUID) bool) {
	c.C.Call = kind
	for i := range c.S.CPUs {
		cpu := machine.CPUID(i)
		if cpu == c.CPU || !c.S.CPUs[i].Online || !want(cpu) {
			continue
		}
		c.S.Ask(cpu, c.CPU)
		c.Stats.IPIs++
	}
}

// CallOthers is callOthers for ports: see smp_call_function_many_cond, kernel/smp.c.
func CallOthers(c *step.Ctx, kind machine.CallKind, want func(machine.CPUID) bool) {
	callOthers(c, kind, want)
}

// send is the step that makes a cross-CPU call. In 7.3 a caller may be preempted while it waits: who comes after it on
// its CPU waits at csd_lock until the call is over. Departs: Linux waits for each CPU's csd apart.
func send(label, why string, do func(*step.Ctx)) step.Node {
	return step.Wait(label, why, func(c *step.Ctx) bool { return !c.S.Called(c.CPU) }, do)
}

// Send is send for ports.
func Send(label, why string, do func(*step.Ctx)) step.Node { return send(label, why, do) }

// waitPreemptibly ends a call as kernel/smp.c:smp_call_function_many_cond does in 7.3: put_cpu comes before the wait. The
// task, whose own memory says whom it waits for (task_struct.ipi_mask), may come to wait on another CPU than the one that
// it asked from, which State has; what it has told the others must not be looked for on its CPU.
func waitPreemptibly() step.Seq {
	return step.Seq{
		step.Do("put_cpu", "the requests are out: who waits for the answers may be preempted", func(c *step.Ctx) {
			c.F.State = uint32(c.CPU)
			if !c.S.Called(c.CPU) {
				forgetCall(c)
			}
			c.C.Preempt--
		}),
		step.Wait("csd_lock_wait", "the call is over when every CPU that was asked has run it",
			func(c *step.Ctx) bool { return !c.S.Called(machine.CPUID(c.F.State)) },
			func(c *step.Ctx) { c.F.State = 0 }),
	}
}

// WaitPreemptibly is waitPreemptibly for ports.
func WaitPreemptibly() step.Seq { return waitPreemptibly() }

func unlockCSD(c *step.Ctx) { c.S.Answer(c.CPU, c.F.CPU) }

// unlockCSDOf answers a call of 7.3. The note goes with the last answer, since the CPU that it was left on may be another
// caller's by then.
func unlockCSDOf(c *step.Ctx) {
	unlockCSD(c)
	if !c.S.Called(c.F.CPU) {
		forgetCallOf(&c.S.CPUs[c.F.CPU])
	}
}

func waitForCalls() step.Node {
	return step.Wait("csd_lock_wait", "the call is over when every CPU that was asked has run it",
		func(c *step.Ctx) bool { return !c.S.Called(c.CPU) },
		forgetCall)
}

// forgetCall takes the note away that the others have read, so that a finished call leaves no trace in the state.
func forgetCall(c *step.Ctx) { forgetCallOf(c.C) }

func forgetCallOf(from *machine.CPU) {
	from.Call, from.CallMM, from.CallPages, from.CallGen, from.CallChange, from.CallTables = machine.NoCall, machine.NoMM, 0, 0, 0, 0
}

// WaitForCalls ends a cross-CPU call: the CPU waits until all that it asked have run it.
func WaitForCalls() step.Node { return waitForCalls() }

func callIs(kind machine.CallKind) func(*step.Ctx) bool {
	return func(c *step.Ctx) bool { return machine.CallKind(c.F.N) == kind }
}

func callQueue(unlock func(*step.Ctx)) step.Seq {
	return step.Seq{
		step.Do("local_irq_disable", "an interrupt is taken: no other one until it returns", func(c *step.Ctx) { c.C.IRQOff = true }),
		step.While("another CPU's call waits", func(c *step.Ctx) bool { return !c.S.Calls(c.CPU).Empty() }, step.Seq{
			step.Do("llist_del_all", "the next call to run", func(c *step.Ctx) {
				c.F.CPU = c.S.Calls(c.CPU).Next(0)
				from := &c.S.CPUs[c.F.CPU]
				c.F.N, c.F.MM = int32(from.Call), from.CallMM
			}),
			step.If("flush_tlb_func", callIs(machine.CallFlushTLB), step.Then(step.Call("flush_tlb_func")), nil),
			step.If("do_shoot_lazy_tlb", callIs(machine.CallShootLazies), step.Then(step.Call("do_shoot_lazy_tlb")), nil),
			step.If("ipi_mb", callIs(machine.CallMembarrier), step.Then(
				step.Do("ipi_mb", "the barrier that membarrier asked for", (*step.Ctx).Barrier)), nil),
			step.If("ipi_sync_core", callIs(machine.CallSyncCore), step.Then(
				step.Do("ipi_sync_core", "the core drops what it fetched ahead", func(c *step.Ctx) {
					c.Barrier()
					c.Serialise()
				})), nil),
			step.If("ipi_sync_rq_state", callIs(machine.CallMembarrierRq), step.Then(
				step.Do("ipi_sync_rq_state", "the run queue learns what its current mm registered", func(c *step.Ctx) {
					if c.Task().MM == c.F.MM {
						c.C.MembarrierState = c.MM(c.F.MM).MembarrierState
					}
					c.Barrier()
				})), nil),
			step.Do("csd_unlock", "who asked may go on", unlock),
		}),
		step.Do("local_irq_enable", "back to what was interrupted", func(c *step.Ctx) { c.C.IRQOff = false }).Touches(step.Held),
	}
}

const callQueueDoc = "The interrupt by which another CPU has a function run here. It runs on the stack of whoever is current, with interrupts off."

var crossCallPaths = []*step.Path{
	{
		Name: "flush_smp_call_function_queue", Handler: true, Until: machine.V7_3,
		Source: "kernel/smp.c:flush_smp_call_function_queue (4.4 and 4.20; with two underscores since 5.19; generic_smp_call_function_interrupt in 2.6.32)",
		Doc:    callQueueDoc,
		Body:   callQueue(unlockCSD),
	},
	{
		Name: "flush_smp_call_function_queue", Handler: true, Since: machine.V7_3,
		Source: "kernel/smp.c:__flush_smp_call_function_queue (7.3)",
		Doc:    callQueueDoc,
		Body:   callQueue(unlockCSDOf),
	},
}
