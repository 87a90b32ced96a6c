package check

import (
	"fmt"
	"slices"

	"switchyard/machine"
)

// Obligations are what has to happen sooner or later, by name.
var Obligations = [][2]string{
	{"L1", "What was begun ends: every lock is released, every call of another CPU answered, every loan on its way back repaid, and nobody waits for ever in the middle of something."},
	{"L2", "No wake-up is lost: who does not sleep runs, or is on the run queue of a CPU that is online; a vfork parent sleeps only for a child that will wake it."},
}

func isObligation(rule string) bool {
	return slices.ContainsFunc(Obligations, func(o [2]string) bool { return o[0] == rule })
}

// Own: steps, interrupts that were sent, and the end of a CPU that goes offline carry on what was begun. That
// the CPU turns to a task that is queued is a turn, where its task is interrupted in user mode, its own
// function or the idle loop; that it is so in the middle of a path is never needed.
func (k *walker) Own(i int) Own {
	switch a := &k.actions[i]; a.do {
	case takeStep, interrupt, finish:
		return Moving
	case enter:
		at := &k.w.entries
		if (a.entry == at.schedule || a.entry == at.preempt) && k.now.Tasks[k.now.CPUs[a.cpu].Stack].Depth == 0 {
			return Turn
		}
	}
	return Asked
}

// Owes looks at the state that was loaded. Beyond the bounds of the model nothing is asked for.
func (k *walker) Owes() *Broken {
	s := k.now
	if k.w.beyond != nil && k.w.beyond(s) {
		return nil
	}
	if !k.normal.isSettled(s) || !s.NoCalls() || !s.Wakers().Empty() {
		return &Broken{Rule: "L1", Detail: "something that was begun does not end", CPU: -1}
	}
	if lock := heldLock(s); lock != "" {
		return &Broken{Rule: "L1", Detail: lock + " is never released", CPU: -1}
	}
	for i := range s.Tasks {
		if lost(s, machine.TaskID(i)) {
			return &Broken{Rule: "L2", Detail: wakeupLost, CPU: -1}
		}
		if k.waitsAwake(machine.TaskID(i)) {
			return &Broken{Rule: "L1", Detail: waitsOnQueue, CPU: -1}
		}
	}
	return nil
}

func heldLock(s *machine.State) string {
	for i := range s.CPUs {
		if s.CPUs[i].LockedBy != machine.NoCPU {
			return "a run-queue lock"
		}
	}
	for i := range s.Tasks {
		if s.Tasks[i].PiLockedBy != machine.NoCPU {
			return "a pi_lock"
		}
	}
	if s.Global.ASIDLockedBy != machine.NoCPU {
		return "cpu_asid_lock"
	}
	return ""
}

const (
	wakeupLost   = "a task that does not sleep, or has nothing to wait for, is on no run queue: its wake-up was lost"
	waitsOnQueue = "a task that waits for its vfork child does not sleep meanwhile"
)

// lost: the task neither sleeps nor is dead, or sleeps for a child that is gone, and nobody will ever pick it.
func lost(s *machine.State, id machine.TaskID) bool {
	t := &s.Tasks[id]
	if t.Kind != machine.UserTask && t.Kind != machine.KernelTask || t.OnRQ == machine.OnRQQueued && s.CPUs[t.CPU].Online {
		return false
	}
	switch t.State {
	case machine.TaskInterruptible, machine.TaskDead, machine.TaskNew:
		return false
	case machine.TaskUninterruptible: // only who waits for a vfork child sleeps like that
		if awaited(s, id) {
			return false
		}
	}
	for i := range s.CPUs {
		if s.CPUs[i].Curr == id {
			return false
		}
	}
	return true
}

// Stuck says who waits, and what is owed.
func (k *walker) Stuck() (all []Broken) {
	for i := range k.now.CPUs {
		cpu := machine.CPUID(i)
		in := k.m.Next(cpu)
		if in == nil || in.Path == nil || k.m.Outcomes(cpu) != 0 {
			continue
		}
		all = append(all, Broken{Rule: "L1", Detail: fmt.Sprintf("cpu %d waits for ever in %s at %s", i, in.Path.Name, in.Label), CPU: i, Path: in.Path.Name, Step: in.Label})
	}
	for i := range k.now.Tasks {
		if lost(k.now, machine.TaskID(i)) {
			all = append(all, Broken{Rule: "L2", Detail: wakeupLost, CPU: -1})
			break
		}
		if k.waitsAwake(machine.TaskID(i)) {
			all = append(all, Broken{Rule: "L1", Detail: waitsOnQueue, CPU: -1})
			break
		}
	}
	return all
}
