package check

import (
	"switchyard/invariant"
	"switchyard/machine"
	"switchyard/step"
)

// Where next is prev nothing may change (I26). Other CPUs go on meanwhile, so every step of that way is looked at by itself.

// inSwitch tells for each program counter whether a step there comes after the choice of next, and belongs to the switch.
func inSwitch(p *step.Program) []bool {
	in := make([]bool, p.Len())
	chosen := false
	for pc := range in {
		at := p.At(uint32(pc))
		switch {
		case at.Path == nil:
		case at.Path.Name == "context_switch":
			in[pc] = true
		case at.Path.Name != "__schedule":
			chosen = false
		default:
			in[pc] = chosen
			chosen = chosen || at.Label == "pick_next_task"
		}
	}
	return in
}

// step has a CPU take its next step, with that outcome.
func (k *walker) step(cpu machine.CPUID, outcome int) {
	f := k.now.Top(k.now.CPUs[cpu].Stack)
	if !k.w.inSwitch[f.PC] || f.Prev != f.Next {
		k.m.Step(cpu, outcome)
		return
	}
	k.before.CopyFrom(k.now)
	k.m.Step(cpu, outcome)
	invariant.CheckNoSwitch(k.before, k.now, cpu, k.report)
}
