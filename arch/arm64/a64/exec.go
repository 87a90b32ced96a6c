package a64

import (
	"errors"
	"fmt"
	"math/bits"

	"switchyard/machine"
	"switchyard/machine/mem"
)

// Step executes the instruction at r.PC, which must be one of c, and moves r.PC on. On an error nothing
// has changed.
func (c *Code) Step(r *machine.ARM64Registers, m *mem.Memory) error {
	return c.insts[(r.PC-c.Addr)/4].Exec(r, m)
}

// Run executes c from r.PC on until control leaves it, and returns how many instructions that were. More
// than limit of them are an error: the code loops.
func (c *Code) Run(r *machine.ARM64Registers, m *mem.Memory, limit int) (int, error) {
	for n := 0; ; n++ {
		if !c.Contains(r.PC) {
			return n, nil
		}
		if n == limit {
			return n, fmt.Errorf("the code at %#x is still running after %d instructions", c.Addr, limit)
		}
		if err := c.Step(r, m); err != nil {
			return n, err
		}
	}
}

func get(r *machine.ARM64Registers, n uint8) uint64 {
	if n < zr {
		return r.X[n]
	}
	if n == sp {
		return r.SP
	}
	return 0
}

func set(r *machine.ARM64Registers, n uint8, v uint64) {
	if n < zr {
		r.X[n] = v
	} else if n == sp {
		r.SP = v
	}
}

// put sets the destination of an instruction that may work on 32 bits: the upper half is then cleared.
func (in *Inst) put(r *machine.ARM64Registers, v uint64) {
	if in.w {
		v = uint64(uint32(v))
	}
	set(r, in.d, v)
}

// Exec executes the instruction and moves r.PC on. On an error nothing has changed.
func (in *Inst) Exec(r *machine.ARM64Registers, m *mem.Memory) error {
	next := r.PC + 4
	switch in.op {
	case opNop:
	case opMovImm:
		in.put(r, uint64(in.imm))
	case opMovKeep:
		in.put(r, get(r, in.d)&^(0xffff<<in.bit)|uint64(in.imm))
	case opAdd:
		in.add(r, in.second(r), 0)
	case opSub:
		in.add(r, ^in.second(r), 1)
	case opAnd:
		v := get(r, in.n) & in.second(r)
		if in.flags {
			r.Flags = in.signAndZero(v)
		}
		in.put(r, v)
	case opOrr:
		in.put(r, get(r, in.n)|in.second(r))
	case opEor:
		in.put(r, get(r, in.n)^in.second(r))
	case opBitfield:
		in.put(r, in.extract(get(r, in.n)))
	case opAdr:
		set(r, in.d, r.PC+uint64(in.imm))
	case opAdrPage:
		set(r, in.d, r.PC&^0xfff+uint64(in.imm))
	case opLoad, opStore:
		if err := in.transfer(r, m); err != nil {
			if f, ok := errors.AsType[*mem.Fault](err); ok {
				f.PC = r.PC
			}
			return err
		}
	case opReadSys:
		set(r, in.d, *in.sys.in(r))
	case opWriteSys:
		*in.sys.in(r) = get(r, in.d)
	case opDAIFSet:
		r.DAIF |= uint64(in.imm)
	case opDAIFClr:
		r.DAIF &^= uint64(in.imm)
	case opB:
		next = r.PC + uint64(in.imm)
	case opBL:
		r.X[30] = next
		next = r.PC + uint64(in.imm)
	case opBLR:
		to := get(r, in.n)
		r.X[30] = next
		next = to
	case opBR, opRet:
		next = get(r, in.n)
	default:
		if in.taken(r) {
			next = r.PC + uint64(in.imm)
		}
	}
	r.PC = next
	return nil
}

// second is the second operand.
func (in *Inst) second(r *machine.ARM64Registers) uint64 {
	if in.hasImm {
		return uint64(in.imm)
	}
	v := get(r, in.m)
	if in.w {
		v = uint64(uint32(v))
	}
	switch in.shift {
	case 0:
		v <<= in.bit
	case 1:
		v >>= in.bit
	case 2:
		if in.w {
			v = uint64(int32(v) >> in.bit)
		} else {
			v = uint64(int64(v) >> in.bit)
		}
	}
	if in.invert {
		v = ^v
	}
	return v
}

// add is AddWithCarry: subtraction adds the inverted operand and one.
func (in *Inst) add(r *machine.ARM64Registers, y, carry uint64) {
	x := get(r, in.n)
	var sum, out uint64
	if in.w {
		x, y = uint64(uint32(x)), uint64(uint32(y))
		sum = x + y + carry
		out = sum >> 32
	} else {
		sum, out = bits.Add64(x, y, carry)
	}
	if in.flags {
		r.Flags = in.signAndZero(sum) | out<<29
		if overflow := (x ^ sum) & (y ^ sum); overflow>>in.signBit()&1 != 0 {
			r.Flags |= 1 << 28
		}
	}
	in.put(r, sum)
}

func (in *Inst) signBit() uint {
	if in.w {
		return 31
	}
	return 63
}

func (in *Inst) signAndZero(v uint64) uint64 {
	if in.w {
		v = uint64(uint32(v))
	}
	flags := v >> in.signBit() & 1 << 31
	if v == 0 {
		flags |= 1 << 30
	}
	return flags
}

// extract is UBFM: bits immr to imms moved to the bottom, or the lowest imms+1 bits moved up.
func (in *Inst) extract(v uint64) uint64 {
	size := in.signBit() + 1
	if in.w {
		v = uint64(uint32(v))
	}
	immr, imms := uint(in.bit), uint(in.shift)
	if imms >= immr {
		return v >> immr & (1<<(imms-immr+1) - 1)
	}
	return v & (1<<(imms+1) - 1) << (size - immr)
}

// fault says which of the words is not there.
func (in *Inst) fault(addr uint64, m *mem.Memory) error {
	if in.count == 2 && m.Word(addr) != nil {
		addr += 8
	}
	return &mem.Fault{Addr: addr, Write: in.op == opStore}
}

// transfer loads or stores one register or two. Both words are looked up before either is touched; a pair
// that is in two objects is none.
func (in *Inst) transfer(r *machine.ARM64Registers, m *mem.Memory) error {
	base := get(r, in.n)
	addr := base
	switch in.mode {
	case offset, preIndex:
		addr += uint64(in.imm)
	case registerOffset:
		addr += get(r, in.m) << in.bit
	}
	words := m.Slice(addr, uint64(in.count))
	switch {
	case words == nil:
		return in.fault(addr, m)
	case in.op == opLoad && in.count == 2:
		first, second := words[0], words[1]
		set(r, in.d, first)
		set(r, in.a, second)
	case in.op == opLoad:
		set(r, in.d, words[0])
	case in.count == 2:
		words[0], words[1] = get(r, in.d), get(r, in.a)
	default:
		words[0] = get(r, in.d)
	}
	if in.mode == preIndex || in.mode == postIndex {
		set(r, in.n, base+uint64(in.imm))
	}
	return nil
}

// taken decides a conditional branch.
func (in *Inst) taken(r *machine.ARM64Registers) bool {
	v := get(r, in.d)
	if in.w {
		v = uint64(uint32(v))
	}
	switch in.op {
	case opCBZ:
		return v == 0
	case opCBNZ:
		return v != 0
	case opTBZ:
		return v>>in.bit&1 == 0
	case opTBNZ:
		return v>>in.bit&1 != 0
	}
	return holds(in.cond, r.Flags)
}

// holds is ConditionHolds.
func holds(cond uint8, flags uint64) bool {
	n, z, c, v := flags>>31&1 != 0, flags>>30&1 != 0, flags>>29&1 != 0, flags>>28&1 != 0
	var is bool
	switch cond >> 1 {
	case 0:
		is = z
	case 1:
		is = c
	case 2:
		is = n
	case 3:
		is = v
	case 4:
		is = c && !z
	case 5:
		is = n == v
	case 6:
		is = n == v && !z
	default:
		return true
	}
	return is != (cond&1 != 0)
}
