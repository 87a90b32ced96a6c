package verify

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/record/tape"
)

// here tells whether the task of an event runs where the event happened. Otherwise a switch was lost, and the next one
// there will tell.
func (r *run) here(c *cpu, e *tape.Event) bool {
	if !c.seen || c.broken {
		return false
	}
	if !r.isPrev(c, e) {
		return false
	}
	return true
}

// ownMM makes a task get or lose the address space of its own that a switch away from it shows it to have got or
// lost: the event that tells of it comes a little later, or not at all.
func (r *run) ownMM(c *cpu, e *tape.Event) error {
	t := &r.m.S.Tasks[c.curr.slot]
	has := r.named(t.MM)
	switch {
	case e.Prev.MM == tape.NoMM && t.MM == machine.NoMM:
		return nil
	case has != nil && has.name == e.Prev.MM && r.same(has, &e.Active):
		return nil
	case e.Prev.MM == tape.NoMM && t.UsingMM:
		return r.change(c, e, usingMM, "kthread_unuse_mm", machine.Frame{})
	case e.Prev.MM == tape.NoMM:
		return r.exitMM(c, e)
	case e.Prev.Flags&tape.FlagKthread != 0:
		s, err := r.lookUp(&e.Active)
		if err != nil {
			return err
		}
		return r.change(c, e, usingMM, "kthread_use_mm", machine.Frame{MM: s.id})
	}
	return r.execMM(c, e, &e.Active)
}

// change runs a path on a CPU for the task that runs there, and notes what it did to counts.
func (r *run) change(c *cpu, e *tape.Event, op operation, path string, f machine.Frame) error {
	t := &r.m.S.Tasks[c.curr.slot]
	w := r.watch(t.MM, t.ActiveMM, f.MM)
	c.deltas, c.moved = c.deltas[:0], true
	err := r.enter(machine.CPUID(e.CPU), path, f)
	r.note(int(e.CPU), &w, op)
	return err
}

// exitMM has the current task give up its address space.
func (r *run) exitMM(c *cpu, e *tape.Event) error {
	s := r.named(r.m.S.Tasks[c.curr.slot].MM)
	if s != nil && c.curr.exiting {
		s.exiting--
	}
	if err := r.change(c, e, exiting, "exit_mm", machine.Frame{}); err != nil {
		return err
	}
	r.leave(c.curr, s, e)
	return nil
}

// execMM gives the current task a new address space.
func (r *run) execMM(c *cpu, e *tape.Event, mm *tape.MM) error {
	id, err := r.freeMM()
	if err != nil {
		return err
	}
	old := r.named(r.m.S.Tasks[c.curr.slot].MM)
	r.m.S.Tasks[c.curr.slot].Kind = machine.UserTask
	if err := r.change(c, e, execing, "exec_mmap", machine.Frame{MM: id}); err != nil {
		return err
	}
	gen := r.m.S.MMs[id].TLBGen
	s := r.bind(mm, id)
	r.leave(c.curr, old, e)
	if r.arm {
		return nil
	}
	// What was changed while the program was being laid out came after the switch to it.
	r.m.S.MMs[id].TLBGen = gen
	return r.flushes(c, e, s, mm)
}

// leave notes that a task was switched away from in the middle of giving up an address space: task->mm changes first, then
// its use is given up, then, if it was the last, the mappings are taken down and all users' one reference is dropped.
func (r *run) leave(t *task, s *space, e *tape.Event) {
	if s == nil || e.Kind != tape.Switch {
		return
	}
	r.left(t)
	t.leaving = s
	s.leaving++
	s.tearing = r.m.S.MMs[s.id].Users == 0
}

// left ends that.
func (r *run) left(t *task) {
	t.tore = nil
	if t.leaving != nil {
		t.leaving.leaving--
		t.leaving.tearing = false
		t.leaving = nil
	}
}

// tornDown: the mappings are gone. CPUs that had borrowed them have been told to leave by now; the last reference goes
// before the task that did it does anything else.
func (r *run) tornDown(e *tape.Event) error {
	s := r.spaces[e.User.ID]
	if s == nil {
		return nil
	}
	if t := r.cpus[e.CPU].curr; t.leaving == s {
		t.tore = s
	} else {
		s.tearing = false
	}
	for i := range r.m.S.X86 {
		if x := &r.m.S.X86[i]; x.LoadedMM == s.id && x.Lazy {
			if err := r.goInit(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// forked makes a child. Whether it shares its parent's address space is what it is seen to have.
func (r *run) forked(c *cpu, e *tape.Event) error {
	if !r.here(c, e) {
		return nil
	}
	if old := r.tasks[e.Next.PID]; old != nil {
		// The end of an earlier task of that pid was lost, or is still to come.
		delete(r.tasks, e.Next.PID)
	}
	slot, err := r.freeTask()
	if err != nil {
		return err
	}
	f := machine.Frame{Next: slot, CPU: machine.CPUID(e.CPU), MM: machine.NoMM}
	parent := r.m.S.Tasks[c.curr.slot].MM
	switch own := r.named(parent); {
	case e.Next.Flags&tape.FlagKthread != 0:
		f.N = kernel.CloneKernel
	case own != nil && own.name == e.Next.MM:
		f.N = kernel.CloneVM
	case parent != machine.NoMM:
		if f.MM, err = r.freeMM(); err != nil {
			return err
		}
	}
	moved := c.moved
	if err := r.change(c, e, forking, "kernel_clone", f); err != nil {
		return err
	}
	c.moved = moved
	if !r.arm {
		r.lowerGen(r.named(parent), e.Active.Gen)
	}
	if f.MM != machine.NoMM {
		r.bind(&e.User, f.MM)
	}
	r.tasks[e.Next.PID] = &task{pid: e.Next.PID, tgid: e.Next.TGID, slot: slot}
	return nil
}

// execed is told after the change, which a switch in between may have shown already.
func (r *run) execed(c *cpu, e *tape.Event) error {
	if c.seen && !c.broken && !c.curr.idle && c.curr.pid == e.Arg && e.Arg != e.Prev.PID {
		r.rename(c.curr, e.Prev.PID)
	}
	if !r.here(c, e) {
		return nil
	}
	r.left(c.curr)
	if s := r.named(r.m.S.Tasks[c.curr.slot].MM); s != nil && s.name == e.User.ID && r.same(s, &e.User) {
		return nil
	}
	return r.execMM(c, e, &e.User)
}

// exited is told after the task gave up its address space, or since 6.13 before.
func (r *run) exited(c *cpu, e *tape.Event) error {
	if !r.here(c, e) || c.curr.exiting {
		return nil
	}
	c.curr.exiting = true
	r.left(c.curr)
	s := r.named(r.m.S.Tasks[c.curr.slot].MM)
	if s == nil {
		return nil
	}
	s.exiting++
	if e.User.ID == tape.NoMM {
		return r.exitMM(c, e)
	}
	return nil
}
