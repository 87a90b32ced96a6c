package invariant

import "switchyard/machine"

// CheckAll looks at every rule that a state can show. What it cannot say about a CPU in the middle of
// a path it leaves out, so it may be asked at any instant; the ledger is added up only when all are
// at rest.
func CheckAll(s *machine.State, report Report) {
	if CheckInstant(s, report) {
		CheckSettled(s, report)
	}
}

// CheckSettled looks at what holds whenever nobody is in the middle of anything: CPUs, nor tasks that
// were interrupted and switched out. There the ledger adds up.
func CheckSettled(s *machine.State, report Report) {
	checkOffline(s, report)
	checkTasks(s, report)
	checkLedger(s, report)
}

// CheckInstant looks at every rule that a state can show at any instant, and reports whether all CPUs are
// at rest.
func CheckInstant(s *machine.State, report Report) bool {
	rest := true
	for i := range s.CPUs {
		cpu := machine.CPUID(i)
		switch {
		case !s.CPUs[i].Online && AtRest(s, cpu):
			if s.CPUs[i].Root > machine.InitMM {
				report("I24", cpu, "an offline CPU still has a user address space loaded")
			}
		case !s.CPUs[i].Online: // on its way out
			rest = false
		case AtRest(s, cpu):
			CheckCPU(s, cpu, report)
		default:
			rest = false
			checkAmid(s, cpu, report)
			checkPortAmid(s, cpu, report)
		}
	}
	checkStacks(s, report)
	for i := range s.MMs {
		checkMM(s, machine.MMID(i), report)
	}
	checkPortAll(s, report)
	return rest
}

// checkStacks: no two CPUs run one task, and none stands on the stack of another's.
func checkStacks(s *machine.State, report Report) {
	for i := range s.CPUs {
		for j := range i {
			if a, b := &s.CPUs[i], &s.CPUs[j]; a.Curr == b.Curr || a.Stack == b.Stack {
				report("I1", machine.CPUID(i), "two CPUs run the same task")
				return
			}
		}
	}
}

// AtRest reports whether a CPU runs no kernel path.
func AtRest(s *machine.State, cpu machine.CPUID) bool {
	c := &s.CPUs[cpu]
	return s.Tasks[c.Stack].Depth == 0 && !c.InSwitch
}

// checkAmid is what holds for a CPU at every instant.
func checkAmid(s *machine.State, cpu machine.CPUID, report Report) {
	c := &s.CPUs[cpu]
	if c.Root >= 0 && s.MMs[c.Root].Alive&machine.HasRoot == 0 {
		report("I8", cpu, "the loaded page-table root has been freed")
	}
	if c.PrevMM >= 0 && s.MMs[c.PrevMM].Alive&machine.HasRoot == 0 {
		report("I8", cpu, "rq->prev_mm names a freed address space")
	}
	if mm := s.Tasks[c.Curr].ActiveMM; mm >= 0 && s.MMs[mm].Alive&machine.HasRoot == 0 {
		report("I8", cpu, "the running task's active_mm has been freed")
	}
}

// checkOffline: what a CPU that went away borrowed has been given back, by itself or by who finished it.
func checkOffline(s *machine.State, report Report) {
	for i := range s.CPUs {
		c := &s.CPUs[i]
		if !c.Online && s.Tasks[c.Idle].ActiveMM > machine.InitMM {
			report("I24", machine.CPUID(i), "the idle task of an offline CPU still has a user address space as active_mm")
		}
	}
}

func checkMM(s *machine.State, m machine.MMID, report Report) {
	mm := &s.MMs[m]
	const nowhere = machine.NoCPU
	switch {
	case mm.Users < 0 || mm.Count < 0:
		report("I7", nowhere, "mm_users or mm_count is below zero")
	case mm.Alive&machine.HasStruct == 0:
		if mm.Alive&machine.HasRoot != 0 {
			report("I6", nowhere, "an mm_struct has been freed, but not its page-table root, which nobody can find any more")
		}
	case mm.Users > 0 && mm.Count < 1:
		report("I7", nowhere, "an address space has users but no reference")
	case mm.Users > 0 && mm.Alive&machine.HasTables == 0:
		report("I5", nowhere, "an address space has users but its mappings are gone")
	}
	if s.Config.Lazy == machine.LazyShootdown && s.Config.Arch != machine.ARM64 && m != machine.InitMM {
		checkLazyMask(s, m, report)
	}
}

func checkLazyMask(s *machine.State, m machine.MMID, report Report) {
	for i := range s.CPUs {
		cpu := machine.CPUID(i)
		t := &s.Tasks[s.CPUs[i].Curr]
		if AtRest(s, cpu) && t.MM == machine.NoMM && t.ActiveMM == m && s.CPUs[i].Root == m && !s.MMCPUMask(m).Has(cpu) {
			report("I9", cpu, "a CPU borrows an address space whose cpumask lacks it: the last mmdrop would not find it")
		}
	}
}

func checkTasks(s *machine.State, report Report) {
	for i := range s.Tasks {
		t := &s.Tasks[i]
		if t.Kind == machine.FreeTask || isCurrent(s, machine.TaskID(i)) {
			continue
		}
		checkSwitchedOut(s, t, report)
	}
}

func isCurrent(s *machine.State, id machine.TaskID) bool {
	cpu := s.Tasks[id].CPU
	return cpu >= 0 && (s.CPUs[cpu].Curr == id || s.CPUs[cpu].Idle == id)
}

func checkSwitchedOut(s *machine.State, t *machine.Task, report Report) {
	dead := t.State == machine.TaskDead
	cpu := t.CPU
	if t.OnCPU && keepsOnCPU(s) {
		report("I1", cpu, "a task that runs nowhere is marked on_cpu: its wakers wait for ever")
	}
	if t.Depth == 0 && !dead {
		report("I1", cpu, "a task that does not run has no saved context")
	}
	if t.MM != machine.NoMM && t.ActiveMM != t.MM {
		report("I2", cpu, "a task's active_mm is not its mm")
	}
	if t.MM == machine.NoMM && t.ActiveMM != machine.NoMM {
		report("I3", cpu, "a task that does not run still borrows")
	}
	if dead {
		checkBuried(s, t, report)
	}
}

// checkBuried: what is left of a dead task that nobody runs any more is what its parent may look at.
func checkBuried(s *machine.State, t *machine.Task, report Report) {
	want := int32(0)
	if t.Zombie {
		want = 1
	}
	uses := t.Usage
	if s.Config.Release >= machine.V6_1 {
		uses = t.RCUUsers
	}
	if uses != want {
		report("I19", t.CPU, "a dead task's task_struct was not put once by who ran after it")
	}
	if s.Config.Release >= machine.V5_0 && !t.StackFreed {
		report("I19", t.CPU, "a dead task's stack was not put by who ran after it")
	}
}
