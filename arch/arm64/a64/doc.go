// Package a64 executes the A64 instructions that a register switch is made of.
//
// Decode turns instruction words into a Code once; Code.Step and Code.Run then execute it on a register
// file (machine.ARM64Registers) and simulated memory (mem.Memory) without allocating. A word that is not
// known is a mem.Undefined error with its address and encoding, never skipped.
package a64
