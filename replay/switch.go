package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// onSwitch makes a recorded switch.
func (r *run) onSwitch(e *trace.Event) error {
	r.switches++
	c := &r.cpus[e.CPU]
	if r.tasks[c.curr].pid != e.Prev.PID || !c.seen {
		if err := r.align(e); err != nil {
			return err
		}
	}
	next := r.find(e.Next.PID, e.CPU)
	if next == c.curr || e.Next.PID < 0 || e.Prev.PID < 0 {
		r.skip("a switch from pid %d to pid %d is none", e.Prev.PID, e.Next.PID)
		return nil
	}
	if c.pending != noTask {
		if r.looksLikeVfork(c, &e.State) {
			return r.vforkAway(e, next)
		}
		if err := r.decide(e.CPU); err != nil {
			return err
		}
	}
	if next < 0 || r.tasks[next].slot == machine.NoTask || r.elsewhere(next, e.CPU) {
		var err error
		if next, err = r.ready(next, e); err != nil {
			return err
		}
	}
	return r.handOver(e, next)
}

// elsewhere tells that a task is the current one of another CPU, or cannot simply be switched to.
func (r *run) elsewhere(i, cpu int32) bool {
	t := &r.tasks[i]
	return t.cpu != cpu && t.cpu >= 0 && r.cpus[t.cpu].curr == i || t.waitsFor != machine.NoTask
}

// handOver switches from the CPU's current task, which is e's prev, to next.
func (r *run) handOver(e *trace.Event, next int32) error {
	id, slot := machine.CPUID(e.CPU), r.tasks[next].slot
	if err := r.place(slot, id); err != nil {
		return err
	}
	return r.switchTo(e, next, func() error {
		if e.State.Letter == 'R' {
			return r.m.Switch(id, slot, false)
		}
		return r.leave(e, r.cpus[e.CPU].curr, slot)
	})
}

// switchTo does what makes the machine switch to next, and accounts for it.
func (r *run) switchTo(e *trace.Event, next int32, do func() error) error {
	c := &r.cpus[e.CPU]
	prev := c.curr
	p, n := &r.tasks[prev], &r.tasks[next]
	p.learn(&e.Prev)
	n.learn(&e.Next)
	r.facts[Exact]++
	r.facts[c.stands]++
	r.facts[n.fact]++
	loads := r.m.Stats.Loads
	if r.opts.Observe != nil {
		if err := r.observed(e, n.slot, do); err != nil {
			return err
		}
	} else if err := do(); err != nil {
		return err
	}
	r.replayed++
	return r.arrived(e, prev, next, loads)
}

// leave switches away from a task that does not stay runnable.
func (r *run) leave(e *trace.Event, prev int32, next machine.TaskID) error {
	t := &r.tasks[prev]
	switch how := departure(&e.State, t.exited); how {
	case dies:
		return r.die(e, prev, next)
	case stays:
		return r.m.Switch(machine.CPUID(e.CPU), next, false)
	default:
		if t.kind == idleTask {
			return r.m.Switch(machine.CPUID(e.CPU), next, false)
		}
		r.m.S.Tasks[t.slot].State = machine.TaskState(how)
		return r.m.Switch(machine.CPUID(e.CPU), next, true)
	}
}

// What becomes of prev, beside sleeping in a machine.TaskState.
const (
	stays = machine.TaskRunning
	dies  = machine.TaskDead
)

// departure is prev_state in the machine's terms. Stopped, traced, parked and idle tasks all wait to be
// woken, as sleepers do.
func departure(s *trace.State, exited bool) machine.TaskState {
	switch s.Letter {
	case 'R':
		return stays
	case 'X', 'Z', 'x':
		return dies
	case 'S':
		return machine.TaskInterruptible
	case '?', 0:
		return unexplained(s, exited)
	}
	return machine.TaskUninterruptible
}

// unexplained reads a state whose bits the recording does not name: the lowest two have meant the same
// in every kernel, and a task that has exited dies with any other.
func unexplained(s *trace.State, exited bool) machine.TaskState {
	switch {
	case !s.HasRaw || s.Raw == 0:
		return stays
	case s.Raw&1 != 0:
		return machine.TaskInterruptible
	case s.Raw&2 != 0:
		return machine.TaskUninterruptible
	case exited:
		return dies
	}
	return machine.TaskUninterruptible
}

// arrived notes what a switch has changed.
func (r *run) arrived(e *trace.Event, prev, next int32, loads uint64) error {
	c, p, n := &r.cpus[e.CPU], &r.tasks[prev], &r.tasks[next]
	if e.Time > c.since {
		p.ran += e.Time - c.since
	}
	c.since, c.curr, c.broken = e.Time, next, false
	n.switches++
	n.cpu = e.CPU
	t := &r.m.S.Tasks[n.slot]
	if t.MM != machine.NoMM {
		c.stands = n.fact
		s := &r.mms[t.MM]
		s.switches++
		if s.pid == n.pid {
			s.comm = n.comm // after an exec the new name comes later than the new address space
		}
		s.loads += r.m.Stats.Loads - loads
	} else {
		c.stands = weaker(c.stands, n.fact)
	}
	if a := t.ActiveMM; a > machine.InitMM {
		r.peak = max(r.peak, r.m.S.MMs[a].Count)
	}
	if r.m.Stats.MMsFreed != r.freed {
		r.buryOrphans(prev)
	}
	r.opts.Check(r.m.S, machine.CPUID(e.CPU), r.report)
	if p.dead && !r.frees {
		return r.reap(prev)
	}
	return nil
}

// place makes t runnable on cpu.
func (r *run) place(t machine.TaskID, cpu machine.CPUID) error {
	task := &r.m.S.Tasks[t]
	switch {
	case task.OnRQ == 0:
		return r.m.Wake(cpu, t, cpu)
	case task.CPU == cpu:
		return nil
	}
	return r.enter(cpu, r.paths.moveQueued, machine.Frame{Next: t, CPU: cpu})
}
