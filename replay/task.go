package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// task is what is known of a recorded task. The first ones, as many as the machine has CPUs, are the idle tasks.
type task struct {
	pid, tgid, ppid int32
	comm            trace.CommName

	slot machine.TaskID // in the machine; NoTask as long as it was only heard of
	cpu  int32          // where it was seen last, Unknown before
	kind kind
	fact Fact // how its address space is known

	exited bool  // its exit was seen
	dead   bool  // it has left its last CPU
	forked uint8 // which of the reports that announce a child have announced it
	vforks bool  // its last child was made by vfork, as far as one can tell
	copies bool  // it went on after it had made one

	execs     [2]uint8 // by Source, modulo 256
	execsDone uint8

	flags     uint64 // of the clone that made it, if flagged
	flagged   bool
	pendingOn int32          // the CPU whose task is making it; Unknown otherwise
	waitsFor  machine.TaskID // the vfork child that this task sleeps for

	switches uint64 // times it got a CPU
	ran      uint64 // ns
}

// kind is what a task is, as far as known.
type kind uint8

const (
	someTask kind = iota
	userTask
	kernelTask
	idleTask
)

// addTask begins a record for pid.
func (r *run) addTask(pid int32) int32 {
	t := task{pid: pid, tgid: trace.Unknown, ppid: trace.Unknown, slot: machine.NoTask, cpu: trace.Unknown, fact: Unknown,
		pendingOn: trace.Unknown, waitsFor: machine.NoTask}
	var i int32
	if n := len(r.unused); n > 0 {
		i = r.unused[n-1]
		r.unused = r.unused[:n-1]
		r.tasks[i] = t
	} else {
		i = int32(len(r.tasks))
		r.tasks = append(r.tasks, t)
	}
	r.pids.set(pid, i)
	return i
}

// find gives the living task of a pid. On a CPU, pid 0 is its idle task.
func (r *run) find(pid, cpu int32) int32 {
	if pid == 0 {
		return cpu
	}
	i := r.pids.get(pid)
	if i >= 0 && r.tasks[i].dead {
		return noTask
	}
	return i
}

// findOrAdd is find for whoever wants to note something about a task.
func (r *run) findOrAdd(pid int32) int32 {
	i := r.find(pid, trace.Unknown)
	if i < 0 {
		r.forget(pid)
		i = r.addTask(pid)
	}
	return i
}

// forget ends the record of a pid, if it has one.
func (r *run) forget(pid int32) {
	i := r.pids.get(pid)
	if i < 0 {
		return
	}
	r.pids.remove(pid)
	t := &r.tasks[i]
	if t.switches > 0 {
		r.topTasks.add(t.summary())
	}
	if r.groups[t.tgid] == i {
		delete(r.groups, t.tgid)
	}
	if t.slot != machine.NoTask {
		r.bySlot[t.slot] = noTask
	}
	*t = task{slot: machine.NoTask, cpu: trace.Unknown, pendingOn: trace.Unknown, waitsFor: machine.NoTask}
	r.unused = append(r.unused, i)
}

// learn notes what an event tells of a task beside its pid.
func (t *task) learn(told *trace.Task) {
	if t.tgid == trace.Unknown {
		t.tgid = told.TGID
	}
	if told.Comm != (trace.CommName{}) {
		t.comm = told.Comm
	}
}
