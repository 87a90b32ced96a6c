package check

import (
	"switchyard/machine"
	"switchyard/step"
)

// A quiet step touches nothing that others could read or write at that point: its own frame, its own
// registers, a task that nobody else knows yet, what the run-queue lock that it holds protects; or it is
// the release of a lock, which can only let others go on. Whatever others may do before it they may do
// after it, with the same outcome. So where a CPU stands at one, nothing is lost if it goes on at once.
//
// What a step touches is declared beside it (step.Touch), and checked: a test takes every quiet step that
// small models come to and everything that could happen instead, in both orders, and wants one outcome;
// and reduced and full searches must agree.

// touchesOf is what the steps of a program declare, as far as it is of use in a world.
func touchesOf(p *step.Program, env *tasks) []step.Touch {
	at := make([]step.Touch, p.Len())
	for pc := range at {
		at[pc] = p.At(uint32(pc)).Touches
		if env.global && at[pc].Also(step.SeenByMembarrier) {
			at[pc] = step.Anything
		}
	}
	return at
}

// atQuiet reports whether cpu stands at a quiet step.
func (k *walker) atQuiet(cpu machine.CPUID) bool {
	c := &k.now.CPUs[cpu]
	f := k.now.Top(c.Stack)
	if f == nil {
		return false
	}
	t := k.w.quiet[f.PC]
	switch t.Reach() {
	case step.Held:
		return c.IRQOff && !k.seen(cpu, f, t)
	case step.OwnCPU:
		return (c.IRQOff || c.Preempt != 0 || f.N != 0 && !k.w.calm(f.PC)) && !k.seen(cpu, f, t)
	case step.OwnTask:
		return !k.seen(cpu, f, t)
	}
	return false
}

// seen reports whether others could see now what the step touches beside its reach. Store buffers are seen
// once something is in them.
func (k *walker) seen(cpu machine.CPUID, f *machine.Frame, t step.Touch) bool {
	return t.Also(step.SeenByWakers) && k.now.Tasks[f.Prev].OnRQ != machine.OnRQQueued ||
		t.Also(step.RunQueueLock) && k.w.crossed ||
		t.Also(step.StoreBuffer) && k.now.Buffered() && !k.now.Buffers[cpu].Settled() ||
		t.Also(step.LeftBuffers) && k.now.Leaves(f.Next)
}

// goOn takes the quiet steps that follow an action of cpu, as long as each has one outcome.
func (k *walker) goOn(cpu machine.CPUID) {
	for k.m.ViolationCount == 0 && !k.is && k.atQuiet(cpu) && k.m.Outcomes(cpu) == 1 {
		k.step(cpu, 0)
		k.speculate()
	}
}

// listQuiet finds a CPU at a quiet step with several outcomes: nothing but these need be looked at.
func (k *walker) listQuiet() bool {
	for i := range k.now.CPUs {
		cpu := machine.CPUID(i)
		if n := k.m.Outcomes(cpu); n > 0 && k.atQuiet(cpu) {
			for o := range n {
				k.add(action{do: takeStep, cpu: cpu, n: int32(o)})
			}
			return true
		}
	}
	return false
}
