package scenario

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"

	"switchyard/machine"
)

// What an operation with hold = True has begun goes on step by step.

const maxManySteps = 10_000

func (y *yard) stepOn(cpu machine.CPUID) (string, error) {
	in := y.m.Next(cpu)
	if in == nil {
		return "", fmt.Errorf("cpu %d has nothing to run: begin something with hold = True", cpu)
	}
	if y.m.Outcomes(cpu) == 0 {
		return "", fmt.Errorf("cpu %d waits at %s: another CPU has to go on first", cpu, stepName(in))
	}
	name := stepName(in)
	y.m.Step(cpu, 0)
	return name, nil
}

func oneStep(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	y := v.y
	cpu, err := y.onlyCPU(a, "cpu?")
	if err != nil {
		return nil, err
	}
	name := ""
	err = y.operate(t, a.text(), func() error {
		name, err = y.stepOn(cpu)
		return err
	})
	return starlark.String(name), err
}

func manySteps(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	var cpuV starlark.Value
	until := ""
	if err := a.unpack("until?", &until, "cpu?", &cpuV); err != nil {
		return nil, err
	}
	y := v.y
	cpu, err := y.cpuArg(cpuV, 0)
	if err != nil {
		return nil, err
	}
	var ran []starlark.Value
	err = y.operate(t, a.text(), func() error {
		for !y.standsAt(cpu, until) && len(ran) < maxManySteps {
			if until == "" && y.m.Outcomes(cpu) == 0 {
				return nil
			}
			name, err := y.stepOn(cpu)
			if err != nil {
				if y.m.Next(cpu) == nil && until != "" {
					return fmt.Errorf("cpu %d came to an end without coming to %q", cpu, until)
				}
				return err
			}
			ran = append(ran, starlark.String(name))
		}
		return nil
	})
	return starlark.NewList(ran), err
}

// standsAt tells whether the next step of cpu has that name, with or without its path.
func (y *yard) standsAt(cpu machine.CPUID, until string) bool {
	in := y.m.Next(cpu)
	return in != nil && until != "" && (in.Label == until || stepName(in) == until || in.Path.Name == until)
}

func settle(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	if err := a.unpack(); err != nil {
		return nil, err
	}
	y := v.y
	return starlark.None, y.operate(t, a.text(), func() error {
		for i := range y.m.S.CPUs {
			if err := y.m.Settle(machine.CPUID(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

func interrupt(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	y := v.y
	cpu, err := y.onlyCPU(a, "cpu?")
	if err != nil {
		return nil, err
	}
	taken := false
	err = y.operate(t, a.text(), func() error {
		taken = y.m.Interrupt(cpu)
		return nil
	})
	return starlark.Bool(taken), err
}

// labels lists what a CPU still has to run, as far as that is known: where it stands.
func (y *yard) at(cpu machine.CPUID) starlark.Value {
	in := y.m.Next(cpu)
	if in == nil {
		return starlark.None
	}
	return starlark.String(stepName(in))
}

func (y *yard) cpuList(mask machine.CPUMask) *starlark.List {
	var list []starlark.Value
	for c := mask.Next(0); c != machine.NoCPU; c = mask.Next(c + 1) {
		list = append(list, starlark.MakeInt(int(c)))
	}
	return starlark.NewList(slices.Clip(list))
}
