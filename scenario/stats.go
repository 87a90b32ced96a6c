package scenario

import (
	"reflect"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"switchyard/machine"
)

// stats are the figures that a run reports, under the names of docs/json.md, and those of the
// reference counts.
func stats(s *machine.Stats) starlark.Value {
	type figures map[string]uint64
	group := func(f figures) starlark.Value {
		d := make(starlark.StringDict, len(f))
		for name, n := range f {
			d[name] = starlark.MakeUint64(n)
		}
		return starlarkstruct.FromStringDict(starlark.String("stats"), d)
	}
	return starlarkstruct.FromStringDict(starlark.String("stats"), starlark.StringDict{
		"switches": group(figures{"total": s.Switches, "user_to_same_mm": s.UserToSameMM, "user_to_other_mm": s.UserToOtherMM,
			"user_to_kernel": s.UserToKernel, "kernel_to_kernel": s.KernelToKernel,
			"kernel_to_same_mm": s.KernelToSameMM, "kernel_to_other_mm": s.KernelToOtherMM}),
		"address_space": group(figures{"loads": s.Loads, "loads_avoided": s.LoadsAvoided}),
		"tlb":           group(figures{"full_flushes": s.FullFlushes, "kept_by_tag": s.KeptByTag, "ranged_flushes": s.RangedFlushes, "ipis": s.IPIs}),
		"identifiers":   group(figures{"allocated": s.Allocated, "reused": s.Reused, "rollovers": s.Rollovers}),
		"mm":            group(figures{"created": s.MMsCreated, "freed": s.MMsFreed, "live": s.MMsCreated - s.MMsFreed}),
		"refs":          group(figures{"grabs": s.Grabs, "drops": s.Drops}),
	})
}

// addStats adds every figure of s to sum.
func addStats(sum, s *machine.Stats) {
	a, b := reflect.ValueOf(sum).Elem(), reflect.ValueOf(s).Elem()
	for i := range a.NumField() {
		a.Field(i).SetUint(a.Field(i).Uint() + b.Field(i).Uint())
	}
}
