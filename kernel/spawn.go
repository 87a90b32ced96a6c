package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// spawnPaths make a process whose parent is not part of the machine, so that a written schedule
// begins with processes and not with the switches that brought them about.
var spawnPaths = []*step.Path{{
	Name:   "spawn_process",
	Source: "kernel/fork.c:copy_process as its parent, elsewhere, left it",
	Doc:    "A user task with an address space of its own that no CPU has loaded yet, queued on the CPU that the frame names.",
	Body: step.Seq{
		step.Call("dup_task_struct"),
		step.Call("mm_init"),
		step.Do("tsk->mm = tsk->active_mm = mm", "a user task's active_mm is always its mm", func(c *step.Ctx) {
			t := c.T(c.F.Next)
			t.MM, t.ActiveMM = c.F.MM, c.F.MM
		}),
		primeChild(),
		step.Call("wake_up_new_task"),
	},
}}

// Spawn makes a process with a new address space, queued on target and not running. It is entered
// on cpu, and nothing that runs there takes part in it.
func (m *Machine) Spawn(cpu, target machine.CPUID) (machine.TaskID, error) {
	task, err := m.FreeTask()
	if err != nil {
		return machine.NoTask, err
	}
	mm, err := m.FreeMM()
	if err != nil {
		return machine.NoTask, err
	}
	return task, m.Enter(cpu, "spawn_process", machine.Frame{Next: task, CPU: target, MM: mm})
}
