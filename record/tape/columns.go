package tape

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// number is a column of fixed-width numbers, and how an Event has them: in a field of its own, or so that they are to be
// computed.
type number struct {
	name   string
	kind   arrow.FixedWidthDataType
	offset uintptr // of the field; get and set are nil
	get    func(*Event) uint64
	set    func(*Event, uint64)
}

// field is a column of what an Event has in a field of that width, so that all of it is copied without a call for each.
func field[T any](name string, kind arrow.FixedWidthDataType, of func(*Event) *T) number {
	var e Event
	at := of(&e)
	if int(unsafe.Sizeof(*at)) != kind.Bytes() {
		panic("tape: column " + name + " is not as wide as its field")
	}
	return number{name: name, kind: kind, offset: uintptr(unsafe.Pointer(at)) - uintptr(unsafe.Pointer(&e))}
}

// in is where an Event has the number.
func in[T any](e *Event, n *number) *T { return (*T)(unsafe.Add(unsafe.Pointer(e), n.offset)) }

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
	field("time", i64, func(e *Event) *int64 { return &e.Time }),
	field("cpu", u16, func(e *Event) *uint16 { return &e.CPU }),
	{name: "preempt", kind: u8, get: func(e *Event) uint64 { return bit(e.Preempt) }, set: func(e *Event, v uint64) { e.Preempt = v != 0 }},
	field("arg", u32, func(e *Event) *uint32 { return &e.Arg }),
	field("prev_pid", u32, func(e *Event) *uint32 { return &e.Prev.PID }),
	field("prev_tgid", u32, func(e *Event) *uint32 { return &e.Prev.TGID }),
	field("prev_flags", u32, func(e *Event) *uint32 { return &e.Prev.Flags }),
	field("prev_state", u32, func(e *Event) *uint32 { return &e.Prev.State }),
	field("prev_mm", u32, func(e *Event) *MMID { return &e.Prev.MM }),
	{name: "prev_active_mm", kind: u32, get: func(e *Event) uint64 { return uint64(e.Prev.ActiveMM) }, set: setActive},
	field("next_pid", u32, func(e *Event) *uint32 { return &e.Next.PID }),
	field("next_tgid", u32, func(e *Event) *uint32 { return &e.Next.TGID }),
	field("next_flags", u32, func(e *Event) *uint32 { return &e.Next.Flags }),
	field("next_state", u32, func(e *Event) *uint32 { return &e.Next.State }),
	field("next_mm", u32, func(e *Event) *MMID { return &e.Next.MM }),
	{name: "next_active_mm", kind: u32, get: getNextActive, set: setNextActive},
	field("active_users", i32, func(e *Event) *int32 { return &e.Active.Users }),
	field("active_count", i32, func(e *Event) *int32 { return &e.Active.Count }),
	field("active_context", u64, func(e *Event) *uint64 { return &e.Active.Ctx }),
	field("active_tlb_gen", u64, func(e *Event) *uint64 { return &e.Active.Gen }),
	{name: "user_mm", kind: u32, get: getUser, set: setUser},
	field("user_users", i32, func(e *Event) *int32 { return &e.User.Users }),
	field("user_count", i32, func(e *Event) *int32 { return &e.User.Count }),
	field("user_context", u64, func(e *Event) *uint64 { return &e.User.Ctx }),
	field("user_tlb_gen", u64, func(e *Event) *uint64 { return &e.User.Gen }),
	field("known", u8, func(e *Event) *Known { return &e.Known }),
	{name: "lazy", kind: u8, get: func(e *Event) uint64 { return bit(e.Lazy) }, set: func(e *Event, v uint64) { e.Lazy = v != 0 }},
	{name: "loaded_mm", kind: u32, get: getLoaded, set: setLoaded},
	field("asid", u16, func(e *Event) *uint16 { return &e.ASID }),
	field("next_asid", u16, func(e *Event) *uint16 { return &e.NextASID }),
	field("slot_tlb_gen", u64, func(e *Event) *uint64 { return &e.SlotGen }),
	field("active_asid", u64, func(e *Event) *uint64 { return &e.ActiveASID }),
	field("reserved_asid", u64, func(e *Event) *uint64 { return &e.ReservedASID }),
	field("asid_generation", u64, func(e *Event) *uint64 { return &e.Generation }),
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
