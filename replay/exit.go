package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// onExit has a task give up its address space. It goes on running for a while, as a kernel task does.
func (r *run) onExit(e *trace.Event) error {
	here, err := r.alignCurrent(e, e.Task.PID)
	if err != nil || !here {
		return err
	}
	c := &r.cpus[e.CPU]
	if r.tasks[c.curr].kind == idleTask {
		r.skip("an exit of the idle task")
		return nil
	}
	if r.tasks[c.curr].exited {
		return nil
	}
	if err := r.decide(e.CPU); err != nil {
		return err
	}
	t := &r.tasks[c.curr]
	t.learn(&e.Task)
	t.exited, t.fact = true, Exact
	mm := r.m.S.Tasks[t.slot].MM
	err = r.releasing(c.curr, func() error { return r.enter(machine.CPUID(e.CPU), r.paths.exitMM, machine.Frame{}) })
	r.gaveUp(mm, c.curr)
	return err
}

// die switches away from a task for the last time.
func (r *run) die(e *trace.Event, prev int32, next machine.TaskID) error {
	t := &r.tasks[prev]
	if t.kind == idleTask {
		return r.m.Switch(machine.CPUID(e.CPU), next, false)
	}
	t.exited, t.dead, t.fact = true, true, Exact
	mm := r.m.S.Tasks[t.slot].MM
	err := r.releasing(prev, func() error { return r.exitTo(machine.CPUID(e.CPU), next) })
	r.lostUser(mm)
	return err
}

// exitTo has the current task of a CPU exit; next runs there afterwards.
func (r *run) exitTo(cpu machine.CPUID, next machine.TaskID) error {
	r.m.S.CPUs[cpu].Pick = next
	return r.enter(cpu, r.paths.doExit, machine.Frame{})
}

// onFree ends a task_struct. One that still lives belongs to an earlier task of the same pid.
func (r *run) onFree(e *trace.Event) error {
	if i := r.pids.get(e.Task.PID); e.Task.PID > 0 && i >= 0 && r.tasks[i].dead {
		return r.reap(i)
	}
	return nil
}

// reap ends what is left of a dead task, in the machine and here.
func (r *run) reap(i int32) error {
	t := &r.tasks[i]
	slot := t.slot
	r.forget(t.pid)
	r.used--
	return r.enter(0, r.paths.releaseTask, machine.Frame{Next: slot})
}

// reapAll ends all dead tasks: the recording may not say when, and their slots are wanted.
func (r *run) reapAll() error {
	for i := r.recorded; i < len(r.tasks); i++ {
		if t := &r.tasks[i]; t.dead && t.slot != machine.NoTask {
			if err := r.reap(int32(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// vacate ends whatever task has a pid, because another begins with it. If it still lived, its end was lost.
func (r *run) vacate(pid int32) error {
	i := r.pids.get(pid)
	switch {
	case i < 0:
		return nil
	case r.tasks[i].dead:
		return r.reap(i)
	case r.tasks[i].slot == machine.NoTask:
		if on := r.tasks[i].pendingOn; on >= 0 {
			r.cpus[on].pending = noTask
		}
		r.forget(pid)
		return nil
	}
	if err := r.finishForks(i); err != nil {
		return err
	}
	return r.uncounted(func() error { return r.bury(i) })
}

// bury has a task exit out of sight.
func (r *run) bury(i int32) error {
	if err := r.free(i, trace.Unknown); err != nil {
		return err
	}
	if err := r.enterBackstage(); err != nil {
		return err
	}
	t := &r.tasks[i]
	if err := r.place(t.slot, r.back.cpu); err != nil {
		return err
	}
	if err := r.m.Switch(r.back.cpu, t.slot, false); err != nil {
		return err
	}
	mm := r.m.S.Tasks[t.slot].MM
	t.exited, t.dead = true, true
	if err := r.releasing(i, func() error { return r.exitTo(r.back.cpu, r.back.init) }); err != nil {
		return err
	}
	r.gaveUp(mm, i)
	if err := r.leaveBackstage(); err != nil {
		return err
	}
	return r.reap(i)
}
