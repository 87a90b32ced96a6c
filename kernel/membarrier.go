package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// Bits of mm->membarrier_state.
const (
	MembarrierPrivate  = 1
	MembarrierSyncCore = 2
)

// In membarrier's paths N is the command's bit and CPU the next CPU to look at.

func nextCPU(c *step.Ctx) { c.F.CPU++ }

func moreCPUs(c *step.Ctx) bool { return int(c.F.CPU) < len(c.S.CPUs) }

func membarrierCall(c *step.Ctx) machine.CallKind {
	if c.F.N == MembarrierSyncCore {
		return machine.CallSyncCore
	}
	return machine.CallMembarrier
}

var membarrierPaths = []*step.Path{
	{
		Name: "membarrier_private_expedited", Since: machine.V5_0,
		Source: "kernel/sched/membarrier.c:membarrier_private_expedited (5.0 to 7.3; command since 4.14, sync-core since 4.16)",
		Doc:    "Every running thread of this address space executes a barrier before the call returns. CPUs that only borrow it are not asked. Val is 1 where the process never registered (EPERM).",
		Body: step.Seq{
			step.Do("mm = current->mm", "whose threads are meant", func(c *step.Ctx) {
				ownMM(c)
				c.F.Val = truth(c.MM(c.F.MM).MembarrierState&uint32(c.F.N) == 0)
			}),
			step.If("not registered", wasLast, step.Then(step.Return()), nil),
			step.If("only one user and no code to synchronise", func(c *step.Ctx) bool {
				return c.F.N != MembarrierSyncCore && (c.MM(c.F.MM).Users == 1 || len(c.S.CPUs) == 1)
			}, step.Then(step.Return()), nil),
			step.Do("smp_mb", "accesses before the call are visible before any CPU is looked at", func(c *step.Ctx) {
				c.Barrier()
				c.F.CPU = 0
				c.C.Call = membarrierCall(c)
				c.C.CallMM = c.F.MM
			}),
			step.While("another CPU to look at", moreCPUs, step.Seq{
				step.Do("rcu_dereference(cpu_rq(cpu)->curr)", "a thread of this mm runs there: it is asked; a borrower is not", func(c *step.Ctx) {
					there := &c.S.CPUs[c.F.CPU]
					if c.F.CPU != c.CPU && there.Online && c.T(there.Curr).MM == c.F.MM {
						c.S.Ask(c.F.CPU, c.CPU)
						c.Stats.IPIs++
					}
					nextCPU(c)
				}),
			}),
			waitForCalls(),
			step.Do("smp_mb", "accesses after the call come after every barrier that was asked for", func(c *step.Ctx) {
				c.Barrier()
				if c.F.N == MembarrierSyncCore {
					c.C.SyncCore = true
				}
			}),
		},
	},
	{
		Name: "membarrier_register_private_expedited", Since: machine.V5_0,
		Source: "kernel/sched/membarrier.c:membarrier_register_private_expedited (5.0 to 7.3)",
		Doc:    "The process says that it will call. Run queues that run it learn so.",
		Body: step.Seq{
			step.Do("atomic_or(set_state, &mm->membarrier_state)", "from the next switch on every CPU knows", func(c *step.Ctx) {
				ownMM(c)
				c.MM(c.F.MM).MembarrierState |= uint32(c.F.N) | MembarrierPrivate
			}),
			step.Call("sync_runqueues_membarrier_state"),
			step.Do("atomic_or(ready, &mm->membarrier_state)", "calls are allowed now", func(c *step.Ctx) {
				mm := c.MM(c.F.MM)
				mm.MembarrierReady = mm.MembarrierState
			}),
		},
	},
	{
		Name: "sync_runqueues_membarrier_state", Since: machine.V5_0, Until: machine.V6_1,
		Source: "none: rq->membarrier_state came with 5.4",
		Doc:    "The state is read from the mm itself, which is the race of facts B7.",
	},
	{
		Name: "sync_runqueues_membarrier_state", Since: machine.V6_1,
		Source: "kernel/sched/membarrier.c:sync_runqueues_membarrier_state (5.4 to 7.3)",
		Doc:    "Run queues that run the address space now take over its state.",
		Body: step.Seq{
			step.Do("this_cpu_write(runqueues.membarrier_state)", "this CPU's run queue learns at once", func(c *step.Ctx) {
				c.C.MembarrierState = c.MM(c.F.MM).MembarrierState
				c.C.CallMM = c.F.MM
			}),
			step.Do("smp_call_function_many", "so do the others that run it", func(c *step.Ctx) {
				callOthers(c, machine.CallMembarrierRq, func(cpu machine.CPUID) bool {
					return c.T(c.S.CPUs[cpu].Curr).MM == c.F.MM
				})
			}),
			waitForCalls(),
		},
	},
}
