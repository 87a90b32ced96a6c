package x64

import "golang.org/x/arch/x86/x86asm"

// shape is what operands an operation has.
type shape uint8

const (
	bare   shape = iota // none that matter
	both                // a destination and a source
	single              // one, which is source and destination
	source              // one that is read
	branch              // a relative target
	traps               // nothing is executed: the CPU goes to a handler
)

// known are the operations that are simulated.
var known = [...]struct {
	asm   x86asm.Op
	op    op
	shape shape
}{
	{x86asm.MOV, opMov, both},
	{x86asm.LEA, opLea, both},
	{x86asm.ADD, opAdd, both},
	{x86asm.SUB, opSub, both},
	{x86asm.AND, opAnd, both},
	{x86asm.OR, opOr, both},
	{x86asm.XOR, opXor, both},
	{x86asm.CMP, opCmp, both},
	{x86asm.TEST, opTest, both},
	{x86asm.INC, opInc, single},
	{x86asm.DEC, opDec, single},
	{x86asm.PUSH, opPush, source},
	{x86asm.POP, opPop, single},
	{x86asm.PUSHFQ, opPushFlags, bare},
	{x86asm.POPFQ, opPopFlags, bare},
	{x86asm.JMP, opJmp, branch},
	{x86asm.CALL, opCall, branch},
	{x86asm.RET, opRet, bare},
	{x86asm.NOP, opNop, bare},
	{x86asm.LFENCE, opNop, bare},
	{x86asm.MFENCE, opNop, bare},
	{x86asm.SFENCE, opNop, bare},
	{x86asm.INT, opTrap, traps},
	{x86asm.UD2, opTrap, traps},
}

// conditions are the conditional jumps by the low four bits of their opcode.
var conditions = [16]x86asm.Op{x86asm.JO, x86asm.JNO, x86asm.JB, x86asm.JAE, x86asm.JE, x86asm.JNE, x86asm.JBE, x86asm.JA,
	x86asm.JS, x86asm.JNS, x86asm.JP, x86asm.JNP, x86asm.JL, x86asm.JGE, x86asm.JLE, x86asm.JG}

// translate decides all that can be decided from the encoding.
func translate(asm *x86asm.Inst, addr uint64) (Inst, bool) {
	if asm.Mode != 64 || asm.AddrSize != 64 || prefixed(asm) {
		return Inst{}, false
	}
	for i := range known {
		if k := &known[i]; k.asm == asm.Op {
			in := Inst{op: k.op, mem: address{base: noReg, index: noReg}}
			return in, in.operands(asm, k.shape, addr)
		}
	}
	for cond, op := range conditions {
		if op == asm.Op {
			in := Inst{op: opJcc, cond: uint8(cond)}
			return in, in.operands(asm, branch, addr)
		}
	}
	return Inst{}, false
}

// prefixed tells whether a prefix gives the instruction a meaning that is not simulated.
func prefixed(asm *x86asm.Inst) bool {
	for _, p := range asm.Prefix {
		switch {
		case p == 0:
			return false
		case p&(x86asm.PrefixImplicit|x86asm.PrefixIgnored) != 0 && p&x86asm.PrefixInvalid == 0:
			// Part of the opcode or without effect; segments are looked at where an address is.
		case p&0xff == x86asm.PrefixLOCK, p&x86asm.PrefixInvalid != 0:
			return true
		case (p&0xff == x86asm.PrefixREP || p&0xff == x86asm.PrefixREPN) && asm.Op != x86asm.NOP && asm.Op != x86asm.RET:
			return true
		}
	}
	return false
}

func (in *Inst) operands(asm *x86asm.Inst, s shape, addr uint64) bool {
	if asm.DataSize < 32 && s != bare && s != branch && s != traps {
		return false
	}
	// A push or pop without a prefix is of 64 bits, whatever x86asm says of it.
	in.half = asm.DataSize == 32 && in.op != opPush && in.op != opPop
	switch s {
	case traps:
		return asm.Op == x86asm.UD2 || asm.Args[0] == x86asm.Imm(3)
	case bare:
		return asm.Args[0] == nil || asm.Op == x86asm.NOP
	case branch:
		rel, ok := asm.Args[0].(x86asm.Rel)
		in.to = addr + uint64(asm.Len) + uint64(int64(rel))
		return ok
	case single, source:
		return in.operand(&in.dst, asm.Args[0], asm.MemBytes) && (s == source || in.dst.kind != immediate)
	}
	return in.operand(&in.dst, asm.Args[0], asm.MemBytes) && in.operand(&in.src, asm.Args[1], asm.MemBytes) && in.dst.kind != immediate &&
		(in.op != opLea || in.src.kind == memory)
}

// operand takes over one operand. Only whole registers of 64 or 32 bits are simulated, and memory of those sizes.
func (in *Inst) operand(to *operand, arg x86asm.Arg, memBytes int) bool {
	switch a := arg.(type) {
	case x86asm.Reg:
		to.kind = register
		switch {
		case a >= x86asm.RAX && a <= x86asm.R15:
			to.reg = uint8(a - x86asm.RAX)
			return !in.half
		case a >= x86asm.EAX && a <= x86asm.R15L:
			to.reg = uint8(a - x86asm.EAX)
			return in.half
		}
	case x86asm.Imm:
		to.kind, to.imm = immediate, uint64(int64(a))
		return true
	case x86asm.Mem:
		to.kind = memory
		size := 8
		if in.half {
			size = 4
		}
		return (in.op == opLea || memBytes == size) && in.address(a)
	}
	return false
}

func (in *Inst) address(a x86asm.Mem) bool {
	switch a.Segment {
	case x86asm.FS:
		in.mem.seg = fsSegment
	case x86asm.GS:
		in.mem.seg = gsSegment
	}
	in.mem.disp = uint64(a.Disp)
	switch {
	case a.Base == x86asm.RIP:
		in.mem.base = ripReg
	case a.Base >= x86asm.RAX && a.Base <= x86asm.R15:
		in.mem.base = uint8(a.Base - x86asm.RAX)
	case a.Base != 0:
		return false
	}
	if a.Index != 0 {
		if a.Index < x86asm.RAX || a.Index > x86asm.R15 {
			return false
		}
		in.mem.index = uint8(a.Index - x86asm.RAX)
		for s := a.Scale; s > 1; s >>= 1 {
			in.mem.scale++
		}
	}
	return true
}
