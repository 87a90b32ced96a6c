package machine

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

var shapes = []Config{
	{Release: Newest, Arch: Classic, CPUs: 2, Tasks: 5, MMs: 4},
	{Release: Newest, Arch: X86, PCID: true, CPUs: 3, Tasks: 7, MMs: 5, TLBSlots: 12},
	{Release: Newest, Arch: ARM64, ASIDBits: 8, CPUs: 70, Tasks: 100, MMs: 9, TLBSlots: 3, StackDepth: 5},
	{Release: Newest, Arch: ARM64, ASIDBits: 4, CPUs: 2, Tasks: 4, MMs: 3, Registers: true},
	{Release: Newest, Arch: X86, Memory: TSO, CPUs: 3, Tasks: 6, MMs: 3},
	{Release: Newest, Arch: ARM64, ASIDBits: 4, CPUs: 2, Tasks: 4, MMs: 3, FPSIMD: true},
}

func newState(t testing.TB, c Config) *State {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// scribble fills a machine with noise, stacks aside, so that a byte which is forgotten shows.
func scribble(s *State, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range s.head {
		s.head[i] = r.Uint64()
	}
	for i := range s.Tasks {
		s.Tasks[i].Depth = 0
	}
	for i := range s.Tasks {
		for range r.IntN(s.stackDepth + 1) {
			*s.Push(TaskID(i)) = Frame{PC: r.Uint32(), Val: r.Uint64()}
		}
	}
}

// The block is compared and hashed as bytes, and padding may hold anything.
func TestNoPadding(t *testing.T) {
	for _, v := range []any{Global{}, CPU{}, Task{}, MM{}, Frame{}, TLBEntry{}, X86CPU{}, ARM64CPU{}, StoreBuffer{},
		ARM64Registers{}, ARM64Thread{}, ARM64PtRegs{}, ARM64User{},
		ARM64Vectors{}, ARM64FPThread{}} {
		noPadding(t, reflect.TypeOf(v))
	}
}

func noPadding(t *testing.T, typ reflect.Type) {
	switch typ.Kind() {
	case reflect.Array:
		noPadding(t, typ.Elem())
	case reflect.Struct:
		end := uintptr(0)
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Offset != end {
				t.Errorf("%s has %d bytes of padding before %s", typ, f.Offset-end, f.Name)
			}
			end = f.Offset + f.Type.Size()
			noPadding(t, f.Type)
		}
		if end != typ.Size() {
			t.Errorf("%s has %d bytes of padding at its end", typ, typ.Size()-end)
		}
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.String, reflect.Interface, reflect.Func, reflect.Chan:
		t.Errorf("%s points out of the block", typ)
	}
}

func TestCopies(t *testing.T) {
	for i, c := range shapes {
		t.Run(c.Arch.String(), func(t *testing.T) {
			s, to := newState(t, c), newState(t, c)
			scribble(s, uint64(i))
			scribble(to, uint64(i)+100)
			if s.Equal(to) || s.Hash() == to.Hash() {
				t.Fatal("different machines look the same")
			}
			to.CopyFrom(s)
			same(t, "CopyFrom", s, to)
			same(t, "Clone", s, s.Clone())
			to.Tasks[1].Usage++
			if s.Equal(to) || s.Hash() == to.Hash() {
				t.Error("the copy shares memory with the original")
			}
		})
	}
}

func same(t *testing.T, what string, s, o *State) {
	t.Helper()
	if !s.Equal(o) || !o.Equal(s) {
		t.Errorf("%s: not equal", what)
	}
	if s.Hash() != o.Hash() {
		t.Errorf("%s: different hashes", what)
	}
	for i := range s.Tasks {
		if !slices.Equal(s.Stack(TaskID(i)), o.Stack(TaskID(i))) {
			t.Fatalf("%s: the stack of task %d differs", what, i)
		}
	}
	Diff(s, o, func(c Change) { t.Errorf("%s: %s", what, c) })
}

// Whatever field changes, Equal, Hash and Diff see it.
func TestEveryWordCounts(t *testing.T) {
	for _, c := range shapes {
		s := newState(t, c)
		scribble(s, 7)
		o := s.Clone()
		for i := range s.head {
			o.head[i] ^= 1 << 40
			if s.Equal(o) || s.Hash() == o.Hash() {
				t.Fatalf("%s: word %d does not count", c.Arch, i)
			}
			o.head[i] = s.head[i]
		}
		for task := range s.Tasks {
			for f := range o.Stack(TaskID(task)) {
				o.Stack(TaskID(task))[f].Val++
				if s.Equal(o) || s.Hash() == o.Hash() {
					t.Fatalf("%s: frame %d of task %d does not count", c.Arch, f, task)
				}
				o.CopyFrom(s)
			}
		}
	}
}

// A state is canonical: how it was reached leaves no trace in it.
func TestPoppedFramesLeaveNoTrace(t *testing.T) {
	s := newState(t, shapes[0])
	o := s.Clone()
	for i := range 6 {
		*s.Push(3) = Frame{PC: uint32(i) + 1, Val: 9}
	}
	for range 6 {
		s.Pop(3)
	}
	same(t, "after six pushes and six pops", s, o)
	s.Push(3)
	o.Push(3)
	same(t, "a new frame is empty", s, o)
}

func TestShapesThatDifferAreNotEqual(t *testing.T) {
	a, b := newState(t, shapes[0]), newState(t, shapes[1])
	if a.Equal(b) {
		t.Error("machines of different shape are equal")
	}
	defer func() {
		if recover() == nil {
			t.Error("CopyFrom between machines of different shape does not panic")
		}
	}()
	a.CopyFrom(b)
}

func TestGrow(t *testing.T) {
	for i, c := range shapes {
		t.Run(fmt.Sprint(c.Arch, i), func(t *testing.T) {
			s := newState(t, c)
			scribble(s, uint64(i))
			g := s.Grow(c.Tasks+30, c.MMs+5)
			if len(g.Tasks) != c.Tasks+30 || len(g.MMs) != c.MMs+5 {
				t.Fatalf("%d tasks and %d mms", len(g.Tasks), len(g.MMs))
			}
			for id := range s.Tasks {
				if g.Tasks[id] != s.Tasks[id] || fmt.Sprint(g.Stack(TaskID(id))) != fmt.Sprint(s.Stack(TaskID(id))) {
					t.Fatalf("task %d is not what it was", id)
				}
			}
			for id := range s.MMs {
				if g.MMs[id] != s.MMs[id] || fmt.Sprint(g.MMCPUMask(MMID(id))) != fmt.Sprint(s.MMCPUMask(MMID(id))) {
					t.Fatalf("mm %d is not what it was", id)
				}
			}
			for cpu := range s.CPUs {
				if g.CPUs[cpu] != s.CPUs[cpu] || fmt.Sprint(g.Calls(CPUID(cpu))) != fmt.Sprint(s.Calls(CPUID(cpu))) || fmt.Sprint(g.TLB(CPUID(cpu))) != fmt.Sprint(s.TLB(CPUID(cpu))) {
					t.Fatalf("cpu %d is not what it was", cpu)
				}
			}
			if *g.Global != *s.Global || fmt.Sprint(g.Wakers()) != fmt.Sprint(s.Wakers()) ||
				fmt.Sprint(g.X86, g.ARM64, g.ARM64Regs, g.ASIDMap, g.PinnedMap) != fmt.Sprint(s.X86, s.ARM64, s.ARM64Regs, s.ASIDMap, s.PinnedMap) {
				t.Error("what all CPUs share is not what it was")
			}
			for i := range s.ARM64Threads {
				if g.ARM64Threads[i] != s.ARM64Threads[i] || g.ARM64PtRegs[i] != s.ARM64PtRegs[i] || g.ARM64Users[i] != s.ARM64Users[i] {
					t.Fatalf("the registers of task %d are not what they were", i)
				}
			}
			if small := g.Grow(1, 1); !small.Equal(g) {
				t.Error("Grow made the machine smaller")
			}
		})
	}
}

func TestStackOverflowPanics(t *testing.T) {
	s := newState(t, shapes[2])
	for range 5 {
		s.Push(0)
	}
	defer func() {
		if recover() == nil {
			t.Error("a sixth frame on a stack of five")
		}
	}()
	s.Push(0)
}
