package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// Machine is a booted machine with its program: what scenarios, replay and the stepper drive.
type Machine struct {
	*step.Exec

	exitToUser, schedule, wakeUp, callQueue, wakeQueue uint32

	nextTask, nextMM int // where the search for a free slot begins

	// Held makes what is entered stay where it begins: a driver that wants to look at the middle of
	// a switch then takes the CPUs on by itself, step by step.
	Held bool
}

func newMachine(p *step.Program, s *machine.State) *Machine {
	return &Machine{
		Exec:       step.NewExec(p, s),
		exitToUser: p.Entry("exit_to_user_mode"),
		schedule:   p.Entry("schedule"),
		wakeUp:     p.Entry("try_to_wake_up"),
		callQueue:  p.Entry("flush_smp_call_function_queue"),
		wakeQueue:  p.Entry("sched_ttwu_pending"),
	}
}

// On returns a machine that runs a linked program on a state of its shape that was booted before.
func On(p *step.Program, s *machine.State) *Machine { return newMachine(p, s) }

// With returns a machine that runs the same program on another state of the same shape.
func (m *Machine) With(s *machine.State) *Machine { return newMachine(m.Prog, s) }

// Enter has the task that runs on cpu enter the named path, and runs the machine until it settles.
func (m *Machine) Enter(cpu machine.CPUID, path string, args machine.Frame) error {
	return m.enter(cpu, m.Prog.Entry(path), args)
}

// Push has the task that runs on cpu enter the path at entry. Nothing runs yet.
func (m *Machine) Push(cpu machine.CPUID, entry uint32, args machine.Frame) {
	if m.S.Buffered() && m.S.InUserMode(cpu) {
		m.S.UserRan(cpu)
	}
	m.bottom(cpu)
	m.BeginAt(cpu, entry, args)
}

func (m *Machine) enter(cpu machine.CPUID, entry uint32, args machine.Frame) error {
	m.bottom(cpu)
	m.Put(cpu, entry, &args)
	return m.Settle(cpu)
}

// bottom makes the stack that cpu stands on end with the way back to user mode.
func (m *Machine) bottom(cpu machine.CPUID) {
	stack := m.S.CPUs[cpu].Stack
	if m.S.Tasks[stack].Depth == 0 {
		m.S.Push(stack).PC = m.exitToUser
	}
}

// Switch has cpu switch to next, which must be queued on it, or to its idle task. It begins as a
// preemption: prev stays runnable unless its state says that it sleeps and asleep is set.
func (m *Machine) Switch(cpu machine.CPUID, next machine.TaskID, asleep bool) error {
	n := int32(preempted)
	if asleep {
		n = 0
	}
	m.S.CPUs[cpu].Pick = next
	return m.enter(cpu, m.schedule, machine.Frame{N: n})
}

// Wake wakes task on the run queue of target, from an interrupt on by.
func (m *Machine) Wake(by machine.CPUID, task machine.TaskID, target machine.CPUID) error {
	return m.enter(by, m.wakeUp, machine.Frame{Next: task, CPU: target})
}

// Interrupt delivers what waits for cpu, if it takes interrupts now, and reports whether it did. One that
// comes in user mode returns through exit_to_user_mode, like any other entry.
func (m *Machine) Interrupt(cpu machine.CPUID) bool {
	c := &m.S.CPUs[cpu]
	if c.IRQOff || !c.Online {
		return false
	}
	if !m.S.Calls(cpu).Empty() {
		m.take(cpu, m.callQueue)
		return true
	}
	if m.S.Wakers().Has(cpu) {
		m.take(cpu, m.wakeQueue)
		return true
	}
	return false
}

// take enters a handler. The CPU turns interrupts off with the same stroke, so that no other one nests.
func (m *Machine) take(cpu machine.CPUID, handler uint32) {
	m.Push(cpu, handler, machine.Frame{})
	m.S.CPUs[cpu].IRQOff = true
	if m.S.Buffered() {
		m.cameByInterrupt(m.S.CPUs[cpu].Stack)
	}
}

// Settle runs cpu to the end of what it has begun; whenever it has to wait for others, or has work
// left for them, they run too. It fails where nobody can go on.
func (m *Machine) Settle(cpu machine.CPUID) error {
	if m.Held {
		m.Reach(cpu)
		return nil
	}
	if m.Run(cpu) && m.quiet() {
		return nil
	}
	for {
		moved := false
		for i := range m.S.CPUs {
			other := machine.CPUID(i)
			if m.Interrupt(other) {
				moved = true
			}
			if m.Outcomes(other) > 0 {
				m.Run(other)
				moved = true
			}
		}
		if moved {
			continue
		}
		return m.stuck()
	}
}

// quiet reports whether no CPU has anything left to do for another.
func (m *Machine) quiet() bool {
	return m.S.NoCalls() && m.S.Wakers().Empty()
}

func (m *Machine) stuck() error {
	for i := range m.S.CPUs {
		cpu := machine.CPUID(i)
		if in := m.Next(cpu); in != nil {
			return &step.StuckError{CPU: cpu, Path: in.Path.Name, Step: in.Label}
		}
	}
	return nil
}
