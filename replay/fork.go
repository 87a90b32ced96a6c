package replay

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/trace"
)

// The flags of clone(2) that matter here.
const (
	cloneVM    = 0x100
	cloneVfork = 0x4000
)

// A child can be announced by each of these, in this order.
const (
	bySideband uint8 = 1 << iota
	byNewTask
	byTracepoint
)

func announcer(e *trace.Event) uint8 {
	switch {
	case e.Source == trace.Sideband:
		return bySideband
	case e.HasCloneFlags:
		return byNewTask
	}
	return byTracepoint
}

// onFork makes a child, or notes who was made before the recording began.
func (r *run) onFork(e *trace.Event) error {
	if e.Source == trace.Synthesized {
		r.hear(e)
		return nil
	}
	if e.Task.PID <= 0 {
		r.skip("a fork whose child has pid %d", e.Task.PID)
		return nil
	}
	if i := r.find(e.Task.PID, trace.Unknown); i >= 0 && r.announcedAgain(i, e) {
		return r.decideIfKnown(i)
	}
	if err := r.vacate(e.Task.PID); err != nil {
		return err
	}
	maker := e.Parent.PID
	if e.Current.PID >= 0 {
		maker = e.Current.PID
	}
	here, err := r.alignCurrent(e, maker)
	if err != nil {
		return err
	}
	if !here {
		r.hear(e)
		return nil
	}
	return r.child(e)
}

// hear notes what is told of a task that existed before, or whose beginning happens out of sight.
func (r *run) hear(e *trace.Event) {
	if e.Task.PID <= 0 {
		return
	}
	t := &r.tasks[r.findOrAdd(e.Task.PID)]
	t.learn(&e.Task)
	t.ppid = e.Parent.PID
}

// announcedAgain tells that the child is known already from another report of the same fork.
func (r *run) announcedAgain(i int32, e *trace.Event) bool {
	t, by := &r.tasks[i], announcer(e)
	if t.forked == 0 || t.forked&by != 0 || t.switches > 0 || t.exited {
		return false
	}
	t.forked |= by
	t.learn(&e.Task)
	if e.HasCloneFlags {
		t.flags, t.flagged = e.CloneFlags, true
	}
	return true
}

// child begins a task that the current task of e's CPU makes.
func (r *run) child(e *trace.Event) error {
	if err := r.decide(e.CPU); err != nil {
		return err
	}
	i := r.addTask(e.Task.PID)
	c := &r.cpus[e.CPU]
	t, parent := &r.tasks[i], &r.tasks[c.curr]
	t.learn(&e.Task)
	parent.learn(&e.Parent)
	if t.comm == (trace.CommName{}) {
		t.comm = parent.comm
	}
	t.ppid, t.forked, t.cpu = parent.pid, announcer(e), e.CPU
	t.flags, t.flagged = e.CloneFlags, e.HasCloneFlags
	t.pendingOn, c.pending = e.CPU, i
	return r.decideIfKnown(i)
}

// decideIfKnown makes a child at once if it is certain what it shares with its parent.
func (r *run) decideIfKnown(i int32) error {
	t := &r.tasks[i]
	on := t.pendingOn
	if on < 0 {
		return nil
	}
	parent := &r.tasks[r.cpus[on].curr]
	switch {
	case r.m.S.Tasks[parent.slot].MM == machine.NoMM,
		t.flagged && t.flags&cloneVfork == 0,
		t.isThreadOf(parent):
		return r.decide(on)
	}
	return nil
}

func (t *task) isThreadOf(parent *task) bool {
	return t.tgid != trace.Unknown && t.tgid != t.pid && t.tgid == parent.group()
}

// decide makes the child that the current task of a CPU has begun, if there is one. Without flags, and
// without having seen the parent sleep until the child has let go of its memory, a child that is not a
// thread is taken for a copy, unless its parent is known to vfork.
func (r *run) decide(cpu int32) error {
	i := r.cpus[cpu].pending
	if i == noTask {
		return nil
	}
	r.cpus[cpu].pending = noTask
	t, parent := &r.tasks[i], &r.tasks[r.cpus[cpu].curr]
	t.pendingOn = trace.Unknown
	if r.m.S.Tasks[parent.slot].MM == machine.NoMM {
		return r.childOfKernel(t, parent, i, cpu)
	}
	t.kind, t.fact = userTask, Derived
	shared := t.isThreadOf(parent) || parent.vforks
	switch {
	case t.flagged:
		t.fact, shared = weaker(Exact, parent.fact), t.flags&cloneVM != 0
		if !shared {
			t.fact = Exact
		}
	case t.tgid == trace.Unknown:
		t.fact = Unknown
	}
	if shared {
		t.fact = weaker(t.fact, parent.fact)
		return r.clone(i, cpu, sharing)
	}
	return r.clone(i, cpu, 0)
}

// childOfKernel: kthreadd makes kernel threads, other kernel tasks make what will exec a program.
func (r *run) childOfKernel(t, parent *task, i, cpu int32) error {
	t.fact = Derived
	if parent.pid == kthreaddPID {
		t.kind = kernelTask
		return r.clone(i, cpu, asKthread)
	}
	t.kind = userTask
	return r.clone(i, cpu, 0)
}

// clone has the current task of a CPU make the child.
func (r *run) clone(i, cpu int32, flags int32) error {
	slot, err := r.freeTask()
	if err != nil {
		return err
	}
	mm := machine.NoMM
	if flags == 0 && r.m.S.Tasks[r.tasks[r.cpus[cpu].curr].slot].MM != machine.NoMM {
		if mm, err = r.freeMM(); err != nil {
			return err
		}
		r.nameSpace(mm, &r.tasks[i])
	}
	err = r.enter(machine.CPUID(cpu), r.paths.kernelClone, machine.Frame{Next: slot, CPU: machine.CPUID(cpu), MM: mm, N: flags})
	r.settled(i, slot)
	return err
}

// clone flags of a task made by somebody who shares or has no address space.
const (
	sharing   = kernel.CloneVM
	asKthread = kernel.CloneKernel
)
