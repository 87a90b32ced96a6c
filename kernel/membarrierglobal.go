package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// In membarrier_global_expedited N is MembarrierGlobal, so that the rule knows what is promised.

func onlyCPU(c *step.Ctx) bool { return onlineCPUs(c) == 1 }

func globalExpedited(look step.Node) step.Seq {
	form := membarrierForm{look: look, alone: onlyCPU, call: plainBarrier}
	return append(step.Seq{step.Do("current", "who calls need not have registered", ownMM)}, form.body()...)
}

// registeredRq: the run queue says that what runs there registered, and it is no borrower.
func registeredRq(c *step.Ctx, cpu machine.CPUID, mm machine.MMID) bool {
	return c.S.CPUs[cpu].MembarrierState&MembarrierGlobal != 0 && mm != machine.NoMM
}

func registeredMM(c *step.Ctx, _ machine.CPUID, mm machine.MMID) bool {
	return mm != machine.NoMM && c.MM(mm).MembarrierState&MembarrierGlobal != 0
}

var membarrierGlobalPaths = []*step.Path{
	{
		Name: "membarrier_global_expedited", Since: machine.V5_0, Until: machine.V6_1,
		Source: "kernel/sched/membarrier.c:membarrier_global_expedited (4.20; command since 4.16)",
		Doc:    "Every running thread of an address space that registered executes a barrier before the call returns. Departs: that the mm which is looked into may be freed meanwhile (227a4aadc75b) is left out, as the load is one step; the caller's CPU is passed over when it asks.",
		Body:   globalExpedited(step.Choose("p->mm->membarrier_state", "what runs there registered: it will be asked", looks, look(registeredMM))),
	},
	{
		Name: "membarrier_global_expedited", Since: machine.V6_1,
		Source: "kernel/sched/membarrier.c:membarrier_global_expedited (6.1, 6.12)",
		Doc:    "Every running thread of an address space that registered executes a barrier before the call returns. Departs: rq->membarrier_state and rq->curr are looked at in one step, and the former is not in the store buffer; the caller's CPU is passed over when it asks.",
		Body:   globalExpedited(step.Choose("cpu_rq(cpu)->membarrier_state", "what runs there registered, as its run queue has it, and is no borrower: it will be asked", looks, look(registeredRq))),
	},
	{
		Name: "membarrier_register_global_expedited", Since: machine.V5_0,
		Source: "kernel/sched/membarrier.c:membarrier_register_global_expedited (4.20, 6.1, 6.12)",
		Doc:    "The process wants to be asked.",
		Body: step.Seq{
			step.Do("atomic_or(MEMBARRIER_STATE_GLOBAL_EXPEDITED, &mm->membarrier_state)", "from the next switch on every CPU knows", func(c *step.Ctx) {
				ownMM(c)
				c.MM(c.F.MM).MembarrierState |= MembarrierGlobal
			}),
			step.Call("sync_runqueues_membarrier_state"),
			step.Do("atomic_or(MEMBARRIER_STATE_GLOBAL_EXPEDITED_READY, &mm->membarrier_state)", "the promise holds from here on", func(c *step.Ctx) {
				c.MM(c.F.MM).MembarrierReady |= MembarrierGlobal
			}),
		},
	},
}
