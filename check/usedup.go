package check

import (
	"switchyard/kernel"
	"switchyard/machine"
)

// beginUsedUp: a process has a thread on every CPU, of which the first one runs; the others are processes that
// have not run, in turn on each CPU; and all ASIDs of the first generation have been given out, to processes
// that are gone. Whoever needs one next brings about a rollover.
func beginUsedUp(m *kernel.Machine, size Size) error {
	first, err := m.Spawn(0, 0)
	if err != nil {
		return err
	}
	if err := m.Switch(0, first, false); err != nil {
		return err
	}
	for range freeASIDs(m.S) {
		if err := burnASID(m); err != nil {
			return err
		}
	}
	if err := m.Switch(0, first, false); err != nil {
		return err
	}
	for i := 1; i < size.Tasks; i++ {
		cpu := machine.CPUID(i % size.CPUs)
		if i < size.CPUs {
			_, err = m.Fork(0, cpu, kernel.CloneVM)
		} else {
			_, err = m.Spawn(0, cpu)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// burnASID has a process come, run on CPU 0 and go.
func burnASID(m *kernel.Machine) error {
	t, err := m.Spawn(0, 0)
	if err != nil {
		return err
	}
	if err := m.Switch(0, t, false); err != nil {
		return err
	}
	if err := m.Exit(0, m.S.CPUs[0].Idle); err != nil {
		return err
	}
	return m.Reap(0, t)
}

// freeASIDs is how many ASIDs of this generation nobody has had.
func freeASIDs(s *machine.State) int {
	n, free := 1<<s.Config.ASIDBits, 0
	if s.Config.KPTI && s.Config.Release < machine.V6_1 {
		n /= 2 // the map has one bit for a pair
	}
	for i := 1; i < n; i++ {
		if s.ASIDMap[i/64]>>(i%64)&1 == 0 {
			free++
		}
	}
	return free
}
