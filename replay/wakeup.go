package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// onWakeup makes a sleeper runnable where the recording says. Whoever runs there before such an event
// is woken by its switch.
func (r *run) onWakeup(e *trace.Event) error {
	i := r.find(e.Task.PID, trace.Unknown)
	if e.Task.PID <= 0 || i < 0 {
		return nil
	}
	t := &r.tasks[i]
	switch {
	case t.slot == machine.NoTask:
		return nil
	case t.waitsFor != machine.NoTask:
		return r.releaseParent(i)
	case r.m.S.Tasks[t.slot].OnRQ != 0:
		return nil
	}
	target := e.Target
	if uint32(target) >= uint32(r.recorded) {
		target = max(e.CPU, 0)
	}
	return r.m.Wake(machine.CPUID(max(e.CPU, 0)), t.slot, machine.CPUID(target))
}

// onMmap shows that a task has a user address space. perf lists those of every process when it begins.
func (r *run) onMmap(e *trace.Event) {
	if e.Task.PID <= 0 {
		return
	}
	i := r.find(e.Task.PID, trace.Unknown)
	if i < 0 {
		if e.Source != trace.Synthesized {
			return
		}
		i = r.findOrAdd(e.Task.PID)
	}
	t := &r.tasks[i]
	t.learn(&e.Task)
	switch {
	case t.slot == machine.NoTask && t.pendingOn < 0:
		t.kind = userTask
	case t.kind == userTask && t.fact == Unknown && t.tgid != trace.Unknown:
		t.fact = Derived
	}
}
