package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

// In flush_tlb_func CPU is who asks, MM what is to be flushed and N how many pages. Val has the generation that is asked
// for in its lower half, Val2 the one that the address space has; the upper halves are the numbers of the page-table
// change (see machine.MM).

const genMask = 1<<32 - 1

func wantedGen(f *machine.Frame) uint64     { return f.Val & genMask }
func mmGen(f *machine.Frame) uint64         { return f.Val2 & genMask }
func flushedChange(f *machine.Frame) uint32 { return uint32(f.Val >> 32) }
func flushedTables(f *machine.Frame) uint32 { return uint32(f.Val2 >> 32) }

func setMMGen(f *machine.Frame, gen uint64) { f.Val2 = f.Val2&^genMask | gen }

func packFlushInfo(f *machine.Frame, gen uint64, change, tables uint32) {
	f.Val, f.Val2 = gen|uint64(change)<<32, uint64(tables)<<32
}

// readNote reads what the CPU that asks has laid down.
func readNote(c *step.Ctx) {
	from := &c.S.CPUs[c.F.CPU]
	c.F.N = from.CallPages
	packFlushInfo(c.F, from.CallGen, from.CallChange, from.CallTables)
}

// wholeAbove: more pages than the ceiling are flushed as a whole.
func wholeAbove(pages int32) int32 {
	if pages > rangeCeiling {
		return machine.FlushAll
	}
	return pages
}
