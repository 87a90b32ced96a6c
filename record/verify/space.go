package verify

import (
	"switchyard/machine"
	"switchyard/record/tape"
)

// space is an address space of the recording, and which of the machine's it is.
type space struct {
	name tape.MMID
	id   machine.MMID
	born uint32 // its serial in the machine, by which a slot that was used again is known
	ctx  uint64 // x86 context.ctx_id, by which a number that was used again is known

	tearing   bool  // it has no users, and its mappings are not known to be gone
	exiting   int32 // tasks that have begun to exit and still have it
	leaving   int32 // tasks that were seen without it and may still count as its users
	disturbed bool  // an event that changed its counts may be lost

	khugepaged khugepaged
	latest     [facts]int32 // by how much each count was off when it was last seen
	since      uint16       // operations on it since its count was last right
	pending    []*doubt
}

// khugepaged is what it does with an address space.
type khugepaged uint8

const (
	ignores khugepaged = iota
	mayTake
	holds
	gaveBack
)

// lookUp finds the machine's address space for one that was seen, and takes it over as it is if it is new.
func (r *run) lookUp(v *tape.MM) (*space, error) {
	if v.ID == tape.NoMM {
		return nil, nil
	}
	if s := r.spaces[v.ID]; s != nil && r.same(s, v) {
		return s, nil
	}
	id := machine.InitMM
	if v.ID != tape.InitMM {
		var err error
		if id, err = r.freeMM(); err != nil {
			return nil, err
		}
		if err := r.m.Enter(0, "mm_init", machine.Frame{MM: id}); err != nil {
			return nil, err
		}
	}
	mm := &r.m.S.MMs[id]
	mm.Tasks, mm.ExtUsers, mm.ExtCount = 0, mm.Users, mm.Count-1
	if v.Users == 0 {
		mm.Alive &^= machine.HasTables
	}
	return r.bind(v, id), nil
}

// same tells whether the space of that number is still the same address space.
func (r *run) same(s *space, v *tape.MM) bool {
	if mm := &r.m.S.MMs[s.id]; mm.Serial != s.born || mm.Alive == 0 {
		return false
	}
	return r.arm || v.Ctx == 0 || s.ctx == v.Ctx
}

// bind names an address space of the machine, and takes over what is known of it when it is first seen: an old one's
// counts; a new one's references that were taken before it could be seen, as khugepaged's are in fork.
func (r *run) bind(v *tape.MM, id machine.MMID) *space {
	if old := r.spaces[v.ID]; old != nil {
		r.bury(old)
	}
	mm := &r.m.S.MMs[id]
	s := &space{name: v.ID, id: id, born: mm.Serial, ctx: v.Ctx}
	if r.thp && id != machine.InitMM {
		s.khugepaged = mayTake
		if mm.Tasks > 0 && v.Count == mm.Count+1 {
			s.khugepaged = holds
		}
	}
	mm.ExtUsers += v.Users - mm.Users
	mm.ExtCount += v.Count - mm.Count
	mm.Users, mm.Count = v.Users, v.Count
	if r.arm {
		mm.ContextID = v.Ctx
		r.seenASID(v.Ctx)
	} else {
		mm.TLBGen = v.Gen
	}
	r.spaces[v.ID] = s
	for len(r.names) <= int(id) {
		r.names = append(r.names, nil)
	}
	r.names[id] = s
	if !r.arm {
		r.recognize(s)
	}
	return s
}

// bury frees an address space whose number is another's by now: the kernel has freed it, after somebody unseen gave the
// last reference back.
func (r *run) bury(s *space) {
	if mm := &r.m.S.MMs[s.id]; mm.Serial != s.born || mm.Alive == 0 {
		return
	}
	for i := range r.m.S.CPUs {
		c := &r.m.S.CPUs[i]
		if c.Root == s.id || r.m.S.Tasks[c.Curr].ActiveMM == s.id {
			return
		}
	}
	r.m.S.MMs[s.id].Alive = 0
}

// named is the space of one of the machine's address spaces.
func (r *run) named(id machine.MMID) *space {
	if id < 0 || int(id) >= len(r.names) {
		return nil
	}
	if s := r.names[id]; s != nil && s.born == r.m.S.MMs[id].Serial {
		return s
	}
	return nil
}
