package check

import (
	"switchyard/kernel"
	"switchyard/machine"
)

// Models lists the models.
func Models() []*Model {
	return []*Model{
		{
			Name:     "context-switch",
			Question: "Is every address space kept for as long as somebody stands on it, and freed once, whatever its tasks do and whenever they are preempted?",
			Rules:    []string{"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I19", "I20", "I24", "I25", "I26"},
			Arch:     machine.Classic,
			Size:     Size{CPUs: 2, Tasks: 2, MMs: 2, Changes: 1},
			Actions:  []string{"preempt", "sleep", "exec", "exit", "fork", "use", "offline"},
			begin:    beginWithOne,
		},
		{
			Name:     "wakeup",
			Question: "Does a task that is woken while it falls asleep run once, on one CPU, and is a dead one buried once?",
			Rules:    []string{"I1", "I19", "I20"},
			Arch:     machine.Classic,
			Size:     Size{CPUs: 2, Tasks: 2, MMs: 1, Changes: 1},
			Actions:  []string{"preempt", "wake", "move", "exit"},
			begin:    beginWithOne,
		},
		{
			Name:     "x86-tlb",
			Question: "Does every CPU lose a translation before its page is used for something else, although lazy CPUs are not interrupted?",
			Rules:    []string{"I8", "I10", "I11", "I12", "I13", "I14", "I23"},
			Arch:     machine.X86,
			Size:     Size{CPUs: 2, Tasks: 3, MMs: 1, Changes: 2},
			Actions:  []string{"preempt", "munmap", "free-tables", "speculate"},
			begin:    beginWithThreads,
		},
		{
			Name:     "asid",
			Question: "Does no process ever see what the TLB holds of another one, or of itself before an munmap, although ASIDs run out and are handed out again?",
			Rules:    []string{"I14", "I15", "I16", "I17", "I18", "I23"},
			Arch:     machine.ARM64,
			Since:    machine.V4_4,
			Size:     Size{CPUs: 2, Tasks: 4, MMs: 4, Changes: 1, ASIDs: 4, Generations: 2},
			Actions:  []string{"preempt", "munmap", "speculate"},
			begin:    beginWithProcesses,
			begins:   map[string]func(*kernel.Machine, Size) error{"used-up": beginUsedUp},
			beyond:   manyGenerations,
		},
		{
			Name:     "membarrier",
			Question: "Can a program that has membarrier in the place of its barriers see its accesses out of order, whatever its threads do meanwhile?",
			Rules:    []string{"I21", "I22"},
			Arch:     machine.X86,
			Since:    machine.V5_0,
			Size:     Size{CPUs: 2, Tasks: 2, MMs: 2, Changes: 1},
			Actions:  []string{"preempt", "sleep", "exec", "exit", "membarrier", "sync-core"},
			Buffers:  true,
			begin:    beginRegistered,
			without:  brokenMembarrier,
			beyond:   noneRegistered,
		},
		{
			Name:     "fpsimd",
			Question: "Does every task, and the kernel where it computes, find its own values in the vector registers, although a switch leaves them as they are?",
			Rules:    []string{"I27"},
			Arch:     machine.ARM64,
			Since:    machine.V4_4,
			Size:     Size{CPUs: 2, Tasks: 2, MMs: 2, Changes: 1, ASIDs: 4, Generations: 1},
			Actions:  []string{"preempt", "move", "neon", "thread", "exec"},
			detail:   func(c *machine.Config) { c.FPSIMD = true },
			beyond:   manyGenerations,
			begin:    func(m *kernel.Machine, _ Size) error { return spawn(m, 0) },
		},
		{
			Name:     "kpti",
			Question: "Can user mode find no kernel page, and the kernel no user page without asking, wherever an interrupt comes between two writes of TTBR0 and TTBR1?",
			Rules:    []string{"I14", "I28", "I29", "I30", "I31"},
			Arch:     machine.ARM64,
			Since:    machine.V5_0,
			Size:     Size{CPUs: 1, Tasks: 3, MMs: 2, Changes: 1, ASIDs: 4, Generations: 2},
			Actions:  []string{"preempt", "exec", "use", "uaccess", "kernel", "speculate"},
			detail: func(c *machine.Config) {
				c.KPTI, c.PAN, c.EntryCode = true, true, true
				c.ASIDBits++ // they come in pairs
			},
			beyond: manyGenerations,
			begin:  beginWithOneAndThread,
		},
	}
}

// manyGenerations bounds generations, which are counted by 1 << 16 since 6.1, by 1 << asid_bits before; and from the
// one by the other where a variation takes the old step up.
func manyGenerations(s *machine.State, size Size) bool {
	g := s.Global.ASIDGeneration
	return g>>16+g&0xffff>>s.Config.ASIDBits > uint64(size.Generations)
}

// beginWithOne: a process runs on CPU 0 and a kernel thread waits there; other tasks are made.
func beginWithOne(m *kernel.Machine, size Size) error {
	if err := spawn(m, 0); err != nil {
		return err
	}
	if size.Tasks < 2 {
		return nil
	}
	_, err := m.Fork(0, 0, kernel.CloneKernel)
	return err
}

// beginWithOneAndThread: a process runs on CPU 0, another process and a kernel thread wait there.
func beginWithOneAndThread(m *kernel.Machine, size Size) error {
	if err := beginWithOne(m, size); err != nil || size.Tasks < 3 {
		return err
	}
	_, err := m.Spawn(0, 0)
	return err
}

// beginWithThreads: a process has a thread on every CPU, and kernel threads make up the rest.
func beginWithThreads(m *kernel.Machine, size Size) error {
	if err := spawn(m, 0); err != nil {
		return err
	}
	for i := 1; i < size.Tasks; i++ {
		flags, cpu := int32(kernel.CloneVM), machine.CPUID(i)
		if i >= size.CPUs {
			flags, cpu = kernel.CloneKernel, machine.CPUID(i%size.CPUs)
		}
		if _, err := m.Fork(0, cpu, flags); err != nil {
			return err
		}
	}
	return nil
}

// noneRegistered: nobody is left who could call.
func noneRegistered(s *machine.State, _ Size) bool {
	for i := range s.MMs {
		if mm := &s.MMs[i]; mm.Alive != 0 && mm.MembarrierReady != 0 {
			return false
		}
	}
	return true
}

// brokenMembarrier is what releases up to 5.10 got wrong: the sync-core form, where nothing else serialises a
// core that goes back to user mode; and, where stores may overtake each other, exit.
func brokenMembarrier(c *machine.Config) []string {
	switch {
	case c.Release >= machine.V6_1:
		return nil
	case c.Memory == machine.WeakStores:
		return []string{"exit"}
	}
	return []string{"sync-core"}
}

// beginRegistered: likewise, and the process has registered for membarrier.
func beginRegistered(m *kernel.Machine, size Size) error {
	if err := beginWithThreads(m, size); err != nil {
		return err
	}
	for _, form := range []int32{kernel.MembarrierPrivate, kernel.MembarrierSyncCore} {
		if err := m.Enter(0, "membarrier_register_private_expedited", machine.Frame{N: form}); err != nil {
			return err
		}
	}
	return m.Enter(0, "membarrier_register_global_expedited", machine.Frame{})
}

// beginWithProcesses: each task is a process, in turn on each CPU.
func beginWithProcesses(m *kernel.Machine, size Size) error {
	for i := range size.Tasks {
		if i < size.MMs {
			if _, err := m.Spawn(0, machine.CPUID(i%size.CPUs)); err != nil {
				return err
			}
			continue
		}
		if err := m.Switch(0, machine.TaskID(size.CPUs), false); err != nil {
			return err
		}
		if _, err := m.Fork(0, machine.CPUID(i%size.CPUs), kernel.CloneVM); err != nil {
			return err
		}
	}
	return nil
}

// spawn makes a process that runs on cpu.
func spawn(m *kernel.Machine, cpu machine.CPUID) error {
	t, err := m.Spawn(cpu, cpu)
	if err != nil {
		return err
	}
	return m.Switch(cpu, t, false)
}
