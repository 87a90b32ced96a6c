package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"switchyard/machine"
)

// cpuValue is a CPU as a scenario sees it.
type cpuValue struct {
	y   *yard
	cpu machine.CPUID
}

func (v cpuValue) String() string        { return fmt.Sprintf("cpu %d", v.cpu) }
func (v cpuValue) Type() string          { return "cpu" }
func (v cpuValue) Freeze()               {}
func (v cpuValue) Truth() starlark.Bool  { return true }
func (v cpuValue) Hash() (uint32, error) { return uint32(v.cpu), nil }
func (v cpuValue) Attr(name string) (starlark.Value, error) {
	return cpuAttrs.attr(v, fmt.Sprintf("m.cpu(%d)", v.cpu), name)
}
func (v cpuValue) AttrNames() []string { return cpuAttrs.names() }

func (v cpuValue) here() *machine.CPU { return &v.y.m.S.CPUs[v.cpu] }

var cpuAttrs attrs[cpuValue]

func init() {
	cpuAttrs = attrs[cpuValue]{fields: map[string]func(cpuValue) starlark.Value{
		"number":    func(v cpuValue) starlark.Value { return starlark.MakeInt(int(v.cpu)) },
		"curr":      func(v cpuValue) starlark.Value { return v.y.task(v.here().Curr) },
		"idle":      func(v cpuValue) starlark.Value { return v.y.task(v.here().Idle) },
		"current":   func(v cpuValue) starlark.Value { return v.y.task(v.here().Current) },
		"stack":     func(v cpuValue) starlark.Value { return v.y.task(v.here().Stack) },
		"prev_mm":   func(v cpuValue) starlark.Value { return v.y.mm(v.here().PrevMM) },
		"root":      func(v cpuValue) starlark.Value { return v.y.mm(v.here().Root) },
		"loaded_mm": func(v cpuValue) starlark.Value { return v.y.mm(v.y.loadedMM(v.cpu)) },
		"lazy":      func(v cpuValue) starlark.Value { return starlark.Bool(v.y.isLazy(v.cpu)) },
		"asid":      func(v cpuValue) starlark.Value { return v.y.hardwareASID(v.cpu) },
		"slots":     func(v cpuValue) starlark.Value { return v.y.slots(v.cpu) },
		"flushes":   func(v cpuValue) starlark.Value { return starlark.MakeUint64(v.y.flushes[v.cpu]) },
		"membarrier_state": func(v cpuValue) starlark.Value {
			return starlark.MakeUint64(uint64(v.here().MembarrierState))
		},
		"online": func(v cpuValue) starlark.Value { return starlark.Bool(v.here().Online) },
		"at":     func(v cpuValue) starlark.Value { return v.y.at(v.cpu) },
		"waits": func(v cpuValue) starlark.Value {
			return starlark.Bool(v.y.m.Next(v.cpu) != nil && v.y.m.Outcomes(v.cpu) == 0)
		},
	}}
}

func (y *yard) task(id machine.TaskID) starlark.Value {
	if id < 0 {
		return starlark.None
	}
	if t := y.tasks[y.m.S.Tasks[id].Serial]; t != nil {
		return t
	}
	return starlark.None
}

// loadedMM is what x86 keeps in loaded_mm; elsewhere the root register says it.
func (y *yard) loadedMM(cpu machine.CPUID) machine.MMID {
	if y.m.S.Config.Arch == machine.X86 {
		return y.m.S.X86[cpu].LoadedMM
	}
	return y.m.S.CPUs[cpu].Root
}

// isLazy is x86's is_lazy; elsewhere a CPU counts as lazy while its task borrows a user address space.
func (y *yard) isLazy(cpu machine.CPUID) bool {
	if y.m.S.Config.Arch == machine.X86 {
		return y.m.S.X86[cpu].Lazy
	}
	t := &y.m.S.Tasks[y.m.S.CPUs[cpu].Curr]
	return t.MM == machine.NoMM && t.ActiveMM > machine.InitMM
}

func (y *yard) hardwareASID(cpu machine.CPUID) starlark.Value {
	switch y.m.S.Config.Arch {
	case machine.X86:
		return starlark.MakeInt(int(y.m.S.X86[cpu].ASID))
	case machine.ARM64:
		return starlark.MakeUint64(uint64(y.m.S.ARM64[cpu].HWASID))
	}
	return starlark.None
}

// slots lists, for each of x86's PCID slots of a CPU, the address space that it belongs to.
func (y *yard) slots(cpu machine.CPUID) starlark.Value {
	if y.m.S.Config.Arch != machine.X86 {
		return starlark.NewList(nil)
	}
	var list []starlark.Value
	for _, slot := range y.m.S.X86[cpu].Ctxs {
		list = append(list, y.byContext(slot.CtxID))
	}
	return starlark.NewList(list)
}

// byContext finds the address space that a slot was given to; None where it is gone.
func (y *yard) byContext(id uint64) starlark.Value {
	for i := range y.m.S.MMs {
		if mm := &y.m.S.MMs[i]; id != 0 && uint64(mm.Serial) == id {
			return y.mm(machine.MMID(i))
		}
	}
	return starlark.None
}
