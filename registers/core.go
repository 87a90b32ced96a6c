package registers

import (
	"fmt"

	"switchyard/machine"
	"switchyard/machine/mem"
)

// core is one CPU of the simulated machine.
type core interface {
	// load takes the code over and tells what it is made of.
	load(text []byte, addr uint64) []Instruction
	file() *file
	// call makes the registers those of a task that has just called the function at entry.
	call(entry, prev, next, back uint64) error
	// step executes the instruction at pc, which is one of the code.
	step() error
	// contains tells whether the code has an instruction at addr.
	contains(addr uint64) bool
	// outside does what is known of code that is not simulated, with pc there.
	outside(name string) error
}

// file is a register file by what the calling standard makes of it.
type file struct {
	names   []string  // of the registers that a callee preserves, but for sp
	kept    []*uint64 // these
	scratch []*uint64 // what a callee may clobber
	sp, pc  *uint64
	last    *uint64 // where the result of a call is
	result  string  // its name
	gs      *uint64 // x86-64: what per-CPU data are relative to, else nil
	current *uint64 // arm64: sp_el0, else nil
	masks   *uint64 // arm64: daif, else nil
}

// newCore builds CPU n of a machine with that memory.
func newCore(arch machine.Arch, n int, m *mem.Memory) (core, error) {
	switch arch {
	case machine.X86:
		return newX86Core(n, m), nil
	case machine.ARM64:
		return newARM64Core(m), nil
	}
	return nil, fmt.Errorf("%s: the register switch is run for arm64 and x86-64", arch)
}
