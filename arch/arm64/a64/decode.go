package a64

import (
	"encoding/binary"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"

	"switchyard/machine/mem"
)

// op is what an instruction does, after everything that can be decided from its encoding was decided.
type op uint8

const (
	opNop op = iota
	opMovImm
	opMovKeep // movk: 16 bits of the register change
	opAdd
	opSub
	opAnd
	opOrr
	opEor
	opBitfield // ubfm
	opAdr
	opAdrPage
	opLoad
	opStore
	opReadSys
	opWriteSys
	opDAIFSet
	opDAIFClr
	opB
	opBL
	opBCond
	opCBZ
	opCBNZ
	opTBZ
	opTBNZ
	opBR
	opBLR
	opRet
)

// mode is how a load or store finds its address.
type mode uint8

const (
	offset mode = iota
	preIndex
	postIndex
	registerOffset
)

// Register numbers 0 to 30 are x0 to x30. What 31 means depends on the place.
const (
	zr = 31
	sp = 32
)

// Inst is a decoded instruction.
type Inst struct {
	op     op
	mode   mode
	d      uint8 // destination, or what is stored or tested
	n      uint8 // first operand, or base of an address
	m      uint8 // second operand, or index of an address
	a      uint8 // the second register of a pair
	count  uint8 // registers that are loaded or stored
	hasImm bool  // imm is the second operand
	invert bool  // the second operand is inverted
	w      bool  // works on 32 bits
	flags  bool  // sets N, Z, C and V
	cond   uint8
	bit    uint8 // amount of a shift; the bit that tbz tests; immr of a bit field
	shift  uint8 // 0 lsl, 1 lsr, 2 asr; imms of a bit field
	sys    sysreg
	imm    int64
}

// Code is machine code that was decoded.
type Code struct {
	Addr  uint64
	insts []Inst
	texts []string
}

// Len is the number of instructions.
func (c *Code) Len() int { return len(c.insts) }

// At returns instruction i.
func (c *Code) At(i int) *Inst { return &c.insts[i] }

// Text is the disassembly of instruction i.
func (c *Code) Text(i int) string { return c.texts[i] }

// Contains reports whether addr is that of an instruction.
func (c *Code) Contains(addr uint64) bool {
	return addr >= c.Addr && addr < c.Addr+4*uint64(len(c.insts)) && addr%4 == 0
}

// Decode decodes machine code that begins at addr. An instruction that is not simulated is a
// *mem.Undefined error. It is not for several goroutines at once, because arm64asm notes what it has seen
// in a table of its own; a Code that was decoded is.
func Decode(text []byte, addr uint64) (*Code, error) {
	c := &Code{Addr: addr}
	for i := 0; i+4 <= len(text); i += 4 {
		pc := addr + uint64(i)
		in, err := arm64asm.Decode(text[i : i+4])
		if err != nil {
			return nil, &mem.Undefined{PC: pc, Encoding: text[i : i+4]}
		}
		word := binary.LittleEndian.Uint32(text[i:])
		what, ok := decode(word)
		if !ok {
			return nil, &mem.Undefined{PC: pc, Encoding: text[i : i+4], Text: disassemble(in, word)}
		}
		c.insts = append(c.insts, what)
		c.texts = append(c.texts, disassemble(in, word))
	}
	if len(text)%4 != 0 {
		return nil, &mem.Undefined{PC: addr + uint64(len(text)&^3), Encoding: text[len(text)&^3:]}
	}
	return c, nil
}

// Words is Decode for code that is written down as words.
func Words(addr uint64, words ...uint32) (*Code, error) {
	text := make([]byte, 0, 4*len(words))
	for _, w := range words {
		text = binary.LittleEndian.AppendUint32(text, w)
	}
	return Decode(text, addr)
}

// disassemble writes an instruction out, with names where arm64asm has numbers.
func disassemble(in arm64asm.Inst, w uint32) string {
	text := strings.ReplaceAll(strings.ReplaceAll(arm64asm.GNUSyntax(in), ", ", ","), ",", ", ")
	text = strings.TrimSpace(text)
	switch in.Op {
	case arm64asm.HINT:
		if n := field(w, 11, 5); hintNames[n] != "" {
			return hintNames[n]
		}
	case arm64asm.MSR, arm64asm.MRS:
		if s, ok := sysregOf(w); ok {
			return strings.Replace(text, s.encoded(), sysregs[s].name, 1)
		}
	}
	return text
}

var hintNames = [128]string{7: "xpaclri", 20: "csdb", 24: "paciaz", 25: "paciasp", 26: "pacibz", 27: "pacibsp", 28: "autiaz", 29: "autiasp",
	30: "autibz", 31: "autibsp", 32: "bti", 34: "bti c", 36: "bti j", 38: "bti jc"}
