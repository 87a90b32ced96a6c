package machine

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// PlaceKind is what sort of thing a Place is.
type PlaceKind uint8

const (
	OfMachine PlaceKind = iota // what all CPUs share
	OfCPU
	OfTask
	OfMM
	OfStack // a frame of a task's kernel stack
)

// Place is the thing whose field a Change names.
type Place struct {
	Kind  PlaceKind
	Index int // of the CPU, task or mm
	Frame int // OfStack: 0 is the outermost
}

// Change is one field that two states differ in. Before and After are of the field's own type.
type Change struct {
	Place  Place
	Field  string // in the kernel's words
	Before any
	After  any
	Hex    bool // the numbers are read better in hexadecimal
}

// Namer says how the caller calls its tasks and address spaces.
type Namer interface {
	TaskName(TaskID) string
	MMName(MMID) string
}

// Numbers names tasks and address spaces by their slots: task3, mm2.
type Numbers struct{}

func (Numbers) TaskName(t TaskID) string { return "task" + strconv.Itoa(int(t)) }

func (Numbers) MMName(m MMID) string {
	if m == InitMM {
		return "init_mm"
	}
	return "mm" + strconv.Itoa(int(m))
}

// Diff reports every field in which after differs from before. Both must be of one shape.
func Diff(before, after *State, report func(Change)) {
	if before.Config != after.Config {
		panic("machine: Diff between machines of different shape")
	}
	d := differ{before: before, after: after, report: report}
	d.fields(Place{Kind: OfMachine}, "", reflect.ValueOf(*before.Global), reflect.ValueOf(*after.Global), "")
	for i := range before.CPUs {
		d.cpu(i)
	}
	for i := range before.Tasks {
		d.task(i)
	}
	for i := range before.MMs {
		d.mm(i)
	}
	d.bits("asid_map", before.ASIDMap, after.ASIDMap)
	d.bits("pinned_asid_map", before.PinnedMap, after.PinnedMap)
	d.mask(Place{Kind: OfMachine}, "wake lists", before.wakers, after.wakers)
}

type differ struct {
	before, after *State
	report        func(Change)
}

func (d *differ) cpu(i int) {
	at := Place{Kind: OfCPU, Index: i}
	b, a, cpu := d.before, d.after, CPUID(i)
	differs(d, at, "", b.CPUs[i], a.CPUs[i])
	if len(b.X86) > 0 {
		differs(d, at, "", b.X86[i], a.X86[i])
	}
	if len(b.ARM64) > 0 {
		differs(d, at, "", b.ARM64[i], a.ARM64[i])
	}
	if len(b.Buffers) > 0 {
		differs(d, at, "", b.Buffers[i], a.Buffers[i])
	}
	if len(b.ARM64Regs) > 0 {
		differs(d, at, "", b.ARM64Regs[i], a.ARM64Regs[i])
	}
	if len(b.ARM64Vectors) > 0 {
		differs(d, at, "", b.ARM64Vectors[i], a.ARM64Vectors[i])
	}
	if len(b.X86Regs) > 0 {
		differs(d, at, "", b.X86Regs[i], a.X86Regs[i])
		differs(d, at, "", b.X86PerCPUs[i], a.X86PerCPUs[i])
	}
	d.mask(at, "asked by", b.Calls(cpu), a.Calls(cpu))
	for j, e := range b.TLB(cpu) {
		differs(d, at, "tlb["+strconv.Itoa(j)+"]", e, a.TLB(cpu)[j])
	}
}

func (d *differ) task(i int) {
	t := TaskID(i)
	differs(d, Place{Kind: OfTask, Index: i}, "", d.before.Tasks[i], d.after.Tasks[i])
	if len(d.before.ARM64Threads) > 0 {
		differs(d, Place{Kind: OfTask, Index: i}, "", d.before.ARM64Threads[i], d.after.ARM64Threads[i])
		differs(d, Place{Kind: OfTask, Index: i}, "", d.before.ARM64PtRegs[i], d.after.ARM64PtRegs[i])
		differs(d, Place{Kind: OfTask, Index: i}, "", d.before.ARM64Users[i], d.after.ARM64Users[i])
	}
	if len(d.before.ARM64FPThreads) > 0 {
		differs(d, Place{Kind: OfTask, Index: i}, "", d.before.ARM64FPThreads[i], d.after.ARM64FPThreads[i])
	}
	if len(d.before.X86Threads) > 0 {
		differs(d, Place{Kind: OfTask, Index: i}, "", d.before.X86Threads[i], d.after.X86Threads[i])
		differs(d, Place{Kind: OfTask, Index: i}, "", d.before.X86Stacks[i], d.after.X86Stacks[i])
		differs(d, Place{Kind: OfTask, Index: i}, "", d.before.X86Users[i], d.after.X86Users[i])
	}
	from, to := d.before.Stack(t), d.after.Stack(t)
	for f := range max(len(from), len(to)) {
		differs(d, Place{Kind: OfStack, Index: i, Frame: f}, "", frameAt(from, f), frameAt(to, f))
	}
}

// frameAt is an empty frame above the top of the stack.
func frameAt(stack []Frame, i int) Frame {
	if i < len(stack) {
		return stack[i]
	}
	return Frame{}
}

func (d *differ) mm(i int) {
	at := Place{Kind: OfMM, Index: i}
	differs(d, at, "", d.before.MMs[i], d.after.MMs[i])
	d.mask(at, "mm_cpumask", d.before.MMCPUMask(MMID(i)), d.after.MMCPUMask(MMID(i)))
}

func differs[T comparable](d *differ, at Place, prefix string, before, after T) {
	if before != after {
		d.fields(at, prefix, reflect.ValueOf(before), reflect.ValueOf(after), "")
	}
}

var seenType = reflect.TypeFor[Seen]()

// fields walks through two values of one type. The format that a field's tag has behind its name is
// "hex", and "reg" where the elements of an array are called x0, x1 rather than x[0], x[1].
func (d *differ) fields(at Place, name string, before, after reflect.Value, format string) {
	switch t := before.Type(); {
	case t.Kind() == reflect.Struct && t != seenType:
		for i := range t.NumField() {
			if tag, ok := t.Field(i).Tag.Lookup("name"); ok {
				field, format, _ := strings.Cut(tag, ",")
				if name != "" && name[len(name)-1] == ']' {
					field = "." + field
				}
				d.fields(at, name+field, before.Field(i), after.Field(i), format)
			}
		}
	case t.Kind() == reflect.Array:
		open, end := "[", "]"
		if strings.HasSuffix(format, "reg") {
			open, end = "", ""
		}
		for i := range t.Len() {
			d.fields(at, name+open+strconv.Itoa(i)+end, before.Index(i), after.Index(i), format)
		}
	case !before.Equal(after):
		hex := strings.HasPrefix(format, "hex")
		d.report(Change{Place: at, Field: name, Before: before.Interface(), After: after.Interface(), Hex: hex})
	}
}

// CPUList is a CPUMask as a value of its own, for a Change.
type CPUList []CPUID

func listCPUs(m CPUMask) CPUList {
	var l CPUList
	for c := m.Next(0); c != NoCPU; c = m.Next(c + 1) {
		l = append(l, c)
	}
	return l
}

func (d *differ) mask(at Place, name string, before, after CPUMask) {
	if !slices.Equal(before, after) {
		d.report(Change{Place: at, Field: name, Before: listCPUs(before), After: listCPUs(after)})
	}
}

// manyBits is where naming each changed bit of a map stops to help: a rollover changes thousands.
const manyBits = 8

// bits tells of each bit of an identifier map that changed, or of their number where they are many.
func (d *differ) bits(name string, before, after []uint64) {
	b, a := CPUMask(before), CPUMask(after)
	changed := make(CPUMask, len(b))
	for i := range b {
		changed[i] = b[i] ^ a[i]
	}
	at := Place{Kind: OfMachine}
	if changed.Count() > manyBits {
		d.report(Change{Place: at, Field: name + " in use", Before: b.Count(), After: a.Count()})
		return
	}
	for _, i := range listCPUs(changed) {
		d.report(Change{Place: at, Field: name + "[" + strconv.Itoa(int(i)) + "]", Before: b.Has(i), After: a.Has(i)})
	}
}
