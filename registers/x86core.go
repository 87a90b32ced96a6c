package registers

import (
	"fmt"

	"switchyard/arch/x86/x64"
	"switchyard/machine"
	"switchyard/machine/mem"
)

type x86Core struct {
	r     machine.X86Registers
	m     *mem.Memory
	insts []x64.Inst
	texts []string
	at    map[uint64]int
	regs  file
}

func newX86Core(n int, m *mem.Memory) *x86Core {
	c := &x86Core{m: m}
	r := &c.r
	c.regs = file{
		names:   []string{"rbx", "rbp", "r12", "r13", "r14", "r15"},
		kept:    []*uint64{&r.RBX, &r.RBP, &r.R12, &r.R13, &r.R14, &r.R15},
		scratch: []*uint64{&r.RAX, &r.RCX, &r.RDX, &r.RSI, &r.RDI, &r.R8, &r.R9, &r.R10, &r.R11},
		sp:      &r.RSP, pc: &r.RIP, last: &r.RAX, result: "rax", gs: &r.GSBase,
	}
	r.GSBase, r.Flags = perCPU(n), 2
	return c
}

func (c *x86Core) file() *file { return &c.regs }

// load decodes from one instruction to the next. Behind one that is unknown, where the next begins is known
// only if it was at least decoded.
func (c *x86Core) load(text []byte, addr uint64) []Instruction {
	var all []Instruction
	c.insts, c.at = nil, map[uint64]int{}
	for off := 0; off < len(text); {
		pc := addr + uint64(off)
		in, asm, err := x64.One(text[off:], pc)
		if err == nil {
			c.at[pc] = len(c.insts)
			c.insts, c.texts = append(c.insts, in), append(c.texts, asm)
		}
		n := in.Len()
		if n == 0 {
			n = len(text) - off
		}
		i := known(pc, text[off:off+n], asm, err)
		i.padding = err == nil && in.IsPadding()
		if to, jumps := in.Target(); jumps && err == nil {
			i.Target = to
		}
		all = append(all, i)
		off += n
	}
	return all
}

func (c *x86Core) contains(addr uint64) bool { _, ok := c.at[addr]; return ok }

func (c *x86Core) call(entry, prev, next, back uint64) error {
	c.r.RDI, c.r.RSI, c.r.RIP = prev, next, entry
	c.r.RSP -= 8
	return c.m.Store(c.r.RSP, back)
}

func (c *x86Core) step() error { return c.insts[c.at[c.r.RIP]].Exec(&c.r, c.m) }

// outside is __switch_to, or the thunk that some kernels return through.
func (c *x86Core) outside(name string) error {
	switch name {
	case "__switch_to", "":
		first := c.r.RDI
		for i, r := range c.regs.scratch {
			*r = junk(i)
		}
		c.r.RAX = first
	case "__x86_return_thunk":
	default:
		return fmt.Errorf("it goes to %s, of which nothing is known here", name)
	}
	to, err := c.m.Load(c.r.RSP)
	if err != nil {
		return err
	}
	c.r.RSP += 8
	c.r.RIP = to
	return nil
}
