package machine

import "bytes"

// Pieces divides the states of one shape: what all CPUs share, then each CPU with its TLB and the calls
// that it has yet to run, each task with its stack, and each address space with its cpumask. Two states
// are equal exactly where all their pieces are. A step changes few of them, so whoever keeps millions of
// states keeps each piece once.
type Pieces struct {
	cpus, tasks int
	spans       [][]span // for each piece, where it stands in the head of a state
	owner       []uint16 // for each half word of the head, whose it is; nobody's are gaps
}

const nobodys = ^uint16(0)

// span is a run of bytes in State.head.
type span struct{ from, to int }

// PiecesOf divides states of s's shape.
func PiecesOf(s *State) *Pieces {
	head := asBytes(s.head)
	p := &Pieces{cpus: len(s.CPUs), tasks: len(s.Tasks)}
	global := joined(spanOf(head, s.Global, 1), spansOf(head, s.ASIDMap), spansOf(head, s.PinnedMap), spansOf(head, s.wakers))
	p.spans = append(p.spans, global)
	for i := range s.CPUs {
		p.spans = append(p.spans, joined(spanOf(head, &s.CPUs[i], 1), element(head, s.X86, i), element(head, s.ARM64, i), element(head, s.Buffers, i),
			element(head, s.ARM64Regs, i), element(head, s.ARM64Vectors, i), element(head, s.X86Regs, i), element(head, s.X86PerCPUs, i),
			spansOf(head, s.Calls(CPUID(i))), spansOf(head, s.TLB(CPUID(i)))))
	}
	for i := range s.Tasks {
		p.spans = append(p.spans, joined(spanOf(head, &s.Tasks[i], 1),
			element(head, s.ARM64Threads, i), element(head, s.ARM64PtRegs, i), element(head, s.ARM64Users, i),
			element(head, s.ARM64FPThreads, i),
			element(head, s.X86Threads, i), element(head, s.X86Stacks, i), element(head, s.X86Users, i)))
	}
	for i := range s.MMs {
		p.spans = append(p.spans, joined(spanOf(head, &s.MMs[i], 1), spansOf(head, s.MMCPUMask(MMID(i)))))
	}
	p.own(len(s.head))
	return p
}

func (p *Pieces) own(words int) {
	p.owner = make([]uint16, 2*words)
	for i := range p.owner {
		p.owner[i] = nobodys
	}
	for i, spans := range p.spans {
		for _, sp := range spans {
			if sp.from%4 != 0 || sp.to%4 != 0 {
				panic("machine: a piece that does not begin and end with a half word")
			}
			for at := sp.from / 4; at < sp.to/4; at++ {
				p.owner[at] = uint16(i)
			}
		}
	}
}

// element is where s[i] stands; a slice that the shape does not have has no elements.
func element[T any](head []byte, s []T, i int) []span {
	if len(s) == 0 {
		return nil
	}
	return spanOf(head, &s[i], 1)
}

// Len is the number of pieces.
func (p *Pieces) Len() int { return len(p.spans) }

// CPU, Task and MM number the piece of each.
func (p *Pieces) CPU(i CPUID) int   { return 1 + int(i) }
func (p *Pieces) Task(i TaskID) int { return 1 + p.cpus + int(i) }
func (p *Pieces) MM(i MMID) int     { return 1 + p.cpus + p.tasks + int(i) }

// task returns whose stack belongs to piece i, if any.
func (p *Pieces) task(i int) (TaskID, bool) {
	t := i - 1 - p.cpus
	return TaskID(t), t >= 0 && t < p.tasks
}

// Append adds piece i of s to b.
func (p *Pieces) Append(b []byte, s *State, i int) []byte {
	head := asBytes(s.head)
	for _, sp := range p.spans[i] {
		b = append(b, head[sp.from:sp.to]...)
	}
	if t, ok := p.task(i); ok && s.Tasks[t].Depth != 0 {
		b = append(b, asBytes(s.Live(t))...)
	}
	return b
}

// Set makes piece i of s what Append gave.
func (p *Pieces) Set(s *State, i int, b []byte) {
	head := asBytes(s.head)
	for _, sp := range p.spans[i] {
		b = b[copy(head[sp.from:sp.to], b):]
	}
	if t, ok := p.task(i); ok && s.Tasks[t].Depth != 0 {
		copy(asBytes(s.Stack(t)), b)
	}
}

// Is reports whether piece i of s is what Append would give.
func (p *Pieces) Is(s *State, i int, b []byte) bool {
	head := asBytes(s.head)
	for _, sp := range p.spans[i] {
		n := sp.to - sp.from
		if len(b) < n || !bytes.Equal(head[sp.from:sp.to], b[:n]) {
			return false
		}
		b = b[n:]
	}
	if t, ok := p.task(i); ok && s.Tasks[t].Depth != 0 {
		return bytes.Equal(asBytes(s.Live(t)), b)
	}
	return len(b) == 0
}

// Same reports whether piece i is the same in s and o.
func (p *Pieces) Same(s, o *State, i int) bool {
	mine, theirs := asBytes(s.head), asBytes(o.head)
	for _, sp := range p.spans[i] {
		if !bytes.Equal(mine[sp.from:sp.to], theirs[sp.from:sp.to]) {
			return false
		}
	}
	t, ok := p.task(i)
	return !ok || s.Tasks[t].Depth == 0 || bytes.Equal(asBytes(s.Live(t)), asBytes(o.Live(t)))
}

// Changed adds to out, in no order, the pieces that are not the same in s and o, each once. It takes s for what became of
// o since Untouch: stacks that nobody asked for are the same. Seen is for its use, one for each piece and all of them
// false.
func (p *Pieces) Changed(out []int, seen []bool, s, o *State) []int {
	begin := len(out)
	mine := s.head
	theirs := o.head[:len(mine)]
	i := 0
	for ; i+8 <= len(mine); i += 8 {
		m, t := (*[8]uint64)(mine[i:]), (*[8]uint64)(theirs[i:])
		if (m[0]^t[0])|(m[1]^t[1])|(m[2]^t[2])|(m[3]^t[3])|(m[4]^t[4])|(m[5]^t[5])|(m[6]^t[6])|(m[7]^t[7]) == 0 {
			continue
		}
		for k := range m {
			if differ := m[k] ^ t[k]; differ != 0 {
				out = p.mark(out, seen, i+k, differ)
			}
		}
	}
	for ; i < len(mine); i++ {
		if differ := mine[i] ^ theirs[i]; differ != 0 {
			out = p.mark(out, seen, i, differ)
		}
	}
	for t := range s.Tasks {
		if s.Tasks[t].Depth == 0 || !s.Touched(TaskID(t)) {
			continue
		}
		if i := 1 + p.cpus + t; !seen[i] && !bytes.Equal(asBytes(s.Live(TaskID(t))), asBytes(o.Live(TaskID(t)))) {
			out = append(out, i)
		}
	}
	for _, i := range out[begin:] {
		seen[i] = false
	}
	return out
}

// mark adds whose the bits of word i are that differ.
func (p *Pieces) mark(out []int, seen []bool, i int, differ uint64) []int {
	if own := p.owner[2*i]; uint32(differ) != 0 && own != nobodys && !seen[own] {
		out, seen[own] = append(out, int(own)), true
	}
	if own := p.owner[2*i+1]; differ>>32 != 0 && own != nobodys && !seen[own] {
		out, seen[own] = append(out, int(own)), true
	}
	return out
}

// Copy makes s what o is, from which it differs in these pieces at most.
func (p *Pieces) Copy(s, o *State, pieces []int) {
	copy(s.head, o.head) // one long copy takes less than several short ones
	for _, i := range pieces {
		if t, ok := p.task(i); ok && s.Tasks[t].Depth != 0 {
			copy(s.Stack(t), o.Live(t))
		}
	}
}
