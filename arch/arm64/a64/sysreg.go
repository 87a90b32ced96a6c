package a64

import (
	"fmt"

	"switchyard/machine"
)

// sysreg is a system register that the register file has.
type sysreg uint8

const (
	spEL0 sysreg = iota
	daif
	nzcv
	tpidrEL0
	tpidrroEL0
	tpidrEL1
	contextidr
	keyLo
	keyHi
	sctlr
	tfsr
	dbgbcr0
)

// sysregs gives each its name and its op0, op1, CRn, CRm and op2.
var sysregs = [...]struct {
	name string
	code [5]uint32
}{
	spEL0:      {"sp_el0", [5]uint32{3, 0, 4, 1, 0}},
	daif:       {"daif", [5]uint32{3, 3, 4, 2, 1}},
	nzcv:       {"nzcv", [5]uint32{3, 3, 4, 2, 0}},
	tpidrEL0:   {"tpidr_el0", [5]uint32{3, 3, 13, 0, 2}},
	tpidrroEL0: {"tpidrro_el0", [5]uint32{3, 3, 13, 0, 3}},
	tpidrEL1:   {"tpidr_el1", [5]uint32{3, 0, 13, 0, 4}},
	contextidr: {"contextidr_el1", [5]uint32{3, 0, 13, 0, 1}},
	keyLo:      {"apiakeylo_el1", [5]uint32{3, 0, 2, 1, 0}},
	keyHi:      {"apiakeyhi_el1", [5]uint32{3, 0, 2, 1, 1}},
	sctlr:      {"sctlr_el1", [5]uint32{3, 0, 1, 0, 0}},
	tfsr:       {"tfsr_el1", [5]uint32{3, 0, 5, 6, 0}},
	dbgbcr0:    {"dbgbcr0_el1", [5]uint32{2, 0, 0, 0, 5}},
}

// sysregOf finds the register that an msr or mrs names.
func sysregOf(w uint32) (sysreg, bool) {
	code := [5]uint32{field(w, 20, 19), field(w, 18, 16), field(w, 15, 12), field(w, 11, 8), field(w, 7, 5)}
	for i := range sysregs {
		if sysregs[i].code == code {
			return sysreg(i), true
		}
	}
	return 0, false
}

// encoded is the name that arm64asm has for it.
func (s sysreg) encoded() string {
	c := sysregs[s].code
	return fmt.Sprintf("s%d_%d_c%d_c%d_%d", c[0], c[1], c[2], c[3], c[4])
}

func (s sysreg) in(r *machine.ARM64Registers) *uint64 {
	switch s {
	case spEL0:
		return &r.SPEL0
	case daif:
		return &r.DAIF
	case nzcv:
		return &r.Flags
	case tpidrEL0:
		return &r.TPIDR
	case tpidrroEL0:
		return &r.TPIDRRO
	case tpidrEL1:
		return &r.TPIDREL1
	case contextidr:
		return &r.ContextIDR
	case keyLo:
		return &r.KeyLo
	case keyHi:
		return &r.KeyHi
	case sctlr:
		return &r.SCTLR
	case tfsr:
		return &r.TFSR
	}
	return &r.BCR
}
