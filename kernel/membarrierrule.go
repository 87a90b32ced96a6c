package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// What membarrier promises is found out here (I22). Let x be stored before the call and y be loaded after it,
// and another thread of the process store y and load x, with nothing but a compiler barrier between: not
// both may find the old value. Who finds the old x loaded it before the call's first barrier. So what counts
// is that no store which was in another CPU's buffer at that barrier is there still when the call returns.
// The other order, in which that thread stores x and then y, and the caller loads y before the call and x
// after it, comes to the same: x was stored before y, and y was seen before the call.
//
// With the sync-core form, no other thread may run code after the call that its CPU fetched before it.

// meant tells whether a call is for the threads of mm.
func meant(c *step.Ctx, mm machine.MMID) bool {
	if c.F.N == MembarrierGlobal {
		return c.MM(mm).MembarrierReady&MembarrierGlobal != 0
	}
	return mm == c.F.MM
}

// userRan brings the store buffers of all CPUs in user mode up to now.
func userRan(c *step.Ctx) {
	for i := range c.S.CPUs {
		if cpu := machine.CPUID(i); c.S.InUserMode(cpu) {
			c.S.UserRan(cpu)
		}
	}
}

// beginMembarrier notes what the call has to wait for. Its own first barrier is over.
func beginMembarrier(c *step.Ctx) {
	if !c.S.Buffered() {
		beginBarriers(c)
		return
	}
	c.S.Drain(c.CPU)
	userRan(c)
	caller := machine.TaskSetOf(c.C.Current)
	for i := range c.S.Buffers {
		b := &c.S.Buffers[i]
		if b.UserAt != 0 && meant(c, b.User) {
			b.Owed |= caller
		}
		if syncCoreForm(c) && b.Fetched == c.F.MM {
			b.Stale |= caller
		}
	}
}

// endMembarrier looks whether all of that has come to pass.
func endMembarrier(c *step.Ctx) {
	if !c.S.Buffered() {
		checkBarriers(c)
		return
	}
	c.S.Drain(c.CPU)
	caller := machine.TaskSetOf(c.C.Current)
	for i := range c.S.Buffers {
		b := &c.S.Buffers[i]
		if b.Owed&caller != 0 {
			c.Broken("I22", "a store of another thread that may have missed what was stored before membarrier is not in memory when membarrier returns")
		}
		if b.Stale&caller != 0 {
			b.Late |= caller
			if c.S.InUserMode(machine.CPUID(i)) && c.T(c.S.CPUs[i].Curr).Kind == machine.UserTask {
				c.Broken("I22", staleCode)
			}
		}
		b.Owed &^= caller
		b.Stale &^= caller
	}
}

const staleCode = "a thread runs code that its CPU fetched before membarrier was called to serialise all cores"

// refused is for a call that is not served: Val is what was found out, and must not have been turned round.
func refused(c *step.Ctx) {
	if !wasLast(c) {
		c.Broken("I22", "membarrier refuses a process that has registered, which relies on the call in the place of its own barriers")
	}
}

// served is for a call that is: of the private forms only who registered may make one (EPERM in membarrier(2)).
func served(c *step.Ctx) {
	if c.F.N != MembarrierGlobal && c.MM(c.F.MM).MembarrierReady&uint32(c.F.N) == 0 {
		c.Broken("I22", "membarrier serves a process that has not registered, for which the scheduler need not do what the call relies on")
	}
}

// nothingOwed is for a call that returns at once, as nobody else is there.
func nothingOwed(c *step.Ctx) {
	if !c.S.Buffered() {
		return
	}
	userRan(c)
	for i := range c.S.Buffers {
		if b := &c.S.Buffers[i]; machine.CPUID(i) != c.CPU && b.UserAt != 0 && meant(c, b.User) {
			c.Broken("I22", "membarrier found nobody to ask, and another CPU has stores of the process in its buffer")
		}
	}
}

// fetchedInTime looks at the way back to user mode whether the core has been serialised since the last
// membarrier that wanted it. A thread that called for it itself knows which code it changed. On arm64 the
// return itself serialises, on x86 that from an interrupt.
func fetchedInTime(c *step.Ctx) {
	if c.S.Config.Arch == machine.ARM64 || c.F.N == interrupted {
		c.S.SerialiseCore(c.CPU)
	}
	b := &c.S.Buffers[c.CPU]
	if b.Late&^machine.TaskSetOf(c.C.Current) != 0 && b.Fetched == c.Task().MM {
		c.Broken("I22", staleCode)
	}
}

// Without store buffers a flag of each CPU says whether a full barrier ran there since the call began.

// beginBarriers takes the flags back, unless another call counts on them too.
func beginBarriers(c *step.Ctx) {
	c.S.Global.Membarriers++
	if c.S.Global.Membarriers > 1 {
		return
	}
	for i := range c.S.CPUs {
		c.S.CPUs[i].BarrierSinceCall = machine.CPUID(i) == c.CPU
	}
}

// checkBarriers looks at the CPUs that are in user mode now: one that is still in the middle of a switch has
// its barrier before it.
func checkBarriers(c *step.Ctx) {
	c.S.Global.Membarriers--
	for i := range c.S.CPUs {
		there := &c.S.CPUs[i]
		if c.S.InUserMode(machine.CPUID(i)) && !there.BarrierSinceCall && meant(c, c.T(there.Curr).MM) {
			c.Broken("I22", "a CPU runs a thread of the process and has had no barrier since membarrier was called")
		}
	}
}
