//go:build linux

package record

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"switchyard/record/bpf"
	"switchyard/record/tape"
)

// The kinds as the programs number them.
var rawKinds = [...]tape.Kind{1: tape.Switch, tape.Fork, tape.Exec, tape.Exit, tape.Free, tape.PrepareExec, tape.ExitMmap, tape.Rename, tape.Snapshot, tape.Ready}

// The bits of ObjectEvent.Has.
const (
	hasTail = 1 << iota
	hasLazy
)

// again is the bit of ObjectEvent.Kind that the second program on a tracepoint sets.
const again = 0x80

const (
	rawSize  = int(unsafe.Sizeof(bpf.ObjectEvent{}))
	commSize = 16
)

// decoder makes events of what the programs wrote, and numbers address spaces.
type decoder struct {
	arm    bool
	tlb    tlbLayout
	mms    map[uint64]tape.MMID
	lately [latelyMMs]numbered
	last   tape.MMID
	comms  map[[commSize]byte]string
}

// numbered is an address space that has its number. Nothing changes it.
type numbered struct {
	address uint64
	id      tape.MMID
}

// latelyMMs are found without a search, a power of two: every switch names six, and most the same few.
const (
	latelyBits = 6
	latelyMMs  = 1 << latelyBits
)

func newDecoder(arm bool, tlb tlbLayout) *decoder {
	return &decoder{arm: arm, tlb: tlb, mms: map[uint64]tape.MMID{0: tape.NoMM}, last: tape.InitMM, comms: map[[commSize]byte]string{}}
}

func (d *decoder) mm(address uint64) tape.MMID {
	// NULL is what an empty place has.
	lately := &d.lately[address*0x9e3779b97f4a7c15>>(64-latelyBits)]
	if lately.address == address {
		return lately.id
	}
	id, ok := d.mms[address]
	if !ok {
		d.last++
		id = d.last
		d.mms[address] = id
	}
	*lately = numbered{address, id}
	return id
}

func (d *decoder) decode(raw []byte, e *tape.Event) error {
	if len(raw) < rawSize {
		return fmt.Errorf("the kernel gave an event of %d bytes, which are too few: this is a bug in the recorder, please report it", len(raw))
	}
	r := (*bpf.ObjectEvent)(unsafe.Pointer(unsafe.SliceData(raw)))
	r.Kind &^= again
	if r.Kind == 0 || int(r.Kind) >= len(rawKinds) {
		return fmt.Errorf("the kernel gave an event of kind %d, which there is not: this is a bug in the recorder, please report it", r.Kind)
	}
	d.findInit(r)
	*e = tape.Event{
		Kind: rawKinds[r.Kind], Preempt: r.Preempt != 0, CPU: uint16(r.Cpu), Time: int64(r.Time), Arg: r.Arg,
		Prev:   tape.Task{PID: r.Prev.Pid, TGID: r.Prev.Tgid, Flags: r.Prev.Flags, State: r.Prev.State, MM: d.mm(r.Prev.Mm), ActiveMM: d.mm(r.Prev.ActiveMm)},
		Next:   tape.Task{PID: r.Next.Pid, TGID: r.Next.Tgid, Flags: r.Next.Flags, State: r.Next.State, MM: d.mm(r.Next.Mm), ActiveMM: d.mm(r.Next.ActiveMm)},
		Active: tape.MM{ID: d.mm(r.Active.Mm), Users: r.Active.Users, Count: r.Active.Count, Ctx: r.Active.Id, Gen: r.Active.Gen},
		User:   tape.MM{ID: d.mm(r.User.Mm), Users: r.User.Users, Count: r.User.Count, Ctx: r.User.Id, Gen: r.User.Gen},
	}
	tail := raw[rawSize:]
	if e.Kind == tape.Switch {
		d.hardware(e, r.Has, r.Lazy, tail)
	} else if len(tail) >= commSize {
		e.Comm = d.comm([commSize]byte(tail))
	}
	return nil
}

// findInit learns which address space is init_mm. On x86 its number says so; on arm64 it is the only one that is
// borrowed without ever having had an ASID.
func (d *decoder) findInit(r *bpf.ObjectEvent) {
	if r.Prev.Mm != 0 {
		return
	}
	if _, known := d.mms[r.Active.Mm]; known {
		return
	}
	if d.arm && r.Active.Id == 0 || !d.arm && r.Active.Id == 1 {
		d.mms[r.Active.Mm] = tape.InitMM
	}
}

// findLoadedInit: what is loaded is prev's active_mm, unless the CPU was told to leave that one. Then it is init_mm.
func (d *decoder) findLoadedInit(e *tape.Event, address uint64) {
	if _, known := d.mms[address]; !known && e.Active.ID != tape.NoMM {
		d.mms[address] = tape.InitMM
	}
}

// hardware reads what a CPU keeps about address spaces.
func (d *decoder) hardware(e *tape.Event, has, lazy uint8, tail []byte) {
	if has&hasLazy != 0 {
		e.Known |= tape.KnownLazy
		e.Lazy = lazy != 0
	}
	le := binary.LittleEndian
	switch {
	case has&hasTail == 0:
	case d.arm && len(tail) >= 24:
		e.Known |= tape.KnownASID
		e.ActiveASID, e.ReservedASID, e.Generation = le.Uint64(tail), le.Uint64(tail[8:]), le.Uint64(tail[16:])
	case !d.arm && len(tail) >= d.tlb.slots(1):
		asid := le.Uint16(tail[d.tlb.asid:])
		slot := d.tlb.ctxs + int(asid)*d.tlb.stride
		if slot+d.tlb.stride > len(tail) {
			return
		}
		e.Known |= tape.KnownTLB
		d.findLoadedInit(e, le.Uint64(tail[d.tlb.loadedMM:]))
		e.LoadedMM, e.ASID, e.NextASID = d.mm(le.Uint64(tail[d.tlb.loadedMM:])), asid, le.Uint16(tail[d.tlb.nextASID:])
		e.SlotGen = le.Uint64(tail[slot+d.tlb.gen:])
	}
}

func (d *decoder) comm(raw [commSize]byte) string {
	s, ok := d.comms[raw]
	if !ok {
		n := 0
		for n < len(raw) && raw[n] != 0 {
			n++
		}
		s = string(raw[:n])
		d.comms[raw] = s
	}
	return s
}
