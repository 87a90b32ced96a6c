package check

import (
	"switchyard/machine"
	"switchyard/step"
)

// A vfork parent waits in the middle of a path for something that its child may never do. It holds nothing
// meanwhile and owes nothing, as long as it sleeps, and somebody will wake it.

// inVforkWait tells for each program counter whether a task there waits for its child.
func inVforkWait(p *step.Program) []bool {
	in := make([]bool, p.Len())
	for pc := range in {
		at := p.At(uint32(pc))
		in[pc] = at.Path != nil && at.Path.Name == "wait_for_vfork_done"
	}
	return in
}

// awaited: some child has the address space of that task, and will wake it.
func awaited(s *machine.State, parent machine.TaskID) bool {
	for i := range s.Tasks {
		if s.Tasks[i].Vfork == parent {
			return true
		}
	}
	return false
}

// waitsAwake: the task waits for its child and is on a run queue all the same. Where tasks are never preempted that is
// not asked, for one that was woken may wait for its turn for ever.
func (k *walker) waitsAwake(id machine.TaskID) bool {
	if !k.w.turns || k.now.Tasks[id].OnRQ != machine.OnRQQueued {
		return false
	}
	for _, f := range k.now.Live(id) {
		if k.w.vforkWait[f.PC] {
			return true
		}
	}
	return false
}
