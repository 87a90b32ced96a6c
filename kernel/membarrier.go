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

// In membarrier's paths N is the command's bit and CPU the next CPU to look at. GLOBAL (a wait for every
// CPU to schedule), GLOBAL_EXPEDITED and the rseq form are not modelled. GLOBAL_EXPEDITED is the one
// that rq->membarrier_state is for: it asks the CPUs whose run queue says that what runs there registered.
// The private commands look at rq->curr->mm, and never at that field.

func moreCPUs(c *step.Ctx) bool { return int(c.F.CPU) < len(c.S.CPUs) }

func onlineCPUs(c *step.Ctx) (n int) {
	for i := range c.S.CPUs {
		if c.S.CPUs[i].Online {
			n++
		}
	}
	return n
}

func mayCall(c *step.Ctx) {
	ownMM(c)
	c.F.Val = truth(c.MM(c.F.MM).MembarrierReady&uint32(c.F.N) == 0)
}

// privateExpedited: alone says when there is nobody to ask, call what each CPU is asked for.
func privateExpedited(alone func(*step.Ctx) bool, call func(*step.Ctx) machine.CallKind, after step.Seq) step.Seq {
	s := step.Seq{
		step.Do("mm = current->mm", "whose threads are meant, and did they register", mayCall),
		step.If("not registered", wasLast, step.Then(step.Return()), nil),
		step.Do("num_online_cpus", "is there anybody to ask", func(c *step.Ctx) { c.F.Val = truth(alone(c)) }),
		step.If("nobody to ask", wasLast, step.Then(step.Return()), nil),
		step.Do("smp_mb", "accesses before the call are visible before any CPU is looked at", func(c *step.Ctx) {
			beginBarriers(c)
			c.Barrier()
			c.F.CPU = 0
			c.C.Call = call(c)
			c.C.CallMM = c.F.MM
		}),
		step.While("another CPU to look at", moreCPUs, step.Seq{
			step.Do("rcu_dereference(cpu_rq(cpu)->curr)", "a thread of this mm runs there: it is asked; a borrower is not", func(c *step.Ctx) {
				there := &c.S.CPUs[c.F.CPU]
				if c.F.CPU != c.CPU && there.Online && c.T(there.Curr).MM == c.F.MM {
					c.S.Ask(c.F.CPU, c.CPU)
					c.Stats.IPIs++
				}
				c.F.CPU++
			}),
		}),
		step.Wait("csd_lock_wait", "the call is over when every CPU that was asked has run it",
			func(c *step.Ctx) bool { return !c.S.Called(c.CPU) },
			func(c *step.Ctx) {
				checkBarriers(c)
				c.C.Call = machine.NoCall
			}),
	}
	s = append(s, after...)
	return append(s, step.Do("smp_mb", "accesses after the call come after every barrier that was asked for", (*step.Ctx).Barrier))
}

func inMembarrier(c *machine.CPU) bool {
	return c.Call == machine.CallMembarrier || c.Call == machine.CallSyncCore
}

// beginBarriers forgets which CPUs have had a barrier, unless another call counts on that too.
func beginBarriers(c *step.Ctx) {
	for i := range c.S.CPUs {
		if inMembarrier(&c.S.CPUs[i]) {
			return
		}
	}
	for i := range c.S.CPUs {
		c.S.CPUs[i].BarrierSinceCall = false
	}
}

// checkBarriers looks at the CPUs that are in user mode now: one that is still in the middle of a
// switch has its barrier before it.
func checkBarriers(c *step.Ctx) {
	for i := range c.S.CPUs {
		there := &c.S.CPUs[i]
		switching := there.InSwitch || there.IRQOff
		if there.Online && !switching && !there.BarrierSinceCall && c.T(there.Curr).MM == c.F.MM {
			c.Broken("I22", "a CPU runs a thread of the process and has had no barrier since membarrier was called")
		}
	}
}

var membarrierPaths = []*step.Path{
	{
		Name: "membarrier_private_expedited", Since: machine.V5_0, Until: machine.V6_1,
		Source: "kernel/sched/membarrier.c:membarrier_private_expedited (4.20; command since 4.14, sync-core since 4.16)",
		Doc:    "Every running thread of this address space executes a barrier before the call returns. CPUs that only borrow it are not asked. The sync-core form asks for no more than a barrier and relies on the way back to user mode; that left out CPUs which return without one, and the caller's own (fixed in December 2020). Val is 1 where the process never registered (EPERM). Departs: each CPU is asked when it is looked at; Linux gathers them in a mask first.",
		Body: privateExpedited(
			func(c *step.Ctx) bool { return onlineCPUs(c) == 1 },
			func(*step.Ctx) machine.CallKind { return machine.CallMembarrier }, nil),
	},
	{
		Name: "membarrier_private_expedited", Since: machine.V6_1,
		Source: "kernel/sched/membarrier.c:membarrier_private_expedited (6.1 to 7.3)",
		Doc:    "Every running thread of this address space executes a barrier before the call returns. CPUs that only borrow it are not asked. With one user, or one CPU, there is nobody to ask (the first since 5.4), but the sync-core form goes on, for the caller's own core. Val is 1 where the process never registered (EPERM). Departs: each CPU is asked when it is looked at; Linux gathers them in a mask first, and of late lets one caller ask at a time.",
		Body: privateExpedited(
			func(c *step.Ctx) bool {
				return c.F.N != MembarrierSyncCore && (c.MM(c.F.MM).Users == 1 || onlineCPUs(c) == 1)
			},
			func(c *step.Ctx) machine.CallKind {
				if c.F.N == MembarrierSyncCore {
					return machine.CallSyncCore
				}
				return machine.CallMembarrier
			},
			step.Seq{step.If("sync core", func(c *step.Ctx) bool { return c.F.N == MembarrierSyncCore }, step.Then(
				step.Do("ipi_sync_core", "the caller's own core too: another thread may take its place", func(c *step.Ctx) {
					c.Barrier()
					c.C.SyncCore = true
				})), nil)}),
	},
	{
		Name: "membarrier_register_private_expedited", Since: machine.V5_0,
		Source: "kernel/sched/membarrier.c:membarrier_register_private_expedited (4.20 to 7.3)",
		Doc:    "The process says that it will call. To register for the sync-core form does not allow the plain one. Departs: the grace period after the first bit is left out, as no run queue is looked at through RCU.",
		Body: step.Seq{
			step.Do("mm = current->mm", "is it registered already", func(c *step.Ctx) {
				mayCall(c)
				c.F.Val ^= 1
			}),
			step.If("registered already", wasLast, step.Then(step.Return()), nil),
			step.Do("atomic_or(set_state, &mm->membarrier_state)", "from the next switch on every CPU knows", func(c *step.Ctx) {
				c.MM(c.F.MM).MembarrierState |= uint32(c.F.N) | MembarrierPrivate
			}),
			step.Call("sync_runqueues_membarrier_state"),
			step.Do("atomic_or(ready_state, &mm->membarrier_state)", "calls of this form are allowed now", func(c *step.Ctx) {
				c.MM(c.F.MM).MembarrierReady |= uint32(c.F.N)
			}),
		},
	},
	{
		Name: "sync_runqueues_membarrier_state", Since: machine.V5_0, Until: machine.V6_1,
		Source: "none: rq->membarrier_state came with 5.4 (227a4aadc75b)",
		Doc:    "GLOBAL_EXPEDITED looks into the mm of whoever runs elsewhere, which may just be going away: hence the copy in the run queue since 5.4.",
	},
	{
		Name: "sync_runqueues_membarrier_state", Since: machine.V6_1,
		Source: "kernel/sched/membarrier.c:sync_runqueues_membarrier_state (6.1 to 7.3; since 5.4)",
		Doc:    "Run queues that run the address space now take over its state. Departs: with one user Linux writes its own run queue only, which is what comes out here as well.",
		Body: step.Seq{
			step.Do("this_cpu_write(runqueues.membarrier_state)", "this CPU's run queue learns at once", func(c *step.Ctx) {
				c.C.MembarrierState = c.MM(c.F.MM).MembarrierState
				c.C.CallMM = c.F.MM
				c.Barrier()
			}),
			step.Do("on_each_cpu_mask", "so do the others that run it", func(c *step.Ctx) {
				callOthers(c, machine.CallMembarrierRq, func(cpu machine.CPUID) bool {
					return c.T(c.S.CPUs[cpu].Curr).MM == c.F.MM
				})
			}),
			waitForCalls(),
		},
	},
}
