package check

import "fmt"

// room sees to it that each worker can go on from a state, as far as memory allows.
func (s *search) room(d int) (stopped string) {
	v := s.seen
	for {
		used := s.used()
		s.peak.Store(max(s.peak.Load(), used))
		s.limit = min(uint64(full(len(v.table))), maxStates)
		if s.opt.Memory > 0 {
			s.limit = min(s.limit, uint64(v.next.Load())+uint64(max(0, s.bound()-used)/s.perState()))
		}
		if uint64(v.next.Load())+s.margin() <= s.limit {
			return ""
		}
		if s.limit == maxStates {
			return "there are more states than can be numbered"
		}
		if need := used + 2*8*int64(len(v.table)); s.opt.Memory == 0 || need <= s.bound() {
			v.grow(s.parts)
			continue
		} else if s.opt.Spill == "" || v.next.Load() == 0 {
			return fmt.Sprintf("the next states would need %d MiB, and %d MiB are allowed", need>>20, s.opt.Memory>>20)
		}
		if s.disk == nil {
			return s.spill(d)
		}
		if err := s.shelve(true); err != nil {
			return s.diskSays(err)
		}
	}
}

// bound is what may be used. What the store on disk will need is left until there is one.
func (s *search) bound() int64 {
	if s.opt.Spill != "" && s.disk == nil {
		return s.opt.Memory - diskMemory(s.opt.Memory)
	}
	return s.opt.Memory
}

// used is the memory that is taken now.
func (s *search) used() int64 {
	used := s.seen.bytes()
	if s.disk != nil {
		used += s.disk.memory
	}
	return used
}

// perState is the memory that one state more takes, beside its place in the table.
func (s *search) perState() int64 {
	if s.disk != nil {
		return s.seen.record() + s.lookedUp()
	}
	return s.seen.record()
}

// margin is how many records may be taken before a worker next looks whether there are any.
func (s *search) margin() uint64 {
	return uint64(len(s.workers)) * uint64(s.mostWays.Load()+pending+2*taken)
}
