package x64

import (
	"errors"
	"fmt"

	"switchyard/machine"
	"switchyard/machine/mem"
)

// TrapError says that an instruction was reached that is there to catch whoever goes astray: int3 or ud2.
type TrapError struct {
	PC   uint64
	Text string
}

func (t *TrapError) Error() string {
	return fmt.Sprintf("control reaches the %s at %#x, which is there to catch what goes astray", t.Text, t.PC)
}

// Step executes the instruction at r.RIP, which must be one of c, and moves r.RIP on. On an error nothing
// has changed.
func (c *Code) Step(r *machine.X86Registers, m *mem.Memory) error {
	i := c.index(r.RIP)
	err := c.insts[i].Exec(r, m)
	if err != nil {
		if t, ok := errors.AsType[*TrapError](err); ok {
			t.Text = c.texts[i]
		}
	}
	return err
}

// Run executes c from r.RIP on until control leaves it, and returns how many instructions that were. More
// than limit of them are an error: the code loops.
func (c *Code) Run(r *machine.X86Registers, m *mem.Memory, limit int) (int, error) {
	for n := 0; ; n++ {
		if c.index(r.RIP) < 0 {
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

// addr is the address of the memory operand.
func (in *Inst) addr(r *machine.X86Registers) uint64 {
	a := in.mem.disp
	switch in.mem.base {
	case noReg:
	case ripReg:
		a += r.RIP + uint64(in.len)
	default:
		a += r.GP()[in.mem.base&15]
	}
	if in.mem.index != noReg {
		a += r.GP()[in.mem.index&15] << in.mem.scale
	}
	switch in.mem.seg {
	case fsSegment:
		a += r.FSBase
	case gsSegment:
		a += r.GSBase
	}
	return a
}

// ref is a place in memory: a word, or one of its halves.
type ref struct {
	word  *uint64
	shift uint8
}

// lookup finds the memory operand.
func (in *Inst) lookup(r *machine.X86Registers, m *mem.Memory, write bool) (ref, error) {
	addr := in.addr(r)
	at := ref{}
	if in.half && addr%8 == 4 {
		at.shift = 32
	}
	if at.word = m.Word(addr - uint64(at.shift/8)); at.word == nil {
		return at, &mem.Fault{PC: r.RIP, Addr: addr, Write: write}
	}
	return at, nil
}

func (at ref) load(half bool) uint64 {
	if half {
		return uint64(uint32(*at.word >> at.shift))
	}
	return *at.word
}

func (at ref) store(v uint64, half bool) {
	if half {
		*at.word = *at.word&^(0xffffffff<<at.shift) | v&0xffffffff<<at.shift
		return
	}
	*at.word = v
}

// read returns an operand's value; at is where the memory operand is.
func (in *Inst) read(r *machine.X86Registers, o *operand, at ref) uint64 {
	var v uint64
	switch o.kind {
	case register:
		v = r.GP()[o.reg&15]
	case immediate:
		v = o.imm
	case memory:
		return at.load(in.half)
	}
	if in.half {
		v = uint64(uint32(v))
	}
	return v
}

// write sets the destination. A 32-bit result clears the upper half of a register, not of memory.
func (in *Inst) write(r *machine.X86Registers, at ref, v uint64) {
	if in.dst.kind == memory {
		at.store(v, in.half)
		return
	}
	if in.half {
		v = uint64(uint32(v))
	}
	r.GP()[in.dst.reg&15] = v
}

// Exec executes the instruction and moves r.RIP on. On an error nothing has changed.
func (in *Inst) Exec(r *machine.X86Registers, m *mem.Memory) error {
	next := r.RIP + uint64(in.len)
	switch in.op {
	case opNop:
	case opMov, opAdd, opSub, opAnd, opOr, opXor, opCmp, opTest, opInc, opDec:
		if err := in.compute(r, m); err != nil {
			return err
		}
	case opLea:
		v := in.addr(r)
		switch in.mem.seg { // lea takes no notice of segments
		case fsSegment:
			v -= r.FSBase
		case gsSegment:
			v -= r.GSBase
		}
		in.write(r, ref{}, v)
	case opPush:
		at, err := in.place(r, m, in.dst.kind, false)
		if err != nil {
			return err
		}
		if err := push(r, m, in.read(r, &in.dst, at)); err != nil {
			return err
		}
	case opPop:
		if err := in.pop(r, m); err != nil {
			return err
		}
	case opPushFlags:
		if err := push(r, m, r.Flags|flagAlways); err != nil {
			return err
		}
	case opPopFlags:
		w, err := top(r, m)
		if err != nil {
			return err
		}
		r.Flags = *w
		r.RSP += 8
	case opJmp:
		next = in.to
	case opJcc:
		if taken(r.Flags, in.cond) {
			next = in.to
		}
	case opCall:
		if err := push(r, m, next); err != nil {
			return err
		}
		next = in.to
	case opRet:
		w, err := top(r, m)
		if err != nil {
			return err
		}
		next = *w
		r.RSP += 8
	default:
		return &TrapError{PC: r.RIP}
	}
	r.RIP = next
	return nil
}

// place looks the memory operand up where an operand of that kind is one.
func (in *Inst) place(r *machine.X86Registers, m *mem.Memory, k kind, write bool) (ref, error) {
	if k != memory {
		return ref{}, nil
	}
	return in.lookup(r, m, write)
}

// compute is all that goes from operands to the destination.
func (in *Inst) compute(r *machine.X86Registers, m *mem.Memory) error {
	at, err := in.place(r, m, in.dst.kind, in.op != opCmp && in.op != opTest)
	if err == nil && in.src.kind == memory {
		at, err = in.lookup(r, m, false)
	}
	if err != nil {
		return err
	}
	y := in.read(r, &in.src, at)
	if in.op == opMov {
		in.write(r, at, y)
		return nil
	}
	x := in.read(r, &in.dst, at)
	v, flags := in.result(x, y, r.Flags)
	r.Flags = flags
	if in.op != opCmp && in.op != opTest {
		in.write(r, at, v)
	}
	return nil
}

func push(r *machine.X86Registers, m *mem.Memory, v uint64) error {
	w := m.Word(r.RSP - 8)
	if w == nil {
		return &mem.Fault{PC: r.RIP, Addr: r.RSP - 8, Write: true}
	}
	*w = v
	r.RSP -= 8
	return nil
}

// top is the word that the stack pointer points to.
func top(r *machine.X86Registers, m *mem.Memory) (*uint64, error) {
	if w := m.Word(r.RSP); w != nil {
		return w, nil
	}
	return nil, &mem.Fault{PC: r.RIP, Addr: r.RSP}
}

// pop computes the address of a memory destination with the stack pointer already moved.
func (in *Inst) pop(r *machine.X86Registers, m *mem.Memory) error {
	w, err := top(r, m)
	if err != nil {
		return err
	}
	v := *w
	r.RSP += 8
	at, err := in.place(r, m, in.dst.kind, true)
	if err != nil {
		r.RSP -= 8
		return err
	}
	in.write(r, at, v)
	return nil
}
