package replay

import (
	"fmt"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
	"switchyard/trace"
)

// Moment is a recorded switch about to happen: everything that it needs is in place.
type Moment struct {
	N       uint64 // of the switch, from 1
	Event   *trace.Event
	CPU     machine.CPUID
	Prev    machine.TaskID
	Next    machine.TaskID
	Machine *kernel.Machine

	r *run
}

// Verdict is what an observer wants.
type Verdict struct {
	Stop  bool         // end the replay before this switch
	Watch step.Watcher // to be told of each of its steps
	Done  func()       // called when it has happened
}

// Task names a task of the machine for a person.
func (m *Moment) Task(id machine.TaskID) string { return m.r.taskName(id) }

// Fact says how the address space of a task is known.
func (m *Moment) Fact(id machine.TaskID) Fact {
	if i := m.r.bySlot[id]; i >= 0 {
		return m.r.tasks[i].fact
	}
	return Exact
}

// Space names an address space for a person.
func (m *Moment) Space(id machine.MMID) string { return m.r.spaceName(id) }

func (r *run) taskName(id machine.TaskID) string {
	if id < 0 {
		return "none"
	}
	i := r.bySlot[id]
	switch {
	case i < 0 && id == r.back.init, i < 0 && id == machine.TaskID(r.back.cpu):
		return "(setup)"
	case i < 0:
		return fmt.Sprintf("task %d", id)
	case r.tasks[i].kind == idleTask:
		return fmt.Sprintf("swapper/%d", id)
	}
	return fmt.Sprintf("%s/%d", r.tasks[i].comm, r.tasks[i].pid)
}

func (r *run) spaceName(id machine.MMID) string {
	switch {
	case id == machine.InitMM:
		return "init_mm"
	case id < 0:
		return "none"
	case r.mms[id].pid == 0:
		return fmt.Sprintf("mm %d", id)
	}
	return fmt.Sprintf("%s/%d", r.mms[id].comm, r.mms[id].pid)
}

// observed lets the observer look at a switch.
func (r *run) observed(e *trace.Event, next machine.TaskID, do func() error) error {
	m := &Moment{N: r.replayed + 1, Event: e, CPU: machine.CPUID(e.CPU), Prev: r.tasks[r.cpus[e.CPU].curr].slot, Next: next, Machine: r.m, r: r}
	v := r.opts.Observe(m)
	if v.Stop {
		return errStop
	}
	r.m.Watch = v.Watch
	err := do()
	r.m.Watch = nil
	if v.Done != nil {
		v.Done()
	}
	return err
}
