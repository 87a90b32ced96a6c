package kernel

import (
	"fmt"

	"switchyard/machine"
	"switchyard/step"
)

// Boot builds a machine of the given shape and brings all its CPUs up: each runs its idle task, which
// borrows init_mm.
func Boot(c machine.Config, port Port, variations ...*step.Path) (*Machine, error) {
	c.Arch = port.Arch()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.TLBSlots == 0 {
		c.TLBSlots = port.TLBSlots(&c)
	}
	s, err := machine.New(c)
	if err != nil {
		return nil, err
	}
	prog, err := Link(&s.Config, port, variations...)
	if err != nil {
		return nil, err
	}
	m := newMachine(prog, s)
	empty(s)
	port.Reset(s)
	for i := range s.CPUs {
		if err := m.Enter(machine.CPUID(i), "cpu_online", machine.Frame{}); err != nil {
			return nil, fmt.Errorf("kernel: cpu %d did not come up: %w", i, err)
		}
	}
	m.Stats = machine.Stats{}
	return m, nil
}

// empty makes a machine with init_mm, the idle tasks and free slots.
func empty(s *machine.State) {
	for i := range s.Tasks {
		s.Tasks[i] = machine.Task{MM: machine.NoMM, ActiveMM: machine.NoMM, CPU: machine.NoCPU, PiLockedBy: machine.NoCPU,
			WakeCPU: machine.NoCPU, Vfork: machine.NoTask, FPOwner: machine.NoCPU, SavedMM: machine.NoMM}
	}
	// init_mm: mm/init-mm.c begins with two users and one reference, none of which is ever given up.
	s.MMs[machine.InitMM] = machine.MM{Users: 2, Count: 1, ExtUsers: 2, Serial: 1, Alive: machine.NewLife}
	s.Global.NextMMSerial = 1
	s.Global.ASIDLockedBy = machine.NoCPU
	for i := range s.Buffers {
		s.Buffers[i] = machine.EmptyBuffer
	}
	for i := range s.CPUs {
		id := machine.TaskID(i)
		t := &s.Tasks[i]
		t.Kind, t.CPU, t.OnRQ, t.OnCPU, t.Usage, t.RCUUsers, t.StackRefs = machine.IdleTask, machine.CPUID(i), machine.OnRQQueued, true, 2, 1, 1
		s.Global.NextTaskSerial++
		t.Serial = s.Global.NextTaskSerial
		s.CPUs[i] = machine.CPU{Stack: id, Current: id, Curr: id, Idle: id, Root: machine.InitMM, PrevMM: machine.NoMM,
			LockedBy: machine.NoCPU, Pick: machine.NoTask, CallMM: machine.NoMM, BarrierSinceUser: true, BarrierSinceCurr: true,
			Serialised: !s.Buffered()}
	}
}
