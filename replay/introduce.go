package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// introduce makes a task that existed before the recording, or whose beginning was lost, so that it can run on cpu.
func (r *run) introduce(i int32, cpu machine.CPUID) error {
	if r.tasks[i].slot != machine.NoTask {
		return nil
	}
	return r.uncounted(func() error { return r.make(i, cpu) })
}

func (r *run) make(i int32, cpu machine.CPUID) error {
	slot, err := r.freeTask()
	if err != nil {
		return err
	}
	t := &r.tasks[i]
	t.kind, t.fact = t.classify()
	if t.kind == kernelTask {
		err = r.enter(cpu, r.paths.kernelClone, machine.Frame{Next: slot, CPU: cpu, MM: machine.NoMM, N: asKthread})
	} else {
		err = r.makeUser(i, slot, cpu)
	}
	r.settled(i, slot)
	return err
}

// makeUser gives the task the address space of its thread group, or one of its own.
func (r *run) makeUser(i int32, slot machine.TaskID, cpu machine.CPUID) error {
	t := &r.tasks[i]
	if peer := r.peer(t); peer != machine.NoTask {
		clone := func(on machine.CPUID) error {
			return r.enter(on, r.paths.kernelClone, machine.Frame{Next: slot, CPU: cpu, MM: machine.NoMM, N: sharing})
		}
		if on := r.runsOn(peer); on != machine.NoCPU {
			return clone(on)
		}
		return r.as(peer, clone)
	}
	mm, err := r.freeMM()
	if err != nil {
		return err
	}
	r.mms[mm] = space{pid: t.group(), comm: t.comm}
	r.existed++
	return r.forkBackstage(slot, mm, cpu)
}

// settled notes which slot a task has.
func (r *run) settled(i int32, slot machine.TaskID) {
	t := &r.tasks[i]
	t.slot = slot
	r.bySlot[slot] = i
	r.used++
	if t.tgid != trace.Unknown && t.kind == userTask {
		r.groups[t.tgid] = i
	}
}

// group is the pid of a task's process.
func (t *task) group() int32 {
	if t.tgid == trace.Unknown {
		return t.pid
	}
	return t.tgid
}

// peer finds a living task of t's thread group that is in the machine and can clone itself.
func (r *run) peer(t *task) machine.TaskID {
	first, found := r.groups[t.tgid]
	if !found || t.tgid == trace.Unknown {
		return machine.NoTask
	}
	fits := func(p *task) bool {
		return p != t && p.tgid == t.tgid && !p.dead && p.slot != machine.NoTask &&
			p.waitsFor == machine.NoTask && r.m.S.Tasks[p.slot].MM != machine.NoMM
	}
	if p := &r.tasks[first]; fits(p) {
		return p.slot
	}
	for i := r.recorded; i < len(r.tasks); i++ {
		if p := &r.tasks[i]; fits(p) {
			r.groups[t.tgid] = int32(i)
			return p.slot
		}
	}
	delete(r.groups, t.tgid)
	return machine.NoTask
}

// runsOn is the CPU whose current task t is.
func (r *run) runsOn(t machine.TaskID) machine.CPUID {
	task := &r.m.S.Tasks[t]
	if task.CPU != machine.NoCPU && r.m.S.CPUs[task.CPU].Curr == t {
		return task.CPU
	}
	return machine.NoCPU
}
