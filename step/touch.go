package step

import "switchyard/machine"

// Touch is what a step declares of what it reads and writes, conditions and calls up to the next step included. The
// executor does not look at it. The checker relies on it: where nobody else can see what a step touches, its CPU goes
// on at once, and the orders in which others come first are left out. So a declaration may say more than the step
// does, never less; the tests of package check take each declared step of small models before and after all that
// could happen instead, and fail where that can be told.
//
// A Touch is a reach, one of the first four, and what the step touches besides.
type Touch uint8

const (
	// Anything is a step that declares nothing.
	Anything Touch = iota
	// Held is a step that touches its frame and its task, its CPU and what the locks that this CPU holds
	// protect, or one that lets go of such a lock, which can only let others go on. An interrupt handler may
	// look at the same: it is nobody else's while this CPU's interrupts are off.
	Held
	// OwnCPU is Held without what handlers look at: it is nobody else's while the task cannot be preempted.
	OwnCPU
	// OwnTask is a step that touches its frame and what belongs to its task alone, a child or an address space
	// that nobody else knows yet among it. Even who preempts the task does not look.
	OwnTask
)

const reach = Held | OwnCPU | OwnTask

const (
	// SeenByWakers is prev's state and on_cpu. As long as prev is queued a waker needs the lock of its queue to
	// look at them, and the end of a switch holds that; afterwards none.
	SeenByWakers Touch = 1 << (iota + 2)
	// SeenByMembarrier is rq->membarrier_state, which membarrier's GLOBAL_EXPEDITED reads of other CPUs.
	SeenByMembarrier
	// StoreBuffer is the store buffer of the CPU, which the step empties, or what the CPU fetched ahead, which
	// it forgets.
	StoreBuffer
	// LeftBuffers is the store buffers of CPUs that have left task Next.
	LeftBuffers
	// RunQueueLock is the lock of this CPU's run queue, which the step takes. Others want it who wake, make or move a
	// task, or take a CPU away.
	RunQueueLock
)

// Reach is t without what the step touches besides.
func (t Touch) Reach() Touch { return t & reach }

// Also reports whether the step touches one of those besides.
func (t Touch) Also(besides Touch) bool { return t&besides != 0 }

// Touches declares what a step touches: a reach, and what else.
func (n Node) Touches(reach Touch, besides ...Touch) Node {
	n.touches = reach
	for _, t := range besides {
		n.touches |= t
	}
	return n
}

// TouchesSince is Touches for a step that many releases share. Before that release it may touch anything.
func (n Node) TouchesSince(since machine.Release, reach Touch, besides ...Touch) Node {
	n.touchesSince = since
	return n.Touches(reach, besides...)
}
