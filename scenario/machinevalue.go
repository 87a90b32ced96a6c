package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
)

// machineValue is a machine as a scenario sees it.
type machineValue struct{ y *yard }

func (v *machineValue) String() string {
	c := &v.y.m.S.Config
	return fmt.Sprintf("machine(release = %q, arch = %q, cpus = %d)", c.Release, c.Arch, c.CPUs)
}
func (v *machineValue) Type() string          { return "machine" }
func (v *machineValue) Freeze()               {}
func (v *machineValue) Truth() starlark.Bool  { return true }
func (v *machineValue) Hash() (uint32, error) { return unhashable("machine") }
func (v *machineValue) Attr(name string) (starlark.Value, error) {
	return machineAttrs.attr(v, "m", name)
}
func (v *machineValue) AttrNames() []string { return machineAttrs.names() }

var machineAttrs attrs[*machineValue]

func init() {
	machineAttrs = attrs[*machineValue]{
		fields: map[string]func(*machineValue) starlark.Value{
			"release":   func(v *machineValue) starlark.Value { return starlark.String(v.y.m.S.Config.Release.String()) },
			"arch":      func(v *machineValue) starlark.Value { return starlark.String(v.y.m.S.Config.Arch.String()) },
			"lazy":      func(v *machineValue) starlark.Value { return starlark.String(v.y.m.S.Config.Lazy.String()) },
			"cpus":      func(v *machineValue) starlark.Value { return starlark.MakeInt(len(v.y.m.S.CPUs)) },
			"init_mm":   func(v *machineValue) starlark.Value { return v.y.mm(machine.InitMM) },
			"rollovers": func(v *machineValue) starlark.Value { return starlark.MakeUint64(v.y.m.Stats.Rollovers) },
			"stats":     func(v *machineValue) starlark.Value { return stats(&v.y.m.Stats) },
			"kernel_entries": func(v *machineValue) starlark.Value {
				return starlark.MakeUint(uint(v.y.m.S.Global.KernelEntries))
			},
		},
		methods: map[string]func(*machineValue, *starlark.Thread, call) (starlark.Value, error){
			"process":      process,
			"kthread":      kthread,
			"switch":       switchTo,
			"idle":         idle,
			"cpu":          cpuOf,
			"offline":      offline,
			"online":       online,
			"map_kernel":   kernelRange("map_kernel_range"),
			"touch_kernel": kernelRange("touch_kernel_range"),
			"step":         oneStep,
			"steps":        manySteps,
			"settle":       settle,
			"interrupt":    interrupt,
		},
	}
}

// cpuArg reads the number of a CPU; absent says which one None means.
func (y *yard) cpuArg(v starlark.Value, absent machine.CPUID) (machine.CPUID, error) {
	n, err := number("cpu", v, int(absent), 0, len(y.m.S.CPUs)-1)
	return machine.CPUID(n), err
}

// onlyCPU reads the arguments of a method that takes a CPU and nothing else; param is "cpu", or "cpu?"
// where leaving it out means CPU 0.
func (y *yard) onlyCPU(a call, param string) (machine.CPUID, error) {
	var v starlark.Value
	if err := a.unpack(param, &v); err != nil {
		return machine.NoCPU, err
	}
	return y.cpuArg(v, 0)
}

// free makes sure that an operation can begin on a CPU.
func (y *yard) free(cpu machine.CPUID) error {
	if !y.m.S.CPUs[cpu].Online {
		return fmt.Errorf("cpu %d is offline", cpu)
	}
	if in := y.m.Next(cpu); in != nil {
		return fmt.Errorf("cpu %d is in the middle of something, at %s: m.settle() lets it finish", cpu, stepName(in))
	}
	return nil
}

// anyCPU is the first CPU that an outsider can run on.
func (y *yard) anyCPU() machine.CPUID {
	for i := range y.m.S.CPUs {
		if y.free(machine.CPUID(i)) == nil {
			return machine.CPUID(i)
		}
	}
	return 0
}

func process(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	return v.y.create(t, a, func(cpu machine.CPUID, name string) (machine.TaskID, error) {
		id, err := v.y.m.Spawn(cpu, cpu)
		if err == nil {
			v.y.nameMM(v.y.m.S.Tasks[id].MM, name)
		}
		return id, err
	})
}

func kthread(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	return v.y.create(t, a, func(cpu machine.CPUID, _ string) (machine.TaskID, error) {
		return v.y.m.Fork(cpu, cpu, kernel.CloneKernel)
	})
}

// create makes a task that nobody in the machine asked for.
func (y *yard) create(t *starlark.Thread, a call, do func(machine.CPUID, string) (machine.TaskID, error)) (starlark.Value, error) {
	name := ""
	var cpuV starlark.Value
	if err := a.unpack("name", &name, "cpu?", &cpuV); err != nil {
		return nil, err
	}
	cpu, err := y.cpuArg(cpuV, 0)
	if err != nil {
		return nil, err
	}
	if err := y.newName(name); err != nil {
		return nil, err
	}
	var made *task
	err = y.operate(t, a.text(), func() error {
		if err := y.free(cpu); err != nil {
			return err
		}
		y.room()
		id, err := do(cpu, name)
		if err == nil {
			made = y.name(id, name)
		}
		return err
	})
	return orNone(made), err
}

func orNone(t *task) starlark.Value {
	if t == nil {
		return starlark.None
	}
	return t
}

func switchTo(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	var next *task
	var cpuV starlark.Value
	hold := false
	if err := a.unpack("task", &next, "cpu?", &cpuV, "hold?", &hold); err != nil {
		return nil, err
	}
	y := v.y
	if next.y != y {
		return nil, fmt.Errorf("%s is a task of another machine", next.name)
	}
	s, err := next.living()
	if err != nil {
		return nil, err
	}
	cpu, err := y.cpuArg(cpuV, s.CPU)
	if err != nil {
		return nil, err
	}
	return starlark.None, y.operate(t, a.text(), func() error {
		if err := y.free(cpu); err != nil {
			return err
		}
		if err := next.placeOn(cpu); err != nil {
			return err
		}
		return y.switchOn(cpu, next.id, hold)
	})
}

// switchOn calls schedule on cpu, which chooses next. Where next runs already nothing may change.
func (y *yard) switchOn(cpu machine.CPUID, next machine.TaskID, hold bool) error {
	if y.m.S.CPUs[cpu].Curr == next && !hold {
		before := y.keep()
		y.across = func(report invariant.Report) { invariant.CheckNoSwitch(before, y.m.S, cpu, report) }
	}
	y.m.Held = hold
	return y.m.Switch(cpu, next, false)
}

func idle(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	var cpuV starlark.Value
	hold := false
	if err := a.unpack("cpu?", &cpuV, "hold?", &hold); err != nil {
		return nil, err
	}
	y := v.y
	cpu, err := y.cpuArg(cpuV, 0)
	if err != nil {
		return nil, err
	}
	return starlark.None, y.operate(t, a.text(), func() error {
		if err := y.free(cpu); err != nil {
			return err
		}
		return y.switchOn(cpu, y.m.S.CPUs[cpu].Idle, hold)
	})
}

func cpuOf(v *machineValue, _ *starlark.Thread, a call) (starlark.Value, error) {
	var n starlark.Value
	if err := a.unpack("number", &n); err != nil {
		return nil, err
	}
	cpu, err := v.y.cpuArg(n, 0)
	if err != nil {
		return nil, err
	}
	return cpuValue{v.y, cpu}, nil
}

func offline(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	var cpuV, byV starlark.Value
	if err := a.unpack("cpu", &cpuV, "by?", &byV); err != nil {
		return nil, err
	}
	y := v.y
	cpu, err := y.cpuArg(cpuV, 0)
	if err != nil {
		return nil, err
	}
	other := machine.CPUID(0)
	if cpu == 0 {
		other = machine.CPUID(len(y.m.S.CPUs) - 1)
	}
	by, err := y.cpuArg(byV, other)
	if err != nil {
		return nil, err
	}
	if by == cpu {
		return nil, fmt.Errorf("cpu %d cannot see itself off: name another one with by =", cpu)
	}
	return starlark.None, y.operate(t, a.text(), func() error {
		for _, c := range []machine.CPUID{cpu, by} {
			if err := y.free(c); err != nil {
				return err
			}
		}
		if c := &y.m.S.CPUs[cpu]; c.Curr != c.Idle {
			return fmt.Errorf("cpu %d runs %s: m.idle(cpu = %d) first", cpu, y.TaskName(c.Curr), cpu)
		}
		if err := y.moveAll(cpu, by); err != nil {
			return err
		}
		return y.m.Offline(cpu, by)
	})
}

// moveAll takes what is queued on a CPU that goes to one that stays.
func (y *yard) moveAll(from, to machine.CPUID) error {
	for i := range y.m.S.Tasks {
		t := &y.m.S.Tasks[i]
		if t.Kind != machine.FreeTask && t.Kind != machine.IdleTask && t.CPU == from && t.OnRQ != 0 {
			if err := y.m.Place(machine.TaskID(i), to); err != nil {
				return err
			}
		}
	}
	return nil
}

func online(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
	y := v.y
	cpu, err := y.onlyCPU(a, "cpu")
	if err != nil {
		return nil, err
	}
	if y.m.S.CPUs[cpu].Online {
		return nil, fmt.Errorf("cpu %d is online", cpu)
	}
	return starlark.None, y.operate(t, a.text(), func() error { return y.m.Online(cpu) })
}

// kernelRange enters a path that concerns kernel mappings, which only ports with a shared root have.
func kernelRange(path string) func(*machineValue, *starlark.Thread, call) (starlark.Value, error) {
	return func(v *machineValue, t *starlark.Thread, a call) (starlark.Value, error) {
		y := v.y
		cpu, err := y.onlyCPU(a, "cpu?")
		if err != nil {
			return nil, err
		}
		if !y.m.Prog.Has(path) {
			return nil, fmt.Errorf("%s is for classic machines, where each root has its own copy of the kernel's top-level entries, not for %s", a.name, y.m.S.Config.Arch)
		}
		return starlark.None, y.operate(t, a.text(), func() error {
			if err := y.free(cpu); err != nil {
				return err
			}
			return y.m.Enter(cpu, path, machine.Frame{})
		})
	}
}
