package x64

import (
	"bytes"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"switchyard/machine/mem"
)

// Code is machine code that was decoded.
type Code struct {
	Addr  uint64
	insts []Inst
	texts []string
	at    []int32 // for each byte the instruction that begins there, or -1
}

// Len is the number of instructions.
func (c *Code) Len() int { return len(c.insts) }

// At returns instruction i.
func (c *Code) At(i int) *Inst { return &c.insts[i] }

// Text is the disassembly of instruction i.
func (c *Code) Text(i int) string { return c.texts[i] }

// Contains reports whether addr is that of an instruction.
func (c *Code) Contains(addr uint64) bool { return c.index(addr) >= 0 }

func (c *Code) index(addr uint64) int32 {
	if off := addr - c.Addr; off < uint64(len(c.at)) {
		return c.at[off]
	}
	return -1
}

// Decode decodes machine code that begins at addr. An instruction that is not simulated is a
// *mem.Undefined error.
func Decode(text []byte, addr uint64) (*Code, error) {
	c := &Code{Addr: addr, at: make([]int32, len(text))}
	for i := range c.at {
		c.at[i] = -1
	}
	for off := 0; off < len(text); {
		in, asm, err := One(text[off:], addr+uint64(off))
		if err != nil {
			return nil, err
		}
		c.at[off] = int32(len(c.insts))
		c.insts = append(c.insts, in)
		c.texts = append(c.texts, asm)
		off += in.Len()
	}
	return c, nil
}

// endbr64 is not known to x86asm. Where a CPU does not track indirect branches it is a nop.
var endbr64 = []byte{0xf3, 0x0f, 0x1e, 0xfa}

// maxInst is the length of the longest x86 instruction.
const maxInst = 15

// One decodes the instruction that text begins with, and writes it out.
func One(text []byte, addr uint64) (Inst, string, error) {
	if bytes.HasPrefix(text, endbr64) {
		return Inst{op: opNop, len: uint8(len(endbr64))}, "endbr64", nil
	}
	asm, err := decode(text, addr)
	if err != nil {
		return Inst{}, "", err
	}
	in, ok := translate(&asm, addr)
	if !ok {
		return Inst{len: uint8(asm.Len)}, "", &mem.Undefined{PC: addr, Encoding: text[:asm.Len], Text: disassemble(&asm, addr)}
	}
	in.len = uint8(asm.Len)
	return in, disassemble(&asm, addr), nil
}

// decode is x86asm's decoder, which takes a cut off instruction for one without an operation.
func decode(text []byte, addr uint64) (x86asm.Inst, error) {
	asm, err := x86asm.Decode(text, 64)
	if err != nil || asm.Op == 0 || asm.Len == 0 || asm.Len > min(len(text), maxInst) {
		return asm, &mem.Undefined{PC: addr, Encoding: text[:min(len(text), maxInst)]}
	}
	return asm, nil
}

// disassemble writes an instruction out as the kernel's assembly does.
func disassemble(asm *x86asm.Inst, addr uint64) string {
	return strings.TrimSpace(x86asm.GNUSyntax(*asm, addr, nil))
}
