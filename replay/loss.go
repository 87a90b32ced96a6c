package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// onLost forgets what missing events may have changed: what the CPU stands on, and the address spaces of
// the tasks that ran there last. A kernel thread stays what it is.
func (r *run) onLost(e *trace.Event) {
	if uint32(e.CPU) < uint32(r.recorded) {
		r.doubtCPU(e.CPU)
		return
	}
	for i := range r.cpus {
		r.doubtCPU(int32(i))
	}
}

func (r *run) doubtCPU(cpu int32) {
	r.cpus[cpu].stands = Unknown
	for i := r.recorded; i < len(r.tasks); i++ {
		if t := &r.tasks[i]; t.cpu == cpu && t.slot != machine.NoTask {
			r.doubt(int32(i))
		}
	}
}

// doubt says that a task's address space is no longer known, until it execs, exits or is introduced again.
func (r *run) doubt(i int32) {
	if t := &r.tasks[i]; t.kind == userTask && !t.exited {
		t.fact = Unknown
	}
}

// lost is how many events are missing.
func (r *run) lost(l *trace.Losses) uint64 { return l.Total() + r.skipped }
