package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// Bits of mm->membarrier_state.
const (
	MembarrierPrivate  = 1
	MembarrierSyncCore = 2
	MembarrierGlobal   = 4 // the process wants to be asked by GLOBAL_EXPEDITED, which anybody may call
)

// In membarrier's paths N is the command's bit, CPU the next CPU to look at and Val the CPUs to ask, as a mask
// that begins with CPU Val2. GLOBAL (a wait for every CPU to schedule) and the rseq form are not modelled.
// GLOBAL_EXPEDITED is the one that rq->membarrier_state is for: it asks the CPUs whose run queue says that what
// runs there registered. The private commands look at rq->curr->mm, and never at that field.

// maskBits is how many CPUs are asked at once.
const maskBits = 64

func moreCPUs(c *step.Ctx) bool { return int(c.F.Val2) < len(c.S.CPUs) }

func moreInMask(c *step.Ctx) bool {
	return int(c.F.CPU) < len(c.S.CPUs) && uint64(c.F.CPU) < c.F.Val2+maskBits
}

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

func syncCoreForm(c *step.Ctx) bool { return c.F.N == MembarrierSyncCore }

// looks is in how many ways rq->curr->mm of the next CPU may be found.
func looks(c *step.Ctx) int {
	if !c.S.Buffered() {
		return 1
	}
	_, n := c.S.Looks(c.CPU, c.F.CPU)
	return n
}

// look notes the CPU that it is about if what runs there is wanted.
func look(wanted func(c *step.Ctx, cpu machine.CPUID, mm machine.MMID) bool) func(*step.Ctx) {
	return func(c *step.Ctx) {
		cpu := c.F.CPU
		if !c.S.CPUs[cpu].Online {
			return
		}
		mm := c.T(c.S.CPUs[cpu].Curr).MM
		if c.S.Buffered() {
			ways, _ := c.S.Looks(c.CPU, cpu)
			mm = c.S.SeeMM(c.CPU, cpu, ways[c.Choice])
		}
		if wanted(c, cpu, mm) {
			c.F.Val |= 1 << (uint64(cpu) - c.F.Val2)
		}
	}
}

func threadOfMM(c *step.Ctx, _ machine.CPUID, mm machine.MMID) bool { return mm == c.F.MM }

func askMembers() step.Node {
	return step.Choose("rcu_dereference(cpu_rq(cpu)->curr)", "a thread of this mm runs there: it will be asked; a borrower will not", looks, look(threadOfMM))
}

func inMask(c *step.Ctx, cpu machine.CPUID) bool {
	bit := uint64(cpu) - c.F.Val2
	return bit < maskBits && c.F.Val>>bit&1 != 0
}

func askMask(call func(*step.Ctx) machine.CallKind) step.Node {
	return send("smp_call_function_many", "whoever is in the mask is interrupted, this CPU aside", func(c *step.Ctx) {
		c.C.CallMM = c.F.MM
		callOthers(c, call(c), func(cpu machine.CPUID) bool { return inMask(c, cpu) })
	})
}

func plainBarrier(*step.Ctx) machine.CallKind { return machine.CallMembarrier }

// membarrierForm is what releases and commands differ in.
type membarrierForm struct {
	look  step.Node                        // looks at the next CPU
	alone func(*step.Ctx) bool             // there is nobody to ask
	call  func(*step.Ctx) machine.CallKind // what each CPU is asked for
	own   step.Seq                         // what the caller's CPU does beside
	wait  step.Seq                         // until all have done so; nil for a wait that is not preempted
}

func privateExpedited(form membarrierForm) step.Seq {
	form.look = askMembers()
	return append(step.Seq{
		step.Do("mm = current->mm", "whose threads are meant, and did they register", mayCall),
		step.If("not registered", wasLast, step.Then(
			step.Do("-EPERM", "the scheduler may do less for who did not register", refused).Touches(step.OwnTask),
			step.Return()), nil),
	}, form.body()...)
}

func (form membarrierForm) body() step.Seq {
	ask := step.Seq{
		step.While("another CPU to look at", moreInMask, step.Seq{form.look,
			step.Do("for_each_online_cpu", "on to the next one", func(c *step.Ctx) { c.F.CPU++ }).Touches(step.OwnTask)}),
		preemptDisable("who asks and who waits for the answers is one CPU"),
		askMask(form.call),
	}
	ask = append(ask, form.own...)
	if form.wait == nil {
		form.wait = waitUnmoved()
	}
	ask = append(ask, form.wait...)
	return step.Seq{
		step.Do("num_online_cpus", "is there anybody to ask", func(c *step.Ctx) {
			served(c)
			c.F.Val = truth(form.alone(c))
			if wasLast(c) {
				nothingOwed(c)
			}
		}),
		step.If("nobody to ask", wasLast, step.Then(step.Return()), nil),
		step.Do("smp_mb", "accesses before the call are visible before any CPU is looked at", func(c *step.Ctx) {
			c.Barrier()
			c.F.CPU, c.F.Val, c.F.Val2 = 0, 0, 0
			beginMembarrier(c)
		}),
		step.While("CPUs that were not looked at", moreCPUs, ask),
		step.Do("smp_mb", "accesses after the call come after every barrier that was asked for", func(c *step.Ctx) {
			c.Barrier()
			endMembarrier(c)
		}),
	}
}

func waitUnmoved() step.Seq {
	return step.Seq{
		waitForCalls(),
		step.Do("preempt_enable", "the caller may move now: where it goes the scheduler has a barrier", func(c *step.Ctx) {
			c.C.Preempt--
			nextGroup(c)
		}),
	}
}

// nextGroup turns to the CPUs behind those that were asked.
func nextGroup(c *step.Ctx) { c.F.Val, c.F.Val2 = 0, c.F.Val2+maskBits }

// syncCoreMoves is how 7.3 waits: membarrier turns preemption off around smp_call_function_many, but not around
// on_each_cpu_mask, which the sync-core form calls.
func syncCoreMoves() step.Seq {
	wait := append(waitPreemptibly(), step.Ours("next CPUs", "those behind the ones that were asked", nextGroup).Touches(step.OwnTask))
	return step.Seq{step.If("on_each_cpu_mask", syncCoreForm, wait, waitUnmoved())}
}

// ownCore is on_each_cpu_mask's turn for the CPU that it runs on.
var ownCore = step.Seq{step.If("sync core, and this CPU is in the mask", func(c *step.Ctx) bool { return syncCoreForm(c) && inMask(c, c.CPU) }, step.Then(
	step.Do("ipi_sync_core", "the caller's own core too: another thread may take its place", func(c *step.Ctx) {
		c.Barrier()
		c.Serialise()
	})), nil)}

func privateExpedited61(since, until machine.Release, read, more string, wait step.Seq) *step.Path {
	return &step.Path{
		Name: "membarrier_private_expedited", Since: since, Until: until,
		Source: "kernel/sched/membarrier.c:membarrier_private_expedited (" + read + ")",
		Doc:    "Every running thread of this address space executes a barrier before the call returns. CPUs that only borrow it are not asked. With one user, or one CPU, there is nobody to ask (the first since 5.4), but the sync-core form goes on, for the caller's own core. Val is 1 where the process never registered (EPERM)." + more + " Departs: on more than 64 CPUs they are looked at and asked in groups; that one caller at a time asks (membarrier_ipi_mutex, since 6.8 and in stable kernels) is left out; so is the form for one CPU, which only the rseq form has (in 7.3 with a mutex for each CPU).",
		Body: privateExpedited(membarrierForm{
			alone: func(c *step.Ctx) bool {
				return !syncCoreForm(c) && (c.MM(c.F.MM).Users == 1 || onlineCPUs(c) == 1)
			},
			call: func(c *step.Ctx) machine.CallKind {
				if syncCoreForm(c) {
					return machine.CallSyncCore
				}
				return machine.CallMembarrier
			},
			own:  ownCore,
			wait: wait,
		}),
	}
}

var membarrierPaths = []*step.Path{
	{
		Name: "membarrier_private_expedited", Since: machine.V5_0, Until: machine.V6_1,
		Source: "kernel/sched/membarrier.c:membarrier_private_expedited (4.20; command since 4.14, sync-core since 4.16)",
		Doc:    "Every running thread of this address space executes a barrier before the call returns. CPUs that only borrow it are not asked. The sync-core form asks for no more than a barrier and relies on the way back to user mode; that left out CPUs which return without one, and the caller's own (fixed in December 2020). Val is 1 where the process never registered (EPERM). Departs: the caller's CPU, which Linux passes over when it looks, is passed over when it asks; on more than 64 CPUs they are looked at and asked in groups.",
		Body: privateExpedited(membarrierForm{
			alone: func(c *step.Ctx) bool { return onlineCPUs(c) == 1 },
			call:  plainBarrier,
		}),
	},
	privateExpedited61(machine.V6_1, machine.V7_3, "6.1, 6.12", "", nil),
	privateExpedited61(machine.V7_3, 0, "7.3", " The sync-core form waits with preemption on, and may be moved meanwhile (kernel/smp.c:smp_call_function_many_cond in 7.3).", syncCoreMoves()),
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
		Name: "sync_runqueues_membarrier_state", Since: machine.V6_1, Until: machine.V7_3,
		Source: "kernel/sched/membarrier.c:sync_runqueues_membarrier_state (6.1, 6.12; since 5.4)",
		Doc:    syncRunqueuesDoc,
		Body:   syncRunqueues(waitForCalls(), preemptEnable("every run queue knows")),
	},
	{
		Name: "sync_runqueues_membarrier_state", Since: machine.V7_3,
		Source: "kernel/sched/membarrier.c:sync_runqueues_membarrier_state, kernel/smp.c:smp_call_function_many_cond (7.3)",
		Doc:    syncRunqueuesDoc + " The caller may be preempted while it waits.",
		Body:   syncRunqueues(waitPreemptibly()...),
	},
}

const syncRunqueuesDoc = "Run queues that run the address space now take over its state. Departs: with one user Linux writes its own run queue only, which is what comes out here as well; that the run queues are looked at before on_each_cpu_mask turns preemption off is left out."

func syncRunqueues(wait ...step.Node) step.Seq {
	return append(step.Seq{
		preemptDisable("what the others are told stands in a note of this CPU"),
		step.Do("this_cpu_write(runqueues.membarrier_state)", "this CPU's run queue learns at once", func(c *step.Ctx) {
			c.C.MembarrierState = c.MM(c.F.MM).MembarrierState
			c.Barrier()
		}),
		send("on_each_cpu_mask", "so do the others that run it", func(c *step.Ctx) {
			c.C.CallMM = c.F.MM
			callOthers(c, machine.CallMembarrierRq, func(cpu machine.CPUID) bool {
				return c.T(c.S.CPUs[cpu].Curr).MM == c.F.MM
			})
		}),
	}, wait...)
}
