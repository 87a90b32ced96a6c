package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// align makes the CPU run whom the recording shows there. It was not whom the last switch on that CPU left there,
// unless this is its first event.
func (r *run) align(e *trace.Event) error {
	c := &r.cpus[e.CPU]
	if !c.seen {
		c.seen, c.since = true, e.Time
	} else if r.renamed(c.curr, e.Prev.PID) {
		return nil
	} else {
		r.breakAt(e.CPU)
	}
	if e.Prev.PID < 0 || r.tasks[c.curr].pid == e.Prev.PID {
		return nil
	}
	i := r.find(e.Prev.PID, e.CPU)
	if i < 0 {
		i = r.findOrAdd(e.Prev.PID)
	}
	if c.broken {
		r.doubt(i)
	}
	r.tasks[i].learn(&e.Prev)
	return r.force(i, e.CPU)
}

// alignCurrent is align for other events than switches: pid does something, so it runs there. It says
// false where the event is about a task that does not run there.
func (r *run) alignCurrent(e *trace.Event, pid int32) (bool, error) {
	if uint32(e.CPU) >= uint32(r.recorded) {
		return false, nil
	}
	c := &r.cpus[e.CPU]
	switch {
	case r.tasks[c.curr].pid == pid:
		if !c.seen {
			c.seen, c.since = true, e.Time
		}
		return true, nil
	case pid <= 0 || e.Current.PID >= 0 && e.Current.PID != pid:
		return false, nil
	case r.renamed(c.curr, pid):
		return true, nil
	}
	if c.seen {
		r.breakAt(e.CPU)
	}
	c.seen, c.since = true, e.Time
	i := r.findOrAdd(pid)
	if c.broken {
		r.doubt(i)
	}
	return true, r.force(i, e.CPU)
}

// breakAt notes that a CPU runs somebody else than it should.
func (r *run) breakAt(cpu int32) {
	c := &r.cpus[cpu]
	if c.broken {
		return
	}
	c.broken = true
	r.breaks++
	c.stands = Unknown
	r.doubt(c.curr)
}

// force has a CPU switch to a task without the recording having said so. That is not counted.
func (r *run) force(i, cpu int32) error {
	if err := r.decide(cpu); err != nil {
		return err
	}
	if err := r.finishForks(i); err != nil {
		return err
	}
	if err := r.introduce(i, machine.CPUID(cpu)); err != nil {
		return err
	}
	return r.uncounted(func() error {
		if err := r.free(i, cpu); err != nil {
			return err
		}
		t := &r.tasks[i]
		if err := r.place(t.slot, machine.CPUID(cpu)); err != nil {
			return err
		}
		if err := r.m.Switch(machine.CPUID(cpu), t.slot, false); err != nil {
			return err
		}
		c := &r.cpus[cpu]
		c.curr, t.cpu = i, cpu
		if r.m.S.Tasks[t.slot].MM != machine.NoMM {
			c.stands = weaker(c.stands, t.fact)
			if !c.broken {
				c.stands = t.fact
			}
		}
		return nil
	})
}

// finishForks makes a task whose parent has only begun it, or the child that it has begun itself on the
// CPU where it still runs, before it is taken from there.
func (r *run) finishForks(i int32) error {
	if on := r.tasks[i].pendingOn; on >= 0 {
		if err := r.decide(on); err != nil {
			return err
		}
	}
	if on := r.tasks[i].cpu; on >= 0 && r.cpus[on].curr == i {
		return r.decide(on)
	}
	return nil
}

// free takes a task from what keeps it from being switched to on cpu: another CPU whose current task it still
// is, or a vfork child that nobody has seen let go.
func (r *run) free(i, cpu int32) error {
	t := &r.tasks[i]
	if on := t.cpu; on >= 0 && on != cpu && r.cpus[on].curr == i {
		r.breakAt(on)
		r.doubt(i)
		if err := r.m.Switch(machine.CPUID(on), machine.TaskID(on), false); err != nil {
			return err
		}
		r.cpus[on].curr = on
	}
	if t.waitsFor != machine.NoTask {
		return r.releaseParent(i)
	}
	return nil
}

// ready makes sure that the task of e.Next is in the machine and can be switched to.
func (r *run) ready(i int32, e *trace.Event) (int32, error) {
	if i < 0 {
		i = r.findOrAdd(e.Next.PID)
	}
	t := &r.tasks[i]
	t.learn(&e.Next)
	if err := r.finishForks(i); err != nil {
		return i, err
	}
	if err := r.introduce(i, machine.CPUID(e.CPU)); err != nil {
		return i, err
	}
	return i, r.uncounted(func() error { return r.free(i, e.CPU) })
}
