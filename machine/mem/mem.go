// Package mem is the simulated memory that machine code runs on: 64-bit words at the addresses where
// the machine keeps task structures, kernel stacks and per-CPU data. It holds no words of its own but
// shows those of others, so that a field of a machine and the memory at its address are one thing.
package mem

import (
	"fmt"
	"unsafe"
)

// Array is a row of equal objects in memory, one every 1<<Shift bytes from Base on. Of each object the
// Size bytes from Skip on exist.
type Array struct {
	Name  string // what an object is, for errors
	Base  uint64
	Shift uint8
	Skip  uint64
	Size  uint64   // a multiple of 8
	Words []uint64 // of all objects, one after another
}

// Of shows a slice of structures that are made of 64-bit words alone as an Array.
func Of[T any](name string, base uint64, shift uint8, skip uint64, objects []T) Array {
	var t T
	a := Array{Name: name, Base: base, Shift: shift, Skip: skip, Size: uint64(unsafe.Sizeof(t))}
	if a.Size%8 != 0 || skip%8 != 0 || skip+a.Size > 1<<shift {
		panic("mem: " + name + " does not fit its place")
	}
	if len(objects) > 0 {
		a.Words = unsafe.Slice((*uint64)(unsafe.Pointer(&objects[0])), len(objects)*int(a.Size/8))
	}
	return a
}

// Addr is where object i begins, before what is skipped of it.
func (a *Array) Addr(i int) uint64 { return a.Base + uint64(i)<<a.Shift }

// Count is how many objects there are.
func (a *Array) Count() int { return len(a.Words) * 8 / int(a.Size) }

// Index says which object's place an address is in, -1 for none. The address right behind an object's
// place belongs to the next one.
func (a *Array) Index(addr uint64) int {
	if i := (addr - a.Base) >> a.Shift; addr >= a.Base && i < uint64(a.Count()) {
		return int(i)
	}
	return -1
}

// Memory is all that is mapped.
type Memory struct {
	Arrays []Array
}

// Word returns the word at addr, or nil where nothing is mapped or addr is not a multiple of 8.
func (m *Memory) Word(addr uint64) *uint64 {
	if w := m.Slice(addr, 1); w != nil {
		return &w[0]
	}
	return nil
}

// Slice returns the n words from addr on, or nil where they are not all in one object or addr is not a
// multiple of 8.
func (m *Memory) Slice(addr, n uint64) []uint64 {
	for i := range m.Arrays {
		a := &m.Arrays[i]
		from := addr - a.Base // enormous where addr is below
		at := from&(1<<(a.Shift&63)-1) - a.Skip
		w := from>>(a.Shift&63)*(a.Size/8) + at/8
		if at < a.Size && 8*n <= a.Size-at && at%8 == 0 && addr >= a.Base && w < uint64(len(a.Words)) {
			return a.Words[w : w+n]
		}
	}
	return nil
}

// Load reads a 64-bit word.
func (m *Memory) Load(addr uint64) (uint64, error) {
	if w := m.Word(addr); w != nil {
		return *w, nil
	}
	return 0, &Fault{Addr: addr}
}

// Store writes a 64-bit word.
func (m *Memory) Store(addr, val uint64) error {
	if w := m.Word(addr); w != nil {
		*w = val
		return nil
	}
	return &Fault{Addr: addr, Write: true}
}

// Fault is an access to memory that is not there.
type Fault struct {
	PC    uint64 // of the instruction, where it is known
	Addr  uint64
	Write bool
}

func (f *Fault) Error() string {
	verb := "read"
	if f.Write {
		verb = "written"
	}
	return fmt.Sprintf("%#x is %s by the instruction at %#x, but no memory is simulated there", f.Addr, verb, f.PC)
}

// Undefined is an instruction that the interpreter does not execute.
type Undefined struct {
	PC       uint64
	Encoding []byte // in memory order
	Text     string // its disassembly, if there is one
}

func (u *Undefined) Error() string {
	text := u.Text
	if text == "" {
		text = "not an instruction"
	}
	return fmt.Sprintf("the instruction at %#x, encoding %x (%s), is not simulated", u.PC, u.Encoding, text)
}
