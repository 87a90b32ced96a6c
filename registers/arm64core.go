package registers

import (
	"fmt"

	"switchyard/arch/arm64/a64"
	"switchyard/machine"
	"switchyard/machine/mem"
)

type arm64Core struct {
	r    machine.ARM64Registers
	m    *mem.Memory
	addr uint64
	code []*a64.Code // one for each instruction, nil for one that is not simulated
	regs file
}

func newARM64Core(m *mem.Memory) *arm64Core {
	c := &arm64Core{m: m}
	r := &c.r
	c.regs = file{sp: &r.SP, pc: &r.PC, last: &r.X[0], result: "x0", current: &r.SPEL0, masks: &r.DAIF}
	for i := range r.X {
		switch {
		case i >= 19 && i <= 29:
			c.regs.names = append(c.regs.names, fmt.Sprintf("x%d", i))
			c.regs.kept = append(c.regs.kept, &r.X[i])
		case i < 18: // x18 is the platform's: the shadow call stack, where there is one
			c.regs.scratch = append(c.regs.scratch, &r.X[i])
		}
	}
	return c
}

func (c *arm64Core) file() *file { return &c.regs }

func (c *arm64Core) load(text []byte, addr uint64) []Instruction {
	var all []Instruction
	c.addr, c.code = addr, nil
	for off := 0; off < len(text); off += 4 {
		pc, word := addr+uint64(off), text[off:min(off+4, len(text))]
		one, err := a64.Decode(word, pc)
		asm := ""
		if err == nil {
			asm = one.Text(0)
		}
		c.code = append(c.code, one)
		i := known(pc, word, asm, err)
		i.padding = asm == "nop" || string(word) == "\x00\x00\x00\x00"
		all = append(all, i)
	}
	return all
}

func (c *arm64Core) contains(addr uint64) bool {
	i := (addr - c.addr) / 4
	return addr%4 == 0 && addr >= c.addr && i < uint64(len(c.code)) && c.code[i] != nil
}

func (c *arm64Core) call(entry, prev, next, back uint64) error {
	c.r.X[0], c.r.X[1], c.r.X[30], c.r.PC = prev, next, back, entry
	c.r.SPEL0 = prev // current
	return nil
}

func (c *arm64Core) step() error { return c.code[(c.r.PC-c.addr)/4].At(0).Exec(&c.r, c.m) }

func (c *arm64Core) outside(name string) error {
	if name == "" {
		name = fmt.Sprintf("%#x", c.r.PC)
	}
	return fmt.Errorf("it goes to %s, of which nothing is known here", name)
}
