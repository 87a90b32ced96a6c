package x64

import "math/bits"

// Bits of rflags.
const (
	flagCF     = 1 << 0
	flagAlways = 1 << 1
	flagPF     = 1 << 2
	flagAF     = 1 << 4
	flagZF     = 1 << 6
	flagSF     = 1 << 7
	flagOF     = 1 << 11

	arithmetic = flagCF | flagPF | flagAF | flagZF | flagSF | flagOF
)

// result computes x op y and what becomes of the flags.
func (in *Inst) result(x, y, flags uint64) (v, after uint64) {
	top := uint(63)
	if in.half {
		top = 31
	}
	var carry, overflow uint64
	switch in.op {
	case opAdd, opInc:
		if in.op == opInc {
			y = 1
		}
		v, carry = bits.Add64(x, y, 0)
		overflow = (x ^ v) & (y ^ v)
	case opSub, opCmp, opDec:
		if in.op == opDec {
			y = 1
		}
		v, carry = bits.Sub64(x, y, 0)
		overflow = (x ^ y) & (x ^ v)
	case opAnd, opTest:
		v = x & y
	case opOr:
		v = x | y
	case opXor:
		v = x ^ y
	}
	if in.half {
		// Operands have 32 bits, so that a carry or borrow is in bit 32.
		carry = v >> 32 & 1
		v = uint64(uint32(v))
	}
	after = flags&^arithmetic | v>>top&1*flagSF | overflow>>top&1*flagOF | carry*flagCF | (x^y^v)>>4&1*flagAF
	switch in.op {
	case opInc, opDec: // they leave the carry alone
		after = after&^flagCF | flags&flagCF
	case opAnd, opTest, opOr, opXor: // the half carry is undefined; it becomes 0
		after &^= flagAF
	}
	if v == 0 {
		after |= flagZF
	}
	if bits.OnesCount8(uint8(v))%2 == 0 {
		after |= flagPF
	}
	return v, after
}

// taken decides a conditional jump. An odd condition is the opposite of the one before it.
func taken(flags uint64, cond uint8) bool {
	less := flags&flagSF != 0 != (flags&flagOF != 0)
	var yes bool
	switch cond >> 1 {
	case 0:
		yes = flags&flagOF != 0
	case 1:
		yes = flags&flagCF != 0
	case 2:
		yes = flags&flagZF != 0
	case 3:
		yes = flags&(flagCF|flagZF) != 0
	case 4:
		yes = flags&flagSF != 0
	case 5:
		yes = flags&flagPF != 0
	case 6:
		yes = less
	case 7:
		yes = less || flags&flagZF != 0
	}
	return yes != (cond&1 == 1)
}
