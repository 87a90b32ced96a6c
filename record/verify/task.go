package verify

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/record/tape"
)

// task is a task of the recording.
type task struct {
	pid, tgid uint32
	slot      machine.TaskID
	exiting   bool // its exit event came
	dead      bool // it was switched away from for the last time
	idle      bool
	acted     int64 // when its last fork, exec or exit was reported

	leaving *space // what it was seen without, while it may not have given up its use of it yet
	tore    *space // whose mappings it has just taken down
}

// cpu is a CPU of the recording.
type cpu struct {
	curr   *task
	idle   *task
	seen   bool
	broken bool     // its next switch cannot be compared: something was lost
	moved  bool     // an exec or the like changed what is loaded since the last switch
	last   int64    // when its last event was
	deltas []delta  // what that changed, which another CPU may or may not see yet
	was    observed // the hardware as the last switch found it
	slots  slots
}

// find is the task of a pid; the idle tasks all have 0.
func (r *run) find(c *cpu, pid uint32) *task {
	if pid == 0 {
		return c.idle
	}
	return r.tasks[pid]
}

// introduce makes a task that existed before it was first seen. Its references are counted already: what is known of
// its address space was observed.
func (r *run) introduce(c *cpu, on machine.CPUID, v *tape.Task, mm *tape.MM) (*task, error) {
	if t := r.find(c, v.PID); t != nil {
		return t, nil
	}
	slot, err := r.freeTask()
	if err != nil {
		return nil, err
	}
	if err := r.enter(on, "kernel_clone", machine.Frame{Next: slot, CPU: on, MM: machine.NoMM, N: kernel.CloneKernel}); err != nil {
		return nil, err
	}
	t := &task{pid: v.PID, tgid: v.TGID, slot: slot}
	r.tasks[v.PID] = t
	m := &r.m.S.Tasks[slot]
	if v.Flags&tape.FlagKthread == 0 {
		m.Kind = machine.UserTask
	}
	if v.MM == tape.NoMM {
		return t, nil
	}
	s, err := r.lookUp(mm)
	if err != nil {
		return nil, err
	}
	m = &r.m.S.Tasks[slot]
	m.MM, m.ActiveMM = s.id, s.id
	if v.Flags&tape.FlagKthread != 0 {
		m.UsingMM = true
		return t, nil
	}
	r.m.S.MMs[s.id].Tasks++
	r.m.S.MMs[s.id].ExtUsers--
	return t, nil
}

// enter has the task that runs on a CPU enter a path.
func (r *run) enter(on machine.CPUID, path string, f machine.Frame) error {
	return r.m.Enter(on, path, f)
}

// forget ends a task_struct.
func (r *run) forget(t *task) error {
	delete(r.tasks, t.pid)
	r.live--
	return r.enter(0, "release_task", machine.Frame{Next: t.slot})
}

// isCurrent tells where a task runs.
func (r *run) isCurrent(t *task) *cpu {
	for i := range r.cpus {
		if r.cpus[i].curr == t {
			return &r.cpus[i]
		}
	}
	return nil
}
