package a64

import "math/bits"

// class is a group of instructions whose encodings differ in operands only: those words for which
// word&mask == value. arm64asm says which instruction a word is and writes it out; operands it does not
// export, hence they are taken from the word here, and aliases (mov, cmp) need no case of their own.
type class struct {
	name        string // as docs/registers.md lists it
	mask, value uint32
	decode      func(w uint32) (Inst, bool)
}

var classes = []class{
	{"mov, movk, movn (immediate)", 0x1f800000, 0x12800000, moveWide},
	{"add, sub, cmp, mov sp (immediate)", 0x1f800000, 0x11000000, addSubImm},
	{"add, sub, cmp (register, shifted)", 0x1f200000, 0x0b000000, addSubReg},
	{"add, sub (register, with sp)", 0x1fe00000, 0x0b200000, addSubExtended},
	{"and, orr, eor, mov, mvn (register, shifted)", 0x1f000000, 0x0a000000, logicalReg},
	{"and, orr, eor, mov (bit mask)", 0x1f800000, 0x12000000, logicalImm},
	{"ubfx, ubfiz, lsl, lsr, uxtb, uxth", 0x7f800000, 0x53000000, bitfield},
	{"adr, adrp", 0x1f000000, 0x10000000, pcRelative},
	{"ldp, stp (64 bits; offset, pre- and post-index)", 0xfe000000, 0xa8000000, pair},
	{"ldr, str (64 bits, unsigned offset)", 0xff800000, 0xf9000000, loadStoreUnsigned},
	{"ldur, stur (64 bits)", 0xffa00c00, 0xf8000000, loadStoreUnscaled},
	{"ldr, str (64 bits, pre- and post-index)", 0xffa00400, 0xf8000400, loadStoreIndexed},
	{"ldr, str (64 bits, register offset)", 0xffa00c00, 0xf8200800, loadStoreRegister},
	{"nop, csdb, bti, and signing of the link register, which changes nothing here: paciasp, autiasp, pacibsp, autibsp, …", 0xfffff01f, 0xd503201f, hint},
	{"isb, dsb, dmb, sb", 0xfffff01f, 0xd503301f, barrier},
	{"msr daifset", 0xfffff0ff, 0xd50340df, pstate(opDAIFSet)},
	{"msr daifclr", 0xfffff0ff, 0xd50340ff, pstate(opDAIFClr)},
	{"msr (register)", 0xfff00000, 0xd5100000, system(opWriteSys)},
	{"mrs", 0xfff00000, 0xd5300000, system(opReadSys)},
	{"b", 0xfc000000, 0x14000000, branch(opB)},
	{"bl", 0xfc000000, 0x94000000, branch(opBL)},
	{"b.cond", 0xff000010, 0x54000000, branchCond},
	{"cbz", 0x7f000000, 0x34000000, compareBranch(opCBZ)},
	{"cbnz", 0x7f000000, 0x35000000, compareBranch(opCBNZ)},
	{"tbz", 0x7f000000, 0x36000000, testBranch(opTBZ)},
	{"tbnz", 0x7f000000, 0x37000000, testBranch(opTBNZ)},
	{"br", 0xfffffc1f, 0xd61f0000, branchReg(opBR)},
	{"blr", 0xfffffc1f, 0xd63f0000, branchReg(opBLR)},
	{"ret", 0xfffffc1f, 0xd65f0000, branchReg(opRet)},
}

func decode(w uint32) (Inst, bool) {
	for i := range classes {
		if c := &classes[i]; w&c.mask == c.value {
			return c.decode(w)
		}
	}
	return Inst{}, false
}

func field(w uint32, hi, lo uint) uint32 { return w >> lo & (1<<(hi-lo+1) - 1) }

func signed(w uint32, hi, lo uint) int64 {
	width := hi - lo + 1
	return int64(uint64(field(w, hi, lo))<<(64-width)) >> (64 - width)
}

func reg(w uint32, lo uint) uint8 { return uint8(field(w, lo+4, lo)) }

// regSP is a register number where 31 is the stack pointer.
func regSP(w uint32, lo uint) uint8 {
	if r := reg(w, lo); r != zr {
		return r
	}
	return sp
}

func narrow(w uint32) bool { return w>>31 == 0 }

func moveWide(w uint32) (Inst, bool) {
	shift := field(w, 22, 21) * 16
	in := Inst{op: opMovImm, d: reg(w, 0), w: narrow(w), imm: int64(uint64(field(w, 20, 5)) << shift)}
	switch field(w, 30, 29) {
	case 0:
		in.imm = ^in.imm
	case 3:
		in.op, in.bit = opMovKeep, uint8(shift)
	case 1:
		return in, false
	}
	return in, !narrow(w) || shift < 32
}

func addOrSub(w uint32) op {
	if w>>30&1 != 0 {
		return opSub
	}
	return opAdd
}

func addSubImm(w uint32) (Inst, bool) {
	in := Inst{op: addOrSub(w), hasImm: true, n: regSP(w, 5), flags: w>>29&1 != 0, w: narrow(w), imm: int64(field(w, 21, 10))}
	if w>>22&1 != 0 {
		in.imm <<= 12
	}
	in.d = regSP(w, 0)
	if in.flags {
		in.d = reg(w, 0)
	}
	return in, true
}

func addSubReg(w uint32) (Inst, bool) {
	in := shifted(w)
	in.op, in.flags = addOrSub(w), w>>29&1 != 0
	return in, in.shift != 3 && !(in.w && in.bit >= 32)
}

// addSubExtended takes sp as an operand; of the extensions only the one that changes nothing is simulated.
func addSubExtended(w uint32) (Inst, bool) {
	in := Inst{op: addOrSub(w), n: regSP(w, 5), m: reg(w, 16), flags: w>>29&1 != 0, w: narrow(w), bit: uint8(field(w, 12, 10))}
	in.d = regSP(w, 0)
	if in.flags {
		in.d = reg(w, 0)
	}
	return in, field(w, 15, 13) == 3 && !in.w && in.bit <= 4
}

func shifted(w uint32) Inst {
	return Inst{d: reg(w, 0), n: reg(w, 5), m: reg(w, 16), w: narrow(w), bit: uint8(field(w, 15, 10)), shift: uint8(field(w, 23, 22))}
}

func logicalOp(w uint32) (op op, flags bool) {
	switch field(w, 30, 29) {
	case 1:
		return opOrr, false
	case 2:
		return opEor, false
	case 3:
		return opAnd, true
	}
	return opAnd, false
}

func logicalReg(w uint32) (Inst, bool) {
	in := shifted(w)
	in.op, in.flags = logicalOp(w)
	in.invert = w>>21&1 != 0
	return in, in.shift != 3 && !(in.w && in.bit >= 32) // ror is not simulated
}

func logicalImm(w uint32) (Inst, bool) {
	mask, ok := bitMask(w>>22&1, field(w, 21, 16), field(w, 15, 10), narrow(w))
	in := Inst{hasImm: true, n: reg(w, 5), d: regSP(w, 0), w: narrow(w), imm: int64(mask)}
	in.op, in.flags = logicalOp(w)
	if in.flags {
		in.d = reg(w, 0)
	}
	return in, ok
}

// bitMask is DecodeBitMasks of the architecture: a run of ones, rotated, repeated over the register.
func bitMask(n, immr, imms uint32, narrow bool) (uint64, bool) {
	length := bits.Len32(n<<6|^imms&0x3f) - 1
	if length < 1 || narrow && n != 0 {
		return 0, false
	}
	size := uint(1) << length
	levels := uint32(size - 1)
	s, r := uint(imms&levels), uint(immr&levels)
	if s == size-1 {
		return 0, false
	}
	ones := uint64(1)<<(s+1) - 1
	if r != 0 {
		ones = ones>>r | ones<<(size-r)
	}
	if size < 64 {
		ones &= 1<<size - 1
	}
	for ; size < 64; size *= 2 {
		ones |= ones << size
	}
	if narrow {
		ones &= 0xffff_ffff
	}
	return ones, true
}

func bitfield(w uint32) (Inst, bool) {
	in := Inst{op: opBitfield, d: reg(w, 0), n: reg(w, 5), w: narrow(w), bit: uint8(field(w, 21, 16)), shift: uint8(field(w, 15, 10))}
	return in, w>>22&1 == w>>31 && (!in.w || in.bit < 32 && in.shift < 32)
}

func pcRelative(w uint32) (Inst, bool) {
	in := Inst{op: opAdr, d: reg(w, 0), imm: signed(w, 23, 5)<<2 | int64(field(w, 30, 29))}
	if w>>31 != 0 {
		in.op, in.imm = opAdrPage, in.imm<<12
	}
	return in, true
}

func loadOrStore(w uint32) op {
	if w>>22&1 != 0 {
		return opLoad
	}
	return opStore
}

func pair(w uint32) (Inst, bool) {
	in := Inst{op: loadOrStore(w), d: reg(w, 0), a: reg(w, 10), count: 2, n: regSP(w, 5), imm: signed(w, 21, 15) * 8}
	switch field(w, 24, 23) {
	case 1:
		in.mode = postIndex
	case 3:
		in.mode = preIndex
	}
	return in, sane(&in)
}

// sane refuses what the architecture leaves unpredictable: a base that is written back and transferred
// as well, and a pair that is loaded into one register.
func sane(in *Inst) bool {
	writesBack := in.mode == preIndex || in.mode == postIndex
	if writesBack && (in.n == in.d || in.count == 2 && in.n == in.a) {
		return false
	}
	return in.op != opLoad || in.count < 2 || in.d != in.a
}

func loadStoreUnsigned(w uint32) (Inst, bool) {
	return Inst{op: loadOrStore(w), count: 1, d: reg(w, 0), n: regSP(w, 5), imm: int64(field(w, 21, 10)) * 8}, true
}

func loadStoreUnscaled(w uint32) (Inst, bool) {
	return Inst{op: loadOrStore(w), count: 1, d: reg(w, 0), n: regSP(w, 5), imm: signed(w, 20, 12)}, true
}

func loadStoreIndexed(w uint32) (Inst, bool) {
	in, _ := loadStoreUnscaled(w)
	in.mode = postIndex
	if w>>11&1 != 0 {
		in.mode = preIndex
	}
	return in, sane(&in)
}

func loadStoreRegister(w uint32) (Inst, bool) {
	in := Inst{op: loadOrStore(w), count: 1, d: reg(w, 0), n: regSP(w, 5), m: reg(w, 16), mode: registerOffset, bit: uint8(field(w, 12, 12) * 3)}
	return in, field(w, 15, 13) == 3
}

func hint(w uint32) (Inst, bool) {
	switch n := field(w, 11, 5); {
	case n == 0, n == 20, n >= 24 && n <= 31, n >= 32 && n <= 38 && n%2 == 0:
		return Inst{op: opNop}, true
	}
	return Inst{}, false
}

func barrier(w uint32) (Inst, bool) { return Inst{op: opNop}, field(w, 7, 5) >= 4 }

func pstate(o op) func(uint32) (Inst, bool) {
	return func(w uint32) (Inst, bool) { return Inst{op: o, imm: int64(field(w, 11, 8)) << 6}, true }
}

func system(o op) func(uint32) (Inst, bool) {
	return func(w uint32) (Inst, bool) {
		s, ok := sysregOf(w)
		return Inst{op: o, d: reg(w, 0), sys: s}, ok
	}
}

func branch(o op) func(uint32) (Inst, bool) {
	return func(w uint32) (Inst, bool) { return Inst{op: o, imm: signed(w, 25, 0) * 4}, true }
}

func branchCond(w uint32) (Inst, bool) {
	return Inst{op: opBCond, cond: uint8(field(w, 3, 0)), imm: signed(w, 23, 5) * 4}, true
}

func compareBranch(o op) func(uint32) (Inst, bool) {
	return func(w uint32) (Inst, bool) {
		return Inst{op: o, d: reg(w, 0), w: narrow(w), imm: signed(w, 23, 5) * 4}, true
	}
}

func testBranch(o op) func(uint32) (Inst, bool) {
	return func(w uint32) (Inst, bool) {
		return Inst{op: o, d: reg(w, 0), bit: uint8(field(w, 23, 19) | w>>31<<5), imm: signed(w, 18, 5) * 4}, true
	}
}

func branchReg(o op) func(uint32) (Inst, bool) {
	return func(w uint32) (Inst, bool) { return Inst{op: o, n: reg(w, 5)}, true }
}
