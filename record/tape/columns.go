package tape

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// number is a column of fixed-width numbers, and how an Event has them.
type number struct {
	name string
	kind arrow.FixedWidthDataType
	get  func(*Event) uint64
	set  func(*Event, uint64)
}

var (
	u8  = arrow.PrimitiveTypes.Uint8.(arrow.FixedWidthDataType)
	u16 = arrow.PrimitiveTypes.Uint16.(arrow.FixedWidthDataType)
	u32 = arrow.PrimitiveTypes.Uint32.(arrow.FixedWidthDataType)
	u64 = arrow.PrimitiveTypes.Uint64.(arrow.FixedWidthDataType)
	i32 = arrow.PrimitiveTypes.Int32.(arrow.FixedWidthDataType)
	i64 = arrow.PrimitiveTypes.Int64.(arrow.FixedWidthDataType)
)

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// numbers are the columns after kind, in order; comm is the last of all.
var numbers = []number{
	{"time", i64, func(e *Event) uint64 { return uint64(e.Time) }, func(e *Event, v uint64) { e.Time = int64(v) }},
	{"cpu", u16, func(e *Event) uint64 { return uint64(e.CPU) }, func(e *Event, v uint64) { e.CPU = uint16(v) }},
	{"preempt", u8, func(e *Event) uint64 { return bit(e.Preempt) }, func(e *Event, v uint64) { e.Preempt = v != 0 }},
	{"arg", u32, func(e *Event) uint64 { return uint64(e.Arg) }, func(e *Event, v uint64) { e.Arg = uint32(v) }},
	{"prev_pid", u32, func(e *Event) uint64 { return uint64(e.Prev.PID) }, func(e *Event, v uint64) { e.Prev.PID = uint32(v) }},
	{"prev_tgid", u32, func(e *Event) uint64 { return uint64(e.Prev.TGID) }, func(e *Event, v uint64) { e.Prev.TGID = uint32(v) }},
	{"prev_flags", u32, func(e *Event) uint64 { return uint64(e.Prev.Flags) }, func(e *Event, v uint64) { e.Prev.Flags = uint32(v) }},
	{"prev_state", u32, func(e *Event) uint64 { return uint64(e.Prev.State) }, func(e *Event, v uint64) { e.Prev.State = uint32(v) }},
	{"prev_mm", u32, func(e *Event) uint64 { return uint64(e.Prev.MM) }, func(e *Event, v uint64) { e.Prev.MM = MMID(v) }},
	{"prev_active_mm", u32, func(e *Event) uint64 { return uint64(e.Prev.ActiveMM) }, setActive},
	{"next_pid", u32, func(e *Event) uint64 { return uint64(e.Next.PID) }, func(e *Event, v uint64) { e.Next.PID = uint32(v) }},
	{"next_tgid", u32, func(e *Event) uint64 { return uint64(e.Next.TGID) }, func(e *Event, v uint64) { e.Next.TGID = uint32(v) }},
	{"next_flags", u32, func(e *Event) uint64 { return uint64(e.Next.Flags) }, func(e *Event, v uint64) { e.Next.Flags = uint32(v) }},
	{"next_state", u32, func(e *Event) uint64 { return uint64(e.Next.State) }, func(e *Event, v uint64) { e.Next.State = uint32(v) }},
	{"next_mm", u32, func(e *Event) uint64 { return uint64(e.Next.MM) }, func(e *Event, v uint64) { e.Next.MM = MMID(v) }},
	{"next_active_mm", u32, getNextActive, setNextActive},
	{"active_users", i32, func(e *Event) uint64 { return uint64(e.Active.Users) }, func(e *Event, v uint64) { e.Active.Users = int32(v) }},
	{"active_count", i32, func(e *Event) uint64 { return uint64(e.Active.Count) }, func(e *Event, v uint64) { e.Active.Count = int32(v) }},
	{"active_context", u64, func(e *Event) uint64 { return e.Active.Ctx }, func(e *Event, v uint64) { e.Active.Ctx = v }},
	{"active_tlb_gen", u64, func(e *Event) uint64 { return e.Active.Gen }, func(e *Event, v uint64) { e.Active.Gen = v }},
	{"user_mm", u32, getUser, setUser},
	{"user_users", i32, func(e *Event) uint64 { return uint64(e.User.Users) }, func(e *Event, v uint64) { e.User.Users = int32(v) }},
	{"user_count", i32, func(e *Event) uint64 { return uint64(e.User.Count) }, func(e *Event, v uint64) { e.User.Count = int32(v) }},
	{"user_context", u64, func(e *Event) uint64 { return e.User.Ctx }, func(e *Event, v uint64) { e.User.Ctx = v }},
	{"user_tlb_gen", u64, func(e *Event) uint64 { return e.User.Gen }, func(e *Event, v uint64) { e.User.Gen = v }},
	{"known", u8, func(e *Event) uint64 { return uint64(e.Known) }, func(e *Event, v uint64) { e.Known = Known(v) }},
	{"lazy", u8, func(e *Event) uint64 { return bit(e.Lazy) }, func(e *Event, v uint64) { e.Lazy = v != 0 }},
	{"loaded_mm", u32, getLoaded, setLoaded},
	{"asid", u16, func(e *Event) uint64 { return uint64(e.ASID) }, func(e *Event, v uint64) { e.ASID = uint16(v) }},
	{"next_asid", u16, func(e *Event) uint64 { return uint64(e.NextASID) }, func(e *Event, v uint64) { e.NextASID = uint16(v) }},
	{"slot_tlb_gen", u64, func(e *Event) uint64 { return e.SlotGen }, func(e *Event, v uint64) { e.SlotGen = v }},
	{"active_asid", u64, func(e *Event) uint64 { return e.ActiveASID }, func(e *Event, v uint64) { e.ActiveASID = v }},
	{"reserved_asid", u64, func(e *Event) uint64 { return e.ReservedASID }, func(e *Event, v uint64) { e.ReservedASID = v }},
	{"asid_generation", u64, func(e *Event) uint64 { return e.Generation }, func(e *Event, v uint64) { e.Generation = v }},
}

// What another column says already would be a sixth of a file, hence some have 0 in its place.

func setActive(e *Event, v uint64) { e.Prev.ActiveMM, e.Active.ID = MMID(v), MMID(v) }

// A task that comes has its own address space or, before it has borrowed, none.
func getNextActive(e *Event) uint64 {
	if e.Next.ActiveMM == e.Next.MM {
		return 0
	}
	return uint64(e.Next.ActiveMM)
}

func setNextActive(e *Event, v uint64) {
	e.Next.ActiveMM = MMID(v)
	if v == 0 {
		e.Next.ActiveMM = e.Next.MM
	}
}

// ofNext tells whether User is the next task's, or the child's.
func ofNext(k Kind) bool { return k == Switch || k == Fork }

func getUser(e *Event) uint64 {
	if ofNext(e.Kind) {
		return 0
	}
	return uint64(e.User.ID)
}

func setUser(e *Event, v uint64) {
	e.User.ID = MMID(v)
	if ofNext(e.Kind) {
		e.User.ID = e.Next.MM
	}
}

func getLoaded(e *Event) uint64 {
	if e.LoadedMM == e.Prev.ActiveMM {
		return 0
	}
	return uint64(e.LoadedMM)
}

func setLoaded(e *Event, v uint64) {
	e.LoadedMM = MMID(v)
	if v == 0 && e.Known&KnownTLB != 0 {
		e.LoadedMM = e.Prev.ActiveMM
	}
}

var (
	kindType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: arrow.BinaryTypes.String}
	commType = arrow.BinaryTypes.String
)

func schema(m *Meta) *arrow.Schema {
	fields := []arrow.Field{{Name: "kind", Type: kindType}}
	for _, n := range numbers {
		fields = append(fields, arrow.Field{Name: n.name, Type: n.kind})
	}
	md := m.metadata()
	return arrow.NewSchema(append(fields, arrow.Field{Name: "comm", Type: commType}), &md)
}

// fits says in what a file's columns differ from those that this version writes.
func fits(s *arrow.Schema) error {
	want := schema(&Meta{})
	for i, f := range want.Fields() {
		if i >= s.NumFields() {
			return fmt.Errorf("the column %s is missing", f.Name)
		}
		if g := s.Field(i); g.Name != f.Name || !arrow.TypeEqual(g.Type, f.Type) {
			return fmt.Errorf("column %d is %s (%s) where %s (%s) is expected", i, g.Name, g.Type, f.Name, f.Type)
		}
	}
	return nil
}

func kindDictionary(mem memory.Allocator) arrow.Array {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.AppendValues(kindNames[:], nil)
	return b.NewArray()
}
