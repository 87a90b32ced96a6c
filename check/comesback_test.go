package check

import "switchyard/machine"

// comesBack: the action is an interrupt, or that a task is preempted in the middle of a path.
func (d *diamonds) comesBack(a *action) bool {
	at := &d.w.entries
	return a.do == interrupt || a.do == enter && (a.entry == at.preempt || a.entry == at.schedule)
}

// backTo runs cpu alone until t is back where it has so many frames on its stack: out of a handler, or after another
// task has had its turn. It fails where the CPU would have to wait for another one.
func (d *diamonds) backTo(cpu machine.CPUID, t machine.TaskID, depth uint8) bool {
	away := false
	for range 1000 {
		c := &d.now.CPUs[cpu]
		switch stack := &d.now.Tasks[c.Stack]; {
		case c.Curr == t && c.Stack == t && stack.Depth == depth:
			return d.m.ViolationCount == 0
		case stack.Depth == 0 && (c.IRQOff || c.Preempt != 0):
			return false
		case stack.Depth == 0:
			away = true
			d.m.Push(cpu, d.w.entries.preempt, machine.Frame{N: 1})
			continue
		}
		n := d.m.Outcomes(cpu)
		if n == 0 || d.m.ViolationCount > 0 {
			break
		}
		d.m.Step(cpu, d.towards(cpu, n, t, away))
	}
	d.m.ViolationCount, d.m.Violations = 0, d.m.Violations[:0]
	return false
}

// towards chooses who runs next: somebody else first, and then t.
func (d *diamonds) towards(cpu machine.CPUID, n int, t machine.TaskID, away bool) int {
	if n == 1 {
		return 0
	}
	before, chosen := d.now.Clone(), 0
	for o := range n {
		d.m.Step(cpu, o)
		is := d.now.Top(d.now.CPUs[cpu].Stack).Next == t
		d.now.CopyFrom(before)
		if is == away {
			chosen = o
		}
	}
	return chosen
}

// userRan has user mode do what it may have done by now. It is noted when somebody looks; of two orders, one may have
// had somebody look.
func (d *diamonds) userRan() {
	for i := range d.now.Buffers {
		if cpu := machine.CPUID(i); d.now.InUserMode(cpu) {
			d.now.UserRan(cpu)
		}
	}
}
