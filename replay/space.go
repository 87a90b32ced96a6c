package replay

import (
	"switchyard/machine"
	"switchyard/trace"
)

// space is what is kept about an address space beside the machine's mm_struct.
type space struct {
	pid  int32 // of the process that had it first
	comm trace.CommName

	switches uint64 // times a task of it got a CPU
	loads    uint64 // times its root was loaded for one
	since    uint64 // when it lost its last user
	orphan   bool   // it has lost it
}

// nameSpace begins the account of an address space that was just made.
func (r *run) nameSpace(mm machine.MMID, t *task) {
	r.mms[mm] = space{pid: t.group(), comm: t.comm}
}

// lostUser looks whether mm, which a task has just given up, outlives its last user.
func (r *run) lostUser(mm machine.MMID) {
	if mm == machine.NoMM || mm == machine.InitMM {
		return
	}
	s, m := &r.mms[mm], &r.m.S.MMs[mm]
	if m.Users != 0 || s.orphan {
		return
	}
	if m.Alive == 0 {
		r.endSpace(mm)
		return
	}
	s.orphan, s.since = true, r.now
	r.orphans = append(r.orphans, mm)
	r.outlived.Count++
}

// buryOrphans looks which of the address spaces without users are gone. holder gave the last reference back.
func (r *run) buryOrphans(holder int32) {
	r.freed = r.m.Stats.MMsFreed
	left := r.orphans[:0]
	for _, mm := range r.orphans {
		if r.m.S.MMs[mm].Alive != 0 {
			left = append(left, mm)
			continue
		}
		r.outlived.end(r.now-min(r.now, r.mms[mm].since), r.holderName(holder))
		r.endSpace(mm)
	}
	r.orphans = left
}

func (r *run) endSpace(mm machine.MMID) {
	r.topSpaces.add(r.mms[mm].summary())
	r.mms[mm] = space{}
}

// Outlived is about address spaces that went on existing without a user: a task that runs without an
// address space of its own had theirs loaded.
type Outlived struct {
	Count   uint64 // how many there were
	Ended   uint64 // how many of them were freed in the recording
	Total   uint64 // ns that those lasted
	Longest uint64
	Holders []Holder // who let go last, the most frequent first
}

// Holder is a task, or all tasks of one kind, that let go of address spaces last.
type Holder struct {
	Who   string
	Count uint64
	Total uint64 // ns
}

func (o *Outlived) end(lasted uint64, holder string) {
	o.Ended++
	o.Total += lasted
	o.Longest = max(o.Longest, lasted)
	for i := range o.Holders {
		if h := &o.Holders[i]; h.Who == holder {
			h.Count++
			h.Total += lasted
			return
		}
	}
	o.Holders = append(o.Holders, Holder{holder, 1, lasted})
}

// holderName puts tasks together that would each fill a line.
func (r *run) holderName(i int32) string {
	t := &r.tasks[i]
	switch {
	case t.kind == idleTask:
		return "the idle task"
	case t.dead || t.exited:
		return "the exiting task itself"
	case t.kind == kernelTask:
		return t.comm.String()
	}
	return "user tasks"
}
