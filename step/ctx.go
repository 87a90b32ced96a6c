package step

import "switchyard/machine"

// Ctx is what a step sees: the machine, the CPU that it runs on and the frame that it runs in.
type Ctx struct {
	S   *machine.State
	CPU machine.CPUID
	C   *machine.CPU   // &S.CPUs[CPU]
	F   *machine.Frame // top frame of the stack that the CPU stands on
	// Choice is the outcome that a Choose step takes: 0 up to one less than its number of choices.
	Choice int
	Stats  *machine.Stats

	exec *Exec
}

// Task returns current.
func (c *Ctx) Task() *machine.Task { return &c.S.Tasks[c.C.Current] }

// MM returns the mm_struct in slot m.
func (c *Ctx) MM(m machine.MMID) *machine.MM { return &c.S.MMs[m] }

// T returns the task_struct in slot t.
func (c *Ctx) T(t machine.TaskID) *machine.Task { return &c.S.Tasks[t] }

// Broken reports that a rule does not hold: a BUG_ON or WARN_ON of the kernel, or a rule of ours
// that only the step itself can see. The machine goes on, as a kernel after a warning.
func (c *Ctx) Broken(rule, detail string) { c.exec.broken(c.CPU, rule, detail) }

// StandOn moves the CPU to another task's kernel stack: what runs next is whatever that stack says.
// Only a Switch step may do it.
func (c *Ctx) StandOn(t machine.TaskID) {
	if c.exec.Prog.code[c.exec.pc].op != opSwitch {
		panic("step: " + c.exec.Prog.At(c.exec.pc).Label + " moves the stack, but is not made with step.Switch")
	}
	c.C.Stack = t
	c.F = c.S.Top(t)
}

// GoOnAt makes the top frame go on at pc, as a return address says it. It reports whether pc is a place in
// the program at all. Like StandOn it is for Switch steps.
func (c *Ctx) GoOnAt(pc uint64) bool {
	if pc == 0 || pc >= uint64(c.exec.Prog.Len()) {
		return false
	}
	c.F.PC = uint32(pc)
	return true
}

// Barrier is a full memory barrier on this CPU.
func (c *Ctx) Barrier() {
	c.C.BarrierSinceUser = true
	c.C.BarrierSinceCurr = true
	c.C.BarrierSinceCall = true
}

// Serialise is an instruction that serialises the core, on this CPU: what was fetched ahead is forgotten.
func (c *Ctx) Serialise() {
	c.C.SyncCore = true
	c.C.Serialised = true
}

// LoadRoot is what a write of the root register is beside: a full barrier that serialises the core.
func (c *Ctx) LoadRoot() {
	c.C.BarrierSinceUser = true
	c.C.BarrierSinceCurr = true
	c.C.BarrierSinceCall = true
	c.C.Serialised = true
}

// Prime puts a frame on a stack that no CPU stands on yet, as copy_thread does for a new task. Who
// was left (Prev) is what the first switch to the task brings.
func (c *Ctx) Prime(t machine.TaskID, path string) {
	f := c.S.Push(t)
	f.PC, f.Prev = c.exec.Prog.Entry(path), machine.NoTask
}
