package x64

// op is what an instruction does, after everything that can be decided from its encoding was decided.
type op uint8

const (
	opNop op = iota
	opMov
	opLea
	opAdd
	opSub
	opAnd
	opOr
	opXor
	opCmp
	opTest
	opInc
	opDec
	opPush
	opPop
	opPushFlags
	opPopFlags
	opJmp
	opJcc
	opCall
	opRet
	opTrap
)

// kind is what an operand is.
type kind uint8

const (
	none kind = iota
	register
	immediate
	memory
)

// noReg stands for a base or index that an address does not have, ripReg for the next instruction.
const (
	noReg  = 0xff
	ripReg = 0xfe
)

// operand is one of an instruction's two. Of memory there is at most one.
type operand struct {
	kind kind
	reg  uint8
	imm  uint64
}

// segment is whose base an address is relative to.
type segment uint8

const (
	flat segment = iota
	fsSegment
	gsSegment
)

// address is how an instruction finds its memory operand.
type address struct {
	base, index uint8
	scale       uint8 // a shift
	seg         segment
	disp        uint64
}

// Inst is a decoded instruction.
type Inst struct {
	op   op
	cond uint8 // of a jump: the low four bits of its opcode
	half bool  // works on 32 bits
	len  uint8
	dst  operand
	src  operand
	mem  address
	to   uint64 // where a jump or call leads
}

// Len is the length of the encoding in bytes.
func (in *Inst) Len() int { return int(in.len) }

// IsPadding reports whether the instruction stands between functions, if nothing jumps to it: a nop or int3.
func (in *Inst) IsPadding() bool { return in.op == opNop || in.op == opTrap }

// Target is where a jump or call leads.
func (in *Inst) Target() (uint64, bool) {
	return in.to, in.op == opJmp || in.op == opJcc || in.op == opCall
}
