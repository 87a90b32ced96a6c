package machine

// A packed state is a State without its Config and without the empty part of its stacks, for whoever
// keeps millions of them. Machines of one shape are equal exactly where their packed states are. It is
// meant for memory, not for files: its bytes are those of this machine and version.

// AppendPacked adds the packed state to b.
func (s *State) AppendPacked(b []byte) []byte {
	b = append(b, asBytes(s.head)...)
	for t := range s.Tasks {
		if s.Tasks[t].Depth != 0 {
			b = append(b, asBytes(s.Stack(TaskID(t)))...)
		}
	}
	return b
}

// Unpack makes s the packed state at the front of b, which must be of the same shape, and returns what
// follows it.
func (s *State) Unpack(b []byte) []byte {
	b = b[copy(asBytes(s.head), b):]
	for t := range s.Tasks {
		if s.Tasks[t].Depth != 0 {
			b = b[copy(asBytes(s.Stack(TaskID(t))), b):]
		}
	}
	return b
}
