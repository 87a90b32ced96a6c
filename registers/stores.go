package registers

import (
	"fmt"
	"slices"
)

// image is a copy of the memory, to see what changed.
type image struct{ tasks, stacks, perCPU []uint64 }

func (y *yard) remember() *image {
	return &image{slices.Clone(y.taskMM), slices.Clone(y.stacks), slices.Clone(y.perCPU)}
}

// valueNames gives names to the values that a switch may write. All of them differ from each other.
func valueNames(y *yard, f *file) map[uint64]string {
	names := map[uint64]string{}
	for i, w := range y.taskMM[taskB<<taskShift/8 : (taskB+1)<<taskShift/8] {
		names[w] = fmt.Sprintf("next+%#x", i*8)
	}
	for i, r := range f.kept {
		names[*r] = f.names[i]
	}
	names[taskAddr(taskA)], names[taskAddr(taskB)] = "prev", "next"
	names[y.tasks[taskA].back] = "return address"
	return names
}

// stores lists the words that differ, those outside of stacks first.
func (before *image) stores(y *yard, names map[uint64]string) []Store {
	var out []Store
	what := func(v uint64) string {
		if name, ok := names[v]; ok {
			return name
		}
		if t := stackOf(v); t >= 0 {
			return y.stackPlace(v)
		}
		return fmt.Sprintf("%#x", v)
	}
	each(before.tasks, y.taskMM, func(off int, v uint64) {
		t, name := off>>taskShift, "prev"
		if t != taskA {
			name = "next"
		}
		if t == taskC {
			name = "C, which has no part in it"
		}
		out = append(out, Store{fmt.Sprintf("%s+%#x", name, off&(1<<taskShift-1)), what(v)})
	})
	each(before.perCPU, y.perCPU, func(off int, v uint64) {
		out = append(out, Store{fmt.Sprintf("per-CPU+%#x", off&(1<<perCPUShift-1)), what(v)})
	})
	each(before.stacks, y.stacks, func(off int, v uint64) {
		out = append(out, Store{y.stackPlace(stackBase + uint64(off)), what(v)})
	})
	return out
}

// stackPlace says where on a stack an address is, counted from where the task stood when it called.
func (y *yard) stackPlace(addr uint64) string {
	t := int((addr - stackBase) >> stackShift)
	top := stackBase + uint64(t+1)<<stackShift - stackDepth
	name := [tasks]string{"prev's stack", "next's stack", "C's stack"}[t]
	if addr == top {
		return name
	}
	if addr < top {
		return fmt.Sprintf("%s-%#x", name, top-addr)
	}
	return fmt.Sprintf("%s+%#x", name, addr-top)
}

func each(before, after []uint64, changed func(off int, v uint64)) {
	for i, v := range after {
		if before[i] != v {
			changed(i*8, v)
		}
	}
}
