package report

import (
	"testing"

	"switchyard/arch/arm64"
	"switchyard/kernel"
	"switchyard/machine"
)

func TestAddressText(t *testing.T) {
	m, err := kernel.Boot(machine.Config{Release: machine.Newest, Arch: machine.ARM64, CPUs: 1, ASIDBits: 8, Tasks: 3, MMs: 2, Registers: true}, arm64.Port{})
	if err != nil {
		t.Fatal(err)
	}
	entry := m.Prog.Entry("schedule_tail")
	for v, want := range map[uint64]string{
		0: "", 7: "", ^uint64(0): "",
		machine.ARM64TaskBase + 1<<machine.ARM64TaskShift:                                 "0xffff000008001000 (task1)",
		machine.ARM64TaskBase + 8:                                                         "0xffff000008000008 (task0+0x8)",
		machine.ARM64TaskBase + 2<<machine.ARM64TaskShift + machine.ARM64ThreadOffset + 8: "0xffff000008002b48 (task2->thread+0x8)",
		machine.ARM64TaskBase + 3<<machine.ARM64TaskShift:                                 "",
		machine.ARM64StackBase + 1<<machine.ARM64StackShift + 0x3ef0:                      "0xffff800080007ef0 (stack of task1)",
		machine.ARM64TextBase:                                                             "",
	} {
		if got := addressText(m, machine.Numbers{}, v); got != want {
			t.Errorf("%#x is %q, want %q", v, got, want)
		}
	}
	if got := addressText(m, machine.Numbers{}, machine.ARM64TextBase+4*uint64(entry)); got == "" {
		t.Error("the entry of a path has no name")
	}
}
