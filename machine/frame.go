package machine

// Frame is one activation on a kernel stack: where it stands and its locals. Locals keep the
// names that the kernel's functions give them; a path uses those that it needs.
type Frame struct {
	PC    uint32 `name:"pc"`    // index into the program; 0 is an unused frame
	State uint32 `name:"state"` // prev_state in finish_task_switch; flags elsewhere

	Prev  TaskID `name:"prev"`
	Next  TaskID `name:"next"`
	MM    MMID   `name:"mm"`
	OldMM MMID   `name:"oldmm"`

	CPU CPUID `name:"cpu"`
	N   int32 `name:"n"`

	Val  uint64 `name:"val"`
	Val2 uint64 `name:"val2"`
}

// Push adds an empty frame to t's kernel stack and returns it. The stack must have room: a path deeper
// than Config.StackDepth is a mistake in the paths, so it panics.
func (s *State) Push(t TaskID) *Frame { return s.PushFrame(t, &Frame{}) }

// PushFrame is Push with locals to begin with.
func (s *State) PushFrame(t TaskID, locals *Frame) *Frame {
	task := &s.Tasks[t]
	if int(task.Depth) >= s.stackDepth {
		panic("machine: kernel stack overflow")
	}
	s.touched |= stackBit(t)
	f := &s.Frames[int(t)*s.stackDepth+int(task.Depth)]
	*f = *locals
	task.Depth++
	return f
}

// Pop takes the top frame off t's kernel stack. What it held stays in memory, as on a real stack, and
// is no part of the state.
func (s *State) Pop(t TaskID) { s.Tasks[t].Depth-- }

// Top returns the top frame of t's kernel stack, or nil where the stack is empty: a user task is
// then in user mode, a kernel task in its own function, an idle task in its loop.
func (s *State) Top(t TaskID) *Frame {
	d := int(s.Tasks[t].Depth)
	if d == 0 {
		return nil
	}
	s.touched |= stackBit(t)
	return &s.Frames[int(t)*s.stackDepth+d-1]
}

// Top2 returns the frame below the top one, which must exist.
func (s *State) Top2(t TaskID) *Frame {
	s.touched |= stackBit(t)
	return &s.Frames[int(t)*s.stackDepth+int(s.Tasks[t].Depth)-2]
}

// Stack returns t's live frames, outermost first.
func (s *State) Stack(t TaskID) []Frame {
	s.touched |= stackBit(t)
	return s.Live(t)
}

// Live is Stack for who only looks at the frames.
func (s *State) Live(t TaskID) []Frame {
	lo := int(t) * s.stackDepth
	return s.Frames[lo : lo+int(s.Tasks[t].Depth)]
}

// Untouch begins to note whose stacks somebody asks for who might write to their frames.
func (s *State) Untouch() { s.touched = 0 }

// Touched reports whether somebody asked for frames of t's stack since Untouch. Frames of one that nobody asked for are
// what they were. Tasks 64 apart answer for each other.
func (s *State) Touched(t TaskID) bool { return s.touched&stackBit(t) != 0 }

func stackBit(t TaskID) uint64 { return 1 << (uint(t) & 63) }

// Room returns all frames of t's kernel stack, the live ones first. It is for an executor that keeps
// count of the live ones itself while it runs, and says so with SetDepth before anybody else looks.
func (s *State) Room(t TaskID) []Frame {
	s.touched |= stackBit(t)
	lo := int(t) * s.stackDepth
	return s.Frames[lo : lo+s.stackDepth : lo+s.stackDepth]
}

// SetDepth makes the first depth frames of t's kernel stack the live ones.
func (s *State) SetDepth(t TaskID, depth int) { s.Tasks[t].Depth = uint8(depth) }
