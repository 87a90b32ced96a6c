package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// onExec is the tracepoint. It says both pids where a thread took over that of its process.
func (r *run) onExec(e *trace.Event) error {
	if e.Old > 0 && e.Old != e.Task.PID && uint32(e.CPU) < uint32(r.recorded) {
		if c := &r.cpus[e.CPU]; r.tasks[c.curr].pid == e.Old {
			if err := r.rename(c.curr, e.Task.PID); err != nil {
				return err
			}
		}
	}
	return r.exec(e, trace.Tracepoint)
}

// onComm notes a name. An exec gives one too, and perf's record of that may be all that tells of the exec.
func (r *run) onComm(e *trace.Event) error {
	if e.ByExec && e.Source == trace.Sideband {
		if err := r.exec(e, trace.Sideband); err != nil {
			return err
		}
	}
	i := r.find(e.Task.PID, trace.Unknown)
	if i < 0 && e.Source == trace.Synthesized && e.Task.PID > 0 {
		i = r.findOrAdd(e.Task.PID)
	}
	if i >= 0 && e.Task.PID != 0 {
		r.tasks[i].learn(&e.Task)
	}
	return nil
}

// exec gives the current task of e's CPU a new address space, once for both reports of one exec.
func (r *run) exec(e *trace.Event, by trace.Source) error {
	here, err := r.alignCurrent(e, e.Task.PID)
	if err != nil || !here {
		return err
	}
	c := &r.cpus[e.CPU]
	t := &r.tasks[c.curr]
	if t.kind == idleTask || t.exited {
		r.skip("an exec by %s", r.taskName(t.slot))
		return nil
	}
	t.learn(&e.Task)
	t.execs[by]++
	if t.execs[by] != t.execsDone+1 {
		return nil
	}
	t.execsDone++
	if err := r.decide(e.CPU); err != nil {
		return err
	}
	mm, err := r.freeMM()
	if err != nil {
		return err
	}
	t = &r.tasks[c.curr]
	old := r.m.S.Tasks[t.slot].MM
	r.nameSpace(mm, t)
	err = r.releasing(c.curr, func() error { return r.enter(machine.CPUID(e.CPU), r.paths.execMmap, machine.Frame{MM: mm}) })
	t.fact, c.stands = Exact, Exact
	r.gaveUp(old, c.curr)
	return err
}

// gaveUp looks at what became of an address space that a task has given up.
func (r *run) gaveUp(mm machine.MMID, by int32) {
	r.lostUser(mm)
	if r.m.Stats.MMsFreed != r.freed {
		r.buryOrphans(by)
	}
}

// renamed tells that the task that runs is the one with another pid now: a thread that exec'ed takes over
// the pid of its process, whose first task has exited by then.
func (r *run) renamed(i, pid int32) bool {
	t := &r.tasks[i]
	if t.tgid != pid || t.pid == pid || pid <= 0 {
		return false
	}
	if first := r.pids.get(pid); first >= 0 && !r.tasks[first].exited {
		return false
	}
	return r.rename(i, pid) == nil
}

// rename gives a task the pid of its process.
func (r *run) rename(i, pid int32) error {
	if err := r.vacate(pid); err != nil {
		return err
	}
	t := &r.tasks[i]
	r.pids.remove(t.pid)
	t.pid = pid
	r.pids.set(pid, i)
	return nil
}
