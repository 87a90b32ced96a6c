package kernel

import (
	"fmt"

	"switchyard/machine"
)

// The operations below are what a driver (scenario, replay, stepper) makes happen. Each enters a path
// on a CPU and lets the machine settle; none decides anything that a path decides.

// FreeTask returns an unused task slot, or an error where the machine is full.
func (m *Machine) FreeTask() (machine.TaskID, error) {
	n := len(m.S.Tasks)
	for i := range n {
		id := (m.nextTask + i) % n
		t := &m.S.Tasks[id]
		if t.Kind == machine.FreeTask && t.Depth == 0 {
			m.nextTask = id + 1
			return machine.TaskID(id), nil
		}
	}
	return machine.NoTask, fmt.Errorf("no room for another task: the machine was built for %d", n)
}

// FreeMM returns an unused address-space slot, or an error where the machine is full.
func (m *Machine) FreeMM() (machine.MMID, error) {
	n := len(m.S.MMs)
	for i := range n {
		id := (m.nextMM + i) % n
		if m.S.MMs[id].Alive == 0 {
			m.nextMM = id + 1
			return machine.MMID(id), nil
		}
	}
	return machine.NoMM, fmt.Errorf("no room for another address space: the machine was built for %d", n)
}

// Fork has the running task of cpu clone itself; the child is queued on target. With neither CloneVM
// nor CloneKernel the child gets a new address space. With CloneVfork the parent sleeps, and the CPU
// goes to the child where target is the same CPU, else to the idle task.
func (m *Machine) Fork(cpu, target machine.CPUID, flags int32) (machine.TaskID, error) {
	child, err := m.FreeTask()
	if err != nil {
		return machine.NoTask, err
	}
	mm := machine.NoMM
	if flags&(CloneVM|CloneKernel) == 0 && m.S.Tasks[m.S.CPUs[cpu].Curr].MM != machine.NoMM {
		if mm, err = m.FreeMM(); err != nil {
			return machine.NoTask, err
		}
	}
	if flags&CloneVfork != 0 {
		m.S.CPUs[cpu].Pick = m.S.CPUs[cpu].Idle
		if target == cpu {
			m.S.CPUs[cpu].Pick = child
		}
	}
	return child, m.Enter(cpu, "kernel_clone", machine.Frame{Next: child, CPU: target, MM: mm, N: flags})
}

// Execve has the running task of cpu change to a new address space, which it returns. A kernel thread
// that does so is one no longer.
func (m *Machine) Execve(cpu machine.CPUID) (machine.MMID, error) {
	mm, err := m.FreeMM()
	if err != nil {
		return machine.NoMM, err
	}
	// begin_new_exec clears PF_KTHREAD.
	if t := &m.S.Tasks[m.S.CPUs[cpu].Curr]; t.Kind == machine.KernelTask {
		t.Kind = machine.UserTask
	}
	return mm, m.Enter(cpu, "exec_mmap", machine.Frame{MM: mm})
}

// Exit has the running task of cpu exit; next runs there afterwards.
func (m *Machine) Exit(cpu machine.CPUID, next machine.TaskID) error {
	m.S.CPUs[cpu].Pick = next
	return m.Enter(cpu, "do_exit", machine.Frame{})
}

// Reap ends the user-visible use of a zombie, from the task that runs on cpu.
func (m *Machine) Reap(cpu machine.CPUID, zombie machine.TaskID) error {
	return m.Enter(cpu, "release_task", machine.Frame{Next: zombie})
}

// Sleep has the running task of cpu go to sleep in the given state; next runs there afterwards.
func (m *Machine) Sleep(cpu machine.CPUID, state machine.TaskState, next machine.TaskID) error {
	m.S.Tasks[m.S.CPUs[cpu].Curr].State = state
	return m.Switch(cpu, next, true)
}

// Place makes t runnable on cpu: a sleeper is woken there, a queued task is moved there. A task that
// runs on another CPU cannot be placed.
func (m *Machine) Place(t machine.TaskID, cpu machine.CPUID) error {
	task := &m.S.Tasks[t]
	switch {
	case task.Kind == machine.FreeTask || task.State == machine.TaskDead:
		return fmt.Errorf("task %d is dead", t)
	case task.OnRQ == 0:
		return m.Wake(cpu, t, cpu)
	case task.CPU == cpu:
		return nil
	case m.S.CPUs[task.CPU].Curr == t:
		return fmt.Errorf("task %d runs on cpu %d", t, task.CPU)
	}
	return m.Enter(cpu, "move_queued_task", machine.Frame{Next: t, CPU: cpu})
}

// OnMM enters a path that takes an address space, in the context of the task that runs on cpu:
// grab_outside, drop_outside, mmget, mmget_not_zero, mmput, kthread_use_mm.
func (m *Machine) OnMM(cpu machine.CPUID, path string, mm machine.MMID) error {
	return m.Enter(cpu, path, machine.Frame{MM: mm})
}

// Munmap has the running task of cpu unmap pages; tables says that page tables are freed as well.
func (m *Machine) Munmap(cpu machine.CPUID, pages int32, tables bool) error {
	f := machine.Frame{N: pages}
	if tables {
		f.State = FreeTables
	}
	return m.Enter(cpu, "unmap_region", f)
}

// Offline takes a CPU away that runs its idle task; by is a CPU that stays.
func (m *Machine) Offline(cpu, by machine.CPUID) error {
	if err := m.Enter(cpu, "cpu_offline", machine.Frame{}); err != nil {
		return err
	}
	return m.Enter(by, "finish_cpu", machine.Frame{CPU: cpu})
}

// Online brings a CPU back.
func (m *Machine) Online(cpu machine.CPUID) error {
	return m.Enter(cpu, "cpu_online", machine.Frame{})
}
