// Package x64 executes the x86-64 instructions that a register switch is made of.
//
// Decode turns bytes into a Code once; Code.Step and Code.Run then execute it on a register file
// (machine.X86Registers) and simulated memory (mem.Memory) without allocating. An instruction that is not
// known is a mem.Undefined error with its address and encoding, never skipped.
//
// Memory is words of 64 bits: an access that is not of a whole one, or of one of its 32-bit halves, has
// nowhere to go and is a mem.Fault.
package x64
