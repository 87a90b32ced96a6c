package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"switchyard/machine"
)

// mmValue is an address space as a scenario sees it: equal to another when it is the same one.
type mmValue struct {
	y      *yard
	id     machine.MMID
	serial uint32
}

// mm makes a value of what a pointer to an mm_struct holds; NULL is None.
func (y *yard) mm(id machine.MMID) starlark.Value {
	if id < 0 {
		return starlark.None
	}
	return mmValue{y, id, y.m.S.MMs[id].Serial}
}

func (v mmValue) String() string {
	if n, ok := v.y.mmNames[v.serial]; ok {
		return n
	}
	return fmt.Sprintf("mm %d", v.id)
}
func (v mmValue) Type() string          { return "mm" }
func (v mmValue) Freeze()               {}
func (v mmValue) Truth() starlark.Bool  { return true }
func (v mmValue) Hash() (uint32, error) { return v.serial, nil }
func (v mmValue) Attr(name string) (starlark.Value, error) {
	return mmAttrs.attr(v, v.String()+".mm", name)
}
func (v mmValue) AttrNames() []string { return mmAttrs.names() }

// Unpack takes an argument that must be an address space.
func (v *mmValue) Unpack(x starlark.Value) error {
	mm, ok := x.(mmValue)
	if !ok {
		return fmt.Errorf("got %s, want mm: an address space, as in a.mm", x.Type())
	}
	*v = mm
	return nil
}

// here is what the slot holds; an address space that is gone has nothing of its own any more.
func (v mmValue) here() machine.MM {
	mm := v.y.m.S.MMs[v.id]
	if mm.Serial != v.serial {
		return machine.MM{}
	}
	return mm
}

func (v mmValue) exists() bool { return v.here().Alive&machine.HasStruct != 0 }

var mmAttrs attrs[mmValue]

func mmInt(f func(*machine.MM) int64) func(mmValue) starlark.Value {
	return func(v mmValue) starlark.Value {
		mm := v.here()
		return starlark.MakeInt64(f(&mm))
	}
}

func init() {
	mmAttrs = attrs[mmValue]{
		fields: map[string]func(mmValue) starlark.Value{
			"name":             func(v mmValue) starlark.Value { return starlark.String(v.String()) },
			"users":            mmInt(func(m *machine.MM) int64 { return int64(m.Users) }),
			"count":            mmInt(func(m *machine.MM) int64 { return int64(m.Count) }),
			"tlb_gen":          mmInt(func(m *machine.MM) int64 { return int64(m.TLBGen) }),
			"pinned":           mmInt(func(m *machine.MM) int64 { return int64(m.Pinned) }),
			"membarrier_state": mmInt(func(m *machine.MM) int64 { return int64(m.MembarrierState) }),
			"kernel_entries":   mmInt(func(m *machine.MM) int64 { return int64(m.KernelSync) }),
			"asid":             func(v mmValue) starlark.Value { return v.asid() },
			"generation":       func(v mmValue) starlark.Value { return v.generation() },
			"freed":            func(v mmValue) starlark.Value { return starlark.Bool(!v.exists()) },
			"mapped":           func(v mmValue) starlark.Value { return starlark.Bool(v.here().Alive&machine.HasTables != 0) },
			"has_root":         func(v mmValue) starlark.Value { return starlark.Bool(v.here().Alive&machine.HasRoot != 0) },
			"cpus": func(v mmValue) starlark.Value {
				if !v.exists() {
					return starlark.NewList(nil)
				}
				return v.y.cpuList(v.y.m.S.MMCPUMask(v.id))
			},
		},
		methods: map[string]func(mmValue, *starlark.Thread, call) (starlark.Value, error){
			"grab":         outside("grab_outside"),
			"drop":         outside("drop_outside"),
			"get":          outside("mmget"),
			"get_not_zero": getNotZero,
			"put":          outside("mmput"),
			"pin_asid":     pin("arm64_mm_context_get"),
			"unpin_asid":   pin("arm64_mm_context_put"),
		},
	}
}

// outside is what somebody who has no part in switching does to a reference.
func outside(path string) func(mmValue, *starlark.Thread, call) (starlark.Value, error) {
	return func(v mmValue, t *starlark.Thread, a call) (starlark.Value, error) {
		return starlark.None, v.touch(t, a, path)
	}
}

func (v mmValue) touch(t *starlark.Thread, a call, path string) error {
	var cpuV starlark.Value
	hold := false
	if err := a.unpack("cpu?", &cpuV, "hold?", &hold); err != nil {
		return err
	}
	y := v.y
	cpu, err := y.cpuArg(cpuV, y.anyCPU())
	if err != nil {
		return err
	}
	if !v.exists() {
		return fmt.Errorf("%s has been freed: nobody can hold a reference to it", v)
	}
	return y.operate(t, a.text(), func() error {
		if err := y.free(cpu); err != nil {
			return err
		}
		y.m.Held = hold
		return y.m.OnMM(cpu, path, v.id)
	})
}

func getNotZero(v mmValue, t *starlark.Thread, a call) (starlark.Value, error) {
	before := v.here().Users
	err := v.touch(t, a, "mmget_not_zero")
	return starlark.Bool(v.here().Users > before), err
}

func pin(path string) func(mmValue, *starlark.Thread, call) (starlark.Value, error) {
	return func(v mmValue, t *starlark.Thread, a call) (starlark.Value, error) {
		c := &v.y.m.S.Config
		if !v.y.m.Prog.Has(path) {
			return nil, fmt.Errorf("%s: ASIDs can be pinned on arm64 since 5.10, hence in 6.1 and later; this is %s on %s", a.name, c.Release, c.Arch)
		}
		if path == "arm64_mm_context_put" && v.here().Pinned < 1 {
			return nil, fmt.Errorf("the ASID of %s is not pinned", v)
		}
		before := v.here().Pinned
		err := v.touch(t, a, path)
		return starlark.Bool(v.here().Pinned > before), err
	}
}
