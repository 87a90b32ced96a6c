package scenario

import (
	"go.starlark.net/starlark"

	"switchyard/machine"
)

// asid is the number under which the hardware knows an address space: on arm64 the one that it has,
// None before it has one and on machines where identifiers belong to CPUs or do not exist.
func (v mmValue) asid() starlark.Value {
	mm, c := v.here(), &v.y.m.S.Config
	if c.Arch != machine.ARM64 || mm.ContextID == 0 {
		return starlark.None
	}
	return starlark.MakeUint64(mm.ContextID & (1<<c.ASIDBits - 1))
}

// generation is how many rollovers had happened when the ASID was last confirmed; None without one.
func (v mmValue) generation() starlark.Value {
	mm, c := v.here(), &v.y.m.S.Config
	if c.Arch != machine.ARM64 || mm.ContextID == 0 {
		return starlark.None
	}
	return starlark.MakeUint64(mm.ContextID >> generationShift(c))
}

// generationShift: generations count in steps of 1 << asid_bits, and of 1 << 16 since the fix of
// late 2024 that releases from 6.1 on carry.
func generationShift(c *machine.Config) uint {
	if c.Release >= machine.V6_1 {
		return 16
	}
	return uint(c.ASIDBits)
}
