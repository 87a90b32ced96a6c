package replay

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/trace"
)

// looksLikeVfork tells whether the current task of c, which leaves it in the given state, leaves it to
// wait for the child that it has just made. A vfork parent sleeps uninterruptibly at once, before the
// child has exec'ed or exited. Others sleep so too, on a lock of their address space, say: who was seen to
// go on after a fork is not taken for one who vforks.
func (r *run) looksLikeVfork(c *cpu, s *trace.State) bool {
	t, parent := &r.tasks[c.pending], &r.tasks[c.curr]
	how := departure(s, false)
	if t.flagged {
		return t.flags&cloneVfork != 0 && t.flags&cloneVM != 0 && how != stays && how != dies
	}
	if s.Letter != 'D' && how != stays {
		parent.copies, parent.vforks = true, false
	}
	return t.tgid == t.pid && s.Letter == 'D' && !parent.copies
}

// vforkAway makes the switch of a parent that sleeps in vfork: it happens inside of its clone.
func (r *run) vforkAway(e *trace.Event, next int32) error {
	c, id := &r.cpus[e.CPU], machine.CPUID(e.CPU)
	i := c.pending
	c.pending = noTask
	r.tasks[i].pendingOn = trace.Unknown
	if next != i {
		var err error
		if next, err = r.vforkNext(e, next); err != nil {
			return err
		}
	}
	slot, err := r.freeTask()
	if err != nil {
		return err
	}
	t, parent := &r.tasks[i], &r.tasks[c.curr]
	t.kind, t.fact = userTask, weaker(Derived, parent.fact)
	if t.flagged {
		t.fact = parent.fact
	}
	r.settled(i, slot)
	parent.waitsFor, parent.vforks = slot, true
	pick := r.tasks[next].slot
	return r.switchTo(e, next, func() error {
		r.m.S.CPUs[id].Pick = pick
		return r.enter(id, r.paths.kernelClone, machine.Frame{Next: slot, CPU: id, MM: machine.NoMM, N: kernel.CloneVM | kernel.CloneVfork})
	})
}

// vforkNext readies the task that gets the CPU of a vfork parent, where it is not the child.
func (r *run) vforkNext(e *trace.Event, next int32) (int32, error) {
	if next < 0 || r.tasks[next].slot == machine.NoTask || r.elsewhere(next, e.CPU) {
		var err error
		if next, err = r.ready(next, e); err != nil {
			return next, err
		}
	}
	return next, r.place(r.tasks[next].slot, machine.CPUID(e.CPU))
}

// releaseParent lets a vfork parent go on: its child has left its memory, for it was seen awake.
func (r *run) releaseParent(i int32) error {
	child := r.tasks[i].waitsFor
	r.tasks[i].waitsFor = machine.NoTask
	if r.m.S.Tasks[child].Vfork != r.tasks[i].slot {
		return nil
	}
	release := func(cpu machine.CPUID) error { return r.enter(cpu, r.paths.mmRelease, machine.Frame{}) }
	if cpu := r.runsOn(child); cpu != machine.NoCPU {
		return release(cpu)
	}
	// Nobody saw the child do it. Perhaps it did so unseen, perhaps this was no vfork.
	r.doubt(r.bySlot[child])
	return r.uncounted(func() error { return r.as(child, release) })
}

// releasing does what makes a task leave its parent's memory, and notes that the parent no longer waits.
func (r *run) releasing(i int32, do func() error) error {
	parent := r.m.S.Tasks[r.tasks[i].slot].Vfork
	if err := do(); err != nil {
		return err
	}
	if parent != machine.NoTask && r.bySlot[parent] != noTask {
		r.tasks[r.bySlot[parent]].waitsFor = machine.NoTask
	}
	return nil
}
