package machine

import (
	"slices"
	"testing"
)

// A field of a task's saved registers and the memory at its address are one thing.
func TestSavedRegistersAreMemory(t *testing.T) {
	s := newState(t, Config{Release: Newest, Arch: ARM64, ASIDBits: 4, CPUs: 2, Tasks: 4, MMs: 3, Registers: true})
	for _, o := range []*State{s, s.Clone(), s.Grow(9, 5)} {
		before := o.Clone()
		context := uint64(ARM64TaskBase + 3<<ARM64TaskShift + ARM64ThreadOffset)
		top := uint64(ARM64StackBase + 2<<ARM64StackShift)
		for addr, val := range map[uint64]uint64{context: 19, context + 12*8: 0xabc, top - 8: 5, top - ARM64PtRegsSize + 8: 6} {
			if err := o.Mem.Store(addr, val); err != nil {
				t.Fatal(err)
			}
		}
		if c := &o.ARM64Threads[3].Context; c.X19 != 19 || c.PC != 0xabc || o.ARM64PtRegs[1].PState != 5 || o.ARM64PtRegs[1].X[1] != 6 {
			t.Errorf("%+v %+v", c, o.ARM64PtRegs[1])
		}
		var got []string
		Diff(before, o, func(c Change) { got = append(got, c.String()) })
		want := []string{"task1->pt_regs.x1: 0 → 0x6", "task1->pt_regs.pstate: 0 → 0x5",
			"task3->thread.cpu_context.x19: 0 → 0x13", "task3->thread.cpu_context.pc: 0 → 0xabc"}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		if _, err := o.Mem.Load(ARM64TaskBase); err == nil {
			t.Error("memory before the thread_struct should not be there")
		}
	}
}
